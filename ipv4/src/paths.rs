//! The path MTU to hosts behind smaller links (RFC 1191).
//!
//! The table is cut into sets of 8 places. A hash with a secret assigns each destination to one set, so lookups and
//! updates look at 8 places, whatever the table holds. If all places of a set are taken, the path that expires first is
//! displaced. Until that path would have expired, any destination without an entry may be the displaced one. So packets
//! to such destinations have no DF, and routers can fragment them (RFC 1191 3).
//!
//! Half of the sets are for TCP, and half for all others. TCP confirms an error by the sequence number that it quotes (RFC
//! 5927 7). UDP has only the port to go by, which is no secret. So what UDP believes neither lowers nor displaces a path of
//! TCP.

use core::{net::Ipv4Addr, time::Duration};

use layer::{IPV4_MIN_MTU, Instant, TableHash};
use network::Protocol;
use rt_regions::{Exhausted, Region};

mod ids;

/// The number of places in a set.
const WAYS: usize = 8;

/// How long a path MTU holds before the larger one is tried again (RFC 1191 6.3).
const HOLDS: Duration = Duration::from_secs(600);

/// The smallest path MTU that is used. Hardly any path has a smaller one (Linux has the same floor,
/// `net.ipv4.route.min_pmtu`), and a forged error could split large replies into a thousand fragments. If a path does
/// have a smaller MTU, routers fragment the packets: they have no DF, which RFC 1191 3 allows as the other reaction to
/// an error.
const FLOOR: u16 = 552;

/// The smallest and the largest number of rows, which is a power of two.
const ROWS: (usize, usize) = (64, 4096);

/// A place for a path, and, because there is room for it, a counter for identifications. They are found by different
/// hashes and are otherwise unrelated.
#[derive(Clone, Copy, Debug)]
struct Row {
    /// When the path expires.
    until: Instant,
    /// The destination of the path.
    destination: Ipv4Addr,
    /// The path MTU in bytes.
    mtu: u16,
    /// How many identifications this counter has given.
    counter: u16,
}

const _: () = assert!(size_of::<Row>() == 16);

impl Row {
    /// No path (it has an unspecified destination and is expired), and no identifications given.
    const EMPTY: Self =
        Self { until: Instant::ZERO, destination: Ipv4Addr::UNSPECIFIED, mtu: 0, counter: 0 };
}

/// The known path MTUs. An attacker who knows a bound port of UDP can forge those of UDP. So they only ever make packets
/// smaller, never below [`FLOOR`], and not for long.
#[derive(Debug)]
pub(crate) struct Paths<'g> {
    hash: TableHash,
    /// The rows; their number is a power of two, at least 16.
    rows: &'g mut [Row],
    /// When the last known path expires. Most hosts never learn of any path.
    latest: Instant,
    /// When the last displaced path would have expired.
    displaced: Instant,
    /// Which identifications are ours: one in so many, and the number of our part.
    #[cfg(feature = "cores")]
    part: (u16, u16),
}

/// The MTU to use for a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PathMtu {
    /// The length in bytes of the largest packet that is sent to the destination.
    pub(crate) mtu: usize,
    /// Whether the path MTU may be smaller, so that routers must be allowed to fragment.
    pub(crate) routers_fragment: bool,
}

/// The effect of a new path MTU on the table.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Noted {
    /// The path MTU is below [`FLOOR`].
    pub(crate) below_floor: bool,
    /// Another path was displaced before it expired.
    pub(crate) displaced: bool,
}

impl<'g> Paths<'g> {
    /// An empty table in `region`. Its size depends on the number of `pages` of the pool; see [`ROWS`].
    ///
    /// # Errors
    /// `region` has no room for the table.
    pub(crate) fn new(
        hash: TableHash,
        pages: usize,
        region: &'g Region<'_>,
    ) -> Result<Self, Exhausted> {
        let rows = 1 << (pages / 2).clamp(ROWS.0, ROWS.1).ilog2();
        Ok(Self::with_rows(hash, region.alloc_slice_with(rows, |_| Row::EMPTY)?))
    }

    /// An empty table in `rows`, which are empty; their number is a power of two, at least 16.
    const fn with_rows(hash: TableHash, rows: &'g mut [Row]) -> Self {
        Self {
            hash,
            rows,
            latest: Instant::ZERO,
            displaced: Instant::ZERO,
            #[cfg(feature = "cores")]
            part: (1, 0),
        }
    }

    /// Records that packets of `protocol` with more than `mtu` bytes do not reach `destination`. An MTU that would make
    /// packets larger is not believed (RFC 1191 3).
    pub(crate) fn note(
        &mut self,
        now: Instant,
        destination: Ipv4Addr,
        protocol: Protocol,
        mtu: usize,
    ) -> Noted {
        let mut noted = Noted::default();
        let index = self.find(destination, protocol);
        if let Some(row) = self.rows.get_mut(index)
            && mtu >= IPV4_MIN_MTU
        {
            // No packet is longer than 65,535 bytes.
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

    /// The MTU to use for packets of `protocol` on the path to `destination`, whose first link has an MTU of `link` bytes.
    #[inline]
    pub(crate) fn mtu(
        &self,
        now: Instant,
        destination: Ipv4Addr,
        protocol: Protocol,
        link: usize,
    ) -> PathMtu {
        if now < self.latest {
            self.known(now, destination, protocol, link)
        } else {
            PathMtu { mtu: link, routers_fragment: false }
        }
    }

    #[inline(never)]
    fn known(
        &self,
        now: Instant,
        destination: Ipv4Addr,
        protocol: Protocol,
        link: usize,
    ) -> PathMtu {
        match self.rows.get(self.find(destination, protocol)) {
            Some(row) if row.destination == destination && now < row.until => PathMtu {
                mtu: usize::from(row.mtu.max(FLOOR)).min(link),
                routers_fragment: row.mtu < FLOOR,
            },
            _ => PathMtu { mtu: link, routers_fragment: now < self.displaced },
        }
    }

    /// The index of the path to `destination`, or of the path that it would displace.
    #[inline(never)]
    fn find(&self, destination: Ipv4Addr, protocol: Protocol) -> usize {
        let hash = self.hash.hash(destination.to_bits()) as usize;
        // Every second set is one of TCP.
        let first = (hash & self.rows.len().wrapping_sub(2 * WAYS))
            | (usize::from(protocol == Protocol::TCP) * WAYS);
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
