//! The HTTP service that the peers of TCP are, without its sockets.
//!
//! | request | reply |
//! |---|---|
//! | `GET /hello` | [`LINE`] |
//! | `GET /bytes/N` | N bytes |
//! | `POST /sink` | the number of bytes of the body, and a line feed |

use std::{io, str};

/// The one line.
pub const LINE: &[u8] = b"hello, world\n";
/// The longest head of a request, in bytes.
const LONGEST_HEAD: usize = 8192;
/// The most fields in a head.
const MOST_FIELDS: usize = 64;

/// What long replies are made of.
static BYTES: [u8; 1 << 16] = [b'x'; 1 << 16];

/// One connection: bytes in, bytes out.
#[derive(Debug, Default)]
pub struct Conversation {
    /// What has come and is not understood yet.
    unread: Vec<u8>,
    /// Of the body that comes: its length, and how much of it is still to come.
    body: Option<(u64, u64)>,
    /// What is to be sent, and how much of it has been.
    head: Vec<u8>,
    sent: usize,
    /// How many bytes of a long reply follow.
    bytes: u64,
    closes: bool,
}

impl Conversation {
    /// Bytes have come.
    ///
    /// # Errors
    /// They are no request.
    pub fn receive(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        if let Some((_, left)) = &mut self.body
            && self.unread.is_empty()
        {
            let of_body = bytes.len().min(usize::try_from(*left).unwrap_or(usize::MAX));
            *left -= of_body as u64;
            bytes = &bytes[of_body..];
        }
        self.unread.extend_from_slice(bytes);
        self.go_on()
    }

    /// What is to be sent next; nothing if there is no reply under way.
    pub fn to_send(&self) -> &[u8] {
        match &self.head[self.sent..] {
            [] => &BYTES[..BYTES.len().min(usize::try_from(self.bytes).unwrap_or(usize::MAX))],
            head => head,
        }
    }

    /// So many bytes of it have been sent.
    ///
    /// # Errors
    /// What follows is no request.
    pub fn sent(&mut self, length: usize) -> io::Result<()> {
        let of_head = length.min(self.head.len() - self.sent);
        self.sent += of_head;
        self.bytes -= (length - of_head) as u64;
        self.go_on()
    }

    /// Whether the connection ends when all is sent.
    pub fn closes(&self) -> bool {
        self.closes && self.body.is_none()
    }

    /// Does what can be done with what has come.
    fn go_on(&mut self) -> io::Result<()> {
        if self.sent == self.head.len() {
            self.head.clear();
            self.sent = 0;
        }
        // The reply to one request is sent before the next is read, unless it is short.
        while self.bytes == 0 {
            match self.body {
                Some((length, 0)) => {
                    self.body = None;
                    self.reply(format!("{length}\n").as_bytes());
                }
                Some((length, left)) if !self.unread.is_empty() => {
                    let of_body =
                        self.unread.len().min(usize::try_from(left).unwrap_or(usize::MAX));
                    self.unread.drain(..of_body);
                    self.body = Some((length, left - of_body as u64));
                }
                Some(_) => break,
                None => {
                    if self.closes || !self.read_request()? {
                        break;
                    }
                }
            }
        }
        Ok(())
    }

    /// Reads the head of a request, if it is there.
    fn read_request(&mut self) -> io::Result<bool> {
        if self.unread.is_empty() {
            return Ok(false);
        }
        let bad = |what: &'static str| io::Error::new(io::ErrorKind::InvalidData, what);
        let mut fields = [httparse::EMPTY_HEADER; MOST_FIELDS];
        let mut request = httparse::Request::new(&mut fields);
        let read = request.parse(&self.unread).map_err(|_| bad("this is no request"))?;
        let httparse::Status::Complete(length) = read else {
            let is_long = self.unread.len() > LONGEST_HEAD;
            return if is_long { Err(bad("the head is too long")) } else { Ok(false) };
        };
        let (method, path) = (request.method.unwrap_or(""), request.path.unwrap_or(""));
        let field = |name: &str| {
            let mut fields = request.headers.iter();
            fields.find(|it| it.name.eq_ignore_ascii_case(name)).map(|it| it.value)
        };
        let is_last = field("Connection").is_some_and(|it| it.eq_ignore_ascii_case(b"close"));
        let number = |text: &str| text.parse::<u64>().map_err(|_| bad("this is no number"));
        self.closes = is_last;
        match (method, path) {
            ("GET", "/hello") => self.reply(LINE),
            ("GET", path) if path.starts_with("/bytes/") => {
                let count = number(path.trim_start_matches("/bytes/"))?;
                self.start_reply(count);
                self.bytes = count;
            }
            ("POST", "/sink") => {
                let length = field("Content-Length").and_then(|it| str::from_utf8(it).ok());
                let length = number(length.unwrap_or(""))?;
                self.body = Some((length, length));
            }
            _ => return Err(bad("there is nothing there")),
        }
        self.unread.drain(..length);
        Ok(true)
    }

    fn reply(&mut self, body: &[u8]) {
        self.start_reply(body.len() as u64);
        self.head.extend_from_slice(body);
    }

    fn start_reply(&mut self, length: u64) {
        self.head
            .extend_from_slice(b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: ");
        self.head.extend_from_slice(length.to_string().as_bytes());
        self.head.extend_from_slice(match self.closes {
            true => b"\r\nConnection: close\r\n\r\n",
            false => b"\r\n\r\n",
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reply(body: &str) -> String {
        let length = body.len();
        format!(
            "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: {length}\r\n\r\n{body}"
        )
    }

    /// All that is answered, and whether the connection ends.
    fn talk(requests: &[u8], step: usize) -> (String, bool) {
        let (mut conversation, mut said) = (Conversation::default(), Vec::new());
        for piece in requests.chunks(step) {
            conversation.receive(piece).unwrap();
            while !conversation.to_send().is_empty() {
                let piece = conversation.to_send();
                let piece = &piece[..piece.len().min(1000)];
                said.extend_from_slice(piece);
                let length = piece.len();
                conversation.sent(length).unwrap();
            }
        }
        (String::from_utf8(said).unwrap(), conversation.closes())
    }

    #[test]
    fn each_request_has_its_reply_however_it_comes() {
        let requests = b"GET /hello HTTP/1.1\r\nHost: a\r\n\r\nPOST /sink HTTP/1.1\r\nContent-Length: 5\r\n\r\n\
                         12345GET /bytes/3000 HTTP/1.1\r\n\r\nPOST /sink HTTP/1.1\r\ncontent-length: 0\r\n\r\n\
                         GET /hello HTTP/1.1\r\nconnection: Close\r\n\r\n";
        let replies = ["hello, world\n", "5\n", &"x".repeat(3000), "0\n", "hello, world\n"];
        let replies = replies.map(reply).concat();
        let (all, last) = replies.split_at(replies.rfind("\r\n\r\n").unwrap());
        let replies = format!("{all}\r\nConnection: close{last}");
        for step in [1, 7, 50, 10_000] {
            assert_eq!(talk(requests, step), (replies.clone(), true), "{step} bytes at once");
        }
        assert!(!talk(b"GET /hello HTTP/1.1\r\n\r\n", 1000).1);
        // A body comes before the end.
        let last = b"POST /sink HTTP/1.1\r\nConnection: close\r\nContent-Length: 3\r\n\r\nabc";
        let (said, closes) = talk(last, 1);
        assert!(said.ends_with("\r\n\r\n3\n") && closes, "{said}");
    }

    #[test]
    fn what_is_no_request_ends_the_connection() {
        for bytes in [
            &b"\x00\x01\x02"[..],
            b"GET /nothing HTTP/1.1\r\n\r\n",
            b"GET /bytes/x HTTP/1.1\r\n\r\n",
            b"POST /sink HTTP/1.1\r\n\r\n",
            &[b"GET /hello HTTP/1.1\r\nA: ", &[b'a'; 9000][..]].concat(),
        ] {
            assert!(Conversation::default().receive(bytes).is_err(), "{bytes:?}");
        }
    }
}
