//! One `Udp` over two networks of different families.

use std::net::{IpAddr, SocketAddr};

use layer::{Counter, Instant, Layer, Offloads, Payload, Rx, Setup};
use network::{Delivery, Network, Outgoing, Packet, Problem, Protocol, Sent};
use rt_regions::Region;
use testkit::{FakeNetwork, with_pool};
use udp::{Udp, UdpHeader};
use zerocopy::IntoBytes;

/// Two networks as one: what is about an address is the matter of the network that has its family.
struct Dual<A, B> {
    four: A,
    six: B,
}

/// Does the same for the network of an address.
macro_rules! of {
    ($dual:expr, $address:expr, $network:ident => $result:expr) => {
        match $address {
            IpAddr::V4(_) => {
                let $network = &mut $dual.four;
                $result
            }
            IpAddr::V6(_) => {
                let $network = &mut $dual.six;
                $result
            }
        }
    };
}

impl<A: Network, B: Network<Error = A::Error>> Layer for Dual<A, B> {
    type Error = A::Error;
    type Event = A::Event;
    type Item<'r> = Delivery<'r>;

    fn event(&self) -> A::Event {
        self.four.event()
    }

    fn receive<'r>(
        &mut self,
        now: Instant,
        region: &'r Region<'_>,
    ) -> Result<Rx<Delivery<'r>>, A::Error> {
        match self.four.receive(now, region)? {
            Rx::Idle => self.six.receive(now, region),
            other => Ok(other),
        }
    }

    fn unclaimed(&mut self, now: Instant, item: Delivery<'_>) -> Result<(), A::Error> {
        let (Delivery::Packet(packet) | Delivery::Rejected(packet, _)) = item else {
            return Ok(());
        };
        of!(self, packet.source, network => network.unclaimed(now, item))
    }

    fn next_deadline(&self) -> Option<Instant> {
        Instant::earliest(self.four.next_deadline(), self.six.next_deadline())
    }

    fn counters(&self, visit: &mut dyn FnMut(Counter)) {
        self.four.counters(visit);
        self.six.counters(visit);
    }

    fn configure(&mut self, setup: &mut Setup<'_>) {
        self.four.configure(setup);
        self.six.configure(setup);
    }
}

impl<A: Network, B: Network<Error = A::Error>> Network for Dual<A, B> {
    fn is_ours(&self, address: IpAddr) -> bool {
        self.four.is_ours(address) || self.six.is_ours(address)
    }

    fn is_unicast(&self, address: IpAddr) -> bool {
        self.four.is_unicast(address) && self.six.is_unicast(address)
    }

    fn source_for(&self, destination: IpAddr) -> Option<IpAddr> {
        self.four.source_for(destination).or_else(|| self.six.source_for(destination))
    }

    fn max_payload(&self, destination: IpAddr) -> usize {
        self.four.max_payload(destination).max(self.six.max_payload(destination))
    }

    fn path_mtu(&self, now: Instant, destination: IpAddr, protocol: Protocol) -> usize {
        match destination {
            IpAddr::V4(_) => self.four.path_mtu(now, destination, protocol),
            IpAddr::V6(_) => self.six.path_mtu(now, destination, protocol),
        }
    }

    fn room(&self) -> usize {
        self.four.room().min(self.six.room())
    }

    fn offloads(&self, destination: IpAddr) -> Offloads {
        match destination {
            IpAddr::V4(_) => self.four.offloads(destination),
            IpAddr::V6(_) => self.six.offloads(destination),
        }
    }

    fn send(
        &mut self,
        now: Instant,
        outgoing: &Outgoing,
        payload: impl Payload,
    ) -> Result<Sent, A::Error> {
        of!(self, outgoing.destination, network => network.send(now, outgoing, payload))
    }

    fn send_error(
        &mut self,
        now: Instant,
        packet: &Packet<'_>,
        problem: Problem,
    ) -> Result<(), A::Error> {
        of!(self, packet.source, network => network.send_error(now, packet, problem))
    }

    fn packet_too_big(&mut self, now: Instant, destination: IpAddr, protocol: Protocol, mtu: u32) {
        of!(self, destination, network => network.packet_too_big(now, destination, protocol, mtu));
    }
}

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

/// A datagram with the bytes of `payload` and a checksum, as it is received.
fn datagram(from: SocketAddr, to: SocketAddr, payload: &[u8]) -> Packet<'static> {
    let header = UdpHeader::new(from, to, &payload);
    Packet {
        source: from.ip(),
        destination: to.ip(),
        protocol: Protocol::UDP,
        ttl: 64,
        tos: 0,
        broadcast: false,
        verify_checksum: true,
        segment_size: None,
        header: &[],
        payload: [header.as_bytes(), payload].concat().leak(),
    }
}

#[test]
fn one_service_answers_both_families_from_the_address_that_was_asked() {
    with_pool(32, |pool| {
        let memory = Region::new(pool, "memory");
        let mut packet = Region::new(pool, "packet");
        let four = FakeNetwork::new([ip("10.0.0.2"), ip("10.0.0.3")]);
        let six = FakeNetwork::new([ip("fe80::2"), ip("2001:db8::2")]);
        let mut udp = Udp::new(Dual { four, six }, 7, &memory).unwrap();
        udp.bind(8080, |request, _region| Ok(request)).unwrap();
        for (client, asked) in [
            ("10.0.0.1", "10.0.0.2"),
            ("10.0.0.1", "10.0.0.3"),
            ("fe80::1", "fe80::2"),
            ("2001:db8::1", "2001:db8::2"),
        ] {
            let (client, asked) =
                (SocketAddr::new(ip(client), 5000), SocketAddr::new(ip(asked), 8080));
            let dual = udp.network_mut();
            let request = Delivery::Packet(Box::leak(Box::new(datagram(client, asked, b"hello"))));
            of!(dual, asked.ip(), network => network.incoming.push_back(request));
            packet.reset();
            assert!(matches!(udp.receive(Instant::ZERO, &packet), Ok(Rx::Handled)));
            let dual = udp.network_mut();
            let (outgoing, bytes) = of!(dual, asked.ip(), network => network.sent.pop()).unwrap();
            assert_eq!((outgoing.source, outgoing.destination), (Some(asked.ip()), client.ip()));
            assert_eq!(bytes, datagram(asked, client, b"hello").payload);
        }
        // RFC 8200 8.1: on IPv6 a datagram has a checksum.
        for (client, asked, answered) in
            [("10.0.0.1", "10.0.0.2", true), ("fe80::1", "fe80::2", false)]
        {
            let (client, asked) =
                (SocketAddr::new(ip(client), 5000), SocketAddr::new(ip(asked), 8080));
            let mut bytes = datagram(client, asked, b"hello").payload.to_vec();
            bytes[6..8].fill(0);
            let blank = Packet { payload: bytes.leak(), ..datagram(client, asked, b"") };
            let dual = udp.network_mut();
            of!(dual, asked.ip(), network => network.incoming.push_back(Delivery::Packet(Box::leak(Box::new(blank)))));
            packet.reset();
            assert!(matches!(udp.receive(Instant::ZERO, &packet), Ok(Rx::Handled)));
            let dual = udp.network_mut();
            assert_eq!(of!(dual, asked.ip(), network => network.sent.pop()).is_some(), answered);
        }
        // Unasked, the network chooses.
        for (to, from) in [("10.0.0.9", "10.0.0.2"), ("fe80::9", "fe80::2")] {
            let sent = udp.send(Instant::ZERO, 8080, SocketAddr::new(ip(to), 9), b"x");
            assert_eq!(sent, Ok(Sent::Queued));
            let dual = udp.network_mut();
            let (_, bytes) = of!(dual, ip(to), network => network.sent.pop()).unwrap();
            let (from, to) = (SocketAddr::new(ip(from), 8080), SocketAddr::new(ip(to), 9));
            assert_eq!(bytes, datagram(from, to, b"x").payload);
        }
    });
}
