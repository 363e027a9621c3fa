//! The test that runs, if one does: whose it is, what was agreed on, and what its streams have carried.

use core::{cell::Cell, net::SocketAddr, time::Duration};

use layer::Instant;
use tasks::{TaskRef, Tasks};

use crate::{
    message::Cookie,
    parameters::{MOST_STREAMS, Parameters},
    results::{self, StreamResult},
};

/// How far the test is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    /// There is none.
    Free,
    /// A client is there that has not yet said what it wants.
    Asking,
    /// Streams are accepted.
    Opening,
    Running,
    /// Nothing more is sent.
    Over,
}

/// A stream of the test.
#[derive(Clone, Copy)]
struct Slot {
    /// The task of its connection.
    task: Option<TaskRef>,
    /// The other end of its connection.
    peer: Option<SocketAddr>,
    is_sender: bool,
    bytes: u64,
    /// How many bytes the client has sent, as it says.
    expected: u64,
    /// How many segments were sent again.
    retransmits: u64,
    /// How long the test ran when the last bytes came, or until it was over.
    time: Duration,
}

/// The one test that runs at a time.
pub(crate) struct Test {
    tasks: &'static Tasks,
    phase: Cell<Phase>,
    cookie: Cell<Cookie>,
    parameters: Cell<Option<Parameters>>,
    /// The task that talks with the client.
    control: Cell<Option<TaskRef>>,
    start: Cell<Instant>,
    /// How many bytes are left to be sent, of all streams together.
    left: Cell<u64>,
    opened: Cell<usize>,
    slots: [Cell<Slot>; MOST_STREAMS],
}

impl Test {
    pub(crate) fn new(tasks: &'static Tasks) -> Self {
        Self {
            tasks,
            phase: Cell::new(Phase::Free),
            cookie: Cell::new([0; _]),
            parameters: Cell::new(None),
            control: Cell::new(None),
            start: Cell::new(Instant::ZERO),
            left: Cell::new(0),
            opened: Cell::new(0),
            slots: [const { Cell::new(Slot::FREE) }; _],
        }
    }

    pub(crate) fn phase(&self) -> Phase {
        self.phase.get()
    }

    /// A client is there, and the current task talks with it. The test lives as long as what is returned.
    pub(crate) fn begin(&self, cookie: Cookie) -> Turn<'_> {
        self.phase.set(Phase::Asking);
        self.cookie.set(cookie);
        self.control.set(self.tasks.current());
        Turn(self)
    }

    /// Streams are accepted from now on.
    pub(crate) fn open(&self, parameters: Parameters) {
        self.left.set(parameters.bytes);
        self.parameters.set(Some(parameters));
        self.phase.set(Phase::Opening);
    }

    /// Whether all streams are there.
    pub(crate) fn is_complete(&self) -> bool {
        let wanted = self.parameters.get().map_or(0, |it| it.each_way().iter().sum());
        self.opened.get() >= wanted
    }

    /// Makes the current task a stream of the test, if it begins with this cookie and one is waited for: which one it is.
    /// Those that receive come first.
    pub(crate) fn join(&self, cookie: &Cookie, peer: SocketAddr) -> Option<(usize, Parameters)> {
        let (at, parameters) = (self.opened.get(), self.parameters.get()?);
        let is_wanted = self.phase.get() == Phase::Opening && !self.is_complete();
        if !is_wanted || self.cookie.get() != *cookie {
            return None;
        }
        let is_sender = at >= parameters.each_way()[0];
        let task = self.tasks.current();
        self.slots.get(at)?.set(Slot { task, peer: Some(peer), is_sender, ..Slot::FREE });
        self.opened.set(at + 1);
        self.wake_control();
        Some((at, parameters))
    }

    /// Time begins to count, and streams to send.
    pub(crate) fn start(&self) {
        self.start.set(self.tasks.now());
        self.phase.set(Phase::Running);
        self.opened().filter_map(|slot| slot.get().task).for_each(|task| self.tasks.wake(task));
    }

    /// The test is over for those that send: what they have given away still arrives, and then the end of the stream, which
    /// the client waits for.
    pub(crate) fn end(&self) {
        self.phase.set(Phase::Over);
        let time = self.time();
        for slot in self.opened().filter(|slot| slot.get().is_sender) {
            let task = slot.get().task;
            slot.update(|slot| Slot { time, task: None, ..slot });
            task.into_iter().for_each(|task| self.tasks.cancel(task));
        }
    }

    /// Takes up to so many bytes of those that are left to be sent.
    pub(crate) fn take(&self, most: usize) -> usize {
        let taken = self.left.get().min(most as u64);
        self.left.set(self.left.get() - taken);
        taken as usize
    }

    /// So many bytes were taken that were not sent.
    pub(crate) fn put_back(&self, bytes: usize) {
        self.left.set(self.left.get() + bytes as u64);
    }

    /// This stream has carried so many bytes more.
    pub(crate) fn add(&self, at: usize, bytes: usize) {
        let time = self.time();
        if let Some(slot) = self.slots.get(at) {
            slot.update(|slot| Slot { bytes: slot.bytes + bytes as u64, time, ..slot });
        }
        if self.phase.get() == Phase::Over {
            self.wake_control();
        }
    }

    /// How many bytes all streams have carried.
    pub(crate) fn total(&self) -> u64 {
        self.opened().map(|slot| slot.get().bytes).sum()
    }

    /// The client has sent so many bytes on the stream of this name.
    pub(crate) fn expect(&self, id: u64, bytes: u64) {
        let found = self.opened().enumerate().find(|(at, _)| results::id(*at) == id);
        if let Some((_, slot)) = found {
            slot.update(|slot| Slot { expected: bytes, ..slot });
        }
    }

    /// Whether all has come that the client has sent.
    pub(crate) fn is_received(&self) -> bool {
        self.opened().all(|slot| slot.get().is_sender || slot.get().bytes >= slot.get().expected)
    }

    /// To this peer, so many segments were sent again.
    pub(crate) fn sent_again(&self, peer: SocketAddr, segments: u64) {
        if let Some(slot) = self.opened().find(|slot| slot.get().peer == Some(peer)) {
            slot.update(|slot| Slot { retransmits: segments, ..slot });
        }
    }

    /// What each stream has carried.
    pub(crate) fn results(&self) -> impl Iterator<Item = StreamResult> + Clone {
        self.opened().enumerate().map(|(at, slot)| {
            let Slot { bytes, is_sender, retransmits, time, .. } = slot.get();
            let retransmits = is_sender.then_some(retransmits);
            StreamResult { id: results::id(at), bytes, retransmits, time }
        })
    }

    fn opened(&self) -> impl Iterator<Item = &Cell<Slot>> + Clone {
        self.slots.iter().take(self.opened.get())
    }

    /// How long the test has run.
    fn time(&self) -> Duration {
        self.tasks.now().since(self.start.get())
    }

    fn wake_control(&self) {
        if let Some(control) = self.control.get() {
            self.tasks.wake(control);
        }
    }
}

impl Slot {
    const FREE: Self = Self {
        task: None,
        peer: None,
        is_sender: false,
        bytes: 0,
        expected: 0,
        retransmits: 0,
        time: Duration::ZERO,
    };
}

/// The life of a test. When it is dropped, the streams end, and the next test may begin.
pub(crate) struct Turn<'t>(&'t Test);

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        let test = self.0;
        let opened = test.opened.replace(0);
        test.parameters.set(None);
        test.control.set(None);
        test.phase.set(Phase::Free);
        for slot in &test.slots[..opened] {
            if let Some(task) = slot.replace(Slot::FREE).task {
                test.tasks.cancel(task);
            }
        }
    }
}
