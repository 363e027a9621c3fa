//! The client: requests over one stream, one after the other.

use core::{cell::Cell, error::Error, fmt};

use layer::Payload;
use rt_regions::{Exhausted, Region, RegionVec};

use crate::{
    ByteStream, Failure, Headers, IntoFailure, Limits, Method,
    body::Body,
    connection::Connection,
    fault::Fault,
    head::{self, ReplyHead},
    request::read_all,
    response::{Start, add_header},
    text::Digits,
    writer::{Framing, Writer},
};

/// How many interim responses (status 100 to 199) may come before the final one.
const MOST_INTERIM: u32 = 8;

/// A client on one stream, which is connected. It sends one request after the other; the stream stays open between
/// them if the server permits it.
pub struct Client<'c, S> {
    connection: Connection<'c, S>,
    host: &'c str,
    /// Another request may be sent.
    is_open: Cell<bool>,
    /// The request was `HEAD`.
    without_body: Cell<bool>,
}

impl<'c, S: ByteStream> Client<'c, S> {
    /// A client of `host`: the name or address of the server, with the port if it is not 80.
    pub fn new(stream: &'c S, host: &'c str, limits: &'c Limits) -> Self {
        let connection = Connection::new(stream, limits);
        Self { connection, host, is_open: Cell::new(true), without_body: Cell::new(false) }
    }

    /// Whether the server has left the connection open for another request, as far as is known.
    pub fn is_open(&self) -> bool {
        self.is_open.get()
    }

    /// Asks for `target`, such as `/path?query`. The head of the reply lies in `region`; its body is read from the stream.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn get<'r>(
        &mut self,
        target: &str,
        region: &'r Region<'r>,
    ) -> Result<Reply<'_, 'r, S>, ClientError> {
        self.request(Method::Get, target, region).await?.send(b"").await
    }

    /// Sends `body`, which is of this media type, to `target`.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn post<'r>(
        &mut self,
        target: &str,
        media_type: &str,
        body: impl Payload,
        region: &'r Region<'r>,
    ) -> Result<Reply<'_, 'r, S>, ClientError> {
        let request = self.request(Method::Post, target, region).await?;
        request.header("Content-Type", media_type).send(body).await
    }

    /// Begins a request. What is left of the body of the reply before is read, up to [`Limits::drain`] bytes.
    ///
    /// # Errors
    /// The connection is not open any more, the target or the host is not valid, or there is no memory.
    pub async fn request<'r>(
        &mut self,
        method: Method,
        target: &str,
        region: &'r Region<'r>,
    ) -> Result<Outgoing<'_, 'r, S>, ClientError> {
        if !self.is_open.get() || !self.connection.drain(self.connection.limits.drain).await {
            self.is_open.set(false);
            return Err(ClientError::Closed);
        }
        let is_visible = |byte: u8| byte.is_ascii_graphic();
        if method.name().is_empty()
            || target.is_empty()
            || !target.bytes().all(is_visible)
            || !self.host.bytes().all(is_visible)
        {
            return Err(ClientError::InvalidRequest);
        }
        let mut fields = RegionVec::with_capacity(64 + target.len() + self.host.len(), region)?;
        for part in [method.name(), " ", target, " HTTP/1.1\r\nHost: ", self.host, "\r\n"] {
            fields.extend_from_slice(part.as_bytes())?;
        }
        self.without_body.set(method == Method::Head);
        Ok(Outgoing { client: self, region, fields, fault: None, has_body: !method.is_safe() })
    }
}

impl<S> fmt::Debug for Client<'_, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("host", &self.host).finish_non_exhaustive()
    }
}

/// A request of which nothing was sent yet.
#[must_use = "nothing is sent before `send` or `stream`"]
pub struct Outgoing<'a, 'r, S> {
    client: &'a Client<'a, S>,
    region: &'r Region<'r>,
    fields: RegionVec<'r, u8>,
    fault: Option<Fault>,
    /// The length of the body is sent even if it is 0 (RFC 9110 8.6).
    has_body: bool,
}

impl<'a, 'r, S: ByteStream> Outgoing<'a, 'r, S> {
    /// This request with one more header. `Content-Length`, `Transfer-Encoding`, `Connection` and `Date` are refused when the
    /// request is sent, and so is what is not valid.
    pub fn header(mut self, name: &str, value: &str) -> Self {
        let memory = &self.client.connection.memory;
        let parts = [value.as_bytes()];
        if let Err(fault) = add_header(&mut self.fields, self.region, name, &parts, memory) {
            self.fault = Some(fault);
        }
        self
    }

    /// Sends the request with `body`, head and body together, and waits for the head of the reply.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn send(self, body: impl Payload) -> Result<Reply<'a, 'r, S>, ClientError> {
        let body: &dyn Payload = &body;
        let mut upload = self.begin(Framing::Length(body.len() as u64))?;
        upload.writer.send(body).await.map_err(|fault| upload.client.broken(fault))?;
        upload.finish().await
    }

    /// Begins a request with a body in chunks (RFC 9112 7.1), whose length need not be known.
    ///
    /// # Errors
    /// A header is not valid, or there is no memory.
    pub fn stream(self) -> Result<Upload<'a, 'r, S>, ClientError> {
        self.begin(Framing::Chunked)
    }

    fn begin(mut self, framing: Framing) -> Result<Upload<'a, 'r, S>, ClientError> {
        if let Some(fault) = self.fault {
            return Err(self.client.error(fault));
        }
        match framing {
            Framing::Length(length) if length > 0 || self.has_body => {
                self.fields.extend_from_slice(b"Content-Length: ")?;
                self.fields.extend_from_slice(Digits::decimal(length).as_bytes())?;
                self.fields.extend_from_slice(b"\r\n")?;
            }
            Framing::Chunked => {
                self.fields.extend_from_slice(b"Transfer-Encoding: chunked\r\n")?;
            }
            _ => {}
        }
        self.fields.extend_from_slice(b"\r\n")?;
        let Self { client, region, fields, .. } = self;
        // Until the reply says otherwise.
        client.is_open.set(false);
        let writer = Writer {
            connection: &client.connection,
            start: Start::EMPTY,
            fields,
            head_is_due: true,
            framing,
            without_body: false,
        };
        Ok(Upload { client, region, writer })
    }
}

impl<S> fmt::Debug for Outgoing<'_, '_, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Outgoing").finish_non_exhaustive()
    }
}

/// A request whose body is sent in pieces.
#[must_use = "a request that is not finished ends the connection"]
pub struct Upload<'a, 'r, S> {
    client: &'a Client<'a, S>,
    region: &'r Region<'r>,
    writer: Writer<'a, 'r, S>,
}

impl<'a, 'r, S: ByteStream> Upload<'a, 'r, S> {
    /// Sends a piece of the body; with the first one, the head.
    ///
    /// # Errors
    /// The server is gone or too slow.
    pub async fn send(&mut self, piece: impl Payload) -> Result<(), ClientError> {
        self.writer.send(&piece).await.map_err(|fault| self.client.broken(fault))
    }

    /// Ends the body and waits for the head of the reply.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn finish(mut self) -> Result<Reply<'a, 'r, S>, ClientError> {
        let Self { client, region, .. } = self;
        self.writer.finish().await.map_err(|fault| client.broken(fault))?;
        let connection = &client.connection;
        for _ in 0..=MOST_INTERIM {
            let raw = connection.read_head(region, connection.limits.idle).await;
            let raw = raw.map_err(|fault| client.broken(fault))?.ok_or_else(|| {
                if connection.is_late() { ClientError::TooSlow } else { ClientError::Closed }
            })?;
            let head = head::parse_reply(raw, region, &connection.memory)
                .map_err(|fault| client.broken(fault))?;
            if head.status == 101 {
                return Err(ClientError::Malformed(
                    "it switches to a protocol that was not asked for",
                ));
            }
            if head.status < 200 {
                continue;
            }
            let has_none = client.without_body.get() || matches!(head.status, 204 | 304);
            let body = match head.framing.body {
                _ if has_none => Body::NONE,
                Some(body) => body,
                None => Body::UNTIL_CLOSE,
            };
            connection.begin(body);
            client.is_open.set(!head.framing.close && !body.ends_with_connection());
            return Ok(Reply { client, region, head });
        }
        Err(ClientError::Malformed("it has too many interim responses"))
    }
}

impl<S> fmt::Debug for Upload<'_, '_, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Upload").finish_non_exhaustive()
    }
}

/// A reply: its head, which lies in the region that was given, and its body, which is read from the stream.
pub struct Reply<'a, 'r, S> {
    client: &'a Client<'a, S>,
    region: &'r Region<'r>,
    head: ReplyHead<'r>,
}

impl<'r, S: ByteStream> Reply<'_, 'r, S> {
    /// The status, from 200 to 599 or what else the server has sent.
    pub fn status(&self) -> u16 {
        self.head.status
    }

    /// The headers.
    pub fn headers(&self) -> Headers<'r> {
        self.head.fields
    }

    /// The value of the first header with this name, whatever the case of its letters, if it is UTF-8.
    pub fn header(&self, name: &str) -> Option<&'r str> {
        self.head.fields.text(name)
    }

    /// How many bytes the body has that were not read yet, if its length is known.
    pub fn body_length(&self) -> Option<u64> {
        self.client.connection.body.get().known_left()
    }

    /// Waits for bytes of the body and copies them into `buffer`. Returns how many there are; 0 if the body has ended or
    /// `buffer` has no room.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn read(&mut self, buffer: &mut [u8]) -> Result<usize, ClientError> {
        let read = self.client.connection.read_into(buffer).await;
        read.map_err(|fault| self.client.broken(fault))
    }

    /// Reads the rest of the body into the region, if it has at most `most` bytes.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn read_all(self, most: usize) -> Result<&'r [u8], ClientError> {
        let read = read_all(&self.client.connection, self.region, most).await;
        read.map_err(|fault| self.client.broken(fault))
    }
}

impl<S> fmt::Debug for Reply<'_, '_, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reply")
            .field("status", &self.head.status)
            .field("headers", &self.head.fields)
            .finish_non_exhaustive()
    }
}

/// Why there is no reply, or not all of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ClientError {
    /// The host, the target or a header has bytes that are not permitted there. Nothing was sent.
    InvalidRequest,
    /// The server has ended the connection, or it is broken.
    Closed,
    /// The server is too slow.
    TooSlow,
    /// The reply is larger than the limits permit.
    TooLarge,
    /// The reply is not valid. The text says what is wrong.
    Malformed(&'static str),
    /// There is no memory for the request or the reply.
    Exhausted(Exhausted),
}

impl<S> Client<'_, S> {
    /// What a failure of the connection means here. The connection is of no use any more.
    fn broken(&self, fault: Fault) -> ClientError {
        self.is_open.set(false);
        self.error(fault)
    }

    fn error(&self, fault: Fault) -> ClientError {
        match (fault.refused(), self.connection.memory.take()) {
            ((0, _), Some(exhausted)) => ClientError::Exhausted(exhausted),
            ((0, _), None) => ClientError::Closed,
            ((408, _), _) => ClientError::TooSlow,
            ((413 | 414 | 431, _), _) => ClientError::TooLarge,
            ((500, _), _) => ClientError::InvalidRequest,
            ((_, text), _) => ClientError::Malformed(text),
        }
    }
}

impl fmt::Display for ClientError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::InvalidRequest => f.write_str(
                "the host, the target or a header has bytes that are not permitted: use visible ASCII",
            ),
            Self::Closed => f.write_str("the server has ended the connection"),
            Self::TooSlow => f.write_str("the server is too slow"),
            Self::TooLarge => f.write_str("the reply is larger than the limits permit"),
            Self::Malformed(text) => write!(f, "the reply is not valid: {text}"),
            Self::Exhausted(_) => f.write_str("no memory for the request or the reply"),
        }
    }
}

impl Error for ClientError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Exhausted(exhausted) => Some(exhausted),
            _ => None,
        }
    }
}

impl From<Exhausted> for ClientError {
    fn from(exhausted: Exhausted) -> Self {
        Self::Exhausted(exhausted)
    }
}

/// A handler that asks another server and passes its failure on is a gateway (RFC 9110 15.6.3).
impl IntoFailure for ClientError {
    fn into_failure(self) -> Failure {
        match self {
            Self::Exhausted(exhausted) => Failure::Exhausted(exhausted),
            Self::TooSlow => Failure::Refused(504, "the server behind this one is too slow"),
            _ => Failure::Refused(502, "the server behind this one does not answer as it should"),
        }
    }
}
