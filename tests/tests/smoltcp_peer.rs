//! Our TCP and smoltcp's, over a network in memory that delays, loses, doubles, reorders and corrupts, in virtual time.
//!
//! Both send and read at the same time, in turns that chance decides, and now and then one stops reading for a while or
//! resets the connection. What arrives is what was sent, both come to their end in bounded time, and ours gives all
//! memory back.
//!
//! smoltcp 0.14 has its ways, and the test goes round them:
//!
//! * What was not read when TIME-WAIT ends, after ten seconds, is lost, though it was acknowledged. Its application reads on
//!   without a pause then (`peer.rs`).
//! * A FIN that comes again after those ten seconds is answered by a reset. So our side may end with one when all has
//!   arrived (`world.rs`).
//! * Its acknowledgments have a number from before what we have acknowledged, when its timer has expired. They get the
//!   number that they should have (`device.rs`).
//! * It cannot be told to do without SACK. The option is taken out of its SYNs (`device.rs`).
//! * The FIN of a segment that goes beyond its window is taken, and the data that was cut off is lost. We send no such
//!   segments: if we did, this test would notice.

#![forbid(unsafe_code)]

mod smoltcp_peer {
    pub(crate) mod conversation;
    pub(crate) mod device;
    pub(crate) mod ours;
    pub(crate) mod peer;
    pub(crate) mod plan;
    pub(crate) mod world;
}

use smoltcp_peer::{conversation::Seen, plan::Kind, world};

/// Runs conversations of one kind: those of the worlds from `SEED` on, `RUNS` of them if these are set.
fn run(kind: Kind, worlds: u64) -> Seen {
    let number = |name: &str| std::env::var(name).ok().map(|value| value.parse::<u64>().unwrap());
    let (first, worlds) = (number("SEED").unwrap_or(0), number("RUNS").unwrap_or(worlds));
    let mut seen = Seen::default();
    for seed in first..first + worlds {
        seen.add(&world::run(kind, seed));
    }
    println!("{kind:?}: {seen:?}");
    seen
}

#[test]
fn what_arrives_is_what_was_sent() {
    let seen = run(Kind::Any, 30);
    // The plans are of all kinds.
    assert!(seen.steps > 2_000_000, "{seen:?}");
    assert!(seen.zero_windows.iter().all(|count| *count > 1_000), "{seen:?}");
    assert!(seen.half_closed.iter().all(|count| *count > 50), "{seen:?}");
    assert!(seen.ours_connected > 100 && seen.peer_connected > 100, "{seen:?}");
}

/// One packet in five is lost.
#[test]
fn a_fifth_is_lost() {
    run(Kind::Lossy, 10);
}

/// Readers that stop for seconds, again and again, with little room.
#[test]
fn windows_of_both_sides_are_closed_again_and_again() {
    let seen = run(Kind::Stopping, 8);
    assert!(seen.zero_windows.iter().all(|count| *count > 1_000), "{seen:?}");
}

/// Either side resets the connection in the middle: the other hears of it, and has got nothing wrong until then.
#[test]
fn a_reset_ends_both() {
    let seen = run(Kind::Reset, 30);
    assert!(seen.resets.iter().all(|count| *count > 80), "{seen:?}");
}
