//! Whether a request goes over UDP or over TCP, and what is sent over TCP.

use std::{
    io::{ErrorKind, Read as _, Write as _},
    net::{Ipv4Addr, Shutdown, SocketAddr, SocketAddrV4, TcpStream},
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail, ensure};
use lab::REPLY_WITHIN;

/// How long a connection is waited for before something else is looked at.
const LOOK: Duration = Duration::from_millis(50);
/// The longest reply that is taken over TCP, in bytes.
const LONGEST_REPLY: usize = 64 << 20;

/// How a port of a service is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Transport {
    Udp,
    Tcp,
}

impl Transport {
    /// That of this port, by the line in which a service says what it serves:
    /// `serving udp 53 tcp 80 443 counters 9100 at 10.0.0.2/24 on tap0 ...`. UDP, if it serves the port on both or on none.
    pub(super) fn of(port: u16, lines: &[String]) -> Self {
        let line = lines.iter().find(|line| lab::is_serving(line)).map_or("", String::as_str);
        let mut kind = "";
        let mut is_on = [false; 2];
        for word in line.split(' ').skip(1).take_while(|word| *word != "at") {
            match word.parse::<u16>() {
                Ok(found) => {
                    is_on[0] |= found == port && kind == "udp";
                    is_on[1] |= found == port && kind == "tcp";
                }
                Err(_) => kind = word,
            }
        }
        if is_on == [false, true] { Self::Tcp } else { Self::Udp }
    }

    /// What is typed on another terminal to reach the port.
    pub(super) fn command(self, address: Ipv4Addr, port: u16) -> String {
        match self {
            Self::Udp => format!("nc -u {address} {port}"),
            Self::Tcp => format!("curl http://{address}:{port}/"),
        }
    }

    /// Its name.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Udp => "UDP",
            Self::Tcp => "TCP",
        }
    }

    /// What a line of the prompt is.
    pub(super) fn help(self) -> &'static str {
        match self {
            Self::Udp => "each line is a request",
            Self::Tcp => {
                "a line that begins with / is a path of HTTP, which is asked for; POST /PATH BODY sends a body; \
                 any other line is sent as it is"
            }
        }
    }
}

/// What is sent over TCP for a line: a request of HTTP, if it is a path or a method and a path, or else the line.
pub(super) fn message(line: &[u8], address: Ipv4Addr) -> Vec<u8> {
    let Some((method, path, body)) = parts(line) else { return line.to_vec() };
    // A reply to HTTP/1.0 ends with the connection, and is in no chunks.
    let mut message = format!("{method} {path} HTTP/1.0\r\nHost: {address}\r\n").into_bytes();
    if !(body.is_empty() && matches!(method, "GET" | "HEAD")) {
        message.extend(format!("Content-Length: {}\r\n", body.len()).bytes());
    }
    message.extend_from_slice(b"\r\n");
    message.extend_from_slice(body);
    message
}

/// Method, path and body of a line that is meant to be a request of HTTP.
fn parts(line: &[u8]) -> Option<(&str, &str, &[u8])> {
    let split = |bytes: &'_ [u8]| bytes.iter().position(|byte| *byte == b' ');
    let text = |bytes| str::from_utf8(bytes).ok();
    let (method, rest) = match line {
        [b'/', ..] => ("GET", line),
        _ => {
            let (method, rest) = line.split_at(split(line)?);
            (text(method)?, rest.get(1..)?)
        }
    };
    let is_method = !method.is_empty() && method.bytes().all(|byte| byte.is_ascii_uppercase());
    let (path, body) = rest.split_at(split(rest).unwrap_or(rest.len()));
    let is_path = path.starts_with(b"/") && path.iter().all(u8::is_ascii_graphic);
    let body = body.get(1..).unwrap_or_default();
    (is_method && is_path).then_some((method, text(path)?, body))
}

/// The line of status and the body of a reply of HTTP; of any other reply, no line and all of it.
pub(super) fn split(reply: &[u8]) -> (Option<String>, &[u8]) {
    const END: &[u8] = b"\r\n\r\n";
    let end = reply.windows(END.len()).position(|bytes| bytes == END);
    match end {
        Some(end) if reply.starts_with(b"HTTP/1.") => {
            let (head, body) = reply.split_at(end + END.len());
            let head = String::from_utf8_lossy(head);
            (head.lines().next().map(str::to_owned), body)
        }
        _ => (None, reply),
    }
}

/// Sends a message on a connection of its own, and returns all that comes until the end of that, which may take until the
/// limit, if there is one. `watch` is called meanwhile.
///
/// # Errors
/// Nothing is bound to the port, the connection breaks or does not end in time, or `watch` fails.
pub(super) fn exchange(
    to: SocketAddrV4,
    message: &[u8],
    limit: Option<Duration>,
    mut watch: impl FnMut() -> Result<()>,
) -> Result<Vec<u8>> {
    let deadline = limit.map(|limit| (limit, Instant::now() + limit));
    let mut stream = match TcpStream::connect_timeout(&SocketAddr::V4(to), REPLY_WITHIN) {
        Ok(stream) => stream,
        Err(error) if error.kind() == ErrorKind::ConnectionRefused => {
            bail!("connection refused: nothing is bound to TCP port {}", to.port())
        }
        Err(error) => return Err(error).context("no reply"),
    };
    stream.set_read_timeout(Some(LOOK))?;
    stream.set_write_timeout(Some(REPLY_WITHIN))?;
    stream.write_all(message).context("cannot send the request")?;
    stream.shutdown(Shutdown::Write).context("cannot send the end of the request")?;
    let (mut reply, mut room) = (Vec::new(), vec![0; 1 << 16]);
    loop {
        match stream.read(&mut room) {
            Ok(0) => return Ok(reply),
            Ok(length) => reply.extend_from_slice(room.get(..length).unwrap_or_default()),
            Err(error) => match error.kind() {
                ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted => {}
                _ => return Err(error).context("the reply breaks off"),
            },
        }
        watch()?;
        ensure!(
            reply.len() <= LONGEST_REPLY,
            "the reply is longer than {LONGEST_REPLY} bytes; curl takes it"
        );
        if let Some((limit, deadline)) = deadline {
            ensure!(
                Instant::now() < deadline,
                "the reply does not end within {} seconds; {} bytes came",
                limit.as_secs(),
                reply.len()
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{net::TcpListener, thread};

    use super::*;

    const ADDRESS: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 2);

    #[test]
    fn the_line_of_a_service_says_which() {
        let line = "serving udp 53 8080 tcp 80 8080 counters 9100 at 10.0.0.2/24 on tap0 02:00:0a:00:00:02";
        let lines = ["memory 1 MiB".to_owned(), line.into()];
        for (port, transport) in [
            (53, Transport::Udp),
            (80, Transport::Tcp),
            (8080, Transport::Udp),
            (9100, Transport::Udp),
            (7, Transport::Udp),
        ] {
            assert_eq!(Transport::of(port, &lines), transport, "{port}");
        }
        assert_eq!(Transport::of(80, &[]), Transport::Udp);
    }

    #[test]
    fn paths_are_requests_and_the_rest_is_sent_as_it_is() {
        let sent = |line: &str| String::from_utf8(message(line.as_bytes(), ADDRESS)).unwrap();
        assert_eq!(sent("/fib/20"), "GET /fib/20 HTTP/1.0\r\nHost: 10.0.0.2\r\n\r\n");
        assert_eq!(sent("HEAD /"), "HEAD / HTTP/1.0\r\nHost: 10.0.0.2\r\n\r\n");
        assert_eq!(
            sent("POST /sort [3, 1]"),
            "POST /sort HTTP/1.0\r\nHost: 10.0.0.2\r\nContent-Length: 6\r\n\r\n[3, 1]"
        );
        assert_eq!(
            sent("DELETE /a"),
            "DELETE /a HTTP/1.0\r\nHost: 10.0.0.2\r\nContent-Length: 0\r\n\r\n"
        );
        for line in ["hello", "hello /you", "GET you", " /", "", "POST", "POST "] {
            assert_eq!(sent(line), line);
        }
    }

    #[test]
    fn the_head_of_a_reply_is_no_part_of_it() {
        let reply = b"HTTP/1.1 404 Not Found\r\nDate: now\r\n\r\nno\r\n\r\n";
        let (status, body) = split(reply);
        assert_eq!((status.as_deref(), body), (Some("HTTP/1.1 404 Not Found"), &b"no\r\n\r\n"[..]));
        assert_eq!(split(b"a\r\n\r\nb"), (None, &b"a\r\n\r\nb"[..]));
    }

    #[test]
    fn a_reply_ends_with_its_connection() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let SocketAddr::V4(at) = listener.local_addr().unwrap() else { panic!("no IPv4") };
        thread::scope(|scope| {
            scope.spawn(|| {
                let (mut stream, _) = listener.accept().unwrap();
                let mut request = Vec::new();
                stream.read_to_end(&mut request).unwrap();
                stream.write_all(&request).unwrap();
                thread::sleep(LOOK * 2);
                stream.write_all(b" and more").unwrap();
            });
            let mut looks = 0;
            let watch = || {
                looks += 1;
                Ok(())
            };
            assert_eq!(exchange(at, b"this", Some(REPLY_WITHIN), watch).unwrap(), b"this and more");
            assert!(looks > 1, "{looks}");
        });
        drop(listener);
        let error = exchange(at, b"this", None, || Ok(())).unwrap_err().to_string();
        assert!(error.contains("nothing is bound to TCP port"), "{error}");
    }
}
