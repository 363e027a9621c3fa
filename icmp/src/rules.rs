//! Rules for sending errors: when one may be sent, and how much of the packet it quotes.

use core::net::IpAddr;

use layer::{Payload, is_unicast};
use network::{Packet, Protocol};

use crate::{HEADER_LEN, MessageType, quote::OriginalHeader};

/// The longest error in bytes, IPv4 header included (RFC 1812 4.3.2.3). Every host accepts a packet of this length.
const LONGEST: usize = 576;

/// The longest quote in bytes, so that an error with an IPv4 header of 20 bytes is not above [`LONGEST`].
const LONGEST_QUOTE: usize = LONGEST - size_of::<OriginalHeader>() - HEADER_LEN;

/// The quote in an error about `packet`: its header and the beginning of its payload, as received. It is `None` if RFC
/// 1122 3.2.2 forbids an error about the packet.
pub(crate) fn quote<'a>(packet: &Packet<'a>) -> Option<impl Payload + use<'a>> {
    let original = OriginalHeader::of(packet.header)?;
    let is_error = packet.protocol == Protocol::ICMP
        && !packet.payload.first().is_some_and(|&first| MessageType(first).is_query());
    if packet.broadcast || original.is_later_fragment() || is_error || !is_one_host(packet.source) {
        return None;
    }
    // A reassembled packet has the header of its first fragment. The quote contains no more than arrived with that
    // header.
    let came_with_it = original.total_length() - original.length();
    let most = LONGEST_QUOTE.saturating_sub(packet.header.len()).min(came_with_it);
    Some((packet.header, &packet.payload[..packet.payload.len().min(most)]))
}

/// Whether this can be the address of one other host: not in 0/8 or 127/8, not multicast, not of class E, and not the
/// limited broadcast address. The network layer checks for the broadcast address of a network.
fn is_one_host(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_unicast(address),
        IpAddr::V6(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources_that_are_one_host() {
        for source in [[1, 0, 0, 1], [10, 0, 0, 1], [126, 9, 9, 9], [128, 0, 0, 1], [223, 1, 1, 1]]
        {
            assert!(is_one_host(source.into()), "{source:?}");
        }
    }

    #[test]
    fn sources_that_are_not_one_host() {
        for source in [
            [0, 0, 0, 0],
            [0, 1, 2, 3],
            [127, 0, 0, 1],
            [127, 255, 1, 1],
            [224, 0, 0, 1],
            [239, 255, 255, 250],
            [240, 0, 0, 1],
            [255, 255, 255, 255],
        ] {
            assert!(!is_one_host(source.into()), "{source:?}");
        }
        assert!(!is_one_host("fe80::1".parse().unwrap()));
    }
}
