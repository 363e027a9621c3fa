//! Which of our addresses a packet comes from (RFC 6724 5), as a value.
//!
//! A host with one interface, without temporary addresses and without mobility needs rules 1, 2, 3, 6 and 8. Rules 4, 5, 5.5 and 7
//! never decide there.

use core::{cmp::Reverse, net::Ipv6Addr};

use layer::Ipv6Cidr;

use crate::Assigned;

/// What the table of policies says of an address (RFC 6724 2.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Policy {
    /// Destinations with a higher one are tried first.
    pub precedence: u8,
    /// Addresses with the same one suit each other as source and destination.
    pub label: u8,
}

/// The default table, the longest prefixes first: the first 16-bit words of each prefix, its length, precedence and label.
const POLICIES: [([u16; 8], u8, Policy); 9] = [
    ([0, 0, 0, 0, 0, 0, 0, 1], 128, Policy { precedence: 50, label: 0 }),
    ([0, 0, 0, 0, 0, 0xffff, 0, 0], 96, Policy { precedence: 35, label: 4 }),
    ([0; 8], 96, Policy { precedence: 1, label: 3 }),
    ([0x2001, 0, 0, 0, 0, 0, 0, 0], 32, Policy { precedence: 5, label: 5 }),
    ([0x2002, 0, 0, 0, 0, 0, 0, 0], 16, Policy { precedence: 30, label: 2 }),
    ([0x3ffe, 0, 0, 0, 0, 0, 0, 0], 16, Policy { precedence: 1, label: 12 }),
    ([0xfec0, 0, 0, 0, 0, 0, 0, 0], 10, Policy { precedence: 1, label: 11 }),
    ([0xfc00, 0, 0, 0, 0, 0, 0, 0], 7, Policy { precedence: 3, label: 13 }),
    ([0; 8], 0, Policy { precedence: 40, label: 1 }),
];

/// The policy for `address` in the default table (RFC 6724 2.1).
pub fn policy(address: Ipv6Addr) -> Policy {
    let matches = |(words, prefix, policy): ([u16; 8], u8, Policy)| {
        let network = Ipv6Cidr::new(Ipv6Addr::from_segments(words), prefix)?;
        network.contains(address).then_some(policy)
    };
    // The last row matches every address.
    POLICIES.into_iter().find_map(matches).unwrap_or(POLICIES[8].2)
}

/// The address that a packet to `destination` comes from, or `None` if we have none. Of equals, it is the first.
pub(crate) fn select(addresses: &[Assigned], destination: Ipv6Addr) -> Option<Ipv6Addr> {
    let (wanted, label) = (scope(destination), policy(destination).label);
    let merit = |assigned: &Assigned| {
        let address = assigned.address.address();
        // Rule 2: the smallest scope that reaches the destination, or else the largest one.
        let scope = scope(address);
        let reach = if scope >= wanted { (true, u8::MAX - scope) } else { (false, scope) };
        (
            // Rule 1.
            address == destination,
            reach,
            // Rule 3.
            !assigned.deprecated,
            // Rule 6.
            policy(address).label == label,
            // Rule 8.
            common_prefix(assigned.address, destination),
        )
    };
    // Of equals, `min_by_key` returns the first.
    let best = addresses.iter().min_by_key(|&assigned| Reverse(merit(assigned)))?;
    Some(best.address.address())
}

/// How far an address reaches (RFC 6724 3.1): the scope of a multicast group (RFC 4291 2.7), and the corresponding one of the
/// address of a host.
fn scope(address: Ipv6Addr) -> u8 {
    const LINK: u8 = 2;
    const SITE: u8 = 5;
    const GLOBAL: u8 = 14;
    let [first, second, ..] = address.octets();
    match (first, second) {
        (0xff, _) => second & 0xf,
        (0xfe, 0x80..=0xbf) => LINK,
        (0xfe, 0xc0..) => SITE,
        _ if address.is_loopback() => LINK,
        _ => GLOBAL,
    }
}

/// How many bits, of those of the source's prefix, both addresses have in common (RFC 6724 2.2).
fn common_prefix(source: Ipv6Cidr, destination: Ipv6Addr) -> u32 {
    let differ = source.address().to_bits() ^ destination.to_bits();
    differ.leading_zeros().min(source.prefix().into())
}

#[cfg(test)]
mod tests;
