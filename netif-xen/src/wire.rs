//! Requests and responses in the format of the rings (`netif.h`), and the length of the headers of the frames that they
//! carry.

use core::num::NonZeroU16;

use netif::Family;
use rt_xen::GrantRef;

/// The length of the Ethernet header, two addresses and a type, in bytes.
pub(crate) const HEADER: usize = 14;

/// The length of the largest header in bytes: the Ethernet header with one VLAN tag (IEEE 802.1Q).
pub(crate) const LARGEST_HEADER: usize = HEADER + 4;

/// The flags of a transmit request (`NETTXF_*`).
pub(crate) mod tx_flag {
    /// The checksum of the transport has the sum of the pseudo header, and is completed by the backend.
    pub(crate) const CSUM_BLANK: u16 = 1 << 0;
    /// The data are known to be undamaged, which a frame with a blank checksum also says.
    pub(crate) const DATA_VALIDATED: u16 = 1 << 1;
    /// The frame continues in the next request.
    pub(crate) const MORE_DATA: u16 = 1 << 2;
    /// An [`ExtraInfo`](super::ExtraInfo) follows.
    pub(crate) const EXTRA_INFO: u16 = 1 << 3;
}

/// The flags of a receive response (`NETRXF_*`).
pub(crate) mod rx_flag {
    /// The checksums were verified.
    pub(crate) const DATA_VALIDATED: u16 = 1 << 0;
    /// The checksums are blank.
    pub(crate) const CSUM_BLANK: u16 = 1 << 1;
    /// The frame continues in the next response.
    pub(crate) const MORE_DATA: u16 = 1 << 2;
    /// An [`ExtraInfo`](super::ExtraInfo) follows.
    pub(crate) const EXTRA_INFO: u16 = 1 << 3;
    /// The flags that may be set. The GSO prefix (bit 4) may not: we do not offer it.
    pub(crate) const KNOWN: u16 = DATA_VALIDATED | CSUM_BLANK | MORE_DATA | EXTRA_INFO;
}

/// Packs two 16-bit fields into a word, in their order in memory.
const fn pack(first: u16, second: u16) -> u32 {
    first as u32 | (second as u32) << 16
}

const fn unpack(word: u32) -> (u16, u16) {
    (word as u16, (word >> 16) as u16)
}

/// `netif_tx_request`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TxRequest {
    pub(crate) grant: GrantRef,
    /// The offset of the piece in its page, in bytes.
    pub(crate) offset: u16,
    /// See [`tx_flag`].
    pub(crate) flags: u16,
    /// Echoed in the response.
    pub(crate) id: u16,
    /// The length in bytes: that of the whole frame in the first request, that of the piece in the others.
    pub(crate) size: u16,
}

impl TxRequest {
    pub(crate) const fn emit(self) -> [u32; 3] {
        [self.grant.0, pack(self.offset, self.flags), pack(self.id, self.size)]
    }
}

/// `netif_tx_response`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TxResponse {
    /// The id of the request.
    pub(crate) id: u16,
    /// 0 if the frame was sent, negative if not, and [`OF_EXTRA`](Self::OF_EXTRA).
    pub(crate) status: i16,
}

impl TxResponse {
    /// The status of the response to an extra information, whose id has no meaning (`NETIF_RSP_NULL`).
    pub(crate) const OF_EXTRA: i16 = 1;

    pub(crate) const fn parse([word]: [u32; 1]) -> Self {
        let (id, status) = unpack(word);
        Self { id, status: status.cast_signed() }
    }
}

/// `netif_rx_request`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RxRequest {
    /// Echoed in the response.
    pub(crate) id: u16,
    /// The page to be filled.
    pub(crate) grant: GrantRef,
}

impl RxRequest {
    pub(crate) const fn emit(self) -> [u32; 2] {
        [pack(self.id, 0), self.grant.0]
    }
}

/// `netif_rx_response`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RxResponse {
    /// The id of the request in the same slot.
    pub(crate) id: u16,
    /// The offset of the piece in its page, in bytes.
    pub(crate) offset: u16,
    /// See [`rx_flag`].
    pub(crate) flags: u16,
    /// The length of the piece in bytes, or a negative value if the frame was lost.
    pub(crate) status: i16,
}

impl RxResponse {
    pub(crate) const fn parse([first, second]: [u32; 2]) -> Self {
        let (id, offset) = unpack(first);
        let (flags, status) = unpack(second);
        Self { id, offset, flags, status: status.cast_signed() }
    }
}

/// `netif_extra_info`, which takes the place of a request or a response and has no id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ExtraInfo {
    /// `XEN_NETIF_EXTRA_TYPE_*`.
    pub(crate) kind: u8,
    /// Whether another one follows (`XEN_NETIF_EXTRA_FLAG_MORE`).
    pub(crate) more: bool,
    /// For [`GSO`](Self::GSO), the kind of the segments (`XEN_NETIF_GSO_TYPE_*`) and the number of data bytes in each.
    pub(crate) segments: (u8, u16),
}

impl ExtraInfo {
    /// Segmentation: the frame is to be cut into smaller ones.
    pub(crate) const GSO: u8 = 1;
    /// A hash of the addresses.
    pub(crate) const HASH: u8 = 4;
    /// Segments of TCP over IPv4 (`XEN_NETIF_GSO_TYPE_TCPV4`).
    pub(crate) const TCPV4: u8 = 1;
    /// Segments of TCP over IPv6 (`XEN_NETIF_GSO_TYPE_TCPV6`).
    pub(crate) const TCPV6: u8 = 2;

    pub(crate) const fn parse([first, second]: [u32; 2]) -> Self {
        let ([kind, flags, ..], (_, size)) = (first.to_le_bytes(), unpack(first));
        Self { kind, more: flags & 1 != 0, segments: (second as u8, size) }
    }

    /// The extra information that follows the first request of a frame which is to be cut into TCP segments.
    pub(crate) const fn tcp_segments(family: Family, size: NonZeroU16) -> [u32; 3] {
        let kind = match family {
            Family::Ipv4 => Self::TCPV4,
            Family::Ipv6 => Self::TCPV6,
        };
        [pack(Self::GSO as u16, size.get()), kind as u32, 0]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_have_the_bytes_of_the_header() {
        let grant = GrantRef(0x0403_0201);
        let request = TxRequest { grant, offset: 0x0605, flags: 0x0807, id: 0x0a09, size: 0x0c0b };
        let bytes = request.emit().map(u32::to_le_bytes);
        assert_eq!(bytes.concat(), [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]);
        let request = RxRequest { id: 0x0201, grant: GrantRef(0x0807_0605) };
        assert_eq!(request.emit().map(u32::to_le_bytes).concat(), [1, 2, 0, 0, 5, 6, 7, 8]);
    }

    #[test]
    fn responses_are_read_from_the_bytes_of_the_header() {
        assert_eq!(TxResponse::parse([0xfffe_0201]), TxResponse { id: 0x0201, status: -2 });
        let response = RxResponse::parse([0x0403_0201, 0xffff_0605]);
        assert_eq!(response, RxResponse { id: 0x0201, offset: 0x0403, flags: 0x0605, status: -1 });
        let extra = ExtraInfo::parse([0x0403_0104, 0]);
        let segments = (0, 0x0403);
        assert_eq!(extra, ExtraInfo { kind: ExtraInfo::HASH, more: true, segments });
        assert!(!ExtraInfo::parse([0x0403_0001, 0]).more);
        let bytes = [1, 0, 0xa8, 5, 1, 0, 0, 0];
        let words = [0, 4].map(|at| u32::from_le_bytes([0, 1, 2, 3].map(|byte| bytes[at + byte])));
        let extra = ExtraInfo::parse(words);
        assert_eq!((extra.kind, extra.more, extra.segments), (1, false, (1, 1448)));
        let size = NonZeroU16::new(1448).unwrap();
        assert_eq!(ExtraInfo::tcp_segments(Family::Ipv4, size)[..2], words);
        assert_eq!(ExtraInfo::tcp_segments(Family::Ipv6, size), [words[0], 2, 0]);
    }
}
