//! Identifications (RFC 6864).
//!
//! A number must not come again for the same source, destination and protocol while a fragment of the
//! earlier datagram may be under way, and must not be predictable across destinations. Datagrams that
//! cannot be fragmented (`DF`, in one piece) need none: they get 0 and use none up.

use core::net::Ipv4Addr;

use network::{KeyedHash, Protocol};

/// The most counters that are of use: as many as Linux has at least.
pub(crate) const MOST: usize = 2048;

/// The identifications that are next. Destinations are spread over the counters by a hash with a secret.
#[derive(Debug)]
pub(crate) struct Identifications<'g> {
    keyed: KeyedHash,
    /// As many as a power of two.
    counters: &'g mut [u16],
}

impl<'g> Identifications<'g> {
    /// Identifications that only who knows the secret of `keyed` can tell, with these counters, a power of
    /// two of them.
    pub(crate) fn new(keyed: KeyedHash, counters: &'g mut [u16]) -> Self {
        Self { keyed, counters }
    }

    /// The identification of the next datagram to `destination`.
    pub(crate) fn next(&mut self, destination: Ipv4Addr, protocol: Protocol) -> u16 {
        let pair = u64::from(destination.to_bits()) << 8 | u64::from(protocol.0);
        let hash = self.keyed.hash(pair);
        let index = hash as usize & self.counters.len().wrapping_sub(1);
        let Some(counter) = self.counters.get_mut(index) else { return 0 };
        *counter = counter.wrapping_add(1);
        // Two destinations of one counter are still at different places of the cycle, and each begins at its
        // own.
        counter.wrapping_add((hash >> 32) as u16)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    fn ids(secret: u128, counters: &mut [u16]) -> Identifications<'_> {
        Identifications::new(KeyedHash::new(secret), counters)
    }

    #[test]
    fn no_number_comes_again_before_all_have_been_used() {
        let mut counters = [0; 64];
        let mut ids = ids(7, &mut counters);
        let to = Ipv4Addr::new(10, 0, 0, 1);
        let all: HashSet<u16> = (0..65_536).map(|_| ids.next(to, Protocol::UDP)).collect();
        assert_eq!(all.len(), 65_536);
    }

    #[test]
    fn destinations_and_secrets_give_other_numbers() {
        let first = |secret, last| {
            ids(secret, &mut [0; 64]).next(Ipv4Addr::new(10, 0, 0, last), Protocol::UDP)
        };
        let by_destination: HashSet<u16> = (0..200).map(|last| first(7, last)).collect();
        let by_secret: HashSet<u16> = (0..200).map(|secret| first(secret, 1)).collect();
        let by_half: HashSet<u16> = (0..200).map(|secret| first(secret << 64, 1)).collect();
        assert!(by_destination.len() > 190 && by_secret.len() > 190 && by_half.len() > 190);
    }

    /// Another destination's traffic moves a counter by its own steps only, and few share one.
    #[test]
    fn one_destination_does_not_tell_about_another() {
        for (counters, alone) in [(64, 230), (MOST, 250)] {
            let mut counters = std::vec![0; counters];
            let mut ids = ids(9, &mut counters);
            let steps = (0..=255u8).map(|last| {
                let to = Ipv4Addr::new(10, 0, 1, last);
                let before = ids.next(to, Protocol::UDP);
                ids.next(Ipv4Addr::new(10, 0, 0, 1), Protocol::UDP);
                ids.next(to, Protocol::UDP).wrapping_sub(before)
            });
            assert!(steps.filter(|&step| step == 1).count() > alone);
        }
    }
}
