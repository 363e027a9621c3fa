//! The head of a request: the request line and the fields.

use httparse::Error;
use rt_regions::Region;

use crate::{
    Headers, Method,
    fault::{Fault, Memory, note},
    framing,
    framing::Framing,
    text::is_host,
};

/// A head as it came, whole, and how many fields it has.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RawHead<'r> {
    pub(crate) bytes: &'r [u8],
    pub(crate) fields: usize,
}

/// A valid head of a request.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RequestHead<'r> {
    pub(crate) method: Method,
    pub(crate) method_name: &'r str,
    pub(crate) target: &'r str,
    pub(crate) path: &'r str,
    pub(crate) query: Option<&'r str>,
    /// ASCII.
    pub(crate) host: &'r [u8],
    /// The version is 1 and this.
    pub(crate) minor: u8,
    pub(crate) fields: Headers<'r>,
    pub(crate) framing: Framing<'r>,
}

/// Parses and checks the head of a request (RFC 9112 3, 5).
pub(crate) fn parse<'r>(
    raw: RawHead<'r>,
    region: &'r Region<'_>,
    memory: &Memory,
) -> Result<&'r RequestHead<'r>, Fault> {
    let room = note(region.alloc_uninit(raw.fields), memory)?;
    let mut parsed = httparse::Request::new(&mut []);
    match parsed.parse_with_uninit_headers(raw.bytes, room) {
        Ok(httparse::Status::Complete(length)) if length == raw.bytes.len() => {}
        Ok(_) => return Err(Fault::Line),
        Err(error) => return Err(malformed(error, raw.bytes)),
    }
    let (Some(name), Some(target), Some(minor)) = (parsed.method, parsed.path, parsed.version)
    else {
        return Err(Fault::Line);
    };
    let fields = Headers(parsed.headers);
    let framing = framing::framing(fields, minor)?;
    let method = Method::named(name);
    if method == Method::Connect {
        return Err(Fault::Connect);
    }
    let target_parts = Target::parse(target, method)?;
    let host = match framing.host {
        Some(host) => host,
        // RFC 9112 3.2.
        None if minor > 0 => {
            return Err(Fault::NoHost);
        }
        None => b"",
    };
    check_host(host)?;
    // RFC 9112 3.2.2: the host of the target comes before the one of the field.
    let host = match target_parts.host {
        Some(host) => {
            check_host(host.as_bytes())?;
            host.as_bytes()
        }
        None => host,
    };
    let Target { path, query, .. } = target_parts;
    let head = RequestHead {
        method,
        method_name: name,
        target,
        path,
        query,
        host,
        minor,
        fields,
        framing,
    };
    note(region.alloc(head), memory).map(|head| &*head)
}

/// A valid head of a response.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ReplyHead<'r> {
    pub(crate) status: u16,
    pub(crate) fields: Headers<'r>,
    pub(crate) framing: Framing<'r>,
}

/// Parses and checks the head of a response (RFC 9112 4, 5).
pub(crate) fn parse_reply<'r>(
    raw: RawHead<'r>,
    region: &'r Region<'_>,
    memory: &Memory,
) -> Result<ReplyHead<'r>, Fault> {
    let room = note(region.alloc_uninit(raw.fields), memory)?;
    let mut parsed = httparse::Response::new(&mut []);
    let config = httparse::ParserConfig::default();
    match config.parse_response_with_uninit_headers(&mut parsed, raw.bytes, room) {
        Ok(httparse::Status::Complete(length)) if length == raw.bytes.len() => {}
        Ok(_) => return Err(Fault::Line),
        Err(error) => return Err(malformed(error, raw.bytes)),
    }
    let (Some(status @ 100..), Some(minor)) = (parsed.code, parsed.version) else {
        return Err(Fault::Line);
    };
    let fields = Headers(parsed.headers);
    Ok(ReplyHead { status, fields, framing: framing::framing(fields, minor)? })
}

/// What is wrong with a head that could not be parsed.
#[cold]
pub(crate) fn malformed(error: Error, head: &[u8]) -> Fault {
    match error {
        Error::TooManyHeaders => Fault::LargeHead,
        Error::Version if has_other_version(head) => Fault::Version,
        Error::HeaderName => Fault::Name,
        Error::HeaderValue => Fault::Value,
        Error::NewLine => Fault::NewLine,
        Error::Version | Error::Token | Error::Status => Fault::Line,
    }
}

/// Whether the first line has three words, and the last one is a version such as `HTTP/2.0`.
fn has_other_version(head: &[u8]) -> bool {
    let line = head.split(|byte| *byte == b'\r').find(|line| line.len() > 1).unwrap_or_default();
    let mut words = line.split(|byte| *byte == b' ').skip(2);
    let version = words.next().unwrap_or_default();
    words.next().is_none()
        && !matches!(version, b"HTTP/1.0" | b"HTTP/1.1")
        && matches!(version, [b'H', b'T', b'T', b'P', b'/', b'0'..=b'9', b'.', b'0'..=b'9'])
}

/// The parts of a request target (RFC 9112 3.2).
struct Target<'r> {
    host: Option<&'r str>,
    path: &'r str,
    query: Option<&'r str>,
}

impl<'r> Target<'r> {
    fn parse(target: &'r str, method: Method) -> Result<Self, Fault> {
        if target.bytes().any(|byte| byte == b'#' || byte >= 0x80) {
            return Err(Fault::Target);
        }
        let (host, rest) = match target.as_bytes() {
            [b'/', ..] => (None, target),
            // Of the server itself.
            b"*" if method == Method::Options => (None, target),
            _ => {
                let (host, rest) = absolute(target).ok_or(Fault::Target)?;
                (Some(host), rest)
            }
        };
        let (path, query) = layer::split::split_once(rest, b'?');
        Ok(Self { host, path: if path.is_empty() { "/" } else { path }, query })
    }
}

/// The authority of a target in absolute form, and what follows it.
fn absolute(target: &str) -> Option<(&str, &str)> {
    let (scheme, rest) = layer::split::split_once(target, b':');
    if !scheme.eq_ignore_ascii_case("http") && !scheme.eq_ignore_ascii_case("https") {
        return None;
    }
    let rest = rest?.strip_prefix("//")?;
    let end = rest.bytes().position(|byte| matches!(byte, b'/' | b'?')).unwrap_or(rest.len());
    let (host, rest) = rest.split_at_checked(end)?;
    // RFC 9110 4.2.1.
    (!host.is_empty()).then_some((host, rest))
}

/// A host with or without a port, as far as its characters show. An empty one is permitted: the target has no authority.
fn check_host(host: &[u8]) -> Result<(), Fault> {
    if host.iter().copied().all(is_host) {
        return Ok(());
    }
    Err(Fault::Host)
}
