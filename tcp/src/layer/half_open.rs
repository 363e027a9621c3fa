//! Segments of peers that have sent a SYN, and our answers to them (RFC 9293 3.10.7.4, SYN-RECEIVED).

use core::time::Duration;

use layer::Instant;
use network::Network;

use super::{Tcp, accept::syn_ack, transmit::control};
use crate::{
    Flags, Options, Segment, Seq,
    connection::{Emitted, Handshake, clock},
    connections::{Due, HalfOpen, Inner, answer_timestamps},
};

/// Challenges are sent no more often than this to one peer (RFC 5961 7).
const CHALLENGE_INTERVAL: Duration = Duration::from_millis(500);

impl<I: Network> Tcp<I> {
    /// Takes a segment of a peer that has sent a SYN.
    pub(super) fn take_half_open(
        &mut self,
        now: Instant,
        place: usize,
        half_open: &HalfOpen,
        segment: &Segment<'_>,
    ) -> Result<(), I::Error> {
        let connections = self.connections;
        let HalfOpen { tuple, irs, iss, options, .. } = *half_open;
        let flags = segment.flags;
        let mss = self.path_mss(now, &tuple);
        let window = connections.inner.borrow().local(&tuple, iss, mss).first_window();
        let offset = segment.seq.distance(irs + 1);
        // What begins before the window and ends in it is inside, too (RFC 9293 3.4).
        let end = offset.saturating_add(segment.len() as i32);
        let is_inside = (0..i32::from(window)).contains(&offset) || offset < 0 && end > 0;
        if flags.contains(Flags::RST) {
            // RFC 5961 3.2. The port goes on listening (MUST-11).
            match offset {
                0 => connections.inner.borrow_mut().half_open.remove(place),
                _ if is_inside => return self.challenge(now, place),
                _ => {}
            }
            return Ok(());
        }
        if flags.contains(Flags::SYN) {
            if segment.seq != irs || flags.contains(Flags::ACK) {
                // Another one: the peer tells by a reset whether it means it (RFC 5961 4.2).
                return self.challenge(now, place);
            }
            let answer = {
                let mut inner = connections.inner.borrow_mut();
                let Some(entry) = inner.half_open.get(place) else { return Ok(()) };
                // Our answer was lost. Which one an acknowledgment is for will not be known.
                entry.was_repeated = true;
                if !is_older(segment, &options) {
                    entry.options.timestamps = segment.options.timestamps;
                }
                let entry = *entry;
                answer_to(&inner, now, &entry, mss)
            };
            return self.send_control(now, &tuple, &answer);
        }
        if !is_inside || is_older(segment, &options) {
            return self.challenge(now, place);
        }
        if !flags.contains(Flags::ACK) {
            return Ok(());
        }
        let listens = connections.inner.borrow().listener(tuple.ports[0]).is_some();
        if !listens {
            connections.inner.borrow_mut().half_open.remove(place);
        }
        if segment.ack != iss + 1 || !listens {
            return self.reset(now, &tuple, segment);
        }
        let handshake = {
            let inner = connections.inner.borrow();
            let rtt = inner.handshake_rtt(now, half_open, segment);
            let was_lost = half_open.tries > 1 || half_open.was_repeated;
            Handshake { irs, options, rtt, was_lost }
        };
        if self.accept(now, &tuple, iss, &handshake, segment)? {
            let mut inner = connections.inner.borrow_mut();
            let hash = inner.hash.hash(&tuple);
            if let Some(place) = inner.half_open.find(hash, &tuple) {
                inner.half_open.remove(place);
            }
            // Of an earlier connection between the same ends.
            inner.time_wait.forget(now, tuple.local(), tuple.remote());
        }
        Ok(())
    }

    /// Asks the peer by an acknowledgment whether it means what it has sent.
    fn challenge(&mut self, now: Instant, place: usize) -> Result<(), I::Error> {
        let (tuple, answer) = {
            let mut inner = self.connections.inner.borrow_mut();
            let Some(entry) = inner.half_open.get(place) else { return Ok(()) };
            if entry.challenged.is_some_and(|last| now.since(last) < CHALLENGE_INTERVAL) {
                return Ok(());
            }
            entry.challenged = Some(now);
            let HalfOpen { tuple, irs, iss, options, .. } = *entry;
            let value = clock(now).wrapping_add(inner.ts_offset(&tuple));
            let timestamps = answer_timestamps(options.timestamps, value);
            // A window of 0 would keep a peer from sending that has the connection already.
            let local = inner.local(&tuple, iss, 0);
            let shift = options.window_scale.map_or(0, |_| local.scale());
            let window = local.first_window() >> shift;
            let options = Options { timestamps, ..Options::default() };
            (tuple, Emitted { options, window, ..control(iss + 1, irs + 1, Flags::ACK) })
        };
        self.send_control(now, &tuple, &answer)
    }

    /// Sends those answers to SYNs again that are due.
    pub(super) fn answer_again(&mut self, now: Instant) -> Result<(), I::Error> {
        let connections = self.connections;
        loop {
            let due = connections.inner.borrow_mut().half_open.pop_due(now);
            match due {
                None => return Ok(()),
                Some(Due::Forgotten) => {
                    connections.count(|counters| counters.half_open_expired += 1);
                }
                Some(Due::Answer(half_open)) => {
                    let mss = self.path_mss(now, &half_open.tuple);
                    let answer = answer_to(&connections.inner.borrow(), now, &half_open, mss);
                    self.send_control(now, &half_open.tuple, &answer)?;
                }
            }
        }
    }
}

impl Inner {
    /// How long our answer took to be acknowledged, if it was sent only once (RFC 6298 3, Karn's algorithm), or if a timestamp
    /// tells which one it was.
    fn handshake_rtt(
        &self,
        now: Instant,
        half_open: &HalfOpen,
        segment: &Segment<'_>,
    ) -> Option<Duration> {
        if half_open.tries == 1 && !half_open.was_repeated {
            return Some(now.since(half_open.sent_at));
        }
        half_open.options.timestamps?;
        let sent = segment.options.timestamps?.echo.wrapping_sub(self.ts_offset(&half_open.tuple));
        let age = clock(now).wrapping_sub(sent);
        // No answer takes as long as all our tries.
        (age < 1 << 17).then(|| Duration::from_millis(age.into()))
    }
}

/// Whether a segment has a timestamp from before that of the SYN (RFC 7323 5.3, R1). There are hosts whose SYN has a timestamp of
/// 0, which is no time.
fn is_older(segment: &Segment<'_>, syn: &Options) -> bool {
    match (segment.options.timestamps, syn.timestamps) {
        (Some(new), Some(known)) => known.value != 0 && Seq(new.value).is_before(Seq(known.value)),
        _ => false,
    }
}

/// Our answer to a SYN that is kept.
pub(super) fn answer_to(
    inner: &Inner,
    now: Instant,
    half_open: &HalfOpen,
    mss: u16,
) -> Emitted<'static> {
    let HalfOpen { tuple, irs, iss, options, .. } = half_open;
    let value = clock(now).wrapping_add(inner.ts_offset(tuple));
    syn_ack(inner, tuple, *irs, *iss, options, mss, value)
}
