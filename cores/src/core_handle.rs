//! A core among several, as its program sees it.

mod announced;
mod published;

use core::{cell::Cell, error::Error, fmt, time::Duration};

use layer::{ClaimError, Instant, Payload};
use rt_regions::{Exhausted, Region};

use crate::{
    atomic::Ordering,
    claims::Claim,
    ring::{Message, Receiver, Sender},
    shared::{Channel, Cores},
};

pub use published::Publishing;

layer::counters! {
    /// What a core counted of its messages.
    pub struct Counters of "cores" {
        /// Messages sent to other cores.
        messages_tx,
        /// Messages taken from other cores.
        messages_rx,
        /// Not sent: the other core is behind, and has no room for them.
        no_room,
    }
}

/// Why a core cannot join the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum JoinError {
    /// There are fewer cores, or this one has joined before.
    NotFree,
    /// There is no memory for its ends of the rings.
    Exhausted(Exhausted),
}

impl fmt::Display for JoinError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotFree => f.write_str("there is no such core, or it has joined before"),
            Self::Exhausted(exhausted) => exhausted.fmt(f),
        }
    }
}

impl Error for JoinError {}

impl From<Exhausted> for JoinError {
    fn from(exhausted: Exhausted) -> Self {
        Self::Exhausted(exhausted)
    }
}

/// What a core has of its own.
struct Member {
    index: usize,
    cores: &'static Cores,
    /// For each core and each channel of the mesh.
    senders: &'static [Sender<'static>],
    receivers: &'static [Receiver<'static>],
    /// Of [`Channel::Wire`]: for each other core, if this is the first one, or for that one.
    wires_out: &'static [Sender<'static>],
    wires_in: &'static [Receiver<'static>],
    /// Whom to ask next, for each channel.
    turn: [Cell<usize>; Channel::COUNT],
    /// What is called when a message of services waits.
    listener: Cell<Option<&'static dyn Fn()>>,
    counters: Cell<Counters>,
    /// When it first slept, and for how long it has slept since.
    since: Cell<Option<Instant>>,
    idle: Cell<Duration>,
    /// How often it has slept.
    sleeps: Cell<u64>,
    /// The edition of the notice that it has read last, if it reads that.
    read: Cell<Option<u64>>,
    published: published::State,
}

/// The core that this tower, this service and this loop run on. It stays on its core: it cannot be sent to another one.
///
/// A program with one core has [`Core::ALONE`], which has nobody to talk to.
#[derive(Clone, Copy, Default)]
pub struct Core(Option<&'static Member>);

impl Core {
    /// The only core of a program.
    pub const ALONE: Self = Self(None);

    /// The core with the number `index`, from 0. Its ends of the rings are in `memory`, the core's own.
    ///
    /// # Errors
    /// See [`JoinError`].
    pub fn join(
        cores: &'static Cores,
        index: usize,
        memory: &'static Region<'static>,
    ) -> Result<Self, JoinError> {
        if index >= cores.count() || cores.slot(index).joined.swap(true, Ordering::AcqRel) {
            return Err(JoinError::NotFree);
        }
        let ends = cores.count() * Channel::MESH;
        let place = |end: usize| (end / Channel::MESH, end % Channel::MESH);
        let senders = memory.alloc_slice_with(ends, |end| {
            let (to, channel) = place(end);
            Sender::new(cores.ring(index, to, channel))
        })?;
        let receivers = memory.alloc_slice_with(ends, |end| {
            let (from, channel) = place(end);
            Receiver::new(cores.ring(from, index, channel))
        })?;
        let wires = cores.wires_of(index);
        let is_first = index == 0;
        let other = |nth: usize| if is_first { nth + 1 } else { index };
        let wires_out =
            memory.alloc_slice_with(wires, |nth| Sender::new(cores.wire(other(nth), is_first)))?;
        let wires_in = memory
            .alloc_slice_with(wires, |nth| Receiver::new(cores.wire(other(nth), !is_first)))?;
        let turn = [const { Cell::new(0) }; Channel::COUNT];
        let counters = Cell::new(Counters::default());
        let (since, idle) = (Cell::new(None), Cell::new(Duration::ZERO));
        let read = Cell::new(None);
        let (listener, published) = (Cell::new(None), published::State::default());
        let member = Member {
            index,
            cores,
            senders,
            receivers,
            wires_out,
            wires_in,
            turn,
            listener,
            counters,
            since,
            idle,
            sleeps: Cell::new(0),
            read,
            published,
        };
        Ok(Self(Some(memory.alloc(member)?)))
    }

    /// Its number, from 0.
    #[inline]
    pub fn index(self) -> usize {
        self.0.map_or(0, |member| member.index)
    }

    /// How many cores the program has.
    #[inline]
    pub fn count(self) -> usize {
        self.0.map_or(1, |member| member.cores.count())
    }

    /// Whether it is the first one, which does what is done once for all.
    #[inline]
    pub fn is_first(self) -> bool {
        self.index() == 0
    }

    /// Whether it is the only one.
    #[inline]
    pub fn is_alone(self) -> bool {
        self.0.is_none()
    }

    /// All other cores.
    pub fn others(self) -> impl Iterator<Item = usize> {
        (0..self.count()).filter(move |core| *core != self.index())
    }

    /// A secret that all cores have in common, if there are several.
    pub fn shared_seed(self) -> Option<u128> {
        self.0.map(|member| member.cores.seed())
    }

    /// What it shares with the others, if there are others.
    pub fn shared(self) -> Option<&'static Cores> {
        self.0.map(|member| member.cores)
    }

    /// The way to the core `to`, if there is one.
    #[inline]
    fn way(
        self,
        to: usize,
        channel: Channel,
    ) -> Option<(&'static Member, &'static Sender<'static>)> {
        let member = self.0.filter(|member| to < member.cores.count() && to != member.index)?;
        let sender = match channel {
            Channel::Wire if member.index == 0 => member.wires_out.get(to - 1),
            Channel::Wire => member.wires_out.first().filter(|_| to == 0),
            channel => member.senders.get(to * Channel::MESH + channel as usize),
        };
        Some((member, sender?))
    }

    /// How many bytes of messages, with a head of 8 bytes for each, the ring to the core `to` takes before it has no room. Each
    /// message is filled up to a multiple of 8 bytes. 0 if there is no such way.
    pub fn room(self, to: usize, channel: Channel) -> usize {
        self.way(to, channel).map_or(0, |(_, sender)| sender.room())
    }

    /// Whether the ring to the core `to` has room for a message of this length now. False if there is no such way.
    #[inline]
    pub fn has_room(self, to: usize, channel: Channel, length: usize) -> bool {
        self.way(to, channel).is_some_and(|(_, sender)| sender.has_room(length))
    }

    /// Lets the other cores go on for some microseconds; see [`Doorbell::pause`](crate::Doorbell::pause).
    pub fn pause(self) {
        if let Some(member) = self.0 {
            member.cores.pause();
        }
    }

    /// The longest message that ever goes to the core `to`, in bytes. 0 if there is no such way.
    pub fn max_len(self, to: usize, channel: Channel) -> usize {
        self.way(to, channel).map_or(0, |(_, sender)| sender.ring().max_len())
    }

    /// Sends a message to the core `to`, and wakes it if it sleeps. False if there is no such way, or the other core is behind and
    /// its ring has no room: then nothing was sent.
    pub fn send(self, to: usize, channel: Channel, tag: u32, message: &dyn Payload) -> bool {
        let Some((member, sender)) = self.way(to, channel) else { return false };
        let sent = sender.send(tag, message);
        member.count(|counters| {
            counters.messages_tx += u64::from(sent);
            counters.no_room += u64::from(!sent);
        });
        if sent {
            member.cores.wake(to);
        }
        sent
    }

    /// The next message of `channel` and the core that sent it. Each core has its turn.
    #[inline]
    pub fn receive(self, channel: Channel) -> Option<(usize, Message<'static, 'static>)> {
        self.0?.receive(channel)
    }

    /// How many bytes `channel` has to each other core; 0 if there is none.
    pub fn capacity(self, channel: Channel) -> usize {
        self.others().map(|to| self.max_len(to, channel) + 8).min().unwrap_or(0)
    }

    /// Has `listener` called in each turn of the loop in which a message of [`Channel::Messages`] waits; it replaces the earlier
    /// listener. The only core of a program has none.
    pub fn listen(self, listener: &'static dyn Fn()) {
        if let Some(member) = self.0 {
            member.listener.set(Some(listener));
        }
    }

    /// Called by the loop in each turn: calls the [listener](Self::listen) if there is a message for it.
    #[inline]
    pub fn deliver(self) {
        let Some(listener) = self.0.and_then(|member| member.listener.get()) else { return };
        if self.has_message() {
            listener();
        }
    }

    /// Whether a message of [`Channel::Messages`] is waiting.
    fn has_message(self) -> bool {
        let messages = |member: &'static Member| {
            member.receivers.iter().skip(Channel::Messages as usize).step_by(Channel::MESH)
        };
        self.0.is_some_and(|member| messages(member).any(|receiver| !receiver.is_empty()))
    }

    /// Whether a message of any channel is waiting.
    pub fn has_mail(self) -> bool {
        let waits = |receiver: &Receiver<'_>| !receiver.is_empty();
        self.0.is_some_and(|member| {
            member.receivers.iter().any(waits) || member.wires_in.iter().any(waits)
        })
    }

    /// Called by the platform before it lets the core sleep: false if there is something to do. If it is true, the doorbell
    /// rings for all that comes from now on. After the sleep, or if it is false, call [`woke`](Self::woke).
    pub fn may_sleep(self) -> bool {
        let Some(member) = self.0 else { return true };
        let slot = member.cores.slot(member.index);
        slot.sleep.begin();
        !self.has_mail() && slot.requests.load(Ordering::Acquire) == 0 && !member.has_news()
    }

    /// The core does not sleep any more.
    pub fn woke(self) {
        if let Some(member) = self.0 {
            member.cores.slot(member.index).sleep.end();
        }
    }

    /// Calls `sleep`, which ends when the doorbell of this core rings, unless there is something to do
    /// ([`may_sleep`](Self::may_sleep)); what it returns.
    #[inline]
    pub fn sleep<T>(self, sleep: impl FnOnce() -> T) -> Option<T> {
        let slept = self.may_sleep().then(sleep);
        self.woke();
        slept
    }

    /// Asks all other cores for what the bits say, and wakes them.
    pub fn request_others(self, bits: u64) {
        for core in self.others() {
            if let Some(member) = self.0 {
                member.cores.request(core, bits);
            }
        }
    }

    /// What this core was asked for since the last call, as bits. Costs one load if that is nothing.
    #[inline]
    pub fn take_requests(self) -> u64 {
        let Some(member) = self.0 else { return 0 };
        let requests = &member.cores.slot(member.index).requests;
        match requests.load(Ordering::Relaxed) {
            0 => 0,
            _ => requests.swap(0, Ordering::Acquire),
        }
    }

    /// Says that `core` serves a port for all. Each core says so, for itself. True if it is this one.
    ///
    /// # Errors
    /// See [`ClaimError`].
    pub fn claim(self, claim: Claim, core: usize) -> Result<bool, ClaimError> {
        if core >= self.count() {
            return Err(ClaimError::NoSuchCore { count: self.count() });
        }
        if let Some(member) = self.0 {
            member.cores.claims().give(claim, core)?;
        }
        Ok(core == self.index())
    }

    /// The core that serves a port for all, if one does.
    #[inline]
    pub fn owner(self, claim: Claim) -> Option<usize> {
        self.0?.cores.claims().owner(claim)
    }

    /// The ports that one core serves for all, and that core.
    pub fn claims(self) -> impl Iterator<Item = (Claim, usize)> {
        self.0.into_iter().flat_map(|member| member.cores.claims().iter())
    }

    /// Says that the loop of this core has ended, after its last [`publish`](Self::publish), and wakes the first core.
    pub fn finish(self) {
        let Some(member) = self.0 else { return };
        member.cores.slot(member.index).finished.store(true, Ordering::Release);
        if !self.is_first() {
            member.cores.wake(0);
        }
    }

    /// Shows each counter of its messages to `visit`.
    pub fn visit(self, visit: &mut dyn FnMut(layer::Counter)) {
        self.counters().visit(visit);
    }

    /// What it counted of its messages.
    pub fn counters(self) -> Counters {
        self.0.map(|member| member.counters.get()).unwrap_or_default()
    }
}

impl Member {
    fn count(&self, change: impl FnOnce(&mut Counters)) {
        let mut counters = self.counters.get();
        change(&mut counters);
        self.counters.set(counters);
    }

    fn receive(&'static self, channel: Channel) -> Option<(usize, Message<'static, 'static>)> {
        let turn = &self.turn[channel as usize];
        let count = match channel {
            Channel::Wire => self.wires_in.len(),
            _ => self.cores.count(),
        };
        for nth in 0..count {
            let place = (turn.get() + nth) % count;
            let (from, receiver) = match channel {
                Channel::Wire if self.index == 0 => (place + 1, &self.wires_in[place]),
                Channel::Wire => (0, &self.wires_in[place]),
                _ => (place, &self.receivers[place * Channel::MESH + channel as usize]),
            };
            if let Some(message) = receiver.receive() {
                turn.set(place + 1);
                self.count(|counters| counters.messages_rx += 1);
                return Some((from, message));
            }
        }
        None
    }
}

impl fmt::Debug for Core {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Core").field("index", &self.index()).field("count", &self.count()).finish()
    }
}
