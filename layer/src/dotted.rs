//! IPv4 addresses as text. The functions of `core` that do the same compile to several times as much code.

use core::{fmt, net::Ipv4Addr};

use crate::decimal;

/// Parses an IPv4 address: four decimal numbers from 0 to 255 without leading zeros, with dots between them. It accepts
/// what `core` accepts, in a fraction of the code.
#[inline(never)]
pub fn parse_ipv4(text: &str) -> Option<Ipv4Addr> {
    let (mut bits, mut numbers) = (0_u32, 0);
    for number in text.as_bytes().split(|&byte| byte == b'.') {
        bits = bits << 8 | decimal(number, 255)? as u32;
        numbers += 1;
    }
    if numbers == 4 { Some(Ipv4Addr::from_bits(bits)) } else { None }
}

/// Displays an address as `10.0.0.2`. It ignores padding, which makes it a fraction of the code of `core`.
#[derive(Clone, Copy, Debug)]
pub struct Dotted(pub Ipv4Addr);

impl fmt::Display for Dotted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // All numbers are formatted as 64 bits, so that one copy of the code is enough.
        let [a, b, c, d] = self.0.octets().map(u64::from);
        write!(f, "{a}.{b}.{c}.{d}")
    }
}

#[cfg(test)]
mod tests {
    use std::string::{String, ToString};

    use super::*;

    #[test]
    fn addresses_are_those_of_core() {
        let mut state = 1_u64;
        let mut read = 0;
        for number in 0..200_000 {
            let length = number % 16;
            let text: String = (0..length)
                .map(|at| {
                    state = state.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(0x1405_7b7e);
                    // Dots where they are in an address, for the most part.
                    let dot = at % 2 == 1 && state >> 60 != 0;
                    if dot { '.' } else { char::from(b"0125+. a"[(state >> 40) as usize % 8]) }
                })
                .collect();
            let address = text.parse().ok();
            assert_eq!(parse_ipv4(&text), address, "{text}");
            read += u32::from(address.is_some());
        }
        assert!(read > 500, "{read}");
        for text in
            ["255.255.255.255", "0.0.0.0", "10.0.0.256", "1.2.3", "1.2.3.4.5", "1..2.3", "1.2.3."]
        {
            assert_eq!(parse_ipv4(text), text.parse().ok(), "{text}");
        }
    }

    #[test]
    fn text_is_that_of_core() {
        for text in ["0.0.0.0", "10.0.0.2", "255.255.255.255", "192.168.100.9"] {
            assert_eq!(Dotted(text.parse().unwrap()).to_string(), text);
        }
    }
}
