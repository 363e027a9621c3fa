//! The server: requests on one connection, one after the other, each in a region of its own.

use core::cell::Cell;

use rt_regions::Region;

use crate::{
    Answer, ByteStream, Config, Failure, Method, Request, Response, Sent,
    body::Body,
    connection::Connection,
    fault::Fault,
    head::{self, RequestHead},
    response::Start,
    writer::Framing,
};

/// Serves the requests that come on `stream`, until the client or a limit ends the connection. `handler` answers each.
///
/// Each request has a region, a child of `region`, which is emptied after the response was sent. A connection that waits for a
/// request holds no page of it.
///
/// Requests that are not valid HTTP, or too large, or too slow, are answered here with a line of text, and the handler does not
/// see them. The next request is read when the one before is answered, so the answers to requests that come together
/// (pipelining, RFC 9112 9.3.2) are in their order.
///
/// Write the async closure in the call: bound by `let` first, it is "not general enough".
pub async fn serve<S, H>(stream: &S, region: &Region<'_>, config: &Config<'_>, handler: H)
where
    S: ByteStream,
    H: for<'r> AsyncFn(Request<'r, S>, Response<'r, S>) -> Answer,
{
    config.count(|counters| &counters.connections);
    let exchange = Exchange::new(stream, config);
    let mut room = region.child("request");
    loop {
        let next = {
            let (head, answer) = match exchange.next(&room).await {
                Ok(None) => break,
                Ok(Some(head)) => {
                    let request = Request { exchange: &exchange, region: &room, head };
                    let response = Response::new(&exchange, &room);
                    (Some(head), handler(request, response).await)
                }
                Err(fault) => (None, Err(exchange.connection.failure(fault))),
            };
            exchange.end(head, answer).await
        };
        match next {
            Next::Request => room.release(),
            Next::Close => break,
            Next::Abort => {
                stream.abort();
                return;
            }
        }
    }
    room.release();
    exchange.connection.linger().await;
}

/// What becomes of the connection after a response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Next {
    Request,
    Close,
    Abort,
}

/// How far the response has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Progress {
    /// Nothing was sent.
    None,
    /// It was made, and a part of it may have been sent.
    Begun,
    /// All of it was sent.
    Whole,
}

/// A connection of a server, with the request that is in work.
pub(crate) struct Exchange<'c, S> {
    pub(crate) connection: Connection<'c, S>,
    pub(crate) config: &'c Config<'c>,
    /// The connection ends after this response.
    pub(crate) close: Cell<bool>,
    /// The minor version of the request.
    pub(crate) minor: Cell<u8>,
    /// The response has no body whatever its head says, because the request is `HEAD`.
    pub(crate) without_body: Cell<bool>,
    pub(crate) progress: Cell<Progress>,
    /// The status of the response that was begun.
    pub(crate) status: Cell<u16>,
    /// Why the response cannot be sent.
    pub(crate) fault: Cell<Option<Fault>>,
}

impl<'c, S: ByteStream> Exchange<'c, S> {
    fn new(stream: &'c S, config: &'c Config<'c>) -> Self {
        Self {
            connection: Connection::new(stream, &config.limits),
            config,
            close: Cell::new(false),
            minor: Cell::new(1),
            without_body: Cell::new(false),
            progress: Cell::new(Progress::None),
            status: Cell::new(0),
            fault: Cell::new(None),
        }
    }

    /// Waits for the next request. `None`: there is none.
    async fn next<'r>(&self, region: &'r Region<'_>) -> Result<Option<&'r RequestHead<'r>>, Fault> {
        self.progress.set(Progress::None);
        self.fault.set(None);
        self.without_body.set(false);
        self.minor.set(1);
        // Until the head is known to be valid.
        self.close.set(true);
        let limits = self.connection.limits;
        self.connection.begin(Body::UNTIL_CLOSE);
        let Some(raw) = self.connection.read_head(region, limits.idle).await? else {
            return Ok(None);
        };
        let head = head::parse(raw, region, &self.connection.memory)?;
        self.minor.set(head.minor);
        self.without_body.set(head.method == Method::Head);
        let body = head.framing.body.unwrap_or(Body::NONE);
        if body.known_left().is_some_and(|length| length > limits.body) {
            return Err(Fault::LargeBody);
        }
        self.connection.begin(body);
        self.connection.continue_is_due.set(head.framing.expects_continue && !body.is_done());
        self.close.set(head.framing.close);
        self.config.count(|counters| &counters.requests);
        Ok(Some(head))
    }

    /// Ends a request: tells the client of a failure, reads what is left of the body, and says how it goes on.
    async fn end(&self, head: Option<&RequestHead<'_>>, answer: Answer) -> Next {
        let failure = match (answer, self.progress.get()) {
            (Ok(Sent { .. }) | Err(_), Progress::Whole) => None,
            // It has sent another response than its own.
            (Ok(Sent { .. }), _) => Some(self.connection.failure(Fault::Unanswered)),
            (Err(failure), _) => Some(failure),
        };
        if let Some(failure) = failure {
            let is_gone = failure == Failure::Gone;
            if failure.status() == 408 || is_gone && self.connection.is_late() {
                self.config.count(|counters| &counters.too_slow);
            }
            if self.connection.has_sent.get()
                || is_gone
                || self.send_failure(&failure).await.is_err()
            {
                self.config.count(|counters| &counters.broken);
                return Next::Abort;
            }
        }
        let status = self.status.get();
        self.config.count(|counters| match status {
            ..400 => &counters.answered,
            400..500 => &counters.client_errors,
            500.. => &counters.server_errors,
        });
        if let Some(counters) = self.config.counters {
            let (method, target) = head.map_or(("-", "-"), |head| (head.method_name, head.target));
            layer::log!(counters.log(), "{=str} {=str} {=u16}", method, target, status);
        }
        let connection = &self.connection;
        let goes_on = !self.close.get()
            && !connection.body_is_unsure.get()
            && (connection.body.get().is_done() || connection.drain(connection.limits.drain).await);
        if goes_on { Next::Request } else { Next::Close }
    }

    /// Answers with a line of text that says what is wrong.
    async fn send_failure(&self, failure: &Failure) -> Result<(), Fault> {
        const TEXT: &[u8] = b"Content-Type: text/plain; charset=utf-8\r\n\r\n";
        // At most 9 names, with the commas.
        let mut fields = [0; 64 + TEXT.len() + 16];
        let mut used = 0;
        let mut put = |bytes: &[u8]| {
            if let Some(place) = fields.get_mut(used..used + bytes.len()) {
                place.copy_from_slice(bytes);
                used += bytes.len();
            }
        };
        if let Failure::NotAllowed(methods) = failure {
            let mut before: &[u8] = b"Allow: ";
            for method in methods.iter() {
                put(before);
                put(method.name().as_bytes());
                before = b", ";
            }
            put(if methods.is_empty() { b"Allow:\r\n" } else { b"\r\n" });
        }
        put(TEXT);
        let text = failure.text().as_bytes();
        let framing = Framing::Length(text.len() as u64 + 1);
        let start = Start::new(self, failure.status(), framing, true);
        let fields = fields.get(..used).unwrap_or_default();
        if self.without_body.get() {
            self.connection.write(start.as_bytes(), fields, &[0; 0]).await?;
        } else {
            self.connection.write(start.as_bytes(), fields, &(text, *b"\n")).await?;
        }
        self.progress.set(Progress::Whole);
        Ok(())
    }
}
