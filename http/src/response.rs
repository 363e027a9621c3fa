//! A response: its head is built in memory and sent together with the first bytes of the body.

use core::fmt;

use layer::Payload;
use rt_regions::{Region, RegionVec};

use crate::{
    Answer, ByteStream, Failure, Sent,
    fault::{Fault, Memory, note},
    serve::{Exchange, Progress},
    text::{Digits, is_token, is_value},
    writer::{Framing, Writer},
};

/// A response to one request, of which nothing was sent yet.
#[must_use = "nothing is sent before `send` or `stream`"]
pub struct Response<'r, S> {
    exchange: &'r Exchange<'r, S>,
    status: u16,
    region: &'r Region<'r>,
    fields: RegionVec<'r, u8>,
}

impl<'r, S: ByteStream> Response<'r, S> {
    pub(crate) fn new(exchange: &'r Exchange<'r, S>, region: &'r Region<'r>) -> Self {
        Self { exchange, status: 200, region, fields: RegionVec::new(region) }
    }

    /// This response with a status from 200 to 599. It is 200 unless changed.
    pub fn status(mut self, status: u16) -> Self {
        self.status = status;
        if !matches!(status, 200..=599) {
            self.fault(Fault::Status);
        }
        self
    }

    /// This response with one more header field. `Content-Length`, `Transfer-Encoding`, `Connection` and `Date` are set by the
    /// server; a handler that sets one of them, or a name or value that is not valid (RFC 9110 5), gets an error
    /// when it sends, and the client gets status 500. So a value that a client has chosen cannot begin another field or
    /// another response.
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.add(name, &[value.as_bytes()]);
        self
    }

    /// This response with one more header, whose value is given in parts.
    pub(crate) fn header_of(mut self, name: &str, parts: &[&[u8]]) -> Self {
        self.add(name, parts);
        self
    }

    fn add(&mut self, name: &str, parts: &[&[u8]]) {
        let memory = &self.exchange.connection.memory;
        if let Err(fault) = add_header(&mut self.fields, self.region, name, parts, memory) {
            self.fault(fault);
        }
    }

    /// Sending fails with this.
    #[cold]
    fn fault(&self, fault: Fault) {
        self.exchange.fault.set(Some(fault));
    }

    /// This response, after which the connection ends.
    pub fn close(self) -> Self {
        self.exchange.close.set(true);
        self
    }

    /// Sends the response with `body`, head and body together. The answer to `HEAD` has the length of `body` in its head, and
    /// no body. Nor has a response with status 204 or 304.
    ///
    /// # Errors
    /// The client is gone or too slow, or the head is not valid.
    pub async fn send(self, body: impl Payload) -> Answer {
        let connection = &self.exchange.connection;
        self.send_payload(&body).await.map_err(|fault| connection.failure(fault))
    }

    /// One copy of the code for all bodies.
    async fn send_payload(mut self, body: &dyn Payload) -> Result<Sent, Fault> {
        let framing = Framing::Length(body.len() as u64);
        let exchange = self.exchange;
        let start = self.begin(framing, true)?;
        let has_body = !exchange.without_body.get() && has_body(self.status);
        let body: &dyn Payload = if has_body { body } else { &[0; 0] };
        exchange.connection.write(start.as_bytes(), &self.fields, body).await?;
        exchange.progress.set(Progress::Whole);
        Ok(Sent::new())
    }

    /// Begins a response whose length is not known yet. HTTP/1.1 clients get it in chunks (RFC 9112 7.1); for older ones the
    /// end of the connection is the end of the body.
    ///
    /// # Errors
    /// The head is not valid.
    pub fn stream(self) -> Result<BodyWriter<'r, S>, Failure> {
        let framing =
            if self.exchange.minor.get() > 0 { Framing::Chunked } else { Framing::UntilClose };
        self.writer(framing)
    }

    /// Begins a response with a body of `length` bytes, which is sent in pieces.
    ///
    /// # Errors
    /// The head is not valid.
    pub fn stream_of(self, length: u64) -> Result<BodyWriter<'r, S>, Failure> {
        self.writer(Framing::Length(length))
    }

    fn writer(mut self, framing: Framing) -> Result<BodyWriter<'r, S>, Failure> {
        let connection = &self.exchange.connection;
        let start = self.begin(framing, false).map_err(|fault| connection.failure(fault))?;
        let Self { exchange, fields, status, .. } = self;
        let without_body = exchange.without_body.get() || !has_body(status);
        let head_is_due = true;
        let writer = Writer { connection, start, fields, head_is_due, framing, without_body };
        Ok(BodyWriter { exchange, writer })
    }

    /// The first lines of the head. The fields end with an empty line then.
    fn begin(&mut self, framing: Framing, is_whole: bool) -> Result<Start, Fault> {
        if let Some(fault) = self.exchange.fault.take() {
            return Err(fault);
        }
        if self.exchange.progress.get() != Progress::None {
            return Err(Fault::Twice);
        }
        note(self.fields.extend_from_slice(b"\r\n"), &self.exchange.connection.memory)?;
        let start = Start::new(self.exchange, self.status, framing, is_whole);
        self.exchange.progress.set(Progress::Begun);
        Ok(start)
    }
}

impl<S> fmt::Debug for Response<'_, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Response").field("status", &self.status).finish_non_exhaustive()
    }
}

/// A response whose body is sent in pieces. One that is dropped before [`finish`](Self::finish) breaks the connection, so that
/// the client does not take a part for the whole.
#[must_use = "a response that is not finished breaks the connection"]
pub struct BodyWriter<'r, S> {
    exchange: &'r Exchange<'r, S>,
    writer: Writer<'r, 'r, S>,
}

impl<S: ByteStream> BodyWriter<'_, S> {
    /// Sends a piece of the body; with the first one, the head. An empty first piece sends the head alone.
    ///
    /// # Errors
    /// The client is gone or too slow, or the body gets longer than [`Response::stream_of`] was told.
    pub async fn send(&mut self, piece: impl Payload) -> Result<(), Failure> {
        let connection = self.writer.connection;
        self.writer.send(&piece).await.map_err(|fault| connection.failure(fault))
    }

    /// Ends the body.
    ///
    /// # Errors
    /// The client is gone or too slow, or the body is shorter than [`Response::stream_of`] was told.
    pub async fn finish(mut self) -> Answer {
        let connection = self.writer.connection;
        self.writer.finish().await.map_err(|fault| connection.failure(fault))?;
        self.exchange.progress.set(Progress::Whole);
        Ok(Sent::new())
    }
}

impl<S> fmt::Debug for BodyWriter<'_, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BodyWriter").field("framing", &self.writer.framing).finish_non_exhaustive()
    }
}

/// The status line, and the fields that the server sets.
#[derive(Clone, Copy)]
pub(crate) struct Start {
    bytes: [u8; Start::MOST],
    length: u8,
}

impl Start {
    /// The longest status line (46), `Date` (37), `Content-Length` (38), `Connection` (24), and some bytes more.
    const MOST: usize = 160;

    /// Those of a response with this status and framing, which is sent at once if it `is_whole`. Decides whether the connection ends after it.
    pub(crate) fn new<S: ByteStream>(
        exchange: &Exchange<'_, S>,
        status: u16,
        framing: Framing,
        is_whole: bool,
    ) -> Self {
        let body = exchange.connection.body.get();
        let limit = exchange.connection.limits.drain;
        // What the client may or may not send after this response; or too much to read it for nothing. A handler that sends
        // its response in pieces may still read.
        if is_whole && exchange.connection.continue_is_due.get()
            || body.ends_with_connection()
            || is_whole && body.known_left().is_some_and(|left| left > limit)
            || framing == Framing::UntilClose
        {
            exchange.close.set(true);
        }
        exchange.status.set(status);
        let date = exchange.config.clock.and_then(crate::Clock::date);
        Self::write(status, date, framing, exchange.close.get(), exchange.minor.get())
    }

    fn write(
        status: u16,
        date: Option<[u8; 29]>,
        framing: Framing,
        close: bool,
        minor: u8,
    ) -> Self {
        let mut start = Self { bytes: [0; Self::MOST], length: 0 };
        start.put(b"HTTP/1.1 ");
        match status {
            // Not looked for.
            200 => start.put(b"200 OK"),
            _ => match reason(status) {
                Some(line) => start.put(line.as_bytes()),
                None => {
                    start.put(Digits::decimal(status.into()).as_bytes());
                    start.put(b" ");
                }
            },
        }
        if let Some(date) = date {
            start.put(b"\r\nDate: ");
            start.put(&date);
        }
        match framing {
            Framing::Length(length) if status != 204 && status != 304 => {
                start.put(b"\r\nContent-Length: ");
                start.put(Digits::decimal(length).as_bytes());
            }
            Framing::Chunked if has_body(status) => start.put(b"\r\nTransfer-Encoding: chunked"),
            _ => {}
        }
        if close {
            start.put(b"\r\nConnection: close");
        } else if minor == 0 {
            start.put(b"\r\nConnection: keep-alive");
        }
        start.put(b"\r\n");
        start
    }

    fn put(&mut self, bytes: &[u8]) {
        let from = usize::from(self.length);
        if let Some(place) = self.bytes.get_mut(from..from + bytes.len()) {
            place.copy_from_slice(bytes);
            self.length += bytes.len() as u8;
        }
    }

    /// No line: the whole head is in the fields.
    pub(crate) const EMPTY: Self = Self { bytes: [0; Self::MOST], length: 0 };

    pub(crate) fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..usize::from(self.length)).unwrap_or_default()
    }
}

/// Adds a field to a head. Those that this crate sets are refused.
pub(crate) fn add_header<'r>(
    fields: &mut RegionVec<'r, u8>,
    region: &'r Region<'_>,
    name: &str,
    parts: &[&[u8]],
    memory: &Memory,
) -> Result<(), Fault> {
    let is_own = ["Content-Length", "Transfer-Encoding", "Connection", "Date"]
        .iter()
        .any(|own| own.eq_ignore_ascii_case(name));
    let is_valid = parts.iter().all(|part| part.iter().copied().all(is_value));
    if is_own || name.is_empty() || !name.bytes().all(is_token) || !is_valid {
        return Err(Fault::Header);
    }
    if fields.capacity() == 0 {
        // For most heads.
        *fields = note(RegionVec::with_capacity(128, region), memory)?;
    }
    let mut add = |bytes: &[u8]| note(fields.extend_from_slice(bytes), memory);
    add(name.as_bytes())?;
    add(b": ")?;
    for part in parts {
        add(part)?;
    }
    add(b"\r\n")
}

/// Whether a response with this status has a body (RFC 9110 6.4.1).
pub(crate) fn has_body(status: u16) -> bool {
    status != 204 && status != 304
}

/// Statuses with their words (RFC 9110 15), without those that a server seldom has a use for.
const REASONS: &str = "404 Not Found\n304 Not Modified\n206 Partial Content\n204 No Content\n\
    201 Created\n202 Accepted\n301 Moved Permanently\n302 Found\n303 See Other\n307 Temporary Redirect\n\
    308 Permanent Redirect\n400 Bad Request\n401 Unauthorized\n403 Forbidden\n405 Method Not Allowed\n\
    408 Request Timeout\n409 Conflict\n412 Precondition Failed\n413 Content Too Large\n414 URI Too Long\n\
    415 Unsupported Media Type\n416 Range Not Satisfiable\n417 Expectation Failed\n422 Unprocessable Content\n\
    429 Too Many Requests\n431 Request Header Fields Too Large\n500 Internal Server Error\n501 Not Implemented\n\
    502 Bad Gateway\n503 Service Unavailable\n504 Gateway Timeout\n505 HTTP Version Not Supported";

/// A status with its words, if it is in the list.
fn reason(status: u16) -> Option<&'static str> {
    let digits = Digits::decimal(status.into());
    layer::split::split(REASONS, b'\n').find(|line| line.as_bytes().starts_with(digits.as_bytes()))
}
