//! ICMP: the message, the packet that an error quotes, and the errors that are sent about packets.

use std::{
    convert::Infallible,
    net::{IpAddr, Ipv4Addr},
};

use ::icmp::{Icmp, IcmpHeader};
use etherparse::Ipv4HeaderSlice;
use layer::{Counter, Instant, Layer, Payload, Rx};
use network::{Delivery, IcmpError, Network, Outgoing, Packet, Problem, Protocol, Sent};
use rt_regions::{Finite, Region};
use testkit::bytes_of;

use super::{FIX_CHECKSUM, OURS, SOURCE, UNVERIFIED, shown};
use crate::{
    frames,
    targets::{Input, parsers::place},
};

/// The input is what an error of ours is to be about, not a message.
const REJECT: u8 = 4;
/// The packet was a broadcast.
const BROADCAST: u8 = 8;

/// An error has no more than this (RFC 1812 4.3.2.3), of which 20 bytes are IPv4's.
const LONGEST_ERROR: usize = 576 - 20;

/// A network that received one packet.
struct Once<'a> {
    packet: Option<Packet<'a>>,
    sent: Vec<(Outgoing, Vec<u8>)>,
    /// The MTUs that were noted for a path.
    paths: Vec<(IpAddr, u32)>,
}

impl Layer for Once<'_> {
    type Error = Infallible;
    type Event = ();
    type Item<'r> = Delivery<'r>;

    fn event(&self) {}

    fn receive<'r>(
        &mut self,
        _: Instant,
        region: &'r Region<'_>,
    ) -> Result<Rx<Delivery<'r>>, Infallible> {
        let Some(packet) = self.packet.take() else { return Ok(Rx::Idle) };
        let copy = |bytes: &[u8]| &*region.alloc_slice(bytes).expect("inputs are shorter");
        let (header, payload) = (copy(packet.header), copy(packet.payload));
        let packet = region.alloc(Packet { header, payload, ..packet });
        Ok(Rx::Item(Delivery::Packet(packet.expect("inputs are shorter"))))
    }

    fn unclaimed(&mut self, _: Instant, _: Delivery<'_>) -> Result<(), Infallible> {
        Ok(())
    }

    fn next_deadline(&self) -> Option<Instant> {
        None
    }

    fn counters(&self, _: &mut dyn FnMut(Counter)) {}
}

impl Network for Once<'_> {
    fn is_ours(&self, address: IpAddr) -> bool {
        address == IpAddr::V4(OURS)
    }

    fn source_for(&self, _: IpAddr) -> Option<IpAddr> {
        Some(OURS.into())
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
        self.sent.push((*outgoing, bytes_of(payload)));
        Ok(Sent::Queued)
    }

    fn send_error(&mut self, _: Instant, _: &Packet<'_>, _: Problem) -> Result<(), Infallible> {
        panic!("that is what Icmp is for")
    }

    fn packet_too_big(&mut self, _: Instant, destination: IpAddr, _: Protocol, mtu: u32) {
        self.paths.push((destination, mtu));
    }
}

/// The input is a byte of settings and a message, or a packet that is rejected.
pub(crate) fn icmp(input: &[u8]) {
    let mut input = Input::new(input);
    let settings = input.byte();
    // What fits beside the header into the region of the packet.
    let mut message = input.take(8192).to_vec();
    if settings & REJECT != 0 {
        return reject(settings, &message);
    }
    if settings & FIX_CHECKSUM != 0 && message.len() >= 8 {
        message[2..4].fill(0);
        let sum = frames::checksum(&message);
        message[2..4].copy_from_slice(&sum.to_be_bytes());
    }
    let verify_checksum = settings & UNVERIFIED == 0;
    let broadcast = settings & BROADCAST != 0;
    let parsed = IcmpHeader::parse(&message, verify_checksum);
    shown(&parsed);
    let sound = message.len() >= 8 && (!verify_checksum || frames::checksum(&message) == 0);
    assert_eq!(parsed.is_ok(), sound);
    if let Ok((header, data)) = parsed {
        assert!(!header.to_string().is_empty());
        assert_eq!((header.message_type.0, header.code), (message[0], message[1]));
        assert_eq!((place(&message, data), data.len()), (8, message.len() - 8));
    }

    let header = frames::Ipv4::new(SOURCE, OURS, frames::ICMP).packet(&[]);
    let packet = Packet {
        source: SOURCE.into(),
        destination: OURS.into(),
        protocol: Protocol::ICMP,
        ttl: 64,
        tos: 0,
        broadcast,
        verify_checksum,
        segment_size: None,
        header: &header,
        payload: &message,
    };
    let once = Once { packet: Some(packet), sent: Vec::new(), paths: Vec::new() };
    let mut layer = Icmp::new(once, 7);
    let mut memory = Finite::<9000>::new();
    let region = memory.region("packet");
    let Ok(received) = layer.receive(Instant::ZERO, &region);
    let sent = &layer.network().sent;
    assert!(layer.network().paths.is_empty(), "the transport says whether it sent that");
    if sound && message[0] == 8 && !broadcast {
        let mut reply = [&[0, 0, 0, 0], &message[4..]].concat();
        let sum = frames::checksum(&reply);
        reply[2..4].copy_from_slice(&sum.to_be_bytes());
        assert_eq!(sent.len(), 1);
        assert_eq!((sent[0].0.destination, &sent[0].1), (SOURCE.into(), &reply));
    } else {
        assert!(sent.is_empty(), "nobody asked for an answer: {sent:02x?}");
    }
    let is_error = sound && matches!((message[0], message[1]), (3 | 12, _) | (11, 0 | 1));
    let wanted = is_error.then(|| quoted(&message[8..])).flatten();
    match received {
        Rx::Item(Delivery::Error(report)) => {
            let (header, payload, to) = wanted.expect("the quote is of a packet of ours");
            assert_eq!((report.packet.header, report.packet.payload), (header, payload));
            assert_eq!(report.packet.destination, IpAddr::V4(to));
            assert_eq!(report.reporter, IpAddr::V4(SOURCE));
            check_path(&message, report);
        }
        _ => assert!(wanted.is_none(), "a report is missing: {message:02x?}"),
    }
}

/// Header and payload of the packet that an error quotes, and its destination, if we sent it.
fn quoted(quote: &[u8]) -> Option<(&[u8], &[u8], Ipv4Addr)> {
    let header = Ipv4HeaderSlice::from_slice(quote).ok()?;
    let (total, length) = (usize::from(header.total_len()), header.slice().len());
    let payload = quote.get(length..total.min(quote.len()))?;
    let enough = payload.len() >= (total - length).min(8);
    let ours = header.source_addr() == OURS && header.fragments_offset().value() == 0;
    (enough && ours).then(|| (header.slice(), payload, header.destination_addr()))
}

/// The MTU of a path is told where a router said one that can be, or one follows (RFC 1191).
fn check_path(message: &[u8], report: &IcmpError<'_>) {
    let Problem::TooBig(told) = report.problem else {
        assert_ne!((message[0], message[1]), (3, 4));
        return;
    };
    assert_eq!((message[0], message[1]), (3, 4));
    let word = |bytes: &[u8], at: usize| u16::from_be_bytes([bytes[at], bytes[at + 1]]);
    let said = word(message, 6);
    let (length, flags) = (word(report.packet.header, 2), word(report.packet.header, 6));
    let can_be = flags == 0x4000 && length > 68 && (said == 0 || (68..length).contains(&said));
    let told = u16::try_from(told).expect("the field has 16 bits");
    assert_eq!(told != 0, can_be, "{said} of {length} bytes, flags {flags:#06x}");
    assert!(told == 0 || told == said || said == 0 && (68..length).contains(&told));
}

/// An error about a packet whose header can be anything.
fn reject(settings: u8, bytes: &[u8]) {
    let length = usize::from(bytes.first().map_or(0, |first| first & 0xf)) * 4;
    let (header, payload) = bytes.split_at(length.min(bytes.len()));
    let protocol = Protocol(header.get(9).copied().unwrap_or(0));
    let source = header.get(12..16).map_or(SOURCE, |octets| {
        Ipv4Addr::from(<[u8; 4]>::try_from(octets).expect("they are four"))
    });
    let broadcast = settings & BROADCAST != 0;
    let packet = Packet {
        source: source.into(),
        destination: OURS.into(),
        protocol,
        ttl: 64,
        tos: 0,
        broadcast,
        verify_checksum: false,
        segment_size: None,
        header,
        payload,
    };
    let mut layer = Icmp::new(Once { packet: None, sent: Vec::new(), paths: Vec::new() }, 7);
    let Ok(()) = layer.send_error(Instant::ZERO, &packet, Problem::Parameter(settings.into()));
    let Some((outgoing, error)) = layer.network().sent.first() else { return };
    assert!(!broadcast && outgoing.destination == IpAddr::V4(source));
    assert!(!source.is_broadcast() && !source.is_multicast() && !source.is_loopback());
    assert!(error.len() <= LONGEST_ERROR && frames::checksum(error) == 0);
    assert_eq!(error[..2], [12, 0]);
    assert!(bytes.starts_with(&error[8..]), "it quotes the packet as it came");
    assert!(error.len() >= 8 + header.len() + payload.len().min(8).min(quotable(header)));
    assert_eq!(header[6] & 0x1f, 0, "no error about a later fragment");
    let query = payload.first().is_some_and(|first| matches!(first, 0 | 8 | 13..=18));
    assert!(protocol != Protocol::ICMP || query, "no error about an error");
}

/// How much payload came with this header.
fn quotable(header: &[u8]) -> usize {
    usize::from(u16::from_be_bytes([header[2], header[3]])).saturating_sub(header.len())
}
