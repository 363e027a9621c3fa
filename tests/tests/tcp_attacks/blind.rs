//! Frames in the name of a client, by who does not know its numbers (RFC 5961, RFC 5927).

use std::{
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    thread,
    time::{Duration, Instant},
};

use lab::{
    bad_network::{Conditions, Rate},
    soak::{attacks::tcp::Flow, tcp::Segment},
};

use super::bed::{NEAR, counter, echo, server, with};
use crate::watched::{EVIL, SILENCE, SOON, Watched};

/// As far as can be from any window.
const FAR: u32 = 1 << 30;

/// What waits behind a segment that arrives, in bytes: less than the queue of the link.
const BEHIND: u32 = 20_000;

/// Calls `test` with a connection to an echo, and then has it look at the counters of the server.
fn with_connection<T: Send>(test: impl FnOnce(&mut Watched, Told) -> T + Send) -> T {
    with(Conditions::PERFECT, |bad| {
        let to = server(bad);
        let told = echo(to.1);
        bad.near(|| test(&mut Watched::open(NEAR, to), told)).expect("the namespace is there")
    })
}

type Told = std::sync::mpsc::Receiver<Result<Vec<u8>, String>>;

pub(crate) fn a_reset_takes_the_exact_number() {
    with_connection(|watched, told| {
        let said = watched.talk("one").expect("nobody disturbs");
        let next = said.end(3);
        for wrong in [next.wrapping_sub(1000), next.wrapping_add(FAR)] {
            watched.attack(&watched.flow.resets(wrong, 1, 10));
            assert!(!watched.is_answered(), "a reset out of the window is answered");
        }
        // One in the window asks whether it is meant.
        watched.attack(&watched.flow.resets(next.wrapping_add(100), 1, 1));
        assert!(watched.is_answered(), "a reset in the window is not challenged");
        let next = watched.talk("two").expect("the connection is there").end(3);
        watched.attack(&watched.flow.resets(next, 1, 1));
        let deadline = Instant::now() + SOON;
        let ended = loop {
            match told.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
                Ok(Ok(_)) => {}
                other => break other,
            }
        };
        assert_eq!(ended, Ok(Err("connection reset".into())));
        assert!(watched.talk("three").is_err(), "the server has forgotten it");
    });
}

pub(crate) fn a_request_for_a_connection_that_is_there_is_challenged() {
    with_connection(|watched, _told| {
        let next = watched.talk("one").expect("nobody disturbs").end(3);
        for sequence in [next, next.wrapping_add(100), next.wrapping_add(FAR)] {
            watched.attack(&watched.flow.syns(sequence, 1, 1));
            assert!(watched.is_answered(), "a SYN is not challenged");
            // Linux challenges once in half a second.
            thread::sleep(Duration::from_millis(600));
        }
        watched.talk("two").expect("the connection is there");
    });
}

pub(crate) fn data_takes_both_numbers() {
    with_connection(|watched, told| {
        let said = watched.talk("one").expect("nobody disturbs");
        assert_eq!(told.recv_timeout(SOON), Ok(Ok(b"one".to_vec())));
        let (next, acknowledged) = (said.end(3), said.acknowledgment);
        let flow = watched.flow;
        for (sequence, acknowledgment) in [
            (next.wrapping_add(FAR), acknowledged),
            (next, acknowledged.wrapping_add(FAR)),
            (next, acknowledged.wrapping_sub(FAR)),
        ] {
            watched.attack(&flow.data(sequence, 1, 1, acknowledgment, b"evil"));
            assert!(told.recv_timeout(SILENCE).is_err(), "forged data is taken");
        }
        // Acknowledgments of what was never sent change nothing.
        watched.attack(&flow.acknowledgments(next, acknowledged.wrapping_add(5), 1000, 10));
        assert_eq!(watched.talk("two").expect("the connection is there").sequence, next);
        assert_eq!(told.recv_timeout(SOON), Ok(Ok(b"two".to_vec())));
        // Who knows both is not told from the client.
        let data = flow.data(next.wrapping_add(3), 1, 1, acknowledged.wrapping_add(3), b"evil");
        watched.attack(&data);
        assert_eq!(told.recv_timeout(SOON), Ok(Ok(b"evil".to_vec())));
    });
}

/// A server sends; the forged word makes its segments small only if it quotes what is under way.
pub(crate) fn the_word_of_a_router_takes_a_number_under_way() {
    let line = Conditions::line(Duration::from_millis(10), Rate::megabits(10, 1 << 16));
    with(line, |bad| {
        let to = server(bad);
        let listener = TcpListener::bind(to.1).expect("the port is free");
        thread::spawn(move || {
            let (mut stream, _) = listener.accept().expect("somebody connects");
            // Until the client has had enough.
            while stream.write_all(&[7; 1 << 16]).is_ok() {}
        });
        bad.near(|| {
            let mut watched = Watched::open(NEAR, to);
            let mut stream: TcpStream = watched.stream.try_clone().expect("it can be");
            thread::spawn(move || while matches!(stream.read(&mut [0; 1 << 16]), Ok(1..)) {});
            let Flow { victim, peer, .. } = watched.flow;
            let largest = |watched: &mut Watched| -> (u32, usize) {
                watched.puppet.forget().expect("the interface stays");
                let sent = |segment: &Segment| segment.source == victim;
                let mut segments = (0..50).map(|_| {
                    let found = watched.puppet.find(SOON, sent).expect("the interface stays");
                    let (segment, payload) = found.expect("it sends");
                    assert_eq!(segment.destination, peer);
                    (segment.sequence, payload.len())
                });
                let first = segments.next().expect("there are fifty");
                segments.fold(first, |(_, most), (last, length)| (last, most.max(length)))
            };
            let (last, full) = largest(&mut watched);
            assert!(full > 1400, "{full} bytes in a segment");
            let flow = watched.flow;
            let forged = |sequence: u32| [flow.fragmentation_needed(EVIL, sequence, 700)];
            watched.attack(&forged(last.wrapping_add(FAR)));
            thread::sleep(SILENCE);
            let (last, length) = largest(&mut watched);
            assert_eq!(length, full, "a number that is not under way is taken");
            // What has come is acknowledged before the forged word is there; a queue is under way behind it.
            watched.attack(&forged(last.wrapping_add(BEHIND)));
            thread::sleep(SILENCE);
            let (_, length) = largest(&mut watched);
            assert!(length <= 660, "{length} bytes in a segment on a path of 700");
        })
        .expect("the namespace is there");
        assert_eq!(counter("OutOfWindowIcmps"), 1);
    });
}
