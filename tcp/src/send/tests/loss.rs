//! What is lost, and what only seems to be.

use super::*;

/// A sender with this many segments in flight.
fn with_flight(segments: u32, has_sack: bool, test: impl FnOnce(&mut Sender<'_>)) {
    with_sender(has_sack, |sender| {
        sender.congestion.window = segments * MSS;
        let bytes = vec![7; 65_536];
        sender.push(&&bytes[..]);
        assert_eq!(sent(sender, at(0)).len() as u32, segments);
        test(sender);
    });
}

/// RFC 5681 3.2, RFC 6675 5: three duplicates mean a loss.
#[test]
fn a_lost_segment_is_sent_again_after_three_duplicates() {
    for has_sack in [false, true] {
        with_flight(10, has_sack, |sender| {
            let mut again = Vec::new();
            for count in 1..=9 {
                let now = at(100);
                let _ = match has_sack {
                    true => sender.sacked(now, 1, &[(1001, 1001 + count * 1000)]),
                    false => sender.acked(now, 1),
                };
                let all = sent(sender, now);
                if count < 3 {
                    // RFC 3042: new data for each of the first two.
                    assert_eq!(all, full(9001 + count * 1000, 10_001 + count * 1000));
                }
                again.extend(all.iter().copied().filter(|&(seq, _)| seq == 1));
                assert_eq!(again.len(), usize::from(count >= 3));
            }
            assert!(sender.in_recovery());
            let _ = sender.acked(at(200), sender.next().0);
            assert!(!sender.in_recovery());
            assert_eq!((sender.cwnd(), sender.ssthresh()), (7000, 7000));
        });
    }
}

/// Fewer duplicates than three: the loss is found by time (RFC 8985 6.2), a quarter of a round trip later.
#[test]
fn a_loss_near_the_end_is_found_by_time() {
    with_flight(2, true, |sender| {
        sender.buffer.consume(0);
        let _ = sender.sacked(at(100), 1, &[(1001, 2001)]);
        let new = sent(sender, at(100));
        assert_eq!(new, [(2001, 1000)]);
        assert_eq!(sender.at_deadline(), (at(125), vec![(1, 1000)]));
        assert!(sender.in_recovery());
    });
}

/// RFC 6675: holes are filled from the lowest on, each once, as the rate is reduced in proportion (RFC 9937).
#[test]
fn holes_are_filled_once_while_the_window_shrinks() {
    with_flight(20, true, |sender| {
        let (mut resent, mut new, mut got) = (Vec::new(), 0, Vec::new());
        for segment in (1..20).filter(|segment| ![5, 9].contains(segment)) {
            got.push((1 + segment * 1000, 1001 + segment * 1000));
            let latest: Vec<_> = got.iter().rev().copied().take(3).collect();
            let _ = sender.sacked(at(100), 1, &latest);
            for (seq, _) in sent(sender, at(100)) {
                match seq < 20_000 {
                    true => resent.push(seq),
                    false => new += 1,
                }
            }
        }
        assert_eq!(resent, [1, 5001, 9001]);
        // Of 17 that arrived, 0.7 times 20/20 each were sent; the first two before the loss was known.
        assert_eq!(sender.ssthresh(), 14_000);
        assert!((8..=11).contains(&new), "{new}");
        assert!(sender.in_flight() <= 14_000, "{}", sender.in_flight());
    });
}

/// RFC 6582 3.2: without SACK, a partial acknowledgment means that the next segment is lost too.
#[test]
fn a_partial_acknowledgment_shows_the_next_loss() {
    with_flight(10, false, |sender| {
        for _ in 0..3 {
            let _ = sender.acked(at(100), 1);
        }
        assert!(sent(sender, at(100)).contains(&(1, 1000)));
        for _ in 0..4 {
            let _ = sender.acked(at(101), 1);
            sent(sender, at(101));
        }
        let _ = sender.acked(at(200), 4001);
        assert!(sent(sender, at(200)).contains(&(4001, 1000)));
        assert!(sender.in_recovery());
        let _ = sender.acked(at(300), sender.recovery.point.0);
        assert!(!sender.in_recovery());
        assert_eq!(sender.rto_count(), 0);
    });
}

/// What was sent again is lost again: what was sent later arrives, and that shows (RFC 8985 6.2).
#[test]
fn a_retransmission_that_is_lost_is_sent_a_third_time() {
    with_flight(10, true, |sender| {
        let _ = sender.sacked(at(100), 1, &[(1001, 10_001)]);
        assert_eq!(sent(sender, at(100))[0], (1, 1000));
        let end = sender.next().0;
        assert!(end > 10_001, "new data follows");
        let _ = sender.sacked(at(200), 1, &[(1001, end)]);
        assert_eq!(sent(sender, at(200))[0], (1, 1000));
        assert_eq!((sender.rto_count(), sender.ssthresh()), (0, 7000));
    });
}

/// RFC 8985 7: the end of a flight is lost, and so is the probe; another one finds out, long before the timer.
#[test]
fn a_lost_end_is_found_by_probes() {
    with_sender_at(10, true, |sender| {
        sender.push(&&[7; 4000][..]);
        sent(sender, at(0));
        let _ = sender.acked(at(10), 2001);
        // The last segment, after two round trips and 1 ms, and again after twice as long.
        assert_eq!(sender.at_deadline(), (at(31), vec![(3001, 1000)]));
        assert_eq!(sender.at_deadline(), (at(73), vec![(3001, 1000)]));
        // It arrives, so the segment before it was lost.
        let _ = sender.sacked(at(83), 2001, &[(3001, 4001)]);
        let (now, again) = sender.at_deadline();
        assert_eq!(again, [(2001, 1000)]);
        let _ = sender.acked(now, 4001);
        assert!(sender.is_empty() && sender.rto_count() == 0);
        assert!(sender.ssthresh() < u32::MAX, "it counts as a loss");
    });
}

/// RFC 8985 7.4.2: a probe that repaired what was lost makes the window fall; one that came twice does not.
#[test]
fn a_probe_that_repairs_counts_as_a_loss() {
    for came_twice in [false, true] {
        with_sender(true, |sender| {
            sender.push(&&[7; 2000][..]);
            sent(sender, at(0));
            let (now, probe) = sender.at_deadline();
            assert_eq!(probe, [(1001, 1000)]);
            sender.push(&&[7; 1000][..]);
            sent(sender, now);
            let blocks = [(1001, 2001)];
            let _ = sender.sacked(now, 3001, if came_twice { &blocks } else { &[] });
            assert_eq!(sender.ssthresh() < u32::MAX, !came_twice);
        });
    }
}

/// RFC 3708, RFC 4015: everything that was sent again came twice, so nothing was lost.
#[test]
fn a_reduction_is_undone_when_data_came_twice() {
    with_flight(10, true, |sender| {
        let _ = sender.sacked(at(100), 1, &[(1001, 5001)]);
        assert!(sent(sender, at(100)).contains(&(1, 1000)));
        assert!(sender.in_recovery() && sender.ssthresh() == 7000);
        // The first transmission was late.
        let _ = sender.acked(at(101), 10_001);
        assert!(!sender.in_recovery() && sender.cwnd() == 7000);
        let (ack, sack) = ack_with(sender.next().0, &[(1, 1001)]);
        let _ = sender.on_ack(at(200), &Ack { sack: &sack, ..ack_of(ack, 1 << 20) });
        assert_eq!((sender.cwnd(), sender.ssthresh()), (11_000, u32::MAX));
        assert!(sender.recovery.reordering);
    });
}

/// A path that reorders: data that is late by less than a quarter of a round trip is not sent again (RFC 8985 6.2).
#[test]
fn late_data_gets_time_once_the_path_is_known_to_reorder() {
    with_flight(10, true, |sender| {
        let _ = sender.sacked(at(100), 1, &[(1001, 2001)]);
        let _ = sender.acked(at(101), 2001);
        assert!(sender.recovery.reordering);
        sent(sender, at(101));
        let _ = sender.sacked(at(110), 2001, &[(3001, 9001)]);
        assert!(!sent(sender, at(110)).contains(&(2001, 1000)));
        let _ = sender.acked(at(120), 9001);
        assert!(!sender.in_recovery() && sender.retransmitted() == 0);
        assert_eq!(sender.ssthresh(), u32::MAX);
    });
}

/// RFC 3522: the echoed timestamp is older than the retransmission, so the timeout was for nothing.
#[test]
fn a_timeout_that_came_too_early_is_undone() {
    with_flight(10, true, |sender| {
        let mut now = at(0);
        while sender.rto_count() == 0 {
            (now, _) = sender.at_deadline();
        }
        assert_eq!(sender.cwnd(), MSS);
        let later = now + Duration::from_millis(5);
        let echo = Some(later - at(0));
        let _ = sender.on_ack(later, &Ack { echo, ..ack_of(Seq(1001), 1 << 20) });
        assert!(!sender.in_recovery());
        assert_eq!((sender.cwnd(), sender.ssthresh()), (11_000, u32::MAX));
        // Nothing of the rest is sent again.
        assert!(sent(sender, later).iter().all(|&(seq, _)| seq > 10_000));
    });
}

/// RFC 2018 8: data that was sacked is kept, and sent again if the peer dropped it.
#[test]
fn a_peer_may_drop_what_it_sacked() {
    with_flight(10, true, |sender| {
        let _ = sender.sacked(at(100), 1, &[(1001, 10_001)]);
        sent(sender, at(100));
        // It dropped all of it, and gets the first segment only.
        let _ = sender.acked(at(200), 1001);
        let (mut now, mut got) = (at(200), 1001);
        while got < 10_001 {
            for (seq, length) in sent(sender, now) {
                if seq == got {
                    got += length;
                }
            }
            let _ = sender.acked(now, got);
            if got < 10_001 {
                now = sender.deadline().expect("a timer runs");
                assert!(now < at(5000), "it stalls at {got}");
                let _ = sender.on_deadline(now);
            }
        }
    });
}

/// After a timeout everything in flight counts as lost, but for what was sacked (RFC 6675 5.1).
#[test]
fn after_a_timeout_all_but_the_sacked_is_sent_again() {
    with_flight(10, true, |sender| {
        let _ = sender.sacked(at(100), 1, &[(3001, 4001)]);
        let mut now = at(100);
        while sender.rto_count() == 0 {
            (now, _) = sender.at_deadline();
        }
        let (mut again, mut ack) = (Vec::new(), 1);
        for next in [1001, 2001, 4001, 5001, 6001, 7001, 8001, 9001, 10_001] {
            again.extend(sent(sender, now).into_iter().filter(|&(seq, _)| seq <= 9001));
            assert!(ack < next);
            ack = next;
            let _ = sender.acked(now, ack);
        }
        assert!(!again.contains(&(3001, 1000)), "{again:?}");
    });
}

/// RFC 1191, RFC 4821: what is in flight is sent again in smaller segments, and the threshold stays.
#[test]
fn a_smaller_mtu_makes_smaller_segments() {
    with_flight(10, true, |sender| {
        sender.set_mss(400);
        assert_eq!(sent(sender, at(10))[..2], [(1, 400), (401, 400)]);
        let (mut ack, mut now) = (1, 10);
        while ack < 10_001 {
            ack += 400;
            now += 1;
            let _ = sender.acked(at(now), ack.min(10_001));
            assert!(sent(sender, at(now)).iter().all(|&(_, length)| length <= 400));
        }
        assert_eq!(sender.rto_count(), 0);
    });
}

#[test]
fn two_timeouts_of_full_segments_look_like_a_black_hole() {
    with_sender(false, |sender| {
        sender.push(&&[7; 3000][..]);
        sent(sender, at(0));
        let _ = sender.at_deadline();
        assert!(!sender.black_hole_suspected());
        let _ = sender.at_deadline();
        assert!(sender.black_hole_suspected());
        sender.set_mss(500);
        assert!(!sender.black_hole_suspected());
    });
    with_sender(false, |sender| {
        sender.push(&&[7; 300][..]);
        sent(sender, at(0));
        let _ = (sender.at_deadline(), sender.at_deadline(), sender.at_deadline());
        assert!(!sender.black_hole_suspected(), "a small segment would have passed");
    });
}
