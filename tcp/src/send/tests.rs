//! What the sender does, in virtual time.

mod goodput;
mod line;
mod receiver;
mod world;

use std::vec::Vec;

use layer::Instant;
use rt_regions::Slabs;
use testkit::with_pool;

use super::*;

const MSS: u32 = 1000;

/// The stream: these bytes over and over. The length is prime, so that a shift shows.
static PATTERN: [u8; 65_521] = {
    let (mut bytes, mut at) = ([0; _], 0);
    while at < 65_521 {
        bytes[at] = (at ^ ((at >> 8) * 31)) as u8;
        at += 1;
    }
    bytes
};

/// The byte at a position of the stream.
fn pattern(position: u64) -> u8 {
    PATTERN[(position % PATTERN.len() as u64) as usize]
}

fn ack_of(ack: Seq, window: u32) -> Ack<'static> {
    Ack { seq: Seq(1), ack, window, sack: &SackBlocks::NONE, echo: None, has_data: false }
}

fn at(millis: u64) -> Instant {
    Instant::from_millis(millis)
}

/// A sender whose handshake took 100 ms.
fn with_sender(has_sack: bool, test: impl FnOnce(&mut Sender<'_>)) {
    with_pool(2048, |pool| {
        let slabs = Slabs::new(pool, "tcp.buffers");
        let mut sender = Sender::new(&slabs, Seq(1), 1 << 20);
        let rtt = Some(Duration::from_millis(100));
        sender.established(at(0), MSS, has_sack, false, 1 << 20, Seq(1), Seq(1), rtt, false);
        test(&mut sender);
    });
}

/// All that it sends now: the first number, the length with FIN.
fn sent(sender: &mut Sender<'_>, now: Instant) -> Vec<(u32, u32)> {
    let mut all = Vec::new();
    while let Some(segment) = sender.next_segment(now, 1, 64) {
        let length = (segment.data.0.len() + segment.data.1.len()) as u32;
        all.push((segment.seq.0, length + u32::from(segment.fin)));
    }
    all
}

#[test]
fn it_sends_the_initial_window_and_then_what_is_acknowledged() {
    with_sender(true, |sender| {
        assert_eq!(sender.push(&&[7; 50_000][..]), 50_000);
        sender.finish();
        let first = sent(sender, at(0));
        assert_eq!(first, Vec::from_iter((0..10).map(|i| (1 + i * 1000, 1000))));
        let acked = sender.on_ack(at(100), &ack_of(Seq(10_001), 1 << 20));
        assert!(acked.bytes == 10_000 && acked.room_freed && acked.window_opened);
        assert_eq!(sent(sender, at(100)).len(), 20);
        let _ = sender.on_ack(at(200), &ack_of(Seq(30_001), 1 << 20));
        assert_eq!(sent(sender, at(200)).last(), Some(&(49_001, 1001)));
        assert!(sender.on_ack(at(300), &ack_of(Seq(50_002), 1 << 20)).fin);
        assert!(sender.is_empty() && sender.fin_is_acked() && sender.deadline().is_none());
    });
}

#[test]
fn a_lost_segment_is_sent_again_after_three_duplicates() {
    for has_sack in [false, true] {
        with_sender(has_sack, |sender| {
            sender.push(&&[7; 50_000][..]);
            assert_eq!(sent(sender, at(0)).len(), 10);
            let mut again = Vec::new();
            for count in 1..=9 {
                let mut sack = SackBlocks::NONE;
                sack.push(Seq(1001), Seq(1001 + count * 1000));
                let ack = Ack { sack: &sack, ..ack_of(Seq(1), 1 << 20) };
                let _ = sender.on_ack(at(100 + u64::from(count)), &ack);
                let all = sent(sender, at(100 + u64::from(count)));
                again.extend(all.iter().copied().filter(|&(seq, _)| seq == 1));
                assert!(count < 3 || !again.is_empty());
            }
            assert_eq!(again, [(1, 1000)], "sack: {has_sack}");
            assert!(sender.in_recovery());
            let _ = sender.on_ack(at(200), &ack_of(sender.next(), 1 << 20));
            assert!(!sender.in_recovery());
            assert_eq!(sender.cwnd(), 7000);
        });
    }
}

#[test]
fn a_timeout_sends_one_segment_and_doubles() {
    with_sender(false, |sender| {
        sender.push(&&[7; 5000][..]);
        assert_eq!(sent(sender, at(0)).len(), 5);
        assert_eq!(sender.deadline(), Some(at(300)));
        assert_eq!(sender.on_deadline(at(300)), Timeout::None);
        assert_eq!(sent(sender, at(300)), [(1, 1000)]);
        assert_eq!(sender.deadline(), Some(at(900)));
        let _ = sender.on_ack(at(400), &ack_of(Seq(1001), 1 << 20));
        assert_eq!(sent(sender, at(400)), [(1001, 1000), (2001, 1000)]);
    });
}

#[test]
fn a_closed_window_is_probed_until_it_opens() {
    with_sender(true, |sender| {
        sender.push(&&[7; 5000][..]);
        sent(sender, at(0));
        let _ = sender.on_ack(at(100), &ack_of(Seq(5001), 0));
        sender.push(&&[7; 5000][..]);
        assert_eq!(sent(sender, at(100)), []);
        let mut now = at(100);
        for _ in 0..100 {
            let deadline = sender.deadline().unwrap();
            assert!(deadline - now <= Duration::from_secs(120));
            now = deadline;
            assert_eq!(sender.on_deadline(now), Timeout::None);
            assert_eq!(sent(sender, now), [(5001, 1)]);
            let _ = sender.on_ack(now, &ack_of(Seq(5001), 0));
        }
        let _ = sender.on_ack(now, &ack_of(Seq(5001), 5000));
        assert_eq!(sent(sender, now).iter().map(|&(_, length)| length).sum::<u32>(), 5000);
    });
}

#[test]
fn sizes() {
    std::println!(
        "sender {} buffer {} scoreboard {} recovery {} undo {} timers {} congestion {} rtt {} probe {}",
        size_of::<Sender<'_>>(),
        size_of::<Buffer<'_>>(),
        size_of::<Scoreboard<'_>>(),
        size_of::<Recovery>(),
        size_of::<Undo>(),
        size_of::<Timers>(),
        size_of::<Congestion>(),
        size_of::<Rtt>(),
        size_of::<Probe>()
    );
}
