//! The header before a frame (`struct virtio_net_hdr`, virtio 1.2, 5.1.6): what was left undone in it, and over how many
//! buffers it is spread.

use core::num::NonZeroU16;

use layer::{PartialChecksum, Payload};
use netif::{Checksums, Family};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned, little_endian::U16};

use crate::ProtocolViolation;

/// The length of the header in bytes: with `VIRTIO_F_VERSION_1` it always has `num_buffers`.
pub(crate) const HEADER: usize = size_of::<Header>();

/// The length of the Ethernet header, two addresses and a type, in bytes.
pub(crate) const ETHERNET: usize = 14;

/// The length of the largest Ethernet header in bytes: with one VLAN tag (IEEE 802.1Q).
pub(crate) const LARGEST_ETHERNET: usize = ETHERNET + 4;

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

/// Where a TCP header says how long it is, in bytes (RFC 9293 3.1: data offset).
const DATA_OFFSET: usize = 12;

/// Of which families received frames may be joined from TCP segments.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Joined {
    pub(crate) ipv4: bool,
    pub(crate) ipv6: bool,
}

impl Joined {
    /// No frame is joined.
    pub(crate) const NEVER: Self = Self { ipv4: false, ipv6: false };
}

/// The header.
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
    header_len: U16,
    gso_size: U16,
    csum_start: U16,
    csum_offset: U16,
    num_buffers: U16,
}

const _: () = assert!(HEADER == 12);

impl Header {
    /// The header of a frame in which nothing is left undone.
    pub(crate) const WHOLE: Self = Self {
        flags: 0,
        gso_type: GSO_NONE,
        header_len: U16::ZERO,
        gso_size: U16::ZERO,
        csum_start: U16::ZERO,
        csum_offset: U16::ZERO,
        num_buffers: U16::ZERO,
    };

    /// The header of a frame with a checksum that is to be completed.
    pub(crate) fn partial(checksum: PartialChecksum) -> Self {
        Self {
            flags: NEEDS_CSUM,
            csum_start: checksum.start.into(),
            csum_offset: checksum.offset.get().into(),
            ..Self::WHOLE
        }
    }

    /// The header of a frame with a TCP segment and its partial checksum, to be cut into segments of `size` data bytes.
    pub(crate) fn segments(
        frame: &dyn Payload,
        family: Family,
        checksum: PartialChecksum,
        size: NonZeroU16,
    ) -> Self {
        let at = usize::from(checksum.start) + DATA_OFFSET;
        let mut offset = [0x50];
        if at < frame.len() {
            frame.copy_to(at, &mut offset);
        }
        let tcp = u16::from(offset[0] >> 4) * 4;
        Self {
            gso_type: match family {
                Family::Ipv4 => GSO_TCPV4,
                Family::Ipv6 => GSO_TCPV6,
            },
            header_len: checksum.start.saturating_add(tcp).into(),
            gso_size: size.get().into(),
            ..Self::partial(checksum)
        }
    }

    /// Over how many buffers a received frame is spread.
    #[inline]
    pub(crate) fn buffers(&self) -> u16 {
        self.num_buffers.get()
    }

    /// What is known of the checksums of a received frame, if it was agreed that the device tells (`GUEST_CSUM`).
    #[inline]
    pub(crate) fn checksums(&self, agreed: bool) -> Checksums {
        match self.flags {
            _ if !agreed => Checksums::NotChecked,
            flags if flags & NEEDS_CSUM != 0 => Checksums::Blank,
            flags if flags & DATA_VALID != 0 => Checksums::Verified,
            _ => Checksums::NotChecked,
        }
    }

    /// The number of data bytes in each of the TCP segments that a received frame was joined from, if it was.
    ///
    /// # Errors
    /// It was joined, but that was not `agreed` for its family; or it was joined from something else than TCP.
    #[inline]
    pub(crate) fn segment_size(
        &self,
        agreed: Joined,
    ) -> Result<Option<NonZeroU16>, ProtocolViolation> {
        match (self.gso_type, NonZeroU16::new(self.gso_size.get())) {
            (GSO_NONE, _) => Ok(None),
            (GSO_TCPV4, Some(size)) if agreed.ipv4 => Ok(Some(size)),
            (GSO_TCPV6, Some(size)) if agreed.ipv6 => Ok(Some(size)),
            (gso_type, _) => Err(ProtocolViolation::Segments(gso_type)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOTH: Joined = Joined { ipv4: true, ipv6: true };
    const IPV4: Joined = Joined { ipv4: true, ipv6: false };
    const IPV6: Joined = Joined { ipv4: false, ipv6: true };

    #[test]
    fn the_header_has_the_bytes_of_the_specification() {
        let checksum = PartialChecksum { start: 0x0134, ..PartialChecksum::UDP };
        let bytes = [1, 0, 0, 0, 0, 0, 0x34, 1, 6, 0, 0, 0];
        assert_eq!(Header::partial(checksum).as_bytes(), bytes);
        let mut frame = [0; 100];
        // A TCP header of 32 bytes, after 34 bytes.
        frame[34 + 12] = 0x80;
        let checksum = PartialChecksum { start: 34, ..PartialChecksum::TCP };
        let size = NonZeroU16::new(1448).unwrap();
        let header = Header::segments(&frame, Family::Ipv4, checksum, size);
        assert_eq!(header.as_bytes(), [1, 1, 66, 0, 0xa8, 5, 34, 0, 16, 0, 0, 0]);
        assert_eq!(header.segment_size(BOTH), Ok(Some(size)));
        // One of IPv6, after 54 bytes.
        frame[54 + 12] = 0x50;
        let after = PartialChecksum { start: 54, ..PartialChecksum::TCP };
        let header = Header::segments(&frame, Family::Ipv6, after, size);
        assert_eq!(header.as_bytes(), [1, 4, 74, 0, 0xa8, 5, 54, 0, 16, 0, 0, 0]);
        assert_eq!(header.segment_size(BOTH), Ok(Some(size)));
        assert_eq!(Header::WHOLE.as_bytes(), [0; HEADER]);
        // A frame that ends before has the header of a segment without options.
        let header = Header::segments(&[0; 46], Family::Ipv4, checksum, NonZeroU16::MIN);
        assert_eq!(header.header_len.get(), 54);
        let outside = PartialChecksum { start: u16::MAX, ..PartialChecksum::TCP };
        let header = Header::segments(&[0; 46], Family::Ipv4, outside, NonZeroU16::MIN);
        assert_eq!(header.header_len.get(), u16::MAX);
    }

    #[test]
    fn what_was_not_agreed_is_no_word_about_checksums_and_a_violation_about_segments() {
        let header = |flags, gso_type, gso_size: u16| Header {
            flags,
            gso_type,
            gso_size: gso_size.into(),
            ..Header::WHOLE
        };
        for (flags, checksums) in [
            (0, Checksums::NotChecked),
            (1, Checksums::Blank),
            (2, Checksums::Verified),
            (3, Checksums::Blank),
            (0xfc, Checksums::NotChecked),
        ] {
            assert_eq!(header(flags, 0, 0).checksums(true), checksums, "{flags}");
            assert_eq!(header(flags, 0, 0).checksums(false), Checksums::NotChecked, "{flags}");
        }
        for (agreed, gso_type, gso_size, expected) in [
            (Joined::NEVER, 0, 7, Ok(None)),
            (BOTH, 1, 7, Ok(NonZeroU16::new(7))),
            (BOTH, 4, 7, Ok(NonZeroU16::new(7))),
            (IPV4, 1, 7, Ok(NonZeroU16::new(7))),
            (IPV6, 4, 7, Ok(NonZeroU16::new(7))),
            (IPV6, 1, 7, Err(1)),
            (IPV4, 4, 7, Err(4)),
            (Joined::NEVER, 4, 7, Err(4)),
            (BOTH, 1, 0, Err(1)),
            (BOTH, 4, 0, Err(4)),
            (BOTH, 0x81, 7, Err(0x81)),
            (BOTH, 0x84, 7, Err(0x84)),
            (BOTH, 3, 7, Err(3)),
            (BOTH, 5, 7, Err(5)),
        ] {
            let expected = expected.map_err(ProtocolViolation::Segments);
            assert_eq!(header(0, gso_type, gso_size).segment_size(agreed), expected, "{gso_type}");
        }
    }
}
