//! Connections that the application has left (RFC 9293 3.6.1, RFC 2525 2.17).

use tcp::{Broken, State};

use crate::{
    script::established,
    states::{numbers, reach},
};

/// What was sent before still arrives, and the connection ends.
#[test]
fn what_was_sent_before_arrives() {
    established(|s| {
        s.write(1_500);
        s.orphan();
        s.sends([". 1:1001 ack 1", "FP. 1001:1501 ack 1"]);
        s.recv(". 1 ack 1502");
        s.recv("F. 1 ack 1502");
        s.sends([". 1502 ack 2"]);
        assert_eq!((s.state(), s.tcp.broken()), (State::TimeWait, None));
    });
    reach(State::CloseWait, |s| {
        s.write(10);
        s.orphan();
        s.sends(["FP. 1:11 ack 2"]);
        s.recv(". 2 ack 12");
        assert_eq!((s.state(), s.tcp.broken()), (State::Closed, None));
    });
}

/// SHLD-3: what was received and not read is lost: the peer is told by a reset.
#[test]
fn what_was_not_read_is_told_by_a_reset() {
    established(|s| {
        s.recv("P. 1:11 ack 1");
        s.read(9);
        s.take();
        s.orphan();
        s.sends(["R. 1 ack 11"]);
        assert_eq!((s.state(), s.tcp.broken()), (State::Closed, Some(Broken::Aborted)));
    });
    // Once, and also if the connection was ended at once before.
    established(|s| {
        s.recv("P. 1:11 ack 1");
        s.take();
        s.tcp.abort();
        s.orphan();
        s.sends(["R. 1 ack 11"]);
        assert_eq!((s.state(), s.tcp.broken()), (State::Closed, Some(Broken::Aborted)));
    });
    // Also if the peer has ended.
    established(|s| {
        s.recv("FP. 1:11 ack 1");
        s.take();
        s.orphan();
        s.sends(["R. 1 ack 12"]);
    });
}

/// SHLD-3: so is what comes afterwards.
#[test]
fn what_comes_later_is_told_by_a_reset() {
    for state in [State::FinWait1, State::FinWait2] {
        reach(state, |s| {
            s.orphan();
            s.silent();
            s.recv("P. 1:11 ack 2");
            assert_eq!(s.state(), State::Closed);
            assert!(s.events().closed);
            s.sends(["R. 2 ack 1"]);
        });
    }
    // But not what follows its FIN, which is nothing.
    reach(State::LastAck, |s| {
        s.orphan();
        s.recv("P. 2:12 ack 1");
        s.sends([". 2 ack 2"]);
        s.recv(". 2 ack 2");
        assert_eq!((s.state(), s.tcp.broken()), (State::Closed, None));
    });
    // Nor a duplicate of what was read.
    established(|s| {
        s.recv("P. 1:11 ack 1");
        s.read(10);
        s.orphan();
        s.sends(["F. 1 ack 11"]);
        s.recv("P. 1:11 ack 1");
        s.sends([". 2 ack 11"]);
        s.recv(". 11 ack 2");
        s.recv("F. 11 ack 2");
        s.sends([". 2 ack 12"]);
        assert_eq!(s.state(), State::TimeWait);
    });
}

/// A peer that never ends its side does not keep the connection of an application that is gone.
#[test]
fn a_half_closed_orphan_ends_after_a_minute() {
    reach(State::FinWait2, |s| {
        s.orphan();
        s.after(59_999);
        assert_eq!(s.state(), State::FinWait2);
        s.after(1);
        assert_eq!(s.state(), State::Closed);
        s.silent();
    });
    reach(State::FinWait1, |s| {
        s.orphan();
        s.recv(". 1 ack 2");
        s.after(59_999);
        assert_eq!(s.state(), State::FinWait2);
        s.after(1);
        assert_eq!(s.state(), State::Closed);
    });
}

/// But a reader may wait as long as it likes.
#[test]
fn a_half_closed_connection_of_a_reader_stays() {
    reach(State::FinWait2, |s| {
        s.after(30 * 24 * 3600 * 1000);
        assert_eq!((s.state(), s.tcp.deadline()), (State::FinWait2, None));
        s.recv("P. 1:11 ack 2");
        s.read(10);
        s.sends([". 2 ack 11"]);
    });
}

/// A peer that answers each probe, and keeps its window closed for hours, does not keep the memory of an application that is gone
/// (RFC 6429 3: resources may be taken back).
#[test]
fn an_orphan_that_gets_nowhere_ends() {
    established(|s| {
        s.write(5_000);
        s.window = 0;
        s.recv(". 1 ack 1");
        s.take();
        s.orphan();
        while s.state() == State::FinWait1 {
            s.after(1_000);
            s.recv(". 1 ack 1");
            assert!(s.elapsed() <= 130_000, "it is still there");
        }
        assert!(s.elapsed() >= 119_000, "{}", s.elapsed());
        assert_eq!(s.tcp.broken(), Some(Broken::TimedOut));
        assert!(s.take().last().unwrap().flags.contains(tcp::Flags::RST));
    });
}

/// One that gets on stays.
#[test]
fn an_orphan_that_is_slow_gets_all_across() {
    established(|s| {
        s.write(5_000);
        s.orphan();
        s.take();
        for number in (101..=5_001).step_by(100) {
            s.after(60_000);
            s.take();
            s.recv(&format!(". 1 ack {number}"));
            assert_eq!(s.state(), State::FinWait1);
        }
        s.take();
        s.recv(". 1 ack 5002");
        assert_eq!(s.state(), State::FinWait2);
        s.after(60_000);
        assert_eq!((s.state(), s.tcp.broken()), (State::Closed, None));
    });
}

/// One whose peer is gone ends too, in each state.
#[test]
fn an_orphan_whose_peer_is_gone_ends() {
    for state in
        [State::Established, State::FinWait1, State::CloseWait, State::Closing, State::LastAck]
    {
        reach(state, |s| {
            s.orphan();
            assert_eq!(numbers(s.state())[1], numbers(state)[1]);
            s.after(1_000_000);
            assert_eq!((s.state(), s.tcp.broken()), (State::Closed, Some(Broken::TimedOut)));
            assert_eq!(s.tcp.deadline(), None);
            s.take();
        });
    }
}

/// The application gives up before the peer has answered.
#[test]
fn an_orphan_that_was_not_open_is_gone() {
    reach(State::SynSent, |s| {
        s.orphan();
        assert_eq!(s.state(), State::Closed);
        s.silent();
    });
    reach(State::SynReceived, |s| {
        s.orphan();
        assert_eq!(s.state(), State::Closed);
        s.sends(["R. 1 ack 1"]);
    });
    reach(State::TimeWait, |s| {
        s.orphan();
        assert_eq!(s.state(), State::TimeWait);
        s.silent();
    });
}
