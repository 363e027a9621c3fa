//! The headers of a frame, as far as a network card knows them: where a UDP datagram or a TCP segment over IPv4 or IPv6 is,
//! and which fields of a datagram's headers change when it is cut or joined.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use byteorder::{ByteOrder, NetworkEndian};
use netif::Family;
use network::{Checksum, Protocol};

/// The length of an Ethernet header in bytes.
pub(crate) const ETHERNET: usize = 14;
/// The length of a UDP header in bytes.
pub(crate) const UDP: usize = 8;
/// The length of a TCP header without options in bytes.
const TCP: usize = 20;
/// The lengths of the headers of IPv4 without options, and of IPv6 without extension headers, in bytes.
const IPV4: usize = 20;
const IPV6: usize = 40;
/// The length of all headers of a datagram in bytes, without options and extension headers: at most that of IPv6.
pub(crate) const MOST: usize = ETHERNET + IPV6 + UDP;
/// The EtherTypes.
const IPV4_TYPE: u16 = 0x0800;
const IPV6_TYPE: u16 = 0x86dd;
/// The extension headers of IPv6 that may stand before the transport's (RFC 8200 4.1): Hop-by-Hop Options, which comes first,
/// Routing, Destination Options, and that of a fragment.
const HOP_BY_HOP: u8 = 0;
const ROUTING: u8 = 43;
const DESTINATION: u8 = 60;
const FRAGMENT: u8 = 44;
/// The longest packet that is cut or joined, in bytes.
pub(crate) const LONGEST_PACKET: usize = 65_535;

/// A UDP datagram over IPv4 or IPv6 in a frame, no fragment, with lengths that agree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Datagram {
    /// Where its UDP header begins: 34 over IPv4 without options, 54 over IPv6 without extension headers.
    pub(crate) transport: usize,
    /// Where it ends; the rest of the frame is padding.
    pub(crate) end: usize,
}

impl Datagram {
    /// The datagram in `frame`, if there is one.
    #[inline]
    pub(crate) fn find(frame: &[u8]) -> Option<Self> {
        let Packet { transport, end, .. } = Packet::find(frame, Protocol::UDP)?;
        let length = usize::from(NetworkEndian::read_u16(frame.get(transport + 4..transport + 6)?));
        (length >= UDP && transport + length == end).then_some(Self { transport, end })
    }

    /// The length of all headers before its payload, in bytes.
    #[inline]
    pub(crate) fn headers(&self) -> usize {
        self.transport + UDP
    }

    /// The length of its payload in bytes.
    pub(crate) fn payload(&self) -> usize {
        self.end - self.headers()
    }

    /// Whether there are no options and no extension headers in `frame`, where it is.
    pub(crate) fn is_plain(&self, frame: &[u8]) -> bool {
        let header = if word_at(frame, 12) == IPV6_TYPE { IPV6 } else { IPV4 };
        self.transport == ETHERNET + header
    }
}

/// A TCP segment in a frame, no fragment, with lengths that agree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Segment {
    /// The family of its packet.
    pub(crate) family: Family,
    /// Where its data begin: 54 over IPv4 and 74 over IPv6 without any options.
    pub(crate) data: usize,
    /// Where they end; the rest of the frame is padding.
    pub(crate) end: usize,
}

impl Segment {
    /// The segment in `frame`, if there is one.
    pub(crate) fn find(frame: &[u8]) -> Option<Self> {
        let Packet { family, transport, end } = Packet::find(frame, Protocol::TCP)?;
        let data = data_at(frame, transport)?;
        (data >= transport + TCP && data <= end).then_some(Self { family, data, end })
    }
}

/// Where the data of a TCP segment begin whose header is at `transport`, as that header says (RFC 9293 3.1).
pub(crate) fn data_at(frame: &[u8], transport: usize) -> Option<usize> {
    Some(transport + 4 * usize::from(frame.get(transport + 12)? >> 4))
}

/// A whole packet in a frame.
struct Packet {
    family: Family,
    /// Where the header of what it carries begins, and where the packet ends.
    transport: usize,
    end: usize,
}

impl Packet {
    /// The packet in `frame`, if it is whole and carries `protocol`.
    #[inline]
    fn find(frame: &[u8], protocol: Protocol) -> Option<Self> {
        let headers = frame.first_chunk::<{ ETHERNET + IPV4 }>()?;
        let (version, words) = (headers[ETHERNET] >> 4, headers[ETHERNET] & 15);
        match (word_at(headers, 12), version) {
            (IPV4_TYPE, 4) => {
                let transport = ETHERNET + 4 * usize::from(words);
                let end = ETHERNET + usize::from(word_at(headers, 16));
                let is_whole = headers[23] == protocol.0 && word_at(headers, 20) & 0x3fff == 0;
                (transport >= ETHERNET + IPV4 && end <= frame.len() && is_whole).then_some(Self {
                    family: Family::Ipv4,
                    transport,
                    end,
                })
            }
            (IPV6_TYPE, 6) => {
                let (transport, next) = behind_extensions(frame)?;
                let end = ETHERNET + IPV6 + usize::from(word_at(headers, 18));
                (next == protocol.0 && end <= frame.len()).then_some(Self {
                    family: Family::Ipv6,
                    transport,
                    end,
                })
            }
            _ => None,
        }
    }
}

/// Where the header behind the extension headers of an IPv6 packet begins, and which one it is.
#[inline]
fn behind_extensions(frame: &[u8]) -> Option<(usize, u8)> {
    let first = ETHERNET + IPV6;
    let (mut at, mut next) = (first, *frame.get(ETHERNET + 6)?);
    while matches!(next, ROUTING | DESTINATION) || (next == HOP_BY_HOP && at == first) {
        let &[following, length] = frame.get(at..)?.first_chunk()?;
        (at, next) = (at + 8 * (usize::from(length) + 1), following);
    }
    Some((at, next))
}

/// Whether the frame has a fragment: of an IPv4 datagram (RFC 791 3.1: an offset, or more to come), or of an IPv6 packet.
#[inline]
pub(crate) fn is_fragment(frame: &[u8]) -> bool {
    let Some(headers) = frame.first_chunk::<{ ETHERNET + IPV4 + UDP }>() else { return false };
    match word_at(headers, 12) {
        IPV4_TYPE => word_at(headers, 20) & 0x3fff != 0,
        IPV6_TYPE => behind_extensions(frame).is_some_and(|(_, next)| next == FRAGMENT),
        _ => false,
    }
}

/// The two bytes at `at` of a frame that has them, as a number.
#[inline]
pub(crate) fn word_at(frame: &[u8], at: usize) -> u16 {
    NetworkEndian::read_u16(&frame[at..at + 2])
}

/// Writes the lengths of a datagram into its headers, which are all of `headers`: `payload` bytes follow; and
/// the identification, and the checksum, which only IPv4 has.
pub(crate) fn set_length(headers: &mut [u8], payload: usize, identification: u16) {
    let is_ipv6 = word_at(headers, 12) == IPV6_TYPE;
    let header_len = headers.len() - ETHERNET - UDP;
    let (header, udp) = headers[ETHERNET..].split_at_mut(header_len);
    NetworkEndian::write_u16(&mut udp[4..6], (UDP + payload) as u16);
    if is_ipv6 {
        let length = (header.len() - IPV6 + UDP + payload) as u16;
        return NetworkEndian::write_u16(&mut header[4..6], length);
    }
    let total = (header.len() + UDP + payload) as u16;
    NetworkEndian::write_u16(&mut header[2..4], total);
    NetworkEndian::write_u16(&mut header[4..6], identification);
    header[10..12].fill(0);
    let checksum = Checksum::new().add(header).finish();
    NetworkEndian::write_u16(&mut header[10..12], checksum);
}

/// Sets the checksum of the datagram to its partial value, the sum of the pseudo header.
#[inline]
pub(crate) fn set_partial_checksum(frame: &mut [u8], transport: usize, length: usize) {
    let (source, destination) = addresses(frame);
    let sum = !Checksum::pseudo_header(source, destination, Protocol::UDP, length).finish();
    NetworkEndian::write_u16(&mut frame[transport + 6..transport + 8], sum);
}

/// The addresses of the packet in `frame`, which has one.
#[inline]
fn addresses(frame: &[u8]) -> (IpAddr, IpAddr) {
    let ipv4 = |at: usize| {
        let bytes = frame[at..].first_chunk().copied().unwrap_or_default();
        Ipv4Addr::from_octets(bytes).into()
    };
    let ipv6 = |at: usize| {
        let bytes = frame[at..].first_chunk().copied().unwrap_or_default();
        Ipv6Addr::from_octets(bytes).into()
    };
    match word_at(frame, 12) {
        IPV6_TYPE => (ipv6(22), ipv6(38)),
        _ => (ipv4(26), ipv4(30)),
    }
}

#[cfg(test)]
pub(crate) mod tests;
