//! An address and a port as text. What `core` has for that compiles to several times as much code.

use core::{fmt, net::SocketAddr, ops::Range};

use crate::Dotted;

/// Displays an address and a port as `10.0.0.2:80` or `[2001:db8::1]:80` (RFC 5952 4 and 6). It ignores padding and the
/// scope of an IPv6 address, which makes it a fraction of the code of `core`.
#[derive(Clone, Copy, Debug)]
pub struct Endpoint(pub SocketAddr);

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let port = u64::from(self.0.port());
        let address = match self.0 {
            SocketAddr::V4(address) => return write!(f, "{}:{port}", Dotted(*address.ip())),
            SocketAddr::V6(address) => address.ip().segments(),
        };
        let zeros = zeros(&address);
        f.write_str("[")?;
        for (at, segment) in address.into_iter().enumerate() {
            if at == zeros.start {
                f.write_str("::")?;
            }
            if !zeros.contains(&at) {
                let colon = if at == 0 || at == zeros.end { "" } else { ":" };
                write!(f, "{colon}{:x}", u64::from(segment))?;
            }
        }
        write!(f, "]:{port}")
    }
}

/// The first of the longest runs of zeros, of two at least.
fn zeros(address: &[u16; 8]) -> Range<usize> {
    let mut longest = usize::MAX..usize::MAX;
    let mut length = 1;
    for start in 0..address.len() {
        let run = address.iter().skip(start).take_while(|segment| **segment == 0).count();
        if run > length {
            (longest, length) = (start..start + run, run);
        }
    }
    longest
}

#[cfg(test)]
mod tests {
    use std::{net::Ipv6Addr, string::ToString};

    use super::*;

    #[test]
    fn text_is_that_of_core() {
        for text in ["0.0.0.0:0", "10.0.0.2:80", "255.255.255.255:65535", "[::]:1", "[::1]:80"] {
            assert_eq!(Endpoint(text.parse().unwrap()).to_string(), text);
        }
        // Each segment is zero or not.
        for bits in 0..256_u32 {
            for other in [1, 0xdb8, 0xffff] {
                let segments: [u16; 8] =
                    core::array::from_fn(|at| if bits >> at & 1 == 1 { other } else { 0 });
                let address = Ipv6Addr::from(segments);
                // Those have dots in `core`.
                if address.to_ipv4_mapped().is_none() {
                    let address = SocketAddr::from((address, 443));
                    assert_eq!(Endpoint(address).to_string(), address.to_string());
                }
            }
        }
    }
}
