//! The options of Neighbour Discovery (RFC 4861 4.6).

use core::{net::Ipv6Addr, time::Duration};

use netif::MacAddr;
use zerocopy::{FromBytes, Immutable, KnownLayout, Unaligned, network_endian::U32};

use super::ParseError;

pub(super) const SOURCE_LINK_ADDRESS: u8 = 1;
pub(super) const TARGET_LINK_ADDRESS: u8 = 2;
const PREFIX_INFORMATION: u8 = 3;
const MTU: u8 = 5;
/// RFC 3971 5.3.2.
pub(super) const NONCE: u8 = 14;
/// RFC 8106 5.1.
const RDNSS: u8 = 25;

/// An option that a host uses. Options that are not known are skipped (RFC 4861 4.6).
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum DiscoveryOption<'r> {
    /// The link-layer address of the sender (RFC 4861 4.6.1).
    SourceLinkAddress(MacAddr),
    /// The link-layer address of the target (RFC 4861 4.6.1).
    TargetLinkAddress(MacAddr),
    /// A prefix of the link, or for addresses (RFC 4861 4.6.2).
    Prefix(&'r PrefixInformation),
    /// The MTU of the link, in bytes (RFC 4861 4.6.4).
    Mtu(u32),
    /// Random bytes, which tell a message of our own that came back from that of another (RFC 3971 5.3.2, RFC 7527 4).
    Nonce(&'r [u8]),
    /// Addresses of DNS servers (RFC 8106 5.1).
    Rdnss(Rdnss<'r>),
}

/// The option Prefix Information, without its type and length.
///
/// ```text
///  0                   1                   2                   3
///  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |     Type      |    Length     | Prefix Length |L|A| Reserved1 |
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |                         Valid Lifetime                        |
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |                       Preferred Lifetime                      |
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |                           Reserved2                           |
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |                             Prefix                            |
/// +                           (128 bits)                          +
/// ```
#[derive(Clone, Copy, Debug, PartialEq, FromBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct PrefixInformation {
    /// How many bits of the prefix count, 0 to 128.
    pub length: u8,
    flags: u8,
    valid: U32,
    preferred: U32,
    reserved: U32,
    prefix: [u8; 16],
}

const _: () = assert!(size_of::<PrefixInformation>() == 30);

impl PrefixInformation {
    /// Whether hosts with this prefix are on the link.
    pub fn is_on_link(&self) -> bool {
        self.flags & 0x80 != 0
    }

    /// Whether hosts make addresses of the prefix by themselves.
    pub fn is_autonomous(&self) -> bool {
        self.flags & 0x40 != 0
    }

    /// The lifetime of the prefix, and of addresses made of it.
    pub fn valid(&self) -> Duration {
        lifetime(self.valid)
    }

    /// How long addresses made of the prefix are preferred.
    pub fn preferred(&self) -> Duration {
        lifetime(self.preferred)
    }

    /// The prefix. Bits after its length may be set.
    pub fn prefix(&self) -> Ipv6Addr {
        self.prefix.into()
    }
}

/// The option Recursive DNS Server.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rdnss<'r> {
    /// How long the servers may be asked. 0 means no longer.
    pub lifetime: Duration,
    servers: &'r [[u8; 16]],
}

impl Rdnss<'_> {
    /// The servers.
    pub fn servers(&self) -> impl Iterator<Item = Ipv6Addr> {
        self.servers.iter().map(|&server| server.into())
    }
}

/// A time in seconds, where all ones mean infinity (RFC 4861 4.6.2, RFC 8106 5.1).
fn lifetime(seconds: U32) -> Duration {
    match seconds.get() {
        u32::MAX => Duration::MAX,
        seconds => Duration::from_secs(seconds.into()),
    }
}

/// The options of a message, each of which lies within it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Options<'r>(&'r [u8]);

impl<'r> Options<'r> {
    /// The options in `bytes`.
    ///
    /// # Errors
    /// An option has the length 0, or is longer than `bytes`; or a link-layer address is not that of a station.
    pub fn parse(bytes: &'r [u8]) -> Result<Self, ParseError> {
        let mut rest = bytes;
        while !rest.is_empty() {
            let (option, after) = split(rest).ok_or(ParseError::Option)?;
            let is_address = matches!(option[0], SOURCE_LINK_ADDRESS | TARGET_LINK_ADDRESS);
            if is_address && link_address(option).is_some_and(|mac| !mac.is_station()) {
                return Err(ParseError::LinkAddress);
            }
            rest = after;
        }
        Ok(Self(bytes))
    }

    /// The first link-layer address of the sender.
    pub fn source_link_address(mut self) -> Option<MacAddr> {
        self.find_map(|option| match option {
            DiscoveryOption::SourceLinkAddress(mac) => Some(mac),
            _ => None,
        })
    }

    /// The first link-layer address of the target.
    pub fn target_link_address(mut self) -> Option<MacAddr> {
        self.find_map(|option| match option {
            DiscoveryOption::TargetLinkAddress(mac) => Some(mac),
            _ => None,
        })
    }

    /// The first nonce.
    pub fn nonce(mut self) -> Option<&'r [u8]> {
        self.find_map(|option| match option {
            DiscoveryOption::Nonce(nonce) => Some(nonce),
            _ => None,
        })
    }
}

impl<'r> Iterator for Options<'r> {
    type Item = DiscoveryOption<'r>;

    fn next(&mut self) -> Option<DiscoveryOption<'r>> {
        while let Some((option, after)) = split(self.0) {
            self.0 = after;
            if let Some(option) = read(option) {
                return Some(option);
            }
        }
        None
    }
}

/// The first option and the rest.
fn split(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    match bytes.get(1)? {
        0 => None,
        &length => bytes.split_at_checked(8 * usize::from(length)),
    }
}

/// The link-layer address in an option that has one of the length that Ethernet has (RFC 2464 6).
fn link_address(option: &[u8]) -> Option<MacAddr> {
    Some(MacAddr(option.get(2..)?.try_into().ok()?))
}

/// Reads an option of a length that its type has. Others are skipped.
fn read(option: &[u8]) -> Option<DiscoveryOption<'_>> {
    let (&[kind, _], rest) = option.split_first_chunk()?;
    Some(match kind {
        SOURCE_LINK_ADDRESS => DiscoveryOption::SourceLinkAddress(link_address(option)?),
        TARGET_LINK_ADDRESS => DiscoveryOption::TargetLinkAddress(link_address(option)?),
        PREFIX_INFORMATION => {
            let prefix = PrefixInformation::ref_from_bytes(rest).ok()?;
            if prefix.length > 128 {
                return None;
            }
            DiscoveryOption::Prefix(prefix)
        }
        MTU => DiscoveryOption::Mtu(u32::from_be_bytes(rest.get(2..)?.try_into().ok()?)),
        NONCE => DiscoveryOption::Nonce(rest),
        RDNSS => {
            let (_, rest) = rest.split_at_checked(2)?;
            let (seconds, servers) = U32::read_from_prefix(rest).ok()?;
            let (servers @ [_, ..], []) = servers.as_chunks() else { return None };
            DiscoveryOption::Rdnss(Rdnss { lifetime: lifetime(seconds), servers })
        }
        _ => return None,
    })
}
