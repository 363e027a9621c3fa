//! A connection as a value: segments and time go in, segments and a deadline come out (RFC 9293).

mod input;
mod output;
mod start;
mod timers;

use core::{error::Error, fmt, time::Duration};

use layer::{Instant, Payload};
use network::Problem;

use crate::{
    CongestionControl, Seq,
    receive::{Lent, Receiver},
    send::Sender,
    time_wait::Closed,
};

pub use self::{
    input::Events,
    output::Emitted,
    start::{Handshake, Local},
};

/// The states of a connection (RFC 9293 3.3.2). There is no LISTEN: a port that listens is not a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// We have sent a SYN.
    SynSent,
    /// Both have sent a SYN, and ours is not acknowledged.
    SynReceived,
    /// Both may send.
    Established,
    /// We have sent all, and our FIN is not acknowledged.
    FinWait1,
    /// We have sent all, and the peer has not.
    FinWait2,
    /// The peer has sent all, and we have not.
    CloseWait,
    /// Both have sent a FIN, and ours is not acknowledged.
    Closing,
    /// Both have sent all, and our FIN, the last one, is not acknowledged.
    LastAck,
    /// Both have sent all. The peer may not know that we know.
    TimeWait,
    /// There is no connection any more.
    Closed,
}

impl State {
    /// The name that RFC 9293 has for it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::SynSent => "SYN-SENT",
            Self::SynReceived => "SYN-RECEIVED",
            Self::Established => "ESTABLISHED",
            Self::FinWait1 => "FIN-WAIT-1",
            Self::FinWait2 => "FIN-WAIT-2",
            Self::CloseWait => "CLOSE-WAIT",
            Self::Closing => "CLOSING",
            Self::LastAck => "LAST-ACK",
            Self::TimeWait => "TIME-WAIT",
            Self::Closed => "CLOSED",
        }
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Why a connection is no more, though not both sides have ended it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Broken {
    /// The peer reset it.
    Reset,
    /// The peer refused it: it answered our SYN with a reset.
    Refused,
    /// The peer did not answer for too long.
    TimedOut,
    /// An ICMP error says that the peer cannot be reached, and it has not answered.
    Unreachable(Problem),
    /// We ended it by a reset.
    Aborted,
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Reset => f.write_str("reset by the peer"),
            Self::Refused => f.write_str("refused by the peer"),
            Self::TimedOut => f.write_str("the peer does not answer"),
            Self::Unreachable(problem) => write!(f, "the peer cannot be reached: {problem}"),
            Self::Aborted => f.write_str("reset by us"),
        }
    }
}

impl Error for Broken {}

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
    /// When the SYN is sent once more, or the connection ends that has no other reason to (FIN-WAIT-2, TIME-WAIT).
    timer: Option<Instant>,
    /// When the last segment came that was acceptable.
    last_heard: Instant,
    /// When a challenge ACK was sent last.
    last_challenge: Option<Instant>,
    keepalive: Option<Duration>,
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

    /// Takes as many bytes of `payload`, from its beginning, as there is room for; returns how many. 0 if all that may
    /// be sent was sent, or the connection is broken.
    pub fn send(&mut self, payload: &impl Payload) -> usize {
        if !self.may_send() {
            return 0;
        }
        let taken = self.send.push(payload);
        self.sent += taken as u64;
        taken
    }

    /// Whether data can still be sent.
    pub fn may_send(&self) -> bool {
        self.broken.is_none()
            && !self.send.is_finished()
            && !matches!(self.state, State::TimeWait | State::Closed)
    }

    /// How many bytes can be given to [`send`](Self::send) now.
    pub fn room(&self) -> usize {
        if self.may_send() { self.send.room() } else { 0 }
    }

    /// Whether all that was given to [`send`](Self::send) is acknowledged.
    pub fn all_acknowledged(&self) -> bool {
        self.send.is_empty()
    }

    /// What has come in order, and is not [consumed](Self::consume).
    pub fn readable(&self) -> &[u8] {
        self.receive.readable()
    }

    /// Is done with the first `count` bytes of [`readable`](Self::readable).
    pub fn consume(&mut self, count: usize) {
        self.receive.consume(count.min(self.receive.readable().len()));
        if self.receive.wants_update() && self.is_established() {
            self.owed.set(Owed::ACK);
        }
    }

    /// Takes the received bytes out, to be looked at while the connection does nothing.
    pub(crate) fn lend(&mut self) -> Lent<'p> {
        self.receive.lend()
    }

    /// Puts the received bytes back.
    pub(crate) fn take_back(&mut self, lent: Lent<'p>) {
        self.receive.take_back(lent);
    }

    /// Whether there is something to be sent at once beside data.
    pub(crate) fn owes_something(&self) -> bool {
        self.owed.0 != 0
    }

    /// Ends the connection without a word to the peer.
    pub(crate) fn forget(&mut self) {
        self.close(None);
    }

    /// Whether the peer has sent all, and all of it is consumed.
    pub fn is_drained(&self) -> bool {
        self.receive.is_finished()
    }

    /// Whether no more bytes will come than are [`readable`](Self::readable).
    pub fn has_ended(&self) -> bool {
        self.receive.fin_received()
            || self.broken.is_some()
            || matches!(self.state, State::TimeWait | State::Closed)
    }

    /// Whether the receive buffer takes no more bytes until some are [consumed](Self::consume).
    pub fn is_full(&self) -> bool {
        self.receive.window() == 0
    }

    /// How many of the bytes that are [`readable`](Self::readable), or are to come, are urgent (RFC 9293 3.8.5).
    pub fn urgent(&self) -> u32 {
        let Some(end) = self.peer_urgent else { return 0 };
        let first = Seq(self.receive.next().0.wrapping_sub(self.receive.readable().len() as u32));
        end.distance(first).max(0) as u32
    }

    /// Marks all that was given to [`send`](Self::send) as urgent.
    pub fn mark_urgent(&mut self) {
        self.our_urgent = Some(self.send.next() + self.send.unsent() as u32);
    }

    /// Sends no more than what was given to [`send`](Self::send): a FIN follows it.
    pub fn shutdown(&mut self) {
        if !self.may_send() {
            return;
        }
        match self.state {
            // Nothing was sent that a FIN could follow.
            State::SynSent => self.close(None),
            State::SynReceived | State::Established => {
                self.send.finish();
                if self.state == State::Established {
                    self.state = State::FinWait1;
                }
            }
            State::CloseWait => {
                self.send.finish();
                self.state = State::LastAck;
            }
            _ => {}
        }
    }

    /// Ends the connection at once; the peer is told by a reset, if it knows of the connection.
    pub fn abort(&mut self) {
        match self.state {
            State::Closed | State::TimeWait => self.close(None),
            State::SynSent => self.close(Some(Broken::Aborted)),
            _ => {
                self.close(Some(Broken::Aborted));
                self.owed.set(Owed::RESET);
            }
        }
    }

    /// Leaves the connection to itself: nobody reads it any more. It sends what it has, and ends. If something was
    /// received that nobody has read, or is received later, the peer is told by a reset (RFC 9293 3.6.1).
    pub fn orphan(&mut self, now: Instant) {
        self.is_orphan = true;
        if !self.receive.readable().is_empty() || matches!(self.state, State::SynReceived) {
            return self.abort();
        }
        self.shutdown();
        if self.state == State::FinWait2 {
            self.timer = Some(now + timers::FIN_WAIT_2);
        }
    }

    /// Whether nobody reads the connection any more.
    pub fn is_orphan(&self) -> bool {
        self.is_orphan
    }

    /// Sends small amounts of data at once, instead of waiting until those before are acknowledged (the algorithm of
    /// Nagle, RFC 9293 3.7.4).
    pub fn set_nodelay(&mut self, nodelay: bool) {
        self.send.set_nodelay(nodelay);
    }

    /// Chooses another algorithm for the congestion window, before anything is sent.
    pub fn set_congestion_control(&mut self, control: CongestionControl) {
        self.send.set_congestion_control(control);
    }

    /// Asks the peer whether it is still there when nothing came for `after`; nine times, 75 seconds apart, then the
    /// connection is broken (RFC 9293 3.8.4). `None`, the default, never asks.
    pub fn set_keepalive(&mut self, after: Option<Duration>) {
        self.keepalive = after;
        self.tries = 0;
    }

    /// Breaks the connection when something that was sent is not acknowledged for so long (RFC 9293 3.8.3). `None` is
    /// the default of 15 retransmissions.
    pub fn set_user_timeout(&mut self, timeout: Option<Duration>) {
        self.send.set_user_timeout(timeout);
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

    /// Whether an ICMP error that quotes this sequence number is about something that is not acknowledged (RFC 5927 4.1).
    pub fn has_sent(&self, seq: Seq) -> bool {
        match self.state {
            State::Closed | State::TimeWait => false,
            State::SynSent | State::SynReceived => seq == self.iss,
            _ => !seq.is_before(self.send.una()) && seq.is_before(self.send.next()),
        }
    }

    /// Takes notice of an ICMP error about something that was sent: it ends a connection that is not yet established if
    /// it says that nobody listens; else it is not believed (RFC 5461 4).
    pub fn on_error(&mut self, problem: Problem) {
        let is_hard = matches!(
            problem,
            Problem::PortUnreachable | Problem::ProtocolUnreachable | Problem::Prohibited
        );
        if self.state == State::SynSent && is_hard {
            self.close(Some(Broken::Unreachable(problem)));
        }
    }

    /// Sets the longest segment that the path carries, in bytes without any options: MTU less the headers.
    pub fn set_path_mss(&mut self, mss: u16) {
        self.path_mss = mss;
        if self.is_established() {
            self.send.set_mss(self.data_mss());
        }
    }

    /// The longest segment that we send, in bytes without any options.
    pub fn mss(&self) -> u16 {
        self.peer_mss.min(self.path_mss)
    }

    /// How many bytes of data the longest segment has. At least 8, whatever the peer says (CVE-2019-11479).
    fn data_mss(&self) -> u32 {
        let options = if self.has_timestamps { 12 } else { 0 };
        u32::from(self.mss()).saturating_sub(options).max(start::LEAST_DATA)
    }

    /// Nothing is sent or expected any more.
    fn close(&mut self, broken: Option<Broken>) {
        self.state = State::Closed;
        self.owed = Owed::default();
        self.timer = None;
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
