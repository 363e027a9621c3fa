//! Whether our address is ours: probing, announcing, conflicts and defence (RFC 5227). A value without
//! input or output; what is to be sent is what the methods return.
//!
//! There are two ways, and the caller of [`Arp`](crate::Arp) chooses:
//!
//! * **Without probing**, the address is ours from the beginning. It is announced twice, and defended
//!   as long as the host runs (RFC 5227, 2.4 (c)): a server has to be where its clients look for it.
//! * **With probing**, the address is ours when nobody has answered three probes. A second conflict
//!   within ten seconds makes us give it up (2.4 (b)); after a pause we probe for it again. A server may keep
//!   it instead, once it is its own.

use core::time::Duration;

use netif::{Instant, MacAddr};
use network::KeyedHash;

/// How long the first probe waits at most (RFC 5227, 1.1: `PROBE_WAIT`).
const PROBE_WAIT: Duration = Duration::from_secs(1);
/// How many probes there are (`PROBE_NUM`).
const PROBES: u8 = 3;
/// The time between two probes: `PROBE_MIN`, and as much again at most until `PROBE_MAX`.
const PROBE_MIN: Duration = Duration::from_secs(1);
const PROBE_SPREAD: Duration = Duration::from_secs(1);
/// How long after the last probe an answer may come (`ANNOUNCE_WAIT`).
const ANNOUNCE_WAIT: Duration = Duration::from_secs(2);
/// How often an address is announced (`ANNOUNCE_NUM`).
const ANNOUNCEMENTS: u8 = 2;
/// The time between announcements (`ANNOUNCE_INTERVAL`).
const ANNOUNCE_INTERVAL: Duration = Duration::from_secs(2);
/// Our address is defended at most once in this time (`DEFEND_INTERVAL`). It is also how long we stay
/// away from an address that we gave up.
const DEFEND_INTERVAL: Duration = Duration::from_secs(10);
/// After so many conflicts (`MAX_CONFLICTS`) we stay away longer: `RATE_LIMIT_INTERVAL`.
const MAX_CONFLICTS: u32 = 10;
const RATE_LIMIT_INTERVAL: Duration = Duration::from_secs(60);

/// What is known of our address.
#[derive(Debug)]
pub(crate) struct Detection {
    state: State,
    /// Whether an address is probed for before it is used, and given up when it cannot be defended.
    probing: bool,
    /// Whether it is not given up any more once it is ours.
    keeps: bool,
    /// When our address was last defended.
    defended: Option<Instant>,
    /// How many conflicts there were, with this address and those before.
    conflicts: u32,
    /// Random numbers: the next is the hash of `drawn`.
    keyed: KeyedHash,
    drawn: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// The first probe waits for a time that is to be drawn.
    Begin,
    /// So many probes were sent; at `next` it is time for another, or for using the address.
    Probing { sent: u8, next: Instant },
    /// The address is ours. So many announcements are still to be sent, the first of them at `next`.
    Ours { left: u8, next: Instant },
    /// The address is that of the station `by`; probing begins anew at `until`.
    GivenUp { until: Instant, by: MacAddr },
}

/// What is to be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    Probe,
    Announce,
}

/// What a conflict leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It is none: the address is not ours at the moment.
    NotOurs,
    /// Say once more that the address is ours.
    Defend,
    /// The address stays ours; it was defended a short time ago.
    Keep,
    /// From now on the address is not ours.
    GiveUp,
}

impl Detection {
    /// An address that is ours at once, and to be announced. `secret` is where random waiting times
    /// come from.
    pub(crate) const fn new(secret: u128) -> Self {
        Self {
            state: State::Ours { left: ANNOUNCEMENTS, next: Instant::ZERO },
            probing: false,
            keeps: false,
            defended: None,
            conflicts: 0,
            keyed: KeyedHash::new(secret),
            drawn: 0,
        }
    }

    /// The same, but the address is probed for before it is used.
    pub(crate) const fn with_probing(self) -> Self {
        Self { state: State::Begin, probing: true, ..self }
    }

    /// The same, but it is kept and defended once it is ours.
    pub(crate) const fn probe_at_start(&mut self) {
        (self.state, self.probing, self.keeps) = (State::Begin, true, true);
    }

    /// The station whose the address turned out to be.
    pub(crate) fn taken(&self) -> Option<MacAddr> {
        match self.state {
            State::GivenUp { by, .. } => Some(by),
            _ => None,
        }
    }

    /// Begins anew, with another address. The conflicts that there were still count.
    pub(crate) fn restart(&mut self) {
        self.defended = None;
        self.state = match self.probing {
            true => State::Begin,
            false => State::Ours { left: ANNOUNCEMENTS, next: Instant::ZERO },
        };
    }

    /// Whether the address is ours: whether it may be in a packet as the sender's, and be answered for.
    #[inline]
    pub(crate) fn is_ours(&self) -> bool {
        matches!(self.state, State::Ours { .. })
    }

    /// Whether we are asking if the address is somebody's: a probe of another host is a conflict.
    pub(crate) fn is_probing(&self) -> bool {
        matches!(self.state, State::Begin | State::Probing { .. })
    }

    /// When [`due`](Self::due) is next to be called.
    #[inline]
    pub(crate) fn next_deadline(&self) -> Option<Instant> {
        match self.state {
            State::Begin => Some(Instant::ZERO),
            State::Ours { left: 0, .. } => None,
            State::Probing { next, .. } | State::Ours { next, .. } => Some(next),
            State::GivenUp { until, .. } => Some(until),
        }
    }

    /// What is due at `now`: to be called until there is nothing more.
    pub(crate) fn due(&mut self, now: Instant) -> Option<Step> {
        if matches!(self.state, State::GivenUp { until, .. } if until <= now) {
            self.state = State::Begin;
        }
        if self.state == State::Begin {
            self.state = State::Probing { sent: 0, next: now + self.random(PROBE_WAIT) };
        }
        match self.state {
            State::Probing { sent, next } if next <= now && sent < PROBES => {
                let pause = match sent + 1 {
                    PROBES => ANNOUNCE_WAIT,
                    _ => PROBE_MIN + self.random(PROBE_SPREAD),
                };
                self.state = State::Probing { sent: sent + 1, next: now + pause };
                Some(Step::Probe)
            }
            State::Probing { next, .. } if next <= now => {
                let (left, next) = (ANNOUNCEMENTS - 1, now + ANNOUNCE_INTERVAL);
                self.state = State::Ours { left, next };
                Some(Step::Announce)
            }
            State::Ours { left, next } if left > 0 && next <= now => {
                self.state = State::Ours { left: left - 1, next: now + ANNOUNCE_INTERVAL };
                Some(Step::Announce)
            }
            _ => None,
        }
    }

    /// The station `by` says that the address is its own, or that it wants it.
    pub(crate) fn conflict(&mut self, now: Instant, by: MacAddr) -> Verdict {
        let recent = self.defended.is_some_and(|last| now < last + DEFEND_INTERVAL);
        let verdict = match self.state {
            State::GivenUp { .. } => return Verdict::NotOurs,
            State::Begin | State::Probing { .. } => Verdict::GiveUp,
            State::Ours { .. } if !recent => Verdict::Defend,
            State::Ours { .. } if self.probing && !self.keeps => Verdict::GiveUp,
            State::Ours { .. } => Verdict::Keep,
        };
        self.conflicts = self.conflicts.saturating_add(1);
        match verdict {
            Verdict::Defend => self.defended = Some(now),
            Verdict::GiveUp => {
                let limited = self.conflicts >= MAX_CONFLICTS;
                let pause = if limited { RATE_LIMIT_INTERVAL } else { DEFEND_INTERVAL };
                (self.defended, self.state) = (None, State::GivenUp { until: now + pause, by });
            }
            Verdict::Keep | Verdict::NotOurs => {}
        }
        verdict
    }

    /// A time between zero and `most`, each equally likely.
    fn random(&mut self, most: Duration) -> Duration {
        self.drawn += 1;
        // Far from the largest numbers, whose hashes are the secret of the cache.
        let bits = self.keyed.hash(self.drawn) >> 32;
        // No more than a few seconds: less than 2^32 nanoseconds.
        Duration::from_nanos((most.as_nanos() as u64 * bits) >> 32)
    }
}

#[cfg(test)]
mod tests;
