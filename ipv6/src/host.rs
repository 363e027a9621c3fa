//! IPv6 of one host: a value whose methods take the link as an argument.

use core::net::Ipv6Addr;

use layer::{Instant, KeyedHash, Offloads, TableHash, is_unicast_ipv6};
use network::Protocol;
use rt_regions::{Exhausted, Region};

use crate::{
    Counters, Discovery,
    identifications::Identifications,
    paths::Paths,
    reassembly::{Limits, Reassembly},
    source,
};

mod receive;
mod send;
mod undelivered;

/// The state and the decisions of IPv6: extension headers, reassembly, paths, source addresses, identifications. The link holds our
/// addresses, groups and routes; see [`Discovery`].
#[derive(Debug)]
pub struct Host<'g> {
    reassembly: Reassembly<'g>,
    /// The hash that makes flow labels.
    hash: KeyedHash,
    identifications: Identifications,
    paths: Paths<'g>,
    counters: Counters,
    log: bool,
}

impl<'g> Host<'g> {
    /// A host. Its tables are in `region`; fragments are kept in regions of that region's pool. `secret` must be unpredictable: it
    /// hides the identifications and the flow labels.
    ///
    /// # Errors
    /// `region` has no room for the tables, or no pool.
    pub fn new(secret: u128, limits: Limits, region: &'g Region<'_>) -> Result<Self, Exhausted> {
        let pool = region.require_pool()?;
        let hash = KeyedHash::new(secret);
        Ok(Self {
            reassembly: Reassembly::new(limits, pool, region)?,
            hash,
            identifications: Identifications::new(hash),
            paths: Paths::new(TableHash::new(hash), pool.pages(), region)?,
            counters: Counters::default(),
            log: false,
        })
    }

    /// The address that a packet to `destination` comes from if it names none (RFC 6724 5), or `None` if we have no address.
    pub fn source_for(link: &impl Discovery, destination: Ipv6Addr) -> Option<Ipv6Addr> {
        source::select(link.addresses(), destination)
    }

    /// Whether `address` is one of ours.
    #[inline]
    pub fn is_ours(link: &impl Discovery, address: Ipv6Addr) -> bool {
        link.addresses().iter().any(|assigned| assigned.address.address() == address)
    }

    /// The work that the layers above may leave to the interface: checksums, and the cutting of TCP segments.
    #[inline]
    pub fn offloads(link: &impl Discovery) -> Offloads {
        link.offloads().for_ipv6()
    }

    /// When to call [`expire`](Self::expire).
    #[inline]
    pub fn next_deadline(&self) -> Option<Instant> {
        self.reassembly.next_deadline()
    }

    /// Records that packets of `protocol` to `destination` must not be larger than `mtu` bytes, header included (RFC 8201).
    pub fn packet_too_big(
        &mut self,
        now: Instant,
        destination: Ipv6Addr,
        protocol: Protocol,
        mtu: u32,
    ) {
        let noted = self.paths.note(now, destination, protocol, mtu as usize);
        self.counters.small_mtus += u64::from(noted.too_small);
        self.counters.paths_displaced += u64::from(noted.displaced);
    }

    /// Counts a packet whose protocol no layer above claims.
    pub fn unclaimed(&mut self) {
        self.counters.unknown_protocol += 1;
    }

    /// The counters of the layer.
    pub fn stats(&self) -> &Counters {
        &self.counters
    }

    /// Whether the log is on.
    pub fn has_log(&self) -> bool {
        self.log
    }

    /// Turns the log on or off.
    pub fn set_log(&mut self, on: bool) {
        self.log = on;
    }
}

/// Whether another host can have `address`.
#[inline]
fn is_other_host(link: &impl Discovery, address: Ipv6Addr) -> bool {
    is_unicast_ipv6(address) && !Host::is_ours(link, address)
}
