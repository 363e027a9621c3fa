//! The effect of a Neighbour Advertisement (RFC 4861 7.2.5, Appendix C).

use core::net::Ipv6Addr;

use layer::Instant;
use netif::MacAddr;

use super::{Cache, State};

/// What a Neighbour Advertisement says of its target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Advertisement {
    /// The link-layer address of the target.
    pub(crate) link_address: Option<MacAddr>,
    pub(crate) is_router: bool,
    /// Whether it answers a solicitation.
    pub(crate) is_solicited: bool,
    /// Whether the link-layer address replaces one that is known.
    pub(crate) overrides: bool,
}

/// What came of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[must_use]
pub(crate) struct Advertised {
    /// The neighbour was asked for, and has this station: packets that wait can be sent.
    pub(crate) answered: Option<MacAddr>,
    /// The neighbour has another link-layer address now.
    pub(crate) changed: bool,
    /// The neighbour was a router, and is none any more.
    pub(crate) was_router: bool,
}

impl Cache<'_> {
    /// Applies an advertisement. `None` means that nobody knows or asked for the target: an advertisement adds no neighbour.
    pub(crate) fn advertised(
        &mut self,
        now: Instant,
        target: Ipv6Addr,
        advertisement: &Advertisement,
    ) -> Option<Advertised> {
        let reachable_until = now + self.timing.reachable(now);
        let index = self.find(target)?;
        let entry = &mut self.entries[index];
        let &Advertisement { link_address, is_router, is_solicited, overrides } = advertisement;
        let mut advertised = Advertised::default();
        let mac = match entry.state {
            // It is not asked for any more, and no packet waits.
            State::Free | State::Failed => return None,
            State::Incomplete => {
                // RFC 4861 7.2.5: without a link-layer address there is nothing to be learnt.
                let mac = link_address?;
                advertised.answered = Some(mac);
                entry.set(mac, State::Stale);
                mac
            }
            _ => link_address.unwrap_or(entry.mac),
        };
        if mac != entry.mac && !overrides {
            // RFC 4861 7.2.5 I: the address stays, and is doubted.
            if entry.state == State::Reachable {
                entry.state = State::Stale;
            }
            return Some(advertised);
        }
        if mac != entry.mac {
            advertised.changed = true;
            entry.confirmed = false;
            entry.set(mac, State::Stale);
        }
        if is_solicited {
            (entry.state, entry.when) = (State::Reachable, reachable_until);
            entry.confirmed = true;
        }
        advertised.was_router = entry.is_router && !is_router;
        entry.is_router = is_router;
        Some(advertised)
    }
}
