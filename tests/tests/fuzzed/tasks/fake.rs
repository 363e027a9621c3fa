//! A network that gives what it was told to give, received into the region like the packets of a device.

use std::{
    collections::VecDeque,
    convert::Infallible,
    net::{IpAddr, SocketAddr},
};

use layer::{Counter, Instant, Layer, Payload, Rx};
use network::{Delivery, IcmpError, Network, Outgoing, Packet, Problem, Protocol, SendError, Sent};
use rt_regions::{Exhausted, Region};
use testkit::bytes_of;
use udp::HEADER_LEN;

/// Our address.
pub(super) const OURS: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 0, 0, 2));
/// An address that no route leads to.
pub(super) const NOWHERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(203, 0, 113, 1));

/// What comes in.
pub(super) enum Incoming {
    Datagram {
        from: SocketAddr,
        to: u16,
        ttl: u8,
        broadcast: bool,
        options: bool,
        payload: Vec<u8>,
    },
    /// Word of a datagram that we sent, or are said to have sent.
    Error { from: u16, to: SocketAddr, problem: Problem },
}

/// A datagram that was sent.
pub(super) struct Datagram {
    pub(super) from: u16,
    pub(super) to: SocketAddr,
    pub(super) max_ttl: u8,
    pub(super) payload: Vec<u8>,
}

#[derive(Default)]
pub(super) struct Fake {
    pub(super) incoming: VecDeque<Incoming>,
    pub(super) sent: Vec<Datagram>,
    /// Datagrams for which the region of the packet had no room.
    pub(super) lost: u64,
}

/// A datagram without a checksum.
fn datagram(from: u16, to: u16, payload: &[u8]) -> Vec<u8> {
    let length = (HEADER_LEN + payload.len()) as u16;
    [&from.to_be_bytes()[..], &to.to_be_bytes(), &length.to_be_bytes(), &[0, 0], payload].concat()
}

impl Incoming {
    fn put<'r>(&self, region: &'r Region<'_>) -> Result<Delivery<'r>, Exhausted> {
        let packet = |source, destination, ttl, broadcast, header, bytes: &[u8]| {
            region.alloc_slice(bytes).map(|payload| Packet {
                source,
                destination,
                protocol: Protocol::UDP,
                ttl,
                tos: 0,
                broadcast,
                verify_checksum: false,
                segment_size: None,
                header,
                payload,
            })
        };
        Ok(match self {
            Self::Datagram { from, to, ttl, broadcast, options, payload } => {
                let header: &[u8] = if *options { &[0; 24] } else { &[0; 20] };
                let bytes = datagram(from.port(), *to, payload);
                let packet = packet(from.ip(), OURS, *ttl, *broadcast, header, &bytes)?;
                Delivery::Packet(region.alloc(packet)?)
            }
            Self::Error { from, to, problem } => {
                let bytes = datagram(*from, to.port(), &[]);
                let packet = packet(OURS, to.ip(), 64, false, &[], &bytes)?;
                let error = IcmpError { problem: *problem, reporter: to.ip(), packet };
                Delivery::Error(region.alloc(error)?)
            }
        })
    }
}

impl Layer for Fake {
    type Error = Infallible;
    type Event = ();
    type Item<'r> = Delivery<'r>;

    fn event(&self) {}

    fn receive<'r>(
        &mut self,
        _: Instant,
        region: &'r Region<'_>,
    ) -> Result<Rx<Delivery<'r>>, Infallible> {
        let Some(incoming) = self.incoming.pop_front() else { return Ok(Rx::Idle) };
        Ok(match incoming.put(region) {
            Ok(delivery) => Rx::Item(delivery),
            Err(_) => {
                self.lost += u64::from(matches!(incoming, Incoming::Datagram { .. }));
                Rx::Handled
            }
        })
    }

    fn unclaimed(&mut self, _: Instant, _: Delivery<'_>) -> Result<(), Infallible> {
        panic!("there is nothing but UDP");
    }

    fn next_deadline(&self) -> Option<Instant> {
        None
    }

    fn counters(&self, _: &mut dyn FnMut(Counter)) {}
}

impl Network for Fake {
    fn is_ours(&self, address: IpAddr) -> bool {
        address == OURS
    }

    fn source_for(&self, _: IpAddr) -> Option<IpAddr> {
        Some(OURS)
    }

    fn max_payload(&self, _: IpAddr) -> usize {
        65_515
    }

    fn path_mtu(&self, _: Instant, _: IpAddr, _: Protocol) -> usize {
        1500
    }

    fn send(
        &mut self,
        _: Instant,
        outgoing: &Outgoing,
        payload: impl Payload,
    ) -> Result<Sent, Infallible> {
        let destination = outgoing.destination;
        if destination == NOWHERE {
            return Ok(Sent::NotSent(SendError::NoRoute(destination)));
        }
        let bytes = bytes_of(payload);
        let word = |at: usize| u16::from_be_bytes([bytes[at], bytes[at + 1]]);
        assert_eq!(usize::from(word(4)), bytes.len());
        self.sent.push(Datagram {
            from: word(0),
            to: SocketAddr::new(destination, word(2)),
            max_ttl: outgoing.max_ttl,
            payload: bytes[HEADER_LEN..].to_vec(),
        });
        Ok(Sent::Queued)
    }

    fn send_error(
        &mut self,
        _: Instant,
        packet: &Packet<'_>,
        problem: Problem,
    ) -> Result<(), Infallible> {
        assert!(!packet.broadcast && problem == Problem::PortUnreachable);
        Ok(())
    }

    fn packet_too_big(&mut self, _: Instant, _: IpAddr, _: Protocol, _: u32) {}
}
