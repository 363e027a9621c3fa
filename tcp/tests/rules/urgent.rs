//! Urgent data (RFC 9293 3.8.5).

use tcp::Segment;

use crate::{
    script::{OURS, Script, established},
    text::Owned,
};

/// MUST-30, MUST-32, MUST-33, MUST-62: the pointer is that of the first byte that is not urgent. The application hears of it once,
/// and of each one that is later.
#[test]
fn urgent_data_is_announced() {
    established(|s| {
        s.recv("PU. 1:11 ack 1 urg 4");
        let events = s.events();
        assert!(events.urgent && events.readable);
        assert_eq!(s.tcp.urgent(), 4);
        s.read(3);
        assert_eq!(s.tcp.urgent(), 1);
        s.read(1);
        assert_eq!(s.tcp.urgent(), 0);
        // The same pointer says nothing new.
        s.recv("PU. 1:11 ack 1 urg 4");
        assert!(!s.events().urgent);
        s.recv("PU. 11:21 ack 1 urg 10");
        assert!(s.events().urgent);
        assert_eq!(s.tcp.urgent(), 16);
        s.read(16);
        assert_eq!(s.tcp.urgent(), 0);
        s.take();
    });
}

/// A pointer comes before the data that it speaks of, and a later one moves it. None goes back.
#[test]
fn a_pointer_comes_before_the_data() {
    established(|s| {
        s.recv("U. 1 ack 1 urg 500");
        assert!(s.events().urgent);
        assert_eq!((s.tcp.urgent(), s.readable()), (500, 0));
        s.recv("U. 1 ack 1 urg 300");
        assert!(!s.events().urgent);
        assert_eq!(s.tcp.urgent(), 500);
        s.recv("U. 1 ack 1 urg 600");
        assert!(s.events().urgent);
        assert_eq!(s.tcp.urgent(), 600);
        s.recv("P. 1:1001 ack 1");
        assert_eq!(s.tcp.urgent(), 600);
        s.read(1_000);
        assert_eq!(s.tcp.urgent(), 0);
        s.take();
    });
}

/// Without the flag, the pointer does not count; one of 0 says nothing.
#[test]
fn a_pointer_without_its_flag_or_of_nothing_is_ignored() {
    for text in ["P. 1:11 ack 1 urg 5", "PU. 1:11 ack 1 urg 0", "PU. 1:11 ack 1"] {
        established(|s| {
            // The layer reads the pointer only with its flag.
            s.recv(text);
            assert!(!s.events().urgent, "{text}");
            assert_eq!(s.tcp.urgent(), 0);
            s.read(10);
            s.sends([". 1 ack 11"]);
        });
    }
}

/// MUST-31: urgent data of any length: pointers that go on and on.
#[test]
fn urgent_data_may_have_any_length() {
    established(|s| {
        let mut number = 1_u32;
        for _ in 0..100 {
            s.recv(&format!("PU. {number}:{} ack 1 urg 65535", number + 10_000));
            assert_eq!(s.tcp.urgent(), 65_535);
            s.read(10_000);
            assert_eq!(s.tcp.urgent(), 55_535);
            number += 10_000;
            s.take();
        }
    });
}

/// A pointer that was reached long ago, more than 2^31 bytes, is not in the way of a new one.
#[test]
fn a_pointer_that_was_reached_is_forgotten() {
    established(|s| {
        s.recv("PU. 1:11 ack 1 urg 10");
        s.read(10);
        s.events();
        s.take();
        let bytes = [0; 12_000];
        let mut number = 11_u32;
        while number < 0x8000_2000 {
            let owned = Owned::read(&format!(". {number} ack 1"), s.peer, OURS, 10_000);
            let segment = Segment { payload: &bytes, ..owned.segment() };
            assert!(!s.tcp.on_segment(s.now(), &segment).urgent);
            s.skip(bytes.len());
            number += bytes.len() as u32;
            s.take();
            assert_eq!(s.tcp.urgent(), 0);
        }
        s.recv(&format!("PU. {number}:{} ack 1 urg 10", number + 10));
        assert!(s.events().urgent);
        assert_eq!(s.tcp.urgent(), 10);
        s.skip(10);
        s.take();
    });
}

/// MUST-62: our pointer is that of the byte after the last one that is urgent; it is in all segments before it.
#[test]
fn our_urgent_data_is_announced() {
    established(|s| {
        s.write(1_500);
        s.tcp.mark_urgent();
        s.write(1_000);
        s.sends(["U. 1:1001 ack 1 urg 1500", "U. 1001:2001 ack 1 urg 500", "P. 2001:2501 ack 1"]);
        // Sent again, it is still urgent.
        s.recv(". 1 ack 1001");
        s.after(5_000);
        let sent = s.take();
        assert!(!sent.is_empty());
        for segment in sent {
            let is_urgent = segment.seq.is_before(OURS.seq + 1_501);
            assert_eq!(segment.flags.contains(tcp::Flags::URG), is_urgent, "{segment:?}");
        }
        s.recv(". 1 ack 2501");
        s.write(10);
        s.sends(["P. 2501:2511 ack 1"]);
        s.recv(". 1 ack 2511");
    });
}

/// Nothing is urgent if nothing was sent, or all of it is acknowledged.
#[test]
fn nothing_is_urgent_without_data() {
    established(|s| {
        s.tcp.mark_urgent();
        s.silent();
        s.write(10);
        s.sends(["P. 1:11 ack 1"]);
        s.recv(". 1 ack 11");
        s.tcp.mark_urgent();
        s.silent();
    });
}

/// The peer hears of it though its window is closed (RFC 9293 3.8.5), and of what is further away than the field can say, as far
/// as it can.
#[test]
fn urgent_data_is_announced_through_a_closed_window() {
    let closed = |s: &mut Script<'_>| {
        s.window = 0;
        s.recv(". 1 ack 1");
        s.write(300);
        s.silent();
        s.tcp.mark_urgent();
        s.sends(["U. 1 ack 1 urg 300"]);
        s.silent();
        s.sends_next(["U. 1:2 ack 1 urg 300"]);
        s.recv("P. 1:101 ack 1");
        // Any acknowledgment says it.
        s.sends(["U. 1 ack 101 urg 300"]);
        s.read(100);
        s.tcp.abort();
        s.take();
    };
    established(closed);
}

/// A segment with a pointer is not one that the interface cuts, as it would copy the pointer, which counts from each segment's own
/// number.
#[test]
fn urgent_data_is_not_cut_by_others() {
    established(|s| {
        s.most = 60_000;
        s.write(3_000);
        s.sends(["P. 1:3001 ack 1"]);
        s.recv(". 1 ack 3001");
        s.write(3_000);
        s.tcp.mark_urgent();
        s.sends([
            "U. 3001:4001 ack 1 urg 3000",
            "U. 4001:5001 ack 1 urg 2000",
            "PU. 5001:6001 ack 1 urg 1000",
        ]);
        s.recv(". 1 ack 6001");
        s.write(3_000);
        s.sends(["P. 6001:9001 ack 1"]);
        s.recv(". 1 ack 9001");
    });
}
