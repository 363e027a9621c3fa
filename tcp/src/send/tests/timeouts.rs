//! Timers: retransmission (RFC 6298 5), probes of a closed window (RFC 9293 3.8.6.1), the end of patience.

use super::*;

/// RFC 6298 5.1: "Every time a packet containing data is sent [...], if the timer is not running, start it running".
#[test]
fn the_timer_starts_with_the_first_data() {
    with_sender(false, |sender| {
        assert_eq!(sender.deadline(), None);
        sender.push(&&[7; 1000][..]);
        sent(sender, at(50));
        assert_eq!(sender.deadline(), Some(at(350)));
        // It runs already.
        sender.push(&&[7; 1000][..]);
        sent(sender, at(100));
        assert_eq!(sender.deadline(), Some(at(350)));
    });
}

/// RFC 6298 5.2: "When all outstanding data has been acknowledged, turn off the retransmission timer."
#[test]
fn the_timer_ends_with_the_last_acknowledgment() {
    with_sender(false, |sender| {
        sender.push(&&[7; 2000][..]);
        sent(sender, at(0));
        let _ = sender.acked(at(100), 2001);
        assert_eq!(sender.deadline(), None);
    });
}

/// RFC 6298 5.3: "When an ACK is received that acknowledges new data, restart the retransmission timer".
#[test]
fn new_data_acknowledged_restarts_the_timer() {
    with_sender(false, |sender| {
        sender.push(&&[7; 2000][..]);
        sent(sender, at(0));
        let _ = sender.acked(at(100), 1001);
        assert_eq!(sender.deadline(), Some(at(400)));
    });
}

/// RFC 6298 5.4 to 5.6: the earliest segment is sent again, the timeout doubles, and the timer starts.
#[test]
fn a_timeout_sends_one_segment_and_doubles() {
    with_sender(false, |sender| {
        sender.push(&&[7; 5000][..]);
        assert_eq!(sent(sender, at(0)).len(), 5);
        assert_eq!(sender.at_deadline(), (at(300), vec![(1, 1000)]));
        assert_eq!(sender.at_deadline(), (at(900), vec![(1, 1000)]));
        assert_eq!(sender.deadline(), Some(at(2100)));
        assert_eq!((sender.rto_count(), sender.cwnd()), (2, MSS));
        let _ = sender.acked(at(1000), 1001);
        assert_eq!(sent(sender, at(1000)), full(1001, 3001));
        // What was sent twice is not timed (3), so the timeout is the doubled one still.
        assert_eq!((sender.rto_count(), sender.deadline()), (0, Some(at(2200))));
    });
}

/// Duplicate acknowledgments do not put the timeout off.
#[test]
fn duplicates_do_not_restart_the_timer() {
    for has_sack in [false, true] {
        with_sender(has_sack, |sender| {
            sender.push(&&[7; 2000][..]);
            sent(sender, at(0));
            let mut expired = None;
            for millis in 1..2000 {
                let _ = sender.acked(at(millis), 1);
                if sender.deadline().is_some_and(|deadline| deadline <= at(millis)) {
                    let _ = sender.on_deadline(at(millis));
                    sent(sender, at(millis));
                }
                if sender.rto_count() == 1 {
                    expired.get_or_insert(millis);
                }
            }
            // With SACK there is a probe before it, after 201 ms.
            assert_eq!(expired, Some(if has_sack { 501 } else { 300 }));
        });
    }
}

/// RFC 9293 3.8.3: R2 is at least 100 s.
#[test]
fn a_peer_that_is_gone_is_given_up() {
    with_sender(false, |sender| {
        sender.push(&&[7; 2000][..]);
        sent(sender, at(0));
        for _ in 0..15 {
            let _ = sender.at_deadline();
        }
        let last = sender.deadline().expect("it tries until the end");
        assert!(last > at(100_000) && last < at(1_800_000), "{last}");
        assert_eq!(sender.on_deadline(last), Timeout::GiveUp);
        assert_eq!(sender.deadline(), None);
    });
}

#[test]
fn the_user_can_set_for_how_long() {
    with_sender(true, |sender| {
        sender.set_user_timeout(Some(Duration::from_secs(2)));
        sender.push(&&[7; 2000][..]);
        sent(sender, at(1000));
        // Progress counts.
        let _ = sender.acked(at(1500), 1001);
        let mut now = at(1500);
        while now < at(3500) {
            now = sender.deadline().expect("a timer runs");
            let given_up = sender.on_deadline(now) == Timeout::GiveUp;
            assert_eq!(given_up, now == at(3500), "{now}");
            sent(sender, now);
        }
    });
}

/// RFC 9293 3.8.6.1: "As long as the receiving TCP peer continues to send acknowledgments in response to the probe segments,
/// the sending TCP peer MUST allow the connection to stay open", and "SHOULD increase exponentially the interval".
#[test]
fn a_closed_window_is_probed_until_it_opens() {
    with_sender(true, |sender| {
        sender.push(&&[7; 5000][..]);
        sent(sender, at(0));
        let _ = sender.on_ack(at(100), &ack_of(Seq(5001), 0));
        sender.push(&&[7; 5000][..]);
        assert_eq!(sent(sender, at(100)), []);
        let (mut before, mut wait) = (at(100), Duration::ZERO);
        for _ in 0..100 {
            let (now, probe) = sender.at_deadline();
            assert_eq!(probe, [(5001, 1)]);
            assert!(now - before >= wait && now - before <= Duration::from_secs(120));
            (before, wait) = (now, now - before);
            let _ = sender.on_ack(now, &ack_of(Seq(5001), 0));
            assert_eq!((sent(sender, now), sender.cwnd()), (vec![], 10_000));
        }
        assert_eq!(wait, Duration::from_secs(120));
        // The probe was not taken; it is sent again with what follows.
        assert!(sender.on_ack(before, &ack_of(Seq(5001), 5000)).window_opened);
        assert_eq!(sent(sender, before), full(5001, 10_001));
    });
}

/// The window update is lost: only the probe finds out.
#[test]
fn a_lost_window_update_is_found_by_a_probe() {
    with_sender(true, |sender| {
        sender.push(&&[7; 9000][..]);
        sent(sender, at(0));
        // The window closes while data is in flight.
        let _ = sender.on_ack(at(100), &ack_of(Seq(5001), 4000));
        let _ = sender.on_ack(at(101), &ack_of(Seq(9001), 0));
        sender.push(&&[7; 3000][..]);
        assert_eq!(sent(sender, at(101)), []);
        let (now, probe) = sender.at_deadline();
        assert_eq!(probe, [(9001, 1)]);
        // The peer takes the byte, since its window is open.
        let _ = sender.on_ack(now, &ack_of(Seq(9002), 3000));
        assert_eq!(sent(sender, now), [(9002, 1000), (10_002, 1000), (11_002, 999)]);
    });
}

/// A window that is smaller than a segment and than half of what there was: the sender waits, but not for ever (RFC 1122
/// 4.2.3.4).
#[test]
fn a_small_window_is_used_after_a_while() {
    with_sender(true, |sender| {
        let _ = sender.on_ack(at(10), &ack_of(Seq(1), 300));
        sender.push(&&[7; 5000][..]);
        assert_eq!(sent(sender, at(10)), []);
        let (now, probe) = sender.at_deadline();
        assert_eq!((now, probe), (at(310), vec![(1, 300)]));
        let _ = sender.on_ack(now, &ack_of(Seq(301), 2000));
        assert_eq!(sent(sender, now), [(301, 1000), (1301, 1000)]);
    });
}

/// A window that is taken back: what is in flight beyond it is sent again, and the connection lives as long as the peer
/// says that it is closed.
#[test]
fn a_window_that_shrinks_is_survived() {
    with_sender(true, |sender| {
        sender.push(&&[7; 3000][..]);
        sent(sender, at(0));
        let mut now = at(100);
        for _ in 0..50 {
            let _ = sender.on_ack(now, &ack_of(Seq(1), 0));
            (now, _) = sender.at_deadline();
        }
        assert!(sender.cwnd() >= 10_000);
        let _ = sender.on_ack(now, &ack_of(Seq(1), 3000));
        let (mut got, mut rounds) = (1, 0);
        while got < 3001 {
            for (seq, length) in sent(sender, now) {
                if seq <= got {
                    got = got.max(seq + length);
                }
            }
            let _ = sender.on_ack(now, &ack_of(Seq(got), 3000));
            if let Some(deadline) = sender.deadline().filter(|_| got < 3001) {
                now = deadline;
                let _ = sender.on_deadline(now);
            }
            rounds += 1;
            assert!(rounds < 10, "it stalls at {got}");
        }
    });
}
