//! The work on a packet that a layer leaves to the interface.

use core::num::NonZeroU16;

/// The work that an interface does on the packets it sends. The layers above may leave this work to it, packet by
/// packet: see [`TxOffload`]. It changes only when another device takes the place of the one below, so a layer asks when
/// it sends, and does not keep the answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Offloads {
    /// The interface completes the partial checksum of any packet that is not a fragment.
    pub checksum: bool,
    /// The interface cuts an IPv4 packet that carries a UDP datagram with a partial checksum into fragments.
    pub udp_fragmentation: bool,
    /// The interface cuts an IPv4 packet that carries a TCP segment with a partial checksum, of at most
    /// [`LONGEST_TCP_PACKET`](Self::LONGEST_TCP_PACKET) bytes, into segments with a header and a checksum each (TCP
    /// segmentation offload, TSO). Where a network is asked for packets to one destination, it is the family of the
    /// destination that counts.
    pub tcp_segmentation: bool,
    /// The interface cuts an IPv6 packet in the same way, in which TCP follows the fixed header.
    pub tcp_segmentation_ipv6: bool,
}

impl Offloads {
    /// The interface does no work: it sends each packet as it is, byte for byte.
    pub const NONE: Self = Self {
        checksum: false,
        udp_fragmentation: false,
        tcp_segmentation: false,
        tcp_segmentation_ipv6: false,
    };

    /// The length of the longest packet that an interface cuts into TCP segments, in bytes with its IP header: a frame with
    /// it has 65,535 bytes, the most that Xen's interfaces take (`XEN_NETIF_MAX_TX_SIZE`, `netif.h`).
    pub const LONGEST_TCP_PACKET: usize = 65_521;

    /// The work that both interfaces do, which can be left to either of them.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self {
            checksum: self.checksum && other.checksum,
            udp_fragmentation: self.udp_fragmentation && other.udp_fragmentation,
            tcp_segmentation: self.tcp_segmentation && other.tcp_segmentation,
            tcp_segmentation_ipv6: self.tcp_segmentation_ipv6 && other.tcp_segmentation_ipv6,
        }
    }

    /// What a network says of packets to a destination of IPv6. No interface cuts datagrams of that family into fragments.
    #[inline]
    #[must_use]
    pub const fn for_ipv6(self) -> Self {
        Self {
            checksum: self.checksum,
            udp_fragmentation: false,
            tcp_segmentation: self.tcp_segmentation_ipv6,
            tcp_segmentation_ipv6: self.tcp_segmentation_ipv6,
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
    /// How the interface cuts the packet, which is longer than the link's MTU. The EtherType of the frame says the family
    /// of the packet, and the checksum what it carries:
    ///
    /// * [A TCP segment](PartialChecksum::is_tcp): the number of data bytes in each segment that comes of it.
    /// * A UDP datagram: the number of payload bytes in each fragment, a multiple of 8.
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

    /// Whether it is the checksum of a TCP segment. Of the protocols whose checksum is left to an interface, no other
    /// has it there.
    #[inline]
    #[must_use]
    pub const fn is_tcp(self) -> bool {
        self.offset.get() == Self::TCP.offset.get()
    }
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

    #[test]
    fn the_checksum_tells_what_the_packet_carries_wherever_it_is() {
        for start in [0, 34, u16::MAX] {
            assert!(PartialChecksum { start, ..PartialChecksum::TCP }.is_tcp());
            assert!(!PartialChecksum { start, ..PartialChecksum::UDP }.is_tcp());
        }
    }

    #[test]
    fn what_both_do_is_what_each_does() {
        let all = Offloads {
            checksum: true,
            udp_fragmentation: true,
            tcp_segmentation: true,
            tcp_segmentation_ipv6: true,
        };
        let ipv4 = Offloads { tcp_segmentation_ipv6: false, ..all };
        let tcp = Offloads { udp_fragmentation: false, ..all };
        let udp = Offloads { tcp_segmentation: false, ..all };
        assert_eq!((all.and(all), all.and(Offloads::NONE)), (all, Offloads::NONE));
        assert_eq!((all.and(tcp), tcp.and(all)), (tcp, tcp));
        assert_eq!((all.and(ipv4), ipv4.and(all)), (ipv4, ipv4));
        assert_eq!(udp.and(tcp).and(ipv4), Offloads { checksum: true, ..Offloads::NONE });
    }

    #[test]
    fn to_a_destination_of_ipv6_its_own_segmentation_counts() {
        let ipv4 = Offloads { checksum: true, tcp_segmentation: true, ..Offloads::NONE };
        assert_eq!(ipv4.for_ipv6(), Offloads { checksum: true, ..Offloads::NONE });
        let ipv6 = Offloads { tcp_segmentation_ipv6: true, udp_fragmentation: true, ..ipv4 };
        assert_eq!(ipv6.for_ipv6(), Offloads { udp_fragmentation: false, ..ipv6 });
        let alone = Offloads { tcp_segmentation: false, ..ipv6 }.for_ipv6();
        assert!(alone.tcp_segmentation && alone.for_ipv6() == alone);
    }
}
