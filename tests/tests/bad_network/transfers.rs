//! Transfers through every network.

use std::{
    sync::{Mutex, Once, PoisonError},
    time::Instant,
};

use super::{
    contest::{CONTESTANTS, Contestant, Direction, Goodput, head, lines, measure},
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

/// The row in which a tenth of the frames is late, and the least share of Linux' goodput there: far from what is aimed at, and
/// more than a sender reaches that takes what is late for lost.
const REORDERING: &str = "1 ms, 10 % late by 2 ms";
const LEAST_SHARE: f64 = 0.5;
/// How often it is tried, as others may keep the machine busy for a moment.
const TRIES: u64 = 2;

/// What comes late is not taken for lost, in both directions.
pub(crate) fn what_is_late_is_not_lost() {
    let row = ROWS.iter().find(|row| row.name == REORDERING).expect("there is such a row");
    let megabytes = row.quick.expect("it is a quick one");
    let shares = || {
        let goodput = measured(row, megabytes, 1, &CONTESTANTS[..2]);
        [Direction::Sent, Direction::Received].map(|direction| {
            let [linux, ours] = [0, 1].map(|at| goodput[&(direction, CONTESTANTS[at].name)][0]);
            ours / linux
        })
    };
    let tries: Vec<_> = (0..TRIES).map(|_| shares()).collect();
    for direction in [0, 1] {
        let best = tries.iter().map(|shares| shares[direction]).fold(0.0, f64::max);
        assert!(best >= LEAST_SHARE, "there, and back, of Linux' goodput: {tries:?}");
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
fn measured(row: &Row, megabytes: u64, rounds: u64, contestants: &[Contestant]) -> Goodput {
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
    goodput
}
