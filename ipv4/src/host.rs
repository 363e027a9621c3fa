//! IPv4 of one host: a value, to which the link is an argument.

use core::net::Ipv4Addr;

use ethernet::Link;
use layer::{Instant, KeyedHash, TableHash};
use rt_regions::{Exhausted, Region};

use crate::{
    Counters,
    paths::Paths,
    reassembly::{Limits, Reassembly},
};

mod groups;
mod receive;
mod send;

pub use groups::{ALL_HOSTS, JoinError, MAX_GROUPS, multicast_mac};

/// The TTL of what is sent, unless it is set otherwise (IANA's registry of IP parameters).
pub const DEFAULT_TTL: u8 = 64;

/// What IPv4 knows and decides: groups, reassembly, paths, identifications, routes. Our address is the link's, see
/// [`Neighbours`](ethernet::Neighbours).
#[derive(Debug)]
pub struct Host<'g> {
    gateway: Option<Ipv4Addr>,
    ttl: u8,
    groups: [Ipv4Addr; MAX_GROUPS],
    reassembly: Reassembly<'g>,
    /// The hash behind identifications.
    hash: KeyedHash,
    paths: Paths<'g>,
    counters: Counters,
    log: bool,
}

impl<'g> Host<'g> {
    /// A host on `link`. Its tables are in `region`, fragments will be in regions of its pool. `secret`, which nobody
    /// can predict, hides the identifications.
    ///
    /// # Errors
    /// `region` has no room for the tables, or no pool.
    pub fn new(
        link: &mut impl Link,
        secret: u128,
        limits: Limits,
        region: &'g Region<'_>,
    ) -> Result<Self, Exhausted> {
        // A link that cannot has no multicast at all, and no other host of it has either.
        let _ = link.join(multicast_mac(ALL_HOSTS));
        let pool = region.require_pool()?;
        let hash = KeyedHash::new(secret);
        Ok(Self {
            gateway: None,
            ttl: DEFAULT_TTL,
            groups: [Ipv4Addr::UNSPECIFIED; MAX_GROUPS],
            reassembly: Reassembly::new(limits, TableHash::new(hash), pool, region)?,
            hash,
            paths: Paths::new(TableHash::new(hash), pool.pages(), region)?,
            counters: Counters::default(),
            log: false,
        })
    }

    /// Where to send what is not in our network; nowhere without one.
    pub fn set_gateway(&mut self, gateway: Option<Ipv4Addr>) {
        self.gateway = gateway;
    }

    /// Another TTL than [`DEFAULT_TTL`] for what no transport sets one for; 0, which must not be sent, counts as 1.
    /// What goes to a multicast group has 1 (RFC 1112 6.1).
    pub fn set_ttl(&mut self, ttl: u8) {
        self.ttl = ttl;
    }

    /// When [`expire`](Self::expire) has something to do.
    #[inline]
    pub fn next_deadline(&self) -> Option<Instant> {
        self.reassembly.next_deadline()
    }

    /// Notes that packets to `destination` must not be larger than `mtu` bytes, header included (RFC 1191).
    pub fn packet_too_big(&mut self, now: Instant, destination: Ipv4Addr, mtu: u32) {
        let noted = self.paths.note(now, destination, mtu as usize);
        self.counters.small_mtus += u64::from(noted.below_floor);
        self.counters.paths_displaced += u64::from(noted.displaced);
    }

    /// Takes note of a packet whose protocol nobody has.
    pub fn unclaimed(&mut self) {
        self.counters.unknown_protocol += 1;
    }

    /// What it has counted.
    pub fn stats(&self) -> &Counters {
        &self.counters
    }

    /// Whether its log is on.
    pub fn has_log(&self) -> bool {
        self.log
    }

    /// Turns its log on or off.
    pub fn set_log(&mut self, on: bool) {
        self.log = on;
    }
}

/// Whether `address` can be that of one host, as far as can be told without its network (RFC 1122 3.2.1.3, RFC 6890):
/// outside of 0/8 and 127/8, no group, not of class E, and not the broadcast of all.
#[inline]
fn is_unicast(address: Ipv4Addr) -> bool {
    let [first, ..] = address.octets();
    // 1 to 126, and 128 to 223, in two comparisons.
    first.wrapping_sub(1) < 223 && first != 127
}
