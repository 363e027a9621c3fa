//! The hosts, the cable, and what the server answers.

use std::{
    boxed::Box,
    cell::{Cell, RefCell},
    time::Duration,
    vec::Vec,
};

use arp::Arp;
use ethernet::Ethernet;
use icmp::Icmp;
use ipv4::Ipv4;
use layer::Instant;
use netif::MacAddr;
use network::Sent;
use tasks::Tasks;
use testkit::{Clock as TestClock, Duplicate, End, Host, Lossy, Reorder, program_memory};
use udp::{Failure, Sockets, Udp};
use zerocopy::IntoBytes;

use crate::{
    Clock, Servers, Sntp,
    wire::{Header, MODE_SERVER, Timestamp, flags},
};

const CLIENT: [u8; 4] = [10, 0, 0, 2];
const SERVER: [u8; 4] = [10, 0, 0, 1];

/// When the tests begin, and the true time of day then.
const BEGIN: Instant = Instant::from_millis(5);
const TRUE: Duration = Duration::from_millis(1_784_111_777_250);

type Link = Lossy<Reorder<Duplicate<End>>>;
type Stack = Udp<'static, Icmp<Ipv4<'static, Arp<'static, Ethernet<Link>>>>, &'static Sockets>;

/// What the server does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mode {
    Answers,
    Silent,
    Denies,
}

/// What the server does, by how many milliseconds its clock is ahead, and the ports that it was asked from.
pub(super) struct World {
    pub(super) mode: Cell<Mode>,
    pub(super) ahead: Cell<i64>,
    pub(super) ports: RefCell<Vec<u16>>,
    clock: TestClock,
}

/// How bad the cable is: one frame in so many is lost, in each direction and at each end; up to so many are out of order; one
/// in so many comes twice.
pub(super) struct Badness {
    pub(super) lost: usize,
    pub(super) window: usize,
    pub(super) doubled: usize,
}

const GOOD: Badness = Badness { lost: usize::MAX, window: 0, doubled: usize::MAX };

pub(super) struct Net {
    pub(super) client: Host<'static, Stack>,
    server: Host<'static, Stack>,
    pub(super) tasks: &'static Tasks,
    pub(super) world: &'static World,
    pub(super) sntp: &'static Sntp,
}

fn host(
    end: End,
    address: [u8; 4],
    seed: u128,
    clock: &TestClock,
    bad: &Badness,
) -> (Host<'static, Stack>, &'static Tasks) {
    let memory = program_memory(512);
    let tasks = Tasks::new(memory).unwrap();
    let seeds = seed as u64;
    let link = Reorder::new(Duplicate::new(end, bad.doubled, seeds), bad.window, seeds);
    let link = Ethernet::new(Lossy::new(link, bad.lost, seeds));
    let cidr = layer::Cidr::new(address.into(), 24).unwrap();
    let arp = Arp::new(link, cidr, seed, memory).unwrap();
    let icmp = Icmp::new(Ipv4::new(arp, seed, memory).unwrap(), seed);
    let udp = Udp::new(icmp, seed, memory).unwrap().with_tasks(tasks).unwrap();
    (Host::new(udp, clock.clone(), memory.pool().unwrap()).with_tasks(tasks), tasks)
}

impl Net {
    /// A client of these servers, of which 10.0.0.1 is there. Its platform's clock is far behind.
    pub(super) fn new(servers: &str) -> Self {
        Self::with(servers, &GOOD)
    }

    pub(super) fn with(servers: &str, bad: &Badness) -> Self {
        let clock = TestClock::starting_at(BEGIN);
        let (one, other) = End::pair(MacAddr([2, 0, 0, 0, 0, 2]), MacAddr([2, 0, 0, 0, 0, 1]));
        let (mut client, tasks) = host(one, CLIENT, 7, &clock, bad);
        let (mut server, _) = host(other, SERVER, 8, &clock, bad);
        let world: &'static World = Box::leak(Box::new(World {
            mode: Cell::new(Mode::Answers),
            ahead: Cell::new(0),
            ports: RefCell::default(),
            clock,
        }));
        let bound = server.tower.bind_datagram(123, |datagram, region| {
            world.ports.borrow_mut().push(datagram.source().port());
            match world.answer(datagram.payload()) {
                Some(answer) => Ok(region.alloc_slice(answer.as_bytes())?),
                None => Err(Failure::Silent),
            }
        });
        bound.unwrap();
        // So that the tasks know the time.
        client.turn();
        let wall = Duration::from_secs(1_000);
        let shown = tasks.memory().alloc(Clock::new(BEGIN, Some(wall))).unwrap();
        let servers = servers.parse().unwrap_or(Servers::NONE);
        let sntp = Sntp::start(client.tower.sockets(), shown, servers, 7).unwrap();
        let mut net = Self { client, server, tasks, world, sntp };
        net.pass(Duration::ZERO);
        net
    }

    /// Lets time pass.
    pub(super) fn pass(&mut self, time: Duration) {
        self.client.run_with(&mut self.server, time, || false);
    }

    /// By how much the clock is wrong.
    pub(super) fn error(&self) -> Duration {
        let shown = self.sntp.clock().read(self.client.now()).unwrap();
        shown.abs_diff(self.world.time())
    }

    /// The server sends a datagram to the client.
    pub(super) fn send(&mut self, from: u16, to: u16, payload: &[u8]) {
        let (now, to) = (self.server.now(), (CLIENT, to).into());
        let sent = self.server.tower.send(now, from, to, payload).unwrap();
        assert_eq!(sent, Sent::Queued);
        while self.client.turn() | self.server.turn() {}
    }
}

impl World {
    /// The time by the server's clock.
    fn time(&self) -> Duration {
        let time = TRUE + self.clock.now().since(BEGIN);
        let ahead = self.ahead.get();
        let apart = Duration::from_millis(ahead.unsigned_abs());
        if ahead < 0 { time - apart } else { time + apart }
    }

    fn answer(&self, question: &[u8]) -> Option<Header> {
        let question = Header::parse(question).unwrap();
        let time = Timestamp::from_1970(self.time()).0;
        let answer = Header {
            flags: flags(0, question.version(), MODE_SERVER),
            stratum: 1,
            precision: -20,
            reference_id: *b"GPS\0",
            reference: (time - (9 << 32)).into(),
            origin: question.transmit,
            receive: time.into(),
            transmit: time.into(),
            ..*question
        };
        match self.mode.get() {
            Mode::Answers => Some(answer),
            Mode::Silent => None,
            Mode::Denies => Some(Header { stratum: 0, reference_id: *b"DENY", ..answer }),
        }
    }
}
