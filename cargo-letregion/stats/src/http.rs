//! A small HTTP server with one page, for Prometheus.

use std::{
    io::{self, ErrorKind, Read as _, Write as _},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::Mutex,
    thread,
    time::{Duration, Instant},
};

use crate::CONTENT_TYPE;

/// How many connections are served at once; others wait in the queue of the kernel.
const THREADS: usize = 4;
/// How long a client may take for its request, and how long for reading the response.
const CLIENT_TIMEOUT: Duration = Duration::from_secs(5);
/// The longest request with its headers, in bytes.
const LONGEST_REQUEST: usize = 8 << 10;
/// The most headers of a request.
const MOST_HEADERS: usize = 64;
/// How long a page is good for: no client makes us ask the service more often.
const FRESH: Duration = Duration::from_secs(1);

/// A server of one page, `/metrics`.
#[derive(Debug)]
pub struct Server {
    listener: TcpListener,
}

/// A response.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Response {
    status: &'static str,
    content_type: &'static str,
    body: String,
    /// Whether the client wants the headers alone.
    is_head: bool,
}

impl Server {
    /// Listens at `address`.
    ///
    /// # Errors
    /// Those of the operating system.
    pub fn bind(address: SocketAddr) -> io::Result<Self> {
        Ok(Self { listener: TcpListener::bind(address)? })
    }

    /// Where it listens.
    ///
    /// # Errors
    /// Those of the operating system.
    pub fn address(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Serves `page` for ever, four clients at a time. It is called at most once a second, and by one thread at a time.
    pub fn run(&self, page: impl FnMut() -> String + Send) -> ! {
        let page = Mutex::new(Page { make: page, last: None });
        thread::scope(|scope| {
            for _ in 1..THREADS {
                scope.spawn(|| self.serve(&page));
            }
            self.serve(&page)
        })
    }

    fn serve<F: FnMut() -> String>(&self, page: &Mutex<Page<F>>) -> ! {
        loop {
            match self.listener.accept() {
                // A client that goes away or is too slow is no concern of ours.
                Ok((client, _)) => drop(answer(client, page)),
                // No descriptors are left, say: that passes.
                Err(_) => thread::sleep(Duration::from_millis(100)),
            }
        }
    }
}

/// The page, and the last one that was made.
struct Page<F> {
    make: F,
    last: Option<(Instant, String)>,
}

impl<F: FnMut() -> String> Page<F> {
    fn get(&mut self) -> String {
        if let Some((at, page)) = &self.last
            && at.elapsed() < FRESH
        {
            return page.clone();
        }
        let page = (self.make)();
        self.last = Some((Instant::now(), page.clone()));
        page
    }
}

/// Reads the request of a client and answers it.
fn answer<F: FnMut() -> String>(mut client: TcpStream, page: &Mutex<Page<F>>) -> io::Result<()> {
    let request = read(&mut client)?;
    let response = respond(&request, || match page.lock() {
        Ok(mut page) => Some(page.get()),
        // The thread that made it has panicked.
        Err(_) => None,
    });
    client.set_write_timeout(Some(CLIENT_TIMEOUT))?;
    client.write_all(response.text().as_bytes())
}

/// The bytes of a request up to the end of its headers, or as many as there are room for.
fn read(client: &mut TcpStream) -> io::Result<Vec<u8>> {
    let end = Instant::now() + CLIENT_TIMEOUT;
    let mut request = vec![0; LONGEST_REQUEST];
    let mut length = 0;
    while length < request.len() && !is_complete(&request[..length]) {
        let left = end.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(ErrorKind::TimedOut.into());
        }
        client.set_read_timeout(Some(left))?;
        match client.read(&mut request[length..]) {
            Ok(0) => break,
            Ok(more) => length += more,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    request.truncate(length);
    Ok(request)
}

/// Whether a request is whole, or cannot become one.
fn is_complete(request: &[u8]) -> bool {
    let mut headers = [httparse::EMPTY_HEADER; MOST_HEADERS];
    !matches!(httparse::Request::new(&mut headers).parse(request), Ok(httparse::Status::Partial))
}

/// The response to a request. `page` is asked for only if it is wanted.
fn respond(request: &[u8], page: impl FnOnce() -> Option<String>) -> Response {
    let mut headers = [httparse::EMPTY_HEADER; MOST_HEADERS];
    let mut parsed = httparse::Request::new(&mut headers);
    let status = match parsed.parse(request) {
        Ok(httparse::Status::Complete(_)) => None,
        Ok(httparse::Status::Partial) if request.len() == LONGEST_REQUEST => {
            Some("431 Request Header Fields Too Large")
        }
        Err(httparse::Error::TooManyHeaders) => Some("431 Request Header Fields Too Large"),
        _ => Some("400 Bad Request"),
    };
    let method = parsed.method.unwrap_or_default();
    let path = parsed.path.unwrap_or_default().split('?').next().unwrap_or_default();
    let plain = |status: &'static str, body: String| Response {
        status,
        content_type: "text/plain; charset=utf-8",
        body,
        is_head: method == "HEAD",
    };
    match (status, method, path) {
        (Some(status), _, _) => plain(status, format!("{status}\n")),
        (None, "GET" | "HEAD", "/metrics") => match page() {
            Some(body) => Response { content_type: CONTENT_TYPE, ..plain("200 OK", body) },
            None => plain("500 Internal Server Error", "no page can be made\n".into()),
        },
        (None, "GET" | "HEAD", _) => plain("404 Not Found", "see /metrics\n".into()),
        _ => plain("405 Method Not Allowed", "GET and HEAD are allowed\n".into()),
    }
}

impl Response {
    fn text(&self) -> String {
        let Self { status, content_type, body, is_head } = self;
        let length = body.len();
        let allow = if status.starts_with("405") { "Allow: GET, HEAD\r\n" } else { "" };
        let body = if *is_head { "" } else { body };
        format!(
            "HTTP/1.1 {status}\r\nContent-Type: {content_type}\r\nContent-Length: {length}\r\n{allow}\
             Connection: close\r\n\r\n{body}"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(request: &str) -> &'static str {
        respond(request.as_bytes(), || Some("page\n".into())).status
    }

    #[test]
    fn one_page_and_nothing_else() {
        let ok = respond(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n", || Some("page\n".into()));
        assert_eq!(
            ok.text(),
            "HTTP/1.1 200 OK\r\nContent-Type: text/plain; version=0.0.4; charset=utf-8\r\n\
             Content-Length: 5\r\nConnection: close\r\n\r\npage\n"
        );
        let head = respond(b"HEAD /metrics?x=1 HTTP/1.0\r\n\r\n", || Some("page\n".into())).text();
        assert!(head.contains("Content-Length: 5\r\n") && head.ends_with("\r\n\r\n"), "{head}");
        assert_eq!(status("GET / HTTP/1.1\r\n\r\n"), "404 Not Found");
        assert_eq!(status("GET /metrics/../etc HTTP/1.1\r\n\r\n"), "404 Not Found");
        assert_eq!(status("POST /metrics HTTP/1.1\r\n\r\n"), "405 Method Not Allowed");
        assert_eq!(status("GET /metrics HTTP/1.1\r\n"), "400 Bad Request");
        assert_eq!(status("\0\r\n\r\n"), "400 Bad Request");
        assert_eq!(status(""), "400 Bad Request");
        let many = "a: b\r\n".repeat(MOST_HEADERS + 1);
        let many = format!("GET /metrics HTTP/1.1\r\n{many}\r\n");
        assert_eq!(status(&many), "431 Request Header Fields Too Large");
        let long = format!("GET /{} HTTP/1.1", "x".repeat(LONGEST_REQUEST));
        assert_eq!(status(&long[..LONGEST_REQUEST]), "431 Request Header Fields Too Large");
    }
}
