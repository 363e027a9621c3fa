//! Identifications (RFC 6864).
//!
//! An identification must not be used again for one source, destination and protocol while a fragment of the earlier
//! datagram may be under way. It must not be predictable across destinations. Datagrams that cannot be fragmented (DF
//! set and sent in one piece) need no identification: they have 0, and use no number up.

use core::net::Ipv4Addr;

use layer::KeyedHash;
use network::Protocol;

use super::Paths;

impl Paths<'_> {
    /// The identification of the next datagram to `destination`, or the first of the next `count` ones, which count up.
    /// It is unpredictable without the secret of `hash`. The destinations share the counters of the table.
    pub(crate) fn identifications(
        &mut self,
        hash: KeyedHash,
        destination: Ipv4Addr,
        protocol: Protocol,
        count: u16,
    ) -> u16 {
        let hash = hash.hash(u64::from(destination.to_bits()) << 8 | u64::from(protocol.0));
        let index = hash as usize & self.rows.len().wrapping_sub(1);
        let Some(row) = self.rows.get_mut(index) else { return 0 };
        let first = row.counter.wrapping_add(1);
        row.counter = row.counter.wrapping_add(count);
        // Two destinations that share a counter are at different places of the cycle, because each has an offset of its
        // own.
        let identification = first.wrapping_add((hash >> 32) as u16);
        #[cfg(feature = "cores")]
        let identification = self.of_part(identification);
        identification
    }

    /// The identifications are those of one of `count` towers with the same address, which has the number `index`.
    #[cfg(feature = "cores")]
    pub(crate) fn set_part(&mut self, count: u16, index: u16) {
        self.part = (count.max(1), index);
    }

    /// The identification in the range of this tower.
    #[cfg(feature = "cores")]
    fn of_part(&self, identification: u16) -> u16 {
        match self.part {
            (1, _) => identification,
            (count, index) => {
                let size = u16::MAX / count;
                index * size + identification % size
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{collections::HashSet, vec};

    use layer::TableHash;

    use super::{
        super::{ROWS, Row},
        *,
    };

    /// Identifications under a secret, with as many counters.
    fn ids(secret: u128, counters: usize) -> impl FnMut(Ipv4Addr) -> u16 {
        let (hash, mut rows) = (KeyedHash::new(secret), vec![Row::EMPTY; counters]);
        move |destination| {
            let mut paths = Paths::with_rows(TableHash::new(hash), &mut rows);
            paths.identifications(hash, destination, Protocol::UDP, 1)
        }
    }

    #[test]
    fn no_number_comes_again_before_all_have_been_used() {
        let mut next = ids(7, 64);
        let to = Ipv4Addr::new(10, 0, 0, 1);
        let all: HashSet<u16> = (0..65_536).map(|_| next(to)).collect();
        assert_eq!(all.len(), 65_536);
    }

    #[test]
    fn destinations_and_secrets_give_other_numbers() {
        let first = |secret, last| ids(secret, 64)(Ipv4Addr::new(10, 0, 0, last));
        let by_destination: HashSet<u16> = (0..200).map(|last| first(7, last)).collect();
        let by_secret: HashSet<u16> = (0..200).map(|secret| first(secret, 1)).collect();
        let by_half: HashSet<u16> = (0..200).map(|secret| first(secret << 64, 1)).collect();
        assert!(by_destination.len() > 190 && by_secret.len() > 190 && by_half.len() > 190);
    }

    /// Another destination's traffic moves a counter by its own steps only, and few share one.
    #[test]
    fn one_destination_does_not_tell_about_another() {
        for (counters, alone) in [(ROWS.0, 230), (ROWS.1, 250)] {
            let mut next = ids(9, counters);
            let steps = (0..=255u8).map(|last| {
                let to = Ipv4Addr::new(10, 0, 1, last);
                let before = next(to);
                next(Ipv4Addr::new(10, 0, 0, 1));
                next(to).wrapping_sub(before)
            });
            assert!(steps.filter(|&step| step == 1).count() > alone);
        }
    }

    #[cfg(feature = "cores")]
    #[test]
    fn several_towers_never_have_the_same_one() {
        for count in [2, 3, 32] {
            let mut seen = HashSet::new();
            for index in 0..count {
                let (hash, mut rows) = (KeyedHash::new(index.into()), vec![Row::EMPTY; 16]);
                let mut paths = Paths::with_rows(TableHash::new(hash), &mut rows);
                paths.set_part(count, index);
                let destination = Ipv4Addr::new(10, 0, 0, 1);
                let of_tower: HashSet<u16> = (0..u16::MAX)
                    .map(|_| paths.identifications(hash, destination, Protocol::UDP, 1))
                    .collect();
                assert_eq!(of_tower.len(), usize::from(u16::MAX / count));
                assert!(of_tower.iter().all(|id| seen.insert(*id)), "tower {index} of {count}");
            }
        }
    }
}
