//! How a connection begins: by our SYN, or by that of a peer that was answered.

use core::time::Duration;

use layer::Instant;
use rt_regions::Slabs;

use super::{Connection, Owed, State, timers};
use crate::{Options, Segment, Seq, receive::Receiver, send::Sender};

/// The maximum segment size of a peer that says nothing (RFC 9293 3.7.1), in bytes.
pub(crate) const DEFAULT_MSS: u16 = 536;

/// The least number of bytes of data in a full segment. Linux has 48 bytes with options in it.
pub(super) const LEAST_DATA: u32 = 36;

/// The most that a window may be shifted (RFC 7323 2.3).
pub(crate) const MAX_SCALE: u8 = 14;

/// What is ours in a connection.
#[derive(Clone, Copy, Debug)]
pub struct Local {
    /// The initial sequence number.
    pub iss: Seq,
    /// What is added to the clock in timestamps.
    pub ts_offset: u32,
    /// The longest segment that the path carries, in bytes without options: its MTU less the headers of IP and TCP.
    pub path_mss: u16,
    /// How many bytes are buffered at most to be sent, and of what was received.
    pub send_limit: u32,
    /// The most bytes that are received ahead of the application.
    pub receive_limit: u32,
}

impl Local {
    /// How many bits our windows are shifted: as many as the largest window needs.
    pub fn scale(&self) -> u8 {
        let bits = 32 - self.receive_limit.leading_zeros();
        bits.saturating_sub(16).min(u32::from(MAX_SCALE)) as u8
    }

    /// The window of our answer to a SYN, which is not shifted (RFC 7323 2.2), in bytes.
    pub fn first_window(&self) -> u16 {
        let limit = self.receive_limit;
        (limit - limit / 4).min(u16::MAX.into()) as u16
    }

    /// The options of our SYN, or of our answer to one with the options `peer`.
    pub fn syn_options(&self, peer: Option<&Options>) -> Options {
        let has = |wanted: fn(&Options) -> bool| peer.is_none_or(wanted);
        Options {
            mss: Some(self.path_mss),
            window_scale: has(|peer| peer.window_scale.is_some()).then_some(self.scale()),
            sack_permitted: has(|peer| peer.sack_permitted),
            ..Options::default()
        }
    }
}

/// What a peer's SYN and the acknowledgment of ours say about a connection that it opens: all that a table of
/// half-open connections keeps, or a cookie.
#[derive(Clone, Copy, Debug)]
pub struct Handshake {
    /// The peer's initial sequence number.
    pub irs: Seq,
    /// The options of its SYN, as far as both understand them. The timestamp is the last one that it sent.
    pub options: Options,
    /// How long the peer took to answer our SYN, if it was sent once only.
    pub rtt: Option<Duration>,
    /// Whether our SYN was sent more than once.
    pub was_lost: bool,
}

impl<'p> Connection<'p> {
    /// A connection that we open. Its SYN is due at once. `buffers` is where data is kept.
    pub fn connect(now: Instant, local: &Local, buffers: &'p Slabs<'p>) -> Self {
        let mut connection = Self::empty(now, local, Seq(0), buffers);
        connection.state = State::SynSent;
        connection.has_sack = true;
        connection.has_timestamps = true;
        connection.owed.set(Owed::SYN);
        connection
    }

    /// A connection that a peer opened, whose acknowledgment of our SYN is `segment`; it is handed to
    /// [`on_segment`](Self::on_segment) next, for the data that it may have.
    pub fn accept(
        now: Instant,
        local: &Local,
        handshake: &Handshake,
        segment: &Segment<'_>,
        buffers: &'p Slabs<'p>,
    ) -> Self {
        let mut connection = Self::empty(now, local, handshake.irs, buffers);
        connection.receive.advertised(local.first_window().into());
        connection.agree(now, &handshake.options);
        let scale = connection.peer_scale;
        connection.establish(now, segment, scale, handshake.rtt, handshake.was_lost);
        connection
    }

    fn empty(now: Instant, local: &Local, irs: Seq, buffers: &'p Slabs<'p>) -> Self {
        Self {
            state: State::Closed,
            owed: Owed::default(),
            has_sack: false,
            has_timestamps: false,
            peer_scale: 0,
            our_scale: local.scale(),
            tries: 0,
            syn_was_lost: false,
            is_orphan: false,
            peer_mss: DEFAULT_MSS,
            path_mss: local.path_mss,
            iss: local.iss,
            irs,
            send: Sender::new(buffers, local.iss + 1, local.send_limit),
            receive: Receiver::new(buffers, irs, local.receive_limit),
            max_window: 0,
            ts_recent: 0,
            ts_recent_at: now,
            ts_offset: local.ts_offset,
            last_ack: irs + 1,
            peer_urgent: None,
            our_urgent: None,
            timer: timers::NEVER,
            last_heard: now,
            next_challenge: Instant::ZERO,
            keepalive: 0,
            orphan_una: local.iss,
            error: None,
            broken: None,
            received: 0,
            sent: 0,
        }
    }

    /// Takes over what the peer's SYN says about options, as far as ours has the same (RFC 7323 1.3, RFC 2018 2).
    pub(super) fn agree(&mut self, now: Instant, peer: &Options) {
        self.peer_mss = peer.mss.unwrap_or(DEFAULT_MSS);
        self.has_sack = peer.sack_permitted;
        self.has_timestamps = peer.timestamps.is_some();
        match peer.window_scale {
            Some(scale) => self.peer_scale = scale.min(MAX_SCALE),
            None => (self.peer_scale, self.our_scale) = (0, 0),
        }
        if let Some(timestamps) = peer.timestamps {
            (self.ts_recent, self.ts_recent_at) = (timestamps.value, now);
        }
        self.receive.set_window_shift(self.our_scale);
    }

    /// The connection is established by `segment`, which acknowledges our SYN; its window is shifted by `scale` bits.
    pub(super) fn establish(
        &mut self,
        now: Instant,
        segment: &Segment<'_>,
        scale: u8,
        rtt: Option<Duration>,
        was_lost: bool,
    ) {
        self.state = if self.send.is_finished() { State::FinWait1 } else { State::Established };
        (self.timer, self.tries) = (timers::NEVER, 0);
        let window = u32::from(segment.window) << scale;
        self.max_window = window;
        let mss = self.data_mss();
        let (has_sack, has_timestamps) = (self.has_sack, self.has_timestamps);
        let [seq, ack] = [segment.seq, segment.ack];
        self.send.established(now, mss, has_sack, has_timestamps, window, seq, ack, rtt, was_lost);
        self.receive.set_mss(mss);
        if let Some(rtt) = rtt {
            self.receive.on_rtt(rtt);
        }
    }

    /// How long our SYN took to be acknowledged, if it was sent only once (RFC 6298 3, Karn's algorithm), or if a timestamp
    /// tells which one it was.
    pub(super) fn handshake_rtt(&self, now: Instant, segment: &Segment<'_>) -> Option<Duration> {
        if !self.syn_was_lost && self.timer != timers::NEVER {
            return timers::FIRST_TIMEOUT.checked_sub(self.timer.since(now));
        }
        let timestamps = segment.options.timestamps.filter(|_| self.has_timestamps)?;
        self.echoed(now, timestamps.echo)
    }

    /// How long it takes until a SYN is sent again that was sent `tries` times before.
    pub(super) fn syn_timeout(&self) -> Duration {
        timers::FIRST_TIMEOUT * (1 << self.tries.min(6))
    }
}
