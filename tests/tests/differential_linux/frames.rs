//! Frames for both hosts, made and read byte by byte: an error of our own headers must not be made here too.

use std::net::Ipv4Addr;

use lab::soak::frames::{Mac, checksum, ethernet};

/// The two hosts that are compared.
pub(crate) const US: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 2);
pub(crate) const OUR_MAC: Mac = [2, 0, 10, 0, 0, 2];
/// Who sends: a neighbour that both know, which is their gateway too.
pub(crate) const PEER: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 1);
pub(crate) const PEER_MAC: Mac = [2, 0, 10, 0, 0, 1];
/// A neighbour that neither knows.
pub(crate) const STRANGER: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 7);
pub(crate) const STRANGER_MAC: Mac = [2, 0, 10, 0, 0, 7];
/// All stations.
pub(crate) const ALL: Mac = [0xff; 6];
/// The port of the service.
pub(crate) const PORT: u16 = 8080;
/// A port that nobody listens on.
pub(crate) const CLOSED: u16 = 9;

pub(crate) const IPV4: u16 = 0x0800;
pub(crate) const ARP: u16 = 0x0806;

/// Where things are in a frame.
pub(crate) const IP: usize = 14;

/// A frame from the peer to the host.
pub(crate) fn to_us(packet: &[u8]) -> Vec<u8> {
    ethernet(OUR_MAC, PEER_MAC, IPV4, packet)
}

/// The EtherType of a frame.
pub(crate) fn ethertype(frame: &[u8]) -> Option<u16> {
    Some(u16::from_be_bytes(frame.get(12..IP)?.try_into().ok()?))
}

/// An IPv4 packet in a frame, as far as it can be read: nothing is verified but that its header is there.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Packet<'a> {
    pub(crate) bytes: &'a [u8],
    pub(crate) header: usize,
}

impl<'a> Packet<'a> {
    pub(crate) fn of(frame: &'a [u8]) -> Option<Self> {
        (ethertype(frame)? == IPV4).then(|| Self::parse(&frame[IP..]))?
    }

    pub(crate) fn parse(bytes: &'a [u8]) -> Option<Self> {
        let header = usize::from(bytes.first()? & 0xf) * 4;
        (bytes[0] >> 4 == 4 && header >= 20 && header <= bytes.len())
            .then_some(Self { bytes, header })
    }

    fn word(&self, at: usize) -> u16 {
        u16::from_be_bytes([self.bytes[at], self.bytes[at + 1]])
    }

    pub(crate) fn total_length(&self) -> usize {
        usize::from(self.word(2))
    }

    pub(crate) fn identification(&self) -> u16 {
        self.word(4)
    }

    /// The offset in bytes.
    pub(crate) fn offset(&self) -> usize {
        usize::from(self.word(6) & 0x1fff) * 8
    }

    pub(crate) fn more(&self) -> bool {
        self.bytes[6] & 0x20 != 0
    }

    pub(crate) fn is_fragment(&self) -> bool {
        self.more() || self.offset() > 0
    }

    pub(crate) fn tos(&self) -> u8 {
        self.bytes[1]
    }

    pub(crate) fn protocol(&self) -> u8 {
        self.bytes[9]
    }

    pub(crate) fn source(&self) -> Ipv4Addr {
        Ipv4Addr::from(<[u8; 4]>::try_from(&self.bytes[12..16]).expect("four bytes"))
    }

    pub(crate) fn destination(&self) -> Ipv4Addr {
        Ipv4Addr::from(<[u8; 4]>::try_from(&self.bytes[16..20]).expect("four bytes"))
    }

    pub(crate) fn options(&self) -> &'a [u8] {
        &self.bytes[20..self.header]
    }

    /// What follows the header, up to the total length if there is as much.
    pub(crate) fn payload(&self) -> &'a [u8] {
        let end = self.total_length().clamp(self.header, self.bytes.len());
        &self.bytes[self.header..end]
    }
}

/// Whether there are bytes in a packet that the length of its UDP datagram does not count.
pub(crate) fn has_more_than_datagram(packet: &Packet<'_>) -> bool {
    let length = packet
        .payload()
        .get(4..6)
        .map_or(0, |field| usize::from(u16::from_be_bytes([field[0], field[1]])));
    packet.protocol() == 17 && packet.offset() == 0 && length < packet.payload().len()
}

/// The type of the ICMP message in a packet that is no later fragment.
pub(crate) fn icmp_type(packet: &Packet<'_>) -> Option<u8> {
    (packet.protocol() == 1 && packet.offset() == 0).then(|| packet.payload().first().copied())?
}

/// Whether an ICMP type is that of an error (RFC 1122 3.2.2).
pub(crate) fn is_error(icmp_type: u8) -> bool {
    matches!(icmp_type, 3 | 4 | 5 | 11 | 12)
}

/// Makes the header's checksum right, where there is a header.
pub(crate) fn repair_header(frame: &mut [u8]) {
    let Some(header) = Packet::of(frame).map(|packet| packet.header) else { return };
    frame[IP + 10..IP + 12].fill(0);
    let sum = checksum(&frame[IP..IP + header]).to_be_bytes();
    frame[IP + 10..IP + 12].copy_from_slice(&sum);
}

/// Makes the checksum of a whole UDP datagram or ICMP message right, where there is one.
pub(crate) fn repair_payload(frame: &mut [u8]) {
    let Some(packet) = Packet::of(frame) else { return };
    let (at, payload) = (IP + packet.header, packet.payload().to_vec());
    let (protocol, pseudo) = (packet.protocol(), packet.bytes[12..20].to_vec());
    let place = match protocol {
        1 => 2,
        17 => 6,
        _ => return,
    };
    if packet.is_fragment() || payload.len() < 8 {
        return;
    }
    let mut summed = payload;
    summed[place..place + 2].fill(0);
    if protocol == 17 {
        let length = [summed[4], summed[5]];
        summed.truncate(usize::from(u16::from_be_bytes(length)).max(8));
        summed = [&pseudo[..], &[0, 17], &length, &summed].concat();
    }
    let sum = match checksum(&summed) {
        0 if protocol == 17 => u16::MAX,
        sum => sum,
    };
    frame[at + place..at + place + 2].copy_from_slice(&sum.to_be_bytes());
}
