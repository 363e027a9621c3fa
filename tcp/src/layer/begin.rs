//! Begins the connections that tasks open.

use layer::Instant;
use network::{Network, PortShare};

use super::Tcp;
use crate::{
    Connections,
    connection::Connection,
    connections::{Entry, Id, Inner, NotBegun, Opening},
    tuple::Tuple,
};

/// The first port that a connection of ours can have. RFC 6056 3.2 asks for as large a range as possible, from 1024 on.
const FIRST_PORT: u32 = 1024;
const PORTS: u32 = 65_536 - FIRST_PORT;

/// How many ports are tried before none is taken for free.
const TRIES: u32 = 1024;

impl<I: Network> Tcp<I> {
    /// Chooses our address and port for a connection that a task opens. If there is none, the connection ends.
    pub(super) fn begin(&self, now: Instant, inner: &mut Inner, id: Id) {
        let Some(entry) = inner.table.get(id) else { return };
        entry.opening = Opening::Begun;
        let peer = entry.tuple.addresses[1];
        if !self.network.is_unicast(peer) {
            return self.fail(entry, NotBegun::NotUnicast);
        }
        let source = match entry.tuple.addresses[0] {
            any if any.is_unspecified() => self.network.source_for(peer),
            ours => self.network.is_ours(ours).then_some(ours),
        };
        let mut tuple = entry.tuple;
        let port = source.ok_or(NotBegun::NoRoute).and_then(|source| {
            tuple.addresses[0] = source;
            free_port(now, inner, self.network.port_share(), &mut tuple).ok_or(NotBegun::NoPort)
        });
        let mss = self.path_mss(now, &tuple);
        let iss = inner.isn.initial(now, tuple.local(), tuple.remote());
        let local = inner.local(&tuple, iss, mss);
        let buffers = inner.buffers;
        let Some(entry) = inner.table.get(id) else { return };
        match port {
            Ok(()) => {
                entry.connection = Connection::connect(now, &local, buffers);
                entry.tuple = tuple;
                inner.table.index(id, &tuple);
            }
            Err(reason) => self.fail(entry, reason),
        }
    }

    /// A connection cannot begin.
    pub(super) fn fail(&self, entry: &mut Entry, reason: NotBegun) {
        entry.opening = Opening::Failed(reason);
        entry.connection.forget();
        if let Some(writer) = entry.writer.take() {
            self.connections.tasks.wake(writer);
        }
    }
}

/// Chooses a port for which there is no such connection, which others cannot guess (RFC 6056 3.3.3).
fn free_port(now: Instant, inner: &mut Inner, share: PortShare, tuple: &mut Tuple) -> Option<()> {
    tuple.ports[0] = 0;
    let offset = inner.keyed.hash(u64::from(inner.hash.hash(tuple)) | 1 << 32) as u32;
    for _ in 0..TRIES {
        let count = inner.ports_chosen;
        inner.ports_chosen = count.wrapping_add(1);
        tuple.ports[0] = (FIRST_PORT + offset.wrapping_add(count) % PORTS) as u16;
        let is_taken = !share.contains(tuple.ports[0])
            || inner.table.find(tuple).is_some()
            || inner.listener(tuple.ports[0]).is_some()
            || inner.time_wait.holds(now, tuple.local(), tuple.remote());
        if !is_taken {
            return Some(());
        }
    }
    None
}

impl Connections {
    /// When a connection is due next.
    pub(super) fn next_deadline(&self) -> Option<Instant> {
        let inner = self.inner.borrow();
        if inner.table.has_queued() {
            return Some(Instant::ZERO);
        }
        Instant::earliest(inner.deadlines.next(), inner.half_open.deadline())
    }
}
