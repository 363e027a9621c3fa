//! The flow label of packets that are sent (RFC 6437).

use core::net::Ipv6Addr;

use layer::{KeyedHash, Payload};
use network::Protocol;

/// The label of the flow that a packet with this payload belongs to: the same for all packets between two ports of two hosts, and
/// not to be guessed without the secret of `hash` (RFC 6437 3). It is never 0, which would be no label.
pub(crate) fn flow_label(
    hash: KeyedHash,
    source: Ipv6Addr,
    destination: Ipv6Addr,
    protocol: Protocol,
    payload: &impl Payload,
) -> u32 {
    // Both transports begin with their ports.
    let mut ports = [0; 4];
    if matches!(protocol, Protocol::TCP | Protocol::UDP) && payload.len() >= ports.len() {
        payload.copy_to(0, &mut ports);
    }
    // Labels spread load over paths. Two flows for which this sum is equal share one, which does no harm.
    let fold = |address: Ipv6Addr| {
        let bits = address.to_bits();
        (bits >> 64) as u64 ^ (bits as u64).rotate_left(21)
    };
    let rest = 1 << 63 | u64::from(u32::from_be_bytes(ports)) << 8 | u64::from(protocol.0);
    let sum =
        fold(source).wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ fold(destination) ^ rest.rotate_left(11);
    let label = hash.hash(sum) as u32 & 0xf_ffff;
    label.max(1)
}
