//! What a layer leaves undone in what it sends, for the interface to do.

use core::num::NonZeroU16;

/// What an interface does with what it sends, and so what the layers above may leave to it, packet by packet: see
/// [`TxOffload`]. As long as the interface is there, it stays the same.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Offloads {
    /// It completes a partial checksum of any packet that is no fragment.
    pub checksum: bool,
    /// It cuts an IPv4 packet with a UDP datagram, whose checksum is partial, into fragments.
    pub udp_fragmentation: bool,
}

impl Offloads {
    /// An interface that sends what it is given, byte for byte.
    pub const NONE: Self = Self { checksum: false, udp_fragmentation: false };

    /// What both do: what can be left to whichever of two interfaces a packet goes to.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self {
            checksum: self.checksum && other.checksum,
            udp_fragmentation: self.udp_fragmentation && other.udp_fragmentation,
        }
    }
}

/// What was left undone in one packet that is sent. It travels down beside the packet; a layer that puts its header
/// before the packet [shifts](Self::shifted) it.
///
/// Whoever leaves something undone has seen in the [`Offloads`] of what is below that it will be done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TxOffload {
    /// The checksum that is to be completed.
    pub checksum: Option<PartialChecksum>,
    /// How many bytes of its payload each fragment is to carry, a multiple of 8: the packet is longer than the link
    /// takes.
    pub segment_size: Option<NonZeroU16>,
}

/// A checksum of which only the pseudo header has been summed: where the field is to be found. As `csum_start` and
/// `csum_offset` of virtio (virtio 1.2, 5.1.6.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PartialChecksum {
    /// Where the bytes begin that are to be summed, up to the end of the packet: that many bytes after the packet's
    /// own beginning.
    pub start: u16,
    /// Where the checksum is, in bytes from `start`, where no header has one. The sum of the pseudo header, not
    /// complemented, is there already.
    pub offset: NonZeroU16,
}

const _: () = assert!(size_of::<TxOffload>() == 6);

impl PartialChecksum {
    /// The checksum in a UDP header that begins the packet (RFC 768).
    pub const UDP: Self = Self { start: 0, offset: NonZeroU16::new(6).unwrap() };
}

impl TxOffload {
    /// A packet that is complete.
    pub const NONE: Self = Self { checksum: None, segment_size: None };

    /// The packet begins `bytes` earlier: a header was put before it. A place beyond 65,535 bytes, where no packet has
    /// a checksum, stays outside of the packet.
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
