//! The packets that a host sends.

use core::{
    fmt,
    net::{IpAddr, Ipv6Addr},
};

use ipv6::{ALL_ROUTERS, Fields, HEADER_LEN, Ipv6Header, multicast_mac, solicited_node};
use layer::Payload;
use netif::MacAddr;
use network::{Checksum, Protocol};
use zerocopy::IntoBytes;

use super::{
    ALL_MLDV2_ROUTERS, HOP_BY_HOP, HOP_LIMIT, Kind,
    options::{NONCE, SOURCE_LINK_ADDRESS, TARGET_LINK_ADDRESS},
};

/// The most groups in one report.
pub const MAX_RECORDS: usize = 16;

/// The length of a hop-by-hop header with Router Alert in bytes.
const ALERT_LEN: usize = 8;
/// The length of a record without sources in bytes (RFC 9777 5.2.4).
const RECORD_LEN: usize = 20;
/// The length of the longest packet, a report, in bytes.
const CAPACITY: usize = HEADER_LEN + ALERT_LEN + 8 + MAX_RECORDS * RECORD_LEN;

/// Random bytes, as many as one option takes (RFC 3971 5.3.2).
pub type Nonce = [u8; 6];

/// What a report says about a group (RFC 9777 5.2.12). We listen to all sources, or to none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Record {
    /// We listen: an answer to a query (`MODE_IS_EXCLUDE`).
    Listens = 2,
    /// We do not listen any more (`CHANGE_TO_INCLUDE_MODE`).
    Left = 3,
    /// We listen from now on (`CHANGE_TO_EXCLUDE_MODE`).
    Joined = 4,
}

/// A packet to be sent: the header of IPv6 and all that follows.
#[derive(Clone)]
#[must_use]
pub struct Packet {
    /// The station or the group that the frame is for.
    pub station: MacAddr,
    /// The type of the message.
    pub kind: Kind,
    bytes: [u8; CAPACITY],
    length: usize,
}

impl Packet {
    /// A Neighbour Solicitation for `target`, to this station alone, or to the group of the target (RFC 4861 7.2.2).
    pub fn solicitation(
        station: Option<MacAddr>,
        (source, mac): (Ipv6Addr, MacAddr),
        target: Ipv6Addr,
    ) -> Self {
        let group = solicited_node(target);
        let destination = if station.is_some() { target } else { group };
        let station = station.unwrap_or(multicast_mac(group));
        let mut packet = Self::new(station, Kind::SOLICITATION, source, destination);
        packet.put(&[0; 4]).put(&target.octets());
        packet.put(&[SOURCE_LINK_ADDRESS, 1]).put(&mac.0);
        packet.finish()
    }

    /// The Neighbour Solicitation that asks whether anybody has `target` already (RFC 4862 5.4.2), with a nonce by which it is
    /// known again (RFC 7527 4.1).
    pub fn probe(target: Ipv6Addr, nonce: Nonce) -> Self {
        let group = solicited_node(target);
        let (kind, source) = (Kind::SOLICITATION, Ipv6Addr::UNSPECIFIED);
        let mut packet = Self::new(multicast_mac(group), kind, source, group);
        packet.put(&[0; 4]).put(&target.octets()).put(&[NONCE, 1]).put(&nonce);
        packet.finish()
    }

    /// The Neighbour Advertisement by a host that has `target` (RFC 4861 7.2.4, 7.2.6), from this address, which it has.
    pub fn advertisement(
        station: MacAddr,
        destination: Ipv6Addr,
        (target, mac): (Ipv6Addr, MacAddr),
        is_solicited: bool,
        overrides: bool,
    ) -> Self {
        let flags = u8::from(is_solicited) << 6 | u8::from(overrides) << 5;
        let mut packet = Self::new(station, Kind::ADVERTISEMENT, target, destination);
        packet.put(&[flags, 0, 0, 0]).put(&target.octets());
        packet.put(&[TARGET_LINK_ADDRESS, 1]).put(&mac.0);
        packet.finish()
    }

    /// A Router Solicitation (RFC 4861 4.1).
    pub fn router_solicitation(source: Ipv6Addr, mac: MacAddr) -> Self {
        let (station, kind) = (multicast_mac(ALL_ROUTERS), Kind::ROUTER_SOLICITATION);
        let mut packet = Self::new(station, kind, source, ALL_ROUTERS);
        packet.put(&[0; 4]);
        if !source.is_unspecified() {
            packet.put(&[SOURCE_LINK_ADDRESS, 1]).put(&mac.0);
        }
        packet.finish()
    }

    /// A Multicast Listener Report of version 2 (RFC 9777 5.2) with the first [`MAX_RECORDS`] of `records`.
    pub fn report(source: Ipv6Addr, records: impl Iterator<Item = (Record, Ipv6Addr)>) -> Self {
        let (station, kind) = (multicast_mac(ALL_MLDV2_ROUTERS), Kind::REPORT);
        let mut packet = Self::new(station, kind, source, ALL_MLDV2_ROUTERS);
        packet.put(&[0; 4]);
        let count = packet.length - 1;
        for (record, group) in records.take(MAX_RECORDS) {
            packet.put(&[record as u8, 0, 0, 0]).put(&group.octets());
            packet.bytes[count] += 1;
        }
        packet.finish()
    }

    /// A Multicast Listener Report of version 1, or Done if we do not listen any more (RFC 2710 3, 5).
    pub fn report_v1(source: Ipv6Addr, group: Ipv6Addr, listens: bool) -> Self {
        let (kind, destination) =
            if listens { (Kind::REPORT_V1, group) } else { (Kind::DONE, ALL_ROUTERS) };
        let mut packet = Self::new(multicast_mac(destination), kind, source, destination);
        packet.put(&[0; 4]).put(&group.octets());
        packet.finish()
    }

    /// The packet's bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes[..self.length]
    }

    /// A packet with a message of this type, of which the first 4 bytes are written.
    fn new(station: MacAddr, kind: Kind, source: Ipv6Addr, destination: Ipv6Addr) -> Self {
        let mut packet = Self { station, kind, bytes: [0; CAPACITY], length: HEADER_LEN };
        let (next_header, hop_limit) = match kind.is_mld() {
            true => (Protocol(HOP_BY_HOP), 1),
            false => (Protocol::ICMPV6, HOP_LIMIT),
        };
        let fields =
            Fields { source, destination, next_header, hop_limit, traffic_class: 0, flow_label: 0 };
        packet.bytes[..HEADER_LEN].copy_from_slice(Ipv6Header::new(&fields, 0).as_bytes());
        if kind.is_mld() {
            // Router Alert for MLD, and two bytes of padding (RFC 2711 2.1, RFC 8200 4.2).
            packet.put(&[Protocol::ICMPV6.0, 0, 5, 2, 0, 0, 1, 0]);
        }
        packet.put(&[kind.0, 0, 0, 0]);
        packet
    }

    /// Adds bytes. The capacity is that of the longest packet, so there is room for them.
    fn put(&mut self, bytes: &[u8]) -> &mut Self {
        if let Some(room) = self.bytes.get_mut(self.length..self.length + bytes.len()) {
            room.copy_from_slice(bytes);
            self.length += bytes.len();
        }
        self
    }

    /// Writes the lengths and the checksum.
    fn finish(mut self) -> Self {
        let length = (self.length - HEADER_LEN) as u16;
        self.bytes[4..6].copy_from_slice(&length.to_be_bytes());
        let begin = HEADER_LEN + if self.kind.is_mld() { ALERT_LEN } else { 0 };
        let address = |at: usize| {
            let bytes: [u8; 16] = core::array::from_fn(|byte| self.bytes[at + byte]);
            IpAddr::from(bytes)
        };
        let message = &self.bytes[begin..self.length];
        let (source, destination) = (address(8), address(24));
        let sum = Checksum::pseudo_header(source, destination, Protocol::ICMPV6, message.len());
        let sum = sum.add(message).finish();
        self.bytes[begin + 2..begin + 4].copy_from_slice(&sum.to_be_bytes());
        self
    }
}

impl Payload for Packet {
    fn len(&self) -> usize {
        self.length
    }

    fn copy_to(&self, offset: usize, out: &mut [u8]) {
        self.as_bytes().copy_to(offset, out);
    }

    fn visit(&self, offset: usize, length: usize, visit: &mut dyn FnMut(&[u8])) {
        self.as_bytes().visit(offset, length, visit);
    }
}

impl fmt::Debug for Packet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Packet")
            .field("station", &self.station)
            .field("kind", &self.kind)
            .field("bytes", &self.as_bytes())
            .finish_non_exhaustive()
    }
}
