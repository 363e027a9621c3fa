//! A response: its head is built in memory and sent together with the first bytes of the body.

use core::fmt;

use layer::Payload;
use rt_regions::{Region, RegionVec};

use crate::{
    Answer, ByteStream, Failure, Sent,
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
            self.fault(Failure::Refused(500, "the service has a status that is none"));
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
        if let Err(failure) = add_header(&mut self.fields, self.region, name, parts) {
            self.fault(failure);
        }
    }

    /// Sending fails with this.
    #[cold]
    fn fault(&self, failure: Failure) {
        self.exchange.fault.set(Some(failure));
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
        self.send_payload(&body).await
    }

    /// One copy of the code for all bodies.
    async fn send_payload(mut self, body: &dyn Payload) -> Answer {
        let framing = Framing::Length(body.len() as u64);
        let start = self.begin(framing)?;
        let exchange = self.exchange;
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
        let start = self.begin(framing)?;
        let Self { exchange, fields, status, .. } = self;
        let without_body = exchange.without_body.get() || !has_body(status);
        let connection = &exchange.connection;
        let head_is_due = true;
        let writer = Writer { connection, start, fields, head_is_due, framing, without_body };
        Ok(BodyWriter { exchange, writer })
    }

    /// The first lines of the head. The fields end with an empty line then.
    fn begin(&mut self, framing: Framing) -> Result<Start, Failure> {
        if let Some(fault) = self.exchange.fault.take() {
            return Err(fault);
        }
        if self.exchange.progress.get() != Progress::None {
            return Err(Failure::Refused(500, "the service answers twice"));
        }
        self.fields.extend_from_slice(b"\r\n")?;
        let start = Start::new(self.exchange, self.status, framing);
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
    writer: Writer<'r, S>,
}

impl<S: ByteStream> BodyWriter<'_, S> {
    /// Sends a piece of the body; with the first one, the head. An empty first piece sends the head alone.
    ///
    /// # Errors
    /// The client is gone or too slow, or the body gets longer than [`Response::stream_of`] was told.
    pub async fn send(&mut self, piece: impl Payload) -> Result<(), Failure> {
        self.writer.send(&piece).await
    }

    /// Ends the body.
    ///
    /// # Errors
    /// The client is gone or too slow, or the body is shorter than [`Response::stream_of`] was told.
    pub async fn finish(mut self) -> Answer {
        self.writer.finish().await?;
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

    /// Those of a response with this status and framing. Decides whether the connection ends after it.
    pub(crate) fn new<S: ByteStream>(
        exchange: &Exchange<'_, S>,
        status: u16,
        framing: Framing,
    ) -> Self {
        let body = exchange.connection.body.get();
        // What the client may or may not send after this response; or too much to read it for nothing.
        if exchange.connection.continue_is_due.get()
            || body.ends_with_connection()
            || body.known_left().is_some_and(|left| left > exchange.connection.limits.drain)
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
        match reason(status) {
            "" => {
                start.put(Digits::decimal(status.into()).as_bytes());
                start.put(b" ");
            }
            line => start.put(line.as_bytes()),
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
) -> Result<(), Failure> {
    let is_own = ["Content-Length", "Transfer-Encoding", "Connection", "Date"]
        .iter()
        .any(|own| own.eq_ignore_ascii_case(name));
    let is_valid = parts.iter().all(|part| part.iter().copied().all(is_value));
    if is_own || name.is_empty() || !name.bytes().all(is_token) || !is_valid {
        return Err(Failure::Refused(500, "the service has a header that is not valid"));
    }
    if fields.capacity() == 0 {
        // For most heads.
        *fields = RegionVec::with_capacity(128, region)?;
    }
    fields.extend_from_slice(name.as_bytes())?;
    fields.extend_from_slice(b": ")?;
    for part in parts {
        fields.extend_from_slice(part)?;
    }
    Ok(fields.extend_from_slice(b"\r\n")?)
}

/// Whether a response with this status has a body (RFC 9110 6.4.1).
pub(crate) fn has_body(status: u16) -> bool {
    status != 204 && status != 304
}

/// A status with its words (RFC 9110 15); empty for those that a server seldom has a use for.
pub(crate) fn reason(status: u16) -> &'static str {
    match status {
        200 => "200 OK",
        201 => "201 Created",
        202 => "202 Accepted",
        204 => "204 No Content",
        206 => "206 Partial Content",
        301 => "301 Moved Permanently",
        302 => "302 Found",
        303 => "303 See Other",
        304 => "304 Not Modified",
        307 => "307 Temporary Redirect",
        308 => "308 Permanent Redirect",
        400 => "400 Bad Request",
        401 => "401 Unauthorized",
        403 => "403 Forbidden",
        404 => "404 Not Found",
        405 => "405 Method Not Allowed",
        408 => "408 Request Timeout",
        409 => "409 Conflict",
        412 => "412 Precondition Failed",
        413 => "413 Content Too Large",
        414 => "414 URI Too Long",
        415 => "415 Unsupported Media Type",
        416 => "416 Range Not Satisfiable",
        417 => "417 Expectation Failed",
        422 => "422 Unprocessable Content",
        429 => "429 Too Many Requests",
        431 => "431 Request Header Headers Too Large",
        500 => "500 Internal Server Error",
        501 => "501 Not Implemented",
        502 => "502 Bad Gateway",
        503 => "503 Service Unavailable",
        504 => "504 Gateway Timeout",
        505 => "505 HTTP Version Not Supported",
        _ => "",
    }
}
