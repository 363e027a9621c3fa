//! How connections begin that we open (RFC 9293 3.5, 3.10.7.3).

use layer::Instant;
use rt_regions::Slabs;
use tcp::{Broken, Connection, Emitted, Segment, State};
use testkit::with_pool;

use crate::{
    script::{BEGIN, LIMIT, connect, connect_with, local},
    states::reach,
};

/// RFC 9293 3.5, figure 6.
#[test]
fn a_connection_is_opened_in_three_steps() {
    connect(|s| {
        assert_eq!(s.state(), State::SynSent);
        s.sends(["S 0 win 12288 <mss 1460,sackOK,TS 1000 0,wscale 0>"]);
        s.after(20);
        s.recv("S. 0 ack 1 <mss 1000,sackOK,TS 5 1000,wscale 3>");
        assert_eq!(s.state(), State::Established);
        let events = s.events();
        assert!(events.established && events.writable && !events.closed && !events.readable);
        s.sends([". 1 ack 1 win 12288 <TS 1020 5>"]);
    });
}

/// MUST-10; RFC 9293 3.5, figure 7.
#[test]
fn both_sides_open_at_once() {
    connect(|s| {
        s.sends(["S 0 <mss 1460,sackOK,wscale 0>"]);
        s.recv("S 0 <mss 1000,sackOK,TS 5 0,wscale 2>");
        assert_eq!(s.state(), State::SynReceived);
        assert!(!s.events().established);
        s.sends(["S. 0 ack 1 win 12288 <mss 1460,sackOK,TS 1000 5,wscale 0>"]);
        s.recv("S. 0 ack 1 win 700 <mss 1000,sackOK,TS 6 1000,wscale 2>");
        assert_eq!(s.state(), State::Established);
        assert!(s.events().established);
        s.silent();
        // The window of its SYN is not shifted (RFC 7323 2.2): what is sent does not go beyond it.
        s.write(2_000);
        s.sends([". 1:701 ack 1"]);
    });
}

/// The peer has our SYN-ACK before its own is sent: it answers with an acknowledgment.
#[test]
fn both_sides_open_and_an_acknowledgment_ends_it() {
    connect(|s| {
        s.sends(["S 0 <mss 1460,sackOK,wscale 0>"]);
        s.recv("S 0 <mss 1000>");
        s.sends(["S. 0 ack 1 <mss 1460>"]);
        s.recv("P. 1:11 ack 1");
        assert_eq!(s.state(), State::Established);
        s.read(10);
        s.sends([". 1 ack 11"]);
    });
}

/// In either direction something is lost while both open.
#[test]
fn both_sides_open_and_answers_are_lost() {
    connect(|s| {
        s.sends(["S 0 <mss 1460,sackOK,wscale 0>"]);
        s.after(500);
        s.recv("S 0 <mss 1000>");
        s.sends(["S. 0 ack 1 <mss 1460>"]);
        // Ours is lost: the peer sends its SYN again, or we ours.
        s.recv("S 0 <mss 1000>");
        s.sends(["S. 0 ack 1 <mss 1460>"]);
        // That changes nothing about when we send it by ourselves.
        s.after(400);
        s.recv("S 0 <mss 1000>");
        s.sends(["S. 0 ack 1 <mss 1460>"]);
        assert_eq!(s.sends_next(["S. 0 ack 1 <mss 1460>"]), 600);
        s.recv("S. 0 ack 1 <mss 1000>");
        assert_eq!(s.state(), State::Established);
        s.silent();
        // The peer has not heard of it, as our answer was lost again.
        s.recv("S. 0 ack 1 <mss 1000>");
        s.sends([". 1 ack 1"]);
    });
}

/// MUST-11: a connection that we open, and whose SYN-RECEIVED a reset ends, was refused. The one of a listening port goes
/// back to listening: see `listening::a_reset_leaves_the_port_listening`.
#[test]
fn syn_received_remembers_that_we_have_opened() {
    reach(State::SynReceived, |s| {
        s.recv("R 1");
        assert_eq!((s.state(), s.tcp.broken()), (State::Closed, Some(Broken::Refused)));
    });
}

/// A connection with itself is one that both sides open (RFC 9293 3.5).
#[test]
fn a_connection_with_itself() {
    with_pool(64, |pool| {
        let buffers = Slabs::new(pool, "tcp.buffers");
        let mut tcp = Connection::connect(BEGIN, &local(), &buffers);
        let mut now = BEGIN;
        let turn = |tcp: &mut Connection<'_>, now: Instant| {
            let mut count = 0;
            while let Some(segment) = tcp.transmit(now, 0, usize::MAX) {
                let Emitted { seq, ack, flags, window, urgent, options, data, .. } = segment;
                let payload = [data.0, data.1].concat();
                let segment = Segment {
                    ports: [5, 5],
                    seq,
                    ack,
                    flags,
                    window,
                    urgent,
                    options,
                    payload: &payload,
                    joined: 1,
                };
                assert!(!tcp.on_segment(now, &segment).reset);
                count += 1;
                assert!(count < 100, "it answers itself for ever");
            }
        };
        turn(&mut tcp, now);
        assert_eq!(tcp.state(), State::Established);
        assert_eq!(tcp.send(b"to myself"), 9);
        turn(&mut tcp, now);
        assert_eq!(tcp.readable(), b"to myself");
        tcp.consume(9);
        tcp.shutdown();
        turn(&mut tcp, now);
        assert_eq!(tcp.state(), State::TimeWait);
        while let Some(deadline) = tcp.deadline() {
            now = deadline;
            tcp.on_deadline(now);
            turn(&mut tcp, now);
        }
        assert_eq!((tcp.state(), tcp.broken()), (State::Closed, None));
    });
}

/// MUST-22, MUST-23: a SYN is sent again with exponential backoff, for more than three minutes, and then the application is told.
#[test]
fn a_syn_is_sent_again_for_three_minutes() {
    connect(|s| {
        const SYN: &str = "S 0 <mss 1460,sackOK,wscale 0>";
        s.sends([SYN]);
        let times = [0; 7].map(|_| s.sends_next([SYN]));
        assert_eq!(times, [1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 64_000]);
        s.after(52_999);
        assert_eq!((s.elapsed(), s.state()), (179_999, State::SynSent));
        s.after(60_000);
        assert_eq!((s.state(), s.tcp.broken()), (State::Closed, Some(Broken::TimedOut)));
        assert!(s.events().closed);
    });
}

/// When both open, the SYN is still ours, and is sent again as long.
#[test]
fn a_syn_with_an_acknowledgment_is_sent_again_for_three_minutes() {
    connect(|s| {
        s.sends(["S 0 <mss 1460,sackOK,wscale 0>"]);
        for _ in 0..5 {
            s.sends_next(["S 0 <mss 1460,sackOK,wscale 0>"]);
        }
        s.recv("S 0 <mss 1000>");
        s.sends(["S. 0 ack 1 <mss 1460>"]);
        let begin = s.elapsed();
        let mut last = 0;
        while s.elapsed() < begin + 180_000 {
            assert_eq!(s.state(), State::SynReceived);
            if s.tcp
                .deadline()
                .is_some_and(|at| at.since(BEGIN).as_millis() as u64 > begin + 180_000)
            {
                break;
            }
            let next = s.sends_next(["S. 0 ack 1 <mss 1460>"]);
            assert!(next >= last);
            last = next;
        }
        s.after(180_000);
        assert_eq!((s.state(), s.tcp.broken()), (State::Closed, Some(Broken::TimedOut)));
    });
}

/// RFC 9293 3.10.7.3: what comes in SYN-SENT.
#[test]
fn what_is_not_of_this_connection_is_told_by_a_reset_while_we_open() {
    reach(State::SynSent, |s| {
        for text in
            [". 300 ack 0", ". 300 ack 2", "S. 300 ack 0", "P. 300:310 ack -5", "F. 300 ack 9"]
        {
            s.recv(text);
            assert!(s.events().reset, "{text}");
        }
        for text in
            ["R. 300 ack 0", "R. 0 ack 2", "R 0", "R 1", ". 0 ack 1", "F. 0 ack 1", "- 0", "F 0"]
        {
            s.recv(text);
            let events = s.events();
            assert!(!events.reset && !events.closed && !events.readable, "{text}");
        }
        assert_eq!(s.state(), State::SynSent);
        s.silent();
        s.recv("S. 0 ack 1 <mss 1000>");
        s.sends([". 1 ack 1"]);
    });
}

#[test]
fn a_reset_that_acknowledges_our_syn_refuses() {
    reach(State::SynSent, |s| {
        s.recv("R. 0 ack 1");
        assert_eq!((s.state(), s.tcp.broken()), (State::Closed, Some(Broken::Refused)));
        let events = s.events();
        assert!(events.closed && events.readable && events.writable);
    });
}

/// RFC 9293 3.10.7.3: other controls and text of the SYN-ACK count.
#[test]
fn a_syn_ack_may_have_data_urgent_data_and_fin() {
    reach(State::SynSent, |s| {
        s.recv("SFPU. 0:11 ack 1 urg 5 <mss 1000>");
        assert_eq!(s.state(), State::CloseWait);
        let events = s.events();
        assert!(events.established && events.readable && events.urgent);
        // The pointer counts from the SYN (RFC 9293 3.1).
        assert_eq!(s.tcp.urgent(), 4);
        s.read(10);
        s.sends([". 1 ack 12"]);
    });
}

/// What was given to be sent before goes with the acknowledgment of the SYN-ACK.
#[test]
fn data_waits_for_the_handshake() {
    reach(State::SynSent, |s| {
        s.write(1_500);
        s.silent();
        s.recv("S. 0 ack 1 <mss 1000>");
        s.sends([". 1:1001 ack 1", "P. 1001:1501 ack 1"]);
    });
}

#[test]
fn a_connection_is_given_up_before_it_is_open() {
    reach(State::SynSent, |s| {
        s.tcp.shutdown();
        assert_eq!((s.state(), s.tcp.broken()), (State::Closed, None));
        s.silent();
        // RFC 9293 3.10.7.1: who answers late hears a reset.
        s.recv("S. 0 ack 1 <mss 1000>");
        assert!(s.events().reset);
    });
    reach(State::SynSent, |s| {
        s.orphan();
        assert_eq!(s.state(), State::Closed);
        assert_eq!(s.tcp.deadline(), None);
    });
}

/// RFC 9293 3.10.4, SYN-RECEIVED: the FIN waits for the handshake.
#[test]
fn what_is_closed_in_syn_received_ends_after_the_handshake() {
    reach(State::SynReceived, |s| {
        s.write(10);
        s.tcp.shutdown();
        assert_eq!(s.tcp.send(b"more"), 0);
        s.silent();
        s.recv(". 1 ack 1");
        assert_eq!(s.state(), State::FinWait1);
        s.sends(["FP. 1:11 ack 1"]);
    });
    // The acknowledgment has the FIN of the peer.
    reach(State::SynReceived, |s| {
        s.tcp.shutdown();
        s.recv("F. 1 ack 1");
        assert_eq!(s.state(), State::Closing);
        s.sends(["F. 1 ack 2"]);
        s.recv(". 2 ack 2");
        assert_eq!(s.state(), State::TimeWait);
    });
}

/// RFC 9293 3.10.7.4, SYN-RECEIVED: an acknowledgment of something else is told by a reset.
#[test]
fn a_wrong_acknowledgment_in_syn_received_is_told_by_a_reset() {
    for text in [". 1 ack 0", ". 1 ack 2", "S. 0 ack 7 <mss 1000>", "P. 1:5 ack 100"] {
        reach(State::SynReceived, |s| {
            s.recv(text);
            assert!(s.events().reset, "{text}");
            assert_eq!((s.state(), s.readable()), (State::SynReceived, 0));
        });
    }
}

/// The round-trip time of the handshake is known without timestamps too; RFC 6298 2.2, 5.7.
#[test]
fn the_handshake_measures_the_round_trip_time_unless_the_syn_was_lost() {
    for options in ["mss 1000", "mss 1012,TS 5 1000"] {
        connect(|s| {
            s.sends(["S 0 <mss 1460,sackOK,wscale 0>"]);
            s.after(100);
            s.recv(&format!("S. 0 ack 1 <{options}>"));
            s.sends([". 1 ack 1"]);
            s.write(1000);
            s.sends(["P. 1:1001 ack 1"]);
            // 100 ms and 4 times 50 ms.
            assert_eq!(s.sends_next(["P. 1:1001 ack 1"]), 300, "{options}");
        });
    }
    connect(|s| {
        s.sends(["S 0 <mss 1460,sackOK,wscale 0>"]);
        s.sends_next(["S 0 <mss 1460,sackOK,wscale 0>"]);
        s.after(100);
        s.recv("S. 0 ack 1 <mss 1000>");
        s.sends([". 1 ack 1"]);
        s.write(1000);
        s.sends(["P. 1:1001 ack 1"]);
        assert_eq!(s.sends_next(["P. 1:1001 ack 1"]), 3_000);
    });
}

/// The window that our SYN has announced holds for data in the SYN-ACK.
#[test]
fn as_much_data_as_was_offered_comes_with_the_syn_ack() {
    let local = tcp::Local { receive_limit: 4 * LIMIT, ..local() };
    connect_with(&local, |s| {
        s.sends(["S 0 win 49152 <mss 1460,sackOK,wscale 1>"]);
        s.recv("S. 0:1001 ack 1 <mss 1000,wscale 0>");
        s.read(1_000);
        s.sends([". 1 ack 1001"]);
    });
}
