//! A host on a cable, for the tests of this crate, and the packets of others.

use std::{string::String, vec::Vec};

use core::{
    net::{IpAddr, Ipv6Addr},
    time::Duration,
};
use ethernet::{EtherType, Ethernet, EthernetHeader, Neighbours};
use ipv6::{Discovery, Fields, Ipv6Header, Parsed, multicast_mac, solicited_node};
use layer::{Instant, Ipv6Cidr, Layer, Rx, TxOffload};
use netif::MacAddr;
use network::{Checksum, Protocol};
use rt_regions::{Pool, Region};
use testkit::{End, Wire, with_pool};
use zerocopy::IntoBytes;

use crate::{Counters, Ndp};

/// The hardware addresses of the host under test, of a neighbour, of a router, and of another station.
pub(crate) const OURS: MacAddr = MacAddr([2, 0, 10, 0, 0, 2]);
pub(crate) const PEER: MacAddr = MacAddr([2, 0, 10, 0, 0, 1]);
pub(crate) const ROUTER: MacAddr = MacAddr([2, 0, 10, 0, 0, 0xfe]);
pub(crate) const OTHER: MacAddr = MacAddr([2, 0, 10, 0, 0, 9]);

/// The configured address of the host under test, a neighbour's, and the router's.
pub(crate) const US: &str = "2001:db8::2";
pub(crate) const THEM: &str = "2001:db8::1";
pub(crate) const GATE: &str = "fe80::fe";
/// A host on another link.
pub(crate) const FAR: &str = "2001:db8:ffff::1";

pub(crate) fn ip(text: &str) -> Ipv6Addr {
    text.parse().unwrap()
}

/// Flags of Neighbour Advertisements: from a router, solicited, overriding.
pub(crate) const R: u8 = 0x80;
pub(crate) const S: u8 = 0x40;
pub(crate) const O: u8 = 0x20;

/// The option source (1) or target (2) link-layer address.
pub(crate) fn link(kind: u8, mac: MacAddr) -> Vec<u8> {
    [&[kind, 1][..], &mac.0].concat()
}

/// A packet from one host to another, with a message to which the checksum is added.
#[derive(Clone)]
pub(crate) struct Sends {
    pub(crate) mac: MacAddr,
    pub(crate) source: Ipv6Addr,
    pub(crate) destination: Ipv6Addr,
    pub(crate) hop_limit: u8,
    /// Whether a hop-by-hop header with Router Alert precedes the message.
    pub(crate) alert: bool,
    pub(crate) message: Vec<u8>,
}

impl Sends {
    pub(crate) fn new(mac: MacAddr, source: &str, destination: Ipv6Addr, message: Vec<u8>) -> Self {
        Self { mac, source: ip(source), destination, hop_limit: 255, alert: false, message }
    }

    pub(crate) fn mld(self) -> Self {
        Self { hop_limit: 1, alert: true, ..self }
    }

    /// The packet.
    pub(crate) fn packet(&self) -> Vec<u8> {
        let mut message = self.message.clone();
        let (source, destination) = (IpAddr::V6(self.source), IpAddr::V6(self.destination));
        let sum = Checksum::pseudo_header(source, destination, Protocol::ICMPV6, message.len());
        let sum = sum.add(&message).finish();
        message[2..4].copy_from_slice(&sum.to_be_bytes());
        let alert: &[u8] = if self.alert { &[58, 0, 5, 2, 0, 0, 1, 0] } else { &[] };
        let payload = [alert, &message].concat();
        let fields = Fields {
            source: self.source,
            destination: self.destination,
            next_header: if self.alert { Protocol(0) } else { Protocol::ICMPV6 },
            hop_limit: self.hop_limit,
            traffic_class: 0,
            flow_label: 0,
        };
        [Ipv6Header::new(&fields, payload.len()).as_bytes(), &payload].concat()
    }

    /// The frame with the packet.
    pub(crate) fn frame(&self) -> Vec<u8> {
        let to = match self.destination.is_multicast() {
            true => multicast_mac(self.destination),
            false => OURS,
        };
        [EthernetHeader::new(to, self.mac, EtherType::IPV6).as_bytes(), &self.packet()].concat()
    }
}

/// A Neighbour Solicitation for `target`, to its group.
pub(crate) fn asks(mac: MacAddr, source: &str, target: Ipv6Addr) -> Sends {
    let options = if source == "::" { Vec::new() } else { link(1, mac) };
    let message = [&[135, 0, 0, 0, 0, 0, 0, 0][..], &target.octets(), &options].concat();
    Sends::new(mac, source, solicited_node(target), message)
}

/// A Neighbour Advertisement of `target` with these flags.
pub(crate) fn says(mac: MacAddr, target: &str, to: Ipv6Addr, flags: u8) -> Sends {
    let message = [&[136, 0, 0, 0, flags, 0, 0, 0][..], &ip(target).octets(), &link(2, mac)];
    Sends::new(mac, target, to, message.concat())
}

/// A Router Advertisement with these options.
pub(crate) fn advertises(mac: MacAddr, source: &str, lifetime: u16, options: &[u8]) -> Sends {
    let [a, b] = lifetime.to_be_bytes();
    let fixed = [134, 0, 0, 0, 0, 0, a, b, 0, 0, 0, 0, 0, 0, 0, 0];
    let all = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1);
    Sends::new(mac, source, all, [&fixed[..], &link(1, mac), options].concat())
}

/// The option Prefix Information, with the flags L (0x80) and A (0x40).
pub(crate) fn prefix(prefix: &str, flags: u8, valid: u32, preferred: u32) -> Vec<u8> {
    let Ok(cidr) = prefix.parse::<Ipv6Cidr>() else { panic!("{prefix}") };
    let head = [3, 4, cidr.prefix(), flags];
    let (valid, preferred) = (valid.to_be_bytes(), preferred.to_be_bytes());
    [&head[..], &valid, &preferred, &[0; 4], &cidr.address().octets()].concat()
}

/// A Redirect of the router.
pub(crate) fn redirects(source: &str, to: Ipv6Addr, target: &str, destination: &str) -> Sends {
    let (target, destination) = (ip(target).octets(), ip(destination).octets());
    let message = [&[137, 0, 0, 0, 0, 0, 0, 0][..], &target, &destination].concat();
    Sends::new(ROUTER, source, to, message)
}

/// A query for listeners of version 2 with this response time in milliseconds.
pub(crate) fn queries(milliseconds: u16, group: &str) -> Sends {
    let [a, b] = milliseconds.to_be_bytes();
    let all = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1);
    let message = [&[130, 0, 0, 0, a, b, 0, 0][..], &ip(group).octets(), &[2, 125, 0, 0]].concat();
    Sends::new(ROUTER, GATE, all, message).mld()
}

/// The layer on a cable, and the current time.
pub(crate) struct Host<'g> {
    pub(crate) ndp: Ndp<'g, Ethernet<End>>,
    pub(crate) wire: Wire,
    pub(crate) now: Instant,
    pub(crate) pool: &'g Pool<'g>,
}

impl<'g> Host<'g> {
    /// A host that was just started, with this address.
    pub(crate) fn new(region: &'g Region<'g>, address: &str) -> Self {
        let (wire, end) = Wire::new(OURS);
        let ndp = Ndp::new(Ethernet::new(end), address.parse().unwrap(), 7, region).unwrap();
        Self { ndp, wire, now: Instant::from_millis(1_000_000), pool: region.pool().unwrap() }
    }

    /// Receives until nothing is waiting; says what was handed up.
    pub(crate) fn turn(&mut self) -> Vec<EtherType> {
        let mut region = Region::new(self.pool, "packet");
        let mut seen = Vec::new();
        loop {
            let before = self.ready();
            match self.ndp.receive(self.now, &region).unwrap() {
                Rx::Item(frame) => seen.push(frame.ethertype),
                Rx::Handled => {}
                Rx::Idle => {
                    let next = self.ndp.next_deadline();
                    assert!(next.is_none_or(|next| next > self.now), "{next:?} has passed");
                    assert_eq!(self.ready(), before, "a program that sleeps now says it late");
                    return seen;
                }
            }
            region.reset();
        }
    }

    /// What the host sent since the last time.
    pub(crate) fn sent(&mut self) -> Vec<String> {
        self.wire.drain().iter().map(|frame| text(frame)).collect()
    }

    /// Lets a packet arrive; says what the host sent then.
    pub(crate) fn hears(&mut self, packet: &Sends) -> Vec<String> {
        self.wire.push(packet.frame());
        assert_eq!(self.turn(), [], "messages of ours are not handed up");
        self.turn();
        self.sent()
    }

    /// Sends a packet to `destination`, of which `byte` is the first; says what left the host.
    pub(crate) fn sends(&mut self, destination: &str, byte: u8) -> Vec<String> {
        let to = ip(destination);
        let payload = [byte; 50];
        self.ndp.send_to(self.now, to, EtherType::IPV6, payload, TxOffload::NONE).unwrap();
        self.sent()
    }

    /// Lets time pass from deadline to deadline, for so many milliseconds; says what the host sent in it, each with the milliseconds
    /// since the beginning.
    pub(crate) fn timed(&mut self, milliseconds: u64) -> Vec<(u64, String)> {
        let (begin, mut sent) = (self.now, Vec::new());
        let end = self.now + Duration::from_millis(milliseconds);
        while let Some(deadline) = self.ndp.next_deadline().filter(|&deadline| deadline <= end) {
            // What was called from outside of time is due at once.
            self.now = self.now.max(deadline);
            assert_eq!(self.turn(), []);
            let at = (self.now - begin).as_millis() as u64;
            sent.extend(self.sent().into_iter().map(|text| (at, text)));
        }
        self.now = end;
        sent
    }

    /// Lets time pass; says what the host sent in it, but not that it asked for routers.
    pub(crate) fn timed_without_search(&mut self, milliseconds: u64) -> Vec<(u64, String)> {
        let mut sent = self.timed(milliseconds);
        sent.retain(|(_, text)| !text.contains("solicits routers"));
        sent
    }

    /// Lets time pass; says what the host sent in it.
    pub(crate) fn lives(&mut self, milliseconds: u64) -> Vec<String> {
        self.timed(milliseconds).into_iter().map(|(_, text)| text).collect()
    }

    /// Makes the neighbour known: it is asked for, and answers.
    pub(crate) fn meets(&mut self, mac: MacAddr, address: &str) {
        assert_eq!(self.sends(address, 1).len(), 1);
        assert_eq!(self.hears(&says(mac, address, ip(US), S | O)), [carries(mac, 1)]);
    }

    /// Our addresses that are ours.
    pub(crate) fn addresses(&self) -> Vec<Ipv6Addr> {
        self.ndp.addresses().iter().map(|assigned| assigned.address.address()).collect()
    }

    /// Our link-local address.
    pub(crate) fn link_local(&self) -> Ipv6Addr {
        let is_local = |address: &Ipv6Addr| address.is_unicast_link_local();
        self.addresses().into_iter().find(is_local).expect("a link-local address")
    }

    /// Whether the host can serve, or why it never will.
    pub(crate) fn ready(&self) -> Result<bool, String> {
        self.ndp.ready().map_err(|reason| format!("{reason}"))
    }

    pub(crate) fn stats(&self) -> Counters {
        *self.ndp.stats()
    }
}

/// What a frame that the host sent says. What holds for each is checked.
fn text(frame: &[u8]) -> String {
    let (header, ethertype, payload) = EthernetHeader::parse(frame).unwrap();
    assert_eq!((header.source, ethertype), (OURS, EtherType::IPV6));
    let station = header.destination;
    let Ok(Parsed { header, payload: rest }) = Ipv6Header::parse(payload) else {
        return format!("{station} < {}", payload[0]);
    };
    let (source, destination) = (header.source(), header.destination());
    let message = if header.next_header == 0 {
        assert_eq!((header.hop_limit, &rest[..8]), (1, &[58, 0, 5, 2, 0, 0, 1, 0][..]));
        &rest[8..]
    } else {
        assert_eq!((header.hop_limit, header.next_header), (255, 58));
        rest
    };
    let (from, to) = (IpAddr::V6(source), IpAddr::V6(destination));
    let sum = Checksum::pseudo_header(from, to, Protocol::ICMPV6, message.len());
    assert!(sum.add(message).is_valid(), "the checksum of {message:?}");
    if destination.is_multicast() {
        assert_eq!(station, multicast_mac(destination));
    }
    let address = |at: usize| {
        let bytes: [u8; 16] = message[at..at + 16].try_into().unwrap();
        Ipv6Addr::from(bytes)
    };
    let option = |at: usize| match &message[at..] {
        [1, 1, mac @ ..] => format!(" source {}", MacAddr(mac.try_into().unwrap())),
        [2, 1, mac @ ..] => format!(" at {}", MacAddr(mac.try_into().unwrap())),
        [14, 1, ..] => " nonce".into(),
        [] => String::new(),
        _ => panic!("an option: {message:?}"),
    };
    match message[0] {
        133 => format!("{station} < {source} solicits routers{}", option(8)),
        135 => format!("{station} < {source} asks for {}{}", address(8), option(24)),
        136 => {
            let flag = |bit: u8, name| if message[4] & bit != 0 { name } else { "" };
            let flags = [flag(R, "R"), flag(S, "S"), flag(O, "O")].concat();
            format!(
                "{station} < {source} says {} {flags}{} to {destination}",
                address(8),
                option(24)
            )
        }
        131 => format!("{station} < {source} listens to {} (1)", address(8)),
        132 => format!("{station} < {source} leaves {} (1)", address(8)),
        143 => {
            let count = usize::from(message[7]);
            assert_eq!(message.len(), 8 + 20 * count);
            let record = |at: usize| {
                assert_eq!(message[at + 1..at + 4], [0; 3]);
                format!(
                    " {}{}",
                    ["?", "?", "=", "-", "+"][usize::from(message[at])],
                    address(at + 4)
                )
            };
            let records: String = (0..count).map(|record_at| record(8 + 20 * record_at)).collect();
            format!("{station} < {source} reports{records}")
        }
        kind => panic!("type {kind}"),
    }
}

/// The packet that begins with `byte`, sent to `to`.
pub(crate) fn carries(to: MacAddr, byte: u8) -> String {
    format!("{to} < {byte}")
}

/// The solicitation for `target` by multicast, from `source`.
pub(crate) fn solicits(source: &str, target: &str) -> String {
    let group = multicast_mac(solicited_node(ip(target)));
    format!("{group} < {source} asks for {target} source {OURS}")
}

/// The solicitation for `target` to the station that had it.
pub(crate) fn probes(to: MacAddr, source: &str, target: &str) -> String {
    format!("{to} < {source} asks for {target} source {OURS}")
}

/// Runs `test` on a host whose address is `2001:db8::2/64`, which is ours. However it leaves the host, the packets that wait must be
/// gone ten seconds later.
pub(crate) fn with_host(test: impl FnOnce(&mut Host<'_>)) {
    with_host_at("2001:db8::2/64", test);
}

/// Runs `test` on a host with this address that has looked for duplicates of it.
pub(crate) fn with_host_at(address: &str, test: impl FnOnce(&mut Host<'_>)) {
    with_pool(256, |pool| {
        let region = Region::new(pool, "memory");
        let mut host = Host::new(&region, address);
        host.lives(3000);
        let free = pool.free_pages();
        test(&mut host);
        host.lives(10_000);
        assert_eq!(pool.free_pages(), free, "pages were left behind");
    });
}

/// Runs `test` on a host with this address that was just started.
pub(crate) fn with_new_host(address: &str, test: impl FnOnce(&mut Host<'_>)) {
    with_pool(256, |pool| {
        let region = Region::new(pool, "memory");
        test(&mut Host::new(&region, address));
    });
}
