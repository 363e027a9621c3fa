//! The packet inside an ICMP error: its IPv4 header and the beginning of its payload.

use core::net::Ipv4Addr;

use network::{Packet, Protocol};
use zerocopy::{FromBytes, Immutable, KnownLayout, Unaligned, network_endian::U16};

/// The least that an error quotes of the payload, in bytes, if the payload is as long (RFC 792).
const LEAST_PAYLOAD: usize = 8;

/// The smallest MTU in bytes that a link can have. A smaller one in an error is false (RFC 1191 3).
const MIN_MTU: u16 = layer::IPV4_MIN_MTU as u16;

/// The flags and offset field of a whole packet that no router may fragment.
const DONT_FRAGMENT: u16 = 0x4000;

/// The MTUs of common links, which replace the MTU that an old router does not give (RFC 1191 7.1).
const PLATEAUS: [u16; 11] =
    [65_535, 32_000, 17_914, 8_166, 4_352, 2_002, 1_492, 1_006, 508, 296, 68];

/// An IPv4 header without options (RFC 791 3.1).
#[derive(FromBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(crate) struct OriginalHeader {
    version_ihl: u8,
    tos: u8,
    total_length: U16,
    identification: U16,
    flags_offset: U16,
    ttl: u8,
    protocol: u8,
    checksum: U16,
    source: [u8; 4],
    destination: [u8; 4],
}

const _: () = assert!(size_of::<OriginalHeader>() == 20);

impl OriginalHeader {
    /// The header at the beginning of `packet`, or `None` if it is not an IPv4 header.
    pub(crate) fn of(packet: &[u8]) -> Option<&Self> {
        let (header, _) = Self::ref_from_prefix(packet).ok()?;
        let sound = header.version_ihl >> 4 == 4
            && header.length() >= size_of::<Self>()
            && header.length() <= packet.len()
            && header.length() <= header.total_length();
        sound.then_some(header)
    }

    /// The length of the header in bytes, options included.
    pub(crate) fn length(&self) -> usize {
        usize::from(self.version_ihl & 0x0f) * 4
    }

    /// The length of the packet in bytes, header included.
    pub(crate) fn total_length(&self) -> usize {
        usize::from(self.total_length.get())
    }

    /// Whether this is a fragment other than the first.
    pub(crate) fn is_later_fragment(&self) -> bool {
        self.flags_offset.get() & 0x1fff != 0
    }

    /// The path MTU that follows from a router's error that this packet is longer than `reported` bytes.
    ///
    /// An old router reports 0: then the MTU is the largest plateau below the packet's length (RFC 1191 5). The result
    /// is `None` if the report cannot be true: no link has this MTU, the packet would have fitted, or it was a fragment
    /// or had no DF, so that the router would have fragmented it.
    pub(crate) fn path_mtu(&self, reported: u32) -> Option<u16> {
        let length = self.total_length.get();
        let mtu = match reported {
            0 => *PLATEAUS.iter().find(|&&mtu| mtu < length)?,
            mtu => u16::try_from(mtu).ok()?,
        };
        let whole = self.flags_offset.get() == DONT_FRAGMENT;
        (whole && (MIN_MTU..length).contains(&mtu)).then_some(mtu)
    }
}

/// Why a received error is ignored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unusable {
    /// The quote is not an IPv4 header, or is shorter than RFC 792 requires.
    Malformed,
    /// The error is about a fragment without the transport's header.
    LaterFragment,
}

/// Parses the packet of which an error quotes the beginning. Its payload may be cut, so no checksum can be verified.
pub(crate) fn original(quote: &[u8]) -> Result<(Packet<'_>, &OriginalHeader), Unusable> {
    let header = OriginalHeader::of(quote).ok_or(Unusable::Malformed)?;
    if header.is_later_fragment() {
        return Err(Unusable::LaterFragment);
    }
    // The bytes after the packet may be an extension (RFC 4884).
    let quote = &quote[..quote.len().min(header.total_length())];
    let whole = header.total_length() - header.length();
    let (bytes, payload) = quote.split_at(header.length());
    if payload.len() < whole.min(LEAST_PAYLOAD) {
        return Err(Unusable::Malformed);
    }
    let destination = Ipv4Addr::from(header.destination);
    let packet = Packet {
        source: Ipv4Addr::from(header.source).into(),
        destination: destination.into(),
        protocol: Protocol(header.protocol),
        ttl: header.ttl,
        tos: header.tos,
        broadcast: destination.is_multicast() || destination.is_broadcast(),
        verify_checksum: false,
        segment_size: None,
        header: bytes,
        payload,
    };
    Ok((packet, header))
}

#[cfg(test)]
mod tests {
    use core::net::IpAddr;
    use std::vec::Vec;

    use super::*;

    const OURS: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 0, 0, 2));

    /// From 10.0.0.2:8080 to 10.0.0.1:5000, UDP, 4 bytes of data.
    const UDP: [u8; 32] = [
        0x45, 0xb8, 0, 32, 0, 7, 0, 0, 63, 17, 0x67, 0x0c, 10, 0, 0, 2, 10, 0, 0, 1, // IPv4
        0x1f, 0x90, 0x13, 0x88, 0, 12, 0, 0, 1, 2, 3, 4, // UDP
    ];

    fn with(changes: &[(usize, u8)]) -> Vec<u8> {
        let mut packet = UDP.to_vec();
        changes.iter().for_each(|&(at, byte)| packet[at] = byte);
        packet
    }

    fn unusable(quote: &[u8]) -> Option<Unusable> {
        original(quote).err()
    }

    #[test]
    fn all_fields_are_read() {
        let (packet, header) = original(&UDP).unwrap();
        assert_eq!((packet.source, packet.destination), (OURS, IpAddr::from([10, 0, 0, 1])));
        assert_eq!((packet.protocol, packet.ttl, packet.tos), (Protocol::UDP, 63, 0xb8));
        assert_eq!((packet.header, packet.payload), UDP.split_at(20));
        assert_eq!(header.total_length(), 32);
        assert!(!packet.broadcast && !packet.verify_checksum);
    }

    #[test]
    fn eight_bytes_are_enough_and_seven_are_not() {
        let (packet, _) = original(&UDP[..28]).unwrap();
        assert_eq!(packet.payload, &UDP[20..28]);
        for length in 0..28 {
            assert_eq!(unusable(&UDP[..length]), Some(Unusable::Malformed), "{length}");
        }
    }

    #[test]
    fn a_packet_shorter_than_eight_bytes_is_whole() {
        let short = with(&[(3, 23)]);
        assert_eq!(original(&short).unwrap().0.payload, &UDP[20..23]);
        assert_eq!(original(&short[..23]).unwrap().0.payload, &UDP[20..23]);
        assert_eq!(unusable(&short[..22]), Some(Unusable::Malformed));
    }

    #[test]
    fn what_follows_the_packet_is_cut_off() {
        let mut extended = UDP.to_vec();
        extended.extend([0xaa; 100]);
        assert_eq!(original(&extended).unwrap().0.payload, &UDP[20..]);
    }

    #[test]
    fn options_belong_to_the_header() {
        let mut options = with(&[(0, 0x46), (3, 36)]);
        options.splice(20..20, [1, 1, 1, 0]);
        let (packet, _) = original(&options).unwrap();
        assert_eq!((packet.header.len(), packet.payload), (24, &UDP[20..]));
    }

    #[test]
    fn nonsense_is_refused() {
        for changes in [
            [(0, 0x65), (0, 0x65)], // version 6
            [(0, 0x44), (0, 0x44)], // a header of 16 bytes
            [(0, 0x4f), (3, 60)],   // longer than what there is
            [(0, 0x46), (3, 23)],   // longer than the packet
            [(2, 0), (3, 19)],      // a packet shorter than a header
        ] {
            assert_eq!(unusable(&with(&changes)), Some(Unusable::Malformed), "{changes:?}");
        }
        assert_eq!(unusable(&with(&[(7, 1)])), Some(Unusable::LaterFragment));
        assert_eq!(unusable(&with(&[(6, 0x20)])), None, "the first fragment");
    }

    #[test]
    fn the_path_mtu() {
        let packet = |length: u16, flags: u8| {
            let [high, low] = length.to_be_bytes();
            with(&[(2, high), (3, low), (6, flags)])
        };
        for (length, reported, mtu) in [
            (1500, 1400, Some(1400)),
            (1500, 1499, Some(1499)),
            (1500, 1500, None),
            (1500, 65_535, None),
            (1500, 68, Some(68)),
            (1500, 67, None),
            (1500, 1, None),
            (65_535, 0, Some(32_000)),
            (1500, 0, Some(1492)),
            (1492, 0, Some(1006)),
            (300, 0, Some(296)),
            (69, 0, Some(68)),
            (68, 0, None),
            (68, 68, None),
        ] {
            let bytes = packet(length, 0x40);
            let header = OriginalHeader::of(&bytes).unwrap();
            assert_eq!(header.path_mtu(reported), mtu, "{length} {reported}");
            // Without DF, or with fragments that follow.
            for flags in [0, 0x20, 0x60] {
                let bytes = packet(length, flags);
                assert_eq!(OriginalHeader::of(&bytes).unwrap().path_mtu(reported), None);
            }
        }
    }
}
