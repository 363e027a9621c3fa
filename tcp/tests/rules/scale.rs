//! The window scale option (RFC 7323 2), and how windows are read and written (RFC 9293 3.1).

use tcp::Local;

use crate::script::{LIMIT, Script, accepted, accepted_with, connect_with, local};

/// What is ours with a window of up to 3 MiB.
fn large() -> Local {
    Local { receive_limit: 4 << 20, send_limit: 4 << 20, ..local() }
}

/// Fills the window of the peer, which has this many bytes.
fn fill(s: &mut Script<'_>, window: u32) {
    s.tcp.set_nodelay(true);
    let (mut acked, mut waited) = (1, 0);
    loop {
        s.write_some(100_000);
        let sent = s.take();
        let end = sent
            .iter()
            .map(|segment| (segment.seq + segment.data.len() as u32) - crate::script::OURS.seq);
        let Some(end) = end.max() else {
            // It is paced.
            waited += 1;
            assert!(waited < 1_000, "the window is not used");
            s.after(1);
            continue;
        };
        assert!(end - acked <= window, "{} bytes beyond the window", end - acked - window);
        // What does not fill a segment waits.
        if end - acked > window - 1_000 {
            return;
        }
        // One segment arrives, so that the congestion window grows.
        acked = (acked + 1_000).min(end);
        s.recv(&format!(". 1 ack {acked}"));
    }
}

/// RFC 7323 2.2: the window of a SYN is not shifted, those of other segments are, in both directions.
#[test]
fn windows_are_shifted_but_for_those_of_syns() {
    connect_with(&large(), |s| {
        // 22 bits need a shift of 7, as 65,535 fill the 16 bits of the field.
        s.sends(["S 0 win 65535 <mss 1460,sackOK,wscale 7>"]);
        s.recv("S. 0 ack 1 win 3000 <mss 1000,wscale 2>");
        s.sends([". 1 ack 1 win 512"]);
        s.write(5_000);
        // 3,000 bytes, though a shift of 2 bits would make 12,000.
        s.sends([". 1:1001 ack 1", ". 1001:2001 ack 1", ". 2001:3001 ack 1"]);
        s.recv(". 1 ack 3001 win 3000");
        s.sends([". 3001:4001 ack 1", "P. 4001:5001 ack 1"]);
        s.window = 3_000;
        s.recv(". 1 ack 5001");
    });
    accepted_with(&large(), "S 0 win 10000 <mss 1000,wscale 2>", |s| {
        s.window = 5_000;
        s.recv(". 1 ack 1");
        fill(s, 20_000);
        s.tcp.abort();
        s.take();
    });
}

/// RFC 7323 1.3, 2.2: only if both SYNs have the option.
#[test]
fn windows_are_not_shifted_if_one_side_does_not_know_how() {
    connect_with(&large(), |s| {
        s.sends(["S 0 win 65535 <mss 1460,sackOK,wscale 7>"]);
        s.recv("S. 0 ack 1 win 3000 <mss 1000>");
        s.sends([". 1 ack 1 win 65535"]);
    });
    accepted_with(&large(), "S 0 <mss 1000>", |s| {
        s.recv("P. 1:11 ack 1");
        s.sends([". 1 ack 11 win 65525"]);
        s.read(10);
    });
    // Both open at once: a SYN-ACK has the option only if the SYN had.
    connect_with(&large(), |s| {
        s.sends(["S 0 <mss 1460,sackOK,wscale 7>"]);
        s.recv("S 0 <mss 1000>");
        s.sends(["S. 0 ack 1 win 65535 <mss 1460>"]);
    });
}

/// RFC 7323 2.2: the option says what we shift, even if it is 0, so that the peer may shift its own.
#[test]
fn a_shift_of_nothing_is_said() {
    accepted("S 0 <mss 1000,wscale 3>", |s| {
        s.recv("P. 1:11 ack 1");
        s.sends([". 1 ack 11 win 12278"]);
        s.read(10);
        s.window = 1_000;
        s.recv(". 11 ack 1");
        s.write(8_500);
        assert_eq!(s.take().iter().map(|segment| segment.data.len()).sum::<usize>(), 8_000);
        s.tcp.abort();
        s.take();
    });
}

/// RFC 7323 2.3: more than 14 is taken for 14.
#[test]
fn a_shift_of_more_than_14_is_one_of_14() {
    for shift in [14, 15, 255] {
        accepted_with(&large(), &format!("S 0 <mss 1000,wscale {shift}>"), |s| {
            s.window = 1;
            s.recv(". 1 ack 1");
            fill(s, 1 << 14);
            s.tcp.abort();
            s.take();
        });
    }
}

/// MUST-1, REC-1: windows have no sign: not in 16 bits, and not in 32.
#[test]
fn windows_have_no_sign() {
    accepted_with(&large(), "S 0 win 65535 <mss 1000>", |s| {
        s.window = 65_535;
        s.recv(". 1 ack 1");
        fill(s, 65_535);
        s.tcp.abort();
        s.take();
    });
    // 2^30 bytes, the largest window there is.
    accepted_with(&large(), "S 0 win 65535 <mss 1000,wscale 14>", |s| {
        s.window = 65_535;
        s.recv(". 1 ack 1");
        for number in (0..200_000).step_by(10_000) {
            s.write(10_000);
            let sent: usize = s.take().iter().map(|segment| segment.data.len()).sum();
            assert_eq!(sent, 10_000);
            s.recv(&format!(". 1 ack {}", number + 10_001));
        }
    });
}

/// SHLD-14, RFC 7323 2.4: the window that we offer does not go back, but for less than the unit in which it is said.
#[test]
fn the_right_edge_never_goes_back() {
    let local = Local { receive_limit: 32 * LIMIT, ..local() };
    accepted_with(&local, "S 0 <mss 1000,wscale 3>", |s| {
        let mut edge = 0;
        for size in [1, 3, 7, 100, 1, 2, 999, 1000, 5, 8, 13, 40, 1] {
            let next = 1 + s.readable();
            s.recv(&format!("P. {next}:{} ack 1", next + size));
            s.after(40);
            for segment in s.take() {
                let right = next + size + (usize::from(segment.window) << 4);
                assert!(right + 16 > edge, "{right} is before {edge}");
                edge = edge.max(right);
            }
        }
        s.read(s.readable());
    });
}
