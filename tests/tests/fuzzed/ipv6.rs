//! IPv6 against a reference: the input is a sequence of packets with chains of headers, of fragments, of packets to be sent, and of
//! time between them.

use std::{convert::Infallible, net::Ipv6Addr, time::Duration};

use ::ipv6::{
    Assigned, Discovery, Fields, FragmentHeader, Host, Ipv6Header, JoinError, Limits, multicast_mac,
};
use ethernet::{EtherType, Frame, Link, Neighbours};
use etherparse::{IpSlice, SlicedPacket};
use layer::{Instant, Ipv6Cidr, Layer, Payload, Rx, TxOffload};
use netif::{Checksums, MacAddr};
use network::{Delivery, Outgoing, Problem, Protocol, Sent};
use rt_regions::{PAGE_SIZE, Region};
use testkit::{bytes_of, with_pool};

use super::input::Input;

mod reference;

use reference::{Expected, Fragments, Piece};

const OURS: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 2);
const PEER: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1);
const GROUP: Ipv6Addr = ::ipv6::ALL_NODES;

/// Pages enough for all fragments that an input has.
const PAGES: usize = 2048;

/// How long a packet waits for its fragments.
const TIMEOUT: Duration = Duration::from_secs(60);

/// A link on which nothing is heard, and which keeps what is sent.
struct Quiet {
    addresses: [Assigned; 1],
    sent: Vec<Vec<u8>>,
}

impl Layer for Quiet {
    type Error = Infallible;
    type Event = ();
    type Item<'r> = Frame<'r>;

    fn event(&self) {}

    fn receive<'r>(&mut self, _: Instant, _: &'r Region<'_>) -> Result<Rx<Frame<'r>>, Infallible> {
        Ok(Rx::Idle)
    }

    fn unclaimed(&mut self, _: Instant, _: Frame<'_>) -> Result<(), Infallible> {
        Ok(())
    }

    fn next_deadline(&self) -> Option<Instant> {
        None
    }

    fn counters(&self, _: &mut dyn FnMut(layer::Counter)) {}
}

impl Link for Quiet {
    fn mac(&self) -> MacAddr {
        MacAddr([2, 0, 0, 0, 0, 2])
    }

    fn mtu(&self) -> usize {
        1500
    }

    fn join(&mut self, _: MacAddr) -> Result<(), ethernet::JoinError> {
        Ok(())
    }

    fn leave(&mut self, _: MacAddr) {}

    fn send(
        &mut self,
        _: Instant,
        _: MacAddr,
        _: EtherType,
        payload: impl Payload,
        _: TxOffload,
    ) -> Result<(), Infallible> {
        self.sent.push(bytes_of(payload));
        Ok(())
    }
}

impl Neighbours<Ipv6Addr> for Quiet {
    type Address = Ipv6Cidr;

    fn address(&self) -> Ipv6Cidr {
        self.addresses[0].address
    }

    fn set_address(&mut self, _: Ipv6Cidr) {}

    fn send_to(
        &mut self,
        now: Instant,
        _: Ipv6Addr,
        ethertype: EtherType,
        payload: impl Payload,
        offload: TxOffload,
    ) -> Result<(), Infallible> {
        self.send(now, MacAddr::BROADCAST, ethertype, payload, offload)
    }
}

impl Discovery for Quiet {
    fn addresses(&self) -> &[Assigned] {
        &self.addresses
    }

    fn has_route(&self, _: Ipv6Addr) -> bool {
        true
    }

    fn ipv6_mtu(&self) -> usize {
        1500
    }

    fn hop_limit(&self) -> u8 {
        64
    }

    fn is_member(&self, group: Ipv6Addr) -> bool {
        group == GROUP
    }

    fn join_group(&mut self, _: Ipv6Addr) -> Result<(), JoinError> {
        Ok(())
    }

    fn leave_group(&mut self, _: Ipv6Addr) {}
}

/// Runs the program that the input is.
pub(crate) fn run(program: &[u8]) {
    let mut input = Input::new(program);
    with_pool(PAGES, |pool| {
        let table = Region::new(pool, "table");
        // None gives way to another: what that means is in the tests of the crate.
        let bytes = PAGES * PAGE_SIZE;
        let limits = Limits { datagrams: 256, bytes, bytes_per_source: bytes, timeout: TIMEOUT };
        let mut host = Host::new(1, limits, &table).expect("there is room");
        let address = Ipv6Cidr::new(OURS, 64).expect("it has a prefix");
        let assigned = Assigned { address, deprecated: false };
        let mut link = Quiet { addresses: [assigned], sent: Vec::new() };
        let (mut fragments, mut now) = (Fragments::default(), Instant::from_millis(1));
        let mut packet = Region::new(pool, "packet");
        while !input.is_empty() {
            now += Duration::from_nanos(1);
            let kind = input.byte();
            match kind {
                wait @ 0xf0.. => now += Duration::from_millis(1 << (wait & 0xf)),
                0xe0..=0xef => send(&mut input, now, &mut host, &mut link),
                _ => {
                    let bytes = match kind {
                        0x80.. => chain(&mut input, kind),
                        _ => fragment(&mut input, kind),
                    };
                    hear(&bytes, now, &mut host, &link, &mut fragments, &packet);
                }
            }
            packet.reset();
            expire(now, &mut host, &link, &mut fragments, &mut packet);
            let deadline = host.next_deadline();
            assert!(deadline.is_none_or(|deadline| now < deadline && deadline <= now + TIMEOUT));
        }
        now += TIMEOUT;
        expire(now, &mut host, &link, &mut fragments, &mut packet);
        assert_eq!(host.next_deadline(), None);
        let held = pool.labels().find(|label| label.name() == "ipv6.reassembly");
        assert!(held.is_none_or(|label| (label.live(), label.pages()) == (0, 0)));
    });
}

fn header(kind: u8, next: u8) -> Fields {
    Fields {
        source: PEER,
        destination: if kind & 1 == 0 { OURS } else { GROUP },
        next_header: Protocol(next),
        hop_limit: 64,
        traffic_class: 2,
        flow_label: 0,
    }
}

/// A packet with a header before, one of a few, and what the input says behind.
fn packet(fields: &Fields, rest: &[u8]) -> Vec<u8> {
    [&bytes_of(Ipv6Header::new(fields, rest.len()))[..], rest].concat()
}

/// A packet with a chain of up to 10 headers. The bytes of each are the input's, so most have options that make no sense.
fn chain(input: &mut Input<'_>, kind: u8) -> Vec<u8> {
    const NUMBERS: [u8; 10] = [60, 0, 43, 44, 59, 6, 17, 58, 51, 60];
    let first = NUMBERS[input.below(NUMBERS.len())];
    let (mut next, mut rest) = (first, Vec::new());
    for _ in 0..input.below(11) {
        let (length, number) = (input.below(4), NUMBERS[input.below(NUMBERS.len())]);
        let at = rest.len();
        let bytes = input.take(if next == 44 { 6 } else { length * 8 + 6 });
        rest.extend([number, length as u8]);
        rest.extend(bytes);
        rest.resize(at + if next == 44 { 8 } else { length * 8 + 8 }, 0);
        next = number;
    }
    let behind = input.below(40);
    rest.extend(input.take(behind));
    packet(&header(kind, first), &rest)
}

/// A fragment of one of a few packets, every byte of which tells its place.
fn fragment(input: &mut Input<'_>, kind: u8) -> Vec<u8> {
    let identification = u32::from(input.byte() % 8);
    let flags = input.byte();
    let offset = usize::from(input.word() & 0x1fff) * 8;
    let length = usize::from(input.word());
    // Most are such as can be part of a packet.
    let length = match flags & 6 {
        0 => length % 4096,
        2 => length % 64 * 8,
        4 => (length % 1480) & !7,
        _ => length % 2048,
    };
    // Options before the Fragment header, and behind it in the first fragment.
    let before: &[u8] = if flags & 8 == 0 { &[] } else { &[44, 0, 1, 4, 0, 0, 0, 0] };
    let part = (offset..offset + length).map(|place| match (place, flags & 0x30) {
        (0, 0x30) => 17,
        (1, 0x30) => 0,
        (2, 0x30) => 0x1f,
        (3, 0x30) => 4,
        _ => (place ^ place >> 8) as u8,
    });
    let next = if flags & 0x30 == 0x30 { 60 } else { 17 };
    let fragment = FragmentHeader::new(Protocol(next), identification, offset, flags & 1 != 0);
    let rest = [before, &bytes_of(fragment), &part.collect::<Vec<_>>()].concat();
    packet(&header(kind, if before.is_empty() { 44 } else { 60 }), &rest)
}

fn hear(
    bytes: &[u8],
    now: Instant,
    host: &mut Host<'_>,
    link: &Quiet,
    fragments: &mut Fragments,
    region: &Region<'_>,
) {
    let to_group = Ipv6Addr::from(<[u8; 16]>::try_from(&bytes[24..40]).expect("16")) == GROUP;
    let destination = if to_group { multicast_mac(GROUP) } else { link.mac() };
    let payload = region.alloc_slice(bytes).expect("there is room");
    let frame = Frame {
        destination,
        source: MacAddr([2, 0, 0, 0, 0, 1]),
        ethertype: EtherType::IPV6,
        payload,
        checksums: Checksums::NotChecked,
        segment_size: None,
    };
    let expected = match reference::read(bytes, to_group, false) {
        Expected::Fragment(at) => {
            let piece = Piece::read(bytes, at);
            match fragments.insert(now, &piece) {
                // What the whole is, is in it.
                Ok(Some(whole)) => match reference::read(&whole, to_group, true) {
                    Expected::Packet { end, protocol, .. } => {
                        Expected::Packet { end, protocol, bytes: whole }
                    }
                    other => other,
                },
                Ok(None) => Expected::Nothing,
                Err(problem) => Expected::Rejected(problem),
            }
        }
        other => other,
    };
    match (host.receive(now, link, &frame, region), expected) {
        (Rx::Item(Delivery::Packet(got)), Expected::Packet { end, protocol, bytes }) => {
            assert_eq!((got.header, got.payload), bytes.split_at(end));
            assert_eq!((got.protocol.0, got.broadcast), (protocol, to_group));
            assert_eq!(got.header[got.protocol_at()], protocol);
        }
        (Rx::Item(Delivery::Rejected(got, problem)), Expected::Rejected(expected)) => {
            assert_eq!(problem, expected);
            let length = got.header.len() + got.payload.len();
            if let Problem::Parameter(octet) | Problem::UnknownOption(octet) = problem {
                assert!((octet as usize) < length, "{problem:?} of {length}");
            }
        }
        (Rx::Handled, Expected::Nothing) => {}
        (got, expected) => panic!("{got:?}, and not {expected:?}"),
    }
}

/// Takes out all whose time is over.
fn expire(
    now: Instant,
    host: &mut Host<'_>,
    link: &Quiet,
    fragments: &mut Fragments,
    region: &mut Region<'_>,
) {
    let mut reported = Vec::new();
    loop {
        match host.expire(now, link, region) {
            Rx::Idle => break,
            Rx::Handled => {}
            Rx::Item(Delivery::Rejected(packet, problem)) => {
                assert_eq!(problem, Problem::ReassemblyTimedOut);
                assert!(packet.header.len() + packet.payload.len() <= 1232);
                reported.push([packet.header, packet.payload].concat());
            }
            Rx::Item(other) => panic!("{other:?}"),
        }
        region.reset();
    }
    // A packet to a group is not reported.
    let expected = fragments.expire(now, TIMEOUT, OURS);
    assert!(reported.iter().eq(expected.iter().map(|first| &first[..first.len().min(1232)])));
}

/// Sends a packet: etherparse reads it, or its fragments, and finds the payload.
fn send(input: &mut Input<'_>, now: Instant, host: &mut Host<'_>, link: &mut Quiet) {
    let (flags, length) = (input.byte(), usize::from(input.word()));
    let length = if flags & 4 == 0 { length % 4096 } else { length };
    if flags & 8 != 0 {
        host.packet_too_big(now, PEER, Protocol::UDP, u32::from(input.word() % 2048));
    }
    let payload: Vec<u8> = (0..length).map(|place| (place ^ place >> 8) as u8).collect();
    let outgoing = Outgoing {
        routers_fragment: flags & 1 != 0,
        dont_fragment: flags & 2 != 0,
        ..Outgoing::new(PEER.into(), Protocol(253))
    };
    let mtu = host.path_mtu(now, link, PEER, Protocol(253));
    assert!((1280..=1500).contains(&mtu), "{mtu}");
    let Ok(sent) = host.send(now, link, &outgoing, &payload[..]);
    let packets = core::mem::take(&mut link.sent);
    if sent != Sent::Queued {
        assert!(flags & 2 != 0 && length + 40 > mtu && packets.is_empty());
        return;
    }
    let (mut whole, mut identification) = (Vec::new(), None);
    for packet in &packets {
        assert!(packet.len() <= mtu && SlicedPacket::from_ip(packet).is_ok());
        let Ok(IpSlice::Ipv6(ip)) = IpSlice::from_slice(packet) else { panic!("no packet") };
        assert_eq!(ip.is_payload_fragmented(), packets.len() > 1);
        if packets.len() > 1 {
            let piece = Piece::read(packet, 40);
            assert_eq!(*identification.get_or_insert(piece.identification), piece.identification);
            assert_eq!(piece.offset, whole.len());
            assert_eq!(piece.more, whole.len() + piece.part.len() < length);
        }
        whole.extend_from_slice(ip.payload().payload);
    }
    assert!(whole == payload && !packets.is_empty());
}
