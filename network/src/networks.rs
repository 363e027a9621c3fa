//! A few networks: who may ask something.

use core::{error::Error, fmt, net::IpAddr, str::FromStr};

use crate::Cidr;

/// Up to eight networks, as they are given with commas between: `10.0.0.0/8,192.0.2.7/32`. There is no network
/// of IPv6 among them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Networks([Option<Cidr>; Networks::MOST]);

impl Networks {
    /// How many there can be.
    pub const MOST: usize = 8;

    /// Whether `address` is in one of them.
    // Codegen in the crate that asks: this one is built for speed, and that rarely matters here.
    #[inline]
    pub fn contains(&self, address: IpAddr) -> bool {
        match address {
            IpAddr::V4(address) => self.0.iter().flatten().any(|cidr| cidr.contains(address)),
            IpAddr::V6(_) => false,
        }
    }
}

/// A text that is not one network or several, or that has more than [`Networks::MOST`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ParseNetworksError;

impl ParseNetworksError {
    /// What would be right.
    pub const EXPECTED: &str = "1 to 8 networks with commas between: 10.0.0.0/8,192.0.2.7/32";
}

impl fmt::Display for ParseNetworksError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(Self::EXPECTED)
    }
}

impl Error for ParseNetworksError {}

impl FromStr for Networks {
    type Err = ParseNetworksError;

    #[inline]
    fn from_str(text: &str) -> Result<Self, ParseNetworksError> {
        let mut networks = Self::default();
        let mut free = networks.0.iter_mut();
        for cidr in text.split(',') {
            let place = free.next().ok_or(ParseNetworksError)?;
            *place = Some(cidr.parse().map_err(|_| ParseNetworksError)?);
        }
        Ok(networks)
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
        assert!(!Networks::default().contains(IpAddr::from([0, 0, 0, 0])));
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
