//! The input is what happens to a host that finds its neighbours, routers and addresses: messages (any bytes, or right in all that no
//! stranger can know), time, packets to be sent, a link that goes down and up, another address, groups. It sends no faster than it
//! may, what it sends can be read, and every bound holds. In the end all pages have come back, and it has its address.

use std::{
    net::{IpAddr, Ipv6Addr},
    time::Duration,
};

use ::ethernet::{EtherType, Ethernet, EthernetHeader, Neighbours};
use ::ndp::{Entry, MAX_ADDRESSES, MAX_GROUPS, Ndp};
use etherparse::SlicedPacket;
use ipv6::{Discovery, Fields, Ipv6Header, multicast_mac, solicited_node};
use layer::{IPV6_MIN_MTU, Instant, Ipv6Cidr, Layer, Rx, TxOffload, is_unicast_ipv6};
use netif::MacAddr;
use network::{Checksum, Protocol};
use rt_regions::{Pool, Region};
use testkit::{End, Wire, with_pool};
use zerocopy::IntoBytes;

use super::Input;

const OURS: MacAddr = MacAddr([2, 0, 0, 0, 0, 2]);

/// The steps, by the first byte of each.
pub(crate) const MESSAGE: u8 = 0;
pub(crate) const ANY_BYTES: u8 = 1;
pub(crate) const TIME: u8 = 2;
pub(crate) const SEND: u8 = 3;
pub(crate) const LINK: u8 = 4;
pub(crate) const ADDRESS: u8 = 5;
pub(crate) const GROUP: u8 = 6;
const STEPS: usize = GROUP as usize + 1;

/// The types of messages.
pub(crate) const KINDS: [u8; 9] = [135, 136, 134, 137, 130, 131, 132, 133, 143];

/// The addresses of others and of ourselves, of which the last stands for our link-local one.
pub(crate) const ADDRESSES: [Ipv6Addr; 10] = [
    Ipv6Addr::UNSPECIFIED,
    Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 2),
    Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1),
    Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 1),
    Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 0xfe),
    Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1),
    Ipv6Addr::new(0xff02, 0, 0, 0, 0, 1, 0xff00, 2),
    Ipv6Addr::new(0x2001, 0xdb8, 0xffff, 0, 0, 0, 0, 1),
    Ipv6Addr::new(0xff05, 0, 0, 0, 0, 0, 1, 3),
    Ipv6Addr::LOCALHOST,
];

/// The hardware addresses of others.
const STATIONS: [MacAddr; 3] =
    [MacAddr([2, 0, 0, 0, 0, 1]), MacAddr([2, 0, 0, 0, 0, 9]), MacAddr([2, 0, 0, 0, 0, 0xfe])];

/// The pages of the pool, and how many of them may hold packets that wait.
const PAGES: usize = 128;
const WAITING_PAGES: usize = 40;

struct Bench<'g> {
    ndp: Ndp<'g, Ethernet<End>>,
    wire: Wire,
    pool: &'g Pool<'g>,
    free: usize,
    now: Instant,
    /// How many frames were sent, and how many might have been.
    sent: u64,
    allowed: u64,
}

/// The input is a byte of settings and steps.
pub(crate) fn run(input: &[u8]) {
    let mut input = Input::new(input);
    let settings = input.byte();
    with_pool(PAGES, |pool| {
        let mut places = [Entry::FREE; 64];
        let (wire, end) = Wire::new(OURS);
        let address = if settings & 1 == 0 { configured() } else { Ipv6Cidr::UNSPECIFIED };
        let ndp = Ndp::with_storage(
            Ethernet::new(end),
            address,
            settings.into(),
            &mut places[..],
            Some(pool),
        );
        let ndp = ndp.with_detection(settings & 2 == 0).with_autoconfiguration(settings & 4 == 0);
        let (free, now) = (pool.free_pages(), Instant::from_millis(1));
        let mut bench = Bench { ndp, wire, pool, free, now, sent: 0, allowed: 100 };
        bench.turn();
        while !input.is_empty() {
            bench.step(&mut input);
            bench.check();
        }
        bench.is_found();
    });
}

fn configured() -> Ipv6Cidr {
    Ipv6Cidr::new(ADDRESSES[1], 64).expect("a prefix")
}

impl Bench<'_> {
    fn step(&mut self, input: &mut Input<'_>) {
        match input.below(STEPS) as u8 {
            MESSAGE => {
                let packet = self.message(input);
                let station = STATIONS[input.below(STATIONS.len())];
                self.hears(station, &packet);
            }
            ANY_BYTES => {
                let length = usize::from(input.byte());
                let packet = input.take(length).to_vec();
                self.hears(STATIONS[0], &packet);
            }
            TIME => {
                let time = Duration::from_millis(u64::from(input.word()) * 10);
                self.passes(time);
            }
            SEND => {
                let to = self.address(input);
                let length = usize::from(input.byte()) * 8;
                let payload = vec![0x60; length];
                self.ndp
                    .send_to(self.now, to, EtherType::IPV6, &payload[..], TxOffload::NONE)
                    .expect("a cable in memory");
                // The packet, and a solicitation.
                self.allowed += 5;
            }
            LINK => {
                self.wire.set_link(input.byte() & 1 == 0);
                self.turn();
            }
            ADDRESS => {
                let address = [configured(), Ipv6Cidr::UNSPECIFIED][input.below(2)];
                self.ndp.set_address(address);
                self.ndp.set_gateway((input.byte() & 1 == 0).then_some(ADDRESSES[4]));
                // The reports of the groups, a probe and an announcement.
                self.allowed += 16;
            }
            _ => {
                let group = self.address(input);
                match input.byte() & 1 == 0 {
                    true => {
                        let is_joined = self.ndp.join_group(group).is_ok();
                        assert!(!is_joined || group.is_multicast());
                        assert!(!is_joined || self.ndp.is_member(group));
                    }
                    false => self.ndp.leave_group(group),
                }
                self.allowed += 8;
            }
        }
        self.turn();
    }

    /// An address of the table, our link-local one, or the group of that.
    fn address(&self, input: &mut Input<'_>) -> Ipv6Addr {
        let index = input.below(ADDRESSES.len() + 2);
        let is_local = |address: &Ipv6Addr| address.is_unicast_link_local();
        let mut ours = self.ndp.addresses().iter().map(|assigned| assigned.address.address());
        let local = ours.find(is_local).unwrap_or(ADDRESSES[3]);
        let own = [local, solicited_node(local)];
        ADDRESSES.get(index).copied().unwrap_or_else(|| own[index % 2])
    }

    /// A message with the right hop limit, checksum and router alert: its type, flags, source, destination, targets and options.
    fn message(&self, input: &mut Input<'_>) -> Vec<u8> {
        let kind = KINDS[input.below(KINDS.len())];
        let (source, destination) = (self.address(input), self.address(input));
        let mut message = vec![kind, 0, 0, 0];
        message.extend(input.take(4));
        message.resize(8, 0);
        match kind {
            134 => message.extend([0, 0, input.byte(), input.byte(), 0, 0, input.byte(), 0]),
            133 | 143 => {}
            137 => {
                let (target, to) = (self.address(input), self.address(input));
                message.extend([target.octets(), to.octets()].concat());
            }
            _ => message.extend(self.address(input).octets()),
        }
        for _ in 0..input.below(6) {
            let (option, units) = ([1, 2, 3, 5, 14, 25, 200][input.below(7)], input.byte() % 5);
            let mut value = input.take(usize::from(units.max(1)) * 8 - 2).to_vec();
            value.resize(usize::from(units.max(1)) * 8 - 2, 0);
            message.extend([option, units]);
            message.extend(value);
        }
        let is_mld = matches!(kind, 130..=132 | 143);
        let (from, to) = (IpAddr::V6(source), IpAddr::V6(destination));
        let sum = Checksum::pseudo_header(from, to, Protocol::ICMPV6, message.len());
        let sum = sum.add(&message).finish();
        message[2..4].copy_from_slice(&sum.to_be_bytes());
        let alert: &[u8] = if is_mld { &[58, 0, 5, 2, 0, 0, 1, 0] } else { &[] };
        let fields = Fields {
            source,
            destination,
            next_header: if is_mld { Protocol(0) } else { Protocol::ICMPV6 },
            hop_limit: if is_mld { 1 } else { 255 },
            traffic_class: 0,
            flow_label: 0,
        };
        let header = Ipv6Header::new(&fields, alert.len() + message.len());
        [header.as_bytes(), alert, &message].concat()
    }

    fn hears(&mut self, station: MacAddr, packet: &[u8]) {
        let group = packet.get(24..40).and_then(|bytes| <[u8; 16]>::try_from(bytes).ok());
        let to = match group.map(Ipv6Addr::from) {
            Some(group) if group.is_multicast() => multicast_mac(group),
            _ => OURS,
        };
        let header = EthernetHeader::new(to, station, EtherType::IPV6);
        self.wire.push([header.as_bytes(), packet].concat());
        // An answer; and what was due.
        self.allowed += 2;
        self.turn();
    }

    /// Receives all, and does what is due, which has an end.
    fn turn(&mut self) {
        let mut packet = Region::new(self.pool, "packet");
        for _ in 0..10 {
            match self.ndp.receive(self.now, &packet).expect("a cable in memory") {
                Rx::Idle => return self.look(),
                Rx::Handled | Rx::Item(_) => packet.reset(),
            }
        }
        panic!("there is always something to be received");
    }

    /// Reads what was sent.
    fn look(&mut self) {
        for frame in self.wire.drain() {
            let (header, ethertype, packet) = EthernetHeader::parse(&frame).expect("a frame");
            assert_eq!((header.source, ethertype), (OURS, EtherType::IPV6));
            self.sent += 1;
            if packet[..40.min(packet.len())].iter().all(|&byte| byte == 0x60 || byte == 0) {
                continue;
            }
            let sliced = SlicedPacket::from_ethernet(&frame).expect("etherparse reads it too");
            let Some(etherparse::NetSlice::Ipv6(slice)) = &sliced.net else { panic!("not IPv6") };
            let (source, to) = (slice.header().source_addr(), slice.header().destination_addr());
            let is_ours = |ours: &ipv6::Assigned| ours.address.address() == source;
            let is_known = self.ndp.addresses().iter().any(is_ours);
            assert!(source.is_unspecified() || is_known || is_unicast_ipv6(source));
            let message = slice.payload().payload;
            let (from, into) = (IpAddr::V6(source), IpAddr::V6(to));
            let sum = Checksum::pseudo_header(from, into, Protocol::ICMPV6, message.len());
            assert!(sum.add(message).is_valid() && KINDS.contains(&message[0]), "{message:?}");
            let is_mld = matches!(message[0], 130..=132 | 143);
            assert_eq!(slice.header().hop_limit(), if is_mld { 1 } else { 255 });
        }
    }

    /// Lets time pass, from deadline to deadline.
    fn passes(&mut self, time: Duration) {
        let end = self.now + time;
        while let Some(next) = self.ndp.next_deadline().filter(|next| *next <= end) {
            assert!(next > self.now, "{next} has passed");
            self.now = next;
            self.turn();
        }
        self.now = end;
        // A few neighbours that are asked five times a second, ten answers to queries, and a change of each group.
        self.allowed += 80 * (time.as_millis() as u64 / 1000 + 1);
    }

    fn check(&self) {
        assert!(self.ndp.next_deadline().is_none_or(|next| next > self.now));
        let addresses = self.ndp.addresses();
        assert!(addresses.len() <= MAX_ADDRESSES);
        for ours in addresses {
            assert!(ours.address.is_host(), "{}", ours.address);
            assert!(self.ndp.is_member(solicited_node(ours.address.address())) || self.full());
        }
        assert!((IPV6_MIN_MTU..=1500).contains(&self.ndp.ipv6_mtu()) && self.ndp.hop_limit() > 0);
        assert!(self.ndp.is_member(ADDRESSES[5]), "all nodes");
        assert!(self.ndp.dns_servers().all(is_unicast_ipv6));
        assert!(self.free - self.pool.free_pages() <= WAITING_PAGES);
        assert!(self.sent <= self.allowed, "{} frames, {} allowed", self.sent, self.allowed);
    }

    /// Whether the groups may be as many as there is room for.
    fn full(&self) -> bool {
        self.ndp.stats().groups_full > 0 && MAX_GROUPS < 17
    }

    /// From now on nobody lies, and the host has an address of its own, and is found by it.
    fn is_found(&mut self) {
        self.wire.set_link(true);
        self.ndp.set_address(Ipv6Cidr::UNSPECIFIED);
        self.turn();
        let address = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 7, 7);
        self.ndp.set_address(Ipv6Cidr::new(address, 64).expect("a prefix"));
        self.allowed += 100;
        self.turn();
        // A time between solicitations may be a minute.
        self.passes(Duration::from_secs(200));
        let is_ours = |ours: &ipv6::Assigned| ours.address.address() == address;
        assert!(self.ndp.addresses().iter().any(is_ours), "it has no address");
        assert_eq!(self.pool.free_pages(), self.free, "packets wait for ever");
        self.check();
    }
}
