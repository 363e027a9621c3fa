//! The messages of this core.

mod read;

use core::{
    cell::Cell, fmt, future::poll_fn, hash::Hasher as _, mem::ManuallyDrop, pin::pin, task::Poll,
    time::Duration,
};

use cores::{Channel, Core};
use layer::{Counter, ServiceCounters, Setup};
use rt_regions::{Exhausted, Finite, PAGE_SIZE, Region, Slabs};
use siphasher::sip::SipHasher13;
use tasks::{Places, Tasks};

use crate::{
    AnswerError, AskError, Failure, NewError, Reply, SendError,
    asks::{Ask, Asks, Outcome},
    service::{Each, Function, Service},
    wire::{HEAD_LEN, Kind, tag},
};

/// How many questions of a core can wait at once.
pub const MAX_ASKS: usize = 256;

/// How many topics the services of a core can have.
pub const MAX_TOPICS: usize = 8;

/// What a message takes of a ring beside its bytes, at most: the head of the ring, ours, and what fills the last word.
const OVERHEAD: usize = 8 + HEAD_LEN + 7;

/// The longest text that says why there is no answer, in bytes.
const LONGEST_TEXT: usize = 256;

layer::service_counters! {
    /// What was counted of the messages of services.
    pub(crate) struct Counters of "messages" {
        /// Questions to other cores.
        asked,
        /// Questions of other cores that were answered.
        answered,
        /// Questions that got no answer.
        unanswered,
        /// Messages to other cores that nobody answers.
        sent,
        /// Messages and answers that were not sent: the other core is behind.
        no_room,
        /// Answers that came too late, or of which nobody has asked.
        late,
        /// Messages that cannot be read.
        malformed,
    }
}

/// Who has asked: a core, and the number of its question. Nobody waits for the answer to a message that was only sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Asker {
    pub(crate) core: usize,
    pub(crate) number: Option<u64>,
}

/// What answers the questions of a topic, and the topic.
type Answering = (u16, &'static dyn Service);

/// The messages of the services of this core: what they ask others, and what they answer. It lies in the program's memory.
pub struct Messages {
    core: Core,
    tasks: &'static Tasks,
    /// Where answers and questions lie until a task takes them.
    slabs: &'static Slabs<'static>,
    asks: Asks,
    services: [Cell<Option<Answering>>; MAX_TOPICS],
    longest: usize,
    /// Whether the task that reads them has something to do.
    has_mail: Cell<bool>,
    pub(crate) counters: Counters,
}

impl Messages {
    /// The messages of the core `core`: `rt.core()` in a program, whose tasks are `rt.tasks()`. No message is longer than `longest`
    /// bytes.
    ///
    /// Each core of a program makes its own, before it serves.
    ///
    /// # Errors
    /// See [`NewError`].
    pub fn new(
        core: Core,
        tasks: &'static Tasks,
        longest: usize,
    ) -> Result<&'static Self, NewError> {
        let memory = tasks.memory();
        // A third of each ring is for questions, one for answers, and one for messages that nobody answers. So what is asked has
        // room for its answer.
        let most = match core.capacity(Channel::Messages) / 3 {
            _ if core.is_alone() => MAX_ASKS,
            third if third < longest.saturating_add(OVERHEAD) => {
                return Err(NewError::TooLong {
                    length: longest,
                    most: third.saturating_sub(OVERHEAD),
                });
            }
            third => third / (longest + OVERHEAD),
        };
        let slabs = Slabs::new(tasks.pool(), "messages")
            .with_cap((tasks.pool().pages() / 16).max(4) * PAGE_SIZE);
        let slabs: &'static Slabs<'static> = memory.alloc(ManuallyDrop::new(slabs))?;
        let messages: &'static Self = memory.alloc(Self {
            core,
            tasks,
            slabs,
            asks: Asks::new(tasks, MAX_ASKS, core.count(), most, memory)?,
            services: [const { Cell::new(None) }; MAX_TOPICS],
            longest,
            has_mail: Cell::new(false),
            counters: Counters::default(),
        })?;
        if !core.is_alone() {
            messages.start_reading()?;
        }
        Ok(messages)
    }

    /// The core that these are the messages of.
    pub fn core(&self) -> Core {
        self.core
    }

    /// The tasks of the program.
    pub fn tasks(&self) -> &'static Tasks {
        self.tasks
    }

    pub(crate) fn slabs(&self) -> &'static Slabs<'static> {
        self.slabs
    }

    /// The core that has `key`: all cores say the same, and keys are spread evenly. Nobody can choose keys that are all of one core.
    pub fn core_of(&self, key: &[u8]) -> usize {
        let Some(seed) = self.core.shared_seed() else { return 0 };
        let seed = layer::seed_for(*b"keys", seed);
        let mut hasher = SipHasher13::new_with_keys(seed as u64, (seed >> 64) as u64);
        hasher.write(key);
        ((u128::from(hasher.finish()) * self.core.count() as u128) >> 64) as usize
    }

    /// Has `service` answer the questions of `topic` on this core: a function from a question to an answer, which lies in the region
    /// or lives longer. What it keeps and changes is in `Cell`s, or in a `RefCell` that it does not hold when it returns.
    ///
    /// # Errors
    /// See [`AnswerError`].
    pub fn answer<S>(&self, topic: u16, service: S) -> Result<(), AnswerError>
    where
        S: for<'r, 'p> Fn(&'r [u8], &'r Region<'p>) -> Reply<'r> + 'static,
    {
        self.add(topic, || Ok(self.tasks.memory().alloc(Function(service))?))
    }

    /// Starts a task for each question of `topic`, up to `limit` at a time: as [`answer`](Self::answer), but the function is async,
    /// so it may wait and ask others. A question that would be one too many is refused.
    ///
    /// Write the async closure in the call: `messages.answer_each(1, 32, async |question, region| ...)`.
    ///
    /// # Errors
    /// See [`AnswerError`].
    pub fn answer_each<S>(&self, topic: u16, limit: usize, service: S) -> Result<(), AnswerError>
    where
        S: for<'r> AsyncFn(&'r [u8], &'r Region<'static>) -> Reply<'r> + 'static,
    {
        let each = Each { service, places: Places::new(limit) };
        self.add(topic, || Ok(self.tasks.memory().alloc(each)?))
    }

    fn add(
        &self,
        topic: u16,
        service: impl FnOnce() -> Result<&'static dyn Service, Exhausted>,
    ) -> Result<(), AnswerError> {
        if self.service(topic).is_some() {
            return Err(AnswerError::InUse(topic));
        }
        let free = self.services.iter().find(|place| place.get().is_none());
        free.ok_or(AnswerError::Full)?.set(Some((topic, service()?)));
        Ok(())
    }

    fn service(&self, topic: u16) -> Option<&'static dyn Service> {
        let services = self.services.iter().filter_map(Cell::get);
        services.into_iter().find_map(|(of, service)| (of == topic).then_some(service))
    }

    /// Sends a message to the core `to`, whose service of `topic` gets it. Nobody waits for an answer, and nobody is told if that core
    /// has no such service. A message to this core is served at once.
    ///
    /// # Errors
    /// See [`SendError`]; nothing was sent.
    pub fn send(&'static self, to: usize, topic: u16, message: &[u8]) -> Result<(), SendError> {
        self.check(to, message)?;
        if to == self.core.index() {
            let room = Region::new(self.tasks.pool(), "message");
            let asker = Asker { core: to, number: None };
            // Nobody waits for what it says.
            let _ =
                self.service(topic).and_then(|service| service.serve(self, asker, message, &room));
            return Ok(());
        }
        // What is for questions and answers stays free.
        let kept = self.core.capacity(Channel::Messages) / 3 * 2;
        if self.core.room(to, Channel::Messages) < kept + message.len() + OVERHEAD
            || !self.put(to, Kind::Sent, topic, 0, message)
        {
            self.counters.no_room.add(1);
            return Err(SendError::NoRoom);
        }
        self.counters.sent.add(1);
        Ok(())
    }

    /// Asks the core `to`, and waits for the answer of its service of `topic`, which is then in `region`. To be awaited in a task.
    ///
    /// A question to this core goes to its service directly. To another core, so many are on their way that their answers have room;
    /// further ones wait for their turn, within `timeout`.
    ///
    /// # Errors
    /// See [`AskError`]: among others, there is no answer within `timeout`.
    pub async fn ask<'r>(
        &'static self,
        to: usize,
        topic: u16,
        question: &'r [u8],
        timeout: Duration,
        region: &'r Region<'_>,
    ) -> Result<&'r [u8], AskError<'r>> {
        let answer = self.try_ask(to, topic, question, timeout, region).await;
        self.counters.unanswered.add(answer.is_err().into());
        answer
    }

    async fn try_ask<'r>(
        &'static self,
        to: usize,
        topic: u16,
        question: &'r [u8],
        timeout: Duration,
        region: &'r Region<'_>,
    ) -> Result<&'r [u8], AskError<'r>> {
        self.check(to, question)?;
        let until = self.tasks.now() + timeout;
        let ask = self.asks.take(to).ok_or(AskError::Busy)?;
        if to == self.core.index() {
            let asker = Asker { core: to, number: Some(ask.number()) };
            let service = self.service(topic).ok_or(AskError::NoService { topic })?;
            match service.serve(self, asker, question, region) {
                Some(Ok(answer)) => return Ok(answer),
                Some(Err(Failure::Refused(text))) => return Err(AskError::Failed(text)),
                Some(Err(Failure::Exhausted(exhausted))) => return Err(exhausted.into()),
                None => {}
            }
        } else {
            let turn = || ask.is_its_turn().then_some(());
            self.wait(&ask, until, turn).await.ok_or_else(|| self.no_answer(to))?;
            self.counters.asked.add(1);
            if !self.put(to, Kind::Question, topic, ask.number(), question) {
                self.counters.no_room.add(1);
                return Err(SendError::NoRoom.into());
            }
            ask.sent();
        }
        let outcome = self.wait(&ask, until, || ask.take_outcome()).await;
        let (kind, bytes) = outcome.ok_or_else(|| self.no_answer(to))?;
        let bytes = region.alloc_slice(bytes?.get(HEAD_LEN..).unwrap_or_default())?;
        match kind {
            Kind::Answer => Ok(bytes),
            Kind::NoService => Err(AskError::NoService { topic }),
            _ => Err(AskError::Failed(str::from_utf8(bytes).unwrap_or("it cannot be read"))),
        }
    }

    /// Why there is no answer in time.
    fn no_answer(&self, to: usize) -> AskError<'static> {
        if self.has_ended(to) { SendError::Ended.into() } else { AskError::TimedOut }
    }

    fn has_ended(&self, to: usize) -> bool {
        self.core.shared().is_some_and(|cores| cores.has_finished(to))
    }

    /// Waits until `done` says something, but not beyond `until`.
    async fn wait<T>(
        &self,
        ask: &Ask,
        until: layer::Instant,
        mut done: impl FnMut() -> Option<T>,
    ) -> Option<T> {
        let mut sleep = pin!(self.tasks.sleep_until(until));
        poll_fn(|context| {
            ask.wait();
            match done() {
                Some(done) => Poll::Ready(Some(done)),
                None => sleep.as_mut().poll(context).map(|()| None),
            }
        })
        .await
    }

    /// Whether a message can be sent.
    fn check(&self, to: usize, message: &[u8]) -> Result<(), SendError> {
        let (length, most, count) = (message.len(), self.longest, self.core.count());
        match to {
            _ if to >= count => Err(SendError::NoSuchCore { count }),
            _ if length > most => Err(SendError::TooLong { length, most }),
            _ if to != self.core.index() && self.has_ended(to) => Err(SendError::Ended),
            _ => Ok(()),
        }
    }

    fn put(&self, to: usize, kind: Kind, topic: u16, number: u64, bytes: &[u8]) -> bool {
        let message = (number.to_le_bytes(), bytes);
        self.core.send(to, Channel::Messages, tag(kind, topic), &message)
    }

    /// Gives a question its answer.
    pub(crate) fn answer_to(&self, asker: Asker, reply: Reply<'_>) {
        let mut room = Finite::<LONGEST_TEXT>::new();
        let room = room.region("message.line");
        let (kind, bytes) = match reply {
            Ok(bytes) if bytes.len() > self.longest => {
                let (length, most) = (bytes.len(), self.longest);
                let text =
                    format_args!("the answer has {length} bytes: {most} at most are allowed");
                (Kind::Failed, line(&room, text))
            }
            Ok(bytes) => (Kind::Answer, bytes),
            Err(Failure::Refused(text)) => (Kind::Failed, text.as_bytes()),
            Err(failure) => (Kind::Failed, line(&room, format_args!("{failure}"))),
        };
        // A text that is too long is cut.
        let length = str::from_utf8(bytes)
            .map_or(bytes.len(), |text| text.floor_char_boundary(self.longest));
        self.tell(asker, kind, &bytes[..length.min(bytes.len())]);
    }

    fn tell(&self, asker: Asker, kind: Kind, bytes: &[u8]) {
        let Some(number) = asker.number else { return };
        if asker.core != self.core.index() {
            let is_sent = self.put(asker.core, kind, 0, number, bytes);
            self.counters.answered.add(is_sent.into());
            self.counters.no_room.add((!is_sent).into());
            return;
        }
        let stored = self.slabs.alloc_default(HEAD_LEN + bytes.len()).map(|mut stored| {
            stored[HEAD_LEN..].copy_from_slice(bytes);
            stored
        });
        self.finish(number, (kind, stored));
    }

    fn finish(&self, number: u64, outcome: Outcome) {
        let is_late = !self.asks.finish(number, outcome);
        self.counters.late.add(is_late.into());
    }
}

/// Formats the text into `room`, or a shorter text if it does not fit.
fn line<'r>(room: &'r Region<'_>, text: fmt::Arguments<'_>) -> &'r [u8] {
    room.format(text).map_or(b"out of memory", |text| text.as_bytes())
}

/// What it counts: of this core, as all counters.
impl ServiceCounters for Messages {
    fn visit(&self, visit: &mut dyn FnMut(Counter)) {
        self.counters.visit(visit);
    }

    fn configure(&self, setup: &mut Setup<'_>) {
        self.counters.configure(setup);
    }
}

impl fmt::Debug for Messages {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Messages").field("core", &self.core).finish_non_exhaustive()
    }
}
