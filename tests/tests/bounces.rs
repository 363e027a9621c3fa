//! Two hosts on one wire that would answer each other, each kind of pair: what one datagram starts, in the name of
//! the other, comes to an end.

use std::{net::Ipv4Addr, time::Duration};

use arp::Arp;
use ethernet::Ethernet;
use icmp::Icmp;
use ipv4::Ipv4;
use lab::soak::frames::{self, Mac};
use layer::{Cidr, Instant, Networks};
use netif::MacAddr;
use rt_regions::Region;
use testkit::{Clock, End, Host, Wire, with_pool};
use udp::{Failure, Udp};

type Tower<'g> = Udp<'g, Icmp<Ipv4<'g, Arp<'g, Ethernet<End>>>>>;

/// The two hosts.
const ONE: (Mac, Ipv4Addr) = ([2, 0, 0, 0, 0, 1], Ipv4Addr::new(10, 0, 0, 1));
const OTHER: (Mac, Ipv4Addr) = ([2, 0, 0, 0, 0, 2], Ipv4Addr::new(10, 0, 0, 2));

/// As many packets as a time to live of 64 allows.
const MOST: usize = 64;
/// So many are no end.
const NO_END: usize = 2000;

/// What a tower serves, and where.
#[derive(Clone, Copy, Debug)]
enum Service {
    /// Replies with the request.
    Echo(u16),
    /// An echo that answers any port.
    EchoToAll(u16),
    /// Replies with an error line, as `sort` does to what are no numbers.
    Lines(u16),
    /// The counters.
    Counters(u16),
}

use Service::{Counters, Echo, EchoToAll, Lines};

impl Service {
    fn port(self) -> u16 {
        match self {
            Self::Echo(port) | Self::EchoToAll(port) | Self::Lines(port) | Self::Counters(port) => {
                port
            }
        }
    }
}

/// A tower, and the raw end of its cable.
struct Station<'g> {
    host: Host<'g, Tower<'g>>,
    wire: Wire,
}

impl<'g> Station<'g> {
    fn new(
        own: (Mac, Ipv4Addr),
        peer: (Mac, Ipv4Addr),
        clock: &Clock,
        memory: &'g Region<'g>,
    ) -> Self {
        let (wire, end) = Wire::new(MacAddr(own.0));
        let cidr = Cidr::new(own.1, 24).expect("a prefix");
        let mut arp = Arp::new(Ethernet::new(end), cidr, 7, memory).expect("there is room");
        arp.insert_static(peer.1, MacAddr(peer.0)).expect("a neighbour");
        let ipv4 = Ipv4::new(arp, 7, memory).expect("there is room");
        let tower = Udp::new(Icmp::new(ipv4, 7), 7, memory).expect("there is room");
        let pool = memory.pool().expect("it has a pool");
        Self { host: Host::new(tower, clock.clone(), pool), wire }
    }

    fn serve(&mut self, service: Service) {
        let (port, tower) = (service.port(), &mut self.host.tower);
        match service {
            Echo(_) => {
                tower.bind(port, |request, _| Ok(request)).expect("it is free");
            }
            EchoToAll(_) => {
                tower.bind(port, |request, _| Ok(request)).expect("it is free").answer_any_port();
            }
            Lines(_) => {
                tower
                    .bind(port, |_, _| Err(Failure::Refused("only numbers are allowed")))
                    .expect("it is free");
            }
            Counters(_) => {
                let own = Networks::default().and("10.0.0.0/24".parse().expect("a network"));
                tower.serve_counters(Some(port), own).expect("it is free");
            }
        }
    }

    /// Lets frames arrive; gives those with IPv4 packets that it sends then.
    fn hears(&mut self, frames: Vec<Vec<u8>>) -> Vec<Vec<u8>> {
        frames.into_iter().for_each(|frame| self.wire.push(frame));
        self.host.turn();
        let mut sent = self.wire.drain();
        sent.retain(|frame| frame[12..14] == [8, 0]);
        sent
    }
}

/// A datagram of `from` to `to`, with a TTL of 64.
fn datagram(from: (Mac, Ipv4Addr, u16), to: (Mac, Ipv4Addr, u16), payload: &[u8]) -> Vec<u8> {
    let datagram = frames::udp((from.1, from.2), (to.1, to.2), payload);
    let packet = frames::Ipv4::new(from.1, to.1, frames::UDP).packet(&datagram);
    frames::ethernet(to.0, from.0, 0x0800, &packet)
}

/// How many packets two towers send when the first service gets a datagram in the name of the second.
fn between(one: Service, other: Service, payload: &[u8]) -> usize {
    with_pool(1024, |pool| {
        let memory = [Region::new(pool, "one"), Region::new(pool, "other")];
        let clock = Clock::starting_at(Instant::from_millis(1000));
        let mut stations = [
            Station::new(ONE, OTHER, &clock, &memory[0]),
            Station::new(OTHER, ONE, &clock, &memory[1]),
        ];
        stations[0].serve(one);
        stations[1].serve(other);
        let from = (OTHER.0, OTHER.1, other.port());
        let mut frames = vec![datagram(from, (ONE.0, ONE.1, one.port()), payload)];
        let mut count = 0;
        for turn in 0.. {
            frames = stations[turn % 2].hears(frames);
            count += frames.len();
            if frames.is_empty() {
                break;
            }
            assert!(count < NO_END, "{one:?} and {other:?} answer each other for ever");
        }
        count
    })
}

/// How many packets a tower sends in `millis` milliseconds to a host that answers all that comes to this port, with
/// a TTL of its own, a hundred times a millisecond.
fn with_responder(service: Service, port: u16, millis: u64) -> usize {
    with_pool(1024, |pool| {
        let memory = Region::new(pool, "memory");
        let clock = Clock::new();
        let mut station = Station::new(ONE, OTHER, &clock, &memory);
        station.serve(service);
        let again = || datagram((OTHER.0, OTHER.1, port), (ONE.0, ONE.1, service.port()), b"again");
        let mut count = 0;
        for _ in 0..millis * 100 {
            count += station.hears(vec![again()]).len();
            clock.advance(Duration::from_micros(10));
        }
        count
    })
}

/// One datagram to an echo, in the name of another: 36,000 frames a second it was, until somebody unplugged it.
#[test]
fn two_services_on_one_port_do_not_answer_each_other() {
    for (one, other) in [
        (Echo(8080), Echo(8080)),
        (Lines(8080), Lines(8080)),
        (Echo(8080), Lines(8080)),
        (Lines(8080), Echo(8080)),
        (Counters(9100), Counters(9100)),
    ] {
        assert_eq!(between(one, other, b"hello"), 0, "{one:?} {other:?}");
    }
}

#[test]
fn two_services_on_different_ports_come_to_an_end() {
    for (one, other) in [
        (Echo(8080), Echo(8081)),
        (Echo(8080), Lines(8081)),
        (Lines(8080), Echo(8081)),
        (Lines(8080), Lines(8081)),
        (Echo(8080), Counters(9100)),
        (Counters(9100), Echo(8080)),
        (Counters(9100), Lines(8080)),
        (Lines(8080), Counters(9100)),
        (Counters(9100), Counters(9200)),
    ] {
        // A listing is several frames.
        let most = if matches!((one, other), (Counters(_), _) | (_, Counters(_))) {
            MOST * 4
        } else {
            MOST
        };
        let count = between(one, other, b"");
        assert!((1..most).contains(&count), "{one:?} {other:?}: {count}");
    }
}

/// By construction: with each reply there is less time to live.
#[test]
fn two_services_that_answer_any_port_come_to_an_end() {
    assert_eq!(between(EchoToAll(8080), EchoToAll(8080), b"hello"), MOST - 1);
    assert_eq!(between(EchoToAll(7), EchoToAll(7), b"hello"), MOST - 1);
}

/// Echo, chargen, time, DNS, SIP and others, each of which answers all that comes with a time to live of its own.
#[test]
fn a_classic_responder_is_not_answered() {
    for port in [7, 13, 17, 19, 37, 53, 69, 123, 161, 1900, 5060, 5353, 11_211] {
        for service in [Echo(8080), Lines(8080), Counters(9100)] {
            assert_eq!(with_responder(service, port, 10), 0, "{service:?} and port {port}");
        }
    }
}

/// What is left: a responder at a port that nobody knows. Error lines are limited even so, and so are listings.
#[test]
fn a_responder_at_an_unknown_port_is_answered_and_lines_are_limited() {
    assert_eq!(with_responder(Echo(8080), 9999, 10), 1000);
    let lines = with_responder(Lines(8080), 9999, 2000);
    assert!((150..350).contains(&lines), "{lines} lines in two seconds");
    let listings = with_responder(Counters(9100), 9999, 100);
    assert!(listings < 3000, "{listings} listings in a tenth of a second");
}
