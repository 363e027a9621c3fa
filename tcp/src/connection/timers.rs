//! What a moment does to a connection.

use core::time::Duration;

use layer::Instant;

use super::{Broken, Connection, Events, Owed, State};
use crate::{connection::start::DEFAULT_MSS, send::Timeout};

/// The first time until a SYN is sent again (RFC 6298 2.1).
pub(super) const FIRST_TIMEOUT: Duration = Duration::from_secs(1);

/// How long a connection without an application stays in FIN-WAIT-2.
pub(super) const FIN_WAIT_2: Duration = Duration::from_secs(60);

/// What is tried first where large segments seem to vanish, in bytes without options: what fits the least MTU of IPv6,
/// which tunnels carry.
const SMALLER_MSS: u16 = 1220;

/// How often a SYN is sent: for 127 seconds. RFC 9293 3.8.3 says three minutes at least for R2 of a SYN, in the sum of
/// all timers.
const SYN_TRIES: u8 = 8;

/// How often the answer to a SYN is sent.
const SYN_ACK_TRIES: u8 = 6;

/// How long a probe of keepalive may take before the next one is sent.
pub(super) const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(75);

/// How many probes without an answer break a connection.
const KEEPALIVE_PROBES: u8 = 9;

impl Connection<'_> {
    /// Does what is due at [`deadline`](Self::deadline). It may be called at any time.
    pub fn on_deadline(&mut self, now: Instant) -> Events {
        if self.timer.is_some_and(|timer| timer <= now) {
            self.timer = None;
            match self.state {
                State::SynSent | State::SynReceived => {
                    let tries =
                        if self.state == State::SynSent { SYN_TRIES } else { SYN_ACK_TRIES };
                    if self.tries >= tries {
                        self.close(Some(Broken::TimedOut));
                        return Events::CLOSED;
                    }
                    self.owed.set(Owed::SYN);
                }
                // FIN-WAIT-2 of an application that is gone, and TIME-WAIT.
                _ => {
                    self.close(None);
                    return Events::CLOSED;
                }
            }
        }
        if !self.is_established() {
            return Events::default();
        }
        if self.keepalive_is_due(now) {
            if self.tries >= KEEPALIVE_PROBES {
                self.close(Some(Broken::TimedOut));
                self.owed.set(Owed::RESET);
                return Events::CLOSED;
            }
            self.tries += 1;
            self.owed.set(Owed::PROBE);
        }
        if self.receive.ack_deadline().is_some_and(|deadline| deadline <= now) {
            self.owed.set(Owed::ACK);
        }
        if self.send.deadline().is_some_and(|deadline| deadline <= now)
            && self.send.on_deadline(now) == Timeout::GiveUp
        {
            self.close(Some(Broken::TimedOut));
            self.owed.set(Owed::RESET);
            return Events::CLOSED;
        }
        if self.send.black_hole_suspected() {
            // Nothing says what the path carries, so what each path carries is tried (RFC 4821 7.7, RFC 9293 3.7.1).
            let mss = if self.mss() > SMALLER_MSS { SMALLER_MSS } else { DEFAULT_MSS };
            if mss < self.mss() {
                self.set_path_mss(mss);
            }
        }
        Events::default()
    }

    fn keepalive_is_due(&self, now: Instant) -> bool {
        self.keepalive_deadline().is_some_and(|deadline| deadline <= now)
    }
}
