//! Where in the table a neighbour is.
//!
//! The table is cut into sets of 8 places. An address belongs to one set, so finding, adding and
//! replacing look at 8 entries at most, whatever is in the table and whoever filled it. Neighbours with
//! consecutive addresses are in consecutive sets; where such a row begins follows from a secret, so
//! that nobody can choose addresses that all belong to the set of another.
//!
//! When a set is full, a new entry goes, in this order: where somebody is whose time is over; where
//! the oldest is of those that nothing was ever sent to; where the least recently used is of those
//! that are in use (static ones among them, which stay), while these are more than half of the set.
//! So whoever only speaks, and whoever does not answer, displaces nobody from that half. And a
//! neighbour that was asked within the last second keeps its place against others that are to be
//! asked, so that it is not asked again too soon; not against one that asks us.

use core::{net::Ipv4Addr, ops::Range};

use layer::Instant;

use super::Cache;
use crate::entry::{Entry, State};

/// The number of places in a set.
pub(super) const WAYS: usize = 8;

impl Cache<'_> {
    /// The places that `address` can be in. The addresses of a row that is as long as there are sets
    /// are in one set each; which of them is in which, the secret decides for each row anew.
    pub(super) fn set(&self, address: Ipv4Addr) -> Range<usize> {
        let bits = address.to_bits();
        let row = self.keyed.hash(bits >> self.set_bits);
        let first = (bits ^ row) as usize % (1 << self.set_bits) * self.ways;
        first..first + self.ways
    }

    pub(super) fn find(&self, address: Ipv4Addr) -> Option<usize> {
        let in_place = |entry: &Entry| entry.address == address && entry.state != State::Free;
        self.set(address).find(|&index| in_place(&self.entries[index]))
    }

    /// Where an entry for `address`, which has none, goes, and who is there now; the rule is at the
    /// head of this file. `even_asked`: also where somebody is that was just asked.
    pub(super) fn place(
        &self,
        now: Instant,
        address: Ipv4Addr,
        even_asked: bool,
    ) -> Option<(usize, Option<Ipv4Addr>)> {
        let set = self.set(address);
        let entries = &self.entries[set.clone()];
        let in_use = entries.iter().filter(|entry| entry.in_use()).count();
        let crowded = in_use > entries.len() / 2;
        let mut best = None;
        for (entry, index) in entries.iter().zip(set) {
            let rank = match entry.state {
                State::Static => continue,
                State::Asked if now < entry.when && !even_asked => continue,
                State::Free => 0,
                _ if entry.is_over(now, self.belief.margin) => 0,
                _ if !entry.in_use() => 1,
                _ if crowded => 2,
                _ => continue,
            };
            let candidate = (rank, entry.touched, index);
            if best.is_none_or(|best| candidate < best) {
                best = Some(candidate);
            }
        }
        let (_, _, index) = best?;
        let entry = &self.entries[index];
        Some((index, (entry.state != State::Free).then_some(entry.address)))
    }
}
