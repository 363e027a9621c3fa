//! What happens when the peer does not answer: retransmission, and the end (RFC 9293 3.8.1, 3.8.3, 3.9.1.8).

use std::time::Duration;

use network::Problem;
use tcp::{Broken, State, Trouble};

use crate::{
    script::{established, established_with_options},
    states::reach,
};

/// MUST-20, SHLD-10, SHLD-11: data is sent 16 times, with exponential backoff, and then the connection ends.
#[test]
fn data_that_is_never_acknowledged_ends_the_connection() {
    established(|s| {
        s.write(10);
        s.sends(["P. 1:11 ack 1"]);
        let mut times = Vec::new();
        while s.state() == State::Established {
            times.push(s.elapsed());
            s.after(100);
        }
        let sent = s.take();
        // R2 is reached after 100 seconds at least.
        assert!(s.elapsed() > 100_000);
        let (reset, data) = sent.split_last().unwrap();
        assert!(data.len() >= 15 && data.iter().all(|segment| segment.data.len() == 10));
        assert_eq!(reset.flags, tcp::Flags::RST.with(tcp::Flags::ACK));
        assert_eq!(s.tcp.broken(), Some(Broken::TimedOut));
        let events = s.events();
        assert!(events.closed && events.readable && events.writable);
    });
}

/// MUST-19: each time without an answer doubles the time until the next.
#[test]
fn the_time_between_retransmissions_doubles() {
    reach(State::FinWait1, |s| {
        let times = [0; 12].map(|_| s.sends_next(["F. 1 ack 1"]));
        assert!(times[0] >= 200);
        for pair in times.windows(2) {
            assert!(pair[1].abs_diff((2 * pair[0]).min(120_000)) <= 1, "{times:?}");
        }
        s.recv(". 1 ack 2");
    });
}

/// SHLD-9, MUST-47: the application hears of it before the connection ends: after three retransmissions (R1), until the peer
/// answers.
#[test]
fn trouble_is_told_before_the_end() {
    reach(State::FinWait1, |s| {
        for _ in 0..2 {
            s.sends_next(["F. 1 ack 1"]);
            assert!(!s.events().trouble);
            assert_eq!(s.tcp.trouble(), None);
        }
        s.sends_next(["F. 1 ack 1"]);
        assert!(s.events().trouble);
        assert_eq!(s.tcp.trouble(), Some(Trouble::Unanswered));
        // Once.
        s.sends_next(["F. 1 ack 1"]);
        assert!(!s.events().trouble);
        assert_eq!(s.tcp.trouble(), Some(Trouble::Unanswered));
        s.recv(". 1 ack 2");
        assert_eq!(s.tcp.trouble(), None);
    });
}

/// MUST-22: a SYN too.
#[test]
fn trouble_is_told_of_a_syn() {
    reach(State::SynSent, |s| {
        const SYN: &str = "S 0 <mss 1460,sackOK,wscale 0>";
        for _ in 0..2 {
            s.sends_next([SYN]);
            assert!(!s.events().trouble);
        }
        s.sends_next([SYN]);
        assert!(s.events().trouble);
        assert_eq!(s.tcp.trouble(), Some(Trouble::Unanswered));
        s.recv("S. 0 ack 1 <mss 1000>");
        s.sends([". 1 ack 1"]);
        assert_eq!(s.tcp.trouble(), None);
    });
}

/// MUST-21: the application chooses R2.
#[test]
fn the_application_chooses_how_long_is_waited() {
    for millis in [500, 5_000, 60_000, 3_600_000] {
        established(|s| {
            s.tcp.set_user_timeout(Some(Duration::from_millis(millis)));
            s.write(10);
            s.sends(["P. 1:11 ack 1"]);
            s.after(millis - 1);
            assert_eq!(s.state(), State::Established);
            s.after(1);
            assert_eq!((s.state(), s.tcp.broken()), (State::Closed, Some(Broken::TimedOut)));
            assert!(s.take().last().unwrap().flags.contains(tcp::Flags::RST));
        });
    }
    // "Infinity" (RFC 9293 3.8.3).
    established(|s| {
        s.tcp.set_user_timeout(Some(Duration::MAX));
        s.write(10);
        s.after(30 * 24 * 3600 * 1000);
        assert_eq!(s.state(), State::Established);
        s.take();
        s.recv(". 1 ack 11");
        assert!(s.tcp.all_acknowledged());
    });
}

/// The time begins with what is not acknowledged, and anew with each acknowledgment of something.
#[test]
fn the_user_timeout_counts_from_the_last_progress() {
    established(|s| {
        s.tcp.set_user_timeout(Some(Duration::from_secs(5)));
        s.after(3_600_000);
        s.write(1_000);
        s.after(4_900);
        s.take();
        s.recv(". 1 ack 501");
        s.after(4_900);
        assert_eq!(s.state(), State::Established);
        s.take();
        s.recv(". 1 ack 1001");
        s.after(3_600_000);
        assert_eq!((s.state(), s.tcp.deadline()), (State::Established, None));
    });
}

/// Segments of the peer that acknowledge nothing do not keep us from sending again.
#[test]
fn data_of_the_peer_does_not_stop_retransmissions() {
    established(|s| {
        s.write(10);
        s.sends(["P. 1:11 ack 1"]);
        let mut number = 1;
        let mut again = 0;
        for _ in 0..100 {
            s.after(50);
            s.recv(&format!("P. {number}:{} ack 1", number + 10));
            s.read(10);
            number += 10;
            again += s.take().iter().filter(|segment| !segment.data.is_empty()).count();
        }
        assert!(again >= 3, "{again}");
        s.recv(&format!(". {number} ack 11"));
    });
}

/// MUST-18: Karn's algorithm: what was sent twice measures nothing, and the time that was doubled stays until something new is
/// acknowledged (RFC 6298 5).
#[test]
fn what_was_sent_twice_measures_nothing() {
    established(|s| {
        s.write(10);
        s.take();
        // Long: it is sent again some times.
        s.after(5_000);
        assert!(s.take().len() >= 3);
        s.recv(". 1 ack 11");
        s.write(1_000);
        s.sends(["P. 11:1011 ack 1"]);
        // Not the 5 seconds, which nobody knows of which of them it is.
        assert!(s.sends_next(["P. 11:1011 ack 1"]) < 5_000);
    });
}

/// MUST-54, MUST-56, SHLD-25; RFC 5461: a soft error ends nothing. It is told, and if the peer does not answer, it is why.
#[test]
fn a_soft_error_is_told_and_ends_nothing() {
    for problem in [
        Problem::NetworkUnreachable,
        Problem::HostUnreachable,
        Problem::SourceRouteFailed,
        Problem::TtlExceeded,
        Problem::ReassemblyTimedOut,
        Problem::Parameter(3),
        Problem::Unreachable,
    ] {
        reach(State::SynSent, |s| {
            assert!(s.error(0, problem));
            assert!(s.events().trouble);
            assert_eq!(
                (s.state(), s.tcp.trouble()),
                (State::SynSent, Some(Trouble::Error(problem)))
            );
            s.recv("S. 0 ack 1 <mss 1000>");
            s.sends([". 1 ack 1"]);
            assert_eq!((s.state(), s.tcp.trouble()), (State::Established, None));
        });
        reach(State::SynSent, |s| {
            s.error(0, problem);
            s.after(191_000);
            assert_eq!(s.tcp.broken(), Some(Broken::Unreachable(problem)));
            s.take();
        });
        reach(State::FinWait1, |s| {
            assert!(s.error(1, problem));
            assert_eq!(
                (s.state(), s.tcp.trouble()),
                (State::FinWait1, Some(Trouble::Error(problem)))
            );
            s.recv(". 1 ack 2");
            assert_eq!((s.state(), s.tcp.trouble()), (State::FinWait2, None));
        });
    }
}

/// RFC 5461 2.1, RFC 5927 5.2: a hard error ends a connection that is being opened, and none that is synchronized, since anybody
/// could forge it (deviates from SHLD-26).
#[test]
fn a_hard_error_ends_only_what_is_being_opened() {
    for problem in [Problem::PortUnreachable, Problem::ProtocolUnreachable, Problem::Prohibited] {
        for state in [State::SynSent, State::SynReceived] {
            reach(state, |s| {
                assert!(s.error(0, problem));
                let broken = Some(Broken::Unreachable(problem));
                assert_eq!((s.state(), s.tcp.broken()), (State::Closed, broken));
                let events = s.events();
                assert!(events.closed && events.writable);
            });
        }
        established(|s| {
            s.write(10);
            s.sends(["P. 1:11 ack 1"]);
            assert!(s.error(1, problem));
            assert_eq!(s.state(), State::Established);
            assert_eq!(s.tcp.trouble(), Some(Trouble::Error(problem)));
            s.recv(". 1 ack 11");
            assert_eq!(s.tcp.trouble(), None);
        });
    }
}

/// RFC 5927 4.1: an error counts only if it quotes what can be on its way.
#[test]
fn an_error_about_something_else_is_ignored() {
    established(|s| {
        s.write(10);
        s.sends(["P. 1:11 ack 1"]);
        s.recv(". 1 ack 6");
        for (number, confirmed) in
            [(0, false), (5, false), (6, true), (10, true), (11, false), (900, false)]
        {
            assert_eq!(s.error(number, Problem::HostUnreachable), confirmed, "{number}");
        }
        s.recv(". 1 ack 11");
        assert!(!s.error(6, Problem::HostUnreachable));
    });
    for state in [State::Established, State::FinWait2, State::TimeWait, State::Closed] {
        reach(state, |s| {
            for number in 0..5 {
                assert!(!s.error(number, Problem::PortUnreachable), "{state} {number}");
            }
        });
    }
    for state in [State::SynSent, State::SynReceived] {
        reach(state, |s| {
            for number in 1..5 {
                assert!(!s.error(number, Problem::PortUnreachable), "{state} {number}");
            }
        });
    }
}

/// RFC 1191 6.5: the path takes less. What is on its way is cut anew and sent again, without waiting for a timeout.
#[test]
fn a_path_that_takes_less_is_followed() {
    established_with_options(|s| {
        s.write(4_000);
        assert_eq!(s.take().len(), 4);
        s.tcp.set_path_mss(512 + 12);
        assert_eq!(s.tcp.mss(), 524);
        let mut acked = 1;
        while acked < 4_001 {
            let sent = s.take();
            assert!(!sent.is_empty(), "{acked} bytes are acknowledged");
            for segment in sent {
                assert!((1..=512).contains(&segment.data.len()), "{segment:?}");
                acked =
                    acked.max(segment.seq - crate::script::OURS.seq + segment.data.len() as u32);
            }
            s.recv(&format!(". 1 ack {acked} <TS 20 1000>"));
        }
        assert!(s.elapsed() < 1, "{} ms", s.elapsed());
    });
}

/// RFC 1191 6.5 says that this is no congestion, but whoever sends it cannot make us send more.
#[test]
fn a_path_that_takes_more_again_is_used() {
    established(|s| {
        s.tcp.set_path_mss(500);
        s.write(1_000);
        s.sends([". 1:501 ack 1", "P. 501:1001 ack 1"]);
        s.recv(". 1 ack 1001");
        s.tcp.set_path_mss(1460);
        s.write(2_000);
        // No more than the peer takes.
        s.sends([". 1001:2001 ack 1", "P. 2001:3001 ack 1"]);
        s.recv(". 1 ack 3001");
    });
}
