//! The segments that a connection sends.

use layer::Instant;

use super::{Connection, Owed, State, start::Local, timers};
use crate::{Flags, Options, SackBlocks, Seq, Timestamps};

/// A segment to be sent, whose ports somebody else knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Emitted<'a> {
    /// The sequence number of its first byte, or of its SYN or FIN.
    pub seq: Seq,
    /// The next number that we expect, if the flag ACK is set.
    pub ack: Seq,
    /// The control bits.
    pub flags: Flags,
    /// The window, as it is in the header.
    pub window: u16,
    /// The urgent pointer, if the flag URG is set.
    pub urgent: u16,
    /// The options.
    pub options: Options,
    /// The data, in two pieces.
    pub data: (&'a [u8], &'a [u8]),
    /// How many bytes of data each segment has that the interface cuts it into, if it has more.
    pub segment_size: u32,
}

impl Connection<'_> {
    /// The next segment to be sent; `None` if there is none now. It is taken as sent.
    ///
    /// `most` is the number of bytes of data in the longest segment that whoever sends it can cut into ones of the size
    /// that the path carries; 0 if nobody can.
    pub fn transmit(&mut self, now: Instant, most: usize, room: usize) -> Option<Emitted<'_>> {
        if self.owed.0 != 0
            && let Some(control) = self.owed_segment(now)
        {
            return Some(Emitted {
                seq: control.seq,
                ack: control.ack,
                flags: control.flags,
                window: control.window,
                urgent: 0,
                options: control.options,
                data: (&[], &[]),
                segment_size: 0,
            });
        }
        if !self.is_established() {
            return None;
        }
        // An acknowledgment of what came out of order has the blocks, for which data leaves no room.
        if self.receive.must_ack_now() && !self.receive.sack_blocks(1).is_empty() && self.has_sack {
            return Some(self.acknowledgment(now));
        }
        let ack = self.receive.next();
        let window = self.window();
        let mss = self.data_mss();
        let options = self.usual_options(now);
        let (scale, urgent) = (self.our_scale, self.our_urgent);
        let (seq, most) = (self.send.next(), most.max(mss as usize));
        let segment = match self.send.next_segment(now, most, room) {
            Some(segment) => segment,
            None if !self.receive.must_ack_now() && !self.owed.has(Owed::ACK) => return None,
            None => {
                self.owed.take(Owed::ACK);
                self.receive.advertised(u32::from(window) << scale);
                self.last_ack = ack;
                return Some(Emitted { options, ..bare(seq, ack, Flags::ACK, window) });
            }
        };
        self.owed.take(Owed::ACK);
        self.receive.advertised(u32::from(window) << scale);
        self.last_ack = ack;
        let mut flags = Flags::ACK;
        if segment.fin {
            flags = flags.with(Flags::FIN);
        }
        if segment.push {
            flags = flags.with(Flags::PSH);
        }
        let mut pointer = 0;
        if let Some(urgent) = urgent
            && urgent.is_after(segment.seq)
        {
            flags = flags.with(Flags::URG);
            pointer = (urgent - segment.seq).min(u16::MAX.into()) as u16;
        }
        Some(Emitted {
            seq: segment.seq,
            ack,
            flags,
            window,
            urgent: pointer,
            options,
            data: segment.data,
            segment_size: segment.segment_size,
        })
    }

    /// An acknowledgment without data.
    fn acknowledgment(&mut self, now: Instant) -> Emitted<'static> {
        let window = self.window();
        let mut options = self.usual_options(now);
        if self.has_sack {
            options.sack = self.receive.sack_blocks(if self.has_timestamps { 3 } else { 4 });
        }
        let ack = self.receive.next();
        self.receive.advertised(u32::from(window) << self.our_scale);
        self.last_ack = ack;
        self.owed.take(Owed::ACK);
        let seq = self.send.next();
        Emitted { options, ..bare(seq, ack, Flags::ACK, window) }
    }

    /// What is owed beside data.
    fn owed_segment(&mut self, now: Instant) -> Option<Emitted<'static>> {
        if self.owed.take(Owed::RESET) {
            self.owed = Owed::default();
            let flags = Flags::RST.with(Flags::ACK);
            return Some(bare(self.send.next(), self.receive.next(), flags, 0));
        }
        if self.owed.take(Owed::SYN) {
            return Some(self.syn(now));
        }
        if !self.is_established() {
            self.owed = Owed::default();
            return None;
        }
        if self.owed.take(Owed::PROBE) {
            // A number that the peer has already acknowledged, so that it answers (RFC 9293 3.8.4).
            let mut probe = self.acknowledgment(now);
            probe.seq = Seq(self.send.una().0.wrapping_sub(1));
            return Some(probe);
        }
        // It goes with data if there is any, unless the blocks say something.
        if !self.receive.sack_blocks(1).is_empty() || self.send.unsent() == 0 {
            return self.owed.take(Owed::ACK).then(|| self.acknowledgment(now));
        }
        None
    }

    /// Our SYN, which acknowledges the peer's if it has come.
    fn syn(&mut self, now: Instant) -> Emitted<'static> {
        let answers = self.state == State::SynReceived;
        let local = Local {
            iss: self.iss,
            ts_offset: self.ts_offset,
            path_mss: self.path_mss,
            send_limit: 0,
            receive_limit: 0,
        };
        let mut options = Options {
            mss: Some(local.path_mss),
            window_scale: Some(self.our_scale),
            sack_permitted: self.has_sack,
            timestamps: None,
            sack: SackBlocks::NONE,
        };
        if answers && self.our_scale == 0 && self.peer_scale == 0 {
            options.window_scale = None;
        }
        if self.has_timestamps {
            let echo = if answers { self.ts_recent } else { 0 };
            options.timestamps = Some(Timestamps { value: self.timestamp(now), echo });
        }
        self.timer = Some(now + self.syn_timeout());
        self.tries = self.tries.saturating_add(1);
        // The window of a SYN is not shifted (RFC 7323 2.2).
        let window = self.receive.window().min(u16::MAX.into());
        let flags = if answers { Flags::SYN.with(Flags::ACK) } else { Flags::SYN };
        let ack = if answers { self.receive.next() } else { Seq(0) };
        self.receive.advertised(window);
        Emitted { options, ..bare(local.iss, ack, flags, window as u16) }
    }

    /// The window to be announced, as it is in the header.
    fn window(&self) -> u16 {
        (self.receive.window() >> self.our_scale).min(u16::MAX.into()) as u16
    }

    /// The options that every segment has.
    fn usual_options(&self, now: Instant) -> Options {
        let timestamps = self
            .has_timestamps
            .then(|| Timestamps { value: self.timestamp(now), echo: self.ts_recent });
        Options { timestamps, ..Options::default() }
    }

    /// When [`on_deadline`](Self::on_deadline) is to be called next.
    pub fn deadline(&self) -> Option<Instant> {
        if self.state == State::Closed {
            return None;
        }
        let mut deadline = Instant::earliest(self.timer, self.keepalive_deadline());
        if self.is_established() {
            deadline = Instant::earliest(deadline, self.send.deadline());
            deadline = Instant::earliest(deadline, self.receive.ack_deadline());
        }
        deadline
    }

    pub(super) fn keepalive_deadline(&self) -> Option<Instant> {
        let after =
            self.keepalive.filter(|_| self.is_established() && self.state != State::TimeWait)?;
        // While data is on its way, its own timer tells (RFC 9293 3.8.4).
        self.send
            .is_empty()
            .then(|| self.last_heard + after + timers::KEEPALIVE_INTERVAL * u32::from(self.tries))
    }
}

/// A segment without data and options.
fn bare(seq: Seq, ack: Seq, flags: Flags, window: u16) -> Emitted<'static> {
    let options = Options::default();
    Emitted { seq, ack, flags, window, urgent: 0, options, data: (&[], &[]), segment_size: 0 }
}
