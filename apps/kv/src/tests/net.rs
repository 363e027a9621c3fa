//! The service on a host with all layers, and a client on another one, in memory.

use std::{cell::RefCell, net::SocketAddr, time::Duration};

use arp::Arp;
use ethernet::Ethernet;
use icmp::Icmp;
use ipv4::Ipv4;
use layer::{Cidr, Instant};
use netif::MacAddr;
use tasks::Tasks;
use testkit::{Clock, End, Host, program_memory};
use udp::{Failure, Sockets, Udp};

use crate::{
    options::Options,
    service::{PORT, Service},
};

type Stack = Udp<'static, Icmp<Ipv4<'static, Arp<'static, Ethernet<End>>>>, &'static Sockets>;

/// The address of the service.
pub(super) const SERVER: [u8; 4] = [10, 0, 0, 2];
/// The address of the client, and of the other server.
pub(super) const CLIENT: [u8; 4] = [10, 0, 0, 1];
/// The port of the client.
const CLIENT_PORT: u16 = 4000;
/// How many pages the service's host has: 1 MiB.
const PAGES: usize = 256;

/// Both hosts have one clock.
pub(super) struct Net {
    pub(super) server: Host<'static, Stack>,
    pub(super) client: Host<'static, Stack>,
    replies: &'static RefCell<Vec<Vec<u8>>>,
}

/// A host; with options, the service is on it.
fn host(
    end: End,
    address: [u8; 4],
    clock: &Clock,
    options: Option<Options>,
) -> Host<'static, Stack> {
    let memory = program_memory(PAGES);
    let pool = memory.pool().unwrap();
    let (tasks, seed) = (Tasks::new(memory).unwrap(), u128::from(address[3]));
    let arp = Arp::new(Ethernet::new(end), network(address), seed, memory).unwrap();
    let icmp = Icmp::new(Ipv4::new(arp, seed, memory).unwrap(), seed);
    let mut udp = Udp::new(icmp, seed, memory).unwrap().with_tasks(tasks).unwrap();
    if let Some(options) = options {
        let cap = options.cap_in(pool, 1).unwrap();
        let service = Service::new(&options, cap, seed, memory).unwrap();
        udp = udp.with_service_counters(service.counters());
        service.bind(&mut udp).unwrap();
    }
    Host::new(udp, clock.clone(), pool).with_tasks(tasks)
}

pub(super) fn network(address: [u8; 4]) -> Cidr {
    Cidr::new(address.into(), 24).unwrap()
}

/// What a service is told by default: whoever is in its network may ask.
pub(super) fn options() -> Options {
    Options { clients: layer::Networks::default().and(network(SERVER)), ..Options::default() }
}

impl Net {
    pub(super) fn new(options: Options) -> Self {
        Self::with_other(options, None)
    }

    /// The client's host has the service too, with these other options.
    pub(super) fn with_other(options: Options, other: Option<Options>) -> Self {
        let clock = Clock::starting_at(Instant::from_millis(5));
        let ends = End::pair(MacAddr([2, 0, 0, 0, 0, 2]), MacAddr([2, 0, 0, 0, 0, 1]));
        let server = host(ends.0, SERVER, &clock, Some(options));
        let mut client = host(ends.1, CLIENT, &clock, other);
        let replies: &'static RefCell<Vec<Vec<u8>>> = Box::leak(Box::default());
        let bound = client.tower.bind_datagram(CLIENT_PORT, |datagram, _| {
            assert_eq!(datagram.source(), SocketAddr::from((SERVER, PORT)));
            replies.borrow_mut().push(datagram.payload().to_vec());
            Err(Failure::Silent)
        });
        bound.unwrap().answer_any_port();
        let mut net = Self { server, client, replies };
        // So that addresses are announced, and known.
        net.pass(Duration::from_secs(10));
        net
    }

    /// Lets both do all that they can do now.
    pub(super) fn settle(&mut self) {
        while self.server.turn() | self.client.turn() {}
    }

    /// Lets time pass, in steps of 10 milliseconds.
    pub(super) fn pass(&mut self, time: Duration) {
        let end = self.server.now() + time;
        while self.server.now() < end {
            self.server.clock().advance(Duration::from_millis(10));
            self.settle();
        }
    }

    pub(super) fn send(&mut self, request: &[u8]) {
        let (now, to) = (self.client.now(), (SERVER, PORT).into());
        let sent = self.client.tower.send(now, CLIENT_PORT, to, request).unwrap();
        assert_eq!(sent, network::Sent::Queued);
        self.settle();
    }

    /// The replies since the last call, as text.
    pub(super) fn replies(&mut self) -> Vec<String> {
        let text = |reply: Vec<u8>| String::from_utf8(reply).unwrap();
        self.replies.take().into_iter().map(text).collect()
    }

    /// The reply to a request, which comes at once.
    pub(super) fn ask(&mut self, request: &[u8]) -> Vec<u8> {
        self.send(request);
        let mut replies = self.replies.take();
        let excerpt = request::Excerpt(request);
        assert_eq!(replies.len(), 1, "{excerpt} has {} replies", replies.len());
        replies.remove(0)
    }

    /// Asks one after the other, each with its reply.
    pub(super) fn talk(&mut self, lines: &[(&str, &str)]) {
        for (request, expected) in lines {
            let reply = String::from_utf8(self.ask(request.as_bytes())).unwrap();
            assert_eq!(reply, *expected, "{request}");
        }
    }

    /// A counter of the service.
    pub(super) fn counter(&self, name: &str) -> u64 {
        self.server.counter("kv", name)
    }

    /// How many pages of the server are in use, and how many are the entries'.
    pub(super) fn pages(&self) -> (usize, usize) {
        let pool = self.server.tower.sockets().tasks().pool();
        let entries = pool.open_regions().find(|region| region.name() == "kv.entries");
        (pool.pages() - pool.free_pages(), entries.map_or(0, |region| region.pages()))
    }
}
