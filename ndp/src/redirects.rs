//! Destinations with another first hop than others have, because a router said so (RFC 4861 8.3): a value without input or output.

use core::net::Ipv6Addr;

/// How many destinations are kept.
pub const MAX_REDIRECTS: usize = 16;

/// The destinations, each with its first hop.
#[derive(Debug, Default)]
pub(crate) struct Redirects {
    list: [Option<(Ipv6Addr, Ipv6Addr)>; MAX_REDIRECTS],
    /// The place that is taken next.
    next: usize,
}

impl Redirects {
    /// Sets the first hop of a destination, in the place of the oldest one if there is none left.
    pub(crate) fn insert(&mut self, destination: Ipv6Addr, target: Ipv6Addr) {
        let known =
            self.list.iter().position(|place| place.is_some_and(|(to, _)| to == destination));
        let index = known.unwrap_or_else(|| {
            let next = self.next;
            self.next = (next + 1) % MAX_REDIRECTS;
            next
        });
        self.list[index] = Some((destination, target));
    }

    /// The first hop of a destination, if a router named one.
    #[inline]
    pub(crate) fn target(&self, destination: Ipv6Addr) -> Option<Ipv6Addr> {
        let mut places = self.list.iter().flatten();
        places.find(|(to, _)| *to == destination).map(|&(_, target)| target)
    }

    /// Whether some destination has this first hop.
    pub(crate) fn leads_to(&self, target: Ipv6Addr) -> bool {
        self.list.iter().flatten().any(|&(_, via)| via == target)
    }

    /// Forgets the destinations with this first hop, which does not answer or is no router any more.
    pub(crate) fn remove_via(&mut self, target: Ipv6Addr) {
        for place in &mut self.list {
            *place = place.filter(|&(_, via)| via != target);
        }
    }
}
