//! The service: control connections, and the streams of the test that runs.

use core::{
    future::{pending, poll_fn},
    pin::pin,
    task::Poll,
    time::Duration,
};

use layer::Instant;
use rt_regions::{Exhausted, Region};
use tasks::{Pace, TaskError, Tasks};
use tcp::{CongestionControl, Stream, StreamError};

use crate::{
    message::{
        ACCESS_DENIED, CLIENT_TERMINATE, COOKIE_LEN, CREATE_STREAMS, Cookie, DISPLAY_RESULTS,
        EXCHANGE_RESULTS, PARAM_EXCHANGE, Refusal, TEST_END, TEST_RUNNING, TEST_START,
    },
    parameters::Parameters,
    results::{self, Results},
    test::{Phase, Test},
};

/// The port of iperf3.
pub(crate) const PORT: u16 = 5201;

/// The most bytes that are given to a stream at once.
const BLOCK: usize = 16 << 10;
/// How many bytes are given to streams before others have their turn.
const SLICE: usize = 64 << 10;
/// The longest parameters in bytes, as iperf3 has it, and the longest results: enough for 128 streams.
const LONGEST_PARAMETERS: usize = 8 << 10;
const LONGEST_RESULTS: usize = 64 << 10;

/// How long a client may take for what it says, and for its connections.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long a test may run without a byte.
const IDLE: Duration = Duration::from_secs(120);
/// How much longer a test may take than the client wanted, as iperf3 has it.
const GRACE: Duration = Duration::from_secs(40);
/// How long results wait for what the client has sent and is not here.
const ARRIVAL: Duration = Duration::from_secs(5);
/// After how long a peer that says nothing is asked whether it is there.
const KEEPALIVE: Duration = Duration::from_secs(30);
/// The payload of a full segment on an Ethernet, with timestamps.
const SEGMENT: u64 = 1448;

/// What all connections share. It lies in the program's memory.
pub(crate) struct Service {
    /// What is sent again and again.
    block: &'static [u8],
    test: Test,
}

/// Why a test has no results.
enum Failure {
    /// The client is told.
    Refused(Refusal),
    /// The control connection is of no more use.
    Broken(StreamError),
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl From<StreamError> for Failure {
    fn from(error: StreamError) -> Self {
        match error {
            StreamError::TimedOut => Self::Refused(Refusal::IDLE),
            StreamError::Exhausted(_) => Self::Refused(Refusal::MEMORY),
            error => Self::Broken(error),
        }
    }
}

impl From<Exhausted> for Failure {
    fn from(_: Exhausted) -> Self {
        Self::Refused(Refusal::MEMORY)
    }
}

impl Service {
    pub(crate) fn new(tasks: &'static Tasks) -> Result<&'static Self, Exhausted> {
        let memory = tasks.memory();
        let block = memory.alloc_slice_with(BLOCK, |at| at as u8)?;
        Ok(memory.alloc(Self { block, test: Test::new(tasks) })?)
    }

    /// Serves one connection: the first of a test is its control connection, and the others of the same cookie are its
    /// streams.
    pub(crate) async fn serve(
        &self,
        stream: &Stream,
        region: &Region<'_>,
    ) -> Result<(), TaskError> {
        stream.set_nodelay(true);
        stream.set_keepalive(Some(KEEPALIVE));
        wait_for(stream, PATIENCE);
        let mut cookie: Cookie = [0; COOKIE_LEN];
        stream.read_exact(&mut cookie).await?;
        if let Some((at, parameters)) = self.test.join(&cookie, stream.peer()) {
            return self.carry(stream, at, &parameters).await;
        }
        if self.test.phase() != Phase::Free {
            return Ok(stream.send(&[ACCESS_DENIED][..]).await?);
        }
        let turn = self.test.begin(cookie);
        let outcome = self.control(stream, region).await;
        drop(turn);
        match outcome {
            Ok(()) => {
                // The next test may begin. Of this one, the client says that it has got the results, or leaves.
                wait_for(stream, PATIENCE);
                let _ = heard_before(stream, || false).await;
                Ok(())
            }
            Err(Failure::Broken(error)) => Err(error.into()),
            Err(Failure::Refused(refusal)) => {
                // The reset that ends the connection comes after the client has read it.
                let _ = say_and_part(stream, &refusal.bytes()).await;
                Err(refusal.into())
            }
        }
    }

    /// One test, from its parameters to its results.
    async fn control(&self, stream: &Stream, region: &Region<'_>) -> Result<(), Failure> {
        let test = &self.test;
        stream.send(&[PARAM_EXCHANGE][..]).await?;
        let text = message(stream, region, LONGEST_PARAMETERS, Refusal::PARAMETERS).await?;
        let parameters = Parameters::read(text)?;
        test.open(parameters);
        stream.send(&[CREATE_STREAMS][..]).await?;
        wait_for(stream, PATIENCE);
        match heard_before(stream, || test.is_complete()).await? {
            None => {}
            Some(CLIENT_TERMINATE) => return Ok(()),
            Some(_) => return Err(Refusal::MESSAGE.into()),
        }
        test.start();
        stream.send(&[TEST_START, TEST_RUNNING][..]).await?;
        match self.heard_while_running(stream, parameters.time).await? {
            TEST_END => self.note_retransmits(stream),
            CLIENT_TERMINATE => return Ok(()),
            _ => return Err(Refusal::MESSAGE.into()),
        }
        test.end();
        wait_for(stream, PATIENCE);
        stream.send(&[EXCHANGE_RESULTS][..]).await?;
        let text = message(stream, region, LONGEST_RESULTS, Refusal::RESULTS).await?;
        results::read(text, |id, bytes| test.expect(id, bytes)).ok_or(Refusal::RESULTS)?;
        // Some of it may be on its way yet, or lost. So that comes in, and counts.
        wait_for(stream, ARRIVAL);
        match heard_before(stream, || test.is_received()).await {
            Ok(None) | Err(StreamError::TimedOut) => {}
            Ok(Some(_)) => return Err(Refusal::MESSAGE.into()),
            Err(error) => return Err(error.into()),
        }
        self.send_results(stream, region, &parameters).await
    }

    /// What the client says while streams carry bytes.
    async fn heard_while_running(&self, stream: &Stream, seconds: u64) -> Result<u8, Failure> {
        let last = stream.now() + Duration::from_secs(seconds) + GRACE;
        let is_late = |now: Instant| seconds > 0 && now >= last;
        let mut before = 0;
        loop {
            let idle = stream.now() + IDLE;
            stream.set_deadline(Some(if seconds > 0 { idle.min(last) } else { idle }));
            match heard_before(stream, || false).await {
                Ok(Some(said)) => return Ok(said),
                Ok(None) => {}
                Err(StreamError::TimedOut) if is_late(stream.now()) => {
                    return Err(Refusal::TOO_LONG.into());
                }
                Err(StreamError::TimedOut) if self.test.total() > before => {}
                Err(error) => return Err(error.into()),
            }
            before = self.test.total();
        }
    }

    /// Notes what was sent again on each stream, as long as its connection is there.
    fn note_retransmits(&self, control: &Stream) {
        let local = control.local();
        control.connections().for_each(&mut |connection| {
            if connection.local == local {
                let segments = connection.retransmitted.div_ceil(SEGMENT);
                self.test.sent_again(connection.remote, segments);
            }
        });
    }

    async fn send_results(
        &self,
        stream: &Stream,
        region: &Region<'_>,
        parameters: &Parameters,
    ) -> Result<(), Failure> {
        let congestion = match parameters.congestion {
            CongestionControl::Cubic => "cubic",
            CongestionControl::NewReno => "reno",
        };
        let results =
            Results { sends: parameters.sends(), congestion, streams: self.test.results() };
        let text = region.format(format_args!("{results}"))?.as_bytes();
        let length = (text.len() as u32).to_be_bytes();
        Ok(stream.send((&length[..], (text, &[DISPLAY_RESULTS][..]))).await?)
    }

    /// Carries bytes on stream `at` of the test, which ends this task.
    async fn carry(
        &self,
        stream: &Stream,
        at: usize,
        parameters: &Parameters,
    ) -> Result<(), TaskError> {
        let test = &self.test;
        stream.set_deadline(None);
        stream.set_nodelay(parameters.nodelay);
        stream.set_tos(parameters.tos);
        stream.set_congestion_control(parameters.congestion);
        if at < parameters.each_way()[0] {
            while let Some(count) = stream.receive(|bytes| (bytes.len(), Some(bytes.len()))).await?
            {
                test.add(at, count);
            }
            return Ok(());
        }
        let has_started = || test.phase() == Phase::Running;
        poll_fn(|_| if has_started() { Poll::Ready(()) } else { Poll::Pending }).await;
        let block = &self.block[..parameters.block.min(BLOCK)];
        let mut pace = Pace::new(SLICE);
        loop {
            let count = test.take(block.len());
            if count == 0 {
                return pending().await;
            }
            let sent = stream.send_some(&block[..count]).await?;
            test.put_back(count - sent);
            test.add(at, sent);
            pace.spend(sent).await;
        }
    }
}

/// Whatever waits on this stream waits for so long.
fn wait_for(stream: &Stream, time: Duration) {
    stream.set_deadline(Some(stream.now() + time));
}

/// The next byte that the peer sends; or none, as soon as `done` says so, which is asked when this task is woken.
async fn heard_before(stream: &Stream, done: impl Fn() -> bool) -> Result<Option<u8>, StreamError> {
    let mut next = pin!(stream.receive(|bytes| (1, bytes.first().copied())));
    poll_fn(|context| {
        if done() {
            return Poll::Ready(Ok(None));
        }
        next.as_mut().poll(context).map(|heard| heard?.map(Some).ok_or(StreamError::Ended))
    })
    .await
}

/// A message of the peer behind its length, which is `most` at most.
async fn message<'r>(
    stream: &Stream,
    region: &'r Region<'_>,
    most: usize,
    refusal: Refusal,
) -> Result<&'r [u8], Failure> {
    let mut length = [0; 4];
    stream.read_exact(&mut length).await?;
    let length = u32::from_be_bytes(length) as usize;
    if length > most {
        return Err(refusal.into());
    }
    let text = region.alloc_slice_with(length, |_| 0)?;
    stream.read_exact(text).await?;
    Ok(text)
}

/// Sends the last that there is to say, and waits until the peer has ended the connection.
async fn say_and_part(stream: &Stream, last: &[u8]) -> Result<(), StreamError> {
    wait_for(stream, PATIENCE);
    stream.send(last).await?;
    stream.shutdown();
    while stream.receive(|bytes| (bytes.len(), Some(()))).await?.is_some() {}
    Ok(())
}
