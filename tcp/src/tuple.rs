<<<<<<< HEAD
//! What tells connections apart: the addresses and ports of both sides.

use core::{
    fmt,
    net::{IpAddr, SocketAddr},
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
    /// Our address and port.
    pub fn local(&self) -> SocketAddr {
        SocketAddr::new(self.addresses[0], self.ports[0])
    }

    /// The peer's address and port.
    pub fn remote(&self) -> SocketAddr {
        SocketAddr::new(self.addresses[1], self.ports[1])
    }
}

/// Writes `10.0.0.2:80 10.0.0.1:50000`.
impl fmt::Display for Tuple {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.local(), self.remote())
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
=======
//! A hash over the two ends of a connection.

use core::net::{IpAddr, SocketAddr};

use layer::KeyedHash;

/// The hash of addresses and ports, which nobody can predict without the secret of `keyed`.
///
/// The blocks are chained as in CBC-MAC. The first of them says how many follow, so no sequence of blocks begins with
/// all of another one, and the result is as good as the hash of a block is.
pub(crate) fn hash_of(keyed: KeyedHash, ours: SocketAddr, peer: SocketAddr) -> u64 {
    let ports = u64::from(ours.port()) << 16 | u64::from(peer.port());
    let block = |hash, block: u64| keyed.hash(hash ^ block);
    match (ours.ip(), peer.ip()) {
        (IpAddr::V4(ours), IpAddr::V4(peer)) => {
            let addresses = u64::from(ours.to_bits()) << 32 | u64::from(peer.to_bits());
            block(block(0, 4 << 32 | ports), addresses)
        }
        (ours, peer) => {
            let bits = |address| match address {
                // A mapped address is another one than its IPv4 address; no connection has both families.
                IpAddr::V4(address) => address.to_ipv6_mapped().to_bits(),
                IpAddr::V6(address) => address.to_bits(),
            };
            let [ours, peer] = [bits(ours), bits(peer)];
            [(ours >> 64) as u64, ours as u64, (peer >> 64) as u64, peer as u64]
                .into_iter()
                .fold(block(0, 6 << 32 | ports), block)
        }
    }
}

#[cfg(test)]
mod tests {
    use core::net::{Ipv4Addr, Ipv6Addr};
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn every_part_of_every_tuple_counts() {
        let keyed = KeyedHash::new(7);
        let mut seen = HashSet::new();
        let mut add = |ours: SocketAddr, peer: SocketAddr| {
            assert!(seen.insert(hash_of(keyed, ours, peer)), "{ours} {peer}");
            assert_ne!(hash_of(keyed, ours, peer), hash_of(KeyedHash::new(8), ours, peer));
        };
        for (ours, peer) in [("10.0.0.2", "10.0.0.1"), ("fe80::2", "fe80::1")] {
            let [ours, peer]: [IpAddr; 2] = [ours, peer].map(|text| text.parse().unwrap());
            for bit in 0..16 {
                add(SocketAddr::new(ours, 80 ^ 1 << bit), SocketAddr::new(peer, 5000));
                add(SocketAddr::new(ours, 80), SocketAddr::new(peer, 5000 ^ 1 << bit));
            }
            let changed = |address, bit| match address {
                IpAddr::V4(address) => {
                    IpAddr::V4(Ipv4Addr::from_bits(address.to_bits() ^ 1_u32 << (bit % 32)))
                }
                IpAddr::V6(address) => {
                    IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() ^ 1_u128 << bit))
                }
            };
            for bit in 0..if ours.is_ipv4() { 32 } else { 128 } {
                add(SocketAddr::new(changed(ours, bit), 80), SocketAddr::new(peer, 5000));
                add(SocketAddr::new(ours, 80), SocketAddr::new(changed(peer, bit), 5000));
            }
            add(SocketAddr::new(ours, 80), SocketAddr::new(peer, 5000));
            add(SocketAddr::new(peer, 5000), SocketAddr::new(ours, 80));
        }
>>>>>>> 0e4f147 (tcp: initial numbers, SYN cookies, and connections in TIME-WAIT as values)
    }
}
