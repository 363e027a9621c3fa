//! The service: what it keeps, and the port and the tasks that use it.

use core::{
    cell::{Cell, RefCell},
    mem::ManuallyDrop,
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use layer::{Instant, Networks};
use network::Network;
use request::Excerpt;
use rt_regions::{Exhausted, Region, RegionVec, Slabs};
use tasks::{TaskError, Tasks, yield_now};
use udp::{BindError, Failure, Reply, Sockets, Udp};

use crate::{
    options::Options,
    protocol::{DELETED, LONGEST_VALUE, NOT_FOUND, PEEK, Request, STORED, VALUE},
    store::Store,
};

/// The port of the service.
pub(crate) const PORT: u16 = 8080;
/// How many questions to the other server may wait for their answers.
pub(crate) const QUESTIONS: usize = 64;
/// How many requests may be in work, where there is another server: those that are answered at once have room beside those
/// that wait.
pub(crate) const REQUESTS: usize = QUESTIONS + 32;
/// How long the other server may take.
pub(crate) const TIMEOUT: Duration = Duration::from_secs(2);
/// How long its answers are kept.
pub(crate) const KEPT_FOR: Duration = Duration::from_secs(60);
/// How often entries are looked for that have expired.
pub(crate) const SWEEP_EVERY: Duration = Duration::from_secs(1);
/// How many of them are removed before others have their turn.
const SWEEP_AT_ONCE: usize = 64;

layer::service_counters! {
    /// What the service counts.
    pub(crate) struct Counters of "kv" {
        /// Entries that there are, with those that have expired and were not removed yet.
        entries,
        /// Keys that were there.
        hits,
        /// Keys that were not there.
        misses,
        /// Values that clients have set.
        stored,
        /// Keys that clients have deleted.
        deleted,
        /// Entries that expired and were removed.
        expired,
        /// Entries that had to go because there was no room.
        evicted,
        /// Requests that were wrong.
        refused,
        /// Requests that another core was asked, which has the key.
        passed,
        /// Requests of hosts that are no clients.
        not_allowed,
        /// Questions to the other server.
        asked,
        /// Its answers that were kept.
        kept,
        /// Questions that it did not answer, or not in a way that can be understood.
        unanswered,
        /// Requests that were not passed on: as many questions as are allowed were waiting.
        busy,
    }
}

/// What the port and the tasks share. It lies in the program's memory and is never dropped.
pub(crate) struct Service {
    store: RefCell<Store<'static>>,
    counters: Counters,
    clients: Networks,
    upstream: Option<SocketAddr>,
    questions: Cell<usize>,
}

/// What a request comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step<'r> {
    Reply(&'r [u8]),
    /// Here is no such key; another server may have it.
    Ask(&'r [u8]),
}

impl Service {
    /// The service, with entries that take `cap` bytes at most. `seed` is a secret; layers may share it.
    pub(crate) fn new(
        options: &Options,
        cap: usize,
        seed: u128,
        memory: &'static Region<'static>,
    ) -> Result<&'static Self, Exhausted> {
        // What lives as long as the program needs no destructor.
        let slabs = Slabs::new(memory.require_pool()?, "kv.entries").with_cap(cap);
        let slabs: &'static Slabs<'static> = memory.alloc(ManuallyDrop::new(slabs))?;
        let service = ManuallyDrop::new(Self {
            store: RefCell::new(Store::new(slabs, seed)),
            counters: Counters::default(),
            clients: options.clients,
            upstream: options.upstream,
            questions: Cell::new(0),
        });
        Ok(&**memory.alloc(service)?)
    }

    /// What is counted.
    pub(crate) fn counters(&self) -> &Counters {
        &self.counters
    }

    /// Whether another server is asked for what is not here.
    #[cfg(feature = "cores")]
    pub(crate) fn has_upstream(&self) -> bool {
        self.upstream.is_some()
    }

    /// Puts the service on its port, and starts the task that removes what has expired.
    ///
    /// Where all answers are here, a function gives them. Where another server may have to be asked, each request is a task.
    pub(crate) fn bind<I: Network>(
        &'static self,
        udp: &mut Udp<'static, I, &'static Sockets>,
    ) -> Result<(), BindError> {
        let sockets = udp.sockets();
        if self.upstream.is_none() {
            udp.bind_datagram(PORT, |datagram, region| {
                let request = self.read(datagram.source().ip(), datagram.payload(), region)?;
                match self.apply(datagram.now(), request, region)? {
                    Step::Reply(reply) => Ok(reply),
                    Step::Ask(_) => Ok(NOT_FOUND),
                }
            })?;
        } else {
            udp.spawn_each_datagram(PORT, REQUESTS, async move |datagram, region| {
                let request = self.read(datagram.source().ip(), datagram.payload(), region)?;
                self.finish(sockets, datagram.now(), request, region).await
            })?;
        }
        self.start_sweep(sockets.tasks())
    }

    /// Starts the task that removes what has expired.
    pub(crate) fn start_sweep(&'static self, tasks: &'static Tasks) -> Result<(), BindError> {
        tasks.spawn("kv.sweep", async move |_| self.sweep(tasks).await)?;
        Ok(())
    }

    /// Reads the request of a client.
    pub(crate) fn read<'r>(
        &self,
        source: IpAddr,
        request: &'r [u8],
        region: &'r Region<'_>,
    ) -> Result<Request<'r>, Failure<'r>> {
        if !self.clients.contains(source) {
            self.counters.not_allowed.add(1);
            return Err(Failure::Silent);
        }
        Request::parse(request).or_else(|wrong| {
            self.counters.refused.add(1);
            Err(Failure::Refused(region.format(format_args!("{wrong}"))?))
        })
    }

    /// Does what a request asks for, and asks the other server if need be and there is one.
    pub(crate) async fn finish<'r>(
        &'static self,
        sockets: &'static Sockets,
        now: Instant,
        request: Request<'r>,
        region: &'r Region<'_>,
    ) -> Reply<'r> {
        match (self.apply(now, request, region)?, self.upstream) {
            (Step::Reply(reply), _) => Ok(reply),
            (Step::Ask(_), None) => Ok(NOT_FOUND),
            (Step::Ask(key), Some(upstream)) => self.ask(sockets, upstream, key, region).await,
        }
    }

    /// Does what a request asks for, as far as that can be done at once.
    pub(crate) fn apply<'r>(
        &self,
        now: Instant,
        request: Request<'r>,
        region: &'r Region<'_>,
    ) -> Result<Step<'r>, Failure<'r>> {
        let Self { counters, .. } = self;
        match request {
            Request::Get(key) => {
                Ok(self.get(key, now, region)?.map_or(Step::Ask(key), Step::Reply))
            }
            Request::Peek(key) => Ok(Step::Reply(self.get(key, now, region)?.unwrap_or(NOT_FOUND))),
            Request::Delete(key) => {
                let was_there = self.store.borrow_mut().delete(key, now);
                counters.deleted.add(was_there.into());
                self.count_entries();
                layer::log!(counters.log(), "kv: del {=[u8]:a}", key);
                Ok(Step::Reply(if was_there { DELETED } else { NOT_FOUND }))
            }
            Request::Set { key, value, seconds } => {
                let deadline = seconds.map(|seconds| now + Duration::from_secs(seconds.into()));
                self.set(key, value, deadline)?;
                counters.stored.add(1);
                layer::log!(counters.log(), "kv: set {=[u8]:a}, {} bytes", key, value.len());
                Ok(Step::Reply(STORED))
            }
        }
    }

    /// The reply with the value of a key, if it is here.
    fn get<'r>(
        &self,
        key: &[u8],
        now: Instant,
        region: &'r Region<'_>,
    ) -> Result<Option<&'r [u8]>, Exhausted> {
        let store = self.store.borrow();
        let Some(value) = store.get(key, now) else {
            self.counters.misses.add(1);
            return Ok(None);
        };
        self.counters.hits.add(1);
        Ok(Some(joined(VALUE, value, region)?))
    }

    fn set(&self, key: &[u8], value: &[u8], deadline: Option<Instant>) -> Result<(), Exhausted> {
        let set = self.store.borrow_mut().set(key, value, deadline);
        self.count_entries();
        set
    }

    fn count_entries(&self) {
        let store = self.store.borrow();
        self.counters.entries.set(store.len() as u64);
        self.counters.evicted.set(store.evicted());
    }

    /// Asks the other server for a key, and keeps its answer for a while.
    async fn ask<'r>(
        &'static self,
        sockets: &'static Sockets,
        upstream: SocketAddr,
        key: &[u8],
        region: &'r Region<'_>,
    ) -> Reply<'r> {
        let Self { counters, .. } = self;
        let Some(_turn) = Turn::of(&self.questions) else {
            counters.busy.add(1);
            let text = format_args!(
                "kv: {} is not here, and {QUESTIONS} questions wait for {upstream} already: ask again later",
                Excerpt(key)
            );
            return Err(Failure::Refused(region.format(text)?));
        };
        counters.asked.add(1);
        layer::log!(counters.log(), "kv: ask for {=[u8]:a}", key);
        let question = joined(PEEK, key, region)?;
        let answer = match sockets.ask(upstream, question, TIMEOUT, region).await {
            Ok(answer) => answer,
            Err(error) => {
                counters.unanswered.add(1);
                let key = Excerpt(key);
                let text = format_args!("kv: {key} is not here, and of {upstream}: {error}");
                return Err(Failure::Refused(region.format(text)?));
            }
        };
        let now = sockets.tasks().now();
        // What a client has set meanwhile is newer.
        if let Some(value) = self.store.borrow().get(key, now) {
            return Ok(joined(VALUE, value, region)?);
        }
        if answer == NOT_FOUND {
            return Ok(NOT_FOUND);
        }
        match answer.strip_prefix(VALUE).filter(|value| value.len() <= LONGEST_VALUE) {
            Some(value) => {
                // The client has its answer even if there is no room to keep it.
                counters.kept.add(self.set(key, value, Some(now + KEPT_FOR)).is_ok().into());
                Ok(answer)
            }
            None => {
                counters.unanswered.add(1);
                let text = format_args!(
                    "kv: {} is not here, and {upstream} does not understand: {}",
                    Excerpt(key),
                    Excerpt(answer)
                );
                Err(Failure::Refused(region.format(text)?))
            }
        }
    }

    /// Removes what has expired, some at a time, for ever.
    async fn sweep(&self, tasks: &'static Tasks) -> Result<(), TaskError> {
        loop {
            tasks.sleep(SWEEP_EVERY).await;
            loop {
                let expired = self.store.borrow_mut().expire(tasks.now(), SWEEP_AT_ONCE);
                self.counters.expired.add(expired as u64);
                self.count_entries();
                if expired < SWEEP_AT_ONCE {
                    break;
                }
                yield_now().await;
            }
        }
    }
}

/// One text after the other.
fn joined<'r>(one: &[u8], other: &[u8], region: &'r Region<'_>) -> Result<&'r [u8], Exhausted> {
    let mut text = RegionVec::with_capacity(one.len() + other.len(), region)?;
    text.extend_from_slice(one)?;
    text.extend_from_slice(other)?;
    Ok(text.into_slice())
}

/// One of the questions that wait, until it is dropped.
struct Turn<'c>(&'c Cell<usize>);

impl<'c> Turn<'c> {
    /// None if as many wait as are allowed.
    fn of(waiting: &'c Cell<usize>) -> Option<Self> {
        (waiting.get() < QUESTIONS).then(|| {
            waiting.set(waiting.get() + 1);
            Self(waiting)
        })
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.0.set(self.0.get() - 1);
    }
}
