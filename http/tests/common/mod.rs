//! A stream in memory, with what comes written down beforehand, and a loop that polls one future.

#![allow(dead_code, reason = "not every test uses all of it")]

use std::{
    cell::{Cell, RefCell},
    collections::VecDeque,
    error::Error,
    fmt,
    future::poll_fn,
    mem::MaybeUninit,
    net::SocketAddr,
    pin::pin,
    rc::Rc,
    task::{Context, Poll, Waker},
    time::Duration,
};

use http::{Answer, ByteStream, Config, Request, Response};
use layer::{Instant, Payload};
use rt_regions::{Pool, Region};

/// What comes from the peer, in its order.
#[derive(Clone, Debug)]
pub(crate) enum Event {
    /// These bytes.
    Bytes(Vec<u8>),
    /// Nothing for so long.
    Wait(Duration),
    /// The peer has sent all.
    End,
    /// The connection breaks.
    Reset,
}

/// Why the fake fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FakeError {
    /// The deadline has passed.
    Late,
    /// The connection was broken by the peer.
    Reset,
    /// The buffer is full.
    Full,
}

impl fmt::Display for FakeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self:?}")
    }
}

impl Error for FakeError {}

/// How the connection was ended by the program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ended {
    /// It was not.
    Open,
    /// All was sent, and the peer was told.
    Shutdown,
    /// It was broken.
    Aborted,
}

/// A stream in memory. When the events are used up, nothing comes any more, and time passes until a deadline.
pub(crate) struct Fake {
    events: RefCell<VecDeque<Event>>,
    /// What has come and is not done with.
    buffer: RefCell<Vec<u8>>,
    /// How many bytes that holds at most.
    pub(crate) capacity: Cell<usize>,
    /// What was sent: one entry for each call of `send`.
    pub(crate) sent: RefCell<Vec<Vec<u8>>>,
    /// How many bytes the peer takes; `send` waits for ever after that.
    pub(crate) window: Cell<usize>,
    pub(crate) now: Cell<Instant>,
    deadline: Cell<Option<Instant>>,
    pub(crate) ended: Cell<Ended>,
    has_ended: Cell<bool>,
    /// How often `receive` was called.
    pub(crate) receives: Cell<usize>,
}

impl Fake {
    pub(crate) fn new(events: impl IntoIterator<Item = Event>) -> Self {
        Self {
            events: RefCell::new(events.into_iter().collect()),
            buffer: RefCell::default(),
            capacity: Cell::new(1 << 16),
            sent: RefCell::default(),
            window: Cell::new(usize::MAX),
            now: Cell::new(Instant::from_millis(1_000)),
            deadline: Cell::new(None),
            ended: Cell::new(Ended::Open),
            has_ended: Cell::new(false),
            receives: Cell::new(0),
        }
    }

    /// A peer that sends `bytes` in pieces of `size`, and then ends its side.
    pub(crate) fn pieces(bytes: &[u8], size: usize) -> Self {
        let pieces = bytes.chunks(size.max(1)).map(|piece| Event::Bytes(piece.to_vec()));
        Self::new(pieces.chain([Event::End]))
    }

    /// All that was sent.
    pub(crate) fn output(&self) -> Vec<u8> {
        self.sent.borrow().concat()
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.output()).into_owned()
    }

    fn is_late(&self) -> bool {
        self.deadline.get().is_some_and(|deadline| self.now.get() >= deadline)
    }

    /// Time passes until the deadline.
    fn wait(&self) -> FakeError {
        let Some(deadline) = self.deadline.get() else { panic!("it waits for ever") };
        self.now.set(deadline.max(self.now.get()));
        FakeError::Late
    }
}

/// A future that is ready when it is polled the second time.
async fn pause() {
    let mut polled = false;
    poll_fn(|_| if std::mem::replace(&mut polled, true) { Poll::Ready(()) } else { Poll::Pending })
        .await;
}

impl ByteStream for Fake {
    type Error = FakeError;

    async fn receive<T>(
        &self,
        mut look: impl FnMut(&[u8]) -> (usize, Option<T>),
    ) -> Result<Option<T>, FakeError> {
        self.receives.set(self.receives.get() + 1);
        let mut is_new = !self.buffer.borrow().is_empty();
        loop {
            if self.is_late() {
                return Err(FakeError::Late);
            }
            if is_new {
                let mut buffer = self.buffer.borrow_mut();
                let (taken, found) = look(&buffer);
                buffer.drain(..taken);
                if found.is_some() {
                    return Ok(found);
                }
                if taken == 0 && buffer.len() >= self.capacity.get() {
                    return Err(FakeError::Full);
                }
                is_new = false;
            }
            if self.has_ended.get() {
                return Ok(None);
            }
            pause().await;
            let event = self.events.borrow_mut().pop_front();
            match event {
                Some(Event::Bytes(mut bytes)) => {
                    let mut buffer = self.buffer.borrow_mut();
                    let room = self.capacity.get().saturating_sub(buffer.len());
                    if bytes.len() > room {
                        let rest = bytes.split_off(room);
                        self.events.borrow_mut().push_front(Event::Bytes(rest));
                    }
                    buffer.extend_from_slice(&bytes);
                    is_new = true;
                }
                Some(Event::Wait(time)) => {
                    let until = self.now.get() + time;
                    match self.deadline.get() {
                        Some(deadline) if deadline < until => {
                            let left = until.since(deadline);
                            self.events.borrow_mut().push_front(Event::Wait(left));
                            return Err(self.wait());
                        }
                        _ => self.now.set(until),
                    }
                }
                Some(Event::End) => self.has_ended.set(true),
                Some(Event::Reset) => {
                    self.events.borrow_mut().push_front(Event::Reset);
                    return Err(FakeError::Reset);
                }
                None => return Err(self.wait()),
            }
        }
    }

    async fn send(&self, payload: impl Payload) -> Result<(), FakeError> {
        assert_eq!(self.ended.get(), Ended::Open, "sent after the end");
        if self.is_late() {
            return Err(FakeError::Late);
        }
        let mut bytes = vec![0; payload.len()];
        payload.copy_to(0, &mut bytes);
        let mut visited = Vec::new();
        payload.visit(0, bytes.len(), &mut |piece| visited.extend_from_slice(piece));
        assert_eq!(visited, bytes);
        if bytes.len() > self.window.get() {
            bytes.truncate(self.window.replace(0));
            self.sent.borrow_mut().push(bytes);
            return Err(self.wait());
        }
        self.window.set(self.window.get() - bytes.len());
        self.sent.borrow_mut().push(bytes);
        pause().await;
        Ok(())
    }

    fn set_deadline(&self, deadline: Option<Instant>) {
        self.deadline.set(deadline);
    }

    fn now(&self) -> Instant {
        self.now.get()
    }

    fn peer(&self) -> SocketAddr {
        ([192, 0, 2, 7], 50_000).into()
    }

    fn shutdown(&self) {
        assert_eq!(self.ended.replace(Ended::Shutdown), Ended::Open);
    }

    fn abort(&self) {
        self.ended.set(Ended::Aborted);
    }
}

/// Polls `future` until it is done.
pub(crate) fn block_on<T>(future: impl Future<Output = T>) -> T {
    let mut future = pin!(future);
    let mut context = Context::from_waker(Waker::noop());
    for _ in 0..10_000_000 {
        if let Poll::Ready(done) = future.as_mut().poll(&mut context) {
            return done;
        }
    }
    panic!("the future does not end");
}

/// Calls `test` with a region that holds at most `pages`, and checks that all pages come back.
pub(crate) fn with_region<T>(pages: usize, test: impl FnOnce(&Region<'_>) -> T) -> T {
    let mut memory = vec![MaybeUninit::uninit(); (pages + 2) * 4_096];
    let pool = Pool::new(&mut memory);
    let result = {
        let region = Region::new(&pool, "connection").with_cap(pages * 4_096);
        test(&region)
    };
    assert_eq!(pool.free_pages(), pool.pages());
    result
}

/// Serves what comes on `fake`.
pub(crate) fn serve_with<H>(fake: &Fake, config: &Config<'_>, handler: H)
where
    H: for<'r> AsyncFn(Request<'r, Fake>, Response<'r, Fake>) -> Answer,
{
    with_region(40, |region| block_on(http::serve(fake, region, config, handler)));
}

/// Two streams, of which each receives what is sent on the other one.
pub(crate) fn pair() -> [End; 2] {
    let lanes = Rc::new([Lane::default(), Lane::default()]);
    [End { lanes: lanes.clone(), own: 0 }, End { lanes, own: 1 }]
}

/// One of two streams.
pub(crate) struct End {
    lanes: Rc<[Lane; 2]>,
    /// The lane on which this end sends.
    own: usize,
}

#[derive(Default)]
struct Lane {
    bytes: RefCell<Vec<u8>>,
    has_ended: Cell<bool>,
}

impl ByteStream for End {
    type Error = FakeError;

    async fn receive<T>(
        &self,
        mut look: impl FnMut(&[u8]) -> (usize, Option<T>),
    ) -> Result<Option<T>, FakeError> {
        let lane = &self.lanes[1 - self.own];
        let mut seen = 0;
        loop {
            let has_ended = lane.has_ended.get();
            if lane.bytes.borrow().len() > seen {
                let mut bytes = lane.bytes.borrow_mut();
                let (taken, found) = look(&bytes);
                bytes.drain(..taken);
                seen = bytes.len();
                if found.is_some() {
                    return Ok(found);
                }
            }
            if has_ended {
                return Ok(None);
            }
            pause().await;
        }
    }

    /// A few bytes at a time.
    async fn send(&self, payload: impl Payload) -> Result<(), FakeError> {
        for start in (0..payload.len()).step_by(700) {
            let mut piece = vec![0; 700.min(payload.len() - start)];
            payload.copy_to(start, &mut piece);
            self.lanes[self.own].bytes.borrow_mut().extend_from_slice(&piece);
            pause().await;
        }
        Ok(())
    }

    fn set_deadline(&self, _: Option<Instant>) {}

    fn now(&self) -> Instant {
        Instant::ZERO
    }

    fn peer(&self) -> SocketAddr {
        ([192, 0, 2, 8], 80).into()
    }

    fn shutdown(&self) {
        self.lanes[self.own].has_ended.set(true);
    }

    fn abort(&self) {
        self.shutdown();
    }
}

/// Polls both futures in turn until both are done.
pub(crate) async fn join<A>(one: impl Future<Output = A>, other: impl Future<Output = ()>) -> A {
    let (mut one, mut other) = (pin!(one), pin!(other));
    let (mut result, mut is_done) = (None, false);
    poll_fn(move |context| {
        if result.is_none()
            && let Poll::Ready(value) = one.as_mut().poll(context)
        {
            result = Some(value);
        }
        is_done = is_done || other.as_mut().poll(context).is_ready();
        if is_done { result.take().map_or(Poll::Pending, Poll::Ready) } else { Poll::Pending }
    })
    .await
}
