use std::{
    collections::{HashSet, VecDeque},
    net::IpAddr,
    vec::Vec,
};

use ethernet::{Ethernet, Frame, Link, Neighbours};
use layer::{Ipv6Cidr, TxOffload};
use netif::{Checksums, MacAddr};
use network::SendError;
use testkit::{End, Wire, with_pool};
use zerocopy::{FromBytes, IntoBytes};

use super::*;
use crate::{
    ALL_NODES, Assigned, FRAGMENT_HEADER_LEN, Fields, FragmentHeader, HEADER_LEN, Ipv6Header,
    multicast_mac,
};

mod fragments;
mod headers;
mod hostile;
mod offloads;
mod receive;
mod segments;
mod send;

const OUR_MAC: MacAddr = MacAddr([2, 0, 0, 0, 0, 2]);
const PEER_MAC: MacAddr = MacAddr([2, 0, 0, 0, 0, 1]);
/// Our global address, in `2001:db8::/64`, and that of a neighbour.
const OURS: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 2);
const PEER: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1);
/// Our link-local address, and that of a neighbour.
const LINK_OURS: Ipv6Addr = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 2);
const LINK_PEER: Ipv6Addr = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 1);
const FAR: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0xffff, 0, 0, 0, 0, 7);
const GROUP: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0x1234, 0x5678);

/// A link that knows every neighbour: 02:00 and then the last four bytes of its address. It is in the groups that it was told of,
/// and in that of all nodes.
struct Everybody {
    link: Ethernet<End>,
    /// What is said of the checksums of the next frames, in the place of what the interface says.
    said: VecDeque<Checksums>,
    addresses: Vec<Assigned>,
    groups: Vec<Ipv6Addr>,
    has_router: bool,
    hop_limit: u8,
    ipv6_mtu: usize,
}

impl Everybody {
    fn new(end: End) -> Self {
        let assigned = |address, prefix| Assigned {
            address: Ipv6Cidr::new(address, prefix).unwrap(),
            deprecated: false,
        };
        let link = Ethernet::new(end);
        let ipv6_mtu = link.mtu();
        Self {
            link,
            said: VecDeque::new(),
            addresses: vec![assigned(LINK_OURS, 64), assigned(OURS, 64)],
            groups: vec![ALL_NODES],
            has_router: true,
            hop_limit: 64,
            ipv6_mtu,
        }
    }
}

impl Layer for Everybody {
    type Error = <Ethernet<End> as Layer>::Error;
    type Event = ();
    type Item<'r> = Frame<'r>;

    fn event(&self) {}

    fn receive<'r>(
        &mut self,
        now: Instant,
        region: &'r Region<'_>,
    ) -> Result<Rx<Frame<'r>>, Self::Error> {
        let said = self.said.pop_front();
        Ok(self
            .link
            .receive(now, region)?
            .map(|frame| Frame { checksums: said.unwrap_or(frame.checksums), ..frame }))
    }

    fn unclaimed(&mut self, now: Instant, frame: Frame<'_>) -> Result<(), Self::Error> {
        self.link.unclaimed(now, frame)
    }

    fn next_deadline(&self) -> Option<Instant> {
        None
    }

    fn counters(&self, visit: &mut dyn FnMut(layer::Counter)) {
        self.link.counters(visit);
    }

    fn configure(&mut self, setup: &mut Setup<'_>) {
        self.link.configure(setup);
    }
}

impl Link for Everybody {
    ethernet::forward!(link: Self);
}

impl Neighbours<Ipv6Addr> for Everybody {
    type Address = Ipv6Cidr;

    fn address(&self) -> Ipv6Cidr {
        self.addresses.first().map_or(Ipv6Cidr::UNSPECIFIED, |assigned| assigned.address)
    }

    fn set_address(&mut self, address: Ipv6Cidr) {
        self.addresses = vec![Assigned { address, deprecated: false }];
    }

    fn send_to(
        &mut self,
        now: Instant,
        address: Ipv6Addr,
        ethertype: EtherType,
        payload: impl Payload,
        offload: TxOffload,
    ) -> Result<(), Self::Error> {
        self.link.send(now, mac_of(address), ethertype, payload, offload)
    }
}

impl Discovery for Everybody {
    fn addresses(&self) -> &[Assigned] {
        &self.addresses
    }

    fn has_route(&self, destination: Ipv6Addr) -> bool {
        let on_link = |assigned: &Assigned| assigned.address.contains(destination);
        self.has_router || self.addresses.iter().any(on_link)
    }

    fn ipv6_mtu(&self) -> usize {
        self.ipv6_mtu
    }

    fn hop_limit(&self) -> u8 {
        self.hop_limit
    }

    fn is_member(&self, group: Ipv6Addr) -> bool {
        self.groups.contains(&group)
    }

    fn join_group(&mut self, group: Ipv6Addr) -> Result<(), JoinError> {
        if !group.is_multicast() {
            return Err(JoinError::NotAGroup(group));
        }
        self.link.join(multicast_mac(group)).map_err(|_| JoinError::Full)?;
        self.groups.push(group);
        Ok(())
    }

    fn leave_group(&mut self, group: Ipv6Addr) {
        self.link.leave(multicast_mac(group));
        self.groups.retain(|&joined| joined != group);
    }
}

type Host<'g> = Ipv6<'g, Everybody>;

fn mac_of(address: Ipv6Addr) -> MacAddr {
    let [.., a, b, c, d] = address.octets();
    MacAddr([2, 0, a, b, c, d])
}

fn with_link(
    mtu: usize,
    change: impl FnOnce(&mut Everybody),
    test: impl FnOnce(&Wire, Host<'_>, &Region<'_>),
) {
    with_pool(512, |pool| {
        let global = Region::new(pool, "global");
        let packet = Region::new(pool, "packet");
        let (wire, end) = Wire::new(OUR_MAC);
        let mut link = Everybody::new(end.with_mtu(mtu));
        link.link.join(multicast_mac(ALL_NODES)).unwrap();
        change(&mut link);
        test(&wire, Ipv6::new(link, 1, &global).unwrap(), &packet);
    });
}

fn with_mtu(mtu: usize, test: impl FnOnce(&Wire, Host<'_>, &Region<'_>)) {
    with_link(mtu, |_| {}, test);
}

fn with_host(test: impl FnOnce(&Wire, Host<'_>, &Region<'_>)) {
    with_mtu(1500, test);
}

fn fields() -> Fields {
    Fields {
        source: PEER,
        destination: OURS,
        next_header: Protocol::UDP,
        hop_limit: 64,
        traffic_class: 0,
        flow_label: 0,
    }
}

fn frame(destination: MacAddr, packet: &[u8]) -> Vec<u8> {
    [&destination.0[..], &PEER_MAC.0, &[0x86, 0xdd], packet].concat()
}

fn packet(fields: &Fields, payload: &[u8]) -> Vec<u8> {
    [Ipv6Header::new(fields, payload.len()).as_bytes(), payload].concat()
}

/// A packet with a chain of headers, the first of which is `next`.
fn chained(next: u8, chain: &[u8], payload: &[u8]) -> Vec<u8> {
    let fields = Fields { next_header: Protocol(next), ..fields() };
    packet(&fields, &[chain, payload].concat())
}

/// A fragment of a packet with the number `id` and a protocol.
fn piece_of(fields: &Fields, id: u32, offset: usize, payload: &[u8], more: bool) -> Vec<u8> {
    let header = FragmentHeader::new(fields.next_header, id, offset, more);
    let fields = Fields { next_header: Protocol(44), ..*fields };
    packet(&fields, &[header.as_bytes(), payload].concat())
}

/// A fragment of a datagram of UDP, each byte of which is 9.
fn piece(id: u32, offset: usize, length: usize, more: bool) -> Vec<u8> {
    piece_of(&fields(), id, offset, &vec![9; length], more)
}

/// A frame to `mac` arrives at `now`.
fn hear<'r>(
    host: &mut Host<'_>,
    wire: &Wire,
    now: Instant,
    mac: MacAddr,
    bytes: &[u8],
    region: &'r Region<'_>,
) -> Option<Delivery<'r>> {
    wire.push(frame(mac, bytes));
    match host.receive(now, region).unwrap() {
        Rx::Item(delivery) => Some(delivery),
        Rx::Handled => None,
        Rx::Idle => panic!("the frame was there"),
    }
}

/// The packet that `bytes` (of a frame to `mac`) are handed up as, or nothing.
fn receive<'r>(
    host: &mut Host<'_>,
    wire: &Wire,
    mac: MacAddr,
    bytes: &[u8],
    region: &'r Region<'_>,
) -> Option<Packet<'r>> {
    match hear(host, wire, Instant::ZERO, mac, bytes, region)? {
        Delivery::Packet(packet) => Some(*packet),
        other => panic!("{other:?}"),
    }
}

/// What is told the sender of `bytes`: the problem, and the packet as far as it is quoted; or nothing.
fn rejected<'r>(
    host: &mut Host<'_>,
    wire: &Wire,
    bytes: &[u8],
    region: &'r Region<'_>,
) -> Option<(Problem, Packet<'r>)> {
    let destination = Ipv6Header::parse(bytes).unwrap().header.destination();
    let mac = if destination.is_multicast() { multicast_mac(destination) } else { OUR_MAC };
    match hear(host, wire, Instant::ZERO, mac, bytes, region)? {
        Delivery::Rejected(packet, problem) => Some((problem, *packet)),
        other => panic!("{other:?}"),
    }
}

/// Every packet that was sent: destination MAC, header, payload.
fn sent(wire: &Wire) -> Vec<(MacAddr, Ipv6Header, Vec<u8>)> {
    let parse = |frame: Vec<u8>| {
        let mac = MacAddr(frame[..6].try_into().unwrap());
        assert_eq!(frame[12..14], [0x86, 0xdd]);
        let parsed = Ipv6Header::parse(&frame[14..]).unwrap();
        (mac, *parsed.header, parsed.payload.to_vec())
    };
    wire.drain().into_iter().map(parse).collect()
}

fn to(destination: Ipv6Addr) -> Outgoing {
    Outgoing::new(destination.into(), Protocol::UDP)
}

fn counters(host: &Host<'_>) -> Vec<(&'static str, u64)> {
    let mut all = Vec::new();
    host.counters(&mut |c| {
        if c.layer == "ipv6" && c.value > 0 {
            all.push((c.name, c.value));
        }
    });
    all
}
