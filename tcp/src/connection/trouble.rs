//! What ICMP errors do to a connection (RFC 9293 3.9.2.2, RFC 5461, RFC 5927).

use network::Problem;

use super::{Broken, Connection, Events, State, Trouble};
use crate::Seq;

/// How many retransmissions without an answer are trouble: R1 (RFC 9293 3.8.3, SHLD-10).
pub(super) const R1: u32 = 3;

impl Connection<'_> {
    /// Whether an ICMP error that quotes this sequence number is about something that is not acknowledged (RFC 5927 4.1).
    pub fn has_sent(&self, seq: Seq) -> bool {
        match self.state {
            State::Closed | State::TimeWait => false,
            State::SynSent | State::SynReceived => seq == self.iss,
            _ => !seq.is_before(self.send.una()) && seq.is_before(self.send.next()),
        }
    }

    /// Takes notice of an ICMP error about something that was sent. One that says that nobody listens ends a connection
    /// that is not established. Any other one is no more than a [`trouble`](Self::trouble), since anybody on the path
    /// can forge it, and what it tells of may pass (RFC 5461 2, RFC 9293 3.9.2.2).
    pub fn on_error(&mut self, problem: Problem) -> Events {
        if problem.is_hard() && matches!(self.state, State::SynSent | State::SynReceived) {
            self.close(Some(Broken::Unreachable(problem)));
            return Events::CLOSED;
        }
        self.error = Some(problem);
        Events::TROUBLE
    }

    /// What keeps the connection from getting on. It does not end it, and passes when the peer answers.
    pub fn trouble(&self) -> Option<Trouble> {
        match self.error {
            Some(problem) => Some(Trouble::Error(problem)),
            None if self.unanswered() >= R1 => Some(Trouble::Unanswered),
            None => None,
        }
    }

    /// How often something was sent again without an answer.
    pub(super) fn unanswered(&self) -> u32 {
        match self.state {
            State::SynSent | State::SynReceived => u32::from(self.tries).saturating_sub(1),
            _ => self.send.rto_count(),
        }
    }

    /// The peer does not answer: the connection ends. The reason is the ICMP error that came in the meantime, if one did.
    pub(super) fn time_out(&mut self) -> Events {
        let broken = self.error.map_or(Broken::TimedOut, Broken::Unreachable);
        let is_known = self.is_established();
        self.close(Some(broken));
        if is_known {
            self.owed.set(super::Owed::RESET);
        }
        Events::CLOSED
    }
}
