//! The places of neighbours in the table.
//!
//! The table is cut into sets of 8 places. An address belongs to one set, so finding, adding and replacing look at 8
//! entries at most, whatever the table holds. Neighbours with consecutive addresses are in consecutive sets. A secret
//! decides where such a row begins, so that nobody can choose addresses that all belong to the set of another
//! neighbour.
//!
//! When a set is full, a new entry replaces one of these, in this order:
//!
//! * an entry that has expired;
//! * the oldest entry to which nothing was ever sent;
//! * the least recently used entry that is in use, as long as more than half of the set is in use. Static entries count
//!   as in use, but are never replaced.
//!
//! So a station that only sends, or that does not answer, displaces no entry from that half. A neighbour that was asked
//! within the last second keeps its place against other neighbours that are to be asked, so that it is not asked again
//! too soon. It does not keep its place against a station that asks us.

use core::{net::Ipv4Addr, ops::Range};

use layer::Instant;

use super::Cache;
use crate::entry::{Entry, State};

/// The number of places in a set.
pub(super) const WAYS: usize = 8;

impl Cache<'_> {
    /// The places that `address` can be in. A row is as many consecutive addresses as there are sets. Each address of a
    /// row is in a set of its own, and the secret chooses the order anew for each row.
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

    /// The place for a new entry for `address`, and the neighbour that is there now. The documentation of this file
    /// states the rule. With `even_asked`, the place may be that of a neighbour that was just asked.
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
