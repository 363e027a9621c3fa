use std::{vec, vec::Vec};

use testkit::Random;

use super::*;
use crate::{Options, Timestamps};

const NOW: Instant = Instant::from_millis(5_000);

const OLD: Closed = Closed { snd_nxt: Seq(100), rcv_nxt: Seq(u32::MAX), timestamp: None };
const STAMPED: Closed = Closed { timestamp: Some(1000), ..OLD };

fn ends(number: u32) -> (SocketAddr, SocketAddr) {
    let peer = core::net::Ipv4Addr::from_bits(0x0a01_0000 + number / 50_000);
    let ours = SocketAddr::from(([10, 0, 0, 2], 80));
    (ours, SocketAddr::from((peer, 1024 + (number % 50_000) as u16)))
}

fn table(places: usize) -> TimeWaits<'static> {
    TimeWaits::new(vec![TimeWaitEntry::default(); places].leak(), TIME_WAIT, 7)
}

fn segment(flags: Flags, seq: Seq, timestamp: Option<u32>) -> Segment<'static> {
    let timestamps = timestamp.map(|value| Timestamps { value, echo: 0 });
    Segment {
        ports: [1024, 80],
        seq,
        ack: OLD.snd_nxt,
        flags,
        window: 0,
        urgent: 0,
        options: Options { timestamps, ..Options::default() },
        payload: &[],
        joined: 1,
    }
}

/// The answer of a table that has just this connection.
fn answer(closed: Closed, segment: &Segment<'_>) -> TimeWaitAnswer {
    let (mut waits, (ours, peer)) = (table(8), ends(0));
    waits.remember(NOW, ours, peer, closed);
    waits.on_segment(NOW, ours, peer, segment).unwrap()
}

#[test]
fn only_its_own_segments_are_answered_and_only_for_its_time() {
    let (mut waits, (ours, peer)) = (table(64), ends(0));
    let ack = segment(Flags::ACK, Seq(77), None);
    assert_eq!(waits.on_segment(NOW, ours, peer, &ack), None);
    waits.remember(NOW, ours, peer, OLD);
    assert_eq!(waits.on_segment(NOW, ours, peer, &ack), Some(TimeWaitAnswer::Ack(OLD)));
    for (ours, peer) in [(peer, ours), ends(1), ends(50_000)] {
        assert!(!waits.holds(NOW, ours, peer));
        assert_eq!(waits.on_segment(NOW, ours, peer, &ack), None);
    }
    let last = Instant::from_nanos((NOW + TIME_WAIT).as_nanos() - 1);
    assert!(waits.holds(last, ours, peer) && waits.count(last) == 1);
    assert!(!waits.holds(NOW + TIME_WAIT, ours, peer) && waits.count(NOW + TIME_WAIT) == 0);
    // It came again, and was forgotten.
    waits.remember(NOW + TIME_WAIT, ours, peer, STAMPED);
    waits.remember(NOW + TIME_WAIT, ours, peer, STAMPED);
    assert_eq!(waits.count(NOW + TIME_WAIT), 1);
    waits.forget(NOW + TIME_WAIT, ours, peer);
    assert!(!waits.holds(NOW + TIME_WAIT, ours, peer));
}

/// RFC 9293 3.10.7.4: the peer's FIN comes again because our acknowledgment was lost.
#[test]
fn a_fin_that_comes_again_is_acknowledged_and_begins_the_time_anew() {
    let (mut waits, (ours, peer)) = (table(8), ends(0));
    waits.remember(NOW, ours, peer, STAMPED);
    let later = NOW + Duration::from_secs(30);
    let fin = segment(Flags::FIN.with(Flags::ACK), Seq(u32::MAX - 1), Some(1000));
    assert_eq!(waits.on_segment(later, ours, peer, &fin), Some(TimeWaitAnswer::Ack(STAMPED)));
    assert!(waits.holds(NOW + TIME_WAIT, ours, peer));
    assert!(!waits.holds(later + TIME_WAIT, ours, peer));
    // With data before it, too. Neither an old duplicate of it nor a FIN elsewhere does.
    for (fin, counts) in [
        (Segment { seq: Seq(u32::MAX - 6), payload: b"hello", ..fin }, true),
        (segment(fin.flags, fin.seq, Some(999)), false),
        (Segment { seq: Seq(u32::MAX - 2), ..fin }, false),
        (Segment { seq: Seq(u32::MAX), ..fin }, false),
    ] {
        waits.remember(NOW, ours, peer, STAMPED);
        let answer = waits.on_segment(later, ours, peer, &fin);
        assert_eq!(answer, Some(TimeWaitAnswer::Ack(STAMPED)));
        assert_eq!(waits.holds(NOW + TIME_WAIT, ours, peer), counts, "{fin:?}");
    }
}

#[test]
fn what_is_not_expected_is_acknowledged_and_what_is_expected_is_not() {
    // Two ends in TIME-WAIT do not answer each other.
    assert_eq!(answer(OLD, &segment(Flags::ACK, OLD.rcv_nxt, None)), TimeWaitAnswer::Nothing);
    let ack = TimeWaitAnswer::Ack(OLD);
    assert_eq!(answer(OLD, &segment(Flags::ACK, OLD.rcv_nxt + 1, None)), ack);
    assert_eq!(answer(OLD, &segment(Flags::ACK, Seq(OLD.rcv_nxt.0 - 9), None)), ack);
    let data = Segment { payload: b"x", ..segment(Flags::ACK, OLD.rcv_nxt, None) };
    assert_eq!(answer(OLD, &data), ack);
    assert_eq!(answer(OLD, &segment(Flags::SYN.with(Flags::ACK), Seq(9), None)), ack);
    // RFC 7323 5.3: an old duplicate, by its timestamp.
    let old = segment(Flags::ACK, OLD.rcv_nxt, Some(999));
    assert_eq!(answer(STAMPED, &old), TimeWaitAnswer::Ack(STAMPED));
    let (mut waits, (ours, peer)) = (table(8), ends(0));
    waits.remember(NOW, ours, peer, STAMPED);
    let newer = segment(Flags::ACK, OLD.rcv_nxt, Some(1001));
    assert_eq!(waits.on_segment(NOW, ours, peer, &newer), Some(TimeWaitAnswer::Nothing));
    let last = segment(Flags::ACK, OLD.rcv_nxt, Some(1000));
    let Some(TimeWaitAnswer::Ack(closed)) = waits.on_segment(NOW, ours, peer, &last) else {
        panic!("it is old now")
    };
    assert_eq!(closed.timestamp, Some(1001));
}

/// RFC 1337 3, F1.
#[test]
fn a_reset_does_not_end_it() {
    let (mut waits, (ours, peer)) = (table(8), ends(0));
    waits.remember(NOW, ours, peer, OLD);
    for flags in [Flags::RST, Flags::RST.with(Flags::ACK), Flags::RST.with(Flags::SYN)] {
        for seq in [OLD.rcv_nxt, Seq(5)] {
            let reset = segment(flags, seq, None);
            assert_eq!(waits.on_segment(NOW, ours, peer, &reset), Some(TimeWaitAnswer::Nothing));
        }
    }
    assert!(waits.holds(NOW, ours, peer));
}

/// RFC 6191 2, each of its cases.
#[test]
fn a_syn_opens_a_new_connection() {
    let reuse = TimeWaitAnswer::Reuse(OLD.snd_nxt);
    let nothing = TimeWaitAnswer::Nothing;
    let [before, after] = [Seq(u32::MAX - 1), Seq(u32::MAX)];
    for (closed, seq, timestamp, expected) in [
        (STAMPED, before, Some(1001), reuse),
        (STAMPED, after, Some(1001), reuse),
        (STAMPED, before, Some(1000), nothing),
        (STAMPED, after, Some(1000), reuse),
        (STAMPED, before, Some(999), nothing),
        (STAMPED, after, Some(999), nothing),
        (STAMPED, before, None, nothing),
        (STAMPED, after, None, reuse),
        (OLD, before, Some(0), reuse),
        (OLD, after, Some(0), reuse),
        (OLD, before, None, nothing),
        (OLD, after, None, reuse),
    ] {
        let syn = segment(Flags::SYN, seq, timestamp);
        assert_eq!(answer(closed, &syn), expected, "{closed:?} {syn:?}");
    }
}

/// Three connections for each place: up to three quarters none is lost, then the oldest of 16.
#[test]
fn the_oldest_goes_first_when_there_is_no_room() {
    for seed in 0..20 {
        let storage = vec![TimeWaitEntry::default(); 4096].leak();
        let mut waits = TimeWaits::new(storage, TIME_WAIT, seed);
        let at = |number: u32| NOW + Duration::from_millis(number.into());
        for number in 0..3 * 4096 {
            let (ours, peer) = ends(number);
            waits.remember(at(number), ours, peer, OLD);
            assert!(waits.holds(at(number), ours, peer));
            match number + 1 {
                3072 => assert_eq!(waits.count(at(number)), 3072, "seed {seed}"),
                3686 => assert!(waits.count(at(number)) > 3686 - 3686 / 50, "seed {seed}"),
                _ => {}
            }
        }
        let end = at(3 * 4096);
        assert_eq!(waits.count(end), 4096);
        let held = |number: &u32| {
            let (ours, peer) = ends(*number);
            waits.holds(end, ours, peer)
        };
        let kept: Vec<u32> = (0..3 * 4096).filter(held).collect();
        assert_eq!(kept.len(), 4096);
        // The younger ones are kept, nearly in order: the oldest of them came when the table had been filled once.
        let (oldest, median) = (kept[0], kept[2048]);
        assert!(oldest > 4096 && median > 9_900, "seed {seed}: {oldest}, {median}");
    }
}

/// No entry ever makes the work for another one more: what any call looks at are two sets.
#[test]
fn any_room_and_any_order_will_do() {
    for places in 0..40 {
        let mut waits = table(places);
        let mut random = Random::new(places as u64);
        let mut now = NOW;
        for _ in 0..2_000 {
            let (ours, peer) = ends(random.below(60) as u32);
            now += Duration::from_millis(random.below(3_000) as u64);
            match random.below(4) {
                0 => {
                    waits.remember(now, ours, peer, OLD);
                    assert_eq!(waits.holds(now, ours, peer), places >= WAYS);
                }
                1 => {
                    waits.forget(now, ours, peer);
                    assert!(!waits.holds(now, ours, peer));
                }
                _ => {
                    let held = waits.holds(now, ours, peer);
                    let fin = segment(Flags::FIN.with(Flags::ACK), Seq(u32::MAX - 1), None);
                    assert_eq!(waits.on_segment(now, ours, peer, &fin).is_some(), held);
                }
            }
            assert!(waits.count(now) <= places / WAYS * WAYS);
        }
    }
}
