//! A network that gives what it was told to, and writes down what it was asked to do.

use core::{
    fmt,
    net::{IpAddr, Ipv4Addr},
};
use std::{collections::VecDeque, mem::MaybeUninit, string::String, vec, vec::Vec};

use layer::{Counter, Instant, Layer, Payload, Rx};
use netif::Offloads;
use network::{Delivery, Network, Outgoing, Packet, Problem, Protocol, SendError, Sent};
use rt_regions::{PAGE_SIZE, Pool, Region};

pub(crate) const OURS: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 0, 0, 2));
pub(crate) const PEER: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 0, 0, 1));

/// From 10.0.0.1:5000 to 10.0.0.2:8080: `hello`.
pub(crate) const REQUEST: [u8; 13] =
    [0x13, 0x88, 0x1f, 0x90, 0, 13, 0x74, 0xe7, b'h', b'e', b'l', b'l', b'o'];

/// A packet from the peer to us.
pub(crate) fn packet(payload: &[u8]) -> Packet<'_> {
    Packet {
        source: PEER,
        destination: OURS,
        protocol: Protocol::UDP,
        ttl: 63,
        tos: 0,
        broadcast: false,
        verify_checksum: true,
        header: &[],
        payload,
    }
}

/// Calls `test` with a pool of `pages` pages.
pub(crate) fn with_pool<R>(pages: usize, test: impl for<'p> FnOnce(&'p Pool<'p>) -> R) -> R {
    // One page more for what the pool keeps of each, and for the alignment.
    let mut memory = vec![MaybeUninit::uninit(); (pages + 2) * PAGE_SIZE];
    test(&Pool::new(&mut memory))
}

#[derive(Debug)]
pub(crate) struct Fake {
    /// What [`Layer::receive`] gives next.
    pub(crate) incoming: VecDeque<Delivery<'static>>,
    /// What was sent.
    pub(crate) sent: Vec<(Outgoing, Vec<u8>)>,
    /// What was said of packets from whom.
    pub(crate) rejected: Vec<(IpAddr, Problem)>,
    /// How many items came back.
    pub(crate) refused: usize,
    /// What was said of paths.
    pub(crate) too_big: Vec<(IpAddr, usize)>,
    /// Where nothing can be sent to.
    pub(crate) unreachable: Option<IpAddr>,
    /// The longest payload, in bytes.
    pub(crate) max_payload: usize,
    /// The shortest datagram whose checksum may not be left blank, in bytes.
    pub(crate) blank_below: usize,
    /// Whether the device is broken.
    pub(crate) broken: bool,
    /// The layer whose log was last turned on.
    pub(crate) log: Option<String>,
}

impl Default for Fake {
    fn default() -> Self {
        Self {
            incoming: VecDeque::new(),
            sent: Vec::new(),
            rejected: Vec::new(),
            refused: 0,
            too_big: Vec::new(),
            unreachable: None,
            max_payload: 65_515,
            blank_below: 0,
            broken: false,
            log: None,
        }
    }
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Broken;

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the device is broken")
    }
}

impl core::error::Error for Broken {}

impl Layer for Fake {
    type Error = Broken;
    type Event = u8;
    type Item<'r> = Delivery<'r>;

    fn event(&self) -> u8 {
        7
    }

    fn receive<'r>(&mut self, _: Instant, _: &'r Region<'_>) -> Result<Rx<Delivery<'r>>, Broken> {
        Ok(self.incoming.pop_front().map_or(Rx::Idle, Rx::Item))
    }

    fn unclaimed(&mut self, _: Instant, _: Delivery<'_>) -> Result<(), Broken> {
        self.refused += 1;
        Ok(())
    }

    fn next_deadline(&self) -> Option<Instant> {
        Some(Instant::from_millis(9))
    }

    fn counters(&self, visit: &mut dyn FnMut(Counter)) {
        visit(Counter { layer: "fake", name: "sent", value: self.sent.len() as u64 });
    }

    fn set_log(&mut self, layer: &str, on: bool) -> bool {
        self.log = on.then(|| layer.into());
        layer == "fake"
    }
}

impl Network for Fake {
    fn address(&self) -> IpAddr {
        OURS
    }

    fn max_payload(&self) -> usize {
        self.max_payload
    }

    fn offloads(&self, _: Instant, outgoing: &Outgoing, length: usize) -> Offloads {
        let is_ours = outgoing.destination == PEER && outgoing.protocol == Protocol::UDP;
        Offloads { udp_checksum: is_ours && length < self.blank_below, udp_fragmentation: false }
    }

    fn send(
        &mut self,
        _: Instant,
        outgoing: Outgoing,
        payload: impl Payload,
    ) -> Result<Sent, Broken> {
        if self.broken {
            return Err(Broken);
        }
        if self.unreachable == Some(outgoing.destination) {
            return Ok(Sent::NotSent(SendError::NoRoute(outgoing.destination)));
        }
        assert!(payload.len() <= self.max_payload);
        let mut bytes = vec![0; payload.len()];
        payload.copy_to(0, &mut bytes);
        self.sent.push((outgoing, bytes));
        Ok(Sent::Queued)
    }

    fn send_error(
        &mut self,
        _: Instant,
        packet: &Packet<'_>,
        problem: Problem,
    ) -> Result<(), Broken> {
        self.rejected.push((packet.source, problem));
        Ok(())
    }

    fn packet_too_big(&mut self, _: Instant, destination: IpAddr, mtu: usize) {
        self.too_big.push((destination, mtu));
    }
}
