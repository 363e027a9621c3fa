//! What the application does with a connection (RFC 9293 3.9.1).

use core::time::Duration;

use layer::{Instant, Payload};

use super::{Broken, Connection, Owed, State, timers};
use crate::{CongestionControl, Seq, receive::Lent};

impl<'p> Connection<'p> {
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
        if self.urgent() == 0 {
            self.peer_urgent = None;
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
        end.distance(self.first_unread()).max(0) as u32
    }

    /// The number of the first byte that is not consumed.
    pub(super) fn first_unread(&self) -> Seq {
        let behind = self.receive.unread() + u32::from(self.receive.fin_received());
        Seq(self.receive.next().0.wrapping_sub(behind))
    }

    /// Marks all that was given to [`send`](Self::send) as urgent. The peer hears of it at once, even if its window is
    /// closed.
    pub fn mark_urgent(&mut self) {
        let end = self.send.next() + self.send.unsent() as u32;
        if self.may_send() && end.is_after(self.send.una()) {
            self.our_urgent = Some(end);
            self.owed.set(Owed::URGENT);
        }
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

    /// Ends the connection at once; the peer is told by a reset, if it knows of the connection and does not know that it
    /// ends.
    pub fn abort(&mut self) {
        match self.state {
            // A reset that is owed is still sent.
            State::Closed => {}
            State::TimeWait => self.close(None),
            State::SynSent => self.close(Some(Broken::Aborted)),
            _ => {
                self.close(Some(Broken::Aborted));
                self.owed.set(Owed::RESET);
            }
        }
    }

    /// Leaves the connection to itself: nobody reads it any more. It sends what it has, and ends. If something was
    /// received that nobody has read, or is received later, the peer is told by a reset (RFC 9293 3.6.1, RFC 2525 2.17).
    ///
    /// A peer that acknowledges nothing for two minutes, even if it answers that its window is closed, and one that does
    /// not end its side a minute after we have ended ours, loses the connection.
    pub fn orphan(&mut self, now: Instant) {
        self.is_orphan = true;
        if !self.receive.readable().is_empty() || self.state == State::SynReceived {
            return self.abort();
        }
        self.shutdown();
        match self.state {
            State::FinWait1 | State::Closing | State::LastAck => {
                self.orphan_una = self.send.una();
                self.timer = now + timers::ORPHAN_PATIENCE;
            }
            State::FinWait2 => self.timer = now + timers::FIN_WAIT_2,
            _ => {}
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
    /// connection is broken (RFC 9293 3.8.4). It is rounded to milliseconds. `None`, the default, never asks.
    pub fn set_keepalive(&mut self, after: Option<Duration>) {
        let millis = |after: Duration| u32::try_from(after.as_millis()).unwrap_or(u32::MAX);
        self.keepalive = after.map_or(0, |after| millis(after).max(1));
        if self.is_established() {
            self.tries = 0;
        }
    }

    /// Breaks the connection when something that was sent is not acknowledged for so long: R2 of RFC 9293 3.8.3. `None`
    /// is the default of 15 retransmissions.
    pub fn set_user_timeout(&mut self, timeout: Option<Duration>) {
        self.send.set_user_timeout(timeout);
    }
}
