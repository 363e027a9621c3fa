use std::{
    collections::{HashSet, VecDeque},
    net::IpAddr,
    vec,
    vec::Vec,
};

use ethernet::{Ethernet, Frame, Link};
use layer::{Payload, TxOffload};
use netif::{Checksums, MacAddr};
use network::{Network, Outgoing, Problem, Protocol, SendError, Sent};
use testkit::{End, Wire, with_pool};
use zerocopy::IntoBytes;

use super::*;
use crate::{ALL_HOSTS, Fields, Ipv4Header, JoinError, multicast_mac};

mod address;
mod fragments;
mod offloads;
mod receive;
mod segments;
mod send;

const OUR_MAC: MacAddr = MacAddr([2, 0, 10, 0, 0, 2]);
const PEER_MAC: MacAddr = MacAddr([2, 0, 10, 0, 0, 1]);
const OURS: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 2);
const PEER: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 1);
const FAR: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 7);
const GROUP: Ipv4Addr = Ipv4Addr::new(239, 1, 2, 3);

/// A link that knows every neighbour: 02:00 and then its IPv4 address. And what is said of the checksums of
/// the next frames, in the place of what the interface says.
struct Everybody {
    link: Ethernet<End>,
    said: VecDeque<Checksums>,
    address: Cidr,
}

impl Everybody {
    fn new(end: End, address: Cidr) -> Self {
        Self { link: Ethernet::new(end), said: VecDeque::new(), address }
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

impl Neighbours<Ipv4Addr> for Everybody {
    type Address = Cidr;

    fn address(&self) -> Cidr {
        self.address
    }

    fn set_address(&mut self, address: Cidr) {
        self.address = address;
    }

    fn send_to(
        &mut self,
        now: Instant,
        address: Ipv4Addr,
        ethertype: EtherType,
        payload: impl Payload,
        offload: TxOffload,
    ) -> Result<(), Self::Error> {
        let [a, b, c, d] = address.octets();
        self.link.send(now, MacAddr([2, 0, a, b, c, d]), ethertype, payload, offload)
    }
}

type Host<'g> = Ipv4<'g, Everybody>;

fn with_mtu(mtu: usize, test: impl FnOnce(&Wire, Host<'_>, &Region<'_>)) {
    with_cidr(mtu, Cidr::new(OURS, 24).unwrap(), test);
}

fn with_cidr(mtu: usize, cidr: Cidr, test: impl FnOnce(&Wire, Host<'_>, &Region<'_>)) {
    with_pool(512, |pool| {
        let global = Region::new(pool, "global");
        let packet = Region::new(pool, "packet");
        let (wire, end) = Wire::new(OUR_MAC);
        let link = Everybody::new(end.with_mtu(mtu), cidr);
        test(&wire, Ipv4::new(link, 1, &global).unwrap(), &packet);
    });
}

fn with_host(test: impl FnOnce(&Wire, Host<'_>, &Region<'_>)) {
    with_mtu(1500, test);
}

fn fields() -> Fields {
    Fields {
        source: PEER,
        destination: OURS,
        protocol: Protocol::UDP,
        ttl: 64,
        tos: 0,
        identification: 7,
        dont_fragment: false,
    }
}

fn frame(destination: MacAddr, packet: &[u8]) -> Vec<u8> {
    [&destination.0[..], &PEER_MAC.0, &[8, 0], packet].concat()
}

fn packet(fields: &Fields, payload: &[u8]) -> Vec<u8> {
    [Ipv4Header::new(fields, 0, payload.len(), false).as_bytes(), payload].concat()
}

/// The packet that `bytes` (of a frame to `mac`) are handed up as, or nothing.
fn receive<'r>(
    host: &mut Host<'_>,
    wire: &Wire,
    mac: MacAddr,
    bytes: &[u8],
    region: &'r Region<'_>,
) -> Option<Packet<'r>> {
    wire.push(frame(mac, bytes));
    match host.receive(Instant::ZERO, region).unwrap() {
        Rx::Item(Delivery::Packet(packet)) => Some(*packet),
        Rx::Item(other) => panic!("{other:?}"),
        Rx::Handled => None,
        Rx::Idle => panic!("the frame was there"),
    }
}

/// Every packet that was sent: destination MAC, header, payload.
fn sent(wire: &Wire) -> Vec<(MacAddr, Ipv4Header, Vec<u8>)> {
    let parse = |frame: Vec<u8>| {
        let mac = MacAddr(frame[..6].try_into().unwrap());
        let parsed = Ipv4Header::parse(&frame[14..]).unwrap();
        (mac, *parsed.header, parsed.payload.to_vec())
    };
    wire.drain().into_iter().map(parse).collect()
}

fn to(destination: Ipv4Addr) -> Outgoing {
    Outgoing::new(destination.into(), Protocol::UDP)
}

fn counters(host: &Host<'_>) -> Vec<(&'static str, u64)> {
    let mut all = Vec::new();
    host.counters(&mut |c| {
        if c.layer == "ipv4" && c.value > 0 {
            all.push((c.name, c.value));
        }
    });
    all
}
