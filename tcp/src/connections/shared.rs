//! What the layer and the streams share.

use core::{
    cell::{Cell, RefCell},
    fmt,
    mem::ManuallyDrop,
    net::SocketAddr,
};

use layer::{Instant, KeyedHash, seed_for};
use rt_regions::{Exhausted, PAGE_SIZE, Slabs};
use tasks::{TaskRef, Tasks};

use super::{HalfOpens, Id, Listener, deadlines::Deadlines, table::Table};
use crate::{
    Counters, State,
    connection::{Connection, Local},
    cookie::Cookies,
    isn::InitialNumbers,
    time_wait::{TIME_WAIT, TimeWaitEntry, TimeWaits},
    tuple::{Tuple, TupleHash},
};

/// How many services can listen.
const MAX_LISTENERS: usize = 16;

/// The most bytes that one connection buffers in one direction.
const LARGEST_BUFFER: usize = 4 << 20;

/// What is reckoned for the task of a connection that waits, in bytes: its slot, and a block for a future of 1,800 bytes.
const TASK: usize = 128 + Slabs::share_of(2000);

/// What a connection that waits takes in the pool, in bytes: its entry, its places in the tables, and its task.
const CONNECTION: usize = Slabs::share_of(size_of::<Entry>())
    + Table::BYTES_EACH
    + Deadlines::BYTES_EACH
    + size_of::<TimeWaitEntry>()
    + TASK;

/// A connection and who waits for it.
pub(crate) struct Entry {
    pub(crate) tuple: Tuple,
    pub(crate) connection: Connection<'static>,
    /// The tasks that wait for something to read, and for room to send.
    pub(crate) reader: Option<TaskRef>,
    pub(crate) writer: Option<TaskRef>,
    /// When the stream does not wait any longer, or [`NEVER`](crate::connection::NEVER).
    pub(crate) deadline: Instant,
    /// Whether a stream refers to it.
    pub(crate) has_stream: bool,
    /// Whether a task was started for it. If there was no room for one, the peer is not told: it asks again.
    pub(crate) is_served: bool,
    /// How far we have opened it.
    pub(crate) opening: Opening,
    /// What its packets have in the header of IP.
    pub(crate) marks: Marks,
}

/// How far the layer is with a connection that a task opens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Opening {
    /// The layer has to choose our address and port, and to begin.
    Queued,
    /// The layer has begun, or the peer has opened it.
    Begun,
    /// There was no way to begin.
    Failed(NotBegun),
}

/// Why a connection was not begun.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NotBegun {
    /// No route leads to the peer, or we have no address of its family.
    NoRoute,
    /// No port of ours is free.
    NoPort,
    /// The peer's address is not that of one host.
    NotUnicast,
}

/// What an application chooses for the header of IP.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Marks {
    /// The differentiated services field, in the upper 6 bits.
    pub(crate) tos: u8,
    /// The time to live, if it is not the default one.
    pub(crate) ttl: Option<u8>,
}

/// The bounds of what connections take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Limits {
    /// How many connections there may be.
    pub(crate) connections: usize,
    /// The memory for all buffers, in bytes.
    pub(crate) buffers: usize,
    /// The largest buffer of one connection in one direction, in bytes.
    pub(crate) buffer: usize,
}

impl Limits {
    /// The bounds in a pool of so many pages: half of it for buffers, and as many connections as fit into the other half
    /// while they wait. One buffer has an eighth of that half, or a little more: a pool of a power of two has a few pages
    /// less, which do not halve it.
    fn of_pages(pages: usize) -> Self {
        let half = pages / 2 * PAGE_SIZE;
        Self {
            connections: (half / CONNECTION).clamp(16, 1 << 20),
            buffers: half,
            buffer: 1 << (half / 7).clamp(16 << 10, LARGEST_BUFFER).ilog2(),
        }
    }
}

/// What the layer and the streams share, behind one [`RefCell`], which is never borrowed while a service's code runs.
pub(crate) struct Inner {
    pub(crate) table: Table,
    pub(crate) deadlines: Deadlines,
    pub(crate) half_open: HalfOpens,
    /// Without a destructor, which a `managed` slice has if another crate asks for its feature `alloc`. Its entries are
    /// lent.
    pub(crate) time_wait: ManuallyDrop<TimeWaits<'static>>,
    pub(crate) listeners: [Option<Listener>; MAX_LISTENERS],
    pub(crate) buffers: &'static Slabs<'static>,
    pub(crate) hash: TupleHash,
    pub(crate) isn: InitialNumbers,
    pub(crate) cookies: Cookies,
    pub(crate) keyed: KeyedHash,
    pub(crate) limits: Limits,
    /// How many ports were chosen for connections of ours.
    pub(crate) ports_chosen: u32,
}

impl Inner {
    /// The service at this port.
    pub(crate) fn listener(&self, port: u16) -> Option<&Listener> {
        self.listeners.iter().flatten().find(|listener| listener.port == port)
    }

    /// What is ours in a new connection.
    pub(crate) fn local(&self, tuple: &Tuple, iss: crate::Seq, path_mss: u16) -> Local {
        let limit = self.limits.buffer as u32;
        Local {
            iss,
            ts_offset: self.ts_offset(tuple),
            path_mss,
            send_limit: limit,
            receive_limit: limit,
        }
    }

    /// What the timestamps to a peer are ahead of the clock (RFC 7323 7.1): the same for each pair of addresses, so that
    /// they grow from one connection to the next (RFC 6191).
    pub(crate) fn ts_offset(&self, tuple: &Tuple) -> u32 {
        let pair = Tuple { ports: [0, 0], ..*tuple };
        self.keyed.hash(self.hash.hash(&pair).into()) as u32
    }

    /// After something happened to a connection: forgets it if it is no more, or notes when it is due.
    pub(crate) fn settle(&mut self, now: Instant, id: Id) {
        let Some(entry) = self.table.get(id) else { return };
        let has_stream = entry.has_stream;
        match entry.connection.state() {
            State::Closed | State::TimeWait => {
                if entry.connection.state() == State::TimeWait {
                    let closed = entry.connection.closed();
                    entry.connection.forget();
                    let tuple = entry.tuple;
                    self.time_wait.remember(now, tuple.local(), tuple.remote(), closed);
                }
                self.deadlines.remove(id, &mut self.table);
                self.table.unindex(id);
                if !has_stream && !self.table.is_queued(id) {
                    self.table.remove(id);
                }
            }
            _ => {
                if let Some(at) = entry.connection.deadline() {
                    self.deadlines.set(id, at, &mut self.table);
                }
            }
        }
    }
}

/// The connections of a program: what the layer and tasks share. It lies in the program's memory.
///
/// Tasks hold a reference to it, and [connect](Connections::connect) with it.
pub struct Connections {
    pub(crate) tasks: &'static Tasks,
    pub(crate) inner: RefCell<Inner>,
    counters: Cell<Counters>,
}

impl Connections {
    pub(crate) fn new(tasks: &'static Tasks, seed: u128) -> Result<&'static Self, Exhausted> {
        let (memory, pool) = (tasks.memory(), tasks.pool());
        let limits = Limits::of_pages(pool.pages());
        let slabs = |name, cap: usize| -> Result<&'static Slabs<'static>, Exhausted> {
            let slabs = Slabs::new(pool, name).with_cap(cap);
            Ok(&**memory.alloc(ManuallyDrop::new(slabs.with_kept_pages(4)))?)
        };
        let keyed = KeyedHash::new(seed_for(*b"tcp ", seed));
        let hash = TupleHash::new(keyed);
        let room = limits.connections * Slabs::share_of(size_of::<Entry>());
        let entries = slabs("tcp.connections", room)?;
        // In TIME-WAIT there may be as many again: they take little.
        let waiting = memory.alloc_slice_with(limits.connections, |_| TimeWaitEntry::default())?;
        let inner = Inner {
            table: Table::new(limits.connections, hash, entries, memory)?,
            deadlines: Deadlines::new(limits.connections, memory)?,
            half_open: HalfOpens::new(memory)?,
            time_wait: ManuallyDrop::new(TimeWaits::new(waiting, TIME_WAIT, seed)),
            listeners: [const { None }; MAX_LISTENERS],
            buffers: slabs("tcp.buffers", limits.buffers)?,
            hash,
            isn: InitialNumbers::new(seed),
            cookies: Cookies::new(seed),
            keyed,
            limits,
            ports_chosen: 0,
        };
        let counters = Cell::new(Counters::default());
        Ok(memory.alloc(Self { tasks, inner: RefCell::new(inner), counters })?)
    }

    /// The tasks of the program.
    pub fn tasks(&self) -> &'static Tasks {
        self.tasks
    }

    /// The counters.
    pub fn stats(&self) -> Counters {
        self.counters.get()
    }

    pub(crate) fn count(&self, count: impl FnOnce(&mut Counters)) {
        let mut counters = self.counters.get();
        count(&mut counters);
        self.counters.set(counters);
    }

    /// Calls `visit` for each connection.
    pub fn for_each(&self, visit: &mut dyn FnMut(&ConnectionStats)) {
        for entry in self.inner.borrow().table.iter() {
            visit(&ConnectionStats::of(entry));
        }
    }
}

impl fmt::Debug for Connections {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connections").finish_non_exhaustive()
    }
}

/// What can be said about a connection, for a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConnectionStats {
    /// Our address and port.
    pub local: SocketAddr,
    /// The peer's address and port.
    pub remote: SocketAddr,
    /// The state.
    pub state: State,
    /// The bytes that were received in order.
    pub received: u64,
    /// The bytes that a service has given to be sent.
    pub sent: u64,
    /// The smoothed round-trip time, if one was measured.
    pub rtt: Option<core::time::Duration>,
    /// How many bytes the peer accepts, beyond what it has acknowledged.
    pub window: u32,
    /// How many bytes may be on their way (RFC 5681).
    pub congestion_window: u32,
    /// How many bytes were sent again.
    pub retransmitted: u64,
}

/// `connection 10.0.0.2:80 10.0.0.1:50000 ESTABLISHED received 70 sent 5000 rtt 120 us window 65535 cwnd 14480
/// retransmitted 0`, in one line.
impl fmt::Display for ConnectionStats {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [local, remote] = [self.local, self.remote].map(layer::Endpoint);
        let Self { state, received, sent, window, .. } = self;
        let (cwnd, retransmitted) = (self.congestion_window, self.retransmitted);
        write!(f, "connection {local} {remote} {state} received {received} sent {sent}")?;
        if let Some(rtt) = self.rtt {
            write!(f, " rtt {} us", rtt.as_micros() as u64)?;
        }
        write!(f, " window {window} cwnd {cwnd} retransmitted {retransmitted}")
    }
}

impl ConnectionStats {
    fn of(entry: &Entry) -> Self {
        let sender = entry.connection.sender();
        let [received, sent] = entry.connection.bytes();
        Self {
            local: entry.tuple.local(),
            remote: entry.tuple.remote(),
            state: entry.connection.state(),
            received,
            sent,
            rtt: sender.srtt(),
            window: sender.window(),
            congestion_window: sender.cwnd(),
            retransmitted: sender.retransmitted(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_pool_itself_takes_does_not_halve_the_buffers() {
        for (mib, kib) in [(64, 4096), (16, 1024), (4, 256), (1, 64)] {
            // The tables of a pool take some pages of it.
            let pages = (mib << 20) / PAGE_SIZE;
            assert_eq!(Limits::of_pages(pages - pages / 64).buffer, kib << 10, "{mib} MiB");
        }
    }
}
