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

/// A link to a mailbox.
pub(crate) type Link = Cell<Option<&'static Mailbox>>;

/// Who has the port of a socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Holder {
    /// The socket itself.
    Socket,
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
            next: Cell::new(None),
        }
    }

    /// Puts a copy of the datagram into the mailbox. Returns whether there was room.
    pub(crate) fn push(&self, datagram: &Datagram<'_>, slabs: &'static Slabs<'static>) -> bool {
        let (held, size) = (self.held.get(), datagram.payload.len() + OVERHEAD);
        if held > 0 && held + size > ROOM {
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
        while self.pop().is_some() {}
    }
}
