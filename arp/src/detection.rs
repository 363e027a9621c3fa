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

use core::{net::Ipv4Addr, time::Duration};

use layer::{Instant, KeyedHash};
use netif::MacAddr;

use crate::{AddressInUse, entry::NEVER};

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
    /// How many probes were sent, or how many announcements are still to be sent.
    count: u8,
    /// When the next one is due, or the end of a pause; it waits until frames leave.
    next: Instant,
    /// Whose the address is, if it is given up.
    by: AddressInUse,
    /// Whether frames leave. What does not leave is neither a probe nor an announcement.
    link_up: bool,
    /// When that is to be asked next.
    next_look: Instant,
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
    /// Probes are sent; after the last, it is time for using the address.
    Probing,
    /// The address is ours.
    Ours,
    /// The address is another's; after a while, probing begins anew.
    GivenUp,
    /// There is no address.
    Unset,
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
    /// An address that is ours at once, and to be announced; or none, if it is not `set`. `secret` is where random
    /// waiting times come from.
    pub(crate) const fn new(secret: u128, set: bool) -> Self {
        Self {
            state: if set { State::Ours } else { State::Unset },
            count: ANNOUNCEMENTS,
            next: Instant::ZERO,
            by: AddressInUse { address: Ipv4Addr::UNSPECIFIED, by: MacAddr::UNSPECIFIED },
            link_up: true,
            next_look: NEVER,
            probing: false,
            keeps: false,
            defended: None,
            conflicts: 0,
            keyed: KeyedHash::new(secret),
            drawn: 0,
        }
    }

    /// Probes for each address before it is used.
    pub(crate) fn probe(&mut self) {
        self.probing = true;
        self.restart(self.state != State::Unset);
    }

    /// Probes for the address before it is used, and keeps and defends it once it is ours.
    pub(crate) fn probe_at_start(&mut self) {
        self.keeps = true;
        self.probe();
    }

    /// Whose the address turned out to be.
    pub(crate) fn taken(&self) -> Option<&AddressInUse> {
        (self.state == State::GivenUp).then_some(&self.by)
    }

    /// Whose the address turned out to be, if it is not tried again but given up for good: it was to be kept from then on.
    pub(crate) fn lost(&self) -> Option<&AddressInUse> {
        self.taken().filter(|_| self.keeps)
    }

    /// Begins anew, with another address, or without one if it is not `set`. The conflicts that there were still
    /// count.
    pub(crate) fn restart(&mut self, set: bool) {
        self.defended = None;
        if set {
            self.begin(self.probing);
        } else {
            self.state = State::Unset;
        }
    }

    /// Probes for the address, or announces it.
    fn begin(&mut self, probing: bool) {
        self.state = if probing { State::Begin } else { State::Ours };
        (self.count, self.next) = (ANNOUNCEMENTS, Instant::ZERO);
    }

    /// Whether frames were said to leave.
    #[inline]
    pub(crate) fn link_up(&self) -> bool {
        self.link_up
    }

    /// Takes note at `now` of whether frames leave, which is to be asked again after `interval`. An
    /// address that nobody was asked about while they did not is probed for from the beginning; one that is ours
    /// is announced when they do again (RFC 5227, 2.1 and 2.3).
    pub(crate) fn look(&mut self, now: Instant, link_up: bool, interval: Option<Duration>) {
        self.next_look = interval.map_or(NEVER, |interval| now + interval);
        if link_up != self.link_up {
            self.link_up = link_up;
            if !matches!(self.state, State::GivenUp | State::Unset) {
                self.begin(self.probing && !(self.keeps && self.is_ours()));
            }
        }
    }

    /// Whether the address is ours: whether it may be in a packet as the sender's, and be answered for.
    #[inline]
    pub(crate) fn is_ours(&self) -> bool {
        self.state == State::Ours
    }

    /// Whether we are asking if the address is somebody's: a probe of another host is a conflict.
    pub(crate) fn is_probing(&self) -> bool {
        matches!(self.state, State::Begin | State::Probing)
    }

    /// When [`look`](Self::look) and [`due`](Self::due) are next to be called, or [`NEVER`].
    #[inline]
    pub(crate) fn next(&self) -> Instant {
        let waits = !self.link_up || self.state == State::Unset;
        if waits { self.next_look } else { self.next.min(self.next_look) }
    }

    /// What is due at `now`: to be called until there is nothing more.
    pub(crate) fn due(&mut self, now: Instant) -> Option<Step> {
        if !self.link_up || now < self.next || self.state == State::Unset {
            return None;
        }
        match self.state {
            State::Begin | State::GivenUp => {
                (self.state, self.count) = (State::Probing, 0);
                self.next = now + self.random(PROBE_WAIT);
                return None;
            }
            State::Probing if self.count < PROBES => {
                self.count += 1;
                self.next = now
                    + match self.count {
                        PROBES => ANNOUNCE_WAIT,
                        _ => PROBE_MIN + self.random(PROBE_SPREAD),
                    };
                return Some(Step::Probe);
            }
            State::Probing => (self.state, self.count) = (State::Ours, ANNOUNCEMENTS),
            State::Ours | State::Unset => {}
        }
        // None are left when time itself ends.
        self.count = self.count.checked_sub(1)?;
        self.next = if self.count == 0 { NEVER } else { now + ANNOUNCE_INTERVAL };
        Some(Step::Announce)
    }

    /// A station says that the address is its own, or that it wants it.
    pub(crate) fn conflict(&mut self, now: Instant, by: AddressInUse) -> Verdict {
        let recent = self.defended.is_some_and(|last| now < last + DEFEND_INTERVAL);
        let verdict = match self.state {
            State::GivenUp | State::Unset => return Verdict::NotOurs,
            State::Begin | State::Probing => Verdict::GiveUp,
            State::Ours if !recent => Verdict::Defend,
            State::Ours if self.probing && !self.keeps => Verdict::GiveUp,
            State::Ours => Verdict::Keep,
        };
        self.conflicts = self.conflicts.saturating_add(1);
        match verdict {
            Verdict::Defend => self.defended = Some(now),
            Verdict::GiveUp => {
                let limited = self.conflicts >= MAX_CONFLICTS;
                let pause = if limited { RATE_LIMIT_INTERVAL } else { DEFEND_INTERVAL };
                (self.defended, self.state) = (None, State::GivenUp);
                (self.next, self.by) = (now + pause, by);
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
