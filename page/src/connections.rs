//! The connections that were seen last, those that have moved the most bytes.

use layer::Connection;
use rt_regions::{Exhausted, Region};

/// How many connections a page shows at most.
const ROWS: usize = 100;

/// A table of connections below a cap.
#[derive(Debug, Default)]
pub(crate) struct Table {
    /// Empty until there is a layer with connections.
    rows: &'static mut [Option<Connection>],
    length: usize,
    /// Where the row with the fewest bytes is, if the table is full.
    least: usize,
    /// How many connections were seen.
    total: u64,
}

impl Table {
    /// A table with room in `region`.
    pub(crate) fn new(region: &'static Region<'static>) -> Result<Self, Exhausted> {
        Ok(Self { rows: region.alloc_slice_with(ROWS, |_| None)?, ..Self::default() })
    }

    /// Whether there is a layer with connections.
    pub(crate) fn is_used(&self) -> bool {
        !self.rows.is_empty()
    }

    pub(crate) fn clear(&mut self) {
        (self.length, self.least, self.total) = (0, 0, 0);
    }

    /// Takes in a connection, in place of the one with the fewest bytes if there is no room.
    pub(crate) fn add(&mut self, connection: &Connection) {
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

    /// How many connections there are, shown or not.
    pub(crate) fn total(&self) -> u64 {
        self.total
    }

    /// The connections that are shown.
    pub(crate) fn rows(&self) -> impl Iterator<Item = &Connection> {
        self.rows[..self.length].iter().flatten()
    }
}

/// How many bytes a connection has moved.
fn bytes(row: &Option<Connection>) -> u64 {
    row.map_or(0, |row| row.bytes_rx.saturating_add(row.bytes_tx))
}

#[cfg(test)]
mod tests {
    use std::vec::Vec;

    use testkit::{Random, program_memory};

    use super::*;

    fn connection(bytes: u64) -> Connection {
        let address = ([10, 0, 0, 2], 80).into();
        Connection {
            local: address,
            remote: address,
            state: "ESTABLISHED",
            bytes_rx: bytes / 2,
            bytes_tx: bytes - bytes / 2,
            round_trip: None,
            window: 0,
            retransmissions: 0,
        }
    }

    #[test]
    fn those_with_the_most_bytes_are_kept_in_whichever_order_they_come() {
        let mut table = Table::new(program_memory(8)).unwrap();
        let mut random = Random::new(7);
        for count in [0, 1, 99, 100, 101, 1000] {
            table.clear();
            let mut all: Vec<u64> = (0..count).collect();
            random.shuffle(&mut all);
            all.iter().for_each(|bytes| table.add(&connection(*bytes)));
            let mut kept: Vec<u64> = table.rows().map(|row| row.bytes_rx + row.bytes_tx).collect();
            kept.sort_unstable();
            let expected: Vec<u64> = (count.saturating_sub(100)..count).collect();
            assert_eq!((kept, table.total()), (expected, count));
        }
    }

    #[test]
    fn without_such_a_layer_there_is_nothing() {
        let mut table = Table::default();
        table.add(&connection(1));
        assert_eq!((table.is_used(), table.rows().count()), (false, 0));
    }
}
