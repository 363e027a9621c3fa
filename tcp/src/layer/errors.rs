//! ICMP errors about segments of ours.

use layer::Instant;
use network::{IcmpError, Network, Problem};

use super::Tcp;
use crate::{Seq, tuple::Tuple};

impl<I: Network> Tcp<I> {
    /// Believes an ICMP error if it quotes a segment that can be on its way (RFC 5927 4.1).
    pub(super) fn take_error(&mut self, now: Instant, error: &IcmpError<'_>) {
        let connections = self.connections;
        connections.count(|counters| counters.icmp_errors += 1);
        let packet = &error.packet;
        let confirmed = packet.payload.first_chunk::<8>().and_then(|quoted| {
            let [a, b, c, d, s0, s1, s2, s3] = *quoted;
            let ports = [u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d])];
            let tuple = Tuple { addresses: [packet.source, packet.destination], ports };
            let seq = Seq(u32::from_be_bytes([s0, s1, s2, s3]));
            let mut inner = connections.inner.borrow_mut();
            let id = inner.table.find(&tuple)?;
            inner.table.get(id)?.connection.has_sent(seq).then_some((id, tuple))
        });
        let Some((id, tuple)) = confirmed else {
            connections.count(|counters| counters.icmp_errors_unconfirmed += 1);
            return;
        };
        if let Problem::TooBig(mtu) = error.problem {
            self.network.packet_too_big(now, tuple.addresses[1], mtu);
        }
        let mss = self.path_mss(now, &tuple);
        let mut inner = connections.inner.borrow_mut();
        if let Some(entry) = inner.table.get(id) {
            if let Problem::TooBig(_) = error.problem {
                entry.connection.set_path_mss(mss);
            } else {
                let events = entry.connection.on_error(error.problem);
                connections.wake(entry, events);
            }
        }
        inner.table.queue(id);
    }
}
