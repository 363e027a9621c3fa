//! The header before a frame (`struct virtio_net_hdr`, `linux/virtio_net.h`): it says what the giver of the
//! frame has left undone.

use core::num::NonZeroU16;

use layer::PartialChecksum;
use netif::Family;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// The length of the header in bytes.
pub(crate) const HEADER_LEN: usize = size_of::<Header>();

/// `VIRTIO_NET_HDR_F_NEEDS_CSUM`: the checksum is blank, except for the sum of the pseudo header.
const NEEDS_CSUM: u8 = 1;
/// `VIRTIO_NET_HDR_F_DATA_VALID`: the checksum was verified.
const DATA_VALID: u8 = 2;
/// `VIRTIO_NET_HDR_GSO_NONE`: one frame.
const GSO_NONE: u8 = 0;
/// `VIRTIO_NET_HDR_GSO_TCPV4`: many TCP segments over IPv4 as one, equal in length except for the last.
const GSO_TCPV4: u8 = 1;
/// `VIRTIO_NET_HDR_GSO_TCPV6`: TCP segments over IPv6.
const GSO_TCPV6: u8 = 4;
/// `VIRTIO_NET_HDR_GSO_UDP`: one datagram, to be cut into fragments of IPv4.
const GSO_UDP: u8 = 3;
/// `VIRTIO_NET_HDR_GSO_UDP_L4`: many datagrams of one flow, equal in length except for the last.
const GSO_UDP_L4: u8 = 5;

/// Where in a UDP header its checksum is.
const CHECKSUM: u16 = 6;

/// The header, its numbers in the byte order of this machine.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    FromBytes,
    IntoBytes,
    Immutable,
    KnownLayout,
    Unaligned,
)]
#[repr(C)]
pub(crate) struct Header {
    flags: u8,
    gso_type: u8,
    header_len: [u8; 2],
    gso_size: [u8; 2],
    csum_start: [u8; 2],
    csum_offset: [u8; 2],
}

const _: () = assert!(HEADER_LEN == 10);

impl Header {
    /// A frame in which nothing is left undone.
    pub(crate) const WHOLE: Self = Self {
        flags: 0,
        gso_type: GSO_NONE,
        header_len: [0; 2],
        gso_size: [0; 2],
        csum_start: [0; 2],
        csum_offset: [0; 2],
    };

    /// A frame with a checksum that is to be completed.
    pub(crate) fn partial(checksum: PartialChecksum) -> Self {
        Self {
            flags: NEEDS_CSUM,
            csum_start: checksum.start.to_ne_bytes(),
            csum_offset: checksum.offset.get().to_ne_bytes(),
            ..Self::WHOLE
        }
    }

    /// A frame with a UDP header at `transport` whose checksum is partial.
    pub(crate) fn partial_udp(transport: u16) -> Self {
        Self::partial(PartialChecksum { start: transport, ..PartialChecksum::UDP })
    }

    /// A datagram with a partial checksum, to be cut into fragments that carry `size` bytes each.
    pub(crate) fn to_fragment(transport: u16, size: u16) -> Self {
        Self { gso_type: GSO_UDP, ..Self::partial_udp(transport).cut(transport, size) }
    }

    /// A datagram with a partial checksum, to be cut into datagrams with a payload of `size` bytes each.
    pub(crate) fn datagrams(transport: u16, size: u16) -> Self {
        Self { gso_type: GSO_UDP_L4, ..Self::partial_udp(transport).cut(transport, size) }
    }

    /// A TCP segment with a partial checksum, to be cut into segments with `size` bytes of data each. The data begin at
    /// `data` in the frame.
    pub(crate) fn segments(
        family: Family,
        checksum: PartialChecksum,
        data: u16,
        size: u16,
    ) -> Self {
        Self {
            gso_type: match family {
                Family::Ipv4 => GSO_TCPV4,
                Family::Ipv6 => GSO_TCPV6,
            },
            header_len: data.to_ne_bytes(),
            gso_size: size.to_ne_bytes(),
            ..Self::partial(checksum)
        }
    }

    fn cut(self, transport: u16, size: u16) -> Self {
        // The kernel refuses a header that ends outside of the frame.
        let header_len = transport.saturating_add(8);
        Self { header_len: header_len.to_ne_bytes(), gso_size: size.to_ne_bytes(), ..self }
    }

    /// Whether a checksum is blank.
    pub(crate) fn is_blank(&self) -> bool {
        self.flags & NEEDS_CSUM != 0
    }

    /// Where the checksum of UDP is, if that is the one that is blank.
    pub(crate) fn blank_udp_checksum(&self) -> Option<usize> {
        let start = u16::from_ne_bytes(self.csum_start);
        (self.is_blank() && self.csum_offset == CHECKSUM.to_ne_bytes())
            .then(|| usize::from(start) + usize::from(CHECKSUM))
    }

    /// Whether the checksum was verified.
    pub(crate) fn is_verified(&self) -> bool {
        self.flags & DATA_VALID != 0
    }

    /// Whether it is one frame.
    pub(crate) fn is_one(&self) -> bool {
        self.gso_type == GSO_NONE
    }

    /// The length of each payload in bytes, if these are many UDP datagrams.
    pub(crate) fn datagram_size(&self) -> Option<usize> {
        let size = usize::from(u16::from_ne_bytes(self.gso_size));
        (self.gso_type == GSO_UDP_L4 && size > 0).then_some(size)
    }

    /// The family and the number of data bytes in each segment, if these are many TCP segments. Segments of which one has a
    /// mark of congestion to be handled apart (`VIRTIO_NET_HDR_GSO_ECN`) are not asked for, and none.
    pub(crate) fn joined(&self) -> Option<(Family, NonZeroU16)> {
        let family = match self.gso_type {
            GSO_TCPV4 => Family::Ipv4,
            GSO_TCPV6 => Family::Ipv6,
            _ => return None,
        };
        Some((family, NonZeroU16::new(u16::from_ne_bytes(self.gso_size))?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What Linux 6.18 gives for a datagram of 100 bytes, and for 100 of 64 bytes at once.
    #[cfg(target_endian = "little")]
    #[test]
    fn what_the_kernel_gives_is_read() {
        let one = Header::read_from_bytes(&[1, 0, 0, 0, 0, 0, 0x22, 0, 6, 0]).unwrap();
        assert_eq!((one, one.is_one()), (Header::partial_udp(34), true));
        assert_eq!((one.blank_udp_checksum(), one.datagram_size()), (Some(40), None));
        let many = Header::read_from_bytes(&[1, 5, 0x2a, 0, 0x40, 0, 0x22, 0, 6, 0]).unwrap();
        assert_eq!((many, many.is_one()), (Header::datagrams(34, 64), false));
        assert_eq!((many.blank_udp_checksum(), many.datagram_size()), (Some(40), Some(64)));
        assert_eq!(Header::to_fragment(34, 1480).as_bytes(), [1, 3, 42, 0, 0xc8, 5, 34, 0, 6, 0]);
        let segments = Header::read_from_bytes(&[1, 1, 66, 0, 0xa8, 5, 0x22, 0, 16, 0]).unwrap();
        let checksum = PartialChecksum { start: 34, ..PartialChecksum::TCP };
        let ipv4 = Header::segments(Family::Ipv4, checksum, 66, 1448);
        assert_eq!((segments, segments.is_one()), (ipv4, false));
        assert_eq!(segments.joined(), Some((Family::Ipv4, NonZeroU16::new(1448).unwrap())));
        assert_eq!((segments.datagram_size(), many.joined()), (None, None));
        let segments = Header::read_from_bytes(&[1, 4, 86, 0, 0x94, 5, 0x36, 0, 16, 0]).unwrap();
        let checksum = PartialChecksum { start: 54, ..PartialChecksum::TCP };
        assert_eq!(segments, Header::segments(Family::Ipv6, checksum, 86, 1428));
        assert_eq!(segments.joined(), Some((Family::Ipv6, NonZeroU16::new(1428).unwrap())));
        assert_eq!(Header { gso_size: [0; 2], ..segments }.joined(), None);
    }

    #[test]
    fn nothing_is_no_size_and_another_checksum_is_not_that_of_udp() {
        assert_eq!(Header::datagrams(34, 0).datagram_size(), None);
        assert_eq!(Header::to_fragment(34, 8).datagram_size(), None);
        assert_eq!(Header::WHOLE.blank_udp_checksum(), None);
        assert_eq!(Header::to_fragment(u16::MAX, 8).header_len, u16::MAX.to_ne_bytes());
        let tcp = Header { csum_offset: 16_u16.to_ne_bytes(), ..Header::partial_udp(34) };
        assert_eq!((tcp.is_blank(), tcp.blank_udp_checksum()), (true, None));
    }
}
