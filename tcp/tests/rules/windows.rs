//! Windows that close, open, and shrink (RFC 9293 3.8.6).

use tcp::State;

use crate::{
    probes::close_window,
    script::{accepted, established, established_with_options},
    states::reach,
};

/// MUST-34, SHLD-15, SHLD-16: a window that shrinks stops new data; what was sent is sent again within it.
#[test]
fn a_window_that_shrinks_stops_new_data() {
    established(|s| {
        s.write(5_000);
        assert_eq!(s.take().len(), 5);
        s.write(5_000);
        assert_eq!(s.take().len(), 5);
        // The right edge goes back from 10001 to 3001.
        s.window = 2_000;
        s.recv(". 1 ack 1001");
        s.write(3_000);
        s.silent();
        while s.elapsed() < 60_000 {
            s.after(1_000);
            for segment in s.take() {
                let end = segment.seq + segment.data.len() as u32 - crate::script::OURS.seq;
                assert!(end <= 3_001, "{end}");
            }
        }
        s.window = 20_000;
        s.recv(". 1 ack 3001");
        assert!(!s.take().is_empty());
        s.tcp.abort();
        s.take();
    });
}

/// RFC 9293 3.8.6.1: a probe that comes to our closed window is answered with number and window.
#[test]
fn probes_of_our_closed_window_are_answered() {
    established(|s| {
        s.recv("P. 1:12289 ack 1");
        s.sends([". 1 ack 12289 win 0"]);
        for _ in 0..10 {
            s.recv(". 12289:12290 ack 1");
            s.sends([". 1 ack 12289 win 0"]);
            // As Linux probes.
            s.after(600);
            s.recv(". 12288 ack 1");
            s.sends([". 1 ack 12289 win 0"]);
        }
        s.read(12_288);
        s.sends([". 1 ack 12289 win 12288"]);
    });
}

/// What was read is told to the peer.
#[test]
fn a_window_that_opens_is_told() {
    established(|s| {
        s.recv("P. 1:12289 ack 1");
        s.sends([". 1 ack 12289 win 0"]);
        s.read(12_288);
        s.sends([". 1 ack 12289 win 12288"]);
        s.recv("P. 12289:24577 ack 1");
        s.sends([". 1 ack 24577 win 0"]);
        s.read(12_288);
        s.sends([". 1 ack 24577 win 12288"]);
    });
}

/// MUST-39: but not for a few bytes.
#[test]
fn a_window_opens_by_a_segment_at_least() {
    accepted("S 0 <mss 1460>", |s| {
        s.recv("P. 1:12289 ack 1");
        s.sends([". 1 ack 12289 win 0"]);
        for _ in 0..10 {
            s.read(100);
            s.silent();
        }
        s.recv(". 12289:12290 ack 1");
        s.sends([". 1 ack 12289 win 0"]);
        s.read(459);
        s.silent();
        s.read(1);
        s.sends([". 1 ack 12289 win 1460"]);
    });
}

/// The update is lost, and the peer probes.
#[test]
fn the_answer_to_a_probe_says_the_window() {
    established(|s| {
        s.recv("P. 1:12289 ack 1");
        s.sends([". 1 ack 12289 win 0"]);
        s.read(12_288);
        s.sends([". 1 ack 12289 win 12288"]);
        s.recv("P. 12289:12290 ack 1");
        s.sends([". 1 ack 12290 win 12287"]);
        s.read(1);
    });
}

/// Both windows are closed, and both have something to send. Each probes the other; no acknowledgment answers
/// an acknowledgment.
#[test]
fn two_closed_windows_do_not_answer_each_other_for_ever() {
    established(|s| {
        s.recv("P. 1:12289 ack 1");
        s.sends([". 1 ack 12289 win 0"]);
        s.write(100);
        s.sends(["P. 1:101 ack 12289"]);
        s.window = 0;
        s.recv(". 12289 ack 101");
        s.write(100);
        s.silent();
        // Its probe, which also acknowledges nothing new.
        s.recv(". 12289:12290 ack 101");
        s.sends([". 101 ack 12289 win 0"]);
        s.recv(". 12289 ack 101");
        s.silent();
        s.sends_next([". 101:102 ack 12289 win 0"]);
        s.recv(". 12289 ack 101");
        s.silent();
        // Both open. The number is one that a peer with a closed window takes (RFC 9293 3.10.7.4).
        s.read(12_288);
        s.sends([". 101 ack 12289 win 12288"]);
        s.window = 10_000;
        s.recv(". 12289 ack 101");
        s.sends(["P. 101:201 ack 12289"]);
        s.recv(". 12289 ack 201");
    });
}

/// The last acknowledgment that says that the window is open comes before one that is older (RFC 9293 3.10.7.4, SND.WL1, SND.WL2).
#[test]
fn an_old_acknowledgment_does_not_close_the_window() {
    established(|s| {
        s.write(1_000);
        s.sends(["P. 1:1001 ack 1"]);
        s.write(1_000);
        s.sends(["P. 1001:2001 ack 1"]);
        s.window = 9_000;
        s.recv(". 1 ack 2001");
        s.window = 0;
        s.recv(". 1 ack 1001");
        s.write(1_000);
        s.sends(["P. 2001:3001 ack 1"]);
        s.window = 9_000;
        s.recv(". 1 ack 3001");
    });
}

/// Data that the peer sends again has an older number than what it sent before, and acknowledges more: the window that counts is
/// that of the latest acknowledgment, not one that counted from an earlier one.
#[test]
fn an_acknowledgment_with_an_older_number_has_its_own_window() {
    established(|s| {
        s.window = 2_000;
        // What is before this number is lost.
        s.recv(". 1001 ack 1");
        s.write(3_000);
        s.sends([". 1:1001 ack 1", ". 1001:2001 ack 1"]);
        // Up to 2001, as before.
        s.window = 1_000;
        s.recv("P. 1:1001 ack 1001");
        s.sends([". 2001 ack 1001"]);
        s.read(1_000);
        // A window that opens is heard, too.
        s.window = 4_000;
        s.recv(". 1001 ack 2001");
        s.sends(["P. 2001:3001 ack 1001"]);
        s.recv(". 1001 ack 3001");
    });
}

/// A FIN needs no window.
#[test]
fn a_fin_waits_for_no_window() {
    established(|s| {
        close_window(s, 100);
        s.tcp.shutdown();
        assert_eq!(s.state(), State::FinWait1);
        let mut sent = s.take();
        while sent.is_empty() {
            s.after(100);
            assert!(s.elapsed() < 1_000, "no FIN");
            sent = s.take();
        }
        assert!(sent.iter().any(|segment| segment.flags.contains(tcp::Flags::FIN)));
        s.recv(". 1 ack 102");
        assert_eq!(s.state(), State::FinWait2);
    });
}

/// The FIN of the peer is taken though our window is closed.
#[test]
fn the_fin_of_the_peer_needs_no_window() {
    established(|s| {
        s.recv("P. 1:12289 ack 1");
        s.sends([". 1 ack 12289 win 0"]);
        s.recv("F. 12289 ack 1");
        assert_eq!(s.state(), State::CloseWait);
        s.sends([". 1 ack 12290 win 0"]);
        s.read(12_288);
        assert!(s.tcp.is_drained());
        // There is nothing more to come, so nothing is to be told.
        s.silent();
    });
}

/// MUST-38, SHLD-7, MUST-17: small segments wait for each other, unless the application says otherwise.
#[test]
fn small_segments_wait_for_each_other() {
    established(|s| {
        for _ in 0..5 {
            s.write(100);
        }
        s.sends(["P. 1:501 ack 1"]);
        for _ in 0..5 {
            s.write(100);
            s.silent();
        }
        s.recv(". 1 ack 501");
        s.sends(["P. 501:1001 ack 1"]);
        s.recv(". 1 ack 1001");
        s.tcp.set_nodelay(true);
        for number in 0..5 {
            s.write(100);
            s.sends([&format!("P. {}:{} ack 1", 1001 + 100 * number, 1101 + 100 * number)]);
        }
        s.recv(". 1 ack 1501");
    });
}

/// MUST-38: a window that opens by a few bytes is not used, until it is half of the largest there was, or a segment.
#[test]
fn a_small_window_is_not_used() {
    established(|s| {
        close_window(s, 100);
        s.write(5_000);
        s.window = 300;
        s.recv(". 1 ack 101");
        s.silent();
        s.window = 1_000;
        s.recv(". 1 ack 101");
        s.sends([". 101:1101 ack 1"]);
        s.tcp.abort();
        s.take();
    });
}

/// SHLD-28, SHLD-27, MUST-60, MUST-61: what is sent is cut into full segments, and the last one, at which nothing waits any more,
/// has PSH.
#[test]
fn the_last_segment_is_pushed() {
    established(|s| {
        for _ in 0..5 {
            s.write(500);
        }
        s.sends([". 1:1001 ack 1", ". 1001:2001 ack 1", "P. 2001:2501 ack 1"]);
        s.recv(". 1 ack 2501");
    });
    established_with_options(|s| {
        s.write(1_000);
        s.sends(["P. 1:1001 ack 1"]);
        s.recv(". 1 ack 1001 <TS 20 1000>");
    });
}

/// SHLD-18, SHLD-19, MUST-40, MUST-58, MUST-59: acknowledgments wait, for the second full segment or for data, and not long.
#[test]
fn acknowledgments_wait_a_little() {
    established(|s| {
        // The peer's slow start gets one for each segment at first.
        for number in 0..16 {
            let next = 1 + 500 * number;
            s.recv(&format!("P. {next}:{} ack 1", next + 500));
            s.sends([&format!(". 1 ack {}", next + 500)]);
            s.read(500);
            s.take();
        }
        s.recv("P. 8001:8501 ack 1");
        s.sends_after(40, [". 1 ack 8501"]);
        s.recv("P. 8501:9001 ack 1");
        s.silent();
        s.recv("P. 9001:9501 ack 1");
        s.sends([". 1 ack 9501"]);
        // What is sent takes it along.
        s.recv("P. 9501:9601 ack 1");
        s.write(10);
        s.sends(["P. 1:11 ack 9601"]);
        s.after(39);
        s.silent();
        // MUST-59: several that have come are acknowledged together.
        for number in 0..5 {
            let next = 9_601 + 500 * number;
            s.recv(&format!("P. {next}:{} ack 11", next + 500));
        }
        s.sends([". 11 ack 12101"]);
        s.read(4_100);
        s.take();
    });
}

/// A peer that closes its window in TIME-WAIT or after its FIN changes nothing.
#[test]
fn a_window_of_nothing_does_not_hold_up_the_end() {
    reach(State::FinWait2, |s| {
        s.window = 0;
        s.recv("F. 1 ack 2");
        s.sends([". 2 ack 2"]);
        assert_eq!(s.state(), State::TimeWait);
    });
}
