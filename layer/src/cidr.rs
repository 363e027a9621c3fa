//! An IPv4 address and the length of its network's prefix (RFC 4632).

use core::{error::Error, fmt, net::Ipv4Addr, str::FromStr};

use crate::{Dotted, parse_ipv4, split::split_once};

/// An address and the network it is in: `10.0.0.2/24`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Cidr {
    address: Ipv4Addr,
    prefix: u8,
}

impl Cidr {
    /// No address, 0.0.0.0/32: that of a host that does not know its own yet (RFC 1122 3.2.1.3 (a)).
    pub const UNSPECIFIED: Self = Self { address: Ipv4Addr::UNSPECIFIED, prefix: 32 };

    /// The address with a prefix of `prefix` bits; nothing for a prefix of more than 32 bits.
    pub const fn new(address: Ipv4Addr, prefix: u8) -> Option<Self> {
        if prefix <= 32 { Some(Self { address, prefix }) } else { None }
    }

    /// The address.
    pub const fn address(self) -> Ipv4Addr {
        self.address
    }

    /// The length of the prefix in bits.
    pub const fn prefix(self) -> u8 {
        self.prefix
    }

    /// The mask: as many ones as the prefix is long.
    pub const fn mask(self) -> Ipv4Addr {
        match u32::MAX.checked_shl(32 - self.prefix as u32) {
            Some(mask) => Ipv4Addr::from_bits(mask),
            None => Ipv4Addr::UNSPECIFIED,
        }
    }

    /// Whether `other` is in the same network.
    pub const fn contains(self, other: Ipv4Addr) -> bool {
        (self.address.to_bits() ^ other.to_bits()) & self.mask().to_bits() == 0
    }

    /// The address of all the hosts of the network; a network of one or two addresses has none
    /// (RFC 3021).
    pub const fn broadcast(self) -> Option<Ipv4Addr> {
        if self.prefix >= 31 {
            return None;
        }
        Some(Ipv4Addr::from_bits(self.address.to_bits() | !self.mask().to_bits()))
    }

    /// The network's own address, which no host has; a network of one or two addresses has none.
    pub const fn network(self) -> Option<Ipv4Addr> {
        if self.prefix >= 31 {
            return None;
        }
        Some(Ipv4Addr::from_bits(self.address.to_bits() & self.mask().to_bits()))
    }

    /// Whether this is the address of one host: not of a group, nor in a block that no host has an address of
    /// (RFC 6890: 0.0.0.0/8, 127.0.0.0/8, 240.0.0.0/4), and neither the network's nor the broadcast address.
    // Codegen in the crate that asks: this one is built for speed, and that does not matter here.
    #[inline]
    pub fn is_host(self) -> bool {
        matches!(self.address.octets()[0], 1..=126 | 128..=223) && self.is_neighbour(self.address)
    }

    /// Whether one host of this network can have the address `other`: it is inside, and it is neither
    /// the network's nor the broadcast address.
    pub fn is_neighbour(self, other: Ipv4Addr) -> bool {
        let below = !self.mask().to_bits();
        let host = other.to_bits() & below;
        self.contains(other) && (self.prefix >= 31 || host != 0 && host != below)
    }
}

/// `10.0.0.2/24`
impl fmt::Display for Cidr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", Dotted(self.address), u64::from(self.prefix))
    }
}

/// A text that is not an address with a prefix.
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
            (Some(address), Some(prefix)) => Ok(Self { address, prefix: prefix as u8 }),
            _ => Err(ParseCidrError),
        }
    }
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
