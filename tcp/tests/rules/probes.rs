//! The window of the peer that is closed, and the probes that ask whether it still is (RFC 9293 3.8.6.1).

use std::time::Duration;

use tcp::{Broken, State};

use crate::script::{Script, established};

/// Sends `count` bytes, which the peer acknowledges with a window of 0.
pub(crate) fn close_window(s: &mut Script<'_>, count: usize) {
    s.write(count);
    s.take();
    s.window = 0;
    s.recv(&format!(". 1 ack {}", count + 1));
}

/// MUST-36, SHLD-29, SHLD-30, MUST-37: a closed window is probed after the retransmission timeout, more and more rarely, as long
/// as the peer answers.
#[test]
fn a_closed_window_is_probed_for_ever() {
    established(|s| {
        close_window(s, 100);
        s.write(10);
        let mut times = Vec::new();
        for _ in 0..200 {
            times.push(s.sends_next([". 101:102 ack 1"]));
            s.recv(". 1 ack 101");
        }
        assert!((200..=220).contains(&times[0]), "{times:?}");
        // In whole milliseconds.
        let doubles = |pair: &[u64]| pair[1].abs_diff((2 * pair[0]).min(120_000)) <= 1;
        assert!(times.windows(2).all(doubles), "{times:?}");
        assert_eq!(s.state(), State::Established);
        s.window = 5_000;
        s.recv(". 1 ack 101");
        s.sends(["P. 101:111 ack 1"]);
        s.recv(". 1 ack 111");
    });
}

/// MUST-35: one that shrinks to nothing is probed as well.
#[test]
fn a_window_that_shrinks_to_nothing_is_probed() {
    established(|s| {
        s.write(3_000);
        s.sends([". 1:1001 ack 1", ". 1001:2001 ack 1", "P. 2001:3001 ack 1"]);
        s.window = 0;
        s.recv(". 1 ack 1");
        let mut probes = 0;
        while s.elapsed() < 3_600_000 {
            s.after(10_000);
            let sent = s.take();
            probes += sent.len();
            if !sent.is_empty() {
                s.recv(". 1 ack 1");
            }
        }
        // MUST-37, SHLD-17: an hour is not too long.
        assert!((20..400).contains(&probes), "{probes}");
        assert_eq!(s.state(), State::Established);
        s.window = 10_000;
        s.recv(". 1 ack 1");
        let sent: usize = s.take().iter().map(|segment| segment.data.len()).sum();
        assert!(sent >= 1_000);
        s.recv(". 1 ack 3001");
    });
}

/// A peer that does not answer the probes is given up.
#[test]
fn probes_that_are_not_answered_end_the_connection() {
    established(|s| {
        close_window(s, 100);
        s.write(10);
        for _ in 0..15 {
            s.sends_next([". 101:102 ack 1"]);
        }
        // The peer would not take the number behind the probe, which is beyond its window (RFC 9293 3.10.7.4).
        s.sends_next(["R. 101 ack 1"]);
        assert_eq!(s.state(), State::Closed);
    });
}

/// A peer whose window stays closed for six hours, and which answers each probe, costs 189 probes and no memory beside what
/// waits to be sent; then all of it arrives.
#[test]
fn a_window_that_is_closed_for_six_hours_costs_few_probes_and_no_memory() {
    established(|s| {
        close_window(s, 100);
        let waiting = s.write_some(10_000);
        assert!(waiting > 5_000, "{waiting}");
        let (pages, mut probes) = (s.pages(), 0);
        while s.elapsed() < 6 * 3_600_000 {
            s.sends_next([". 101:102 ack 1"]);
            s.recv(". 1 ack 101");
            probes += 1;
            assert_eq!(s.pages(), pages, "after {probes} probes");
        }
        // They are two minutes apart, after ten that are not yet.
        assert_eq!(probes, 189);
        assert_eq!(s.state(), State::Established);
        s.window = 10_000;
        s.recv(". 1 ack 101");
        let mut acknowledged = 101;
        while acknowledged < 101 + waiting {
            let sent: usize = s.take().iter().map(|segment| segment.data.len()).sum();
            assert!(sent > 0, "nothing is sent after {acknowledged}");
            acknowledged += sent;
            s.recv(&format!(". 1 ack {acknowledged}"));
        }
        assert!(s.tcp.all_acknowledged());
        assert_eq!(s.state(), State::Established);
    });
}

/// RFC 9293 3.9.1: the user timeout ends a connection whose peer has closed its window and answers no probe, and not one whose
/// peer answers.
#[test]
fn the_user_timeout_counts_while_probes_are_not_answered() {
    established(|s| {
        s.tcp.set_user_timeout(Some(Duration::from_secs(60)));
        close_window(s, 100);
        s.write(10);
        while s.elapsed() < 600_000 {
            s.sends_next([". 101:102 ack 1"]);
            s.recv(". 1 ack 101");
        }
        let (last, mut probes) = (s.elapsed(), 0);
        while s.state() != State::Closed {
            s.after(1_000);
            assert!(s.elapsed() <= last + 61_000, "{:?} after {probes} probes", s.state());
            probes += s.take().iter().filter(|sent| !sent.flags.contains(tcp::Flags::RST)).count();
        }
        assert!(s.elapsed() >= last + 60_000, "{} ms", s.elapsed() - last);
        assert_eq!(s.tcp.broken(), Some(Broken::TimedOut));
        assert!(probes <= 1, "{probes}");
    });
}

/// The peer's window update is lost: the answer to a probe says it.
#[test]
fn a_lost_window_update_is_found_by_a_probe() {
    established(|s| {
        close_window(s, 100);
        s.write(1_000);
        s.sends_next([". 101:102 ack 1"]);
        // It takes the byte.
        s.window = 10_000;
        s.recv(". 1 ack 102");
        s.sends(["P. 102:1101 ack 1"]);
        s.recv(". 1 ack 1101");
    });
}
