//! What is sent when: the windows, small segments, the growth of the congestion window.

use super::*;

#[test]
fn it_sends_the_initial_window_and_then_what_is_acknowledged() {
    with_sender(true, |sender| {
        assert_eq!(sender.push(&&[7; 50_000][..]), 50_000);
        sender.finish();
        assert_eq!((sender.push(&&[7; 1][..]), sender.is_finished()), (0, true));
        assert_eq!(sent(sender, at(0)), full(1, 10_001));
        let acked = sender.acked(at(100), 10_001);
        assert!(acked.bytes == 10_000 && acked.room_freed && acked.window_opened && !acked.fin);
        assert_eq!(sent(sender, at(100)), full(10_001, 30_001));
        let _ = sender.acked(at(200), 30_001);
        assert_eq!(sent(sender, at(200)).last(), Some(&(49_001, 1001)));
        assert_eq!(sender.next(), Seq(50_002));
        let acked = sender.acked(at(300), 50_002);
        assert!(acked.fin && acked.bytes == 20_000);
        assert!(sender.is_empty() && sender.fin_is_acked() && sender.deadline().is_none());
    });
}

/// Each segment that the interface cuts takes a place in its queue: none is dropped there.
#[test]
fn a_super_segment_is_no_larger_than_there_is_room_for() {
    with_sender_at(1, true, |sender| {
        sender.push(&&[7; 50_000][..]);
        for (room, length) in [(3, 3000), (1, 1000), (usize::MAX, 6000)] {
            let segment = sender.next_segment(at(0), 65_000, room).expect("the window is open");
            assert_eq!(segment.data.0.len() + segment.data.1.len(), length, "room for {room}");
        }
        assert_eq!(sender.next_segment(at(0), 65_000, 0), None);
    });
}

#[test]
fn a_super_segment_is_cut_to_whole_segments() {
    with_sender_at(1, true, |sender| {
        sender.push(&&[7; 50_000][..]);
        let segment = sender.next_segment(at(0), 6500, 64).expect("the window is open");
        assert_eq!((segment.data.0.len(), segment.segment_size), (6000, MSS));
        assert!(!segment.push && !segment.fin);
        let rest = sender.next_segment(at(0), 6500, 64).expect("the window is open");
        assert_eq!(rest.data.0.len(), 4000);
        assert_eq!(sender.next_segment(at(0), 6500, 64), None);
        // The interface has no room.
        let _ = sender.acked(at(100), 10_001);
        assert_eq!(sender.next_segment(at(100), 6500, 0), None);
        assert!(sender.next_segment(at(100), 6500, 1).is_some());
    });
}

/// RFC 5681 3.1: "IW = 1 SMSS" if the SYN was lost; RFC 6928 2 otherwise.
#[test]
fn the_initial_window() {
    for (mss, syn_was_lost, window) in
        [(1000, true, 1000), (1000, false, 10_000), (1460, false, 14_600), (8960, false, 17_920)]
    {
        with_pool(64, |pool| {
            let slabs = Slabs::new(pool, "tcp.buffers");
            let mut sender = Sender::new(&slabs, Seq(1), 1 << 16);
            sender.established(at(0), mss, true, true, 1 << 16, Seq(1), Seq(1), None, syn_was_lost);
            assert_eq!(sender.cwnd(), window);
        });
    }
}

/// RFC 1122 4.2.3.4, as Minshall has it: one small segment at a time.
#[test]
fn a_small_segment_waits_for_the_one_before() {
    with_sender(true, |sender| {
        sender.push(&&[7; 10][..]);
        assert_eq!(sent(sender, at(0)), [(1, 10)]);
        sender.push(&&[7; 1500][..]);
        assert_eq!(sent(sender, at(1)), [(11, 1000)]);
        let _ = sender.acked(at(100), 11);
        assert_eq!(sent(sender, at(100)), [(1011, 500)]);
        // FIN does not wait, nor does what it follows.
        sender.push(&&[7; 20][..]);
        assert_eq!(sent(sender, at(100)), []);
        sender.finish();
        assert_eq!(sent(sender, at(100)), [(1511, 21)]);
    });
}

#[test]
fn without_delay_small_segments_do_not_wait() {
    with_sender(true, |sender| {
        sender.set_nodelay(true);
        for count in 0..5 {
            sender.push(&&[7; 10][..]);
            assert_eq!(sent(sender, at(0)), [(1 + count * 10, 10)]);
        }
    });
}

/// RFC 1122 4.2.3.4 (3): a peer whose window never was large gets what fits.
#[test]
fn a_window_that_is_always_small_is_used() {
    with_pool(64, |pool| {
        let slabs = Slabs::new(pool, "tcp.buffers");
        let mut sender = Sender::new(&slabs, Seq(1), 1 << 16);
        sender.established(at(0), MSS, true, false, 600, Seq(1), Seq(1), None, false);
        sender.push(&&[7; 5000][..]);
        assert_eq!(sent(&mut sender, at(0)), [(1, 600)]);
        let _ = sender.on_ack(at(1), &ack_of(Seq(601), 600));
        assert_eq!(sent(&mut sender, at(1)), [(601, 600)]);
    });
}

/// RFC 9293 3.10.7.4: an older segment does not change the window.
#[test]
fn an_old_window_is_not_believed() {
    with_sender(true, |sender| {
        let _ = sender.on_ack(at(1), &Ack { seq: Seq(100), ..ack_of(Seq(1), 5000) });
        let _ = sender.on_ack(at(2), &Ack { seq: Seq(50), ..ack_of(Seq(1), 9000) });
        assert_eq!(sender.window(), 5000);
        let _ = sender.on_ack(at(2), &Ack { seq: Seq(100), ..ack_of(Seq(1), 7000) });
        assert_eq!(sender.window(), 7000);
    });
}

/// Savage et al. 1999: many acknowledgments for one segment make the window grow no faster than one.
#[test]
fn split_acknowledgments_gain_nothing() {
    let grown = |step: u32| {
        let mut window = 0;
        with_sender(true, |sender| {
            sender.push(&&[7; 50_000][..]);
            sent(sender, at(0));
            for ack in (1..=10_001).step_by(step as usize) {
                let _ = sender.acked(at(100), ack);
            }
            window = sender.cwnd();
        });
        window
    };
    assert_eq!((grown(1), grown(1000)), (20_000, 20_000));
}

/// RFC 9438 5.8, RFC 7661: a window that is not used does not grow.
#[test]
fn a_window_that_is_not_used_does_not_grow() {
    with_sender(true, |sender| {
        for round in 0..100 {
            sender.push(&&[7; 3000][..]);
            sent(sender, at(round * 100));
            let ack = sender.next();
            let _ = sender.on_ack(at(round * 100 + 100), &ack_of(ack, 1 << 20));
        }
        assert_eq!(sender.cwnd(), 10_000);
    });
}

/// RFC 5681 4.1: after a pause of more than a retransmission timeout, the window is the initial one.
#[test]
fn after_a_pause_the_window_is_the_initial_one() {
    with_sender(true, |sender| {
        let mut ack = 1;
        for round in 0..4 {
            sender.push(&&[7; 100_000][..]);
            sent(sender, at(round * 100));
            ack = sender.next().0;
            let _ = sender.acked(at(round * 100 + 100), ack);
        }
        let window = sender.cwnd();
        assert_eq!(window, 160_000);
        sent(sender, at(400));
        ack = sender.next().0.max(ack);
        let _ = sender.acked(at(500), ack);
        assert!(sender.is_empty());
        sender.push(&&[7; 100_000][..]);
        sent(sender, at(600));
        assert!(sender.cwnd() >= window, "a short pause does no harm");
        let _ = sender.acked(at(700), sender.next().0);
        sender.push(&&[7; 100_000][..]);
        assert_eq!(sent(sender, at(10_000)).len(), 10);
    });
}

/// What more can be buffered grows with the congestion window, up to the limit.
#[test]
fn the_buffer_grows_with_the_window() {
    with_sender(true, |sender| {
        assert_eq!(sender.room(), 64 << 10);
        let bytes = vec![7; 4 << 20];
        let mut now = 0;
        while sender.room() + (sender.buffer.len() as usize) < 1 << 20 {
            assert!(now < 2000, "it does not grow beyond {}", sender.room());
            let room = sender.room();
            assert_eq!(sender.push(&&bytes[..]), room);
            sent(sender, at(now));
            now += 100;
            let acked = sender.on_ack(at(now), &ack_of(sender.next(), 1 << 20));
            assert!(acked.room_freed);
        }
        let room = sender.room();
        assert_eq!((sender.push(&&bytes[..]), sender.room()), (room, 0));
    });
}

/// What a window allows beyond the first ten segments goes at its pace: in CUBIC's steady state, 1.2 windows in a round trip.
#[test]
fn a_large_window_is_not_sent_in_a_burst() {
    for (rtt, is_paced) in [(100, true), (1, false)] {
        with_sender_at(rtt, true, |sender| {
            (sender.congestion.window, sender.congestion.threshold) = (200_000, 200_000);
            let bytes = vec![7; 200_000];
            sender.buffer.push(&&bytes[..], bytes.len());
            let (mut now, mut last, mut at_once) = (at(0), at(0), Vec::new());
            while sender.unsent() > 0 {
                last = now;
                let mut sent = 0;
                while let Some(segment) = sender.next_segment(now, 65_536, 64) {
                    sent += segment.data.0.len() + segment.data.1.len();
                }
                at_once.push(sent);
                now = sender.deadline().expect("it goes on");
            }
            assert_eq!(at_once.len() > 1, is_paced, "{at_once:?}");
            if is_paced {
                // 2,400 bytes go in a millisecond.
                assert!(at_once[0] <= 14_000, "{at_once:?}");
                assert!(at_once[1..].iter().all(|&bytes| bytes <= 3000), "{at_once:?}");
                let took = (last - at(0)).as_millis();
                assert!((70..=84).contains(&took), "{took} ms");
            }
        });
    }
}
