//! The half of a connection that sends: a value, fed with acknowledgments, bytes and the time.

mod ack;
mod buffer;
mod output;
mod pace;
mod probe;
mod recovery;
mod scoreboard;
mod timers;
mod undo;

#[cfg(test)]
mod tests;

use core::time::Duration;

use layer::{Instant, Payload};
use rt_regions::Slabs;

use self::{
    buffer::Buffer, pace::Pace, probe::Probe, recovery::Recovery, scoreboard::Scoreboard,
    timers::Timers, undo::Undo,
};
use crate::{
    SackBlocks, Seq,
    congestion::{Congestion, CongestionControl},
    rtt::Rtt,
};

/// How many bytes are buffered before anything is known of the path.
const FIRST_BUFFER: u32 = 64 << 10;

/// The smallest segments, in bytes: what a peer may announce at the least, without the longest options. Smaller ones
/// would cost more than they carry (CVE-2019-11479).
const MIN_MSS: u32 = 8;

/// The acknowledgment in a segment, which is acceptable: its number is neither before SND.UNA nor after SND.NXT.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ack<'a> {
    /// SEG.SEQ
    pub(crate) seq: Seq,
    /// SEG.ACK
    pub(crate) ack: Seq,
    /// SEG.WND in bytes, shifted.
    pub(crate) window: u32,
    /// The blocks of the option, which are not trusted.
    pub(crate) sack: &'a SackBlocks,
    /// How long ago the timestamp was sent that is echoed.
    pub(crate) echo: Option<Duration>,
    /// Whether the segment takes sequence numbers.
    pub(crate) has_data: bool,
}

/// What an acknowledgment changed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Acked {
    /// How many bytes of data were acknowledged.
    pub(crate) bytes: u32,
    /// The FIN was acknowledged just now.
    pub(crate) fin: bool,
    /// The window's right edge moved on.
    pub(crate) window_opened: bool,
    /// [`Sender::room`] is larger than before.
    pub(crate) room_freed: bool,
}

/// What follows from a deadline that passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub(crate) enum Timeout {
    /// [`Sender::next_segment`] is asked next.
    None,
    /// The peer has not answered for too long: the connection ends (RFC 9293 3.8.3).
    GiveUp,
}

/// A segment, or several that are cut later, with no options yet.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct ToSend<'a> {
    /// The number of the first byte.
    pub(crate) seq: Seq,
    /// The data, in two pieces.
    pub(crate) data: (&'a [u8], &'a [u8]),
    /// Whether FIN follows the data.
    pub(crate) fin: bool,
    /// Whether no more data waits behind it.
    pub(crate) push: bool,
    /// What longer data is cut into, in bytes.
    pub(crate) segment_size: u32,
}

/// What was pushed and is not acknowledged yet, when it may be sent, and when it has to be sent again.
#[derive(Debug)]
pub(crate) struct Sender<'p> {
    buffer: Buffer<'p>,
    limit: u32,
    una: Seq,
    next: Seq,
    /// SND.WND, SND.WL1, SND.WL2, and the largest window that there was.
    window: u32,
    window_seq: Seq,
    window_ack: Seq,
    largest_window: u32,
    /// 0 until the connection is established.
    mss: u32,
    /// The end of the last segment that was smaller than a full one (Minshall).
    small: Seq,
    /// When something was sent last.
    sent_at: Instant,
    /// The segment that is timed: its end, and when it was sent.
    timed: Option<(Seq, u32)>,
    /// SND.NXT when the congestion window kept something from being sent.
    limited: Seq,
    scoreboard: Scoreboard<'p>,
    recovery: Recovery,
    rtt: Rtt,
    congestion: Congestion,
    timers: Timers,
    undo: Undo,
    probe: Probe,
    pace: Pace,
    /// How many bytes were sent again, and how many of those may have been for nothing.
    retransmitted: u64,
    maybe_needless: u32,
    has_sack: bool,
    has_timestamps: bool,
    nodelay: bool,
    /// `finish` was called; FIN was acknowledged.
    finished: bool,
    fin_acked: bool,
}

/// Microseconds of an instant, which wrap around.
fn micros(now: Instant) -> u32 {
    (now.as_nanos() / 1000) as u32
}

/// Milliseconds of an instant, which wrap around.
fn millis(now: Instant) -> u32 {
    (now.as_nanos() / 1_000_000) as u32
}

impl<'p> Sender<'p> {
    /// Nothing to send yet. `first` is the number after that of the SYN. At most `limit` bytes are buffered, and no more
    /// than 4 MiB.
    pub(crate) fn new(buffers: &'p Slabs<'p>, first: Seq, limit: u32) -> Self {
        Self {
            buffer: Buffer::new(buffers),
            limit: limit.min(buffer::LARGEST),
            una: first,
            next: first,
            window: 0,
            window_seq: Seq(0),
            window_ack: first,
            largest_window: 0,
            mss: 0,
            small: first,
            sent_at: Instant::ZERO,
            timed: None,
            limited: first,
            scoreboard: Scoreboard::new(),
            recovery: Recovery::new(first),
            rtt: Rtt::new(),
            congestion: Congestion::new(first),
            timers: Timers::new(),
            undo: Undo::new(),
            probe: Probe::new(),
            pace: Pace::new(),
            retransmitted: 0,
            maybe_needless: 0,
            has_sack: false,
            has_timestamps: false,
            nodelay: false,
            finished: false,
            fin_acked: false,
        }
    }

    /// The handshake is over. `mss` is how many bytes of data a segment may have, options already subtracted. `window` is
    /// the one of the segment that ended the handshake, shifted if that segment's is; `seq_of_it` and `ack_of_it` are its
    /// numbers. `rtt` is the round-trip time of the handshake, if it was measured.
    #[expect(
        clippy::too_many_arguments,
        reason = "what a handshake finds out, named by the caller"
    )]
    pub(crate) fn established(
        &mut self,
        now: Instant,
        mss: u32,
        has_sack: bool,
        has_timestamps: bool,
        window: u32,
        seq_of_it: Seq,
        ack_of_it: Seq,
        rtt: Option<Duration>,
        syn_was_lost: bool,
    ) {
        self.mss = mss.max(MIN_MSS);
        (self.has_sack, self.has_timestamps) = (has_sack, has_timestamps);
        (self.window, self.largest_window) = (window, window);
        (self.window_seq, self.window_ack) = (seq_of_it, ack_of_it);
        if let Some(rtt) = rtt {
            self.rtt.sample(micros(now), u32::try_from(rtt.as_micros()).unwrap_or(u32::MAX));
        }
        if syn_was_lost {
            self.rtt.syn_was_lost();
        }
        self.congestion.established(self.mss, syn_was_lost);
        self.sent_at = now;
        self.update_timer(now);
    }

    /// Takes as many bytes as there is room for, from the beginning of `payload`, and returns how many. 0 means no room
    /// now: [`Acked::room_freed`] says when to try again, unless nothing is in flight; then the memory of all
    /// connections is used up.
    pub(crate) fn push(&mut self, payload: &impl Payload) -> usize {
        if self.finished {
            return 0;
        }
        self.buffer.push(payload, self.room())
    }

    /// How many bytes may be buffered beyond those that are. The limit grows with the congestion window, so that what
    /// is in flight and what follows it both have room.
    pub(crate) fn room(&self) -> usize {
        let limit = (2 * self.congestion.window).max(FIRST_BUFFER).min(self.limit);
        limit.saturating_sub(self.buffer.len()) as usize
    }

    /// How many bytes were not sent yet.
    pub(crate) fn unsent(&self) -> usize {
        self.buffer_end().distance(self.next).max(0) as usize
    }

    /// Whether nothing is unsent or unacknowledged, FIN included.
    pub(crate) fn is_empty(&self) -> bool {
        self.buffer.len() == 0 && self.finished == self.fin_acked
    }

    /// No more will be pushed: FIN follows what was. Before the connection is established too.
    pub(crate) fn finish(&mut self) {
        self.finished = true;
    }

    /// Whether [`finish`](Self::finish) was called.
    pub(crate) fn is_finished(&self) -> bool {
        self.finished
    }

    /// Whether the peer has everything, FIN included.
    pub(crate) fn fin_is_acked(&self) -> bool {
        self.fin_acked
    }

    /// SND.UNA
    pub(crate) fn una(&self) -> Seq {
        self.una
    }

    /// SND.NXT: the number after the highest one that was sent.
    pub(crate) fn next(&self) -> Seq {
        self.next
    }

    /// The number of a segment without data that the peer accepts: that of the next byte, or the edge of the window if a
    /// probe, or a window that shrank, has left more behind it (RFC 9293 3.10.7.4).
    pub(crate) fn acceptable(&self) -> Seq {
        let (next, edge) = (self.next(), self.una() + self.window());
        if edge.is_before(next) { edge } else { next }
    }

    /// SND.WND in bytes.
    pub(crate) fn window(&self) -> u32 {
        self.window
    }

    /// Whether small segments are sent though others are unacknowledged (RFC 1122 4.2.3.4).
    pub(crate) fn set_nodelay(&mut self, nodelay: bool) {
        self.nodelay = nodelay;
    }

    /// Another congestion control, before anything is sent.
    pub(crate) fn set_congestion_control(&mut self, control: CongestionControl) {
        self.congestion.set_algorithm(control);
    }

    /// After how long without progress the connection ends (RFC 9293 3.9.1). `None`: after 15 retransmissions.
    pub(crate) fn set_user_timeout(&mut self, timeout: Option<Duration>) {
        self.timers.set_user_timeout(timeout);
    }

    /// How many times in a row the retransmission timer expired.
    pub(crate) fn rto_count(&self) -> u32 {
        self.timers.expired()
    }

    /// Whether lost data is being sent again.
    #[cfg(test)]
    pub(crate) fn in_recovery(&self) -> bool {
        self.recovery.is_active()
    }

    /// The slow start threshold in bytes.
    #[cfg(test)]
    pub(crate) fn ssthresh(&self) -> u32 {
        self.congestion.threshold
    }

    /// The congestion window in bytes.
    pub(crate) fn cwnd(&self) -> u32 {
        self.congestion.window
    }

    /// The smoothed round-trip time.
    pub(crate) fn srtt(&self) -> Option<Duration> {
        self.rtt.smoothed().map(|micros| Duration::from_micros(micros.into()))
    }

    /// How many bytes were sent again.
    pub(crate) fn retransmitted(&self) -> u64 {
        self.retransmitted
    }

    /// The number after the last byte that is buffered.
    fn buffer_end(&self) -> Seq {
        // FIN is not in the buffer; once it is acknowledged, the buffer is empty.
        self.una + self.buffer.len()
    }

    /// How many sequence numbers are acknowledged if this many bytes were pushed.
    pub(crate) fn acknowledged_of(&self, pushed: u64) -> u64 {
        pushed.saturating_sub(self.buffer.len().into()) + u64::from(self.fin_acked)
    }

    /// How many sequence numbers are unacknowledged.
    fn outstanding(&self) -> u32 {
        self.next - self.una
    }

    /// How many bytes are in the network, as far as is known: "pipe" (RFC 6675 4).
    fn in_flight(&self) -> u32 {
        let gone = self.scoreboard.sacked() + self.scoreboard.lost() + self.recovery.duplicates();
        self.outstanding().saturating_sub(gone)
    }

    /// Whether there is something that was never sent, FIN included.
    fn has_unsent(&self) -> bool {
        self.unsent() > 0 || self.finished && !self.fin_acked && self.next == self.buffer_end()
    }

    /// That what is counted agrees with what is known.
    #[cfg(test)]
    fn check(&self) {
        self.scoreboard.check(self.una, self.next);
        assert!(!self.next.is_before(self.una) && !self.next.is_after(self.buffer_end() + 1));
        assert!(self.in_flight() <= self.outstanding());
        let Congestion { window, threshold, .. } = self.congestion;
        assert!(window >= self.mss, "{window} of {threshold} bytes, {:?}", self.recovery);
        assert!(self.outstanding() == 0 || self.deadline().is_some(), "no timer runs");
    }
}
