//! The layer: packets for us up, whole; packets of ours down, in fragments where they do not fit.

use core::net::Ipv4Addr;

use arp::Resolve;
use ethernet::EtherType;
use layer::{Cidr, Instant, KeyedHash, Layer, Rx, TableHash};
use network::Delivery;
use rt_regions::{Exhausted, Region};

use crate::{
    multicast::{ALL_HOSTS, MAX_GROUPS, multicast_mac},
    options,
    paths::Paths,
    reassembly::{Limits, Reassembly},
    rows::{ROWS, Row},
};

/// The TTL of what is sent, unless it is set otherwise (IANA's registry of IP parameters).
pub const DEFAULT_TTL: u8 = 64;

layer::counters! {
    /// What the IPv4 layer counted.
    pub struct Counters of "ipv4" {
        /// Packets handed up, whole.
        packets_rx,
        /// Packets sent, fragments counted one by one, but for those that the interface makes.
        packets_tx,
        /// Dropped: shorter than the header or the total length says, or an impossible IHL.
        bad_length,
        /// Dropped: not version 4.
        bad_version,
        /// Dropped: the checksum of the header was wrong.
        bad_checksum,
        /// Dropped: for another host, or for a group that was not joined.
        not_for_us,
        /// Dropped: from an address that no other host has (RFC 1122 3.2.1.3).
        bad_source,
        /// Dropped: a broadcast frame with a packet for one host (RFC 1122 3.3.6).
        broadcast_frame,
        /// Dropped: a source route that does not end here (RFC 1122 3.3.5).
        source_routed,
        /// Dropped: an option with an impossible length or pointer.
        bad_options,
        /// Fragments received.
        fragments_rx,
        /// Datagrams put together.
        reassembled,
        /// Fragments dropped: they had come before.
        fragments_duplicate,
        /// Fragments dropped: no datagram can have them.
        fragments_malformed,
        /// Fragments dropped: their datagram was, because earlier ones overlapped.
        fragments_refused,
        /// Datagrams dropped: fragments overlapped.
        reassembly_overlaps,
        /// Datagrams dropped: fragments were missing when their time was over.
        reassembly_timeouts,
        /// Datagrams dropped: no memory for a fragment, or for the whole.
        reassembly_exhausted,
        /// Datagrams dropped: others needed their room.
        reassembly_evicted,
        /// Datagrams sent in fragments that were made here.
        fragmented,
        /// Reports of paths that take less than 552 bytes: taken for 552, with fragments allowed.
        small_mtus,
        /// Paths forgotten before their time, because others needed their place: for so long, what goes to
        /// hosts of which nothing is known has no DF.
        paths_displaced,
        /// Handed up, and nobody wanted the protocol.
        unknown_protocol,
        /// Not sent: too long, with no route, or to an address that cannot be sent to.
        not_sent,
    }
}

/// IPv4 for one host over a link `E`.
#[derive(Debug)]
pub struct Ipv4<'g, E> {
    pub(crate) link: E,
    pub(crate) cidr: Cidr,
    pub(crate) gateway: Option<Ipv4Addr>,
    pub(crate) ttl: u8,
    pub(crate) groups: [Ipv4Addr; MAX_GROUPS],
    pub(crate) reassembly: Reassembly<'g>,
    /// The hash behind identifications.
    pub(crate) hash: KeyedHash,
    pub(crate) paths: Paths<'g>,
    pub(crate) counters: Counters,
    pub(crate) log: bool,
}

impl<'g, E: Resolve> Ipv4<'g, E> {
    /// The layer over `link`, with the address and the network `cidr`. Its tables are in `region`, fragments
    /// will be in regions of its pool. `secret`, which nobody can predict, hides the identifications.
    ///
    /// How many paths are remembered, and over how many counters of identifications destinations are spread,
    /// follows from the pool: a power of two, half of its pages at most, from 64 to 4,096. Both together take 16
    /// bytes.
    ///
    /// # Errors
    /// `region` has no room for the tables, or no pool.
    pub fn new(
        link: E,
        cidr: Cidr,
        secret: u128,
        region: &'g Region<'_>,
    ) -> Result<Self, Exhausted> {
        let pool = region.require_pool()?;
        Self::with_limits(link, cidr, secret, Limits::for_pool(pool), region)
    }

    /// The layer over `link` with limits for reassembly of one's own.
    ///
    /// # Errors
    /// `region` has no room for the tables, or no pool.
    pub fn with_limits(
        mut link: E,
        cidr: Cidr,
        secret: u128,
        limits: Limits,
        region: &'g Region<'_>,
    ) -> Result<Self, Exhausted> {
        // A link that cannot has no multicast at all, and no other host of it has either.
        let _ = link.join(multicast_mac(ALL_HOSTS));
        let pool = region.require_pool()?;
        let hash = KeyedHash::new(secret);
        let rows = 1 << (pool.pages() / 2).clamp(ROWS.0, ROWS.1).ilog2();
        let rows = region.alloc_slice_with(rows, |_| Row::EMPTY)?;
        Ok(Self {
            link,
            cidr,
            gateway: None,
            ttl: DEFAULT_TTL,
            groups: [Ipv4Addr::UNSPECIFIED; MAX_GROUPS],
            reassembly: Reassembly::new(limits, pool, region)?,
            hash,
            paths: Paths::new(TableHash::new(hash), rows),
            counters: Counters::default(),
            log: false,
        })
    }
}

impl<E> Ipv4<'_, E> {
    /// This layer with a gateway for what is not in our network.
    #[must_use]
    pub fn with_gateway(self, gateway: Option<Ipv4Addr>) -> Self {
        Self { gateway, ..self }
    }

    /// This layer with another TTL than [`DEFAULT_TTL`] for what no transport sets one for; 0, which must
    /// not be sent, counts as 1. What goes to a multicast group has 1 (RFC 1112 6.1).
    #[must_use]
    pub fn with_ttl(self, ttl: u8) -> Self {
        Self { ttl, ..self }
    }

    /// The link below.
    pub fn link(&self) -> &E {
        &self.link
    }

    /// The counters of this layer.
    pub fn stats(&self) -> &Counters {
        &self.counters
    }
}

impl<E: Resolve> Layer for Ipv4<'_, E> {
    type Item<'r> = Delivery<'r>;

    layer::forward!(link: E, "ipv4"; ready);

    fn receive<'r>(
        &mut self,
        now: Instant,
        region: &'r Region<'_>,
    ) -> Result<Rx<Delivery<'r>>, E::Error> {
        if let Some(datagram) = self.reassembly.expire(now) {
            self.counters.reassembly_timeouts += 1;
            let report = self.report(&datagram, region);
            return Ok(report.map_or(Rx::Handled, |report| Rx::Item(Delivery::Error(report))));
        }
        let frame = match self.link.receive(now, region)? {
            Rx::Item(frame) => frame,
            Rx::Handled => return Ok(Rx::Handled),
            Rx::Idle => return Ok(Rx::Idle),
        };
        if frame.ethertype != EtherType::IPV4 {
            self.link.unclaimed(now, frame)?;
            return Ok(Rx::Handled);
        }
        let Some(parsed) = self.filter(&frame) else { return Ok(Rx::Handled) };
        layer::log!(self.log, "ipv4: received {}", parsed.header);
        if let Err(problem) = options::check(parsed.header_bytes) {
            let report = self.header_problem(&frame, &parsed, problem);
            return Ok(Rx::Item(Delivery::Error(report)));
        }
        let packet = if parsed.header.is_fragment() {
            match self.reassemble(now, &frame, &parsed, region) {
                Some(packet) => packet,
                None => return Ok(Rx::Handled),
            }
        } else {
            self.packet(&frame, parsed.header, parsed.header_bytes, parsed.payload)
        };
        self.counters.packets_rx += 1;
        Ok(Rx::Item(Delivery::Packet(packet)))
    }

    fn unclaimed(&mut self, _now: Instant, item: Delivery<'_>) -> Result<(), E::Error> {
        if let Delivery::Packet(packet) = item {
            layer::log!(self.log, "ipv4: nobody wanted {}", packet.protocol);
            self.counters.unknown_protocol += 1;
        }
        Ok(())
    }

    fn next_deadline(&self) -> Option<Instant> {
        Instant::earliest(self.reassembly.next_deadline(), self.link.next_deadline())
    }
}

#[cfg(test)]
mod tests;
