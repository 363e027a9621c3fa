//! The work on a packet that a layer leaves to the interface.

use core::num::NonZeroU16;

/// The work that an interface does on the packets it sends. The layers above may leave this work to it, packet by
/// packet: see [`TxOffload`]. The value stays the same for the life of the interface.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Offloads {
    /// The interface completes the partial checksum of any packet that is not a fragment.
    pub checksum: bool,
    /// The interface cuts an IPv4 packet that carries a UDP datagram with a partial checksum into fragments.
    pub udp_fragmentation: bool,
}

impl Offloads {
    /// The interface does no work: it sends each packet as it is, byte for byte.
    pub const NONE: Self = Self { checksum: false, udp_fragmentation: false };

    /// The work that both interfaces do, which can be left to either of them.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self {
            checksum: self.checksum && other.checksum,
            udp_fragmentation: self.udp_fragmentation && other.udp_fragmentation,
        }
    }
}

/// The work on one packet that is left to the interface. This value travels down with the packet. A layer that puts a
/// header before the packet [shifts](Self::shifted) it.
///
/// A layer leaves work only if the [`Offloads`] of the layer below say that it will be done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TxOffload {
    /// The checksum to complete.
    pub checksum: Option<PartialChecksum>,
    /// The number of payload bytes in each fragment, a multiple of 8. It is set if the packet is longer than the link's
    /// MTU.
    pub segment_size: Option<NonZeroU16>,
}

/// A checksum that covers only the pseudo header so far, and where it is in the packet. The fields correspond to
/// `csum_start` and `csum_offset` of virtio (virtio 1.2, 5.1.6.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PartialChecksum {
    /// Where the bytes to sum begin, in bytes from the beginning of the packet. They extend to the end of the packet.
    pub start: u16,
    /// The position of the checksum field, in bytes from `start`. It is not zero, because no header begins with its
    /// checksum. The field holds the sum of the pseudo header, not complemented.
    pub offset: NonZeroU16,
}

const _: () = assert!(size_of::<TxOffload>() == 6);

impl PartialChecksum {
    /// The checksum of a TCP segment at the beginning of the packet (RFC 9293 3.1).
    pub const TCP: Self = Self { start: 0, offset: NonZeroU16::new(16).unwrap() };
    /// The checksum of a UDP datagram at the beginning of the packet (RFC 768).
    pub const UDP: Self = Self { start: 0, offset: NonZeroU16::new(6).unwrap() };
}

impl TxOffload {
    /// No work is left: the packet is complete.
    pub const NONE: Self = Self { checksum: None, segment_size: None };

    /// The value for the packet with a header of `bytes` bytes put before it. A position beyond 65,535 bytes, where no
    /// packet has a checksum, stays outside the packet.
    #[inline]
    #[must_use]
    pub const fn shifted(self, bytes: u16) -> Self {
        match self.checksum {
            Some(PartialChecksum { start, offset }) => Self {
                checksum: Some(PartialChecksum { start: start.saturating_add(bytes), offset }),
                ..self
            },
            None => self,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_outside_of_the_packet_stays_outside() {
        for (start, shifted) in [(0, 20), (u16::MAX - 20, u16::MAX), (u16::MAX, u16::MAX)] {
            let segment_size = NonZeroU16::new(8);
            let at = |start| TxOffload {
                checksum: Some(PartialChecksum { start, ..PartialChecksum::UDP }),
                segment_size,
            };
            assert_eq!(at(start).shifted(20), at(shifted));
        }
        assert_eq!(TxOffload::NONE.shifted(20), TxOffload::NONE);
    }
}
