//! The sockets of tasks: their ports and mailboxes, in the program's memory.

mod ask;
mod mailbox;
mod outbox;
mod ports;
mod socket;
mod support;

use core::{
    cell::{Cell, RefCell},
    error::Error,
    fmt,
    mem::ManuallyDrop,
    net::SocketAddr,
};

use layer::Counter;
use network::{PortShare, Problem, SendError};
use rt_regions::{Exhausted, PAGE_SIZE, Slabs};
use tasks::Tasks;

pub use self::{ask::AskError, socket::Socket, support::SocketSupport};
pub(crate) use self::{
    mailbox::Mailbox,
    outbox::{Outbox, Output},
};
use self::{
    mailbox::{Holder, Link},
    ports::PortTable,
};
use crate::{BindError, Datagram, Failure, stored::Request};

/// The smallest cap, in pages, for what waits for all sockets, for the requests that tasks work on, and for what waits to be
/// sent: the largest datagram, and what goes with it.
const LEAST_PAGES: usize = 20;

/// How many pages are kept for the next datagrams where there are none: of the sizes of a small payload and of what goes
/// with it.
const KEPT_PAGES: usize = 2;

layer::counters! {
    /// The counters of the sockets.
    pub struct SocketCounters of "sockets" {
        /// Sockets that were opened.
        opened,
        /// Datagrams that were put into a mailbox.
        delivered,
        /// Datagrams dropped: the mailbox was full, or there was no memory.
        inbox_full,
        /// Datagrams dropped: the region that they were to be received into had no room.
        no_room,
        /// Requests refused: as many as are allowed were in work.
        busy,
        /// Requests for which no task could be started.
        not_spawned,
        /// Replies of tasks that were dropped: there was no memory.
        replies_dropped,
        /// Questions to other hosts.
        asked,
        /// Questions that were sent once more.
        asked_again,
        /// Questions without an answer in time.
        unanswered,
        /// Datagrams to the port of a question that did not come from who was asked.
        strangers,
    }
}

/// Why a socket could not do what it was asked for, or what became of a datagram that it sent before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SocketError {
    /// An ICMP error says that a datagram did not arrive (RFC 1122 4.1.3.3). It is only a hint, because anybody can forge
    /// it.
    Undelivered {
        /// What went wrong.
        problem: Problem,
        /// Where the datagram was sent to.
        destination: SocketAddr,
    },
    /// A datagram was not sent.
    NotSent {
        /// Why not.
        error: SendError,
        /// Where it was to go.
        destination: SocketAddr,
    },
    /// There is no memory.
    Exhausted(Exhausted),
}

impl fmt::Display for SocketError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Undelivered { problem, destination } => {
                write!(f, "a datagram to {destination} did not arrive: {problem}")
            }
            Self::NotSent { error, destination } => {
                write!(f, "a datagram to {destination} was not sent: {error}")
            }
            Self::Exhausted(exhausted) => write!(f, "out of memory: {exhausted}"),
        }
    }
}

impl Error for SocketError {}

impl From<Exhausted> for SocketError {
    fn from(exhausted: Exhausted) -> Self {
        Self::Exhausted(exhausted)
    }
}

/// The sockets of a program: what a layer and tasks share. It lies in the program's memory.
///
/// Tasks and `main` hold a reference to it, and open sockets with it. The mailboxes of all sockets hold a sixteenth of the
/// pool together at most, and so do the requests that tasks work on; what waits to be sent holds an eighth. Each may hold the
/// largest datagram, whatever the pool.
pub struct Sockets {
    tasks: &'static Tasks,
    /// Where the datagrams lie that wait for sockets, and how many pages they take at most.
    inboxes: &'static Slabs<'static>,
    inbox_pages: usize,
    /// Where the requests lie that tasks work on.
    requests: &'static Slabs<'static>,
    ports: RefCell<PortTable>,
    pub(crate) outbox: Outbox,
    /// Mailboxes that the next sockets take.
    free: Link,
    /// Mailboxes whose sockets are closed, and whose ports the layer still has.
    closing: Link,
    counters: Cell<SocketCounters>,
}

impl Sockets {
    /// No sockets. Those with a port of their own choice have one of `share`. `seed` is a secret; other layers may share it.
    pub(crate) fn new(
        tasks: &'static Tasks,
        share: PortShare,
        seed: u128,
    ) -> Result<&'static Self, Exhausted> {
        let (memory, pool) = (tasks.memory(), tasks.pool());
        let pages = |part: usize| (pool.pages() / part).max(LEAST_PAGES);
        let slabs = |name, part| -> Result<&'static Slabs<'static>, Exhausted> {
            let slabs = Slabs::new(pool, name).with_cap(pages(part) * PAGE_SIZE);
            Ok(&**memory.alloc(ManuallyDrop::new(slabs.with_kept_pages(KEPT_PAGES)))?)
        };
        // Each on its own, so that a flood of one leaves room for the others.
        let sockets = memory.alloc(Self {
            tasks,
            inboxes: slabs("udp.inboxes", 16)?,
            inbox_pages: pages(16),
            requests: slabs("udp.requests", 16)?,
            ports: RefCell::new(PortTable::new(slabs("udp.ports", 16)?, share, seed)),
            outbox: Outbox::new(slabs("udp.outbox", 8)?),
            free: Cell::new(None),
            closing: Cell::new(None),
            counters: Cell::new(SocketCounters::default()),
        })?;
        Ok(sockets)
    }

    /// The tasks of the program.
    pub fn tasks(&self) -> &'static Tasks {
        self.tasks
    }

    /// Where the payloads of requests lie that tasks work on.
    pub(crate) fn requests(&self) -> &'static Slabs<'static> {
        self.requests
    }

    /// The counters.
    pub fn stats(&self) -> SocketCounters {
        self.counters.get()
    }

    pub(crate) fn visit(&self, visit: &mut dyn FnMut(Counter)) {
        self.counters.get().visit(visit);
    }

    pub(crate) fn count(&self, count: impl FnOnce(&mut SocketCounters)) {
        let mut counters = self.counters.get();
        count(&mut counters);
        self.counters.set(counters);
    }

    /// A socket with this port. It gets whatever comes to it, also from the ports of services and by broadcast. It is
    /// closed when it is dropped.
    ///
    /// # Errors
    /// [`BindError`]: the port is taken, or there is no memory.
    pub fn open(&'static self, port: u16) -> Result<Socket, BindError> {
        let mailbox = self.mailbox()?;
        let opened = self.ports.borrow_mut().insert(port, Some(mailbox));
        self.finish_opening(mailbox, opened.map(|()| port), Holder::Socket)
    }

    /// A socket with a port that others cannot guess (RFC 6056 3.3.1), from 1024 to 65535, to ask others from. It gets
    /// whatever comes to it, also from hosts that are not among those of [`with_clients`](crate::Udp::with_clients). It is
    /// closed when it is dropped.
    ///
    /// # Errors
    /// [`BindError`]: there is no memory, or no port is free.
    pub fn open_any(&'static self) -> Result<Socket, BindError> {
        let mailbox = self.mailbox()?;
        let opened = self.ports.borrow_mut().insert_anywhere(mailbox);
        self.finish_opening(mailbox, opened, Holder::Question)
    }

    /// A socket with this mailbox, whose port the layer has in its own table.
    pub(crate) fn open_bound(&'static self, port: u16, mailbox: &'static Mailbox) -> Socket {
        self.ports.borrow_mut().assign(port, Some(mailbox));
        self.start(port, mailbox, Holder::Layer)
    }

    fn finish_opening(
        &'static self,
        mailbox: &'static Mailbox,
        opened: Result<u16, BindError>,
        holder: Holder,
    ) -> Result<Socket, BindError> {
        match opened {
            Ok(port) => Ok(self.start(port, mailbox, holder)),
            Err(error) => {
                self.free(mailbox);
                Err(error)
            }
        }
    }

    fn start(&'static self, port: u16, mailbox: &'static Mailbox, holder: Holder) -> Socket {
        mailbox.port.set(port);
        mailbox.holder.set(holder);
        self.count(|counters| counters.opened += 1);
        Socket::new(self, mailbox)
    }

    /// A free mailbox, which is on no list any more.
    pub(crate) fn mailbox(&self) -> Result<&'static Mailbox, Exhausted> {
        if let Some(mailbox) = self.free.get() {
            self.free.set(mailbox.next.take());
            return Ok(mailbox);
        }
        Ok(self.tasks.memory().alloc(Mailbox::new(self.inboxes))?)
    }

    /// Puts a mailbox on the list of free ones.
    pub(crate) fn free(&self, mailbox: &'static Mailbox) {
        mailbox.holder.set(Holder::Nobody);
        mailbox.next.set(self.free.replace(Some(mailbox)));
    }

    /// Closes a socket. A port that the layer has in its table is taken out there first.
    fn close(&self, mailbox: &'static Mailbox) {
        mailbox.clear();
        let port = mailbox.port.get();
        match mailbox.holder.get() {
            Holder::Socket | Holder::Question => {
                self.ports.borrow_mut().remove(port);
                self.free(mailbox);
            }
            Holder::Layer => mailbox.next.set(self.closing.replace(Some(mailbox))),
            Holder::Nobody => self.free(mailbox),
        }
    }

    /// Frees a mailbox whose socket is closed, and says which port the layer is to unbind.
    pub(crate) fn take_closed(&self) -> Option<u16> {
        loop {
            let mailbox = self.closing.get()?;
            self.closing.set(mailbox.next.take());
            mailbox.clear();
            let (holder, port) = (mailbox.holder.get(), mailbox.port.get());
            if holder == Holder::Layer {
                self.ports.borrow_mut().assign(port, None);
            }
            self.free(mailbox);
            if holder == Holder::Layer {
                return Some(port);
            }
        }
    }

    /// Whether the layer has something to do: to send, or to unbind a port.
    pub(crate) fn has_output(&self) -> bool {
        !self.outbox.is_empty() || self.closing.get().is_some()
    }

    /// Notes that the layer has this port in its own table.
    pub(crate) fn reserve(&self, port: u16) -> Result<(), BindError> {
        self.ports.borrow_mut().insert(port, None)
    }

    /// Notes that the layer has this port no more. If a task was started with it, that ends.
    pub(crate) fn release(&self, port: u16) {
        let mailbox = self.ports.borrow_mut().remove(port);
        if let Some(mailbox) = mailbox {
            mailbox.holder.set(Holder::Nobody);
            if let Some(owner) = mailbox.owner.take() {
                self.tasks.cancel(owner);
            }
        }
    }

    /// Whether a socket has this port, or the layer.
    pub(crate) fn has_port(&self, port: u16) -> bool {
        self.ports.borrow().find(port).is_some()
    }

    /// Whether a socket has this port that was chosen for it.
    pub(crate) fn is_of_question(&self, port: u16) -> bool {
        self.find(port).is_some_and(|mailbox| mailbox.holder.get() == Holder::Question)
    }

    fn find(&self, port: u16) -> Option<&'static Mailbox> {
        self.ports.borrow().find(port).flatten()
    }

    /// Hands a datagram to the socket with its port; returns whether there is one.
    pub(crate) fn deliver(&self, port: u16, datagram: &Datagram<'_>) -> bool {
        match self.find(port) {
            Some(mailbox) => {
                self.put(mailbox, datagram);
                true
            }
            None => false,
        }
    }

    /// Puts a datagram into a mailbox, and wakes the task that waits for it.
    pub(crate) fn put(&self, mailbox: &Mailbox, datagram: &Datagram<'_>) {
        let left = self.inbox_pages.saturating_sub(self.inboxes.pages()) * PAGE_SIZE;
        if mailbox.push(datagram, self.inboxes, left) {
            self.count(|counters| counters.delivered += 1);
            self.wake_reader(mailbox);
        } else {
            self.count(|counters| counters.inbox_full += 1);
        }
    }

    /// Whether the task that is being polled may take one more datagram out in this poll.
    fn may_take(&self, mailbox: &Mailbox) -> bool {
        self.tasks.current().is_none() || mailbox.may_take(self.tasks.stats().polls)
    }

    /// Counts a datagram for which its reader had no room. If it is a request to a service, whose rules say that it may be
    /// answered, its sender is told.
    #[cold]
    fn lose(&self, mailbox: &Mailbox, request: Request, error: Exhausted) {
        self.count(|counters| counters.no_room += 1);
        if mailbox.holder.get() == Holder::Layer {
            // If there is no memory for a line either, there is none.
            let _ = self.outbox.push_reply(request, Err(Failure::Exhausted(error)));
        }
    }

    /// Tells a socket what became of a datagram; returns whether there is one with this port.
    pub(crate) fn fail(&self, port: u16, error: SocketError) -> bool {
        let Some(mailbox) = self.find(port) else { return false };
        self.fail_mailbox(mailbox, error);
        true
    }

    pub(crate) fn fail_mailbox(&self, mailbox: &Mailbox, error: SocketError) {
        mailbox.set_error(error);
        self.wake_reader(mailbox);
    }

    fn wake_reader(&self, mailbox: &Mailbox) {
        if let Some(reader) = mailbox.take_reader() {
            self.tasks.wake(reader);
        }
    }
}

impl fmt::Debug for Sockets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sockets").finish_non_exhaustive()
    }
}
