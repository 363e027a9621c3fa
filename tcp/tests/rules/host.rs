//! A host with TCP over a network that the test plays: what comes and when, and exactly what is sent to which peer.

use std::{
    cell::RefCell,
    net::{IpAddr, Ipv4Addr},
    rc::Rc,
    time::Duration,
};

use layer::Instant;
use network::{Delivery, IcmpError, Outgoing, Packet, Problem, Protocol};
use tasks::Tasks;
use tcp::{Connections, Flags, Header, Seq, Stream, Tcp};
use testkit::{Clock, FakeNetwork, Host, program_memory};

use crate::text::{Origin, Owned};

/// Our address.
pub(crate) const OURS: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 0, 0, 2));

/// A peer's address and port, the port of ours that it speaks to, and where the numbers of both begin.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Peer {
    pub(crate) address: IpAddr,
    /// Our address.
    pub(crate) host: IpAddr,
    /// Our port and the peer's.
    pub(crate) ports: [u16; 2],
    pub(crate) peer: Origin,
    /// Ours, as our SYN said.
    pub(crate) ours: Option<Origin>,
    pub(crate) window: u16,
}

impl Peer {
    /// A peer 10.0.0.1 that speaks to our port 80 from this port.
    pub(crate) fn new(port: u16) -> Self {
        let seq = Seq(0x8000_0000 - 150) + u32::from(port).wrapping_mul(0x1_0001);
        let peer = Origin { seq, clock: 0xffff_ff00, salt: 0x55 };
        let address = Ipv4Addr::new(10, 0, 0, 1).into();
        Self { address, host: OURS, ports: [80, port], peer, ours: None, window: 10_000 }
    }

    /// Bytes of ours from this number on.
    pub(crate) fn our_bytes(&self, start: u32, length: usize) -> Vec<u8> {
        Origin::default().bytes(start, length)
    }

    fn ours(&self) -> Origin {
        self.ours.unwrap_or_default()
    }
}

/// A packet that was sent.
#[derive(Debug)]
pub(crate) struct Sent {
    pub(crate) at: Instant,
    pub(crate) outgoing: Outgoing,
    pub(crate) segment: Owned,
}

/// The host, and what it has sent.
pub(crate) struct Net {
    pub(crate) host: Host<'static, Tcp<FakeNetwork>>,
    pub(crate) tasks: &'static Tasks,
    pub(crate) sent: Vec<Sent>,
}

impl Net {
    /// A host with a small memory.
    pub(crate) fn new() -> Self {
        Self::with_pages(512)
    }

    pub(crate) fn with_pages(pages: usize) -> Self {
        Self::with_network(FakeNetwork::default(), pages)
    }

    /// A host with other secrets.
    pub(crate) fn with_seed(seed: u128) -> Self {
        Self::with_all(FakeNetwork::default(), 512, seed)
    }

    pub(crate) fn with_network(network: FakeNetwork, pages: usize) -> Self {
        Self::with_all(network, pages, 7)
    }

    fn with_all(network: FakeNetwork, pages: usize, seed: u128) -> Self {
        let memory = program_memory(pages);
        let tasks = Tasks::new(memory).unwrap();
        let tower = Tcp::new(network, seed, tasks).unwrap();
        let clock = Clock::starting_at(Instant::from_millis(1_000));
        let host = Host::new(tower, clock, memory.pool().unwrap()).with_tasks(tasks);
        let mut net = Self { host, tasks, sent: Vec::new() };
        net.turn();
        net
    }

    pub(crate) fn now(&self) -> Instant {
        self.host.now()
    }

    pub(crate) fn connections(&self) -> &'static Connections {
        self.host.tower.connections()
    }

    pub(crate) fn counter(&self, name: &str) -> u64 {
        self.host.counter("tcp", name)
    }

    /// How many connections there are.
    pub(crate) fn count(&self) -> usize {
        let mut count = 0;
        self.connections().for_each(&mut |_| count += 1);
        count
    }

    fn network(&mut self) -> &mut FakeNetwork {
        self.host.tower.network_mut()
    }

    /// Lets the host do what there is to do.
    pub(crate) fn turn(&mut self) {
        self.host.turn();
        let at = self.now();
        for (outgoing, bytes) in std::mem::take(&mut self.network().sent) {
            let source = outgoing.source.expect("a source");
            let packet = packet(source, outgoing.destination, &bytes);
            let segment = tcp::parse(&packet).expect("a good segment");
            let segment = Owned {
                ports: segment.ports,
                seq: segment.seq,
                ack: segment.ack,
                flags: segment.flags,
                window: segment.window,
                urgent: segment.urgent,
                options: segment.options,
                data: segment.payload.to_vec(),
            };
            self.sent.push(Sent { at, outgoing, segment });
        }
    }

    /// Lets milliseconds pass.
    pub(crate) fn after(&mut self, millis: u64) {
        for _ in 0..millis {
            self.host.clock().advance(Duration::from_millis(1));
            self.turn();
        }
    }

    /// The bytes of a segment of a peer.
    pub(crate) fn bytes(&self, peer: &Peer, text: &str) -> Vec<u8> {
        let segment = Owned::read(text, peer.peer, peer.ours(), peer.window);
        let header = Header {
            ports: [peer.ports[1], peer.ports[0]],
            seq: segment.seq,
            ack: segment.ack,
            flags: segment.flags,
            window: segment.window,
            urgent: segment.urgent,
            options: segment.options,
        };
        let header = header.with_checksum([peer.address, peer.host], &&segment.data[..]);
        [header.as_bytes(), &segment.data].concat()
    }

    /// Segments of a peer come together.
    pub(crate) fn recv_all(&mut self, peer: &Peer, texts: &[&str]) {
        for text in texts {
            let bytes = self.bytes(peer, text);
            let packet = packet(peer.address, peer.host, leak(bytes));
            self.deliver(packet);
        }
        self.turn();
    }

    /// A segment of a peer comes.
    pub(crate) fn recv(&mut self, peer: &Peer, text: &str) {
        self.recv_all(peer, &[text]);
    }

    /// A packet comes. It is taken in the next turn.
    pub(crate) fn deliver(&mut self, packet: Packet<'static>) {
        self.network().incoming.push_back(Delivery::Packet(Box::leak(Box::new(packet))));
    }

    /// An ICMP error comes, about a segment of ours to this peer with this sequence number.
    pub(crate) fn error(&mut self, peer: &Peer, number: u32, problem: Problem) {
        let header = Header {
            ports: peer.ports,
            seq: peer.ours().seq + number,
            flags: Flags::ACK,
            ..Header::default()
        };
        let bytes =
            header.with_checksum([peer.host, peer.address], &&[][..]).as_bytes()[..8].to_vec();
        let packet = packet(peer.host, peer.address, leak(bytes));
        let error = IcmpError { problem, reporter: peer.address, packet };
        self.network().incoming.push_back(Delivery::Error(Box::leak(Box::new(error))));
        self.turn();
    }

    /// All that was sent was sent to this peer, at this moment, and is this.
    #[track_caller]
    pub(crate) fn sends<const N: usize>(&mut self, peer: &mut Peer, expected: [&str; N]) {
        let now = self.now();
        let sent = self.take(peer);
        assert!(self.sent.is_empty(), "to others: {:?}", self.sent);
        let late: Vec<_> = sent.iter().filter(|sent| sent.at != now).collect();
        assert!(late.is_empty(), "too early: {late:?}");
        let models = expected.iter().copied().chain(std::iter::repeat("win TS "));
        let texts: Vec<_> = sent
            .iter()
            .zip(models)
            .map(|(sent, model)| sent.segment.write(model, peer.ours(), peer.peer))
            .collect();
        assert_eq!(texts, expected, "at {now}");
    }

    /// Nothing was sent.
    #[track_caller]
    pub(crate) fn silent(&mut self) {
        assert!(self.sent.is_empty(), "{:?}", self.sent);
    }

    /// What was sent to this peer. Our SYN says where our numbers begin.
    pub(crate) fn take(&mut self, peer: &mut Peer) -> Vec<Sent> {
        let is_to = |sent: &mut Sent| {
            sent.outgoing.destination == peer.address && sent.segment.ports == peer.ports
        };
        let sent: Vec<_> = self.sent.extract_if(.., is_to).collect();
        for Sent { segment, .. } in &sent {
            if segment.flags.contains(Flags::SYN) {
                let clock = segment.options.timestamps.map_or(0, |stamps| stamps.value);
                peer.ours = Some(Origin { seq: segment.seq, clock, salt: 0 });
            }
        }
        sent
    }

    /// How many bytes of data each segment has that was sent to this peer.
    pub(crate) fn take_raw(&mut self, peer: &Peer) -> Vec<usize> {
        let is_to = |sent: &mut Sent| sent.segment.ports == peer.ports;
        self.sent.extract_if(.., is_to).map(|sent| sent.segment.data.len()).collect()
    }

    /// The peer opens a connection, with an MSS of 1,000 bytes and without other options.
    #[track_caller]
    pub(crate) fn open(&mut self, peer: &mut Peer) {
        self.recv(peer, "S 0 <mss 1000>");
        self.sends(peer, ["S. 0 ack 1 <mss 1460>"]);
        self.recv(peer, ". 1 ack 1");
        self.silent();
    }

    /// A task connects to port 80 of 10.0.0.1. Its SYN is in [`sent`](Self::sent).
    pub(crate) fn connect(&mut self) -> (Peer, Outcome<Result<Stream, tcp::ConnectError>>) {
        let connections = self.connections();
        let outcome = self.spawn(connections.connect("10.0.0.1:80".parse().unwrap()));
        let port = self.sent.last().map_or(0, |sent| sent.segment.ports[0]);
        let peer = Peer { ports: [port, 80], ..Peer::new(0) };
        (peer, outcome)
    }

    /// Starts a task.
    pub(crate) fn spawn<T: 'static>(
        &mut self,
        task: impl Future<Output = T> + 'static,
    ) -> Outcome<T> {
        let outcome = Outcome(Rc::new(RefCell::new(None)));
        let place = outcome.0.clone();
        let service = async move |_: &_| {
            let value = task.await;
            *place.borrow_mut() = Some(value);
            Ok(())
        };
        self.tasks.spawn("test", service).unwrap();
        self.turn();
        outcome
    }
}

/// What a task returns.
#[derive(Clone, Debug)]
pub(crate) struct Outcome<T>(Rc<RefCell<Option<T>>>);

impl<T> Outcome<T> {
    /// What it has returned.
    pub(crate) fn take(&self) -> Option<T> {
        self.0.borrow_mut().take()
    }
}

fn leak(bytes: Vec<u8>) -> &'static [u8] {
    Box::leak(bytes.into_boxed_slice())
}

/// A packet with a segment.
pub(crate) fn packet(source: IpAddr, destination: IpAddr, payload: &[u8]) -> Packet<'_> {
    Packet {
        source,
        destination,
        protocol: Protocol::TCP,
        ttl: 64,
        tos: 0,
        broadcast: false,
        verify_checksum: true,
        segment_size: None,
        header: &[],
        payload,
    }
}
