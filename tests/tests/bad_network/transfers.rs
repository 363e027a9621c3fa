//! Transfers through every network.

use std::{
    sync::{Mutex, Once, PoisonError},
    time::Instant,
};

use super::{
    contest::{CONTESTANTS, Contestant, Direction, head, lines, measure},
    rows::{ROWS, Row},
};

/// How often each row is measured, if that is not said.
const ROUNDS: u64 = 3;
/// Says how often.
const ROUNDS_VARIABLE: &str = "BAD_NETWORK_ROUNDS";

/// Held while something is measured.
static ALONE: Mutex<()> = Mutex::new(());

/// A few megabytes each way by the first contestant, which is Linux with CUBIC: that the network does what the row says, and
/// the protocol is kept.
pub(crate) fn what_comes_is_what_was_sent() {
    let linux = &CONTESTANTS[..1];
    for (row, megabytes) in ROWS.iter().filter_map(|row| Some((row, row.quick?))) {
        measured(row, megabytes, 1, linux);
    }
}

/// One row, by all contestants in turn.
pub(crate) fn row(row: &Row) {
    let said = std::env::var(ROUNDS_VARIABLE).ok();
    let rounds = said.map(|rounds| rounds.parse().expect(ROUNDS_VARIABLE)).unwrap_or(ROUNDS);
    measured(row, row.megabytes, rounds, &CONTESTANTS);
}

/// Measures a row, and prints its lines of the table.
fn measured(row: &Row, megabytes: u64, rounds: u64, contestants: &[Contestant]) {
    static HEAD: Once = Once::new();
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let start = Instant::now();
    let goodput = measure(row, megabytes, rounds, contestants)
        .unwrap_or_else(|error| panic!("{}: {error:#}", row.name));
    for direction in [Direction::Sent, Direction::Received] {
        for contestant in contestants {
            assert_eq!(goodput[&(direction, contestant.name)].len() as u64, rounds);
        }
    }
    HEAD.call_once(|| print!("{}", head(contestants)));
    print!("{}", lines(row, megabytes, &goodput, contestants));
    eprintln!("{}: {:.0} s", row.name, start.elapsed().as_secs_f64());
}
