//! The service on a host with all layers, and a client on another one, in memory.

use std::{cell::RefCell, rc::Rc, time::Duration};

use arp::Arp;
use ethernet::Ethernet;
use icmp::Icmp;
use ipv4::Ipv4;
use layer::{Cidr, Instant};
use netif::MacAddr;
use rt_regions::Region;
use tasks::Tasks;
use tcp::{Stream, Tcp};
use testkit::{Clock, End, Host, program_memory};
use udp::{Failure, Udp};

use crate::{
    options::Options,
    service::{PORT, Service},
    zones,
};

type Stack = Udp<'static, Tcp<Icmp<Ipv4<'static, Arp<'static, Ethernet<End>>>>>>;

/// The address of the service.
const SERVER: [u8; 4] = [10, 0, 0, 2];
/// The address of the client.
const CLIENT: [u8; 4] = [10, 0, 0, 1];
/// The port of the client, over UDP.
const CLIENT_PORT: u16 = 40_000;

/// Both hosts have one clock.
pub(super) struct Net {
    server: Host<'static, Stack>,
    client: Host<'static, Stack>,
    tasks: [&'static Tasks; 2],
    answers: &'static RefCell<Vec<Vec<u8>>>,
}

impl Net {
    /// A service whose host has so many pages.
    pub(super) fn new(options: Options, pages: usize) -> Self {
        let clock = Clock::starting_at(Instant::from_millis(5));
        let ends = End::pair(MacAddr([2, 0, 0, 0, 0, 2]), MacAddr([2, 0, 0, 0, 0, 1]));
        let host = |end, address: [u8; 4], pages, options: Option<Options>| {
            let memory = program_memory(pages);
            let (tasks, seed) = (Tasks::new(memory).unwrap(), u128::from(address[3]));
            let network = Cidr::new(address.into(), 24).unwrap();
            let arp = Arp::new(Ethernet::new(end), network, seed, memory).unwrap();
            let icmp = Icmp::new(Ipv4::new(arp, seed, memory).unwrap(), seed);
            let mut tcp = Tcp::new(icmp, seed, tasks).unwrap();
            let service = options.map(|options| {
                let zones =
                    zones::read(memory).unwrap_or_else(|error| panic!("{}", error.message()));
                Service::new(&options, zones, seed, memory).unwrap()
            });
            if let Some(service) = service {
                let bound =
                    tcp.bind(PORT, async |stream, region| service.serve(stream, region).await);
                bound.unwrap();
            }
            let mut udp = Udp::new(tcp, seed, memory).unwrap();
            if let Some(service) = service {
                udp = udp.with_service_counters(service.counters());
                service.bind(&mut udp).unwrap();
            }
            (Host::new(udp, clock.clone(), tasks.pool()).with_tasks(tasks), tasks)
        };
        let (server, server_tasks) = host(ends.0, SERVER, pages, Some(options));
        let (mut client, client_tasks) = host(ends.1, CLIENT, 2048, None);
        let answers: &'static RefCell<Vec<Vec<u8>>> = Box::leak(Box::default());
        for port in [PORT, 7, CLIENT_PORT] {
            let bound = client.tower.bind_datagram(port, |datagram, _| {
                answers.borrow_mut().push(datagram.payload().to_vec());
                Err(Failure::Silent)
            });
            bound.unwrap().answer_any_port();
        }
        let mut net = Self { server, client, tasks: [client_tasks, server_tasks], answers };
        // So that addresses are announced, and known.
        net.pass(Duration::from_secs(10));
        net
    }

    /// Lets time pass, in steps of 10 milliseconds.
    pub(super) fn pass(&mut self, time: Duration) {
        let end = self.server.now() + time;
        while self.server.now() < end {
            self.server.clock().advance(Duration::from_millis(10));
            while self.server.turn() | self.client.turn() {}
        }
    }

    /// The answers to a datagram, which come at once, from this port.
    pub(super) fn ask_from(&mut self, port: u16, query: &[u8]) -> Vec<Vec<u8>> {
        let (now, to) = (self.client.now(), (SERVER, PORT).into());
        let sent = self.client.tower.send(now, port, to, query).unwrap();
        assert_eq!(sent, network::Sent::Queued);
        while self.server.turn() | self.client.turn() {}
        self.answers.take()
    }

    /// The answer to a datagram.
    pub(super) fn ask(&mut self, query: &[u8]) -> Vec<u8> {
        let mut answers = self.ask_from(CLIENT_PORT, query);
        assert_eq!(answers.len(), 1);
        answers.remove(0)
    }

    /// Starts a client with a connection of its own; returns what it returns, when it has.
    pub(super) fn start<T: 'static>(
        &mut self,
        talk: impl AsyncFnOnce(&Stream, &Region<'_>) -> T + 'static,
    ) -> Rc<RefCell<Option<T>>> {
        let connections = self.client.tower.network().connections();
        let result = Rc::new(RefCell::new(None));
        let keep = Rc::clone(&result);
        let spawned = self.tasks[0].spawn("client", async move |region| {
            let stream = connections.connect((SERVER, PORT).into()).await.unwrap();
            let value = talk(&stream, region).await;
            *keep.borrow_mut() = Some(value);
            Ok(())
        });
        spawned.unwrap();
        result
    }

    /// What a client returns that talks with the server on a connection of its own, for a minute at most.
    pub(super) fn talk<T: 'static>(
        &mut self,
        talk: impl AsyncFnOnce(&Stream, &Region<'_>) -> T + 'static,
    ) -> T {
        let result = self.start(talk);
        for _ in 0..600 {
            if result.borrow().is_some() {
                break;
            }
            self.pass(Duration::from_millis(100));
        }
        let value = result.borrow_mut().take();
        value.expect("the client is done within a minute")
    }

    /// A counter of the service.
    pub(super) fn counter(&self, name: &str) -> u64 {
        self.server.counter("dns", name)
    }

    /// How many pages of the server are in use.
    pub(super) fn pages(&self) -> usize {
        let pool = self.tasks[1].pool();
        pool.pages() - pool.free_pages()
    }
}
