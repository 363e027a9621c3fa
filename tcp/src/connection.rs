//! A connection as a value: segments and time go in, segments and a deadline come out (RFC 9293).

mod application;
mod events;
mod input;
mod output;
mod start;
mod state;
mod timers;
mod trouble;

use layer::Instant;
use network::Problem;

use crate::{Seq, receive::Receiver, send::Sender, time_wait::Closed};

pub(crate) use self::timers::NEVER;
pub use self::{
    events::Events,
    output::Emitted,
    start::{Handshake, Local},
    state::{Broken, State, Trouble},
};

/// Flags of a connection, in one byte.
#[derive(Clone, Copy, Debug, Default)]
struct Owed(u8);

impl Owed {
    /// An acknowledgment, at once.
    const ACK: u8 = 1;
    /// A SYN, with an acknowledgment in SYN-RECEIVED.
    const SYN: u8 = 2;
    /// A reset: we have aborted.
    const RESET: u8 = 4;
    /// A probe whether the peer is still there (RFC 9293 3.8.4).
    const PROBE: u8 = 8;
    /// An urgent pointer, even if the window is closed (RFC 9293 3.8.5).
    const URGENT: u8 = 16;

    const fn has(self, flag: u8) -> bool {
        self.0 & flag != 0
    }

    const fn set(&mut self, flag: u8) {
        self.0 |= flag;
    }

    /// Clears the flag, and says whether it was set.
    const fn take(&mut self, flag: u8) -> bool {
        let was_set = self.has(flag);
        self.0 &= !flag;
        was_set
    }
}

/// A connection. It knows neither addresses nor ports: whoever has it finds it by those.
///
/// It holds no buffer while it has no data. `'p` is the life of the memory that buffers are taken from.
#[derive(Debug)]
pub struct Connection<'p> {
    state: State,
    /// What is to be sent beside data.
    owed: Owed,
    /// What the options of both SYNs have agreed on.
    has_sack: bool,
    has_timestamps: bool,
    /// How many bits the windows are shifted that we receive and send.
    peer_scale: u8,
    our_scale: u8,
    /// How often the SYN, or a keepalive probe, was sent without an answer.
    tries: u8,
    /// Whether a SYN of ours was sent more than once.
    syn_was_lost: bool,
    /// Whether the application is gone, so that nobody reads what comes.
    is_orphan: bool,
    /// The maximum segment size that the peer has announced, and that of the path, in bytes without any options.
    peer_mss: u16,
    path_mss: u16,
    iss: Seq,
    irs: Seq,
    send: Sender<'p>,
    receive: Receiver<'p>,
    /// The largest window that the peer has announced (RFC 5961 5.2).
    max_window: u32,
    /// The last timestamp of the peer, and when it came (RFC 7323 4.3).
    ts_recent: u32,
    ts_recent_at: Instant,
    /// What our timestamps have more than the clock, so that they say nothing about it.
    ts_offset: u32,
    /// What we have acknowledged last.
    last_ack: Seq,
    /// Until where the peer's data is urgent, and ours.
    peer_urgent: Option<Seq>,
    our_urgent: Option<Seq>,
    /// When the SYN is sent once more, or the connection ends that has no other reason to (FIN-WAIT-2, TIME-WAIT, and an
    /// orphan that does not get on); or [`NEVER`].
    timer: Instant,
    /// When the last segment came that was acceptable.
    last_heard: Instant,
    /// No challenge ACK is sent before this moment.
    next_challenge: Instant,
    /// In milliseconds; 0: none.
    keepalive: u32,
    /// SND.UNA of an orphan when it was looked at last.
    orphan_una: Seq,
    /// The last ICMP error, if nothing came from the peer since.
    error: Option<Problem>,
    broken: Option<Broken>,
    received: u64,
    sent: u64,
}

impl<'p> Connection<'p> {
    /// The state.
    pub fn state(&self) -> State {
        self.state
    }

    /// Why the connection is no more, if it did not end as both wanted.
    pub fn broken(&self) -> Option<Broken> {
        self.broken
    }

    /// Whether the handshake is done, at whatever state the connection is since.
    pub fn is_established(&self) -> bool {
        !matches!(self.state, State::SynSent | State::SynReceived | State::Closed)
    }

    /// Whether an acknowledgment that reports data which came twice has to go before the next segment is taken: it reports
    /// one such piece (RFC 2883 4), and a peer that is not told of each does not know that it has sent them in vain.
    #[inline]
    pub(crate) fn reports_duplicate(&self) -> bool {
        self.has_sack && self.receive.reports_duplicate()
    }

    /// Whether there is something to be sent at once beside data.
    pub(crate) fn owes_something(&self) -> bool {
        self.owed.0 != 0
    }

    /// Ends the connection without a word to the peer.
    pub(crate) fn forget(&mut self) {
        self.close(None);
    }

    /// The bytes that were received in order, and those that were given to [`send`](Self::send).
    pub fn bytes(&self) -> [u64; 2] {
        [self.received, self.sent]
    }

    /// The half that sends: its windows and times.
    pub(crate) fn sender(&self) -> &Sender<'p> {
        &self.send
    }

    /// What TIME-WAIT remembers.
    pub(crate) fn closed(&self) -> Closed {
        let timestamp = self.has_timestamps.then_some(self.ts_recent);
        Closed { snd_nxt: self.send.next(), rcv_nxt: self.receive.next(), timestamp }
    }

    /// Sets the longest segment that the path carries, in bytes without any options: MTU less the headers.
    pub fn set_path_mss(&mut self, mss: u16) {
        self.path_mss = mss;
        if self.is_established() {
            self.send.set_mss(self.data_mss());
        }
    }

    /// The longest segment that the path carries, in bytes without any options.
    pub(crate) fn path_mss(&self) -> u16 {
        self.path_mss
    }

    /// The longest segment that we send, in bytes without any options.
    pub fn mss(&self) -> u16 {
        self.peer_mss.min(self.path_mss)
    }

    /// How many bytes of data the longest segment has. At least 36, whatever the peer says (CVE-2019-11479).
    fn data_mss(&self) -> u32 {
        let options = if self.has_timestamps { 12 } else { 0 };
        u32::from(self.mss()).saturating_sub(options).max(start::LEAST_DATA)
    }

    /// Nothing is sent or expected any more.
    fn close(&mut self, broken: Option<Broken>) {
        self.state = State::Closed;
        self.owed = Owed::default();
        self.timer = NEVER;
        self.broken = self.broken.or(broken);
    }

    /// What our clock of timestamps says, in milliseconds (RFC 7323 5.4).
    fn timestamp(&self, now: Instant) -> u32 {
        clock(now).wrapping_add(self.ts_offset)
    }
}

/// The clock of timestamps before its offset, in milliseconds.
pub(crate) fn clock(now: Instant) -> u32 {
    (now.as_nanos() / 1_000_000) as u32
}
