//! The segments that a connection sends.

use core::time::Duration;

use layer::Instant;

use super::{Connection, Owed, State, timers};
use crate::{Flags, Options, SackBlocks, Seq, Timestamps, send::ToSend};

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
        let must_ack = self.receive.must_ack_now() || self.owed.has(Owed::ACK);
        // An acknowledgment of what came out of order has the blocks, for which data leaves no room.
        if must_ack && self.has_sack && !self.receive.sack_blocks(1).is_empty() {
            return Some(self.acknowledgment(now));
        }
        let ack = self.receive.next();
        let window = self.window();
        let mss = self.data_mss() as usize;
        let options = self.usual_options(now);
        let (scale, urgent) = (self.our_scale, self.our_urgent);
        let seq = self.send.acceptable();
        // A pointer counts from the number of its segment: a segment that has one is not cut by others.
        let most = if urgent.is_some() { mss } else { most.max(mss) };
        let segment = match self.send.next_segment(now, most, room) {
            Some(segment) => segment,
            None if !must_ack && !self.owed.has(Owed::URGENT) => return None,
            None => ToSend { seq, data: (&[], &[]), fin: false, push: false, segment_size: 0 },
        };
        self.owed.take(Owed::ACK | Owed::URGENT);
        self.receive.advertised(u32::from(window) << scale);
        self.last_ack = ack;
        let mut flags = Flags::ACK;
        if segment.fin {
            flags = flags.with(Flags::FIN);
        }
        if segment.push && !segment.data.0.is_empty() {
            flags = flags.with(Flags::PSH);
        }
        let urgent = pointer(urgent, segment.seq);
        if urgent > 0 {
            flags = flags.with(Flags::URG);
        }
        Some(Emitted {
            seq: segment.seq,
            ack,
            flags,
            window,
            urgent,
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
        self.owed.take(Owed::ACK | Owed::URGENT);
        let seq = self.send.acceptable();
        let urgent = pointer(self.our_urgent, seq);
        let flags = if urgent > 0 { Flags::ACK.with(Flags::URG) } else { Flags::ACK };
        Emitted { options, urgent, ..bare(seq, ack, flags, window) }
    }

    /// What is owed beside data.
    fn owed_segment(&mut self, now: Instant) -> Option<Emitted<'static>> {
        if self.owed.take(Owed::RESET) {
            self.owed = Owed::default();
            let flags = Flags::RST.with(Flags::ACK);
            let options = self.usual_options(now);
            let reset = bare(self.send.acceptable(), self.receive.next(), flags, 0);
            return Some(Emitted { options, ..reset });
        }
        if self.owed.take(Owed::SYN) {
            return Some(self.syn(now));
        }
        if self.state == State::SynReceived && self.owed.take(Owed::ACK) {
            return Some(self.acknowledgment(now));
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
        None
    }

    /// Our SYN, which acknowledges the peer's if it has come.
    fn syn(&mut self, now: Instant) -> Emitted<'static> {
        let answers = self.state == State::SynReceived;
        let has_scale = !answers || self.our_scale > 0 || self.peer_scale > 0;
        let timestamps = self.has_timestamps.then(|| {
            let echo = if answers { self.ts_recent } else { 0 };
            Timestamps { value: self.timestamp(now), echo }
        });
        let options = Options {
            mss: Some(self.path_mss),
            window_scale: has_scale.then_some(self.our_scale),
            sack_permitted: self.has_sack,
            timestamps,
            sack: SackBlocks::NONE,
        };
        // It runs already if the peer's SYN came again.
        if self.timer == timers::NEVER {
            self.timer = now + self.syn_timeout();
            self.tries = self.tries.saturating_add(1);
        }
        // The window of a SYN is not shifted (RFC 7323 2.2).
        let window = self.receive.window().min(u16::MAX.into());
        let flags = if answers { Flags::SYN.with(Flags::ACK) } else { Flags::SYN };
        let ack = if answers { self.receive.next() } else { Seq(0) };
        self.receive.advertised(window);
        Emitted { options, ..bare(self.iss, ack, flags, window as u16) }
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
        let timer = (self.timer != timers::NEVER).then_some(self.timer);
        let mut deadline = Instant::earliest(timer, self.keepalive_deadline());
        if self.is_established() {
            deadline = Instant::earliest(deadline, self.send.deadline());
            deadline = Instant::earliest(deadline, self.receive.ack_deadline());
        }
        deadline
    }

    pub(super) fn keepalive_deadline(&self) -> Option<Instant> {
        // While data is on its way, its own timer tells (RFC 9293 3.8.4).
        let is_on = self.keepalive > 0
            && self.is_established()
            && self.state != State::TimeWait
            && self.send.is_empty();
        is_on.then(|| {
            let after = Duration::from_millis(self.keepalive.into());
            self.last_heard + after + timers::KEEPALIVE_INTERVAL * u32::from(self.tries)
        })
    }
}

/// The urgent pointer of a segment with the number `seq`: 0 if nothing after it is urgent. What is too far for the
/// field is said by a later one.
fn pointer(urgent: Option<Seq>, seq: Seq) -> u16 {
    urgent.map_or(0, |end| end.distance(seq).clamp(0, u16::MAX.into()) as u16)
}

/// A segment without data and options.
fn bare(seq: Seq, ack: Seq, flags: Flags, window: u16) -> Emitted<'static> {
    let options = Options::default();
    Emitted { seq, ack, flags, window, urgent: 0, options, data: (&[], &[]), segment_size: 0 }
}
