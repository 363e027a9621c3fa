//! How connections end (RFC 9293 3.6).

use tcp::{Broken, State};

use crate::{script::established, states::reach};

/// MUST-13; RFC 9293 3.6, figure 12, from the side that closes first.
#[test]
fn the_side_that_closes_first_waits_in_time_wait() {
    established(|s| {
        s.tcp.shutdown();
        assert_eq!(s.state(), State::FinWait1);
        s.sends(["F. 1 ack 1"]);
        s.recv(". 1 ack 2");
        assert_eq!(s.state(), State::FinWait2);
        s.silent();
        s.recv("F. 1 ack 2");
        assert_eq!(s.state(), State::TimeWait);
        assert!(s.tcp.has_ended() && s.events().readable);
        s.sends([". 2 ack 2"]);
        s.after(59_999);
        assert_eq!(s.state(), State::TimeWait);
        s.after(1);
        assert_eq!(s.state(), State::Closed);
        assert!(s.events().closed);
        // MUST-12: it ended as both wanted.
        assert_eq!(s.tcp.broken(), None);
    });
}

/// RFC 9293 3.6, figure 12, from the other side.
#[test]
fn the_side_that_closes_second_is_done_at_once() {
    established(|s| {
        s.recv("F. 1 ack 1");
        assert_eq!(s.state(), State::CloseWait);
        s.sends([". 1 ack 2"]);
        s.tcp.shutdown();
        assert_eq!(s.state(), State::LastAck);
        s.sends(["F. 1 ack 2"]);
        s.recv(". 2 ack 2");
        assert_eq!((s.state(), s.tcp.broken()), (State::Closed, None));
        assert!(s.events().closed);
        assert_eq!(s.tcp.deadline(), None);
    });
}

/// RFC 9293 3.6, figure 13.
#[test]
fn both_close_at_once() {
    established(|s| {
        s.tcp.shutdown();
        s.sends(["F. 1 ack 1"]);
        s.recv("F. 1 ack 1");
        assert_eq!(s.state(), State::Closing);
        s.sends([". 2 ack 2"]);
        s.recv(". 2 ack 2");
        assert_eq!(s.state(), State::TimeWait);
        s.after(60_000);
        assert_eq!((s.state(), s.tcp.broken()), (State::Closed, None));
    });
}

/// The peer's FIN is there before ours was sent: it goes with the acknowledgment.
#[test]
fn a_fin_goes_with_the_acknowledgment_of_the_peers() {
    established(|s| {
        s.recv("FP. 1:11 ack 1");
        s.read(10);
        s.tcp.shutdown();
        s.sends(["F. 1 ack 12"]);
        s.recv(". 12 ack 2");
        assert_eq!(s.state(), State::Closed);
    });
}

/// The peer's FIN acknowledges ours, with data before it.
#[test]
fn a_fin_that_acknowledges_ours_ends_both_sides() {
    established(|s| {
        s.tcp.shutdown();
        s.sends(["F. 1 ack 1"]);
        s.recv("FP. 1:101 ack 2");
        assert_eq!(s.state(), State::TimeWait);
        s.sends([". 2 ack 102"]);
        // What came is still read.
        s.read(100);
        s.silent();
        assert!(s.tcp.is_drained());
    });
}

/// In CLOSING and LAST-ACK, an acknowledgment of less than the FIN changes nothing.
#[test]
fn an_acknowledgment_of_less_than_the_fin_changes_nothing() {
    for (state, ack) in [
        (State::FinWait1, ". 1 ack 1"),
        (State::Closing, ". 2 ack 1"),
        (State::LastAck, ". 2 ack 1"),
    ] {
        reach(state, |s| {
            s.recv(ack);
            assert_eq!(s.state(), state);
        });
    }
}

/// MAY-1 is not taken: after `shutdown` the peer is read on.
#[test]
fn after_our_fin_we_receive_on() {
    reach(State::FinWait2, |s| {
        s.recv("P. 1:1001 ack 2");
        s.read(1000);
        s.sends([". 2 ack 1001"]);
        s.recv("P. 1001:2001 ack 2");
        s.recv("FP. 2001:2501 ack 2");
        s.sends([". 2 ack 2502"]);
        s.read(1500);
        assert_eq!(s.state(), State::TimeWait);
    });
}

#[test]
fn after_the_peers_fin_we_send_on() {
    reach(State::CloseWait, |s| {
        s.write(2_500);
        s.sends([". 1:1001 ack 2", ". 1001:2001 ack 2", "P. 2001:2501 ack 2"]);
        s.recv(". 2 ack 2501");
        s.write(10);
        s.tcp.shutdown();
        assert_eq!(s.tcp.send(b"more"), 0);
        s.sends(["FP. 2501:2511 ack 2"]);
        s.recv(". 2 ack 2512");
        assert_eq!((s.state(), s.tcp.broken()), (State::Closed, None));
    });
}

/// RFC 9293 3.10.4: what was sent before it arrives before the FIN, however small the window.
#[test]
fn a_fin_follows_all_data() {
    established(|s| {
        s.window = 1_000;
        s.recv(". 1 ack 1");
        s.write(1_500);
        s.tcp.shutdown();
        s.sends([". 1:1001 ack 1"]);
        s.recv(". 1 ack 1001");
        s.sends(["FP. 1001:1501 ack 1"]);
        s.recv(". 1 ack 1501");
        assert_eq!(s.state(), State::FinWait1);
        s.recv(". 1 ack 1502");
        assert_eq!(s.state(), State::FinWait2);
    });
}

/// RFC 9293 3.10.4: a second FIN is never sent.
#[test]
fn closing_twice_sends_one_fin() {
    for state in [State::FinWait1, State::FinWait2, State::Closing, State::LastAck, State::TimeWait]
    {
        reach(state, |s| {
            s.tcp.shutdown();
            s.silent();
            assert_eq!(s.state(), state);
        });
    }
}

#[test]
fn a_lost_fin_is_sent_again() {
    established(|s| {
        s.tcp.shutdown();
        s.sends(["F. 1 ack 1"]);
        // 10 ms of the handshake, and 200 ms.
        assert_eq!(s.sends_next(["F. 1 ack 1"]), 210);
        assert_eq!(s.sends_next(["F. 1 ack 1"]), 420);
        s.recv(". 1 ack 2");
        assert_eq!(s.state(), State::FinWait2);
        s.after(1_000);
        s.silent();
    });
    reach(State::LastAck, |s| {
        assert_eq!(s.sends_next(["F. 1 ack 2"]), 210);
        s.recv(". 2 ack 2");
        assert_eq!(s.state(), State::Closed);
    });
    reach(State::Closing, |s| {
        assert_eq!(s.sends_next(["F. 1 ack 2"]), 210);
        s.recv(". 2 ack 2");
        assert_eq!(s.state(), State::TimeWait);
    });
}

/// The FIN of the peer comes before data that was lost.
#[test]
fn a_fin_out_of_order_waits_for_the_data() {
    established(|s| {
        s.recv("F. 1001 ack 1");
        assert_eq!((s.state(), s.tcp.has_ended()), (State::Established, false));
        s.sends([". 1 ack 1"]);
        s.recv("P. 1:1001 ack 1");
        assert_eq!(s.state(), State::CloseWait);
        s.sends([". 1 ack 1002"]);
        s.read(1000);
        assert!(s.tcp.is_drained());
    });
}

/// Our acknowledgment of the peer's FIN is lost: it comes again (RFC 9293 3.10.7.4).
#[test]
fn the_peers_fin_is_acknowledged_again() {
    for (state, fin, ack) in [
        (State::CloseWait, "F. 1 ack 1", ". 1 ack 2"),
        (State::Closing, "F. 1 ack 1", ". 2 ack 2"),
        (State::LastAck, "F. 1 ack 1", ". 2 ack 2"),
        (State::TimeWait, "F. 1 ack 2", ". 2 ack 2"),
    ] {
        reach(state, |s| {
            for _ in 0..3 {
                s.recv(fin);
                s.sends([ack]);
            }
            assert_eq!(s.state(), state);
        });
    }
}

/// RFC 9293 3.10.7.4: a FIN that comes again in TIME-WAIT begins the time anew.
#[test]
fn a_fin_in_time_wait_begins_it_again() {
    reach(State::TimeWait, |s| {
        s.after(50_000);
        s.recv("F. 1 ack 2");
        s.sends([". 2 ack 2"]);
        s.after(59_999);
        assert_eq!(s.state(), State::TimeWait);
        // Anything else does not.
        s.recv("P. 2:12 ack 2");
        s.sends([". 2 ack 2"]);
        s.recv(". 2 ack 2");
        s.after(1);
        assert_eq!(s.state(), State::Closed);
    });
}

/// RFC 9293 3.10.7.4, sixth to eighth: after the peer's FIN, urgent pointers and data are ignored.
#[test]
fn after_the_peers_fin_its_data_is_ignored() {
    for state in [State::CloseWait, State::Closing, State::LastAck, State::TimeWait] {
        reach(state, |s| {
            let ack =
                crate::states::numbers(state)[0].min(if state == State::TimeWait { 2 } else { 1 });
            s.recv(&format!("PU. 2:12 ack {ack} urg 5"));
            let next = crate::states::numbers(state)[0];
            s.sends([&format!(". {next} ack 2")]);
            let events = s.events();
            assert!(!events.readable && !events.urgent, "{state}");
            assert_eq!((s.readable(), s.tcp.urgent(), s.state()), (0, 0, state));
        });
    }
}

/// The application sees the end after all bytes, and only once.
#[test]
fn the_end_is_seen_after_all_bytes() {
    established(|s| {
        s.recv("FP. 1:101 ack 1");
        assert!(s.tcp.has_ended() && !s.tcp.is_drained() && s.events().readable);
        s.read(100);
        assert!(s.tcp.is_drained());
        s.sends([". 1 ack 102"]);
        s.recv("FP. 1:101 ack 1");
        assert!(!s.events().readable);
        s.sends([". 1 ack 102"]);
    });
}

/// RFC 9293 3.10.8: a peer that never acknowledges our FIN is given up, and told.
#[test]
fn a_fin_that_is_never_acknowledged_ends_the_connection() {
    for (state, fin, reset) in [
        (State::FinWait1, "F. 1 ack 1", "R. 2 ack 1"),
        (State::Closing, "F. 1 ack 2", "R. 2 ack 2"),
        (State::LastAck, "F. 1 ack 2", "R. 2 ack 2"),
    ] {
        reach(state, |s| {
            for _ in 0..15 {
                s.sends_next([fin]);
            }
            // SHLD-11: after 100 seconds at least.
            assert!(s.elapsed() > 100_000);
            s.sends_next([reset]);
            assert_eq!((s.state(), s.tcp.broken()), (State::Closed, Some(Broken::TimedOut)));
        });
    }
}
