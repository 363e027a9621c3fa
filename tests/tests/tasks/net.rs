//! Two hosts with all layers and tasks, on one cable.

#![allow(dead_code, reason = "each of the tests that share this uses a part of it")]

use std::{
    cell::RefCell,
    net::{IpAddr, SocketAddr},
    rc::Rc,
    time::Duration,
};

use arp::Arp;
use ethernet::Ethernet;
use icmp::Icmp;
use ipv4::Ipv4;
use lab::soak::frames;
use layer::{Instant, Layer, Networks, Rx, Setup};
use netif::MacAddr;
use network::{Network, Outgoing, Problem, Protocol, Sent};
use rt_regions::{Pool, Region};
use tasks::{PollTasks, Tasks};
use testkit::{Clock, End, Host, program_memory};
use udp::{Failure, Sockets, Udp};

pub(crate) type Stack =
    Udp<'static, Icmp<Ipv4<'static, Arp<'static, Ethernet<End>>>>, &'static Sockets>;

/// The address of the host under test.
pub(crate) const SERVER: [u8; 4] = [10, 0, 0, 2];
/// The address of the other host.
pub(crate) const PEER: [u8; 4] = [10, 0, 0, 1];

/// Both hosts have one clock.
pub(crate) struct Net {
    pub(crate) server: Host<'static, Stack>,
    pub(crate) peer: Host<'static, Stack>,
    pub(crate) tasks: &'static Tasks,
}

fn host(
    end: End,
    address: [u8; 4],
    seed: u128,
    clock: &Clock,
    pages: usize,
) -> Host<'static, Stack> {
    let memory = program_memory(pages);
    let tasks = Tasks::new(memory).unwrap();
    let cidr = layer::Cidr::new(address.into(), 24).unwrap();
    let arp = Arp::new(Ethernet::new(end), cidr, seed, memory).unwrap();
    let icmp = Icmp::new(Ipv4::new(arp, seed, memory).unwrap(), seed);
    let udp = Udp::new(icmp, seed, memory).unwrap().with_tasks(tasks).unwrap();
    Host::new(udp, clock.clone(), memory.pool().unwrap()).with_tasks(tasks)
}

impl Net {
    /// A server with a pool of so many pages.
    pub(crate) fn new(pages: usize) -> Self {
        Self::with_peer(pages, 4_096)
    }

    /// A server, and a peer whose pool has `peer_pages` pages.
    pub(crate) fn with_peer(pages: usize, peer_pages: usize) -> Self {
        let clock = Clock::starting_at(Instant::from_millis(5));
        let (one, other) = End::pair(MacAddr([2, 0, 0, 0, 0, 2]), MacAddr([2, 0, 0, 0, 0, 1]));
        let server = host(one, SERVER, 7, &clock, pages);
        let peer = host(other, PEER, 8, &clock, peer_pages);
        let tasks = server.tower.sockets().tasks();
        let mut net = Self { server, peer, tasks };
        // So that addresses are announced, and known.
        net.pass(Duration::from_secs(10));
        net
    }

    pub(crate) fn pool(&self) -> &'static Pool<'static> {
        self.tasks.pool()
    }

    /// Lets both do all that they can do now.
    pub(crate) fn settle(&mut self) {
        while self.server.turn() | self.peer.turn() {}
    }

    /// Lets time pass, in steps of a millisecond.
    pub(crate) fn pass(&mut self, time: Duration) {
        let end = self.server.now() + time;
        while self.server.now() < end {
            self.server.clock().advance(Duration::from_millis(1));
            self.settle();
        }
    }

    /// Lets the peer send a datagram from a port.
    pub(crate) fn send(&mut self, from: u16, to: u16, payload: &[u8]) {
        let now = self.peer.now();
        let sent = self.peer.tower.send(now, from, (SERVER, to).into(), payload).unwrap();
        assert_eq!(sent, Sent::Queued);
    }

    /// One turn of the server's loop, whatever its tasks do.
    pub(crate) fn turn_server_once(&mut self) {
        let now = self.server.now();
        let packet = Region::new(self.pool(), "packet");
        match self.server.tower.receive(now, &packet).unwrap() {
            Rx::Item(item) => self.server.tower.unclaimed(now, item).unwrap(),
            Rx::Handled | Rx::Idle => {}
        }
        self.tasks.run(now, &mut |line| panic!("{line}"));
    }

    /// Lets the server serve only clients in these networks, as the argument `--clients` does.
    pub(crate) fn restrict_clients(&mut self, clients: Networks) {
        let mut setup = Setup::default();
        setup.clients = Some(clients);
        self.server.tower.configure(&mut setup);
    }

    /// Lets the peer say that a datagram of the server did not arrive.
    pub(crate) fn send_icmp_error(
        &mut self,
        problem: Problem,
        (source, port): ([u8; 4], u16),
        (destination, to): ([u8; 4], u16),
    ) {
        let (source, destination) = (source.into(), destination.into());
        let datagram = frames::udp((source, port), (destination, to), &[7; 1_450]);
        let mut sent = frames::Ipv4::new(source, destination, frames::UDP);
        sent.flags_offset = frames::DONT_FRAGMENT;
        let sent = sent.packet(&datagram);
        let (kind, code, word) = match problem {
            Problem::HostUnreachable => (3, 1, 0),
            Problem::PortUnreachable => (3, 3, 0),
            Problem::TooBig(mtu) => (3, 4, mtu),
            Problem::TtlExceeded => (11, 0, 0),
            problem => panic!("{problem} has no number here"),
        };
        let error = frames::icmp(kind, code, &[&word.to_be_bytes()[..], &sent[..28]].concat());
        let mut outgoing = Outgoing::new(IpAddr::from(SERVER), Protocol::ICMP);
        outgoing.max_ttl = 64;
        let now = self.peer.now();
        let queued = self.peer.tower.network_mut().send(now, &outgoing, &error[..]).unwrap();
        assert_eq!(queued, Sent::Queued);
        self.settle();
    }

    /// A port of the peer, which writes down what comes to it.
    pub(crate) fn listen(&mut self, port: u16) -> Heard {
        let heard = Heard::default();
        let sink: &'static Heard = Box::leak(Box::new(heard.clone()));
        let bound = self.peer.tower.bind_datagram(port, |datagram, _| {
            let line = (datagram.source(), datagram.ttl(), datagram.payload().to_vec());
            sink.0.borrow_mut().push(line);
            Err(Failure::Silent)
        });
        bound.unwrap().answer_any_port();
        heard
    }

    /// Ends the program of the server; all that its tasks had comes back.
    pub(crate) fn close(mut self) {
        self.tasks.close();
        self.settle();
        assert_eq!(self.tasks.len(), 0);
        for region in self.pool().open_regions() {
            let most = match region.name() {
                // What the program keeps: slots, mailboxes, tables; a service's closure.
                "global" | "packet" | "udp.service" => usize::MAX,
                // The table of ports, and what is kept for the next datagrams.
                "udp.ports" => 3,
                "udp.inboxes" | "udp.requests" | "udp.outbox" => 2,
                _ => 0,
            };
            assert!(region.pages() <= most, "{region:?}");
            let is_of_tasks = ["udp.task", "udp.request"].contains(&region.name());
            assert!(!is_of_tasks, "{region:?}");
        }
    }
}

/// A datagram: where it came from, its time to live, its payload.
type Line = (SocketAddr, u8, Vec<u8>);

/// What came to a port.
#[derive(Clone, Default)]
pub(crate) struct Heard(Rc<RefCell<Vec<Line>>>);

impl Heard {
    pub(crate) fn take(&self) -> Vec<Line> {
        self.0.take()
    }

    /// The payloads as text.
    pub(crate) fn texts(&self) -> Vec<String> {
        let text = |(_, _, payload): Line| String::from_utf8(payload).unwrap();
        self.take().into_iter().map(text).collect()
    }
}
