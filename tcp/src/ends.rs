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
    }
}
