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
/// Says how many megabytes go each way, if these are not those of the row.
const MEGABYTES_VARIABLE: &str = "BAD_NETWORK_MEGABYTES";

/// Held while something is measured.
static ALONE: Mutex<()> = Mutex::new(());

/// A few megabytes each way by the first two contestants, which are Linux with CUBIC and the service of ours: that the
/// network does what the row says, and the protocol is kept.
pub(crate) fn what_comes_is_what_was_sent() {
    for (row, megabytes) in ROWS.iter().filter_map(|row| Some((row, row.quick?))) {
        measured(row, megabytes, 1, &CONTESTANTS[..2]);
    }
}

/// One row, by all contestants in turn.
pub(crate) fn row(row: &Row) {
    let rounds = said(ROUNDS_VARIABLE).unwrap_or(ROUNDS);
    let megabytes = said(MEGABYTES_VARIABLE).unwrap_or(row.megabytes);
    measured(row, megabytes, rounds, &CONTESTANTS);
}

/// The number that a variable of the environment says.
fn said(variable: &str) -> Option<u64> {
    let said = std::env::var(variable).ok()?;
    Some(said.parse().unwrap_or_else(|_| panic!("{variable}={said}: expected a number")))
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
