//! What a moment does to a connection.

use core::time::Duration;

use layer::Instant;

use super::{Connection, Events, Owed, State, trouble::R1};
use crate::{connection::start::DEFAULT_MSS, send::Timeout};

/// No moment.
pub(crate) const NEVER: Instant = Instant::from_nanos(u64::MAX);

/// The first time until a SYN is sent again (RFC 6298 2.1).
pub(super) const FIRST_TIMEOUT: Duration = Duration::from_secs(1);

/// How long a connection without an application stays in FIN-WAIT-2.
pub(super) const FIN_WAIT_2: Duration = Duration::from_secs(60);

/// What is tried first where large segments seem to vanish, in bytes without options: what fits the least MTU of IPv6,
/// which tunnels carry.
const SMALLER_MSS: u16 = 1220;

/// How long a connection without an application may go without an acknowledgment of something new. RFC 9293 3.8.3 asks
/// for 100 seconds at least (SHLD-11).
pub(super) const ORPHAN_PATIENCE: Duration = Duration::from_secs(120);

/// How often a SYN is sent. The last time is 127 seconds after the first, and 191 seconds after it the connection ends:
/// R2 of a SYN is three minutes at least (RFC 9293 3.8.3, MUST-23).
const SYN_TRIES: u8 = 8;

/// How long a probe of keepalive may take before the next one is sent.
pub(super) const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(75);

/// How many probes without an answer break a connection.
const KEEPALIVE_PROBES: u8 = 9;

impl Connection<'_> {
    /// Does what is due at [`deadline`](Self::deadline). It may be called at any time.
    pub fn on_deadline(&mut self, now: Instant) -> Events {
        let mut events = Events::default();
        if self.timer <= now {
            self.timer = NEVER;
            events = self.on_timer(now);
        }
        if !self.is_established() {
            return events;
        }
        if self.keepalive_is_due(now) {
            if self.tries >= KEEPALIVE_PROBES {
                return self.time_out();
            }
            self.tries += 1;
            self.owed.set(Owed::PROBE);
        }
        if self.receive.ack_deadline().is_some_and(|deadline| deadline <= now) {
            self.owed.set(Owed::ACK);
        }
        if self.send.deadline().is_some_and(|deadline| deadline <= now) {
            let before = self.send.rto_count();
            if self.send.on_deadline(now) == Timeout::GiveUp {
                return self.time_out();
            }
            if before < R1 && self.send.rto_count() >= R1 {
                events = events.and(Events::TROUBLE);
            }
        }
        if self.send.black_hole_suspected() {
            // Nothing says what the path carries, so what each path carries is tried (RFC 4821 7.7, RFC 9293 3.7.1).
            let mss = if self.mss() > SMALLER_MSS { SMALLER_MSS } else { DEFAULT_MSS };
            if mss < self.mss() {
                self.set_path_mss(mss);
            }
        }
        events
    }

    fn on_timer(&mut self, now: Instant) -> Events {
        match self.state {
            State::SynSent | State::SynReceived => {
                if self.tries >= SYN_TRIES {
                    return self.time_out();
                }
                self.syn_was_lost = true;
                self.owed.set(Owed::SYN);
                if u32::from(self.tries) == R1 { Events::TROUBLE } else { Events::default() }
            }
            State::FinWait2 | State::TimeWait => {
                self.close(None);
                Events::CLOSED
            }
            // An orphan.
            _ if self.orphan_una == self.send.una() => self.time_out(),
            _ => {
                self.orphan_una = self.send.una();
                self.timer = now + ORPHAN_PATIENCE;
                Events::default()
            }
        }
    }

    fn keepalive_is_due(&self, now: Instant) -> bool {
        self.keepalive_deadline().is_some_and(|deadline| deadline <= now)
    }
}
