//! The packet inside an ICMPv6 error: its headers and the beginning of its payload.

use core::net::Ipv6Addr;

use network::{Packet, Protocol};
use zerocopy::{
    FromBytes, Immutable, KnownLayout, Unaligned,
    network_endian::{U16, U32},
};

/// An IPv6 header (RFC 8200 3).
#[derive(FromBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
struct OriginalHeader {
    version_class_label: U32,
    payload_length: U16,
    next_header: u8,
    hop_limit: u8,
    source: [u8; 16],
    destination: [u8; 16],
}

const _: () = assert!(size_of::<OriginalHeader>() == LEN);

/// The length of an IPv6 header, in bytes.
const LEN: usize = 40;

/// The least that an error quotes behind the headers, in bytes, if there is as much: the ports of a transport, which it needs to
/// find out whose packet it was.
const LEAST_PAYLOAD: usize = 8;

/// How many extension headers are skipped. Our own packets have one at most.
const MOST_HEADERS: usize = 8;

const HOP_BY_HOP: u8 = 0;
const ROUTING: u8 = 43;
const FRAGMENT: u8 = 44;
const DESTINATION_OPTIONS: u8 = 60;

/// Where the headers of a packet end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Headers {
    /// The length of all headers in bytes: the place of the payload.
    pub(crate) length: usize,
    /// What the last of them says that the payload is.
    pub(crate) protocol: Protocol,
    /// Whether the packet is a fragment other than the first.
    pub(crate) is_later_fragment: bool,
}

impl Headers {
    /// The headers at the beginning of `packet`. It is `None` if the packet ends within them, or if there are too many.
    pub(crate) fn of(packet: &[u8]) -> Option<Self> {
        let (header, _) = OriginalHeader::ref_from_prefix(packet).ok()?;
        let (mut length, mut next) = (LEN, header.next_header);
        let mut is_later_fragment = false;
        for _ in 0..=MOST_HEADERS {
            let this = match next {
                HOP_BY_HOP | ROUTING | DESTINATION_OPTIONS => {
                    8 + 8 * usize::from(*packet.get(length + 1)?)
                }
                FRAGMENT => {
                    let offset = packet.get(length + 2..length + 4)?;
                    is_later_fragment |= offset[0] != 0 || offset[1] >= 8;
                    8
                }
                _ => {
                    return Some(Self { length, protocol: Protocol(next), is_later_fragment });
                }
            };
            next = *packet.get(length)?;
            length += this;
            if length > packet.len() || is_later_fragment {
                // Behind the header of a later fragment there is no header.
                let whole = length <= packet.len();
                return whole.then_some(Self {
                    length,
                    protocol: Protocol(next),
                    is_later_fragment,
                });
            }
        }
        None
    }
}

/// Why a received error is ignored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unusable {
    /// The quote is not a packet of IPv6, or too short to find out whose it was.
    Malformed,
    /// The error is about a fragment without the transport's header.
    LaterFragment,
}

/// Parses the packet of which an error quotes the beginning. Its payload may be cut, so no checksum can be verified. Returns the
/// length of the whole packet too, in bytes.
pub(crate) fn original(quote: &[u8]) -> Result<(Packet<'_>, usize), Unusable> {
    let (header, _) = OriginalHeader::ref_from_prefix(quote).map_err(|_| Unusable::Malformed)?;
    if header.version_class_label.get() >> 28 != 6 {
        return Err(Unusable::Malformed);
    }
    let total_length = LEN + usize::from(header.payload_length.get());
    // The bytes after the packet may be an extension (RFC 4884).
    let quote = &quote[..quote.len().min(total_length)];
    let headers = Headers::of(quote).ok_or(Unusable::Malformed)?;
    if headers.is_later_fragment {
        return Err(Unusable::LaterFragment);
    }
    let (bytes, payload) = quote.split_at(headers.length);
    if payload.len() < (total_length - headers.length).min(LEAST_PAYLOAD) {
        return Err(Unusable::Malformed);
    }
    let destination = Ipv6Addr::from(header.destination);
    let packet = Packet {
        source: Ipv6Addr::from(header.source).into(),
        destination: destination.into(),
        protocol: headers.protocol,
        ttl: header.hop_limit,
        tos: (header.version_class_label.get() >> 20) as u8,
        broadcast: destination.is_multicast(),
        verify_checksum: false,
        segment_size: None,
        header: bytes,
        payload,
    };
    Ok((packet, total_length))
}

#[cfg(test)]
mod tests {
    use core::net::IpAddr;
    use std::vec::Vec;

    use super::*;
    use crate::samples::{OURS, PEER};

    /// From us to the peer, UDP, 4 bytes of data, with extension headers between: pairs of their number and their bytes,
    /// the first of which is filled in.
    fn packet(extensions: &[(u8, &[u8])]) -> Vec<u8> {
        let octets = |address: IpAddr| match address {
            IpAddr::V6(address) => address.octets(),
            IpAddr::V4(_) => unreachable!(),
        };
        let numbers: Vec<u8> = extensions.iter().map(|(number, _)| *number).chain([17]).collect();
        let length: usize = extensions.iter().map(|(_, bytes)| bytes.len()).sum();
        let mut packet = [
            &[0x6b, 0x80, 0, 0, 0, (12 + length) as u8, numbers[0], 63],
            &octets(OURS)[..],
            &octets(PEER),
        ]
        .concat();
        for ((_, bytes), next) in extensions.iter().zip(&numbers[1..]) {
            packet.push(*next);
            packet.extend(&bytes[1..]);
        }
        packet.extend([0x1f, 0x90, 0x13, 0x88, 0, 12, 0, 0, 1, 2, 3, 4]);
        packet
    }

    #[test]
    fn all_fields_are_read() {
        let bytes = packet(&[]);
        let (packet, length) = original(&bytes).unwrap();
        assert_eq!((packet.source, packet.destination), (OURS, PEER));
        assert_eq!((packet.protocol, packet.ttl, packet.tos), (Protocol::UDP, 63, 0xb8));
        assert_eq!((packet.header, packet.payload), bytes.split_at(40));
        assert_eq!(length, 52);
        assert!(!packet.broadcast && !packet.verify_checksum);
    }

    #[test]
    fn eight_bytes_are_enough_and_seven_are_not() {
        let bytes = packet(&[]);
        assert_eq!(original(&bytes[..48]).unwrap().0.payload, &bytes[40..48]);
        for length in 0..48 {
            assert_eq!(original(&bytes[..length]).err(), Some(Unusable::Malformed), "{length}");
        }
    }

    #[test]
    fn what_follows_the_packet_is_cut_off() {
        let mut extended = packet(&[]);
        extended.extend([0xaa; 100]);
        assert_eq!(original(&extended).unwrap().0.payload, &packet(&[])[40..]);
    }

    #[test]
    fn extension_headers_are_skipped() {
        let (eight, sixteen) = ([0, 0, 1, 4, 0, 0, 0, 0], [0, 1, 1, 12, 0, 0, 0, 0].repeat(2));
        let first_fragment = [0, 0, 0, 1, 1, 2, 3, 4];
        let bytes = packet(&[(0, &eight), (60, &sixteen), (43, &eight), (44, &first_fragment)]);
        let (packet, _) = original(&bytes).unwrap();
        assert_eq!((packet.header.len(), packet.protocol), (40 + 8 + 16 + 8 + 8, Protocol::UDP));
        assert_eq!(bytes[packet.protocol_at()], 17);
        for length in 0..packet.header.len() + 8 {
            assert_eq!(original(&bytes[..length]).err(), Some(Unusable::Malformed), "{length}");
        }
    }

    #[test]
    fn a_later_fragment_has_no_header_of_a_transport() {
        for offset in [[0, 8], [1, 0], [0xff, 0xf9]] {
            let bytes = packet(&[(44, &[0, 0, offset[0], offset[1], 1, 2, 3, 4])]);
            assert_eq!(original(&bytes).err(), Some(Unusable::LaterFragment), "{offset:?}");
        }
    }

    #[test]
    fn a_chain_that_does_not_end_is_left() {
        let eight: (u8, &[u8]) = (60, &[0, 0, 1, 4, 0, 0, 0, 0]);
        assert!(original(&packet(&[eight; MOST_HEADERS])).is_ok());
        assert_eq!(original(&packet(&[eight; MOST_HEADERS + 1])).err(), Some(Unusable::Malformed));
    }

    #[test]
    fn another_version_is_no_quote() {
        let mut bytes = packet(&[]);
        bytes[0] = 0x45;
        assert_eq!(original(&bytes).err(), Some(Unusable::Malformed));
    }
}
