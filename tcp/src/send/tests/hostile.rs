//! Peers that lie.

use testkit::Random;

use super::*;

/// More duplicate acknowledgments than a counter has room for.
#[test]
fn duplicates_without_end_are_counted() {
    for has_sack in [false, true] {
        with_sender(has_sack, |sender| {
            sender.push(&&[7; 20_000][..]);
            sent(sender, at(0));
            for _ in 0..100_000 {
                let _ = sender.acked(at(100), 1);
                sent(sender, at(100));
            }
            assert!(sender.outstanding() <= 20_000);
            let _ = sender.acked(at(200), sender.next().0);
            sent(sender, at(200));
            let _ = sender.acked(at(300), sender.next().0);
            assert!(sender.is_empty());
        });
    }
}

/// CVE-2019-11477 to 11479: the smallest segments there are, and a hole after each.
#[test]
fn the_smallest_segments_and_a_hole_after_each_cost_no_more_than_the_list_has() {
    with_pool(2048, |pool| {
        let slabs = Slabs::new(pool, "tcp.buffers");
        let mut sender = Sender::new(&slabs, Seq(1), 1 << 16);
        sender.established(at(0), 1, true, false, 1 << 20, Seq(1), Seq(1), None, false);
        sender.congestion.window = 1 << 16;
        let bytes = vec![7; 1 << 16];
        sender.push(&&bytes[..]);
        // 8,192 segments of 8 bytes.
        assert_eq!(sent(&mut sender, at(0)).len(), 8192);
        for upwards in [true, false] {
            for hole in 0..4096 {
                let hole = if upwards { hole } else { 4095 - hole };
                let _ = sender.sacked(at(100), 1, &[(hole * 16 + 9, hole * 16 + 17)]);
                sent(&mut sender, at(100));
                sender.check();
            }
        }
        assert!(slabs.pages() <= 16 + 8 + 1, "{} pages", slabs.pages());
        let _ = sender.acked(at(200), 65_537);
        assert!(sender.is_empty());
        drop(sender);
        assert_eq!(slabs.pages(), 0);
    });
}

/// Any acknowledgments at all: nothing panics, the counts agree with the list, and the bytes are there still.
#[test]
fn any_acknowledgment_is_survived() {
    for seed in 0..200 {
        let mut random = Random::new(seed);
        with_pool(300, |pool| {
            // Sometimes there is no memory for the list.
            let slabs = Slabs::new(pool, "tcp.buffers").with_cap(4096 * (16 + random.below(12)));
            let has_sack = !random.once_in(4);
            let first = Seq(random.bits() as u32);
            let mut sender = Sender::new(&slabs, first, 1 << 16);
            let mss = 1 + random.below(1500) as u32;
            let rtt = random.once_in(2).then_some(Duration::from_millis(10));
            sender.established(at(0), mss, has_sack, true, 60_000, Seq(1), first, rtt, false);
            let (mut now, bytes) = (at(0), vec![7; 70_000]);
            for _ in 0..2000 {
                now += Duration::from_micros(random.below(20_000) as u64);
                if random.once_in(3) {
                    sender.push(&&bytes[..random.below(20_000)]);
                }
                if random.once_in(500) {
                    sender.finish();
                }
                if random.once_in(300) {
                    sender.set_mss(1 + random.below(1500) as u32);
                }
                let most = 1 + random.below(65_536);
                for _ in 0..random.below(30) {
                    let Some(segment) = sender.next_segment(now, most, random.below(4)) else {
                        break;
                    };
                    assert!(segment.data.0.iter().chain(segment.data.1).all(|&byte| byte == 7));
                    assert!(
                        segment.fin || !segment.data.0.is_empty(),
                        "a segment without anything"
                    );
                }
                let place = |random: &mut Random, sender: &Sender<'_>| match random.below(8) {
                    0 => Seq(random.bits() as u32),
                    1 => sender.next(),
                    _ => sender.una() + random.below(sender.outstanding() as usize + 2) as u32,
                };
                let mut sack = SackBlocks::NONE;
                for _ in 0..random.below(5) {
                    let start = place(&mut random, &sender);
                    let end = match random.once_in(2) {
                        true => place(&mut random, &sender),
                        false => start + random.below(5000) as u32,
                    };
                    sack.push(start, end);
                }
                let ack = match random.below(10) {
                    0 => sender.una() + random.below(sender.outstanding() as usize + 1) as u32,
                    1 => place(&mut random, &sender),
                    _ => sender.una(),
                };
                let _ = sender.on_ack(
                    now,
                    &Ack {
                        seq: Seq(random.below(3) as u32),
                        ack,
                        window: random.below(100_000) as u32 * u32::from(!random.once_in(10)),
                        sack: &sack,
                        echo: random.once_in(2).then_some(now - at(random.below(50) as u64)),
                        has_data: random.once_in(5),
                    },
                );
                sender.check();
                if sender.deadline().is_some_and(|deadline| deadline <= now) {
                    let _ = sender.on_deadline(now);
                    sender.check();
                }
            }
            drop(sender);
            assert_eq!(slabs.pages(), 0);
        });
    }
}
