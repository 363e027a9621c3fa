//! What a segment does to a connection (RFC 9293 3.10.7, RFC 5961, RFC 7323).

use core::time::Duration;

use layer::Instant;

use super::{Broken, Connection, Events, Owed, State, clock, timers};
use crate::{Flags, Segment, Seq, receive::AckNeed, send::Ack, time_wait::TIME_WAIT};

/// Challenge ACKs, and answers to what is outside of the window, are sent no more often than this (RFC 5961 7).
const CHALLENGE_INTERVAL: Duration = Duration::from_millis(500);

/// How long a timestamp of the peer is compared with new ones (RFC 7323 5.5): 24 days.
const TIMESTAMP_LIFE: Duration = Duration::from_secs(24 * 24 * 3600);

impl Connection<'_> {
    /// Takes a segment of the peer, whose checksum is right.
    pub fn on_segment(&mut self, now: Instant, segment: &Segment<'_>) -> Events {
        match self.state {
            // RFC 9293 3.10.7.1.
            State::Closed if segment.flags.contains(Flags::RST) => Events::NONE,
            State::Closed => Events::RESET,
            State::SynSent => self.in_syn_sent(now, segment),
            _ => self.synchronized(now, segment),
        }
    }

    /// RFC 9293 3.10.7.3.
    fn in_syn_sent(&mut self, now: Instant, segment: &Segment<'_>) -> Events {
        let flags = segment.flags;
        let acknowledges = flags.contains(Flags::ACK);
        // Only our SYN can be acknowledged.
        if acknowledges && segment.ack != self.iss + 1 {
            return if flags.contains(Flags::RST) { Events::NONE } else { Events::RESET };
        }
        if flags.contains(Flags::RST) {
            if acknowledges {
                self.close(Some(Broken::Refused));
                return Events::CLOSED;
            }
            return Events::NONE;
        }
        if !flags.contains(Flags::SYN) {
            return Events::NONE;
        }
        self.irs = segment.seq;
        self.last_ack = segment.seq + 1;
        // What our SYN has offered, which counted from a number that was not known yet.
        let offered = self.receive.right_edge() - self.receive.next();
        self.receive.begin(segment.seq);
        self.receive.advertised(offered);
        self.agree(now, &segment.options);
        (self.last_heard, self.error) = (now, None);
        if !acknowledges {
            // Both open (RFC 9293 3.5, figure 7).
            self.state = State::SynReceived;
            (self.timer, self.tries) = (timers::NEVER, 0);
            self.owed.set(Owed::SYN);
            return Events::NONE;
        }
        let rtt = self.handshake_rtt(now, segment);
        // The window of a SYN is never shifted (RFC 7323 2.2).
        self.establish(now, segment, 0, rtt, self.syn_was_lost);
        self.owed.set(Owed::ACK);
        let events = self.take_content(now, &without_syn(segment));
        Events { established: true, writable: true, ..events }
    }

    /// RFC 9293 3.10.7.4.
    fn synchronized(&mut self, now: Instant, segment: &Segment<'_>) -> Events {
        // When both open, the SYN with an acknowledgment comes after one without (RFC 9293 3.5, figure 7).
        let in_syn_received = self.state == State::SynReceived;
        let is_syn = segment.flags.contains(Flags::SYN);
        let (trimmed, scale);
        let segment = if in_syn_received && is_syn && segment.seq == self.irs {
            trimmed = without_syn(segment);
            if !trimmed.flags.contains(Flags::ACK) && !trimmed.flags.contains(Flags::RST) {
                // Our answer was lost.
                self.syn_was_lost = true;
                self.owed.set(Owed::SYN);
                return Events::NONE;
            }
            // The window of a SYN is never shifted (RFC 7323 2.2).
            scale = 0;
            &trimmed
        } else {
            scale = self.peer_scale;
            segment
        };
        let flags = segment.flags;
        let is_reset = flags.contains(Flags::RST);
        // Data whose acknowledgment was lost comes again until it is answered. Of an attacker, a SYN is as little worth as
        // a segment without data.
        let is_limited = is_syn || segment.is_empty();
        if !is_reset && self.is_too_old(now, segment) {
            self.challenge(now, is_limited);
            return Events::NONE;
        }
        if !self.is_acceptable(segment) {
            if !is_reset {
                if self.state == State::TimeWait
                    && flags.contains(Flags::FIN)
                    && segment.seq + segment.len() == self.receive.next()
                {
                    // The peer has not got our acknowledgment of its FIN.
                    self.wait(now);
                }
                if segment.seq.is_before(self.receive.next()) {
                    // A duplicate, which is reported as one (RFC 2883 4).
                    self.receive.on_data(now, segment.seq, segment.payload, false, 1);
                }
                self.challenge(now, is_limited);
            }
            return Events::NONE;
        }
        if is_reset {
            return self.take_reset(now, segment);
        }
        if flags.contains(Flags::SYN) {
            // RFC 5961 4.2.
            self.challenge(now, true);
            return Events::NONE;
        }
        if !flags.contains(Flags::ACK) {
            return Events::NONE;
        }
        let mut events = Events::NONE;
        if in_syn_received {
            if segment.ack != self.iss + 1 {
                return Events::RESET;
            }
            let rtt = self.handshake_rtt(now, segment);
            self.establish(now, segment, scale, rtt, self.syn_was_lost);
            (events.established, events.writable) = (true, true);
        }
        if !self.is_plausible(segment.ack) {
            // No peer acknowledges what was not sent (RFC 5961 5.2).
            self.challenge(now, true);
            return events;
        }
        (self.last_heard, self.error, self.tries) = (now, None, 0);
        self.remember_timestamp(now, segment);
        events = events.and(self.take_ack(now, segment, scale));
        events.and(self.take_content(now, segment))
    }

    /// Whether an acknowledgment can be of this connection: of nothing that was not sent (RFC 9293 3.10.7.4), be it later or
    /// before the first byte, and of nothing that is older than the peer's largest window (RFC 5961 5.2).
    fn is_plausible(&self, ack: Seq) -> bool {
        let acknowledged = self.send.acknowledged_of(self.sent);
        let oldest = u64::from(self.max_window).min(acknowledged).min(i32::MAX as u64);
        !ack.is_after(self.send.next())
            && i64::from(ack.distance(self.send.una())) >= -(oldest as i64)
    }

    /// Takes what a segment has besides its acknowledgment: urgent pointer, data, FIN.
    fn take_content(&mut self, now: Instant, segment: &Segment<'_>) -> Events {
        let is_urgent = segment.flags.contains(Flags::URG)
            && !self.receive.fin_received()
            && self.take_urgent(segment);
        let events = if segment.is_empty() { Events::NONE } else { self.take_data(now, segment) };
        Events { urgent: is_urgent, ..events }
    }

    /// Whether the timestamp shows that the segment is an old duplicate (RFC 7323 5.3 R1).
    fn is_too_old(&self, now: Instant, segment: &Segment<'_>) -> bool {
        match segment.options.timestamps {
            Some(timestamps) if self.has_timestamps => {
                // There are hosts whose SYN has a timestamp of 0, which is no time.
                self.ts_recent != 0
                    && Seq(timestamps.value).is_before(Seq(self.ts_recent))
                    && now.since(self.ts_recent_at) < TIMESTAMP_LIFE
            }
            // A segment without timestamps is accepted all the same, as Linux does.
            _ => false,
        }
    }

    /// Whether any of it is in the window (RFC 9293 3.4, table 6).
    fn is_acceptable(&self, segment: &Segment<'_>) -> bool {
        let (next, edge) = (self.receive.next(), self.receive.right_edge());
        let (first, length) = (segment.seq, segment.len());
        let starts_inside = !first.is_before(next) && first.is_before(edge);
        // While the window is closed, what begins where it is due is looked at: acknowledgments, urgent pointers and
        // resets are taken (MUST-66).
        if starts_inside || first == next {
            return true;
        }
        if length == 0 {
            // A peer that has filled the window, of which something was lost, acknowledges from here: without that, what
            // we send would not be acknowledged until what was lost has come.
            return first == edge && !segment.flags.contains(Flags::RST);
        }
        let last = first + (length - 1);
        first.is_before(next) && !last.is_before(next)
    }

    /// RFC 5961 3.2.
    fn take_reset(&mut self, now: Instant, segment: &Segment<'_>) -> Events {
        if segment.seq != self.receive.next() {
            self.challenge(now, true);
            return Events::NONE;
        }
        let broken = match self.state {
            State::SynReceived => Some(Broken::Refused),
            // All was said.
            State::TimeWait => None,
            _ => Some(Broken::Reset),
        };
        self.close(broken);
        Events::CLOSED
    }

    /// Tells the peer by an acknowledgment where we are. One without data, as an attacker can send many of, is answered
    /// at times only, so that two hosts never answer each other for ever.
    fn challenge(&mut self, now: Instant, limited: bool) {
        if limited {
            if now < self.next_challenge {
                return;
            }
            self.next_challenge = now + CHALLENGE_INTERVAL;
        }
        self.owed.set(Owed::ACK);
    }

    /// RFC 7323 4.3.
    fn remember_timestamp(&mut self, now: Instant, segment: &Segment<'_>) {
        if let Some(timestamps) = segment.options.timestamps
            && self.has_timestamps
            && !segment.seq.is_after(self.last_ack)
        {
            (self.ts_recent, self.ts_recent_at) = (timestamps.value, now);
        }
    }

    /// How long ago we sent the timestamp that the peer echoes; none if we cannot have sent it.
    pub(super) fn echoed(&self, now: Instant, echo: u32) -> Option<Duration> {
        let sent = echo.wrapping_sub(self.ts_offset);
        let age = clock(now).wrapping_sub(sent);
        // No answer takes as long as half an hour.
        (echo != 0 && age < 1 << 21).then(|| Duration::from_millis(age.into()))
    }

    /// Takes the acknowledgment of a segment, whose window is shifted by `scale` bits.
    fn take_ack(&mut self, now: Instant, segment: &Segment<'_>, scale: u8) -> Events {
        let window = u32::from(segment.window) << scale;
        self.max_window = self.max_window.max(window);
        let timestamps = segment.options.timestamps.filter(|_| self.has_timestamps);
        let ack = Ack {
            seq: segment.seq,
            ack: segment.ack,
            window,
            sack: &segment.options.sack,
            echo: timestamps.and_then(|timestamps| self.echoed(now, timestamps.echo)),
            has_data: !segment.is_empty(),
        };
        let acked = self.send.on_ack(now, &ack);
        let mut events = Events { writable: acked.room_freed, ..Events::NONE };
        if let Some(urgent) = self.our_urgent
            && !urgent.is_after(segment.ack)
        {
            self.our_urgent = None;
        }
        if self.send.fin_is_acked() {
            events.writable = true;
            match self.state {
                State::FinWait1 => {
                    self.state = State::FinWait2;
                    // A peer that never ends holds nothing of an application that is gone.
                    self.timer =
                        if self.is_orphan { now + timers::FIN_WAIT_2 } else { timers::NEVER };
                }
                State::Closing => self.wait(now),
                State::LastAck => {
                    self.close(None);
                    events.closed = true;
                }
                _ => {}
            }
        }
        events
    }

    /// Takes an urgent pointer, which never goes back; returns whether it says anything new.
    fn take_urgent(&mut self, segment: &Segment<'_>) -> bool {
        let end = segment.seq + u32::from(segment.urgent);
        let is_new = end.is_after(self.first_unread())
            && self.peer_urgent.is_none_or(|known| end.is_after(known));
        if is_new {
            self.peer_urgent = Some(end);
        }
        is_new
    }

    fn take_data(&mut self, now: Instant, segment: &Segment<'_>) -> Events {
        let fin = segment.flags.contains(Flags::FIN);
        if self.receive.fin_received() {
            // Nothing can follow a FIN.
            self.owed.set(Owed::ACK);
            return Events::NONE;
        }
        if self.is_orphan
            && !segment.payload.is_empty()
            && (segment.seq + segment.payload.len() as u32).is_after(self.receive.next())
        {
            // Nobody will read it (RFC 9293 3.6.1).
            self.abort();
            return Events::CLOSED;
        }
        self.measure_peer(now, segment);
        let arrival = self.receive.on_data(now, segment.seq, segment.payload, fin, segment.joined);
        if arrival.ack == AckNeed::Now {
            self.owed.set(Owed::ACK);
        }
        self.received += u64::from(arrival.new_bytes);
        if arrival.fin {
            match self.state {
                State::Established => self.state = State::CloseWait,
                State::FinWait1 => self.state = State::Closing,
                State::FinWait2 => self.wait(now),
                _ => {}
            }
        }
        Events { readable: arrival.new_bytes > 0 || arrival.fin, ..Events::NONE }
    }

    /// Measures the round-trip time of a peer that sends, by the timestamp that its data echoes: that of an
    /// acknowledgment which let it send (RFC 7323 4.1). Data that does not fill a segment may have waited for its
    /// application. Ticks are milliseconds; less than one counts as one, so that the window is rather too large.
    fn measure_peer(&mut self, now: Instant, segment: &Segment<'_>) {
        if self.has_timestamps
            && self.receive.wants_rtt()
            && segment.payload.len() >= self.data_mss() as usize
            && let Some(timestamps) = segment.options.timestamps
            && let Some(rtt) = self.echoed(now, timestamps.echo)
        {
            self.receive.on_rtt(rtt.max(Duration::from_millis(1)));
        }
    }

    /// Begins TIME-WAIT, or begins it again.
    fn wait(&mut self, now: Instant) {
        self.state = State::TimeWait;
        self.timer = now + TIME_WAIT;
    }
}

/// What follows the SYN of a segment.
fn without_syn<'a>(segment: &Segment<'a>) -> Segment<'a> {
    Segment {
        seq: segment.seq + 1,
        flags: Flags(segment.flags.0 & !Flags::SYN.0),
        urgent: segment.urgent.saturating_sub(1),
        ..*segment
    }
}
