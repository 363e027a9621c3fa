//! Two hosts with all layers and tasks, on one cable.

use std::{cell::RefCell, net::SocketAddr, rc::Rc, time::Duration};

use arp::Arp;
use ethernet::Ethernet;
use icmp::Icmp;
use ipv4::Ipv4;
use layer::Instant;
use netif::MacAddr;
use rt_regions::Pool;
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
        let clock = Clock::starting_at(Instant::from_millis(5));
        let (one, other) = End::pair(MacAddr([2, 0, 0, 0, 0, 2]), MacAddr([2, 0, 0, 0, 0, 1]));
        let server = host(one, SERVER, 7, &clock, pages);
        let peer = host(other, PEER, 8, &clock, 4_096);
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
        assert_eq!(sent, network::Sent::Queued);
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
                // The table of ports, and what is kept.
                "udp.inboxes" => 4,
                "udp.outbox" => 2,
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
