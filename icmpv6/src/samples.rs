//! Sample packets for the tests of this crate.

use core::net::{IpAddr, Ipv6Addr};

use network::{IcmpError, Packet, Protocol};
use rt_regions::{Finite, Region};

pub(crate) const OURS: IpAddr = IpAddr::V6(Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 2));
pub(crate) const PEER: IpAddr = IpAddr::V6(Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 1));
pub(crate) const ROUTER: IpAddr = IpAddr::V6(Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 0xfe));

/// The header of a packet of 52 bytes from `fe80::1` to `fe80::2`.
pub(crate) const HEADER: [u8; 40] = [
    0x60, 0, 0, 0, 0, 12, 17, 64, // version, length, UDP, hop limit
    0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, // from
    0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, // to
];

/// A packet from the peer to us.
pub(crate) fn packet<'a>(protocol: Protocol, payload: &'a [u8]) -> Packet<'a> {
    Packet {
        source: PEER,
        destination: OURS,
        protocol,
        ttl: 64,
        tos: 0,
        broadcast: false,
        verify_checksum: true,
        segment_size: None,
        header: &HEADER,
        payload,
    }
}

/// Calls `test` with a region that has room for one error: this layer allocates nothing else.
pub(crate) fn with_region<R>(test: impl FnOnce(&Region<'_>) -> R) -> R {
    test(&Finite::<{ size_of::<IcmpError<'_>>() }>::new().region("packet"))
}
