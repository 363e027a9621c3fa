//! Sample packets for the tests of this crate.

use core::net::{IpAddr, Ipv4Addr};

use network::{IcmpError, Packet, Protocol};
use rt_regions::{Finite, Region};

pub(crate) const OURS: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 0, 0, 2));
pub(crate) const PEER: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 0, 0, 1));
pub(crate) const ROUTER: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 0, 0, 254));

/// The header of a packet of 32 bytes from 10.0.0.1 to 10.0.0.2.
pub(crate) const HEADER: [u8; 20] =
    [0x45, 0, 0, 32, 0, 7, 0, 0, 64, 17, 0x66, 0xc4, 10, 0, 0, 1, 10, 0, 0, 2];

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
