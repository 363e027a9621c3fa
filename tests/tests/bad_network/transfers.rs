//! Transfers through every network.

use std::time::Instant;

use super::{
    contest::{CONTESTANTS, Direction, head, lines, measure},
    rows::ROWS,
};

/// How often each row of the whole table is measured.
const ROUNDS: u64 = 3;

/// A few megabytes each way by the first contestant, which is Linux with CUBIC: that the network does what the row says, and
/// the protocol is kept.
pub(crate) fn what_comes_is_what_was_sent() {
    let linux = &CONTESTANTS[..1];
    let mut table = head(linux);
    for (row, megabytes) in ROWS.iter().filter_map(|row| Some((row, row.quick?))) {
        let goodput = measure(row, megabytes, 1, linux).unwrap_or_else(|error| panic!("{error:#}"));
        for direction in [Direction::Sent, Direction::Received] {
            assert_eq!(goodput[&(direction, linux[0].name)].len(), 1);
        }
        table += &lines(row, megabytes, &goodput, linux);
    }
    println!("{table}");
}

/// Every row by all contestants, in turn.
pub(crate) fn the_whole_table() {
    println!("{}", head(&CONTESTANTS).trim_end());
    for row in ROWS {
        let start = Instant::now();
        let goodput = measure(row, row.megabytes, ROUNDS, &CONTESTANTS)
            .unwrap_or_else(|error| panic!("{error:#}"));
        print!("{}", lines(row, row.megabytes, &goodput, &CONTESTANTS));
        eprintln!("{}: {:.0} s", row.name, start.elapsed().as_secs_f64());
    }
}
