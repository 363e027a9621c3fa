//! The service: which path is answered by what.

use core::time::Duration;

use http::{
    Answer, ByteStream, Clock, Config, Counters, Failure, Limits, Request, Response, Route,
};
use rt_regions::{Exhausted, Region};
use tasks::{TaskError, Tasks};

use crate::{budget::Budget, fibonacci, measure, site::FILES, sort};

/// The port of HTTP.
pub(crate) const PORT: u16 = 8080;

/// A path that is not a file.
#[derive(Clone, Copy)]
enum Path {
    Hello,
    Fibonacci,
    Sort,
    Bytes,
    Sum,
    Sink,
}

const ROUTES: [Route<Path>; 6] = [
    Route::get("/hello", Path::Hello),
    Route::get("/fib/{n}", Path::Fibonacci),
    Route::post("/sort", Path::Sort),
    Route::get("/bytes/{count}", Path::Bytes),
    Route::post("/sum", Path::Sum),
    Route::post("/sink", Path::Sink),
];

/// What all connections share. It lies in the program's memory.
pub(crate) struct Service {
    config: Config<'static>,
    counters: &'static Counters,
    /// What `/bytes` sends again and again.
    block: &'static [u8],
    /// What is left for requests that compute.
    budget: Budget,
}

impl Service {
    /// The service. `wall` says the time since the beginning of 1970, if that is known.
    pub(crate) fn new(
        tasks: &'static Tasks,
        wall: impl Fn() -> Option<Duration> + 'static,
    ) -> Result<&'static Self, Exhausted> {
        let memory = tasks.memory();
        let counters = &*memory.alloc(Counters::default())?;
        let wall = memory.alloc(wall)?;
        let clock = memory.alloc(Clock::new(wall))?;
        let mut limits = Limits::new();
        limits.body = measure::MOST;
        let config = Config::new().with_limits(limits).with_clock(clock).with_counters(counters);
        let block = memory.alloc_slice_with(measure::BLOCK, |at| at as u8)?;
        let budget = Budget::of(tasks.pool());
        Ok(memory.alloc(Self { config, counters, block, budget })?)
    }

    /// What is counted.
    pub(crate) fn counters(&self) -> &Counters {
        self.counters
    }

    /// Serves one connection.
    pub(crate) async fn serve<S: ByteStream>(
        &self,
        stream: &S,
        region: &Region<'_>,
    ) -> Result<(), TaskError> {
        http::serve(stream, region, &self.config, async |request, response| {
            self.answer(request, response).await
        })
        .await;
        Ok(())
    }

    async fn answer<S: ByteStream>(
        &self,
        request: Request<'_, S>,
        response: Response<'_, S>,
    ) -> Answer {
        let (path, [parameter, _]) = match request.route(&ROUTES) {
            Ok(found) => found,
            Err(Failure::Refused(404, _)) => return http::files(&FILES, request, response).await,
            Err(failure) => return Err(failure),
        };
        let reply = match path {
            Path::Bytes => return measure::bytes(parameter, self.block, response).await,
            Path::Hello => Reply::text(b"hello, world\n"),
            Path::Fibonacci => fibonacci::reply(parameter, &self.budget, request.region()).await?,
            Path::Sort => sort::reply(&self.budget, request).await?,
            Path::Sum | Path::Sink => measure::body(request, matches!(path, Path::Sum)).await?,
        };
        let response = response.status(reply.status).header("Content-Type", reply.media_type);
        let [first, second, third] = reply.body;
        response.send((first, (second, third))).await
    }
}

/// A reply that is sent at once.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reply<'r> {
    status: u16,
    media_type: &'static str,
    /// The body, in pieces.
    body: [&'r [u8]; 3],
}

impl<'r> Reply<'r> {
    /// This text.
    pub(crate) fn text(text: &'r [u8]) -> Self {
        Self { status: 200, media_type: "text/plain; charset=utf-8", body: [text, b"", b""] }
    }

    /// This line, which says what is wrong with the request.
    pub(crate) fn refusal(line: &'r [u8]) -> Self {
        Self { status: 400, ..Self::text(line) }
    }

    /// This JSON, in pieces.
    pub(crate) fn json(body: [&'r [u8]; 3]) -> Self {
        Self { status: 200, media_type: "application/json", body }
    }
}
