//! An IPv6 address and the length of its network's prefix (RFC 4291 2.3).

use core::{error::Error, fmt, net::Ipv6Addr, str::FromStr};

use crate::split::split_once;

/// The smallest MTU of a link that carries IPv6, in bytes (RFC 8200 5).
pub const IPV6_MIN_MTU: usize = 1280;

/// An address and the length of the prefix that it shares with its network: `2001:db8::2/64`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Ipv6Cidr {
    address: Ipv6Addr,
    prefix: u8,
}

impl Ipv6Cidr {
    /// The unspecified address, `::/128`, which a host has before it has its own (RFC 4291 2.5.2).
    pub const UNSPECIFIED: Self = Self { address: Ipv6Addr::UNSPECIFIED, prefix: 128 };

    /// The network of the addresses that hold on one link alone, `fe80::/10` (RFC 4291 2.5.6).
    pub const LINK_LOCAL: Self =
        Self { address: Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 0), prefix: 10 };

    /// The address with a prefix of `prefix` bits, or `None` if `prefix` is above 128.
    pub const fn new(address: Ipv6Addr, prefix: u8) -> Option<Self> {
        if prefix > 128 { None } else { Some(Self { address, prefix }) }
    }

    /// The address.
    pub const fn address(self) -> Ipv6Addr {
        self.address
    }

    /// The length of the prefix in bits.
    pub const fn prefix(self) -> u8 {
        self.prefix
    }

    /// Whether `other` has the same prefix.
    #[inline]
    pub const fn contains(self, other: Ipv6Addr) -> bool {
        (self.address.to_bits() ^ other.to_bits()) & self.mask() == 0
    }

    /// The network: this address with zero bits after the prefix.
    #[must_use]
    pub const fn network(self) -> Self {
        Self { address: Ipv6Addr::from_bits(self.address.to_bits() & self.mask()), ..self }
    }

    /// Whether this can be the address of one host: not unspecified, not a loopback address, not multicast, not an IPv4 address
    /// in the form of IPv6 (RFC 4291 2.5.5, RFC 4038 4.2). The anycast address of the network's routers (RFC 4291 2.6.1), in which
    /// all bits after the prefix are zero, cannot be ours; in a network with a prefix of 127 or 128 bits there is none (RFC 6164).
    pub fn is_host(self) -> bool {
        let is_routers = self.prefix < 127 && self.network().address == self.address;
        is_unicast_ipv6(self.address) && !is_routers
    }

    /// One bits for the prefix, zero bits for the rest.
    const fn mask(self) -> u128 {
        match u128::MAX.checked_shl(128 - self.prefix as u32) {
            Some(mask) => mask,
            None => 0,
        }
    }
}

/// `2001:db8::2/64`
impl fmt::Display for Ipv6Cidr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.prefix)
    }
}

/// The text is not an IPv6 address with a prefix.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ParseIpv6CidrError;

impl fmt::Display for ParseIpv6CidrError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an IPv6 address with the length of its prefix, 0 to 128: 2001:db8::2/64")
    }
}

impl Error for ParseIpv6CidrError {}

impl FromStr for Ipv6Cidr {
    type Err = ParseIpv6CidrError;

    fn from_str(text: &str) -> Result<Self, ParseIpv6CidrError> {
        let (address, prefix) = split_once(text, b'/');
        let prefix = prefix.and_then(|prefix| crate::decimal(prefix.as_bytes(), 128));
        match (address.parse(), prefix) {
            (Ok(address), Some(prefix)) => {
                Self::new(address, prefix as u8).ok_or(ParseIpv6CidrError)
            }
            _ => Err(ParseIpv6CidrError),
        }
    }
}

/// Whether `address` can be the address of one host on some link, as far as this can be told without its network: it is not
/// unspecified, not a loopback address, not multicast (RFC 4291 2.4), and not an IPv4 address in the form of IPv6, which must not
/// be on a wire (`::ffff:0:0/96`, RFC 4038 4.2; `::/96`, RFC 4291 2.5.5.1).
#[inline]
pub const fn is_unicast_ipv6(address: Ipv6Addr) -> bool {
    let bits = address.to_bits();
    // The first 96 bits are zero in ::, ::1 and ::a.b.c.d, and end with 16 one bits in ::ffff:a.b.c.d.
    !address.is_multicast() && !matches!(bits >> 32, 0 | 0xffff)
}

#[cfg(test)]
mod tests {
    use std::string::ToString;

    use super::*;

    fn cidr(text: &str) -> Ipv6Cidr {
        text.parse().unwrap()
    }

    fn ip(text: &str) -> Ipv6Addr {
        text.parse().unwrap()
    }

    #[test]
    fn text_round_trips() {
        for text in ["2001:db8::2/64", "::/0", "fe80::1/128", "::/128", "2001:db8:0:8000::/49"] {
            assert_eq!(cidr(text).to_string(), text);
        }
        for text in [
            "",
            "2001:db8::2",
            "2001:db8::2/129",
            "2001:db8::2/",
            "2001:db8::2/064",
            "2001:db8::2/ 64",
            "2001:db8::2%eth0/64",
            "[2001:db8::2]/64",
            "10.0.0.2/24",
            "2001:db8:::2/64",
        ] {
            assert_eq!(text.parse::<Ipv6Cidr>(), Err(ParseIpv6CidrError), "{text}");
        }
        assert_eq!(Ipv6Cidr::new(Ipv6Addr::LOCALHOST, 129), None);
    }

    #[test]
    fn a_prefix_of_any_length_contains_its_network() {
        for (network, address, inside) in [
            ("2001:db8::2/64", "2001:db8::ffff:1", true),
            ("2001:db8::2/64", "2001:db8:0:1::2", false),
            ("::/0", "ff02::1", true),
            ("2001:db8::2/128", "2001:db8::2", true),
            ("2001:db8::2/128", "2001:db8::3", false),
            ("2001:db8:0:8000::/49", "2001:db8:0:ffff::", true),
            ("2001:db8:0:8000::/49", "2001:db8:0:7fff::", false),
        ] {
            assert_eq!(cidr(network).contains(ip(address)), inside, "{network} {address}");
        }
        assert_eq!(cidr("2001:db8::ff:2/112").network(), cidr("2001:db8::ff:0/112"));
        assert_eq!(cidr("2001:db8::2/0").network(), cidr("::/0"));
    }

    #[test]
    fn a_host_has_an_address_of_its_own() {
        for text in
            ["2001:db8::2/64", "fe80::1/10", "2001:db8::/127", "2001:db8::/128", "fd00::1/8"]
        {
            assert!(cidr(text).is_host(), "{text}");
        }
        for text in [
            "::/128",
            "::1/128",
            "ff02::1/64",
            "::ffff:10.0.0.2/96",
            "::10.0.0.2/96",
            "2001:db8::/64",
            "2001:db8::/126",
        ] {
            assert!(!cidr(text).is_host(), "{text}");
        }
    }
}
