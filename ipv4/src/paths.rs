//! The path MTU to hosts behind smaller links (RFC 1191).
//!
//! The table is cut into sets of 8 places. A destination belongs to one set, which a hash with a secret
//! chooses, so finding and noting look at 8 places, whatever is in the table. Where all of a set are taken, the
//! path whose time is over first gives way. Until its time is over, it may be that of any destination that is
//! not in the table: what goes there has no DF, so that routers can fragment it (RFC 1191 3).

use core::{net::Ipv4Addr, time::Duration};

use netif::Instant;
use network::TableHash;

/// The most paths that are remembered.
pub(crate) const MOST: usize = 4096;

/// The number of places in a set.
const WAYS: usize = 8;

/// How long a path MTU holds before the larger one is tried again (RFC 1191 6.3).
const HOLDS: Duration = Duration::from_secs(600);

/// The smallest MTU that a link may have (RFC 791): smaller values are lies.
const LEAST: usize = 68;

/// The least that packets are made for. Hardly any path takes less than this (Linux has the same floor,
/// `net.ipv4.route.min_pmtu`), and who forges a report would have large replies go in a thousand pieces.
/// Where a path does take less, routers make the pieces: what goes there may be fragmented, which RFC 1191 3
/// offers as the other answer to a report.
const FLOOR: u16 = 552;

/// What is known of paths. Who knows a bound port can forge it, so it only ever makes packets smaller, never
/// below [`FLOOR`], and not for long.
#[derive(Debug)]
pub(crate) struct Paths<'g> {
    hash: TableHash,
    /// As many as a power of two, 8 at least.
    places: &'g mut [Path],
    /// The time of all that are known is over then: most hosts never hear of any.
    latest: Instant,
    /// The time of all that gave way is over then.
    displaced: Instant,
}

/// The path to a destination, or a place for one.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Path {
    until: Instant,
    destination: Ipv4Addr,
    /// Below [`FLOOR`]: less than what is sent there.
    mtu: u16,
}

impl Path {
    /// A place that is free: it is that of an address of nobody, and its time is over.
    pub(crate) const FREE: Self =
        Self { until: Instant::ZERO, destination: Ipv4Addr::UNSPECIFIED, mtu: 0 };
}

/// What a path takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PathMtu {
    /// The largest packet that is sent there.
    pub(crate) mtu: usize,
    /// Whether it may take less than that, so that routers have to be allowed to fragment.
    pub(crate) routers_fragment: bool,
}

/// What became of an MTU that was noted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Noted {
    /// It is less than packets are made for.
    pub(crate) below_floor: bool,
    /// Another path gave way before its time.
    pub(crate) displaced: bool,
}

impl<'g> Paths<'g> {
    /// No paths, with room in `places`, which are free and a power of two, 8 at least.
    pub(crate) fn new(hash: TableHash, places: &'g mut [Path]) -> Self {
        Self { hash, places, latest: Instant::ZERO, displaced: Instant::ZERO }
    }

    /// Notes that packets of more than `mtu` bytes do not get to `destination`. What would make packets
    /// larger than they are is not believed (RFC 1191 3).
    pub(crate) fn note(&mut self, now: Instant, destination: Ipv4Addr, mtu: usize) -> Noted {
        let mut noted = Noted::default();
        let Some(index) = self.find(destination) else { return noted };
        let path = &mut self.places[index];
        if mtu < LEAST {
            return noted;
        }
        // No link takes more than 65,535 bytes.
        let mtu = (mtu as u16).max(FLOOR - 1);
        noted.below_floor = mtu < FLOOR;
        if now < path.until {
            if path.destination != destination {
                noted.displaced = true;
                self.displaced = self.displaced.max(path.until);
            } else if path.mtu < mtu {
                return noted;
            }
        }
        self.latest = now + HOLDS;
        *path = Path { until: self.latest, destination, mtu };
        noted
    }

    /// What the path to `destination` takes, of which the first link takes `link` bytes.
    #[inline]
    pub(crate) fn mtu(&self, now: Instant, destination: Ipv4Addr, link: usize) -> PathMtu {
        if now < self.latest {
            self.known(now, destination, link)
        } else {
            PathMtu { mtu: link, routers_fragment: false }
        }
    }

    #[inline(never)]
    fn known(&self, now: Instant, destination: Ipv4Addr, link: usize) -> PathMtu {
        match self.find(destination).map(|index| self.places[index]) {
            Some(path) if path.destination == destination && now < path.until => PathMtu {
                mtu: usize::from(path.mtu.max(FLOOR)).min(link),
                routers_fragment: path.mtu < FLOOR,
            },
            _ => PathMtu { mtu: link, routers_fragment: now < self.displaced },
        }
    }

    /// Where the path to `destination` is, or else the one that gives way for it.
    #[inline(never)]
    fn find(&self, destination: Ipv4Addr) -> Option<usize> {
        let hash = self.hash.hash(destination.to_bits()) as usize;
        let first = hash & self.places.len().wrapping_sub(WAYS);
        let set = self.places.get(first..)?.iter().take(WAYS);
        let rank = |path: &Path| match path.destination == destination {
            true => 0,
            false => path.until.as_nanos() | 1,
        };
        set.enumerate().min_by_key(|(_, path)| rank(path)).map(|(way, _)| first + way)
    }
}

#[cfg(test)]
mod tests;
