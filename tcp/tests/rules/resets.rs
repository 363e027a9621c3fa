//! Resets, theirs and ours (RFC 9293 3.5.2, 3.5.3, 3.10.5; RFC 5961 3).

use tcp::{Broken, State};

use crate::{
    script::{established, established_with_options},
    states::{SYNCHRONIZED, numbers, reach},
};

/// RFC 9293 3.10.7.4, second; MUST-12: the application hears that it was not a normal end.
#[test]
fn a_reset_ends_the_connection_in_each_state() {
    for state in SYNCHRONIZED {
        reach(state, |s| {
            let [ours, theirs] = numbers(state);
            s.recv(&format!("R. {theirs} ack {ours}"));
            let broken = match state {
                State::TimeWait => None,
                State::SynReceived => Some(Broken::Refused),
                _ => Some(Broken::Reset),
            };
            assert_eq!((s.state(), s.tcp.broken()), (State::Closed, broken), "{state}");
            let events = s.events();
            assert!(events.closed && events.readable && events.writable && !events.reset);
            assert_eq!((s.tcp.deadline(), s.tcp.send(b"x"), s.tcp.room()), (None, 0, 0));
            s.silent();
        });
    }
}

/// A reset needs no acknowledgment, and its number of an acknowledgment does not count once we are synchronized.
#[test]
fn a_reset_may_have_any_acknowledgment() {
    for text in ["R 1", "R. 1 ack 0", "R. 1 ack 5000", "R 1 win 0", "RP. 1 ack 1", "RF. 1 ack 1"] {
        established(|s| {
            s.recv(text);
            assert_eq!(s.state(), State::Closed, "{text}");
        });
    }
}

/// SHLD-2: a reset may have data, which says why.
#[test]
fn a_reset_may_have_data() {
    established(|s| {
        s.recv("R. 1:21 ack 1");
        assert_eq!((s.state(), s.readable()), (State::Closed, 0));
    });
}

/// RFC 5961 3.2: a reset in the window, but not where it is due, is questioned. One outside is ignored.
#[test]
fn a_reset_elsewhere_in_the_window_is_questioned() {
    for state in SYNCHRONIZED {
        let [ours, theirs] = numbers(state);
        // The window has 12,288 bytes from 1 on.
        for number in [theirs + 1, 100, 12_288] {
            reach(state, |s| {
                s.recv(&format!("R. {number} ack {ours}"));
                s.sends([&format!(". {ours} ack {theirs}")]);
                assert_eq!(s.state(), state);
            });
        }
        for number in [i64::from(theirs) - 1, -1_000, 12_289, 1_000_000] {
            reach(state, |s| {
                s.recv(&format!("R. {number} ack {ours}"));
                s.silent();
                assert_eq!(s.state(), state);
            });
        }
    }
}

/// RFC 5961 3.2: the peer answers a challenge by a reset that is where it is due.
#[test]
fn a_peer_that_has_forgotten_us_ends_it_after_the_question() {
    established(|s| {
        s.write(10);
        s.sends(["P. 1:11 ack 1"]);
        s.recv("R 500");
        s.sends([". 11 ack 1"]);
        s.recv("R 1");
        assert_eq!((s.state(), s.tcp.broken()), (State::Closed, Some(Broken::Reset)));
    });
}

/// RFC 5961 7: challenges are limited, for each connection by itself, so that none of them tells anything about another one
/// (CVE-2016-5696).
#[test]
fn challenges_are_limited_on_each_connection() {
    established(|one| {
        established(|other| {
            for _ in 0..1_000 {
                one.recv("R 500");
                one.recv("S 900");
                one.recv("S 300000000");
                one.recv("S 4000000000");
                one.recv("P. 1:11 ack 4000");
                one.recv(". 1 ack 4000");
            }
            one.sends([". 1 ack 1"]);
            // What happens on one connection is not seen on another one.
            other.recv("R 500");
            other.sends([". 1 ack 1"]);
            one.after(499);
            one.recv("S 1");
            one.silent();
            one.after(1);
            one.recv("S 1");
            one.sends([". 1 ack 1"]);
        });
    });
}

/// What needs an answer gets it, whatever was challenged before.
#[test]
fn the_limit_of_challenges_does_not_stop_acknowledgments() {
    established(|s| {
        s.recv("R 500");
        s.sends([". 1 ack 1"]);
        s.recv("P. 1:1001 ack 1");
        s.sends([". 1 ack 1001"]);
        for _ in 0..10 {
            s.recv("P. 1:1001 ack 1");
            s.sends([". 1 ack 1001"]);
        }
        s.read(1000);
    });
}

/// RFC 9293 3.10.5.
#[test]
fn an_abort_tells_the_peer() {
    for state in SYNCHRONIZED {
        reach(state, |s| {
            let [ours, theirs] = numbers(state);
            s.tcp.abort();
            match state {
                // All was said.
                State::TimeWait => s.silent(),
                _ => s.sends([&format!("R. {ours} ack {theirs} win 0")]),
            }
            let broken = (state != State::TimeWait).then_some(Broken::Aborted);
            assert_eq!((s.state(), s.tcp.broken()), (State::Closed, broken), "{state}");
            // Once.
            s.tcp.abort();
            assert_eq!((s.tcp.deadline(), s.tcp.broken()), (None, broken));
        });
    }
    // The peer knows of nothing yet.
    reach(State::SynSent, |s| {
        s.tcp.abort();
        s.silent();
        assert_eq!((s.state(), s.tcp.broken()), (State::Closed, Some(Broken::Aborted)));
    });
}

/// What was not sent is dropped; what comes later is answered by a reset.
#[test]
fn an_abort_drops_all() {
    established(|s| {
        s.write(3_000);
        s.sends([". 1:1001 ack 1", ". 1001:2001 ack 1", "P. 2001:3001 ack 1"]);
        s.write(500);
        s.recv("P. 1:101 ack 1001");
        s.tcp.abort();
        s.sends(["R. 3001 ack 101"]);
        s.recv(". 101 ack 3001");
        assert!(s.events().reset);
        s.silent();
    });
}

/// RFC 7323 3.2: a reset has a timestamp too.
#[test]
fn our_reset_has_a_timestamp() {
    established_with_options(|s| {
        s.after(5);
        s.tcp.abort();
        s.sends(["R. 1 ack 1 <TS 1005 11>"]);
    });
}
