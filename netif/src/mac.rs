//! The hardware address of an Ethernet interface.

use core::{error::Error, fmt, str::FromStr};

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// A 48-bit hardware address, in the order of transmission.
#[derive(
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Default,
    FromBytes,
    IntoBytes,
    Immutable,
    KnownLayout,
    Unaligned,
)]
#[repr(transparent)]
pub struct MacAddr(pub [u8; 6]);

impl MacAddr {
    /// All stations: `ff:ff:ff:ff:ff:ff`.
    pub const BROADCAST: Self = Self([0xff; 6]);
    /// No station: `00:00:00:00:00:00`.
    pub const UNSPECIFIED: Self = Self([0; 6]);

    /// Whether this addresses a group of stations, the broadcast address included (the first bit on
    /// the wire, IEEE 802).
    pub const fn is_group(self) -> bool {
        self.0[0] & 1 == 1
    }

    /// Whether this is the broadcast address.
    pub const fn is_broadcast(self) -> bool {
        matches!(self.0, [0xff, 0xff, 0xff, 0xff, 0xff, 0xff])
    }

    /// Whether one station can have this address: neither a group nor unspecified.
    pub const fn is_station(self) -> bool {
        !self.is_group() && !matches!(self.0, [0, 0, 0, 0, 0, 0])
    }

    /// This address made locally administered and individual (IEEE 802: bit 1 set, bit 0 clear). This makes
    /// an address from random bytes.
    #[must_use]
    pub const fn local(mut self) -> Self {
        self.0[0] = self.0[0] & !1 | 2;
        self
    }
}

/// `02:00:0a:00:00:02`
impl fmt::Display for MacAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, e, g] = self.0;
        write!(f, "{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{g:02x}")
    }
}

impl fmt::Debug for MacAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(feature = "defmt")]
impl defmt::Format for MacAddr {
    fn format(&self, f: defmt::Formatter<'_>) {
        let [a, b, c, d, e, g] = self.0;
        defmt::write!(
            f,
            "{=u8:02x}:{=u8:02x}:{=u8:02x}:{=u8:02x}:{=u8:02x}:{=u8:02x}",
            a,
            b,
            c,
            d,
            e,
            g
        );
    }
}

/// A text that is not a hardware address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ParseMacAddrError;

impl fmt::Display for ParseMacAddrError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a hardware address is six pairs of hexadecimal digits: 02:00:0a:00:00:02")
    }
}

impl Error for ParseMacAddrError {}

impl FromStr for MacAddr {
    type Err = ParseMacAddrError;

    fn from_str(text: &str) -> Result<Self, ParseMacAddrError> {
        let text = text.as_bytes();
        let mut octets = [0; 6];
        if text.len() != 3 * octets.len() - 1 {
            return Err(ParseMacAddrError);
        }
        for (octet, part) in octets.iter_mut().zip(text.chunks(3)) {
            let &([high, low] | [high, low, b':']) = part else { return Err(ParseMacAddrError) };
            for digit in [high, low] {
                let value = char::from(digit).to_digit(16).ok_or(ParseMacAddrError)?;
                *octet = *octet << 4 | value as u8;
            }
        }
        Ok(Self(octets))
    }
}

#[cfg(test)]
mod tests {
    use std::string::ToString;

    use super::*;

    #[test]
    fn text_round_trips() {
        let mac = MacAddr([2, 0, 0x0a, 0, 0, 0xfe]);
        assert_eq!(mac.to_string(), "02:00:0a:00:00:fe");
        assert_eq!(mac.to_string().parse(), Ok(mac));
    }

    #[test]
    fn nonsense_is_refused() {
        for text in [
            "",
            "02:00:0a:00:00",
            "02:00:0a:00:00:02:03",
            "2:0:a:0:0:2",
            "+2:00:0a:00:00:02",
            "02:00:0a:00:00:0g",
            "02-00-0a-00-00-02",
            "02:00:0a:00:0:002",
            "02:00:0a:00:00:2:",
        ] {
            assert_eq!(text.parse::<MacAddr>(), Err(ParseMacAddrError), "{text}");
        }
    }

    #[test]
    fn groups_and_stations() {
        assert!(MacAddr::BROADCAST.is_group() && MacAddr::BROADCAST.is_broadcast());
        assert!(MacAddr([1, 0, 0x5e, 0, 0, 1]).is_group());
        assert!(!MacAddr::UNSPECIFIED.is_station() && !MacAddr::BROADCAST.is_station());
        assert_eq!(MacAddr([0xff; 6]).local(), MacAddr([0xfe, 255, 255, 255, 255, 255]));
        assert!(MacAddr([0; 6]).local().is_station());
    }
}
