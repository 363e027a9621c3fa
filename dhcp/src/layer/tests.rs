//! A tower with a client, on a cable to a server that is given its packets by hand.

use std::{cell::RefCell, net::IpAddr, string::ToString, time::Duration, vec, vec::Vec};

use arp::Arp;
use ethernet::{EtherType, Ethernet, EthernetHeader, LimitedMtu, Link};
use icmp::Icmp;
use ipv4::{Fields, Ipv4, Ipv4Header, RouteTable};
use netif::MacAddr;
use rt_regions::Region;
use testkit::{Clock, End, Host, Wire, bytes_of, with_pool};
use udp::Udp;
use zerocopy::IntoBytes;

use super::*;
use crate::{
    options,
    server::{GRANTED, Reply, SERVER, Server},
    wire::Message,
};

#[cfg(feature = "cores")]
mod cores;
mod kept;
mod lifetime;
mod probing;
mod routes;

const MAC: MacAddr = MacAddr([2, 0, 10, 0, 0, 2]);
const SERVER_MAC: MacAddr = MacAddr([2, 0, 10, 0, 0, 1]);

type Tower<'g> = Udp<'g, Icmp<Dhcp<'g, Ipv4<'g, Arp<'g, LimitedMtu<Ethernet<End>>>, RouteTable>>>>;

/// How the link finds out whose an address is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Probing {
    No,
    Yes,
    AtStart,
}

/// A host with the tower, a server, and what they said to each other.
struct Bench<'g> {
    host: Host<'g, Tower<'g>>,
    wire: Wire,
    server: Server,
    /// The stations that have an address without DHCP.
    squatters: Vec<Ipv4Addr>,
    /// Datagrams from the host's other ports, with their source.
    replies: Vec<(Ipv4Addr, Vec<u8>)>,
    /// Where the messages of the client came from and went to.
    messages: Vec<(Ipv4Addr, Ipv4Addr, MessageType)>,
    /// The transaction of the last one.
    xid: u32,
    /// The lengths of the packets that the host sent.
    lengths: Vec<usize>,
    /// The stations that the last packets of the host's other ports went to.
    next_hops: Vec<MacAddr>,
}

impl<'g> Bench<'g> {
    fn new(memory: &'g Region<'g>, probing: Probing) -> Self {
        Self::with(memory, probing, |dhcp| dhcp)
    }

    fn with(
        memory: &'g Region<'g>,
        probing: Probing,
        change: impl FnOnce(
            Dhcp<'g, Ipv4<'g, Arp<'g, LimitedMtu<Ethernet<End>>>, RouteTable>>,
        )
            -> Dhcp<'g, Ipv4<'g, Arp<'g, LimitedMtu<Ethernet<End>>>, RouteTable>>,
    ) -> Self {
        let (wire, end) = Wire::new(MAC);
        let link = LimitedMtu::new(Ethernet::new(end));
        let arp = Arp::new(link, Cidr::UNSPECIFIED, 7, memory).unwrap();
        let arp = match probing {
            Probing::No => arp,
            Probing::Yes => arp.with_probing(),
            Probing::AtStart => arp.with_probing_at_start(true),
        };
        let dhcp = change(Dhcp::new(Ipv4::new(arp, 7, memory).unwrap().with_route_table(), 7));
        let mut udp = Udp::new(Icmp::new(dhcp, 7), 7, memory).unwrap();
        udp.bind(8080, |request, _region| Ok(request)).unwrap();
        let clock = Clock::starting_at(Instant::from_millis(5_000_000));
        Self {
            host: Host::new(udp, clock, memory.pool().unwrap()),
            wire,
            server: Server::new(SERVER, 10),
            squatters: vec![],
            replies: vec![],
            messages: vec![],
            xid: 0,
            lengths: vec![],
            next_hops: vec![],
        }
    }

    fn dhcp(&mut self) -> &mut Dhcp<'g, Ipv4<'g, Arp<'g, LimitedMtu<Ethernet<End>>>, RouteTable>> {
        self.host.tower.network_mut().network_mut()
    }

    fn address(&mut self) -> Cidr {
        self.dhcp().network().link().address()
    }

    fn counter(&self, name: &str) -> u64 {
        self.host.counter("dhcp", name)
    }

    fn ready(&self) -> bool {
        self.host.tower.ready().unwrap_or_else(|error| panic!("never: {error}"))
    }

    /// Turns the host and lets the server answer, until both are silent.
    fn turn(&mut self) {
        loop {
            self.host.turn();
            let frames = self.wire.drain();
            if frames.is_empty() {
                return;
            }
            frames.iter().for_each(|frame| self.answer(frame));
        }
    }

    /// Lets time pass, from deadline to deadline.
    fn passes(&mut self, time: Duration) {
        let end = self.host.now() + time;
        self.turn();
        while let Some(next) = self.host.tower.next_deadline().filter(|next| *next <= end) {
            self.host.clock().advance_to(next);
            self.turn();
        }
        self.host.clock().advance_to(end);
        self.turn();
    }

    fn answer(&mut self, frame: &[u8]) {
        let (header, ethertype, payload) = EthernetHeader::parse(frame).unwrap();
        if ethertype == EtherType::ARP {
            let target = Ipv4Addr::new(payload[24], payload[25], payload[26], payload[27]);
            let station = match target {
                _ if payload[7] != 1 => return,
                SERVER => SERVER_MAC,
                _ if self.squatters.contains(&target) => squatter(target),
                _ => return,
            };
            let reply =
                [&[0, 1, 8, 0, 6, 4, 0, 2], &station.0[..], &target.octets(), &payload[8..18]];
            let header = EthernetHeader::new(MAC, station, EtherType::ARP);
            self.wire.push([header.as_bytes(), &reply.concat()].concat());
            return;
        }
        let packet = Ipv4Header::parse(payload).unwrap();
        let (source, destination) = (packet.header.source(), packet.header.destination());
        self.lengths.push(usize::from(packet.header.total_length.get()));
        let is_first = packet.header.offset() == 0;
        if !is_first || packet.payload[..4] != [0, 68, 0, 67] {
            self.replies.push((source, packet.payload.to_vec()));
            self.next_hops.push(header.destination);
            return;
        }
        let bytes = &packet.payload[8..];
        let message = Message::parse(bytes).unwrap();
        self.messages.push((source, destination, message.kind));
        self.xid = message.header.xid.get();
        let unicast = message.header.ciaddr != [0; 4];
        assert_eq!(
            message.header.flags.get() == 0,
            unicast || message.kind == MessageType::DECLINE
        );
        if let Some(reply) = self.server.answer(self.host.now(), bytes) {
            let to = if unicast { source } else { Ipv4Addr::BROADCAST };
            self.arrives(SERVER, to, [67, 68], &reply);
        }
    }

    /// Lets a datagram arrive at the host.
    fn arrives(&self, from: Ipv4Addr, to: Ipv4Addr, ports: [u16; 2], payload: &[u8]) {
        let mac = if to.is_broadcast() { MacAddr::BROADCAST } else { MAC };
        self.wire.push(datagram(mac, from, to, ports, payload));
    }

    /// What the service says to a client on the link; from which address it says so.
    fn asks(&mut self, at: Ipv4Addr) -> Option<Ipv4Addr> {
        self.replies.clear();
        self.arrives(SERVER, at, [5000, 8080], b"who is there?");
        self.turn();
        self.replies.first().map(|(from, _)| *from)
    }
}

/// The hardware address of a station that has an address without DHCP.
fn squatter(address: Ipv4Addr) -> MacAddr {
    let [a, b, c, d] = address.octets();
    MacAddr([2, 9, a, b, c, d])
}

fn datagram(
    mac: MacAddr,
    from: Ipv4Addr,
    to: Ipv4Addr,
    ports: [u16; 2],
    payload: &[u8],
) -> Vec<u8> {
    let at = |address: Ipv4Addr, port| SocketAddr::new(IpAddr::V4(address), port);
    let header = UdpHeader::new(at(from, ports[0]), at(to, ports[1]), &payload);
    let fields = Fields {
        source: from,
        destination: to,
        protocol: Protocol::UDP,
        ttl: 64,
        tos: 0,
        identification: 0,
        dont_fragment: true,
    };
    let length = 8 + payload.len();
    let packet = (Ipv4Header::new(&fields, 0, length, false), (header, payload));
    bytes_of((EthernetHeader::new(mac, SERVER_MAC, EtherType::IPV4), packet))
}

/// Runs `test` on a host that was just started.
fn with_bench(probing: Probing, test: impl FnOnce(&mut Bench<'_>)) {
    with_pool(256, |pool| {
        let memory = Region::new(pool, "memory");
        test(&mut Bench::new(&memory, probing));
    });
}

fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// A client whose server grants an address with this option.
fn gets_a_lease<I: Configure<Error: fmt::Debug>>(
    dhcp: &mut Dhcp<'_, I>,
    wire: &Wire,
    option: (u8, Vec<u8>),
) {
    with_pool(16, |pool| {
        let packet = Region::new(pool, "packet");
        let mut server = Server::new(SERVER, 1);
        server.options = vec![option];
        while dhcp.lease().is_none() {
            let _ = dhcp.receive(Instant::ZERO, &packet).unwrap();
            for frame in wire.drain() {
                let reply = server.answer(Instant::ZERO, &frame[42..]).unwrap();
                let to = Ipv4Addr::BROADCAST;
                wire.push(datagram(MacAddr::BROADCAST, SERVER, to, [67, 68], &reply));
            }
        }
    });
}
