//! What waits for a socket: datagrams, and the last error.

use core::{
    cell::{Cell, RefCell},
    mem::ManuallyDrop,
};

use rt_regions::{SlabQueue, Slabs};
use tasks::TaskRef;

use crate::{Datagram, SocketError, stored::Stored};

/// The room for the datagrams that wait for one socket, in bytes: two of the largest.
const ROOM: usize = 128 << 10;

/// What a datagram that waits takes beside its payload, in bytes, more or less.
const OVERHEAD: usize = 192;

/// How many datagrams one poll of a task takes out of a mailbox. Then others have their turn.
const MOST_A_POLL: u32 = 16;

/// A link to a mailbox.
pub(crate) type Link = Cell<Option<&'static Mailbox>>;

/// Who has the port of a socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Holder {
    /// The socket itself.
    Socket,
    /// The socket itself, and the port was chosen for it. Nobody expects a service there.
    Question,
    /// The layer, in its own table, from which it hands datagrams on.
    Layer,
    /// Nobody, or somebody else: the layer was told to unbind it.
    Nobody,
}

/// The mailbox of a socket. It lies in the program's memory and is never given back, but the next socket takes it.
pub(crate) struct Mailbox {
    pub(crate) port: Cell<u16>,
    pub(crate) holder: Cell<Holder>,
    /// Without a destructor, so that it can lie in a region. It is emptied when the socket closes.
    inbox: ManuallyDrop<RefCell<SlabQueue<'static, Stored>>>,
    /// How many bytes wait.
    held: Cell<usize>,
    error: Cell<Option<SocketError>>,
    /// The task that waits for either.
    reader: Cell<Option<TaskRef>>,
    /// The task that was started with the socket, and ends when the layer unbinds the port.
    pub(crate) owner: Cell<Option<TaskRef>>,
    /// The number of the last poll that took a datagram out, and how many it took.
    taken: Cell<(u64, u32)>,
    /// The next mailbox of those that are free, or of those that are being closed.
    pub(crate) next: Link,
}

impl Mailbox {
    pub(crate) fn new(slabs: &'static Slabs<'static>) -> Self {
        Self {
            port: Cell::new(0),
            holder: Cell::new(Holder::Nobody),
            inbox: ManuallyDrop::new(RefCell::new(SlabQueue::new(slabs))),
            held: Cell::new(0),
            error: Cell::new(None),
            reader: Cell::new(None),
            owner: Cell::new(None),
            taken: Cell::new((0, 0)),
            next: Cell::new(None),
        }
    }

    /// Puts a copy of the datagram into the mailbox. Returns whether there was room. `left` is how many bytes all
    /// mailboxes may still take: one holds no more than that, so that a socket that is not read leaves room for others.
    pub(crate) fn push(
        &self,
        datagram: &Datagram<'_>,
        slabs: &'static Slabs<'static>,
        left: usize,
    ) -> bool {
        let (held, size) = (self.held.get(), datagram.payload.len() + OVERHEAD);
        if held > 0 && held + size > ROOM.min(left) {
            return false;
        }
        let stored = Stored::new(datagram, slabs);
        let pushed = stored.and_then(|stored| self.inbox.borrow_mut().push(stored));
        if pushed.is_ok() {
            self.held.set(held + size);
        }
        pushed.is_ok()
    }

    pub(crate) fn pop(&self) -> Option<Stored> {
        let stored = self.inbox.borrow_mut().pop()?;
        self.held.set(self.held.get() - stored.payload().len() - OVERHEAD);
        Some(stored)
    }

    /// Whether the poll with this number may take one more datagram out; it is counted then.
    pub(crate) fn may_take(&self, poll: u64) -> bool {
        let (last, taken) = self.taken.get();
        let taken = if last == poll { taken + 1 } else { 1 };
        self.taken.set((poll, taken));
        taken <= MOST_A_POLL
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.inbox.borrow().is_empty()
    }

    /// Notes an error. The last one counts.
    pub(crate) fn set_error(&self, error: SocketError) {
        self.error.set(Some(error));
    }

    pub(crate) fn take_error(&self) -> Option<SocketError> {
        self.error.take()
    }

    /// Notes the task that is to be woken when something comes.
    pub(crate) fn wait(&self, reader: Option<TaskRef>) {
        self.reader.set(reader);
    }

    /// The task that waits, which does not any more.
    pub(crate) fn take_reader(&self) -> Option<TaskRef> {
        self.reader.take()
    }

    /// Empties the mailbox, for the next socket.
    pub(crate) fn clear(&self) {
        self.error.set(None);
        self.reader.set(None);
        self.owner.set(None);
        while self.pop().is_some() {}
    }
}
