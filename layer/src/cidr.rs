//! An IPv4 address and the length of its network's prefix (RFC 4632).

use core::{error::Error, fmt, net::Ipv4Addr, str::FromStr};

use crate::{Dotted, parse_ipv4, split::split_once};

/// The smallest MTU of a link that carries IPv4, in bytes (RFC 791 3.2).
pub const IPV4_MIN_MTU: usize = 68;

/// An address and the network it is in: `10.0.0.2/24`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Cidr {
    address: Ipv4Addr,
    /// The mask, with its bytes in the order of the address, so that a comparison needs no conversion.
    mask: u32,
}

/// What an address is within a network; see [`Cidr::locate`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Location {
    /// The address is in another network.
    Outside,
    /// The network's own address, which no host can have.
    Network,
    /// The broadcast address of the network.
    Broadcast,
    /// An address that one host can have.
    Host,
}

impl Cidr {
    /// The unspecified address, 0.0.0.0/32, which a host has before it knows its own (RFC 1122 3.2.1.3 (a)).
    pub const UNSPECIFIED: Self = Self { address: Ipv4Addr::UNSPECIFIED, mask: u32::MAX };

    /// The address with a prefix of `prefix` bits, or `None` if `prefix` is above 32.
    pub const fn new(address: Ipv4Addr, prefix: u8) -> Option<Self> {
        if prefix > 32 {
            return None;
        }
        let mask = match u32::MAX.checked_shl(32 - prefix as u32) {
            Some(mask) => mask,
            None => 0,
        };
        Some(Self { address, mask: mask.to_be() })
    }

    /// The address.
    pub const fn address(self) -> Ipv4Addr {
        self.address
    }

    /// The length of the prefix in bits.
    pub const fn prefix(self) -> u8 {
        self.mask.count_ones() as u8
    }

    /// The network mask: one bits for the prefix, zero bits for the rest.
    pub const fn mask(self) -> Ipv4Addr {
        Ipv4Addr::from_octets(self.mask.to_ne_bytes())
    }

    /// Whether `other` is in the network of this address.
    #[inline]
    pub const fn contains(self, other: Ipv4Addr) -> bool {
        (bits(self.address) ^ bits(other)) & self.mask == 0
    }

    /// Whether the network has only one or two addresses (RFC 3021): at most one bit is outside the mask.
    #[inline]
    const fn has_hosts_alone(self) -> bool {
        !self.mask & (!self.mask).wrapping_sub(1) == 0
    }

    /// What `other` is in this network. In a network of one or two addresses, every address is a host's (RFC 3021).
    #[inline]
    pub const fn locate(self, other: Ipv4Addr) -> Location {
        let (host, below) = (bits(other) & !self.mask, !self.mask);
        if !self.contains(other) {
            Location::Outside
        } else if self.has_hosts_alone() {
            Location::Host
        } else if host == 0 {
            Location::Network
        } else if host == below {
            Location::Broadcast
        } else {
            Location::Host
        }
    }

    /// The broadcast address of the network, or `None` in a network of one or two addresses, which has none (RFC 3021).
    pub const fn broadcast(self) -> Option<Ipv4Addr> {
        if self.has_hosts_alone() {
            return None;
        }
        Some(Ipv4Addr::from_octets((bits(self.address) | !self.mask).to_ne_bytes()))
    }

    /// The network's own address, which no host can have, or `None` in a network of one or two addresses, which has
    /// none.
    pub const fn network(self) -> Option<Ipv4Addr> {
        if self.has_hosts_alone() {
            return None;
        }
        Some(Ipv4Addr::from_octets((bits(self.address) & self.mask).to_ne_bytes()))
    }

    /// Whether this can be the address of one host. Multicast addresses, the blocks that no host has an address of (RFC
    /// 6890: 0.0.0.0/8, 127.0.0.0/8, 240.0.0.0/4), the network's own address and its broadcast address cannot.
    // Inlined so that it is compiled in the calling crate: this crate is built for speed, which does not matter here.
    #[inline]
    pub fn is_host(self) -> bool {
        is_unicast(self.address) && self.is_neighbour(self.address)
    }

    /// Whether one host of this network can have the address `other`: it is in the network, and is neither the
    /// network's own address nor its broadcast address.
    pub fn is_neighbour(self, other: Ipv4Addr) -> bool {
        self.locate(other) == Location::Host
    }
}

/// The bytes of an address as a number in memory order, for comparisons only.
#[inline]
const fn bits(address: Ipv4Addr) -> u32 {
    u32::from_ne_bytes(address.octets())
}

/// `10.0.0.2/24`
impl fmt::Display for Cidr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", Dotted(self.address), u64::from(self.prefix()))
    }
}

/// The text is not an address with a prefix.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ParseCidrError;

impl fmt::Display for ParseCidrError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an address with the length of its prefix, 0 to 32: 10.0.0.2/24")
    }
}

impl Error for ParseCidrError {}

impl FromStr for Cidr {
    type Err = ParseCidrError;

    #[inline]
    fn from_str(text: &str) -> Result<Self, ParseCidrError> {
        let (address, prefix) = split_once(text, b'/');
        let prefix = prefix.and_then(|prefix| crate::decimal(prefix.as_bytes(), 32));
        match (parse_ipv4(address), prefix) {
            (Some(address), Some(prefix)) => Self::new(address, prefix as u8).ok_or(ParseCidrError),
            _ => Err(ParseCidrError),
        }
    }
}

/// Whether `address` can be the address of one host, as far as this can be told without its network (RFC 1122 3.2.1.3,
/// RFC 6890): not in 0/8 or 127/8, not multicast, not of class E, and not the limited broadcast address.
#[inline]
pub fn is_unicast(address: Ipv4Addr) -> bool {
    let [first, ..] = address.octets();
    // The ranges 1 to 126 and 128 to 223, in two comparisons.
    first.wrapping_sub(1) < 223 && first != 127
}

#[cfg(test)]
mod tests {
    use std::string::ToString;

    use super::*;

    fn cidr(text: &str) -> Cidr {
        text.parse().unwrap()
    }

    fn ip(text: &str) -> Ipv4Addr {
        text.parse().unwrap()
    }

    #[test]
    fn text_round_trips() {
        for text in ["10.0.0.2/24", "0.0.0.0/0", "192.168.7.9/32", "172.16.0.1/12"] {
            assert_eq!(cidr(text).to_string(), text);
        }
        for text in [
            "",
            "10.0.0.2",
            "10.0.0.2/33",
            "10.0.0/24",
            "10.0.0.2/",
            "10.0.0.2/+8",
            "10.0.0.2/024",
            "10.0.0.2/00",
            "10.0.0.2/ 8",
            "10.0.0.2/24/24",
            "10.0.0.02/24",
            "10.0.0.256/24",
            "010.0.0.2/24",
            "+10.0.0.2/24",
            " 10.0.0.2/24",
            "10.0.0.2.1/24",
            "0x0a.0.0.2/24",
            "167772162/24",
            "a/8",
        ] {
            assert_eq!(text.parse::<Cidr>(), Err(ParseCidrError), "{text}");
        }
    }

    #[test]
    fn masks_and_broadcasts() {
        assert_eq!(cidr("10.0.0.2/24").mask(), ip("255.255.255.0"));
        assert_eq!(cidr("10.0.0.2/0").mask(), ip("0.0.0.0"));
        assert_eq!(cidr("10.0.0.2/32").mask(), ip("255.255.255.255"));
        assert_eq!(cidr("10.0.0.2/24").broadcast(), Some(ip("10.0.0.255")));
        assert_eq!(cidr("10.0.0.2/20").broadcast(), Some(ip("10.0.15.255")));
        assert_eq!(cidr("10.0.0.2/31").broadcast(), None);
        assert_eq!(cidr("10.0.0.2/24").network(), Some(ip("10.0.0.0")));
    }

    #[test]
    fn every_address_is_somewhere() {
        for (network, address, location) in [
            ("10.0.0.2/24", "10.0.0.2", Location::Host),
            ("10.0.0.2/24", "10.0.0.0", Location::Network),
            ("10.0.0.2/24", "10.0.0.255", Location::Broadcast),
            ("10.0.0.2/24", "10.0.1.2", Location::Outside),
            ("10.0.0.2/31", "10.0.0.3", Location::Host),
            ("10.0.0.2/31", "10.0.0.4", Location::Outside),
            ("10.0.0.2/32", "10.0.0.2", Location::Host),
            ("10.0.0.2/32", "10.0.0.3", Location::Outside),
            ("10.0.0.2/30", "10.0.0.0", Location::Network),
            ("10.0.0.2/30", "10.0.0.3", Location::Broadcast),
            ("10.0.0.2/0", "0.0.0.0", Location::Network),
            ("10.0.0.2/0", "255.255.255.255", Location::Broadcast),
            ("10.0.0.2/0", "192.0.2.1", Location::Host),
        ] {
            assert_eq!(cidr(network).locate(ip(address)), location, "{network} {address}");
        }
        assert_eq!(Cidr::UNSPECIFIED, cidr("0.0.0.0/32"));
    }

    #[test]
    fn hosts() {
        for text in ["10.0.0.2/24", "10.0.0.2/31", "10.0.0.3/31", "10.0.0.0/32", "1.0.0.1/0"] {
            assert!(cidr(text).is_host(), "{text}");
        }
        for text in [
            "0.1.2.3/8",
            "0.0.0.0/32",
            "127.0.0.1/8",
            "224.0.0.1/32",
            "239.255.255.255/32",
            "240.0.0.1/4",
            "255.255.255.255/32",
            "10.0.0.0/24",
            "10.0.0.255/24",
        ] {
            assert!(!cidr(text).is_host(), "{text}");
        }
    }

    #[test]
    fn neighbours() {
        let ours = cidr("10.0.0.2/24");
        assert!(ours.is_neighbour(ip("10.0.0.1")) && ours.contains(ip("10.0.0.255")));
        assert!(!ours.is_neighbour(ip("10.0.0.255")) && !ours.is_neighbour(ip("10.0.0.0")));
        assert!(!ours.contains(ip("10.0.1.1")));
        assert!(cidr("10.0.0.2/31").is_neighbour(ip("10.0.0.3")));
    }
}
