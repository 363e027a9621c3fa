//! Whether an address is ours: Duplicate Address Detection (RFC 4862 5.4, RFC 7527).

use core::{net::Ipv6Addr, time::Duration};

use layer::Instant;
use netif::MacAddr;

use super::{AddressInUse, Addresses, Entry, NEVER, Nonce, Origin, Random, State};

/// The longest delay before the first probe (RFC 4862 5.4.2; RFC 4861 10: `MAX_RTR_SOLICITATION_DELAY`).
const DELAY: Duration = Duration::from_secs(1);
/// How many other identifiers are tried (RFC 7217 5: `IDGEN_RETRIES`), and how long after a duplicate (`IDGEN_DELAY`).
const IDGEN_RETRIES: u8 = 3;
const IDGEN_DELAY: Duration = Duration::from_secs(1);
/// How many probes follow one that came back (RFC 7527 4.1: `MAX_MULTICAST_SOLICIT`).
const LOOPED_PROBES: u8 = 3;

/// What is to be done for an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// Join its group.
    Join(Ipv6Addr),
    /// Ask whether anybody has it.
    Probe(Ipv6Addr, Nonce),
    /// It is ours from now on.
    Assigned(Ipv6Addr),
    /// Tell the others that it is ours.
    Announce(Ipv6Addr),
    /// It is deprecated from now on.
    Deprecated(Ipv6Addr),
    /// It is not ours any more.
    Ended {
        /// The address.
        address: Ipv6Addr,
        /// Whether its group was joined.
        joined: bool,
    },
}

/// What is done about another station that has an address of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It is none of ours.
    NotOurs,
    /// It is ours already, and stays so.
    Keep,
    /// Another address is tried. The group of this one may be joined.
    TryAnother { joined: bool },
    /// The address is given up. Its group may be joined.
    GiveUp { joined: bool },
}

impl Addresses {
    /// Returns the next step that is due at `now`. The caller repeats this until it is `None`. While the link is down only lifetimes
    /// end.
    pub(crate) fn due(
        &mut self,
        now: Instant,
        link_up: bool,
        retransmit: Duration,
        random: &mut Random,
    ) -> Option<Step> {
        let mut index = 0;
        while let Some(place) = self.entries.get_mut(index) {
            let Some(entry) = place else {
                index += 1;
                continue;
            };
            let (address, joined) = (entry.address.address(), entry.joined);
            if entry.valid <= now {
                self.entries[index] = None;
                self.rebuild();
                return Some(Step::Ended { address, joined });
            }
            if entry.preferred <= now && entry.preferred != Instant::ZERO {
                entry.preferred = Instant::ZERO;
                self.rebuild();
                return Some(Step::Deprecated(address));
            }
            if !link_up || now < entry.next {
                index += 1;
                continue;
            }
            // After a step that is seen by nobody, the next one of the same address may be due.
            match entry.state {
                State::New if self.detects => {
                    (entry.state, entry.next) = (State::Waiting, now + random.up_to(DELAY));
                }
                State::New | State::Waiting if entry.next <= now => {
                    entry.state = State::Joined;
                    if !joined {
                        entry.joined = true;
                        return Some(Step::Join(address));
                    }
                }
                State::Joined if self.detects => return Some(entry.probe(now, retransmit, random)),
                State::Probing if entry.repeats > 0 => {
                    entry.repeats -= 1;
                    return Some(entry.probe(now, retransmit, random));
                }
                State::Joined | State::Probing => {
                    (entry.state, entry.announces) = (State::Ours, true);
                    self.rebuild();
                    return Some(Step::Assigned(address));
                }
                State::Ours if entry.announces => {
                    (entry.announces, entry.next) = (false, NEVER);
                    return Some(Step::Announce(address));
                }
                _ => index += 1,
            }
        }
        None
    }

    /// Whether `nonce` is in a probe of ours for `address`, which came back. Then the detection lasts longer (RFC 7527 4.1).
    pub(crate) fn is_own_probe(&mut self, address: Ipv6Addr, nonce: &[u8]) -> bool {
        let entry = self.entries.iter_mut().flatten().find(|entry| {
            entry.is(address) && entry.state == State::Probing && entry.nonce == nonce
        });
        let Some(entry) = entry else { return false };
        if !entry.looped {
            (entry.looped, entry.repeats) = (true, LOOPED_PROBES);
        }
        true
    }

    /// Another station has the address, or looks for duplicates of it as we do (RFC 4862 5.4.3 to 5.4.5).
    pub(crate) fn duplicate(&mut self, now: Instant, address: Ipv6Addr, by: MacAddr) -> Verdict {
        let is_it = |entry: &Option<Entry>| entry.is_some_and(|entry| entry.is(address));
        let Some(index) = self.entries.iter().position(is_it) else { return Verdict::NotOurs };
        let Some(entry) = &mut self.entries[index] else { return Verdict::NotOurs };
        match entry.state {
            State::Ours => return Verdict::Keep,
            State::GivenUp => return Verdict::NotOurs,
            _ => {}
        }
        if entry.origin != Origin::Configured && entry.attempts < IDGEN_RETRIES {
            let attempts = entry.attempts + 1;
            let other = self.identifiers.address(address, attempts);
            let (next, before) = (now + IDGEN_DELAY, *entry);
            let fresh = Entry::new(other, entry.origin);
            *entry =
                Entry { attempts, next, valid: before.valid, preferred: before.preferred, ..fresh };
            return Verdict::TryAnother { joined: before.joined };
        }
        // A place that is kept: a router that goes on to advertise the prefix does not begin it all again.
        let joined = core::mem::take(&mut entry.joined);
        entry.state = State::GivenUp;
        if entry.origin != Origin::Autonomous {
            self.lost = Some(AddressInUse { address, by });
        }
        Verdict::GiveUp { joined }
    }

    /// The link is back: what is not ours yet is looked for from the beginning, and what is ours is announced at `announce`.
    pub(crate) fn link_up(&mut self, announce: Instant) {
        for entry in self.entries.iter_mut().flatten() {
            match entry.state {
                State::Ours => (entry.announces, entry.next) = (true, announce),
                State::GivenUp => {}
                _ => {
                    (entry.state, entry.next) = (State::New, Instant::ZERO);
                    (entry.looped, entry.repeats) = (false, 0);
                }
            }
        }
    }
}

impl Entry {
    fn probe(&mut self, now: Instant, retransmit: Duration, random: &mut Random) -> Step {
        let [nonce @ .., _, _] = random.draw().to_le_bytes();
        (self.state, self.next, self.nonce) = (State::Probing, now + retransmit, nonce);
        Step::Probe(self.address.address(), nonce)
    }
}
