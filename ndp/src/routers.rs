//! The default routers of the link (RFC 4861 5.1, 6.3.4 to 6.3.6; RFC 4191): a value without input or output.

use core::{net::Ipv6Addr, time::Duration};

use layer::Instant;

use crate::{NEVER, wire::Preference};

/// How many default routers are kept. RFC 4861 6.3.4 demands two at least.
pub const MAX_ROUTERS: usize = 4;

/// The list of default routers, and the gateway of the configuration.
#[derive(Debug, Default)]
pub(crate) struct Routers {
    list: [Option<Router>; MAX_ROUTERS],
    /// The router that packets go to, until there is a reason to choose again.
    current: Option<Ipv6Addr>,
    /// The gateway of the configuration, which is taken before any router that says that it is one.
    gateway: Option<Ipv6Addr>,
    /// Whose turn it is if none may be reachable.
    turn: usize,
}

#[derive(Clone, Copy, Debug)]
struct Router {
    address: Ipv6Addr,
    expires: Instant,
    preference: Preference,
}

/// What came of an advertisement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Listed {
    /// The router is in the list, or was never in it and is not to be.
    Yes,
    /// It was added.
    Added,
    /// It is no default router any more.
    Removed,
    /// The list has no place for it.
    Full,
}

impl Routers {
    /// Sets the gateway of the configuration, or none.
    pub(crate) fn set_gateway(&mut self, gateway: Option<Ipv6Addr>) {
        self.gateway = gateway;
    }

    pub(crate) fn gateway(&self) -> Option<Ipv6Addr> {
        self.gateway
    }

    /// Records what a router says of itself. A list that is full takes another only for a router that is not reachable, so that
    /// strangers who call themselves routers displace none that works.
    pub(crate) fn advertised(
        &mut self,
        now: Instant,
        address: Ipv6Addr,
        (lifetime, preference): (Duration, Preference),
        may_be_reachable: impl Fn(Ipv6Addr) -> bool,
    ) -> Listed {
        if lifetime.is_zero() {
            return if self.remove(address) { Listed::Removed } else { Listed::Yes };
        }
        self.reconsider();
        let router = Router { address, expires: now + lifetime, preference };
        if let Some(known) = self.list.iter_mut().flatten().find(|known| known.address == address) {
            *known = router;
            return Listed::Yes;
        }
        let is_gone =
            |place: &Option<Router>| place.is_none_or(|router| !may_be_reachable(router.address));
        let place = self.list.iter().position(Option::is_none);
        match place.or_else(|| self.list.iter().position(is_gone)) {
            Some(index) => {
                self.list[index] = Some(router);
                Listed::Added
            }
            None => Listed::Full,
        }
    }

    /// Removes a router that is none any more; returns whether it was in the list.
    pub(crate) fn remove(&mut self, address: Ipv6Addr) -> bool {
        let is_it =
            |place: &&mut Option<Router>| place.is_some_and(|known| known.address == address);
        match self.list.iter_mut().find(is_it) {
            Some(place) => {
                *place = None;
                self.reconsider();
                true
            }
            None => false,
        }
    }

    /// Removes a router whose lifetime is over. The caller repeats this until it is `None`.
    pub(crate) fn expire(&mut self, now: Instant) -> Option<Ipv6Addr> {
        let expired = self.list.iter().flatten().find(|router| router.expires <= now)?.address;
        self.remove(expired);
        Some(expired)
    }

    /// Chooses anew for the next packet.
    pub(crate) fn reconsider(&mut self) {
        self.current = None;
    }

    /// Whether there is a router.
    pub(crate) fn exist(&self) -> bool {
        self.gateway.is_some() || self.list.iter().any(Option::is_some)
    }

    /// The router for packets to other links: the gateway of the configuration; or the one with the highest preference of those
    /// that may be reachable; or each in turn (RFC 4861 6.3.6, RFC 4191 3.2).
    #[inline]
    pub(crate) fn choose(
        &mut self,
        may_be_reachable: impl Fn(Ipv6Addr) -> bool,
    ) -> Option<Ipv6Addr> {
        if self.gateway.is_some() {
            return self.gateway;
        }
        if self.current.is_none() {
            let routers = || self.list.iter().flatten();
            let reachable = routers().filter(|router| may_be_reachable(router.address));
            // Of equals the first, which has been in the list for longest.
            let best = reachable.rev().max_by_key(|router| router.preference);
            let best = best.or_else(|| {
                self.turn = self.turn.wrapping_add(1);
                routers().nth(self.turn.checked_rem(routers().count())?)
            });
            self.current = best.map(|router| router.address);
        }
        self.current
    }

    /// When the first lifetime ends, or [`NEVER`].
    pub(crate) fn next(&self) -> Instant {
        self.list.iter().flatten().map(|router| router.expires).min().unwrap_or(NEVER)
    }
}
