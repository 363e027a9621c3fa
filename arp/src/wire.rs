//! The ARP packet for IPv4 addresses on Ethernet (RFC 826).

use core::{fmt, net::Ipv4Addr};

use ethernet::EtherType;
use layer::payload_of_bytes;
use netif::MacAddr;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned, network_endian::U16};

/// The length of a packet in bytes.
pub const PACKET_LEN: usize = size_of::<ArpPacket>();

/// The hardware type of Ethernet (IANA's registry of ARP parameters).
const ETHERNET: u16 = 1;
/// The length of an Ethernet address in bytes.
const MAC_LEN: u8 = size_of::<MacAddr>() as u8;
/// The length of an IPv4 address in bytes.
const IPV4_LEN: u8 = 4;

/// The operation of a packet. Unknown values are kept, because RFC 826 looks at the operation last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Operation(pub u16);

impl Operation {
    /// A request: who has the target address?
    pub const REQUEST: Self = Self(1);
    /// A reply: the sender has the sender address.
    pub const REPLY: Self = Self(2);
}

/// An ARP packet.
///
/// ```text
///  0                   1                   2                   3
///  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |         Hardware type         |         Protocol type         |
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |  Hw. length   | Proto. length |           Operation           |
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |                    Sender hardware address                    |
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |    Sender hardware address    |    Sender protocol address    |
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |    Sender protocol address    |    Target hardware address    |
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |                    Target hardware address                    |
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |                    Target protocol address                    |
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// ```
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned,
)]
#[repr(C)]
pub struct ArpPacket {
    hardware_type: U16,
    protocol_type: U16,
    hardware_length: u8,
    protocol_length: u8,
    operation: U16,
    sender_mac: MacAddr,
    sender: [u8; 4],
    target_mac: MacAddr,
    target: [u8; 4],
}

const _: () = assert!(PACKET_LEN == 28);

payload_of_bytes!(ArpPacket);

impl ArpPacket {
    /// A packet with this operation, from one station to another. Each station is given by its address and hardware
    /// address.
    pub fn new(
        operation: Operation,
        sender: (Ipv4Addr, MacAddr),
        target: (Ipv4Addr, MacAddr),
    ) -> Self {
        Self {
            hardware_type: U16::new(ETHERNET),
            protocol_type: U16::new(EtherType::IPV4.0),
            hardware_length: MAC_LEN,
            protocol_length: IPV4_LEN,
            operation: U16::new(operation.0),
            sender_mac: sender.1,
            sender: sender.0.octets(),
            target_mac: target.1,
            target: target.0.octets(),
        }
    }

    /// A request of the station `sender` for the hardware address of `target`.
    pub fn request(sender: (Ipv4Addr, MacAddr), target: Ipv4Addr) -> Self {
        Self::new(Operation::REQUEST, sender, (target, MacAddr::UNSPECIFIED))
    }

    /// An announcement: the station `sender` says that it uses its address (RFC 5227, 2.3).
    pub fn announcement(sender: (Ipv4Addr, MacAddr)) -> Self {
        Self::request(sender, sender.0)
    }

    /// A probe: the station `mac` asks whether anybody uses `target`, without claiming it (RFC 5227, 2.1.1).
    pub fn probe(mac: MacAddr, target: Ipv4Addr) -> Self {
        Self::request((Ipv4Addr::UNSPECIFIED, mac), target)
    }

    /// The reply to this request, from a station with the hardware address `mac`.
    pub fn reply(&self, mac: MacAddr) -> Self {
        Self::new(Operation::REPLY, (self.target(), mac), (self.sender(), self.sender_mac))
    }

    /// Reads a packet from the payload of a frame; bytes after the packet are padding. The checks follow the order of
    /// RFC 826, and do not include the operation.
    ///
    /// # Errors
    /// The first check that failed.
    pub fn parse(payload: &[u8]) -> Result<&Self, ParseError> {
        let (packet, _padding) =
            Self::ref_from_prefix(payload).map_err(|_| ParseError::Truncated)?;
        if packet.hardware_type.get() != ETHERNET {
            return Err(ParseError::HardwareType);
        }
        if packet.hardware_length != MAC_LEN {
            return Err(ParseError::HardwareLength);
        }
        if packet.protocol_type.get() != EtherType::IPV4.0 {
            return Err(ParseError::ProtocolType);
        }
        if packet.protocol_length != IPV4_LEN {
            return Err(ParseError::ProtocolLength);
        }
        Ok(packet)
    }

    /// The operation of the packet.
    pub fn operation(&self) -> Operation {
        Operation(self.operation.get())
    }

    /// The IPv4 address of the sender; 0.0.0.0 in a probe (RFC 5227, 1.1).
    pub fn sender(&self) -> Ipv4Addr {
        self.sender.into()
    }

    /// The hardware address of the sender, as stated in the packet.
    pub fn sender_mac(&self) -> MacAddr {
        self.sender_mac
    }

    /// The IPv4 address that a request asks for, or the address of the station that a reply is for.
    pub fn target(&self) -> Ipv4Addr {
        self.target.into()
    }

    /// The hardware address of the station that a reply is for. It has no meaning in a request.
    pub fn target_mac(&self) -> MacAddr {
        self.target_mac
    }
}

/// `10.0.0.1 (02:00:0a:00:00:01) asks for 10.0.0.2`, `10.0.0.2 is at 02:00:0a:00:00:02`
impl fmt::Display for ArpPacket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (sender, mac, target) = (self.sender(), self.sender_mac, self.target());
        match self.operation() {
            Operation::REQUEST => write!(f, "{sender} ({mac}) asks for {target}"),
            Operation::REPLY => write!(f, "{sender} is at {mac}"),
            Operation(number) => write!(f, "{sender} ({mac}) sends operation {number} to {target}"),
        }
    }
}

#[cfg(feature = "defmt")]
impl defmt::Format for ArpPacket {
    fn format(&self, f: defmt::Formatter<'_>) {
        let (sender, mac, target) = (self.sender(), self.sender_mac, self.target());
        match self.operation() {
            Operation::REQUEST => defmt::write!(f, "{} ({}) asks for {}", sender, mac, target),
            Operation::REPLY => defmt::write!(f, "{} is at {}", sender, mac),
            Operation(number) => {
                defmt::write!(f, "{} ({}) sends operation {} to {}", sender, mac, number, target);
            }
        }
    }
}

/// Why a packet could not be parsed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ParseError {
    /// The packet is shorter than 28 bytes.
    Truncated,
    /// The hardware type is not Ethernet.
    HardwareType,
    /// The hardware addresses are not 6 bytes long.
    HardwareLength,
    /// The protocol type is not IPv4.
    ProtocolType,
    /// The protocol addresses are not 4 bytes long.
    ProtocolLength,
}

impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Truncated => "the packet is shorter than 28 bytes",
            Self::HardwareType => "the hardware type is not Ethernet",
            Self::HardwareLength => "an Ethernet address is 6 bytes long",
            Self::ProtocolType => "the protocol type is not IPv4",
            Self::ProtocolLength => "an IPv4 address is 4 bytes long",
        })
    }
}

impl core::error::Error for ParseError {}

#[cfg(test)]
mod tests {
    use std::string::ToString;

    use super::*;

    const REQUEST: [u8; 28] = [
        0, 1, 8, 0, 6, 4, 0, 1, // Ethernet, IPv4, 6 and 4 bytes, request
        2, 0, 10, 0, 0, 1, 10, 0, 0, 1, // sender
        0, 0, 0, 0, 0, 0, 10, 0, 0, 2, // target
    ];
    const REPLY: [u8; 28] = [
        0, 1, 8, 0, 6, 4, 0, 2, // Ethernet, IPv4, 6 and 4 bytes, reply
        2, 0, 10, 0, 0, 2, 10, 0, 0, 2, // sender
        2, 0, 10, 0, 0, 1, 10, 0, 0, 1, // target
    ];
    const A: (Ipv4Addr, MacAddr) = (Ipv4Addr::new(10, 0, 0, 1), MacAddr([2, 0, 10, 0, 0, 1]));
    const B: (Ipv4Addr, MacAddr) = (Ipv4Addr::new(10, 0, 0, 2), MacAddr([2, 0, 10, 0, 0, 2]));

    #[test]
    fn parse() {
        let packet = ArpPacket::parse(&REPLY).unwrap();
        assert_eq!(packet.operation(), Operation::REPLY);
        assert_eq!((packet.sender(), packet.sender_mac()), B);
        assert_eq!((packet.target(), packet.target_mac()), A);
    }

    #[test]
    fn emit() {
        let request = ArpPacket::request(A, B.0);
        assert_eq!(request.as_bytes(), REQUEST);
        assert_eq!(request.reply(B.1).as_bytes(), REPLY);
        let announcement = ArpPacket::announcement(B);
        assert_eq!((announcement.sender(), announcement.sender_mac()), B);
        assert_eq!(announcement.operation(), Operation::REQUEST);
        assert_eq!((announcement.target(), announcement.target_mac().0), (B.0, [0; 6]));
    }

    #[test]
    fn emit_a_probe() {
        let probe = ArpPacket::probe(A.1, B.0);
        let bytes = [
            0, 1, 8, 0, 6, 4, 0, 1, // Ethernet, IPv4, 6 and 4 bytes, request
            2, 0, 10, 0, 0, 1, 0, 0, 0, 0, // sender, without an address
            0, 0, 0, 0, 0, 0, 10, 0, 0, 2, // target
        ];
        assert_eq!(probe.as_bytes(), bytes);
    }

    #[test]
    fn padding_is_ignored() {
        let mut padded = REQUEST.to_vec();
        padded.extend([0xff; 18]);
        assert_eq!(ArpPacket::parse(&padded).unwrap().as_bytes(), REQUEST);
    }

    #[test]
    fn every_truncation_is_refused() {
        for length in 0..PACKET_LEN {
            assert_eq!(ArpPacket::parse(&REQUEST[..length]), Err(ParseError::Truncated));
        }
    }

    #[test]
    fn each_field_is_checked_in_the_order_of_rfc_826() {
        let mut packet = REQUEST;
        for (offset, error) in [
            (5, ParseError::ProtocolLength),
            (2, ParseError::ProtocolType),
            (4, ParseError::HardwareLength),
            (1, ParseError::HardwareType),
        ] {
            packet[offset] ^= 0x40;
            assert_eq!(ArpPacket::parse(&packet), Err(error));
        }
    }

    #[test]
    fn packets_read_as_sentences() {
        let mut packet = REQUEST;
        let text = |packet: &[u8]| ArpPacket::parse(packet).unwrap().to_string();
        assert_eq!(text(&packet), "10.0.0.1 (02:00:0a:00:00:01) asks for 10.0.0.2");
        assert_eq!(text(&REPLY), "10.0.0.2 is at 02:00:0a:00:00:02");
        packet[7] = 9;
        assert_eq!(text(&packet), "10.0.0.1 (02:00:0a:00:00:01) sends operation 9 to 10.0.0.2");
    }
}
