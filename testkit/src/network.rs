//! A network that is told what to do.

use std::{
    collections::VecDeque,
    error::Error,
    fmt,
    net::{IpAddr, Ipv4Addr},
};

use layer::{Counter, Instant, Layer, Offloads, Payload, Rx, Setup};
use network::{Delivery, Network, Outgoing, Packet, Problem, Protocol, SendError, Sent};
use rt_regions::Region;

use crate::bytes_of;

/// A network that hands up what it was told to, and writes down what it was asked to do: what a transport is tested on
/// alone.
#[derive(Debug)]
pub struct FakeNetwork {
    /// Our addresses, of either family. A packet comes from the first of the destination's family.
    pub ours: Vec<IpAddr>,
    /// What [`Layer::receive`] gives next.
    pub incoming: VecDeque<Delivery<'static>>,
    /// What was sent.
    pub sent: Vec<(Outgoing, Vec<u8>)>,
    /// What the senders of packets were to be told.
    pub errors: Vec<(IpAddr, Problem)>,
    /// How many items came back that nobody wanted.
    pub unclaimed: usize,
    /// What was said of paths.
    pub too_big: Vec<(IpAddr, u32)>,
    /// Where nothing can be sent to.
    pub unreachable: Option<IpAddr>,
    /// The broadcast address of our network.
    pub broadcast: Option<IpAddr>,
    /// The longest payload, in bytes.
    pub max_payload: usize,
    /// The MTU of each path, in bytes.
    pub path_mtu: usize,
    /// How many packets can be sent before one is lost. It does not change by itself.
    pub room: usize,
    /// What is done below.
    pub offloads: Offloads,
    /// Whether the device is broken: sending fails.
    pub broken: bool,
    /// The layer whose log was last turned on.
    pub log: Option<String>,
}

impl FakeNetwork {
    /// A network on which these addresses are ours. It takes payloads of 65,515 bytes, as IPv4 does, and does nothing
    /// for what is left undone.
    pub fn new(ours: impl Into<Vec<IpAddr>>) -> Self {
        Self {
            ours: ours.into(),
            incoming: VecDeque::new(),
            sent: Vec::new(),
            errors: Vec::new(),
            unclaimed: 0,
            too_big: Vec::new(),
            unreachable: None,
            broadcast: None,
            max_payload: 65_515,
            path_mtu: 1500,
            room: usize::MAX,
            offloads: Offloads::NONE,
            broken: false,
            log: None,
        }
    }
}

/// On which 10.0.0.2 is ours.
impl Default for FakeNetwork {
    fn default() -> Self {
        Self::new([Ipv4Addr::new(10, 0, 0, 2).into()])
    }
}

/// The device is broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Broken;

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the device is broken")
    }
}

impl Error for Broken {}

impl Layer for FakeNetwork {
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
        self.unclaimed += 1;
        Ok(())
    }

    fn next_deadline(&self) -> Option<Instant> {
        Some(Instant::from_millis(9))
    }

    fn counters(&self, visit: &mut dyn FnMut(Counter)) {
        visit(Counter { layer: "fake", name: "sent", value: self.sent.len() as u64 });
    }

    fn configure(&mut self, setup: &mut Setup<'_>) {
        self.log = setup.log.map(Into::into);
        setup.turn_on("fake", &mut false);
    }

    fn describe(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(" at the fake")
    }
}

impl Network for FakeNetwork {
    fn is_ours(&self, address: IpAddr) -> bool {
        self.ours.contains(&address)
    }

    fn is_unicast(&self, address: IpAddr) -> bool {
        let on_any_network = match address {
            IpAddr::V4(address) => layer::is_unicast(address),
            IpAddr::V6(address) => !(address.is_multicast() || address.is_unspecified()),
        };
        on_any_network && self.broadcast != Some(address)
    }

    fn source_for(&self, destination: IpAddr) -> Option<IpAddr> {
        self.ours.iter().copied().find(|ours| ours.is_ipv4() == destination.is_ipv4())
    }

    fn max_payload(&self, destination: IpAddr) -> usize {
        if self.source_for(destination).is_some() { self.max_payload } else { 0 }
    }

    fn path_mtu(&self, _: Instant, _: IpAddr, _: Protocol) -> usize {
        self.path_mtu
    }

    fn room(&self) -> usize {
        self.room
    }

    fn offloads(&self, _: IpAddr) -> Offloads {
        self.offloads
    }

    fn send(
        &mut self,
        _: Instant,
        outgoing: &Outgoing,
        payload: impl Payload,
    ) -> Result<Sent, Broken> {
        if self.broken {
            return Err(Broken);
        }
        let destination = outgoing.destination;
        if self.unreachable == Some(destination) {
            return Ok(Sent::NotSent(SendError::NoRoute(destination)));
        }
        if self.source_for(destination).is_none() {
            return Ok(Sent::NotSent(SendError::BadAddress(destination)));
        }
        let (length, most) = (payload.len(), self.max_payload);
        if length > most {
            return Ok(Sent::NotSent(SendError::TooLong { length, most }));
        }
        self.sent.push((*outgoing, bytes_of(payload)));
        Ok(Sent::Queued)
    }

    fn send_error(
        &mut self,
        _: Instant,
        packet: &Packet<'_>,
        problem: Problem,
    ) -> Result<(), Broken> {
        self.errors.push((packet.source, problem));
        Ok(())
    }

    fn packet_too_big(&mut self, _: Instant, destination: IpAddr, _: Protocol, mtu: u32) {
        self.too_big.push((destination, mtu));
    }
}
