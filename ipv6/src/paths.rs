//! The path MTU to hosts behind smaller links (RFC 8201).
//!
//! The table is cut into sets of 8 places. A hash with a secret assigns each destination to one set, so lookups and updates look
//! at 8 places, whatever the table holds. If all places of a set are taken, the path that expires first is displaced. Until that
//! path would have expired, any destination without an entry may be the displaced one. No router fragments a packet of IPv6, so
//! packets to such destinations have at most 1,280 bytes, which every link carries.
//!
//! Half of the sets are for TCP, and half for all others. TCP confirms an error by the sequence number that it quotes (RFC 5927 7).
//! UDP has only the port to go by, which is no secret. So what UDP believes neither lowers nor displaces a path of TCP.
//!
//! The table of `ipv4` has the same form and other rules: there, routers may fragment what does not fit, down to 68 bytes, and a
//! place also holds a counter of identifications. It has a quarter of the work for an address of 4 bytes. So each has its own.

use core::{net::Ipv6Addr, time::Duration};

use layer::{IPV6_MIN_MTU, Instant, TableHash};
use network::Protocol;
use rt_regions::{Exhausted, Region};

/// The number of places in a set.
const WAYS: usize = 8;

/// How long a path MTU holds before the larger one is tried again: at least 5 minutes, and 10 recommended (RFC 8201 4, 5.3).
const HOLDS: Duration = Duration::from_secs(600);

/// The smallest and the largest number of rows, which is a power of two.
const ROWS: (usize, usize) = (32, 2048);

/// A place for a path.
#[derive(Clone, Copy, Debug)]
struct Row {
    /// When the path expires.
    until: Instant,
    /// The destination of the path.
    destination: Ipv6Addr,
    /// The path MTU in bytes.
    mtu: u16,
}

const _: () = assert!(size_of::<Row>() == 32);

impl Row {
    /// No path: it has an unspecified destination and is expired.
    const EMPTY: Self = Self { until: Instant::ZERO, destination: Ipv6Addr::UNSPECIFIED, mtu: 0 };
}

/// The known path MTUs. An attacker who knows a bound port of UDP can forge those of UDP. So they only ever make packets smaller,
/// never below 1,280 bytes, and not for long.
#[derive(Debug)]
pub(crate) struct Paths<'g> {
    hash: TableHash,
    rows: &'g mut [Row],
    /// When the last path expires. Most hosts never have one.
    latest: Instant,
    /// When the last displaced path would have expired: of TCP, and of all others.
    displaced: [Instant; 2],
}

/// The effect of a new path MTU on the table.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Noted {
    /// The path MTU is below 1,280 bytes, so it is ignored.
    pub(crate) too_small: bool,
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
        let rows = 1 << (pages / 4).clamp(ROWS.0, ROWS.1).ilog2();
        Ok(Self::with_rows(hash, region.alloc_slice_with(rows, |_| Row::EMPTY)?))
    }

    /// An empty table in `rows`, which are empty; their number is a power of two, at least 16.
    const fn with_rows(hash: TableHash, rows: &'g mut [Row]) -> Self {
        Self { hash, rows, latest: Instant::ZERO, displaced: [Instant::ZERO; 2] }
    }

    /// Records that packets of `protocol` with more than `mtu` bytes do not reach `destination`. An MTU below 1,280 bytes is
    /// ignored, and so is one that would make packets larger (RFC 8201 4).
    pub(crate) fn note(
        &mut self,
        now: Instant,
        destination: Ipv6Addr,
        protocol: Protocol,
        mtu: usize,
    ) -> Noted {
        let mut noted = Noted { too_small: mtu < IPV6_MIN_MTU, displaced: false };
        let index = self.find(destination, protocol);
        if let Some(row) = self.rows.get_mut(index)
            && !noted.too_small
        {
            let mtu = mtu.min(usize::from(u16::MAX)) as u16;
            if now < row.until {
                if row.destination != destination {
                    noted.displaced = true;
                    let until = &mut self.displaced[usize::from(protocol == Protocol::TCP)];
                    *until = (*until).max(row.until);
                } else if row.mtu < mtu {
                    return noted;
                }
            }
            self.latest = now + HOLDS;
            *row = Row { until: self.latest, destination, mtu };
        }
        noted
    }

    /// The MTU to use for packets of `protocol` on the path to `destination`, whose first link has an MTU of `link` bytes.
    #[inline]
    pub(crate) fn mtu(
        &self,
        now: Instant,
        destination: Ipv6Addr,
        protocol: Protocol,
        link: usize,
    ) -> usize {
        if now < self.latest { self.known(now, destination, protocol, link) } else { link }
    }

    #[inline(never)]
    fn known(&self, now: Instant, destination: Ipv6Addr, protocol: Protocol, link: usize) -> usize {
        match self.rows.get(self.find(destination, protocol)) {
            Some(row) if row.destination == destination && now < row.until => {
                usize::from(row.mtu).min(link)
            }
            _ if now < self.displaced[usize::from(protocol == Protocol::TCP)] => {
                IPV6_MIN_MTU.min(link)
            }
            _ => link,
        }
    }

    /// The index of the path to `destination`, or of the path that it would displace.
    #[inline(never)]
    fn find(&self, destination: Ipv6Addr, protocol: Protocol) -> usize {
        // Each word is hashed with the hash of the words before: no distance between two addresses is the same in the table.
        let words = destination.to_bits();
        let hash = [96, 64, 32, 0]
            .into_iter()
            .fold(0, |hash: u32, shift| self.hash.hash(hash.wrapping_add((words >> shift) as u32)));
        // Every second set is one of TCP.
        let first = (hash as usize & self.rows.len().wrapping_sub(2 * WAYS))
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
