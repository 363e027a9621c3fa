//! A short list of networks, used as a list of permitted clients.

use core::{error::Error, fmt, net::IpAddr, str::FromStr};

use crate::split::split;

use crate::Cidr;
#[cfg(feature = "ipv6")]
use crate::Ipv6Cidr;

/// A list of networks: up to eight that are parsed from a text, such as `10.0.0.0/8,192.0.2.7/32`, and one that is
/// added. It is empty by default. With the feature `ipv6`, the networks may be of both families, and two are added.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Networks {
    ipv4: [Option<Cidr>; Networks::MOST + 1],
    #[cfg(feature = "ipv6")]
    ipv6: [Option<Ipv6Cidr>; Networks::MOST + 2],
}

impl Networks {
    /// How many networks a text can list.
    pub const MOST: usize = 8;

    /// This list with `cidr` added, in place of a network that was added before.
    #[must_use]
    pub fn and(mut self, cidr: Cidr) -> Self {
        self.add(cidr);
        self
    }

    /// Adds `cidr`, in place of a network that was added before.
    pub fn add(&mut self, cidr: Cidr) {
        self.ipv4[Self::MOST] = Some(cidr);
    }

    /// Adds the neighbours on our link, by their link-local addresses (RFC 4291 2.5.6), and `cidr`, in place of a network of IPv6
    /// that was added before.
    #[cfg(feature = "ipv6")]
    pub fn add_ipv6(&mut self, cidr: Option<Ipv6Cidr>) {
        self.ipv6[Self::MOST] = Some(Ipv6Cidr::LINK_LOCAL);
        self.ipv6[Self::MOST + 1] = cidr;
    }

    /// Whether the list is empty.
    #[inline]
    pub fn is_empty(&self) -> bool {
        // Parsed networks take the first places.
        let is_empty = self.ipv4[0].is_none() && self.ipv4[Self::MOST].is_none();
        #[cfg(feature = "ipv6")]
        let is_empty = is_empty && self.ipv6[0].is_none() && self.ipv6[Self::MOST].is_none();
        is_empty
    }

    /// Parses `text` into this list; returns whether it is valid. This makes less code than `text.parse()`. If the text
    /// is invalid, the list may hold some of its networks.
    #[cfg(feature = "ipv6")]
    pub fn set(&mut self, text: &str) -> bool {
        let (mut free, mut free_ipv6) = (self.ipv4.iter_mut(), self.ipv6.iter_mut());
        let mut places = 0..Self::MOST;
        split(text, b',').all(|cidr| {
            let is_one = match (cidr.parse(), cidr.parse()) {
                (Ok(cidr), _) => free.next().map(|place| *place = Some(cidr)).is_some(),
                (_, Ok(cidr)) => free_ipv6.next().map(|place| *place = Some(cidr)).is_some(),
                _ => false,
            };
            is_one && places.next().is_some()
        })
    }

    /// Parses `text` into this list; returns whether it is valid. This makes less code than `text.parse()`. If the text
    /// is invalid, the list may hold some of its networks.
    #[cfg(not(feature = "ipv6"))]
    #[inline]
    pub fn set(&mut self, text: &str) -> bool {
        let mut free = self.ipv4[..Self::MOST].iter_mut();
        split(text, b',').all(|cidr| {
            free.next().is_some_and(|place| {
                *place = cidr.parse().ok();
                place.is_some()
            })
        })
    }

    /// Whether `address` is in one of the networks.
    // Inlined so that it is compiled in the calling crate: this crate is built for speed, which rarely matters here.
    #[inline]
    pub fn contains(&self, address: IpAddr) -> bool {
        match address {
            IpAddr::V4(address) => self.ipv4.iter().flatten().any(|cidr| cidr.contains(address)),
            #[cfg(feature = "ipv6")]
            IpAddr::V6(address) => self.ipv6.iter().flatten().any(|cidr| cidr.contains(address)),
            #[cfg(not(feature = "ipv6"))]
            IpAddr::V6(_) => false,
        }
    }
}

/// The text is not a list of networks, or it lists more than [`Networks::MOST`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ParseNetworksError;

impl ParseNetworksError {
    /// What a valid text looks like.
    #[cfg(not(feature = "ipv6"))]
    pub const EXPECTED: &str = "1 to 8 networks with commas between: 10.0.0.0/8,192.0.2.7/32";

    /// What a valid text looks like.
    #[cfg(feature = "ipv6")]
    pub const EXPECTED: &str = "1 to 8 networks with commas between: 10.0.0.0/8,2001:db8::/32";
}

impl fmt::Display for ParseNetworksError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(Self::EXPECTED)
    }
}

impl Error for ParseNetworksError {}

impl FromStr for Networks {
    type Err = ParseNetworksError;

    fn from_str(text: &str) -> Result<Self, ParseNetworksError> {
        let mut networks = Self::default();
        if networks.set(text) { Ok(networks) } else { Err(ParseNetworksError) }
    }
}

#[cfg(test)]
mod tests {
    use std::{string::String, vec};

    use super::*;

    fn contains(networks: &str, address: &str) -> bool {
        networks.parse::<Networks>().unwrap().contains(address.parse().unwrap())
    }

    #[test]
    fn one_network_of_several_is_enough() {
        let networks = "10.1.0.0/16,192.0.2.7/32";
        for (address, inside) in [
            ("10.1.0.0", true),
            ("10.1.255.255", true),
            ("10.2.0.1", false),
            ("192.0.2.7", true),
            ("192.0.2.8", false),
            ("::ffff:10.1.0.1", false),
        ] {
            assert_eq!(contains(networks, address), inside, "{address}");
        }
        assert!(contains("0.0.0.0/0", "203.0.113.9"));
        let own = "10.1.0.2/16".parse().unwrap();
        let [one, other] = ["192.0.2.7", "10.1.0.9"].map(|address| address.parse().unwrap());
        let both = "192.0.2.7/32".parse::<Networks>().unwrap().and(own);
        assert!(both.contains(one) && both.contains(other));
        assert!(!both.is_empty() && !Networks::default().and(own).is_empty());
        assert!(Networks::default().is_empty());
        assert!(!Networks::default().contains(IpAddr::from([0, 0, 0, 0])));
    }

    #[cfg(feature = "ipv6")]
    #[test]
    fn networks_of_both_families_stand_in_one_list() {
        let networks = "2001:db8::/32,10.1.0.0/16,fd00::1/128";
        for (address, inside) in [
            ("10.1.0.9", true),
            ("2001:db8:7::1", true),
            ("fd00::1", true),
            ("fd00::2", false),
            ("fe80::1", false),
        ] {
            assert_eq!(contains(networks, address), inside, "{address}");
        }
        let mut networks = Networks::default();
        networks.add_ipv6("2001:db8:7::2/64".parse().ok());
        for (address, inside) in [("fe80::1", true), ("2001:db8:7::9", true), ("fd00::1", false)] {
            assert_eq!(networks.contains(address.parse().unwrap()), inside, "{address}");
        }
        assert!(!networks.is_empty() && !"fd00::/8".parse::<Networks>().unwrap().is_empty());
        let mixed = ["10.0.0.0/8", "fd00::/8"].repeat(4).join(",");
        assert!(mixed.parse::<Networks>().is_ok());
        assert!([&mixed[..], ",fd00::/8"].concat().parse::<Networks>().is_err());
        assert!([&mixed[..], ",10.0.0.0/8"].concat().parse::<Networks>().is_err());
    }

    #[test]
    fn eight_are_read_and_no_more() {
        let list = |count: usize| -> String { vec!["10.0.0.0/8"; count].join(",") };
        assert_eq!(Networks::MOST, 8);
        assert!(list(8).parse::<Networks>().is_ok());
        for bad in ["", ",", "10.0.0.0", "10.0.0.0/8,", "10.0.0.0/8 ", "all", &list(9)] {
            assert_eq!(bad.parse::<Networks>(), Err(ParseNetworksError), "{bad}");
        }
    }
}
