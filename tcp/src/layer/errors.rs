//! ICMP errors about segments of ours.

use layer::Instant;
use network::{IcmpError, Network, Problem, Protocol};

use super::Tcp;
use crate::{
    Seq,
    connections::{Id, Inner},
    tuple::Tuple,
};

impl<I: Network> Tcp<I> {
    /// Believes an ICMP error if it quotes a segment that can be on its way (RFC 5927 4.1).
    pub(super) fn take_error(&mut self, now: Instant, error: &IcmpError<'_>) {
        let connections = self.connections;
        connections.count(|counters| counters.icmp_errors += 1);
        let packet = &error.packet;
        let Some(quoted) = packet.payload.first_chunk::<8>() else {
            connections.count(|counters| counters.icmp_errors_unconfirmed += 1);
            return;
        };
        let [a, b, c, d, s0, s1, s2, s3] = *quoted;
        let ports = [u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d])];
        let tuple = Tuple { addresses: [packet.source, packet.destination], ports };
        let seq = Seq(u32::from_be_bytes([s0, s1, s2, s3]));
        let found = connections.inner.borrow_mut().sender_of(&tuple, seq);
        let id = match found {
            Some(Quoted::Connection(id)) => id,
            Some(Quoted::HalfOpen(place)) => {
                if error.problem.is_hard() {
                    connections.inner.borrow_mut().half_open.remove(place);
                }
                return;
            }
            None => {
                connections.count(|counters| counters.icmp_errors_unconfirmed += 1);
                return;
            }
        };
        if let Problem::TooBig(mtu) = error.problem {
            self.network.packet_too_big(now, tuple.addresses[1], Protocol::TCP, mtu);
        }
        let mut inner = connections.inner.borrow_mut();
        if let Problem::TooBig(_) = error.problem {
            self.lower_path(now, &mut inner, &tuple);
        } else if let Some(entry) = inner.table.get(id) {
            let events = entry.connection.on_error(error.problem);
            connections.wake(entry, events);
        }
        inner.table.queue(id);
    }

    /// Tells all connections to a host that the path to it takes less than before (RFC 1191 6.5).
    fn lower_path(&self, now: Instant, inner: &mut Inner, tuple: &Tuple) {
        let mss = self.path_mss(now, tuple);
        for id in inner.table.ids() {
            if let Some(entry) = inner.table.get(id)
                && entry.tuple.addresses[1] == tuple.addresses[1]
                && entry.connection.path_mss() > mss
            {
                entry.connection.set_path_mss(mss);
                inner.table.queue(id);
            }
        }
    }
}

/// What has sent the segment that an error quotes.
enum Quoted {
    Connection(Id),
    /// A connection that the peer has begun, at this place.
    HalfOpen(usize),
}

impl Inner {
    /// What between these ends can have sent a segment with the number `seq` that is not acknowledged.
    fn sender_of(&mut self, tuple: &Tuple, seq: Seq) -> Option<Quoted> {
        if let Some(id) = self.table.find(tuple) {
            let entry = self.table.get(id)?;
            return entry.connection.has_sent(seq).then_some(Quoted::Connection(id));
        }
        let place = self.half_open.find(self.hash.hash(tuple), tuple)?;
        let half_open = self.half_open.get(place)?;
        (half_open.iss == seq).then_some(Quoted::HalfOpen(place))
    }
}
