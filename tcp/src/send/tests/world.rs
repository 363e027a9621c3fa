//! A sender, the peer, and a network between them, in virtual time.

use std::time::Duration;

use layer::Instant;
use rt_regions::Slabs;

use super::{
    Ack, PATTERN, Sender, Seq, Timeout,
    line::{Conditions, Line},
    receiver::{Packet, Receiver, Reply},
};

/// The headers of a frame with timestamps, in bytes.
const HEADERS: u64 = 14 + 20 + 32;

/// How a transfer is done.
#[derive(Clone, Copy, Debug)]
pub(super) struct Setup {
    pub(super) there: Conditions,
    pub(super) back: Conditions,
    pub(super) seed: u64,
    pub(super) has_sack: bool,
    pub(super) has_timestamps: bool,
    /// How many bytes the interface cuts.
    pub(super) most: usize,
    pub(super) mss: u32,
    /// What the sender and the peer may buffer.
    pub(super) limits: (u32, u32),
}

impl Setup {
    pub(super) fn both_ways(conditions: Conditions, seed: u64) -> Self {
        Self {
            there: conditions,
            back: conditions,
            seed,
            has_sack: true,
            has_timestamps: true,
            most: 64 << 10,
            mss: 1448,
            limits: (4 << 20, 6 << 20),
        }
    }
}

pub(super) struct World<'p> {
    pub(super) now: Instant,
    pub(super) sender: Sender<'p>,
    pub(super) receiver: Receiver,
    pub(super) there: Line<Packet>,
    pub(super) back: Line<Reply>,
    setup: Setup,
    pushed: u64,
    pub(super) expired: u32,
    pub(super) given_up: bool,
}

impl<'p> World<'p> {
    pub(super) fn new(slabs: &'p Slabs<'p>, setup: Setup) -> Self {
        let first = Seq(u32::MAX - 100_000);
        let mut sender = Sender::new(slabs, first, setup.limits.0);
        let rtt = setup.there.delay + setup.back.delay;
        let now = Instant::from_millis(1000);
        let window = setup.limits.1;
        sender.established(
            now,
            setup.mss,
            setup.has_sack,
            setup.has_timestamps,
            window,
            Seq(1),
            first,
            Some(rtt),
            false,
        );
        Self {
            now,
            sender,
            receiver: Receiver::new(first, setup.has_sack, window),
            there: Line::new(setup.there, setup.seed),
            back: Line::new(setup.back, !setup.seed),
            setup,
            pushed: 0,
            expired: 0,
            given_up: false,
        }
    }

    /// Gives the sender up to `total` bytes, as many as it takes.
    pub(super) fn push(&mut self, total: u64) {
        while self.pushed < total {
            let start = (self.pushed % PATTERN.len() as u64) as usize;
            let length = (PATTERN.len() - start).min((total - self.pushed) as usize);
            let taken = self.sender.push(&&PATTERN[start..start + length]);
            self.pushed += taken as u64;
            if taken < length {
                break;
            }
        }
    }

    pub(super) fn all_pushed(&self, total: u64) -> bool {
        self.pushed == total
    }

    /// The peer reads up to so many bytes, and says that its window is open again.
    pub(super) fn read(&mut self, bytes: u32) {
        let before = self.receiver.window();
        self.receiver.unread -= bytes.min(self.receiver.unread);
        if before < self.setup.mss && self.receiver.window() > before {
            self.reply();
        }
    }

    pub(super) fn flush(&mut self) {
        while let Some(segment) = self.sender.next_segment(self.now, self.setup.most, 64) {
            let size = segment.segment_size as usize;
            let bytes = [segment.data.0, segment.data.1].concat();
            assert!(bytes.len() <= self.setup.most.max(size));
            let count = bytes.len().div_ceil(size).max(1);
            for (index, seq) in (0..count).map(|index| (index, segment.seq + (index * size) as u32))
            {
                let data = bytes[index * size..bytes.len().min((index + 1) * size)].to_vec();
                let fin = segment.fin && index + 1 == count;
                let length = data.len() as u64 + HEADERS;
                let packet = Packet { seq, data, fin, sent: self.now };
                self.there.push(self.now, length, packet);
            }
        }
    }

    /// What happens next. Returns false if nothing does.
    pub(super) fn step(&mut self) -> bool {
        let times = [
            self.there.next_due(),
            self.back.next_due(),
            self.sender.deadline(),
            self.receiver.deadline,
        ];
        let Some(next) = times.into_iter().flatten().min() else {
            return self.there.release(self.now) | self.back.release(self.now);
        };
        if next - self.now > Duration::from_millis(10)
            && self.there.release(self.now) | self.back.release(self.now)
        {
            return true;
        }
        self.now = self.now.max(next);
        while let Some(packet) = self.there.pop(self.now) {
            if self.receiver.receive(self.now, &packet, self.setup.has_timestamps) {
                self.reply();
            }
        }
        if self.receiver.deadline.is_some_and(|deadline| deadline <= self.now) {
            self.reply();
        }
        while let Some(reply) = self.back.pop(self.now) {
            self.take(&reply);
            self.flush();
        }
        if self.sender.deadline().is_some_and(|deadline| deadline <= self.now) {
            let before = self.sender.rto_count();
            self.given_up |= self.sender.on_deadline(self.now) == Timeout::GiveUp;
            self.expired += u32::from(self.sender.rto_count() > before);
            self.flush();
        }
        true
    }

    pub(super) fn reply(&mut self) {
        let reply = self.receiver.reply();
        self.back.push(self.now, HEADERS, reply);
    }

    fn take(&mut self, reply: &Reply) {
        let echo = self.setup.has_timestamps.then(|| {
            // A clock of milliseconds.
            let millis = |at: Instant| at.as_nanos() / 1_000_000;
            Duration::from_millis(millis(self.now) - millis(reply.echo))
        });
        if reply.ack.is_before(self.sender.una()) {
            return;
        }
        assert!(!reply.ack.is_after(self.sender.next()), "more is acknowledged than was sent");
        let _ = self.sender.on_ack(
            self.now,
            &Ack {
                seq: Seq(1),
                ack: reply.ack,
                window: reply.window,
                sack: &reply.sack,
                echo,
                has_data: false,
            },
        );
    }

    /// Transfers `total` bytes as fast as the peer reads, which it does at once. Returns how long that took.
    pub(super) fn transfer(&mut self, total: u64) -> Duration {
        let start = self.now;
        loop {
            self.push(total);
            if self.pushed == total {
                self.sender.finish();
            }
            self.flush();
            if self.sender.fin_is_acked() {
                break;
            }
            assert!(self.step(), "nothing happens any more");
            assert!(!self.given_up, "the sender gave up");
            self.receiver.unread = 0;
        }
        assert_eq!(self.receiver.next, total);
        self.now - start
    }
}
