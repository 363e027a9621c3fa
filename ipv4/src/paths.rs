//! The path MTU to hosts behind smaller links (RFC 1191).
//!
//! The table is cut into sets of 8 places. A destination belongs to one set, which a hash with a secret
//! chooses, so finding and noting look at 8 places, whatever is in the table. Where all of a set are taken, the
//! path whose time is over first gives way. Until its time is over, it may be that of any destination that is
//! not in the table: what goes there has no DF, so that routers can fragment it (RFC 1191 3).

use core::{net::Ipv4Addr, time::Duration};

use layer::{IPV4_MIN_MTU, Instant, TableHash};
use rt_regions::{Exhausted, Region};

mod ids;

/// The number of places in a set.
const WAYS: usize = 8;

/// How long a path MTU holds before the larger one is tried again (RFC 1191 6.3).
const HOLDS: Duration = Duration::from_secs(600);

/// The least that packets are made for. Hardly any path takes less than this (Linux has the same floor,
/// `net.ipv4.route.min_pmtu`), and who forges an error would have large replies go in a thousand pieces.
/// Where a path does take less, routers make the pieces: what goes there may be fragmented, which RFC 1191 3
/// offers as the other answer to an error.
const FLOOR: u16 = 552;

/// The fewest rows and the most; there are a power of two of them.
const ROWS: (usize, usize) = (64, 4096);

/// A place for a path, and beside it, since it has room for that, a counter of identifications. The two are
/// found by different hashes and have nothing else to do with each other.
#[derive(Clone, Copy, Debug)]
struct Row {
    /// The path is known before this.
    until: Instant,
    /// Whom the path leads to.
    destination: Ipv4Addr,
    /// What the path takes.
    mtu: u16,
    /// How many identifications were taken here.
    counter: u16,
}

const _: () = assert!(size_of::<Row>() == 16);

impl Row {
    /// No path, which is that of nobody and over, and no identifications.
    const EMPTY: Self =
        Self { until: Instant::ZERO, destination: Ipv4Addr::UNSPECIFIED, mtu: 0, counter: 0 };
}

/// What is known of paths. Who knows a bound port can forge it, so it only ever makes packets
/// smaller, never below [`FLOOR`], and not for long.
#[derive(Debug)]
pub(crate) struct Paths<'g> {
    hash: TableHash,
    /// As many as a power of two, 8 at least.
    rows: &'g mut [Row],
    /// The time of all that are known is over then: most hosts never hear of any.
    latest: Instant,
    /// The time of all that gave way is over then.
    displaced: Instant,
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
    /// No paths. The table, in `region`, is as large as a pool of `pages` pages allows: see [`ROWS`].
    ///
    /// # Errors
    /// `region` has no room for it.
    pub(crate) fn new(
        hash: TableHash,
        pages: usize,
        region: &'g Region<'_>,
    ) -> Result<Self, Exhausted> {
        let rows = 1 << (pages / 2).clamp(ROWS.0, ROWS.1).ilog2();
        Ok(Self::with_rows(hash, region.alloc_slice_with(rows, |_| Row::EMPTY)?))
    }

    /// No paths, with room in `rows`, which are empty and a power of two, 8 at least.
    const fn with_rows(hash: TableHash, rows: &'g mut [Row]) -> Self {
        Self { hash, rows, latest: Instant::ZERO, displaced: Instant::ZERO }
    }

    /// Notes that packets of more than `mtu` bytes do not get to `destination`. What would make packets
    /// larger than they are is not believed (RFC 1191 3).
    pub(crate) fn note(&mut self, now: Instant, destination: Ipv4Addr, mtu: usize) -> Noted {
        let mut noted = Noted::default();
        let index = self.find(destination);
        if let Some(row) = self.rows.get_mut(index)
            && mtu >= IPV4_MIN_MTU
        {
            // No link takes more than 65,535 bytes.
            let mtu = (mtu.min(usize::from(u16::MAX)) as u16).max(FLOOR - 1);
            noted.below_floor = mtu < FLOOR;
            if now < row.until {
                if row.destination != destination {
                    noted.displaced = true;
                    self.displaced = self.displaced.max(row.until);
                } else if row.mtu < mtu {
                    return noted;
                }
            }
            self.latest = now + HOLDS;
            (row.until, row.destination, row.mtu) = (self.latest, destination, mtu);
        }
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
        match self.rows.get(self.find(destination)) {
            Some(row) if row.destination == destination && now < row.until => PathMtu {
                mtu: usize::from(row.mtu.max(FLOOR)).min(link),
                routers_fragment: row.mtu < FLOOR,
            },
            _ => PathMtu { mtu: link, routers_fragment: now < self.displaced },
        }
    }

    /// Where the path to `destination` is, or else the one that gives way for it.
    #[inline(never)]
    fn find(&self, destination: Ipv4Addr) -> usize {
        let hash = self.hash.hash(destination.to_bits()) as usize;
        let first = hash & self.rows.len().wrapping_sub(WAYS);
        let (mut found, mut least) = (first, u64::MAX);
        for (index, row) in self.rows.iter().enumerate().skip(first).take(WAYS) {
            if row.destination == destination {
                return index;
            }
            if row.until.as_nanos() < least {
                (found, least) = (index, row.until.as_nanos());
            }
        }
        found
    }
}

#[cfg(test)]
mod tests;
