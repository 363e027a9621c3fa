//! The DNS servers that routers name (RFC 8106 5.1, 5.3): a value without input or output.

use core::{net::Ipv6Addr, time::Duration};

use layer::{Instant, is_unicast_ipv6};

use crate::NEVER;

/// How many DNS servers are kept. RFC 8106 5.3.1 asks for three at least.
pub const MAX_DNS_SERVERS: usize = 4;

/// The servers, each with the end of its lifetime.
#[derive(Debug, Default)]
pub(crate) struct Servers {
    list: [Option<(Ipv6Addr, Instant)>; MAX_DNS_SERVERS],
}

impl Servers {
    /// Records that a server may be asked for so long; returns whether the servers are others than before. Zero ends it at once. In a
    /// full list it takes the place of the one whose lifetime ends first, if its own ends later.
    pub(crate) fn advertised(
        &mut self,
        now: Instant,
        server: Ipv6Addr,
        lifetime: Duration,
    ) -> bool {
        if !is_unicast_ipv6(server) {
            return false;
        }
        let known = self.list.iter().position(|place| place.is_some_and(|(it, _)| it == server));
        if lifetime.is_zero() {
            if let Some(index) = known {
                self.list[index] = None;
            }
            return known.is_some();
        }
        let end = now + lifetime;
        let ends = |&index: &usize| self.list[index].map(|(_, end)| end);
        let soonest =
            || (0..MAX_DNS_SERVERS).min_by_key(ends).filter(|index| ends(index) < Some(end));
        let place = known.or_else(soonest);
        if let Some(index) = place {
            self.list[index] = Some((server, end));
        }
        known.is_none() && place.is_some()
    }

    /// The servers.
    pub(crate) fn iter(&self) -> impl Iterator<Item = Ipv6Addr> {
        self.list.iter().flatten().map(|&(server, _)| server)
    }

    /// Removes the servers whose lifetime is over; returns whether there were any.
    pub(crate) fn expire(&mut self, now: Instant) -> bool {
        let mut is_news = false;
        for place in &mut self.list {
            let kept = place.filter(|&(_, end)| now < end);
            is_news |= kept.is_none() && place.is_some();
            *place = kept;
        }
        is_news
    }

    /// When the first lifetime ends, or [`NEVER`].
    pub(crate) fn next(&self) -> Instant {
        self.list.iter().flatten().map(|&(_, end)| end).min().unwrap_or(NEVER)
    }
}
