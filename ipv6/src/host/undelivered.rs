//! Packets of ours that were not sent, because the next hop does not answer (RFC 4861 7.2.2).

use layer::Rx;
use network::{Delivery, IcmpError, Packet, Problem, Protocol};
use rt_regions::Region;
use zerocopy::FromBytes;

use super::{Host, receive::quoted};
use crate::{
    Discovery, Undelivered, chain,
    fragment::{FRAGMENT, FragmentHeader},
    wire::{HEADER_LEN, Ipv6Header},
};

impl Host<'_> {
    /// Makes of a packet that was not sent the error that its sender is told: what ICMPv6 would say of it (RFC 4443 3.1), but that
    /// nobody else can say it. Of a later fragment, of an ICMPv6 message, and of a packet from an address that is not ours any more,
    /// nobody is told.
    #[cold]
    pub fn undelivered<'r>(
        &mut self,
        link: &impl Discovery,
        undelivered: &Undelivered<'r>,
        region: &'r Region<'_>,
    ) -> Rx<Delivery<'r>> {
        let Some((header, packet)) = original(undelivered.packet) else { return Rx::Handled };
        if packet.protocol == Protocol::ICMPV6 || !Self::is_ours(link, header.source()) {
            return Rx::Handled;
        }
        // Another router may know the way; a neighbour has no other one.
        let problem = match header.destination() == undelivered.next_hop {
            true => Problem::NeighbourSilent,
            false => Problem::HostUnreachable,
        };
        match region.alloc(IcmpError { problem, reporter: packet.source, packet }) {
            Ok(error) => {
                self.counters.undelivered += 1;
                Rx::Item(Delivery::Error(error))
            }
            Err(_) => {
                self.counters.no_room += 1;
                Rx::Handled
            }
        }
    }
}

/// The packet, as far as its beginning says, if that is not a later fragment.
fn original(bytes: &[u8]) -> Option<(&Ipv6Header, Packet<'_>)> {
    let (header, _) = Ipv6Header::ref_from_prefix(bytes).ok()?;
    let next = Protocol(header.next_header);
    if next == FRAGMENT {
        let (fragment, _) = FragmentHeader::ref_from_prefix(&bytes[HEADER_LEN..]).ok()?;
        if fragment.offset() != 0 {
            return None;
        }
    }
    let (end, protocol) = chain::end(bytes, next, HEADER_LEN)?;
    Some((header, quoted(header, bytes, end, protocol)))
}
