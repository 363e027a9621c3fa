//! The hosts, the cable, and what the server answers.

use std::{
    boxed::Box,
    cell::{Cell, RefCell},
    format,
    net::SocketAddr,
    rc::Rc,
    string::{String, ToString},
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
use rt_regions::Pool;
use tasks::{TaskRef, Tasks};
use tcp::Tcp;
use testkit::{Clock, Duplicate, End, Host, Lossy, Reorder, program_memory};
use udp::{Failure, Sockets, Udp};

use crate::{
    Addresses, Families, Name, ResolveError, Resolver, Servers,
    wire::{CLASS_IN, Data, Flags, Message, MessageWriter, Rcode, RecordType, Section, Soa},
};

pub(super) const CLIENT: [u8; 4] = [10, 0, 0, 2];
pub(super) const SERVER: [u8; 4] = [10, 0, 0, 1];
pub(super) const SECOND: Duration = Duration::from_secs(1);

type Link = Lossy<Reorder<Duplicate<End>>>;
type Stack = Tcp<Udp<'static, Icmp<Ipv4<'static, Arp<'static, Ethernet<Link>>>>, &'static Sockets>>;
pub(super) type Results = Rc<RefCell<Vec<Result<Addresses, ResolveError>>>>;

/// What the server does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mode {
    Answers,
    Silent,
    Fails,
}

/// A query as the server sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Asked {
    pub(super) port: u16,
    pub(super) id: u16,
    pub(super) name: String,
    pub(super) kind: RecordType,
    pub(super) is_tcp: bool,
}

/// What the server does, and what it was asked.
pub(super) struct World {
    pub(super) mode: Cell<Mode>,
    pub(super) asked: RefCell<Vec<Asked>>,
}

/// How bad the cable is: one frame in so many is lost, in each direction and at each end; up to so many are out of order; one
/// in so many comes twice.
pub(super) struct Badness {
    pub(super) lost: usize,
    pub(super) window: usize,
    pub(super) doubled: usize,
}

pub(super) const GOOD: Badness = Badness { lost: usize::MAX, window: 0, doubled: usize::MAX };

pub(super) struct Net {
    pub(super) client: Host<'static, Stack>,
    pub(super) server: Host<'static, Stack>,
    pub(super) tasks: &'static Tasks,
    pub(super) world: &'static World,
    pub(super) resolver: &'static Resolver,
}

fn host(
    end: End,
    address: [u8; 4],
    seed: u128,
    clock: &Clock,
    bad: &Badness,
) -> (Host<'static, Stack>, &'static Tasks) {
    let memory = program_memory(1_024);
    let tasks = Tasks::new(memory).unwrap();
    let seeds = seed as u64;
    let link = Reorder::new(Duplicate::new(end, bad.doubled, seeds), bad.window, seeds);
    let link = Ethernet::new(Lossy::new(link, bad.lost, seeds));
    let cidr = layer::Cidr::new(address.into(), 24).unwrap();
    let arp = Arp::new(link, cidr, seed, memory).unwrap();
    let icmp = Icmp::new(Ipv4::new(arp, seed, memory).unwrap(), seed);
    let udp = Udp::new(icmp, seed, memory).unwrap().with_tasks(tasks).unwrap();
    let tcp = Tcp::new(udp, seed, tasks).unwrap();
    (Host::new(tcp, clock.clone(), memory.pool().unwrap()).with_tasks(tasks), tasks)
}

impl Net {
    pub(super) fn new(servers: &str) -> Self {
        Self::with(servers, Families::V4, &GOOD)
    }

    pub(super) fn with(servers: &str, families: Families, bad: &Badness) -> Self {
        let clock = Clock::starting_at(Instant::from_millis(5));
        let (one, other) = End::pair(MacAddr([2, 0, 0, 0, 0, 2]), MacAddr([2, 0, 0, 0, 0, 1]));
        let (client, tasks) = host(one, CLIENT, 7, &clock, bad);
        let (mut server, _) = host(other, SERVER, 8, &clock, bad);
        let world: &'static World = Box::leak(Box::new(World {
            mode: Cell::new(Mode::Answers),
            asked: RefCell::default(),
        }));
        let bound = server.tower.network_mut().bind_datagram(53, |datagram, region| {
            match world.answer(datagram.payload(), datagram.source(), false) {
                Some(answer) => Ok(region.alloc_slice(&answer)?),
                None => Err(Failure::Silent),
            }
        });
        bound.unwrap();
        let bound = server.tower.bind(53, async |stream, _| {
            let mut length = [0; 2];
            stream.read_exact(&mut length).await?;
            let mut query = std::vec![0; usize::from(u16::from_be_bytes(length))];
            stream.read_exact(&mut query).await?;
            if let Some(answer) = world.answer(&query, stream.peer(), true) {
                let length = (answer.len() as u16).to_be_bytes();
                stream.send((length, &answer[..])).await?;
            } else {
                stream.sleep(60 * SECOND).await;
            }
            Ok(())
        });
        bound.unwrap();
        let sockets = client.tower.network().sockets();
        let connections = client.tower.connections();
        let servers: Servers = servers.parse().unwrap();
        let resolver = Resolver::with(sockets, connections, servers, families, 0, 7).unwrap();
        Self { client, server, tasks, world, resolver }
    }

    pub(super) fn pool(&self) -> &'static Pool<'static> {
        self.tasks.pool()
    }

    /// Starts a task that resolves a name, and puts the result into `results`.
    pub(super) fn spawn(&self, name: &str, results: &Results) -> TaskRef {
        let (resolver, name, results) = (self.resolver, name.to_string(), results.clone());
        let spawned = self.tasks.spawn("resolves", async move |_| {
            let result = resolver.resolve(&name).await;
            results.borrow_mut().push(result);
            Ok(())
        });
        spawned.unwrap()
    }

    /// Lets time pass, or less if there are so many results.
    pub(super) fn run(&mut self, time: Duration, results: &Results, count: usize) {
        self.client.run_with(&mut self.server, time, || results.borrow().len() >= count);
    }

    /// Resolves a name; it takes a minute at most.
    #[track_caller]
    pub(super) fn resolve(&mut self, name: &str) -> Result<Addresses, ResolveError> {
        let results = Results::default();
        self.spawn(name, &results);
        self.run(60 * SECOND, &results, 1);
        let result = results.borrow().first().copied();
        result.expect("there is a result within a minute")
    }

    /// The addresses of a name as text.
    #[track_caller]
    pub(super) fn addresses(&mut self, name: &str) -> String {
        self.resolve(name).unwrap().to_string()
    }

    pub(super) fn now(&self) -> Instant {
        self.client.now()
    }

    /// Lets time pass in which nobody asks.
    pub(super) fn pass(&mut self, time: Duration) {
        self.client.run_with(&mut self.server, time, || false);
    }

    /// What the server was asked since the last call.
    pub(super) fn asked(&self) -> Vec<Asked> {
        self.world.asked.take()
    }

    /// The server sends a datagram to the client.
    pub(super) fn send(&mut self, from: u16, to: u16, payload: &[u8]) {
        let (now, to) = (self.server.now(), SocketAddr::from((CLIENT, to)));
        let sent = self.server.tower.network_mut().send(now, from, to, payload).unwrap();
        assert_eq!(sent, Sent::Queued);
        while self.client.turn() | self.server.turn() {}
    }
}

impl World {
    fn answer(&self, query: &[u8], source: SocketAddr, is_tcp: bool) -> Option<Vec<u8>> {
        let message = Message::parse(query).unwrap();
        let question = message.question().unwrap();
        let (id, kind) = (message.header.id.get(), question.kind);
        let name = question.name.to_string();
        let asked = Asked { port: source.port(), id, name: name.clone(), kind, is_tcp };
        self.asked.borrow_mut().push(asked);
        match self.mode.get() {
            Mode::Silent => None,
            Mode::Fails => Some(answer(&message, &name, is_tcp, Some(Rcode::SERVER_FAILURE))),
            Mode::Answers => Some(answer(&message, &name, is_tcp, None)),
        }
    }
}

/// The answer of an honest server: `none.example` does not exist, `v4.example` and `v6.example` have an address of one
/// family, `long.example` has 60, `alias.example` is another name of `a.example`. Any other name has both.
pub(super) fn answer(
    query: &Message<'_>,
    name: &str,
    is_tcp: bool,
    rcode: Option<Rcode>,
) -> Vec<u8> {
    let question = query.question().unwrap();
    let (id, kind, owner) = (query.header.id.get(), question.kind, question.name);
    let is_long = name == "long.example";
    let mut flags = Flags::RESPONSE | Flags::RECURSION_DESIRED | Flags::RECURSION_AVAILABLE;
    flags |= rcode
        .unwrap_or(match name {
            "none.example" => Rcode::NAME_ERROR,
            _ => Rcode::NO_ERROR,
        })
        .0;
    if is_long && !is_tcp {
        flags |= Flags::TRUNCATED;
    }
    let mut buffer = std::vec![0; 4_096];
    let mut writer = MessageWriter::new(&mut buffer, id, Flags(flags)).unwrap();
    writer.question(owner, kind, CLASS_IN).unwrap();
    let mut put = |section, owner: &Name, ttl, kind, data| {
        writer.record(section, owner.view(), (kind, CLASS_IN), ttl, data).unwrap();
    };
    let (owner, zone, target): (Name, Name, Name) =
        (owner.to_name(), "example".parse().unwrap(), "a.example".parse().unwrap());
    let has = match kind {
        RecordType::A => !["none.example", "v6.example"].contains(&name),
        _ => !["none.example", "v4.example"].contains(&name),
    };
    let is_alias = name == "alias.example";
    if rcode.is_none() && is_alias {
        put(Section::Answer, &owner, 300, RecordType::CNAME, Data::Cname(target.view()));
    } else if rcode.is_none() && has {
        let count = if is_long { 60 } else { 1 };
        for last in 0..count {
            let data = match kind {
                RecordType::A => Data::A([192, 0, 2, 7 + last].into()),
                _ => Data::Aaaa(format!("2001:db8::{}", 7 + last).parse().unwrap()),
            };
            put(Section::Answer, &owner, 60, kind, data);
        }
    } else if rcode.is_none() {
        let (server, mailbox) = (zone.view(), zone.view());
        let (serial, refresh, retry, expire, minimum) = (1, 2, 3, 4, 60);
        let soa = Soa { server, mailbox, serial, refresh, retry, expire, minimum };
        put(Section::Authority, &zone, 60, RecordType::SOA, Data::Soa(soa));
    }
    if query.edns_payload().is_some() {
        writer.opt(4_096).unwrap();
    }
    writer.finish().to_vec()
}
