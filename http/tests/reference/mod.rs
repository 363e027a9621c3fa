//! What a server must make of a byte string, written for clearness: all of it is there, lines are lines, and what is wrong is
//! collected.

use std::collections::BTreeSet;

/// What a client gets for one request.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Expected {
    /// This response, byte for byte.
    Response(Vec<u8>),
    /// One of these statuses, and the end of the connection.
    Refused(BTreeSet<u16>),
}

/// What the service of the model answers: what it has seen of the request.
pub(crate) fn echo(
    method: &str,
    target: &str,
    host: &str,
    minor: u8,
    headers: usize,
    body: &[u8],
) -> Vec<u8> {
    let head = format!("{method} {target} {host} {minor} {headers} ");
    [head.as_bytes(), body].concat()
}

/// All that a client gets that sends `input` and then ends its side.
pub(crate) fn answers(input: &[u8]) -> Vec<Expected> {
    let mut answers = Vec::new();
    let mut rest = input;
    loop {
        while let Some(after) = rest.strip_prefix(b"\r\n") {
            rest = after;
        }
        if rest.is_empty() {
            return answers;
        }
        match request(&mut rest) {
            Ok((response, goes_on)) => {
                answers.push(Expected::Response(response));
                if !goes_on {
                    return answers;
                }
            }
            Err(statuses) => {
                answers.push(Expected::Refused(statuses));
                return answers;
            }
        }
    }
}

type Statuses = BTreeSet<u16>;

fn one(status: u16) -> Statuses {
    [status].into()
}

fn is_token(text: &[u8]) -> bool {
    let permitted = |byte: &u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(byte);
    !text.is_empty() && text.iter().all(permitted)
}

fn is_value(text: &[u8]) -> bool {
    text.iter().all(|byte| *byte == b'\t' || (0x20..0x7f).contains(byte) || *byte >= 0x80)
}

/// The next line, without its CR LF.
fn line<'i>(rest: &mut &'i [u8]) -> Result<&'i [u8], Statuses> {
    let end = rest.iter().position(|byte| *byte == b'\n').ok_or_else(|| one(400))?;
    let line = rest[..end].strip_suffix(b"\r").ok_or_else(|| one(400))?;
    *rest = &rest[end + 1..];
    Ok(line)
}

/// The response to the request at the beginning of `rest`, and whether another request may follow.
fn request(rest: &mut &[u8]) -> Result<(Vec<u8>, bool), Statuses> {
    let mut lines = Vec::new();
    loop {
        let line = line(rest)?;
        if line.is_empty() {
            break;
        }
        lines.push(line);
    }
    let mut wrong = Statuses::new();

    let words: Vec<&[u8]> = lines[0].split(|byte| *byte == b' ').collect();
    let [method, target, version] = words[..] else {
        // The words may be wrong in other ways, too.
        let may_be_505 = words.get(2).is_some_and(|word| word.starts_with(b"HTTP/"));
        return Err(if may_be_505 { [400, 505].into() } else { one(400) });
    };
    let minor = match version {
        b"HTTP/1.0" => 0,
        b"HTTP/1.1" => 1,
        [b'H', b'T', b'T', b'P', b'/', b'0'..=b'9', b'.', b'0'..=b'9', ..] => {
            wrong.insert(505);
            wrong.insert(400);
            2
        }
        _ => return Err(one(400)),
    };
    if minor < 2 && version.len() != 8 || !is_token(method) {
        wrong.insert(400);
    }
    let Ok(target) = std::str::from_utf8(target) else { return Err([400, 505].into()) };
    if target.is_empty() || !target.bytes().all(|byte| byte > b' ' && byte != 0x7f) {
        wrong.insert(400);
    }
    let mut headers: Vec<(String, &[u8])> = Vec::new();
    for line in &lines[1..] {
        let Some(colon) = line.iter().position(|byte| *byte == b':') else {
            wrong.insert(400);
            continue;
        };
        let (name, value) = (&line[..colon], &line[colon + 1..]);
        if !is_token(name) || !is_value(value) {
            wrong.insert(400);
        }
        let name = String::from_utf8_lossy(name).to_ascii_lowercase();
        headers.push((name, value.trim_ascii_with(b" \t")));
    }
    if !wrong.is_empty() {
        return Err(wrong);
    }

    let all = |name: &str| -> Vec<&[u8]> {
        headers.iter().filter(|(other, _)| other == name).map(|(_, value)| *value).collect()
    };
    let method = String::from_utf8_lossy(method).into_owned();
    if method == "CONNECT" {
        wrong.insert(501);
    }
    let hosts = all("host");
    if hosts.len() > 1 || hosts.is_empty() && minor == 1 {
        wrong.insert(400);
    }
    let is_host = |host: &[u8]| {
        host.iter()
            .all(|byte| byte.is_ascii_alphanumeric() || b".-:_~!$&'()*+,;=%[]".contains(byte))
    };
    if !hosts.iter().all(|host| is_host(host)) {
        wrong.insert(400);
    }
    let mut host = hosts.first().map(|host| String::from_utf8_lossy(host)).unwrap_or_default();
    if target.contains('#') || !target.is_ascii() {
        wrong.insert(400);
    }
    if !(target.starts_with('/') || target == "*" && method == "OPTIONS") {
        let lower = target.to_ascii_lowercase();
        let scheme = ["http://", "https://"].into_iter().find(|scheme| lower.starts_with(scheme));
        match scheme.map(|scheme| &target[scheme.len()..]) {
            Some(rest) => {
                let authority = rest.split(['/', '?']).next().unwrap_or_default();
                if authority.is_empty() || !is_host(authority.as_bytes()) {
                    wrong.insert(400);
                }
                host = authority.into();
            }
            None => _ = wrong.insert(400),
        }
    }
    let mut expects = false;
    for value in all("expect") {
        expects = minor == 1;
        if !value.eq_ignore_ascii_case(b"100-continue") {
            wrong.insert(417);
        }
    }
    let (lengths, codings) = (all("content-length"), all("transfer-encoding"));
    let length = match lengths[..] {
        [] => None,
        [length] if !length.is_empty() && length.iter().all(u8::is_ascii_digit) => {
            match String::from_utf8_lossy(length).parse::<u64>() {
                Ok(length) => Some(length),
                Err(_) => {
                    wrong.insert(400);
                    None
                }
            }
        }
        _ => {
            wrong.insert(400);
            None
        }
    };
    if !codings.is_empty() {
        if codings.len() > 1 || !codings[0].eq_ignore_ascii_case(b"chunked") {
            wrong.insert(400);
            if codings.iter().any(|coding| coding.to_ascii_lowercase().ends_with(b"chunked")) {
                wrong.insert(501);
            }
        }
        if !lengths.is_empty() || minor == 0 {
            wrong.insert(400);
        }
    }
    if length.is_some_and(|length| length > 1 << 20) {
        wrong.insert(413);
    }
    if !wrong.is_empty() {
        return Err(wrong);
    }

    let mut response = Vec::new();
    if expects && (length.is_some_and(|length| length > 0) || !codings.is_empty()) {
        response.extend_from_slice(b"HTTP/1.1 100 Continue\r\n\r\n");
    }
    let body = match length {
        _ if !codings.is_empty() => chunks(rest),
        Some(length) if length > 1 << 16 => Err(one(413)),
        Some(length) if length > rest.len() as u64 => Err(one(400)),
        Some(length) => {
            let (body, after) = rest.split_at(length as usize);
            *rest = after;
            Ok(body.to_vec())
        }
        None => Ok(Vec::new()),
    };
    // The client is told to go on, and then that it was wrong; this model has no word for both.
    let body = match body {
        Err(_) if !response.is_empty() && length.is_none_or(|length| length <= 1 << 16) => {
            return Err(one(100));
        }
        body => body?,
    };

    let options: Vec<String> = all("connection")
        .iter()
        .flat_map(|value| value.split(|byte| *byte == b','))
        .map(|option| String::from_utf8_lossy(option.trim_ascii_with(b" \t")).to_ascii_lowercase())
        .collect();
    let has = |option: &str| options.iter().any(|one| one == option);
    let goes_on = !has("close") && (minor == 1 || has("keep-alive"));
    let text = echo(&method, target, &host, minor, headers.len(), &body);
    let connection = match (goes_on, minor) {
        (false, _) => "Connection: close\r\n",
        (true, 0) => "Connection: keep-alive\r\n",
        (true, _) => "",
    };
    let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n{connection}\r\n", text.len());
    response.extend_from_slice(head.as_bytes());
    if method != "HEAD" {
        response.extend_from_slice(&text);
    }
    Ok((response, goes_on))
}

/// The body that is sent in chunks at the beginning of `rest`.
fn chunks(rest: &mut &[u8]) -> Result<Vec<u8>, Statuses> {
    let mut body = Vec::new();
    loop {
        let line = line(rest)?;
        let (size, extension) = match line.iter().position(|byte| *byte == b';') {
            Some(at) => (line[..at].trim_ascii_end_with(b" \t"), &line[at + 1..]),
            None => (line, &b""[..]),
        };
        if size.is_empty() || size.len() > 16 || !size.iter().all(u8::is_ascii_hexdigit) {
            return Err(one(400));
        }
        if !is_value(extension) {
            return Err(one(400));
        }
        let size = u64::from_str_radix(&String::from_utf8_lossy(size), 16).unwrap();
        if size == 0 {
            break;
        }
        if size > rest.len() as u64 {
            return Err(one(400));
        }
        let (data, after) = rest.split_at(size as usize);
        body.extend_from_slice(data);
        *rest = after.strip_prefix(b"\r\n").ok_or_else(|| one(400))?;
    }
    loop {
        let line = line(rest)?;
        if line.is_empty() {
            return Ok(body);
        }
        let colon = line.iter().position(|byte| *byte == b':').ok_or_else(|| one(400))?;
        if !is_token(&line[..colon]) || !is_value(&line[colon + 1..]) {
            return Err(one(400));
        }
    }
}

/// Trimming of chosen bytes.
trait Trim {
    fn trim_ascii_end_with(&self, bytes: &[u8]) -> &[u8];
    fn trim_ascii_with(&self, bytes: &[u8]) -> &[u8];
}

impl Trim for [u8] {
    fn trim_ascii_end_with(&self, bytes: &[u8]) -> &[u8] {
        let end = self.iter().rposition(|byte| !bytes.contains(byte)).map_or(0, |last| last + 1);
        &self[..end]
    }

    fn trim_ascii_with(&self, bytes: &[u8]) -> &[u8] {
        let start = self.iter().position(|byte| !bytes.contains(byte)).unwrap_or(self.len());
        self[start..].trim_ascii_end_with(bytes)
    }
}
