//! A path between two hosts, packet by packet, in virtual time: what transports are tested on without links below.

use std::{
    cell::RefCell,
    collections::BinaryHeap,
    convert::Infallible,
    fmt,
    net::{IpAddr, Ipv4Addr},
    rc::Rc,
    time::Duration,
};

use layer::{Counter, Instant, Layer, Offloads, Payload, Rx, Setup};
use network::{Delivery, Network, Outgoing, Packet, Problem, Protocol, SendError, Sent};
use rt_regions::Region;

use crate::{Random, bytes_of};

/// What the headers of IPv4 have, in bytes.
const HEADER_LEN: usize = 20;

/// What a path does to packets, in each direction.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Quality {
    /// How long a packet takes.
    pub delay: Duration,
    /// How many bytes the path takes in a second; 0 is without limit.
    pub rate: u64,
    /// How many bytes may wait for their turn if there is a rate. What comes when more are waiting is lost.
    pub queue: u64,
    /// The share of packets that are lost.
    pub loss: f64,
    /// The share of packets that arrive twice.
    pub duplication: f64,
    /// The share of packets that are held up.
    pub reordering: f64,
    /// How long those are held up at most.
    pub hold_up: Duration,
    /// The share of packets in which a bit of the payload is turned over.
    pub corruption: f64,
}

impl Quality {
    /// Everything arrives at once.
    pub const PERFECT: Self = Self {
        delay: Duration::ZERO,
        rate: 0,
        queue: 0,
        loss: 0.0,
        duplication: 0.0,
        reordering: 0.0,
        hold_up: Duration::ZERO,
        corruption: 0.0,
    };
}

/// A packet on its way.
#[derive(Debug)]
struct Flight {
    at: Instant,
    number: u64,
    outgoing: Outgoing,
    source: IpAddr,
    payload: Vec<u8>,
}

impl PartialEq for Flight {
    fn eq(&self, other: &Self) -> bool {
        (self.at, self.number) == (other.at, other.number)
    }
}

impl Eq for Flight {}

impl PartialOrd for Flight {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

/// The earliest is the greatest, so that a heap gives it first.
impl Ord for Flight {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (other.at, other.number).cmp(&(self.at, self.number))
    }
}

#[derive(Debug)]
struct Direction {
    flights: BinaryHeap<Flight>,
    quality: Quality,
    random: Random,
    /// When what is waiting has gone.
    busy_until: Instant,
    sent: u64,
    lost: u64,
}

impl Direction {
    fn take(&mut self, now: Instant, flight: Flight) {
        let length = (flight.payload.len() + HEADER_LEN) as u64;
        let mut leaves = now;
        if self.quality.rate > 0 {
            let start = self.busy_until.max(now);
            let waiting = start.since(now).as_nanos() as u64 * self.quality.rate / 1_000_000_000;
            if waiting + length > self.quality.queue.max(length) {
                self.lost += 1;
                return;
            }
            leaves = start + Duration::from_nanos(length * 1_000_000_000 / self.quality.rate);
            self.busy_until = leaves;
        }
        if self.happens(self.quality.loss) {
            self.lost += 1;
            return;
        }
        let mut flight = Flight { at: leaves + self.quality.delay, ..flight };
        if self.happens(self.quality.reordering) {
            let most = self.quality.hold_up.as_nanos() as usize;
            flight.at += Duration::from_nanos(self.random.below(most + 1) as u64);
        }
        if self.happens(self.quality.corruption) && !flight.payload.is_empty() {
            if flight.outgoing.checksum.is_some() {
                // The interface that fills in the checksum has one on the other side that verifies it.
                self.lost += 1;
                return;
            }
            let bit = self.random.below(8 * flight.payload.len());
            flight.payload[bit / 8] ^= 1 << (bit % 8);
        }
        if self.happens(self.quality.duplication) {
            let copy = Flight { payload: flight.payload.clone(), number: self.sent, ..flight };
            self.sent += 1;
            self.flights.push(copy);
        }
        self.flights.push(flight);
    }

    fn happens(&mut self, share: f64) -> bool {
        share > 0.0 && (self.random.below(1 << 24) as f64) < share * f64::from(1 << 24)
    }
}

/// One end of a path, as a network. Packets that are longer than the MTU are lost, unless they are TCP segments that an
/// interface would cut: these arrive as one, as if they had been joined again.
#[derive(Debug)]
pub struct PathEnd {
    /// Our address.
    pub ours: IpAddr,
    /// The longest packet, in bytes.
    pub mtu: usize,
    /// What is done below.
    pub offloads: Offloads,
    /// What the senders of packets were to be told.
    pub errors: Vec<(IpAddr, Problem)>,
    directions: Rc<RefCell<[Direction; 2]>>,
    side: usize,
}

impl PathEnd {
    /// Both ends of a path: 10.0.0.1 and 10.0.0.2, with an MTU of 1,500 bytes.
    pub fn pair(quality: Quality, seed: u64) -> [Self; 2] {
        let directions = [0, 1].map(|side| Direction {
            flights: BinaryHeap::new(),
            quality,
            random: Random::new(seed.wrapping_mul(2).wrapping_add(side)),
            busy_until: Instant::ZERO,
            sent: 0,
            lost: 0,
        });
        let directions = Rc::new(RefCell::new(directions));
        [0, 1].map(|side| Self {
            ours: Ipv4Addr::new(10, 0, 0, 1 + side as u8).into(),
            mtu: 1500,
            offloads: Offloads::NONE,
            errors: Vec::new(),
            directions: directions.clone(),
            side,
        })
    }

    /// Changes what happens to packets that this end sends from now on.
    pub fn set_quality(&self, quality: Quality) {
        self.directions.borrow_mut()[self.side].quality = quality;
    }

    /// How many packets this end has sent, and how many of them were lost.
    pub fn sent(&self) -> [u64; 2] {
        let direction = &self.directions.borrow()[self.side];
        [direction.sent, direction.lost]
    }
}

impl Layer for PathEnd {
    type Error = Infallible;
    type Event = ();
    type Item<'r> = Delivery<'r>;

    fn event(&self) {}

    fn receive<'r>(
        &mut self,
        now: Instant,
        region: &'r Region<'_>,
    ) -> Result<Rx<Delivery<'r>>, Infallible> {
        let mut directions = self.directions.borrow_mut();
        let flights = &mut directions[1 - self.side].flights;
        if flights.peek().is_none_or(|flight| flight.at > now) {
            return Ok(Rx::Idle);
        }
        let Some(flight) = flights.pop() else { return Ok(Rx::Idle) };
        let Ok(payload) = region.alloc_slice(&flight.payload) else { return Ok(Rx::Handled) };
        let packet = Packet {
            source: flight.source,
            destination: flight.outgoing.destination,
            protocol: flight.outgoing.protocol,
            ttl: 64,
            tos: flight.outgoing.tos,
            broadcast: false,
            verify_checksum: flight.outgoing.checksum.is_none(),
            segment_size: flight.outgoing.segment_size,
            header: &[],
            payload,
        };
        Ok(match region.alloc(packet) {
            Ok(packet) => Rx::Item(Delivery::Packet(packet)),
            Err(_) => Rx::Handled,
        })
    }

    fn unclaimed(&mut self, _: Instant, _: Delivery<'_>) -> Result<(), Infallible> {
        Ok(())
    }

    fn next_deadline(&self) -> Option<Instant> {
        self.directions.borrow()[1 - self.side].flights.peek().map(|flight| flight.at)
    }

    fn counters(&self, visit: &mut dyn FnMut(Counter)) {
        let [sent, lost] = self.sent();
        visit(Counter { layer: "path", name: "sent", value: sent });
        visit(Counter { layer: "path", name: "lost", value: lost });
    }

    fn configure(&mut self, _: &mut Setup<'_>) {}

    fn describe(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, " at {}", self.ours)
    }
}

impl Network for PathEnd {
    fn is_ours(&self, address: IpAddr) -> bool {
        self.ours == address
    }

    fn source_for(&self, destination: IpAddr) -> Option<IpAddr> {
        (self.ours.is_ipv4() == destination.is_ipv4()).then_some(self.ours)
    }

    fn max_payload(&self, destination: IpAddr) -> usize {
        if self.source_for(destination).is_some() { 65_515 } else { 0 }
    }

    fn path_mtu(&self, _: Instant, _: IpAddr, _: Protocol) -> usize {
        self.mtu
    }

    fn offloads(&self, _: IpAddr) -> Offloads {
        self.offloads
    }

    fn send(
        &mut self,
        now: Instant,
        outgoing: &Outgoing,
        payload: impl Payload,
    ) -> Result<Sent, Infallible> {
        let length = payload.len();
        let is_cut = outgoing.segment_size.is_some() && self.offloads.tcp_segmentation;
        if length + HEADER_LEN > self.mtu && !is_cut {
            let most = self.mtu - HEADER_LEN;
            return Ok(Sent::NotSent(SendError::TooLong { length, most }));
        }
        let mut directions = self.directions.borrow_mut();
        let direction = &mut directions[self.side];
        let number = direction.sent;
        direction.sent += 1;
        let source = outgoing.source.unwrap_or(self.ours);
        let (outgoing, payload) = (*outgoing, bytes_of(payload));
        direction.take(now, Flight { at: now, number, outgoing, source, payload });
        Ok(Sent::Queued)
    }

    fn send_error(
        &mut self,
        _: Instant,
        packet: &Packet<'_>,
        problem: Problem,
    ) -> Result<(), Infallible> {
        self.errors.push((packet.source, problem));
        Ok(())
    }

    fn packet_too_big(&mut self, _: Instant, _: IpAddr, _: Protocol, mtu: u32) {
        self.mtu = self.mtu.min(mtu as usize);
    }
}
