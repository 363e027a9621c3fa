//! The places of neighbours in the table.
//!
//! The table is cut into sets of 8 places. An address belongs to one set, which a secret chooses, so finding, adding and replacing
//! look at 8 entries at most, and nobody can choose addresses that compete with those of a neighbour.
//!
//! A neighbour is *confirmed* once it has answered a solicitation of ours. When a set is full, a new entry takes the place of one of
//! these, in this order:
//!
//! 1. an entry of a neighbour that has not answered;
//! 2. the oldest entry to which nothing was ever sent, or to which nothing was sent for ten minutes;
//! 3. for a neighbour that has spoken to us: the oldest of those that are asked for. A neighbour that we ask for ourselves takes none
//!    of these;
//! 4. the oldest entry in use that is not confirmed. A neighbour that we ask for ourselves takes none of these while others of the set
//!    are asked for: a flood of packets from addresses where nobody is would take them all;
//! 5. the least recently used entry, if all 8 are confirmed.
//!
//! So strangers that were never confirmed, however many (a link has 2^64 addresses), take one place of each set from neighbours that
//! were, and no more: afterwards they take it from each other.

use core::{net::Ipv6Addr, time::Duration};

use layer::{Instant, KeyedSequence};

use super::{Cache, Entry, State};

/// The number of places in a set.
const WAYS: usize = 8;

/// After this time without a packet to it, a confirmed neighbour is replaced like one that is not.
const IDLE: Duration = Duration::from_secs(600);

/// Which set an address belongs to.
#[derive(Clone, Copy)]
pub(super) struct Sets {
    /// The base-2 logarithm of the number of sets.
    bits: u32,
    /// The number of places in each set.
    ways: usize,
    /// The secret.
    factors: [u64; 4],
}

impl Sets {
    pub(super) fn new(places: usize, secret: u128) -> Self {
        let ways = places.min(WAYS);
        let bits = places.checked_div(ways).unwrap_or(0).checked_ilog2().unwrap_or(0);
        let mut random = KeyedSequence::new(secret);
        Self { bits, ways, factors: core::array::from_fn(|_| random.draw()) }
    }

    /// The first place of the set. The hash is a sum of products with a secret, which is strongly universal ("multilinear": Lemire and
    /// Kaser, "Strongly universal string hashing is fast", 2014). Its results stay private.
    #[inline]
    fn first(&self, address: Ipv6Addr) -> usize {
        let bits = address.to_bits();
        let words = [bits as u32, (bits >> 32) as u32, (bits >> 64) as u32, (bits >> 96) as u32];
        let products = self.factors.iter().zip(words);
        let sum = products
            .fold(0_u64, |sum, (factor, word)| sum.wrapping_add(factor.wrapping_mul(word.into())));
        sum.checked_shr(u64::BITS - self.bits).unwrap_or(0) as usize * self.ways
    }
}

impl Cache<'_> {
    #[inline]
    pub(super) fn find(&self, address: Ipv6Addr) -> Option<usize> {
        let first = self.sets.first(address);
        let set = &self.entries[first..first + self.sets.ways];
        let in_place = |entry: &Entry| entry.address == address && entry.state != State::Free;
        set.iter().position(in_place).map(|index| first + index)
    }

    /// The place for a new entry for `address`, and the neighbour that is there now. The documentation of this file states the rule.
    /// `has_spoken` is whether the neighbour has spoken to us.
    pub(super) fn place(
        &self,
        now: Instant,
        address: Ipv6Addr,
        has_spoken: bool,
    ) -> Option<(usize, Option<Ipv6Addr>)> {
        let first = self.sets.first(address);
        let set = &self.entries[first..first + self.sets.ways];
        let all_confirmed = set.iter().all(|entry| entry.confirmed);
        let others_are_asked_for = set.iter().any(|entry| entry.state == State::Incomplete);
        let rank = |entry: &Entry| match entry.state {
            State::Free | State::Failed => Some(0),
            State::Incomplete => has_spoken.then_some(2),
            _ if !entry.used || entry.touched.is_before(now, IDLE) => Some(1),
            _ if !entry.confirmed => (has_spoken || !others_are_asked_for).then_some(3),
            _ => all_confirmed.then_some(4),
        };
        let ranked = set
            .iter()
            .enumerate()
            .filter_map(|(index, entry)| Some((rank(entry)?, entry.touched, first + index)));
        let (_, _, index) = ranked.min()?;
        let entry = &self.entries[index];
        Some((index, (entry.state != State::Free).then_some(entry.address)))
    }
}
