//! What tells connections apart: the addresses and ports of both sides.

use core::{
    fmt,
    net::{IpAddr, Ipv4Addr, SocketAddr},
};

use layer::KeyedHash;

/// The addresses and ports of both sides of a connection (RFC 9293 3.3.1, a socket pair).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tuple {
    /// Our address and the peer's.
    pub addresses: [IpAddr; 2],
    /// Our port and the peer's.
    pub ports: [u16; 2],
}

impl Tuple {
    /// No connection's.
    pub(crate) const UNSPECIFIED: Self =
        Self { addresses: [IpAddr::V4(Ipv4Addr::UNSPECIFIED); 2], ports: [0; 2] };

    /// Our address and port.
    // Many segments need it, and its code is long.
    #[inline(never)]
    pub fn local(&self) -> SocketAddr {
        SocketAddr::new(self.addresses[0], self.ports[0])
    }

    /// The peer's address and port.
    #[inline(never)]
    pub fn remote(&self) -> SocketAddr {
        SocketAddr::new(self.addresses[1], self.ports[1])
    }
}

/// Writes `10.0.0.2:80 10.0.0.1:50000`.
impl fmt::Display for Tuple {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", layer::Endpoint(self.local()), layer::Endpoint(self.remote()))
    }
}

/// A hash of tuples, whose results stay private. Each word of the tuple is multiplied by a secret of its own; the sum of
/// the products is universal ("multiply-shift", Dietzfelbinger, 1996): an attacker who knows no secret makes no more
/// tuples collide than chance does.
#[derive(Clone, Copy)]
pub(crate) struct TupleHash([u64; WORDS]);

/// The words of 32 bits that are hashed: both ports, and both addresses.
const WORDS: usize = 9;

impl TupleHash {
    pub(crate) fn new(keyed: KeyedHash) -> Self {
        // No other value that is hashed with this key has these bits.
        Self(core::array::from_fn(|word| keyed.hash(u64::MAX - word as u64)))
    }

    #[inline]
    pub(crate) fn hash(&self, tuple: &Tuple) -> u32 {
        let [ours, theirs] = tuple.ports.map(u64::from);
        let mut sum = self.0[0].wrapping_mul(ours << 16 | theirs);
        for (address, secrets) in tuple.addresses.iter().zip(self.0[1..].as_chunks::<4>().0) {
            sum = sum.wrapping_add(match address {
                IpAddr::V4(address) => secrets[0].wrapping_mul(address.to_bits().into()),
                IpAddr::V6(address) => {
                    let bits = address.to_bits();
                    let words = (0..4).map(|word| (bits >> (32 * word)) as u32);
                    words.zip(secrets).fold(0, |sum, (word, secret)| {
                        secret.wrapping_mul(word.into()).wrapping_add(sum)
                    })
                }
            });
        }
        (sum >> 32) as u32
    }
}

impl fmt::Debug for TupleHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TupleHash")
    }
}
