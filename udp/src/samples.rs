//! Sample packets for the tests of this crate.

use core::net::{IpAddr, Ipv4Addr};

use network::{Packet, Protocol};

pub(crate) const OURS: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 0, 0, 2));
pub(crate) const PEER: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 0, 0, 1));

/// From 10.0.0.1:5000 to 10.0.0.2:8080: `hello`.
pub(crate) const REQUEST: [u8; 13] =
    [0x13, 0x88, 0x1f, 0x90, 0, 13, 0x74, 0xe7, b'h', b'e', b'l', b'l', b'o'];

/// A packet from the peer to us.
pub(crate) fn packet(payload: &[u8]) -> Packet<'_> {
    Packet {
        source: PEER,
        destination: OURS,
        protocol: Protocol::UDP,
        ttl: 63,
        tos: 0,
        broadcast: false,
        verify_checksum: true,
        segment_size: None,
        header: &[],
        payload,
    }
}
