//! The page over HTTP.

use http::{Answer, ByteStream, Config, Limits};
use rt_regions::Region;

use crate::{Board, Request};

impl Board {
    /// Serves the page on one connection, until its end. `region` is the connection's. A connection from a host that is not
    /// [permitted](Self::permits) is reset.
    ///
    /// ```
    /// use network::Network;
    /// use page::Board;
    /// use tcp::{BindError, Tcp};
    ///
    /// fn bind<I: Network>(tcp: &mut Tcp<I>, port: u16, board: &'static Board) -> Result<(), BindError> {
    ///     tcp.bind(port, async move |stream, region| Ok(board.serve(stream, region).await))
    /// }
    /// ```
    pub async fn serve<S: ByteStream>(&'static self, stream: &S, region: &Region<'_>) {
        if !self.permits(stream.peer().ip()) {
            stream.abort();
            return;
        }
        // A request has no body.
        let mut limits = Limits::new();
        limits.body = 0;
        let config = Config::new().with_limits(limits);
        http::serve(stream, region, &config, async |request, response| {
            self.respond(request, response).await
        })
        .await;
    }

    async fn respond<S: ByteStream>(
        &'static self,
        request: http::Request<'_, S>,
        response: http::Response<'_, S>,
    ) -> Answer {
        self.refresh().await;
        let host = request.host();
        let answer = self.answer(
            Request {
                method: request.method_name(),
                target: request.target(),
                host: (!host.is_empty()).then_some(host),
            },
            request.region(),
        )?;
        let response = response.status(answer.status);
        let headers = answer.headers.iter();
        let response = headers.fold(response, |all, (name, value)| all.header(name, value));
        response.send(answer.body).await
    }
}
