//! Frames in the name of a client, by who knows the ports and not the numbers (RFC 5961).

use std::time::{Duration, Instant};

use super::bed::{interface, with_echo};
use crate::watched::{SILENCE, Watched};

/// How many frames come: one for each 64 KiB of the numbers that there are.
const FRAMES: usize = 1 << 16;
const STEP: u32 = 1 << 16;
/// How many challenges there are in a second, at most (RFC 5961 7).
const CHALLENGES: u64 = 2;

/// Attacks a connection with frames that are made from the numbers that are next in both directions; it has to be there
/// afterwards, and strangers have to be answered seldom: `most` segments beside the challenges.
fn survives(
    cores: usize,
    most: u64,
    frames: impl FnOnce(&Watched, u32, u32) -> Vec<Vec<u8>> + Send,
) {
    with_echo(cores, |victim| {
        let mut watched = Watched::open(&interface(), victim.place());
        let said = watched.talk("one").expect("nobody disturbs");
        let frames = frames(&watched, said.end(3), said.acknowledgment.wrapping_add(3));
        assert!(frames.len() >= FRAMES);
        let (free, sent, start) =
            (victim.free(), victim.counter("tcp.segments_tx"), Instant::now());
        for batch in frames.chunks(FRAMES / 4) {
            victim.site.send(batch).expect("the interface stays");
            watched.talk("still there").expect("the connection is there");
        }
        let sent = victim.counter("tcp.segments_tx") - sent;
        let seconds = start.elapsed().as_secs() + 1;
        println!("{} frames in {:.1?}: {sent} segments sent", frames.len(), start.elapsed());
        // What is said four times is said again, and acknowledged.
        assert!(
            sent <= 4 * 3 + CHALLENGES * seconds + 1 + most,
            "{sent} segments in {seconds} seconds"
        );
        assert_eq!(victim.counter("tcp.resets_rx"), 0);
        assert!(victim.free() + 2 >= free, "{} pages are free of {free}", victim.free());
        std::thread::sleep(SILENCE + Duration::from_millis(300));
        let said = watched.talk("to the end").expect("the connection is there");
        // A reset in the window asks whether it is meant (RFC 5961 3.2).
        watched.attack(&watched.flow.resets(said.end(10).wrapping_add(100), 1, 1));
        assert!(watched.is_answered(), "a reset in the window is not challenged");
        watched.talk("still").expect("the connection is there");
    });
}

pub(crate) fn resets_end_nothing(cores: usize) {
    // Never the number itself.
    survives(cores, 0, |watched, next, _| watched.flow.resets(next.wrapping_add(7), STEP, FRAMES));
}

pub(crate) fn requests_end_nothing(cores: usize) {
    survives(cores, 0, |watched, next, _| watched.flow.syns(next, STEP, FRAMES));
}

/// With the number of the next byte, and any acknowledgment that is not within what was sent lately (RFC 5961 5).
pub(crate) fn data_of_strangers_is_not_taken(cores: usize) {
    // Data out of the window may be what a peer sends again whose acknowledgment was lost, so it is answered, as by Linux; many
    // with one segment.
    survives(cores, FRAMES as u64 / 2, |watched, next, acknowledgment| {
        let guess = |number: u32| {
            let wrong = acknowledgment.wrapping_add(1 + number * STEP);
            watched.flow.data(next, 1, 1, wrong, b"evil")
        };
        // The last windows before the right one are old acknowledgments, which are valid.
        let in_window = watched.flow.data(next.wrapping_add(STEP), STEP, FRAMES, 0, b"evil");
        (0..FRAMES as u32 / 2).flat_map(guess).chain(in_window).collect()
    });
}

pub(crate) fn acknowledgments_of_strangers_change_nothing(cores: usize) {
    survives(cores, 0, |watched, next, acknowledgment| {
        let first = acknowledgment.wrapping_add(1);
        watched.flow.acknowledgments(next, first, STEP, FRAMES)
    });
}
