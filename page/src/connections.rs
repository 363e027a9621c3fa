//! The connections that have moved the most bytes.

use rt_regions::{Exhausted, Region};
use tcp::{ConnectionStats, Connections};

/// How many connections a page shows at most.
const ROWS: usize = 100;

/// A table of connections below a cap.
pub(crate) struct Table<'r> {
    rows: &'r mut [Option<ConnectionStats>],
    length: usize,
    /// Where the row with the fewest bytes is, if the table is full.
    least: usize,
    /// How many connections there are, in the table or not.
    total: u64,
}

impl<'r> Table<'r> {
    /// The table of these connections, in `region`.
    pub(crate) fn of(connections: &Connections, region: &'r Region<'_>) -> Result<Self, Exhausted> {
        let mut table = Self::with_room(region)?;
        connections.for_each(&mut |connection| table.add(connection));
        Ok(table)
    }

    fn with_room(region: &'r Region<'_>) -> Result<Self, Exhausted> {
        let rows = region.alloc_slice_with(ROWS, |_| None)?;
        Ok(Self { rows, length: 0, least: 0, total: 0 })
    }

    /// Takes in a connection, in place of the one with the fewest bytes if there is no room.
    fn add(&mut self, connection: &ConnectionStats) {
        self.total += 1;
        if let Some(free) = self.rows.get_mut(self.length) {
            *free = Some(*connection);
            self.length += 1;
            if self.length == self.rows.len() {
                self.find_least();
            }
        } else if let Some(least) = self.rows.get_mut(self.least)
            && bytes(least) < bytes(&Some(*connection))
        {
            *least = Some(*connection);
            self.find_least();
        }
    }

    fn find_least(&mut self) {
        let least = self.rows.iter().enumerate().min_by_key(|(_, row)| bytes(row));
        self.least = least.map_or(0, |(index, _)| index);
    }

    /// How many connections there are.
    pub(crate) fn total(&self) -> u64 {
        self.total
    }

    /// Those of the table.
    pub(crate) fn rows(&self) -> impl Iterator<Item = &ConnectionStats> {
        self.rows[..self.length].iter().flatten()
    }
}

/// How many bytes a connection has moved.
fn bytes(row: &Option<ConnectionStats>) -> u64 {
    row.map_or(0, |row| row.received.saturating_add(row.sent))
}

#[cfg(test)]
mod tests {
    use std::vec::Vec;

    use testkit::{Random, program_memory};

    use super::*;

    fn connection(bytes: u64) -> ConnectionStats {
        let address = ([10, 0, 0, 2], 80).into();
        ConnectionStats {
            local: address,
            remote: address,
            state: tcp::State::Established,
            received: bytes / 2,
            sent: bytes - bytes / 2,
            rtt: None,
            window: 0,
            congestion_window: 0,
            retransmitted: 0,
        }
    }

    #[test]
    fn those_with_the_most_bytes_are_kept_in_whichever_order_they_come() {
        let (memory, mut random) = (program_memory(8), Random::new(7));
        for count in [0, 1, 99, 100, 101, 1000] {
            let region = memory.child("table");
            let mut table = Table::with_room(&region).unwrap();
            let mut all: Vec<u64> = (0..count).collect();
            random.shuffle(&mut all);
            all.iter().for_each(|bytes| table.add(&connection(*bytes)));
            let mut kept: Vec<u64> = table.rows().map(|row| row.received + row.sent).collect();
            kept.sort_unstable();
            let expected: Vec<u64> = (count.saturating_sub(100)..count).collect();
            assert_eq!((kept, table.total()), (expected, count));
        }
    }
}
