//! Identifications (RFC 6864).
//!
//! A number must not come again for the same source, destination and protocol while a fragment of the
//! earlier datagram may be under way, and must not be predictable across destinations. Datagrams that
//! cannot be fragmented (`DF`, in one piece) need none: they get 0 and use none up.

use core::net::Ipv4Addr;

use network::{Keyed, Protocol};

/// How many counters there are; destinations are spread over them by a hash that is keyed with a
/// secret.
const COUNTERS: usize = 64;

/// The identifications that are next.
#[derive(Clone, Debug)]
pub(crate) struct Identifications {
    keyed: Keyed,
    next: [u16; COUNTERS],
}

impl Identifications {
    /// Counters that begin at places that only who knows `secret` can tell.
    pub(crate) fn new(secret: u64) -> Self {
        let keyed = Keyed::new(secret);
        // No address and protocol together are such a large number.
        Self { keyed, next: core::array::from_fn(|index| keyed.hash(!(index as u64)) as u16) }
    }

    /// The identification of the next datagram to `destination`.
    pub(crate) fn next(&mut self, destination: Ipv4Addr, protocol: Protocol) -> u16 {
        let pair = u64::from(destination.to_bits()) << 8 | u64::from(protocol.0);
        let hash = self.keyed.hash(pair);
        let counter = &mut self.next[hash as usize % COUNTERS];
        *counter = counter.wrapping_add(1);
        // Two destinations of one counter are still at different places of the cycle.
        counter.wrapping_add((hash >> 32) as u16)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn no_number_comes_again_before_all_have_been_used() {
        let mut ids = Identifications::new(7);
        let to = Ipv4Addr::new(10, 0, 0, 1);
        let all: HashSet<u16> = (0..65_536).map(|_| ids.next(to, Protocol::UDP)).collect();
        assert_eq!(all.len(), 65_536);
    }

    #[test]
    fn destinations_and_secrets_give_other_numbers() {
        let first = |secret, last| {
            Identifications::new(secret).next(Ipv4Addr::new(10, 0, 0, last), Protocol::UDP)
        };
        let by_destination: HashSet<u16> = (0..200).map(|last| first(7, last)).collect();
        let by_secret: HashSet<u16> = (0..200).map(|secret| first(secret, 1)).collect();
        assert!(by_destination.len() > 190 && by_secret.len() > 190);
    }

    /// Another destination's traffic moves a counter by its own steps only.
    #[test]
    fn one_destination_does_not_tell_about_another() {
        let mut ids = Identifications::new(9);
        let steps = (0..=255u8).map(|last| {
            let to = Ipv4Addr::new(10, 0, 1, last);
            let before = ids.next(to, Protocol::UDP);
            ids.next(Ipv4Addr::new(10, 0, 0, 1), Protocol::UDP);
            ids.next(to, Protocol::UDP).wrapping_sub(before)
        });
        assert!(steps.filter(|&step| step == 1).count() > 230);
    }
}
