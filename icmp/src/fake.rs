//! A network that gives what it was told to, and writes down what it was asked to do.

use core::{
    fmt,
    net::{IpAddr, Ipv4Addr},
};
use std::{collections::VecDeque, string::String, vec, vec::Vec};

use layer::{Counter, Instant, Layer, Payload, Rx};
use network::{Delivery, Network, Outgoing, Packet, Problem, Protocol, SendError, Sent};
use rt_regions::{Finite, Region};

pub(crate) const OURS: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 0, 0, 2));
pub(crate) const PEER: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 0, 0, 1));
pub(crate) const ROUTER: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 0, 0, 254));

/// The header of a packet of 32 bytes from 10.0.0.1 to 10.0.0.2.
pub(crate) const HEADER: [u8; 20] =
    [0x45, 0, 0, 32, 0, 7, 0, 0, 64, 17, 0x66, 0xc4, 10, 0, 0, 1, 10, 0, 0, 2];

/// A packet from the peer to us.
pub(crate) fn packet<'a>(protocol: Protocol, payload: &'a [u8]) -> Packet<'a> {
    Packet {
        source: PEER,
        destination: OURS,
        protocol,
        ttl: 64,
        tos: 0,
        broadcast: false,
        verify_checksum: true,
        header: &HEADER,
        payload,
    }
}

/// Calls `test` with a region that has no room: this layer allocates nothing.
pub(crate) fn with_region<R>(test: impl FnOnce(&Region<'_>) -> R) -> R {
    test(&Finite::<0>::new().region("packet"))
}

#[derive(Debug, Default)]
pub(crate) struct Fake {
    /// What [`Layer::receive`] gives next.
    pub(crate) incoming: VecDeque<Delivery<'static>>,
    /// What was sent.
    pub(crate) sent: Vec<(Outgoing, Vec<u8>)>,
    /// What was said of paths.
    pub(crate) too_big: Vec<(IpAddr, usize)>,
    /// Whether nothing can be sent anywhere.
    pub(crate) refuses: bool,
    /// Whether the device is broken.
    pub(crate) broken: bool,
    /// The layer whose log was last turned on.
    pub(crate) log: Option<String>,
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

    fn unclaimed(&mut self, _: Instant, item: Delivery<'_>) -> Result<(), Broken> {
        panic!("{item:?} was refused")
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
        65_515
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
        if self.refuses {
            return Ok(Sent::NotSent(SendError::NoRoute(outgoing.destination)));
        }
        let mut bytes = vec![0; payload.len()];
        payload.copy_to(0, &mut bytes);
        self.sent.push((outgoing, bytes));
        Ok(Sent::Queued)
    }

    fn send_error(&mut self, _: Instant, _: &Packet<'_>, problem: Problem) -> Result<(), Broken> {
        panic!("rejecting ({problem}) is what Icmp is for")
    }

    fn packet_too_big(&mut self, _: Instant, destination: IpAddr, mtu: usize) {
        self.too_big.push((destination, mtu));
    }
}
