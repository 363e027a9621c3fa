//! Which segments are of a connection: sequence numbers, acknowledgments, SYNs (RFC 9293 3.4, 3.10.7.4, RFC 5961).

use tcp::State;

use crate::{
    script::{accepted, established, established_with_options},
    states::{SYNCHRONIZED, numbers, reach},
};

/// RFC 9293 3.4, table 6, with an open window: numbers 1 to 12288.
#[test]
fn segments_are_taken_if_any_of_them_is_in_the_window() {
    let acceptable = [". 1 ack 1", ". 2 ack 1", ". 12288 ack 1"];
    for text in acceptable {
        established(|s| {
            s.write(1);
            s.sends(["P. 1:2 ack 1"]);
            s.recv(&text.replace("ack 1", "ack 2"));
            assert!(s.tcp.all_acknowledged(), "{text}");
            s.silent();
        });
    }
    for text in
        [". 0 ack 1", ". -100 ack 1", ". 12290 ack 1", ". 70000 ack 1", ". 2147483600 ack 1"]
    {
        established(|s| {
            s.write(1);
            s.sends(["P. 1:2 ack 1"]);
            s.recv(&text.replace("ack 1", "ack 2"));
            assert!(!s.tcp.all_acknowledged(), "{text}");
            s.sends([". 2 ack 1"]);
        });
    }
    // With data: how much of it becomes readable once the gap is filled.
    for (text, readable) in [
        ("P. 1:1001 ack 1", 1000),
        ("P. 0:1000 ack 1", 999),
        ("P. -998:2 ack 1", 1),
        ("P. -999:1 ack 1", 0),
        ("P. -999:14000 ack 1", 12_288),
        ("P. 12289:12300 ack 1", 0),
        ("P. 50000:50010 ack 1", 0),
    ] {
        established(|s| {
            s.recv(text);
            assert_eq!(s.readable(), readable, "{text}");
            s.read(readable);
            s.sends([&format!(". 1 ack {}", readable + 1)]);
        });
    }
}

/// A peer that has filled the window, of which something was lost, sends its acknowledgments from the end of the window.
#[test]
fn an_acknowledgment_from_the_end_of_the_window_counts() {
    established(|s| {
        s.write(1);
        s.sends(["P. 1:2 ack 1"]);
        s.recv(". 12289 ack 2");
        assert!(s.tcp.all_acknowledged());
        s.silent();
    });
}

/// RFC 9293 3.10.7.4: what is beyond the window is cut off, and so is a FIN there.
#[test]
fn what_is_beyond_the_window_is_cut_off() {
    established(|s| {
        s.recv("FP. 1:13000 ack 1");
        assert_eq!((s.readable(), s.state()), (12_288, State::Established));
        s.sends([". 1 ack 12289 win 0"]);
        s.read(12_288);
        s.sends([". 1 ack 12289 win 12288"]);
        s.recv("FP. 12289:13000 ack 1");
        assert_eq!(s.state(), State::CloseWait);
        s.read(711);
        s.sends([". 1 ack 13001"]);
    });
}

/// SHLD-31, MAY-13: what comes too early is kept, and reported at once.
#[test]
fn segments_out_of_order_are_kept() {
    established(|s| {
        for text in ["P. 3001:4001 ack 1", "P. 1001:2001 ack 1", "P. 1501:3001 ack 1"] {
            s.recv(text);
            s.sends([". 1 ack 1"]);
        }
        s.recv("P. 1:1101 ack 1");
        s.sends([". 1 ack 4001"]);
        s.read(4_000);
    });
}

/// RFC 9293 3.10.7.4, fifth: nothing is taken without an acknowledgment.
#[test]
fn a_segment_without_an_acknowledgment_is_dropped() {
    for state in SYNCHRONIZED {
        reach(state, |s| {
            let theirs = numbers(state)[1];
            for text in [
                format!("P {theirs}:{}", theirs + 10),
                format!("F {theirs}"),
                format!("- {theirs}"),
            ] {
                s.recv(&text);
                assert_eq!((s.state(), s.readable()), (state, 0), "{text}");
                s.silent();
            }
        });
    }
}

/// RFC 9293 3.10.7.4: what was never sent cannot be acknowledged.
#[test]
fn an_acknowledgment_of_the_future_is_answered_and_dropped() {
    for state in SYNCHRONIZED.into_iter().filter(|state| *state != State::SynReceived) {
        reach(state, |s| {
            let [ours, theirs] = numbers(state);
            s.recv(&format!("P. {theirs}:{} ack {}", theirs + 10, ours + 1));
            s.sends([&format!(". {ours} ack {theirs}")]);
            assert_eq!((s.state(), s.readable()), (state, 0));
        });
    }
}

/// RFC 5961 5.2: an acknowledgment may be as old as the largest window of the peer. MAY-12.
#[test]
fn data_with_an_acknowledgment_that_is_too_old_is_dropped() {
    established(|s| {
        // The largest window that there was.
        s.window = 20_000;
        s.recv(". 1 ack 1");
        s.window = 5_000;
        for number in (0..30_000).step_by(1_000) {
            s.write(1_000);
            s.sends([&format!("P. {}:{} ack 1", number + 1, number + 1_001)]);
            s.recv(&format!(". 1 ack {}", number + 1_001));
        }
        s.recv("P. 1:11 ack 10000");
        s.sends([". 30001 ack 1"]);
        assert_eq!(s.readable(), 0);
        s.recv("P. 1:11 ack 10001");
        s.sends([". 30001 ack 11"]);
        s.read(10);
    });
}

/// RFC 5961 5.2: an acknowledgment from before the first byte is of something that was never sent, however large the peer's window
/// is. It opens nothing for data that somebody else has made up.
#[test]
fn an_acknowledgment_of_what_was_before_the_first_byte_is_questioned() {
    established(|s| {
        s.recv("P. 1:11 ack 0");
        s.sends([". 1 ack 1"]);
        assert_eq!(s.readable(), 0);
        s.write(100);
        s.sends(["P. 1:101 ack 1"]);
        s.recv(". 1 ack 101");
        s.after(600);
        s.recv("P. 1:11 ack 0");
        s.sends([". 101 ack 1"]);
        assert_eq!(s.readable(), 0);
        // An old one of this connection is none.
        s.recv("P. 1:11 ack 1");
        s.sends([". 101 ack 11"]);
        s.read(10);
        // Our FIN counts.
        s.tcp.shutdown();
        s.sends(["F. 101 ack 11"]);
        s.recv(". 11 ack 102");
        s.recv("P. 11:21 ack 101");
        s.sends([". 102 ack 21"]);
        s.read(10);
    });
}

/// RFC 5961 4.2: a SYN is questioned, wherever it is.
#[test]
fn a_syn_is_questioned_in_each_state() {
    for state in SYNCHRONIZED {
        for number in [1, 5, 100, 12_000, 13_000, -5, 1_000_000] {
            reach(state, |s| {
                let [ours, theirs] = numbers(state);
                s.recv(&format!("S {number} <mss 1000>"));
                s.sends([&format!(". {ours} ack {theirs}")]);
                assert_eq!((s.state(), s.readable()), (state, 0));
                // One with an acknowledgment, and with data, is none either.
                s.after(500);
                s.take();
                s.recv(&format!("SP. {number}:{} ack {ours}", number + 50));
                assert_eq!((s.state(), s.readable()), (state, 0));
                s.sends([&format!(". {ours} ack {theirs}")]);
            });
        }
    }
}

/// RFC 9293 3.5.1, figure 10: the peer has crashed and connects again. It ends the old connection by a reset.
#[test]
fn a_peer_that_begins_anew_ends_the_old_connection() {
    established(|s| {
        s.recv("S 5000 <mss 1000>");
        s.sends([". 1 ack 1"]);
        // Its SYN is not acknowledged, so it says that this is no connection of its.
        s.recv("R 1");
        assert_eq!(s.state(), State::Closed);
    });
}

/// The SYN, or SYN-ACK, of the peer comes once more: our acknowledgment was lost, or it was duplicated on the way.
#[test]
fn the_peers_syn_once_more_is_acknowledged_once_more() {
    for text in ["S 0 <mss 1000>", "S. 0 ack 1 <mss 1000>"] {
        established(|s| {
            s.recv(text);
            s.sends([". 1 ack 1"]);
            assert_eq!(s.state(), State::Established);
        });
    }
}

/// MUST-66: with a closed window, acknowledgments, urgent pointers and resets are still taken.
#[test]
fn with_a_closed_window_acknowledgments_and_resets_count() {
    established(|s| {
        s.recv("P. 1:12289 ack 1");
        s.sends([". 1 ack 12289 win 0"]);
        s.write(100);
        s.sends(["P. 1:101 ack 12289"]);
        // With a byte that has no room.
        s.recv("PU. 12289:12290 ack 51 urg 1");
        assert!(s.events().urgent);
        assert_eq!(s.readable(), 12_288);
        s.sends([". 101 ack 12289 win 0"]);
        // Or with old bytes before it.
        s.recv("P. 12000:12300 ack 71");
        s.sends([". 101 ack 12289 win 0"]);
        s.recv("P. 12000:12300 ack 101");
        assert!(s.tcp.all_acknowledged());
        s.sends([". 101 ack 12289 win 0"]);
        s.recv(". 12289 ack 101");
        s.silent();
        s.recv("R 12288");
        assert_eq!(s.state(), State::Established);
        s.recv("R 12289");
        assert_eq!(s.state(), State::Closed);
    });
}

/// Two hosts never answer each other's acknowledgments for ever, whatever numbers they have.
#[test]
fn acknowledgments_are_not_answered_for_ever() {
    for text in
        [". 500000 ack 1", ". -7 ack 1", ". 1 ack 900", "S 90 <mss 1000>", ". 1 ack -900000"]
    {
        established(|s| {
            let mut answers = 0;
            for _ in 0..1_000 {
                s.recv(text);
                s.after(1);
                answers += s.take().len();
            }
            assert!((1..=3).contains(&answers), "{answers} answers to {text}");
        });
    }
}

/// RFC 2018 4, RFC 2883 4: what came out of order is reported, the newest first, and what came twice before all.
#[test]
fn what_came_out_of_order_is_reported() {
    established_with_options(|s| {
        s.recv("P. 1001:2001 ack 1 <TS 20 1000>");
        s.sends([". 1 ack 1 <sack 1001:2001>"]);
        s.recv("P. 3001:4001 ack 1 <TS 20 1000>");
        s.sends([". 1 ack 1 <sack 3001:4001 1001:2001>"]);
        s.recv("P. 3001:3501 ack 1 <TS 20 1000>");
        s.sends([". 1 ack 1 <sack 3001:3501 3001:4001 1001:2001>"]);
        s.recv("P. 5001:6001 ack 1 <TS 20 1000>");
        // Three blocks fit beside timestamps.
        s.sends([". 1 ack 1 <sack 5001:6001 3001:4001 1001:2001>"]);
        s.recv("P. 1:1001 ack 1 <TS 20 1000>");
        s.sends([". 1 ack 2001 <sack 5001:6001 3001:4001>"]);
        // RFC 2883 4.1.1: a duplicate of what was acknowledged.
        s.recv("P. 1:1001 ack 1 <TS 20 1000>");
        s.sends([". 1 ack 2001 <sack 1:1001 5001:6001 3001:4001>"]);
        s.read(2_000);
    });
    // Four without timestamps.
    accepted("S 0 <mss 1000,sackOK>", |s| {
        for start in [1001, 2001, 3001, 4001].map(|start| 2 * start - 1000) {
            s.recv(&format!("P. {start}:{} ack 1", start + 100));
        }
        s.sends([". 1 ack 1 <sack 7002:7102 5002:5102 3002:3102 1002:1102>"]);
    });
    // Only if the peer understands it.
    established(|s| {
        s.recv("P. 1001:2001 ack 1");
        s.sends([". 1 ack 1"]);
    });
}

/// Blocks have no room beside data: an acknowledgment of its own reports them before data goes on.
#[test]
fn blocks_are_reported_though_there_is_data_to_send() {
    established_with_options(|s| {
        s.write(1_000);
        s.recv("P. 1001:2001 ack 1 <TS 20 1000>");
        s.sends([". 1 ack 1 <sack 1001:2001>", "P. 1:1001 ack 1"]);
    });
    // Without blocks, the data is the acknowledgment.
    established(|s| {
        s.write(1_000);
        s.recv("P. 1001:2001 ack 1");
        s.sends(["P. 1:1001 ack 1"]);
    });
}

/// RFC 2883 4: one block reports a duplicate. Of several in one segment, it is the first.
#[test]
fn the_first_of_several_duplicates_is_reported() {
    accepted("S 0 <mss 1000,sackOK>", |s| {
        s.recv("P. 1:5 ack 1");
        s.sends([". 1 ack 5"]);
        s.recv("P. 11:21 ack 1");
        s.sends([". 1 ack 5 <sack 11:21>"]);
        s.recv("P. 1:15 ack 1");
        s.sends([". 1 ack 21 <sack 1:5>"]);
        s.read(20);
    });
}
