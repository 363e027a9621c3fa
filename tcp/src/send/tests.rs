//! What the sender does, in virtual time.

mod cost;
mod goodput;
mod hostile;
mod line;
mod loss;
mod random;
mod receiver;
mod timeouts;
mod window;
mod world;

use std::{vec, vec::Vec};

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

/// A moment, some time after the clock began.
fn at(millis: u64) -> Instant {
    Instant::from_millis(1_000_000 + millis)
}

/// A sender whose handshake took 100 ms.
fn with_sender(has_sack: bool, test: impl FnOnce(&mut Sender<'_>)) {
    with_sender_at(100, has_sack, test);
}

/// A sender whose handshake took so many milliseconds.
fn with_sender_at(millis: u64, has_sack: bool, test: impl FnOnce(&mut Sender<'_>)) {
    with_pool(2048, |pool| {
        let slabs = Slabs::new(pool, "tcp.buffers");
        let mut sender = Sender::new(&slabs, Seq(1), 1 << 20);
        let rtt = Some(Duration::from_millis(millis));
        sender.established(at(0), MSS, has_sack, false, 1 << 20, Seq(1), Seq(1), rtt, false);
        test(&mut sender);
    });
}

/// All that it sends from now on, at its pace: the first number, the length with FIN.
fn sent(sender: &mut Sender<'_>, mut now: Instant) -> Vec<(u32, u32)> {
    let mut all = Vec::new();
    loop {
        if let Some(segment) = sender.next_segment(now, 1, 64) {
            let length = (segment.data.0.len() + segment.data.1.len()) as u32;
            all.push((segment.seq.0, length + u32::from(segment.fin)));
        } else if let Some(later) = sender.waits_until() {
            now = later;
        } else {
            return all;
        }
    }
}

/// An acknowledgment with blocks.
fn ack_with(ack: u32, blocks: &[(u32, u32)]) -> (Seq, SackBlocks) {
    let mut sack = SackBlocks::NONE;
    blocks.iter().for_each(|&(start, end)| sack.push(Seq(start), Seq(end)));
    (Seq(ack), sack)
}

impl Sender<'_> {
    /// An acknowledgment, with a window of a megabyte.
    fn acked(&mut self, now: Instant, ack: u32) -> Acked {
        self.on_ack(now, &ack_of(Seq(ack), 1 << 20))
    }

    /// An acknowledgment with blocks, with a window of a megabyte.
    fn sacked(&mut self, now: Instant, ack: u32, blocks: &[(u32, u32)]) -> Acked {
        let (ack, sack) = ack_with(ack, blocks);
        self.on_ack(now, &Ack { sack: &sack, ..ack_of(ack, 1 << 20) })
    }

    /// What the next deadline brings, and when that is.
    fn at_deadline(&mut self) -> (Instant, Vec<(u32, u32)>) {
        let now = self.deadline().expect("a timer runs");
        assert_eq!(self.on_deadline(now), Timeout::None);
        (now, sent(self, now))
    }
}

/// As `sent` gives it: segments of `MSS` from this number to that one.
fn full(from: u32, to: u32) -> Vec<(u32, u32)> {
    (from..to).step_by(MSS as usize).map(|seq| (seq, MSS)).collect()
}

#[test]
fn sizes() {
    assert!(size_of::<Sender<'_>>() <= 400, "{}", size_of::<Sender<'_>>());
}
