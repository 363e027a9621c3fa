//! When an error may be sent at all, and how much of the packet it quotes.

use core::net::{IpAddr, Ipv4Addr};

use layer::Payload;
use network::{Packet, Protocol};

use crate::{HEADER_LEN, MessageType, quote::OriginalHeader};

/// The longest error in bytes, IPv4 header included (RFC 1812 4.3.2.3): every host takes as much.
const LONGEST: usize = 576;

/// The most that is quoted, so that an error with a header of 20 bytes is not above [`LONGEST`].
const LONGEST_QUOTE: usize = LONGEST - size_of::<OriginalHeader>() - HEADER_LEN;

/// What an error about `packet` quotes: its header and the beginning of its payload, as they came.
/// Nothing if RFC 1122 3.2.2 forbids an error about it.
pub(crate) fn quote<'a>(packet: &Packet<'a>) -> Option<impl Payload + use<'a>> {
    let original = OriginalHeader::of(packet.header)?;
    let is_error = packet.protocol == Protocol::ICMP
        && !packet.payload.first().is_some_and(|&first| MessageType(first).is_query());
    if packet.broadcast || original.is_later_fragment() || is_error || !is_one_host(packet.source) {
        return None;
    }
    // A packet that was put together from fragments has the header of the first: quote no more than
    // came with it.
    let came_with_it = original.total_length() - original.length();
    let most = LONGEST_QUOTE.saturating_sub(packet.header.len()).min(came_with_it);
    Some((packet.header, &packet.payload[..packet.payload.len().min(most)]))
}

/// Whether this can be the address of one host that is not this one: not 0/8, 127/8, multicast,
/// class E or the broadcast address. A network's own broadcast address is the network layer's to
/// know.
fn is_one_host(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => {
            address.octets()[0] != 0 && !address.is_loopback() && address < CLASS_D
        }
        IpAddr::V6(_) => false,
    }
}

/// Multicast begins here, then class E, and the broadcast address is the last of them.
const CLASS_D: Ipv4Addr = Ipv4Addr::new(224, 0, 0, 0);

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
