//! The fixed part of a message (RFC 2131 2), and the message as a whole.

use core::{fmt, net::Ipv4Addr};

use layer::payload_of_bytes;
use netif::MacAddr;
use zerocopy::{
    FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned,
    network_endian::{U16, U32},
};

use crate::options::{self, Options, OptionsError};

/// The UDP port of a client (RFC 2131 4.1).
pub const CLIENT_PORT: u16 = 68;

/// The UDP port of a server or a relay agent (RFC 2131 4.1).
pub const SERVER_PORT: u16 = 67;

/// The length of the fixed part in bytes, with the magic cookie.
pub const HEADER_LEN: usize = size_of::<Header>();

/// `op` of a message from a client to a server.
pub const BOOT_REQUEST: u8 = 1;
/// `op` of a message from a server to a client.
pub const BOOT_REPLY: u8 = 2;
/// The hardware type of Ethernet (RFC 1700, "Number Hardware Type").
pub const ETHERNET: u8 = 1;
/// The flag by which a client asks for replies as broadcasts (RFC 2131 4.1, figure 2).
pub const BROADCAST_FLAG: u16 = 0x8000;
/// The four bytes before the options (RFC 2131 3).
pub const MAGIC_COOKIE: [u8; 4] = [99, 130, 83, 99];

/// The fixed part of a message, up to and including the magic cookie.
///
/// ```text
///  0                   1                   2                   3
///  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |     op (1)    |   htype (1)   |   hlen (1)    |   hops (1)    |
/// +---------------+---------------+---------------+---------------+
/// |                            xid (4)                            |
/// +-------------------------------+-------------------------------+
/// |           secs (2)            |           flags (2)           |
/// +-------------------------------+-------------------------------+
/// |                          ciaddr  (4)                          |
/// +---------------------------------------------------------------+
/// |                          yiaddr  (4)                          |
/// +---------------------------------------------------------------+
/// |                          siaddr  (4)                          |
/// +---------------------------------------------------------------+
/// |                          giaddr  (4)                          |
/// +---------------------------------------------------------------+
/// |                          chaddr  (16)                         |
/// +---------------------------------------------------------------+
/// |                          sname   (64)                         |
/// +---------------------------------------------------------------+
/// |                          file    (128)                        |
/// +---------------------------------------------------------------+
/// |                          magic cookie (4)                     |
/// +---------------------------------------------------------------+
/// |                          options (variable)                   |
/// +---------------------------------------------------------------+
/// ```
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned,
)]
#[repr(C)]
pub struct Header {
    /// [`BOOT_REQUEST`] or [`BOOT_REPLY`].
    pub op: u8,
    /// The type of the hardware address: [`ETHERNET`].
    pub htype: u8,
    /// The length of the hardware address in bytes: 6.
    pub hlen: u8,
    /// How many relay agents passed the message on. A client sends 0.
    pub hops: u8,
    /// The transaction: a random number of the client, which the server repeats.
    pub xid: U32,
    /// The seconds since the client began to ask for an address.
    pub secs: U16,
    /// [`BROADCAST_FLAG`], or 0.
    pub flags: U16,
    /// The address of a client that has one.
    pub ciaddr: [u8; 4],
    /// The address that the client is to have.
    pub yiaddr: [u8; 4],
    /// The server of the next step of a boot.
    pub siaddr: [u8; 4],
    /// The relay agent.
    pub giaddr: [u8; 4],
    /// The hardware address of the client, padded with zeros.
    pub chaddr: [u8; 16],
    /// The name of a server of the next step of a boot, or options.
    pub sname: [u8; 64],
    /// The file of the next step of a boot, or options.
    pub file: [u8; 128],
    /// [`MAGIC_COOKIE`].
    pub cookie: [u8; 4],
}

const _: () = assert!(HEADER_LEN == 240);

payload_of_bytes!(Header);

impl Header {
    /// The fixed part of a message of the client with this hardware address.
    pub fn request(mac: MacAddr, xid: u32) -> Self {
        let mut chaddr = [0; 16];
        chaddr[..6].copy_from_slice(&mac.0);
        Self {
            op: BOOT_REQUEST,
            htype: ETHERNET,
            hlen: 6,
            hops: 0,
            xid: U32::new(xid),
            secs: U16::ZERO,
            flags: U16::ZERO,
            ciaddr: [0; 4],
            yiaddr: [0; 4],
            siaddr: [0; 4],
            giaddr: [0; 4],
            chaddr,
            sname: [0; 64],
            file: [0; 128],
            cookie: MAGIC_COOKIE,
        }
    }

    /// Whether the message is about the client with this hardware address.
    pub fn is_of(&self, mac: MacAddr) -> bool {
        (self.htype, self.hlen) == (ETHERNET, 6) && self.chaddr[..6] == mac.0
    }
}

/// The type of a message, the value of option 53 (RFC 2132 9.6).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct MessageType(pub u8);

impl MessageType {
    /// A client looks for servers.
    pub const DISCOVER: Self = Self(1);
    /// A server offers an address.
    pub const OFFER: Self = Self(2);
    /// A client asks for an address that was offered, or that it has.
    pub const REQUEST: Self = Self(3);
    /// A client says that an address is in use.
    pub const DECLINE: Self = Self(4);
    /// A server grants an address.
    pub const ACK: Self = Self(5);
    /// A server denies an address.
    pub const NAK: Self = Self(6);
    /// A client gives its address back.
    pub const RELEASE: Self = Self(7);
    /// A client with an address of its own asks for parameters.
    pub const INFORM: Self = Self(8);
}

/// `DHCPDISCOVER`, or `message type 9`.
impl fmt::Display for MessageType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match *self {
            Self::DISCOVER => "DHCPDISCOVER",
            Self::OFFER => "DHCPOFFER",
            Self::REQUEST => "DHCPREQUEST",
            Self::DECLINE => "DHCPDECLINE",
            Self::ACK => "DHCPACK",
            Self::NAK => "DHCPNAK",
            Self::RELEASE => "DHCPRELEASE",
            Self::INFORM => "DHCPINFORM",
            Self(other) => return write!(f, "message type {other}"),
        })
    }
}

/// A message whose structure was checked.
#[derive(Clone, Copy, Debug)]
pub struct Message<'m> {
    /// The fixed part.
    pub header: &'m Header,
    /// The type.
    pub kind: MessageType,
    /// The options, those in the fields `file` and `sname` included.
    pub options: Options<'m>,
}

impl<'m> Message<'m> {
    /// Parses the payload of a datagram.
    ///
    /// # Errors
    /// The first check that failed. The values of options are not checked, except those of the options that say what the
    /// message is (52 and 53).
    pub fn parse(bytes: &'m [u8]) -> Result<Self, ParseError> {
        let (header, tail) = Header::ref_from_prefix(bytes).map_err(|_| ParseError::Short)?;
        if header.cookie != MAGIC_COOKIE {
            return Err(ParseError::Cookie);
        }
        let options = Options::parse(tail, &header.file, &header.sname)?;
        let kind = options.get(options::MESSAGE_TYPE).ok_or(ParseError::NoType)?;
        let [kind] = kind.array().ok_or(ParseError::Type)?;
        Ok(Self { header, kind: MessageType(kind), options })
    }

    /// The address that the client is to have.
    pub fn your_address(&self) -> Ipv4Addr {
        self.header.yiaddr.into()
    }
}

/// Why a message could not be parsed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ParseError {
    /// The message is shorter than its fixed part.
    Short,
    /// The four bytes before the options are not the magic cookie.
    Cookie,
    /// The options are malformed.
    Options(OptionsError),
    /// There is no message type: it is a message of BOOTP (RFC 951).
    NoType,
    /// The message type is not one byte.
    Type,
}

impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Short => "the message is shorter than its fixed part, 240 bytes",
            Self::Cookie => "the magic cookie before the options is not 99.130.83.99",
            Self::Options(error) => return error.fmt(f),
            Self::NoType => "option 53, the message type, is missing: it is BOOTP",
            Self::Type => "option 53, the message type, does not have one byte",
        })
    }
}

impl core::error::Error for ParseError {}

impl From<OptionsError> for ParseError {
    fn from(error: OptionsError) -> Self {
        Self::Options(error)
    }
}

#[cfg(test)]
mod tests;
