//! A request, as a handler sees it.

use core::{fmt, net::SocketAddr};

use layer::Instant;
use rt_regions::{Region, RegionVec};

use crate::{
    ByteStream, Failure, Headers, Method,
    connection::Connection,
    fault::{Fault, note},
    head::RequestHead,
    serve::Exchange,
};

/// A request: its head, which lies in the region of the request, and its body, which is read from the stream.
pub struct Request<'r, S> {
    pub(crate) exchange: &'r Exchange<'r, S>,
    pub(crate) region: &'r Region<'r>,
    pub(crate) head: &'r RequestHead<'r>,
}

impl<S> Clone for Request<'_, S> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<S> Copy for Request<'_, S> {}

impl<'r, S: ByteStream> Request<'r, S> {
    /// The method.
    pub fn method(&self) -> Method {
        self.head.method
    }

    /// The method as it was sent.
    pub fn method_name(&self) -> &'r str {
        self.head.method_name
    }

    /// The request target as it was sent.
    pub fn target(&self) -> &'r str {
        self.head.target
    }

    /// The path of the target, still percent-encoded: `/a/b`. It begins with a slash, or is `*` (with `OPTIONS`).
    pub fn path(&self) -> &'r str {
        self.head.path
    }

    /// What follows the first `?` of the target, still percent-encoded.
    pub fn query(&self) -> Option<&'r str> {
        self.head.query
    }

    /// The value of the first parameter of the query with this name, still percent-encoded: in `a=1&b`, that of `a` is `1`, and
    /// that of `b` is empty. [`decode`](crate::decode) decodes it.
    pub fn parameter(&self, name: &str) -> Option<&'r str> {
        layer::split::split(self.head.query?, b'&').find_map(|pair| {
            let (key, value) = layer::split::split_once(pair, b'=');
            (key == name).then(|| value.unwrap_or_default())
        })
    }

    /// The host that was asked, with the port if there is one: of the target, or of the field `Host`. Empty if an HTTP/1.0
    /// client has sent none.
    pub fn host(&self) -> &'r str {
        str::from_utf8(self.head.host).unwrap_or_default()
    }

    /// The minor version: 1 for HTTP/1.1, 0 for HTTP/1.0.
    pub fn minor_version(&self) -> u8 {
        self.head.minor
    }

    /// The headers.
    pub fn headers(&self) -> Headers<'r> {
        self.head.fields
    }

    /// The value of the first header with this name, whatever the case of its letters, if it is UTF-8.
    pub fn header(&self, name: &str) -> Option<&'r str> {
        self.head.fields.text(name)
    }

    /// The region of this request. It is emptied when the handler has returned.
    pub fn region(&self) -> &'r Region<'r> {
        self.region
    }

    /// The address and port of the client.
    pub fn peer(&self) -> SocketAddr {
        self.exchange.connection.stream.peer()
    }

    /// The time now.
    pub fn now(&self) -> Instant {
        self.exchange.connection.stream.now()
    }

    /// How many bytes the body has that were not read yet, if its length is known.
    pub fn body_length(&self) -> Option<u64> {
        self.exchange.connection.body.get().known_left()
    }

    /// Waits for bytes of the body and copies them into `buffer`. Returns how many there are; 0 if the body has ended or
    /// `buffer` has no room.
    ///
    /// # Errors
    /// The body is malformed (status 400), larger than [`Limits::body`](crate::Limits::body) (413), or comes too slowly (408),
    /// or the client is gone.
    pub async fn read(&self, buffer: &mut [u8]) -> Result<usize, Failure> {
        let connection = &self.exchange.connection;
        connection.read_into(buffer).await.map_err(|fault| connection.failure(fault))
    }

    /// Waits for bytes of the body and shows them to `look` where they lie, without a copy. `look` says how many of them, from
    /// the first on, it is done with; it is called again until that is one at least. Returns whether it was; false: the body
    /// has ended.
    ///
    /// ```
    /// # use http::{ByteStream, Failure, Request};
    /// # async fn count<S: ByteStream>(request: Request<'_, S>) -> Result<u64, Failure> {
    /// let mut lines = 0;
    /// let mut look = |bytes: &[u8]| {
    ///     lines += bytes.iter().filter(|byte| **byte == b'\n').count() as u64;
    ///     bytes.len()
    /// };
    /// while request.receive(&mut look).await? {}
    /// # Ok(lines)
    /// # }
    /// ```
    ///
    /// # Errors
    /// Those of [`read`](Self::read).
    pub async fn receive(&self, look: &mut dyn FnMut(&[u8]) -> usize) -> Result<bool, Failure> {
        let connection = &self.exchange.connection;
        connection.read_body(look).await.map_err(|fault| connection.failure(fault))
    }

    /// Reads the rest of the body into the region of the request, if it has at most `most` bytes.
    ///
    /// # Errors
    /// The body is longer (status 413), or as [`read`](Self::read).
    pub async fn read_all(&self, most: usize) -> Result<&'r [u8], Failure> {
        let connection = &self.exchange.connection;
        read_all(connection, self.region, most).await.map_err(|fault| connection.failure(fault))
    }
}

/// Reads the rest of a body into `region`.
pub(crate) async fn read_all<'r, S: ByteStream>(
    connection: &Connection<'_, S>,
    region: &'r Region<'_>,
    most: usize,
) -> Result<&'r [u8], Fault> {
    let memory = &connection.memory;
    let mut body = RegionVec::new(region);
    if let Some(length) = connection.body.get().known_left() {
        if length > most as u64 {
            return Err(Fault::LargerThanAsked);
        }
        body = note(
            RegionVec::with_capacity(usize::try_from(length).unwrap_or(most), region),
            memory,
        )?;
    }
    loop {
        let mut fault = None;
        let mut sink = |bytes: &[u8]| {
            if bytes.len() > most - body.len() {
                fault = Some(Fault::LargerThanAsked);
            } else if let Err(found) = note(body.extend_from_slice(bytes), memory) {
                fault = Some(found);
            }
            bytes.len()
        };
        let goes_on = connection.read_body(&mut sink).await?;
        match fault {
            Some(fault) => return Err(fault),
            None if goes_on => {}
            None => return Ok(body.into_slice()),
        }
    }
}

impl<S: ByteStream> fmt::Debug for Request<'_, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Request")
            .field("method", &self.head.method_name)
            .field("target", &self.head.target)
            .field("host", &self.host())
            .field("fields", &self.head.fields)
            .finish_non_exhaustive()
    }
}
