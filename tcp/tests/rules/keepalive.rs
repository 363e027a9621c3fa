//! Whether an idle peer is still there (RFC 9293 3.8.4).

use std::time::Duration;

use tcp::{Broken, State};

use crate::{
    script::{established, established_with_options},
    states::reach,
};

const TWO_HOURS: u64 = 7_200_000;

/// MUST-24, MUST-25: it is off until the application turns it on, and off again.
#[test]
fn an_idle_connection_is_left_alone() {
    established(|s| {
        s.after(30 * 24 * 3600 * 1000);
        s.silent();
        assert_eq!((s.state(), s.tcp.deadline()), (State::Established, None));
        s.tcp.set_keepalive(Some(Duration::from_secs(7200)));
        s.after(0);
        s.take();
        s.recv(". 1 ack 1");
        s.tcp.set_keepalive(None);
        s.after(30 * 24 * 3600 * 1000);
        s.silent();
    });
}

/// MUST-26, MUST-27, MUST-28 (the application always says how long), SHLD-12: a probe without data, with a number that the
/// peer has acknowledged.
#[test]
fn a_probe_is_sent_after_the_interval_that_the_application_chose() {
    for (interval, millis) in [(7200, TWO_HOURS), (10, 10_000)] {
        established(|s| {
            s.tcp.set_keepalive(Some(Duration::from_secs(interval)));
            assert_eq!(s.sends_next([". 0 ack 1"]), millis);
            s.after(20);
            s.recv(". 1 ack 1");
            // Anew, since the peer was heard of.
            assert_eq!(s.sends_next([". 0 ack 1"]), millis);
            s.after(100);
            s.recv("P. 1:11 ack 1");
            s.sends([". 1 ack 11"]);
            assert_eq!(s.sends_next([". 0 ack 11"]), millis);
            s.read(10);
        });
    }
}

/// MUST-29: nine probes, and any answer begins the count anew.
#[test]
fn nine_probes_without_an_answer_end_the_connection() {
    established(|s| {
        s.tcp.set_keepalive(Some(Duration::from_secs(7200)));
        for _ in 0..3 {
            assert_eq!(s.sends_next([". 0 ack 1"]), TWO_HOURS);
            for _ in 1..9 {
                assert_eq!(s.sends_next([". 0 ack 1"]), 75_000);
            }
            s.after(74_999);
            s.recv(". 1 ack 1");
        }
        assert_eq!(s.sends_next([". 0 ack 1"]), TWO_HOURS);
        for _ in 1..9 {
            assert_eq!(s.sends_next([". 0 ack 1"]), 75_000);
        }
        assert_eq!(s.sends_next(["R. 1 ack 1"]), 75_000);
        assert_eq!((s.state(), s.tcp.broken()), (State::Closed, Some(Broken::TimedOut)));
        assert!(s.events().closed);
    });
}

/// MUST-26: never while something is not acknowledged: then that is sent again.
#[test]
fn no_probe_is_sent_while_something_is_not_acknowledged() {
    established(|s| {
        s.tcp.set_keepalive(Some(Duration::from_millis(50)));
        s.write(10);
        s.sends(["P. 1:11 ack 1"]);
        for _ in 0..5 {
            s.sends_next(["P. 1:11 ack 1"]);
        }
        s.recv(". 1 ack 11");
        assert_eq!(s.sends_next([". 10 ack 1"]), 50);
        s.recv(". 1 ack 11");
    });
    // A FIN is something too.
    reach(State::FinWait1, |s| {
        s.tcp.set_keepalive(Some(Duration::from_millis(50)));
        assert_eq!(s.sends_next(["F. 1 ack 1"]), 210);
        s.recv(". 1 ack 2");
        assert_eq!(s.sends_next([". 1 ack 1"]), 50);
        s.tcp.set_keepalive(None);
    });
}

/// What a closed window holds back is probed for by itself, and no keepalive is needed.
#[test]
fn no_probe_is_sent_beside_those_of_a_closed_window() {
    established(|s| {
        s.tcp.set_keepalive(Some(Duration::from_secs(1)));
        s.window = 0;
        s.recv(". 1 ack 1");
        s.write(10);
        for _ in 0..5 {
            s.sends_next(["P. 1:2 ack 1"].map(|_| ". 1:2 ack 1"));
            s.recv(". 1 ack 1");
        }
        s.tcp.abort();
        s.take();
    });
}

/// The probes of a peer are answered, with and without a byte of garbage (MAY-6).
#[test]
fn the_probes_of_a_peer_are_answered() {
    for text in [". 0 ack 1", ". 0:1 ack 1"] {
        established(|s| {
            for _ in 0..20 {
                s.recv(text);
                s.sends([". 1 ack 1"]);
                s.after(75_000);
            }
            assert_eq!(s.readable(), 0);
        });
    }
    established_with_options(|s| {
        s.recv(". 0 ack 1 <TS 5000 1000>");
        s.sends([". 1 ack 1"]);
    });
}

/// A half-closed connection is asked too; in TIME-WAIT nobody is.
#[test]
fn half_closed_connections_are_probed() {
    reach(State::FinWait2, |s| {
        s.tcp.set_keepalive(Some(Duration::from_secs(100)));
        assert_eq!(s.sends_next([". 1 ack 1"]), 100_000);
        s.recv(". 1 ack 2");
    });
    reach(State::CloseWait, |s| {
        s.tcp.set_keepalive(Some(Duration::from_secs(100)));
        assert_eq!(s.sends_next([". 0 ack 2"]), 100_000);
        s.recv(". 2 ack 1");
    });
    reach(State::TimeWait, |s| {
        s.tcp.set_keepalive(Some(Duration::from_secs(1)));
        s.after(60_000);
        s.silent();
    });
}

/// It waits for the handshake, and does not disturb it.
#[test]
fn keepalive_can_be_asked_for_before_the_connection_is_open() {
    reach(State::SynSent, |s| {
        s.tcp.set_keepalive(Some(Duration::from_millis(10)));
        assert_eq!(s.sends_next(["S 0 <mss 1460,sackOK,wscale 0>"]), 1_000);
        s.tcp.set_keepalive(Some(Duration::from_secs(100)));
        assert_eq!(s.sends_next(["S 0 <mss 1460,sackOK,wscale 0>"]), 2_000);
        s.recv("S. 0 ack 1 <mss 1000>");
        s.sends([". 1 ack 1"]);
        assert_eq!(s.sends_next([". 0 ack 1"]), 100_000);
    });
}
