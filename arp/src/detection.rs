//! Address conflict detection: probing, announcing and defending our address (RFC 5227). A value without input or
//! output; the methods return what is to be sent.
//!
//! There are two modes, which the caller of [`Arp`](crate::Arp) chooses from:
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

/// The longest delay before the first probe (RFC 5227, 1.1: `PROBE_WAIT`).
const PROBE_WAIT: Duration = Duration::from_secs(1);
/// The number of probes (`PROBE_NUM`).
const PROBES: u8 = 3;
/// The shortest time between two probes (`PROBE_MIN`). A random time is added to it, up to `PROBE_MAX`.
const PROBE_MIN: Duration = Duration::from_secs(1);
const PROBE_SPREAD: Duration = Duration::from_secs(1);
/// How long we wait for an answer to the last probe (`ANNOUNCE_WAIT`).
const ANNOUNCE_WAIT: Duration = Duration::from_secs(2);
/// How often an address is announced (`ANNOUNCE_NUM`).
const ANNOUNCEMENTS: u8 = 2;
/// The time between announcements (`ANNOUNCE_INTERVAL`).
const ANNOUNCE_INTERVAL: Duration = Duration::from_secs(2);
/// The shortest time between two defences of our address (`DEFEND_INTERVAL`). It is also how long we stay away from an
/// address that we gave up.
const DEFEND_INTERVAL: Duration = Duration::from_secs(10);
/// The number of conflicts (`MAX_CONFLICTS`) from which on we stay away for longer: `RATE_LIMIT_INTERVAL`.
const MAX_CONFLICTS: u32 = 10;
const RATE_LIMIT_INTERVAL: Duration = Duration::from_secs(60);

/// The state of conflict detection for our address.
#[derive(Debug)]
pub(crate) struct Detection {
    state: State,
    /// How many probes were sent, or how many announcements are still to be sent.
    count: u8,
    /// When the next probe or announcement is due, or when a pause ends. Nothing is due while the link is down.
    next: Instant,
    /// The station that has the address, if we gave it up.
    by: AddressInUse,
    /// Whether the link is up, so that frames leave. A frame that does not leave is neither a probe nor an
    /// announcement.
    link_up: bool,
    /// When to check the state of the link next.
    next_look: Instant,
    /// Whether an address is probed for before it is used, and given up if it cannot be defended.
    probing: bool,
    /// Whether the address is kept once it is ours, even if it was probed for.
    keeps: bool,
    /// When our address was last defended.
    defended: Option<Instant>,
    /// The number of conflicts, with this address and earlier ones.
    conflicts: u32,
    /// The source of random numbers: the hash of `drawn`, which counts up.
    keyed: KeyedHash,
    drawn: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// The first probe is due after a random delay, which is not chosen yet.
    Begin,
    /// Probes are being sent, or we wait for an answer to the last one.
    Probing,
    /// The address is ours.
    Ours,
    /// Another station has the address. After a pause, probing begins again.
    GivenUp,
    /// There is no address.
    Unset,
}

/// A packet to be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    Probe,
    Announce,
}

/// The reaction to a conflict.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// No reaction: the address is not ours at the moment.
    NotOurs,
    /// Announce once more that the address is ours.
    Defend,
    /// The address stays ours; it was defended a short time ago.
    Keep,
    /// The address is not ours from now on.
    GiveUp,
}

impl Detection {
    /// The state for an address that is ours at once and is to be announced, or for no address if `set` is false.
    /// `secret` is the source of random delays.
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

    /// The station that has the address, if we gave it up.
    pub(crate) fn taken(&self) -> Option<&AddressInUse> {
        (self.state == State::GivenUp).then_some(&self.by)
    }

    /// The station that has the address, if we gave it up for good. This happens if the address was to be kept once it
    /// was ours.
    pub(crate) fn lost(&self) -> Option<&AddressInUse> {
        self.taken().filter(|_| self.keeps)
    }

    /// Starts again with another address, or with none if `set` is false. Earlier conflicts still count.
    pub(crate) fn restart(&mut self, set: bool) {
        self.defended = None;
        if set {
            self.begin(self.probing);
        } else {
            self.state = State::Unset;
        }
    }

    /// Starts to probe for the address, or to announce it.
    fn begin(&mut self, probing: bool) {
        self.state = if probing { State::Begin } else { State::Ours };
        (self.count, self.next) = (ANNOUNCEMENTS, Instant::ZERO);
    }

    /// Whether the link is up, as far as we were told.
    #[inline]
    pub(crate) fn link_up(&self) -> bool {
        self.link_up
    }

    /// Records at `now` whether the link is up. The state is to be checked again after `interval`. When it changes, the
    /// address is probed for from the beginning, because nobody was asked while the link was down. Without probing, or
    /// if the address is ours and is kept, it is announced again instead (RFC 5227, 2.1 and 2.3).
    pub(crate) fn look(&mut self, now: Instant, link_up: bool, interval: Option<Duration>) {
        self.next_look = interval.map_or(NEVER, |interval| now + interval);
        if link_up != self.link_up {
            self.link_up = link_up;
            if !matches!(self.state, State::GivenUp | State::Unset) {
                self.begin(self.probing && !(self.keeps && self.is_ours()));
            }
        }
    }

    /// Whether the address is ours, so that it may be a sender address and requests for it are answered.
    #[inline]
    pub(crate) fn is_ours(&self) -> bool {
        self.state == State::Ours
    }

    /// Whether we are probing for the address. Meanwhile, a probe from another host is a conflict.
    pub(crate) fn is_probing(&self) -> bool {
        matches!(self.state, State::Begin | State::Probing)
    }

    /// When to call [`look`](Self::look) and [`due`](Self::due) next, or [`NEVER`].
    #[inline]
    pub(crate) fn next(&self) -> Instant {
        let waits = !self.link_up || self.state == State::Unset;
        if waits { self.next_look } else { self.next.min(self.next_look) }
    }

    /// Returns the next packet that is due at `now`. The caller repeats this until it is `None`.
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
        // The count is already zero at the end of time.
        self.count = self.count.checked_sub(1)?;
        self.next = if self.count == 0 { NEVER } else { now + ANNOUNCE_INTERVAL };
        Some(Step::Announce)
    }

    /// Handles a conflict: another station uses the address, or probes for it.
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

    /// A random time between zero and `most`, uniformly distributed.
    fn random(&mut self, most: Duration) -> Duration {
        self.drawn += 1;
        // `drawn` never reaches the largest numbers, whose hashes are the secret of the cache.
        let bits = self.keyed.hash(self.drawn) >> 32;
        // `most` is a few seconds at most, which is less than 2^32 nanoseconds.
        Duration::from_nanos((most.as_nanos() as u64 * bits) >> 32)
    }
}

#[cfg(test)]
mod tests;
