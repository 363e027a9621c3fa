//! Timestamps and protection against wrapped sequence numbers (RFC 7323).

use tcp::{State, Timestamps};

use crate::script::{accepted, connect, established, established_with_options};

/// RFC 7323 3.2: in each segment, if both SYNs have one; the peer's is echoed.
#[test]
fn each_segment_has_a_timestamp_if_both_syns_have() {
    connect(|s| {
        s.sends(["S 0 <mss 1460,sackOK,TS 1000 0,wscale 0>"]);
        s.after(20);
        s.recv("S. 0 ack 1 <mss 1012,TS 500 1000>");
        s.sends([". 1 ack 1 <TS 1020 500>"]);
        s.write(1_500);
        s.sends([". 1:1001 ack 1 <TS 1020 500>", "P. 1001:1501 ack 1 <TS 1020 500>"]);
        s.recv(". 1 ack 1501 <TS 510 1020>");
        s.tcp.shutdown();
        s.sends(["F. 1501 ack 1 <TS 1020 510>"]);
        s.recv(". 1 ack 1502 <TS 520 1020>");
    });
    // RFC 7323 3.2: not if the other one has none.
    connect(|s| {
        s.sends(["S 0 <mss 1460,sackOK,TS 1000 0,wscale 0>"]);
        s.recv("S. 0 ack 1 <mss 1000>");
        s.sends([". 1 ack 1 <>".trim_end_matches(" <>")]);
    });
}

/// RFC 7323 3.2: on a connection without timestamps, one that comes nevertheless is ignored.
#[test]
fn timestamps_that_were_not_agreed_on_are_ignored() {
    established(|s| {
        s.recv("P. 1:11 ack 1 <TS 500 0>");
        s.recv("P. 11:21 ack 1 <TS 400 0>");
        s.read(20);
        s.sends([". 1 ack 21"]);
    });
}

/// RFC 7323 3.2 lets a segment without a timestamp be dropped; some hosts send such acknowledgments, so it is
/// taken, as Linux does.
#[test]
fn segments_without_timestamps_are_taken() {
    established_with_options(|s| {
        s.recv("P. 1:11 ack 1");
        s.read(10);
        s.sends([". 1 ack 11 <TS 1000 11>"]);
        s.write(5);
        s.sends(["P. 1:6 ack 11"]);
        s.recv(". 11 ack 6");
        assert!(s.tcp.all_acknowledged());
        s.recv("F. 11 ack 6");
        s.sends([". 6 ack 12"]);
    });
}

/// RFC 7323 5.3, R1: what is older than what came before is an old duplicate; it is answered and dropped.
#[test]
fn an_old_timestamp_is_one_of_an_old_duplicate() {
    established_with_options(|s| {
        s.recv("P. 1:11 ack 1 <TS 100 1000>");
        s.sends([". 1 ack 11 <TS 1000 100>"]);
        s.recv("P. 11:21 ack 1 <TS 99 1000>");
        s.sends([". 1 ack 11 <TS 1000 100>"]);
        s.recv("F. 11 ack 1 <TS 99 1000>");
        s.sends([". 1 ack 11 <TS 1000 100>"]);
        assert_eq!((s.readable(), s.state()), (10, State::Established));
        s.recv("P. 11:21 ack 1 <TS 100 1000>");
        s.sends([". 1 ack 21"]);
        s.read(20);
        // RFC 7323 5.2: a reset counts whatever its timestamp.
        s.recv("R. 21 ack 1 <TS 1 0>");
        assert_eq!(s.state(), State::Closed);
    });
}

/// The peer's clock wraps around.
#[test]
fn timestamps_wrap_around() {
    // The peer's begins 256 before.
    accepted("S 0 <mss 1012,TS 10 0>", |s| {
        for (number, value) in [(1, 200), (11, 255), (21, 257), (31, 300)] {
            s.recv(&format!("P. {number}:{} ack 1 <TS {value} 1000>", number + 10));
            s.sends([&format!(". 1 ack {} <TS 1000 {value}>", number + 10)]);
        }
        s.recv("P. 41:51 ack 1 <TS 255 1000>");
        s.sends([". 1 ack 41 <TS 1000 300>"]);
        s.read(40);
    });
}

/// RFC 7323 5.5: after 24 days, what came before says nothing.
#[test]
fn a_timestamp_is_forgotten_after_24_days() {
    const DAY: u64 = 24 * 3600 * 1000;
    established_with_options(|s| {
        s.after(24 * DAY - 1);
        s.recv("P. 1:11 ack 1 <TS 5 1000>");
        assert_eq!(s.readable(), 0);
        s.take();
        s.after(1);
        s.recv("P. 1:11 ack 1 <TS 5 1000>");
        s.read(10);
        let clock = 1000 + 24 * DAY as u32;
        s.sends([&format!(". 1 ack 11 <TS {clock} 5>")]);
    });
}

/// RFC 7323 4.3: the timestamp that is echoed is that of the earliest segment that is not acknowledged, and one out of order does
/// not count.
#[test]
fn the_echoed_timestamp_is_that_of_the_segment_that_is_due() {
    established_with_options(|s| {
        // (A) of RFC 7323 4.3: delayed acknowledgments.
        for _ in 0..16 {
            let next = 1 + s.readable();
            s.recv(&format!("P. {next}:{} ack 1 <TS 20 1000>", next + 10));
            s.take();
        }
        s.read(160);
        s.recv("P. 161:171 ack 1 <TS 30 1000>");
        s.recv("P. 171:181 ack 1 <TS 31 1000>");
        s.sends_after(40, [". 1 ack 181 <TS 1040 30>"]);
        // (B): a gap.
        s.recv("P. 191:201 ack 1 <TS 40 1000>");
        s.sends([". 1 ack 181 <TS 1040 30,sack 191:201>"]);
        s.recv("P. 181:191 ack 1 <TS 41 1000>");
        s.sends([". 1 ack 201 <TS 1040 41>"]);
        s.read(40);
    });
}

/// What is not acceptable changes nothing: neither its timestamp nor its window.
#[test]
fn the_timestamp_of_what_is_not_acceptable_is_not_kept() {
    established_with_options(|s| {
        for text in [
            ". 20000 ack 1 <TS 9000 1000>",
            ". 0 ack 1 <TS 9000 1000>",
            ". 1 ack 9 <TS 9000 1000>",
            "S 7 <mss 1000,TS 9000 0>",
        ] {
            s.recv(text);
        }
        s.take();
        s.recv("P. 1:11 ack 1 <TS 12 1000>");
        s.sends([". 1 ack 11 <TS 1000 12>"]);
        s.read(10);
    });
}

/// RFC 7323 4.1: an echo measures the round-trip time, of what was sent twice too.
#[test]
fn an_echo_measures_the_round_trip_time() {
    established_with_options(|s| {
        s.write(1_000);
        s.sends(["P. 1:1001 ack 1"]);
        s.sends_next(["P. 1:1001 ack 1"]);
        let clock = 1_000 + s.elapsed();
        s.after(150);
        s.take();
        s.recv(&format!(". 1 ack 1001 <TS 30 {clock}>"));
        s.write(1_000);
        s.sends(["P. 1001:2001 ack 1"]);
        // It was 10 ms in the handshake, and a probe was sent after 71 ms.
        assert!(s.sends_next(["P. 1001:2001 ack 1"]) > 100);
    });
}

/// An echo of what we never sent is no measurement, and ends nothing.
#[test]
fn an_echo_that_cannot_be_is_ignored() {
    for echo in [900_000, 1_500, 5_000_000] {
        established_with_options(|s| {
            s.write(1_000);
            s.sends(["P. 1:1001 ack 1"]);
            let first = s.sends_next(["P. 1:1001 ack 1"]);
            s.recv(&format!(". 1 ack 1001 <TS 30 {echo}>"));
            assert!(s.tcp.all_acknowledged());
            s.write(1_000);
            s.sends(["P. 1001:2001 ack 1"]);
            assert_eq!(s.sends_next(["P. 1001:2001 ack 1"]), first);
        });
    }
}

/// RFC 7323 5.4: our clock ticks once in a millisecond, and nobody can tell from it how long we run.
#[test]
fn our_timestamps_say_nothing_about_our_clock() {
    let at = |offset| {
        let mut seen = Timestamps { value: 0, echo: 0 };
        let local = tcp::Local { ts_offset: offset, ..crate::script::local() };
        crate::script::connect_with(&local, |s| {
            seen = s.take()[0].options.timestamps.unwrap();
        });
        seen.value
    };
    assert_eq!((at(0), at(77), at(u32::MAX)), (1_000, 1_077, 999));
}
