//! Our headers against those of two other libraries: what we send they read, and what is random or
//! broken they and we read alike, but for the differences that are named here.

#![forbid(unsafe_code)]

use std::{fmt::Debug, net::Ipv4Addr};

use arp::ArpPacket;
use ethernet::{EtherType, EthernetHeader};
use etherparse::{
    ArpPacketSlice, Ethernet2Header, Icmpv4Header, IpNumber, Ipv4Header as PeerIpv4,
    Ipv4HeaderSlice, UdpHeader as PeerUdp,
};
use icmp::IcmpHeader;
use ipv4::{Fields, Ipv4Header};
use netif::MacAddr;
use network::{Checksum, Packet, Problem, Protocol};
use smoltcp::wire::{ArpPacket as OtherArp, ArpRepr, Icmpv4Packet, Ipv4Packet, UdpPacket};
use testkit::{Random, bytes_of};
use udp::UdpHeader;

/// How many packets for each header.
const PACKETS: u64 = 100_000;

const SOURCE: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 1);
const DESTINATION: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 2);

fn address(random: &mut Random) -> Ipv4Addr {
    (random.bits() as u32).into()
}

fn mac(random: &mut Random) -> MacAddr {
    MacAddr(random.bytes(6).try_into().expect("six bytes"))
}

/// Changes some bytes, and the length: what a bad network or a bad sender makes of a packet.
fn mutate(packet: &mut Vec<u8>, random: &mut Random) {
    for _ in 0..random.below(4) {
        let at = random.below(packet.len());
        packet[at] = match random.below(3) {
            0 => packet[at] ^ 1 << random.below(8),
            1 => [0, 1, 0x7f, 0x80, 0xff][random.below(5)],
            _ => random.bits() as u8,
        };
    }
    match random.below(6) {
        0 => packet.truncate(random.below(packet.len() + 1)),
        1 => packet.extend(random.bytes(8)),
        _ => {}
    }
}

/// Compares what was read, and shows the packet where it is not the same.
fn assert_alike<T: PartialEq + Debug>(peer: &str, packet: &[u8], ours: &T, theirs: &T) {
    assert!(ours == theirs, "{packet:02x?}\nwe read    {ours:?}\n{peer} reads {theirs:?}");
}

#[test]
fn ethernet_headers_are_the_same_bytes() {
    let mut random = Random::new(1);
    for _ in 0..PACKETS {
        let (destination, source) = (mac(&mut random), mac(&mut random));
        let ethertype = random.bits() as u16;
        let ours = bytes_of(EthernetHeader::new(destination, source, EtherType(ethertype)));
        let theirs = Ethernet2Header {
            destination: destination.0,
            source: source.0,
            ether_type: etherparse::EtherType(ethertype),
        };
        assert_eq!(ours, theirs.to_bytes());
    }
}

#[test]
fn arp_packets_are_read_alike() {
    let mut random = Random::new(2);
    let (mut accepted, mut refused) = (0, 0);
    for _ in 0..PACKETS {
        let sender = (address(&mut random), mac(&mut random));
        let mut packet = match random.below(3) {
            0 => bytes_of(ArpPacket::request(sender, address(&mut random))),
            1 => bytes_of(ArpPacket::announcement(sender)),
            _ => bytes_of(ArpPacket::request(sender, address(&mut random)).reply(mac(&mut random))),
        };
        mutate(&mut packet, &mut random);
        let ours = ArpPacket::parse(&packet).ok().map(|arp| {
            let operation = arp.operation().0;
            (operation, arp.sender_mac().0, arp.sender(), arp.target_mac().0, arp.target())
        });
        // etherparse reads every kind of address; we only those of Ethernet and IPv4.
        let theirs = ArpPacketSlice::from_slice(&packet)
            .ok()
            .filter(|arp| {
                (arp.hw_addr_type().0, arp.proto_addr_type().0) == (1, 0x0800)
                    && (arp.hw_addr_size(), arp.proto_addr_size()) == (6, 4)
            })
            .map(|arp| {
                let mac = |bytes: &[u8]| <[u8; 6]>::try_from(bytes).expect("its length is 6");
                let ip = |bytes: &[u8]| {
                    Ipv4Addr::from(<[u8; 4]>::try_from(bytes).expect("its length is 4"))
                };
                (
                    arp.operation().0,
                    mac(arp.sender_hw_addr()),
                    ip(arp.sender_protocol_addr()),
                    mac(arp.target_hw_addr()),
                    ip(arp.target_protocol_addr()),
                )
            });
        assert_alike("etherparse", &packet, &ours, &theirs);
        let other =
            OtherArp::new_checked(&packet[..]).ok().and_then(|arp| ArpRepr::parse(&arp).ok());
        let other = other.map(|arp| match arp {
            ArpRepr::EthernetIpv4 {
                operation,
                source_hardware_addr,
                source_protocol_addr,
                target_hardware_addr,
                target_protocol_addr,
            } => (
                u16::from(operation),
                source_hardware_addr.0,
                source_protocol_addr,
                target_hardware_addr.0,
                target_protocol_addr,
            ),
            _ => unreachable!("there is no other"),
        });
        assert_alike("smoltcp", &packet, &ours, &other);
        *(if ours.is_some() { &mut accepted } else { &mut refused }) += 1;
    }
    assert!(accepted > PACKETS / 4 && refused > PACKETS / 20, "{accepted} {refused}");
}

/// A header with random fields, and up to 60 bytes of payload.
fn ipv4_packet(random: &mut Random) -> (Fields, Vec<u8>) {
    let fields = Fields {
        source: address(random),
        destination: address(random),
        protocol: Protocol(random.bits() as u8),
        ttl: random.bits() as u8,
        tos: random.bits() as u8,
        identification: random.bits() as u16,
        dont_fragment: random.once_in(2),
    };
    let length = random.below(60);
    let payload = random.bytes(length);
    let (offset, more) = (random.below(0x2000) * 8, random.once_in(2));
    let packet = bytes_of((Ipv4Header::new(&fields, offset, length, more), &payload[..]));
    (fields, packet)
}

#[test]
fn ipv4_headers_are_the_same_bytes() {
    let mut random = Random::new(3);
    for _ in 0..PACKETS {
        let (fields, packet) = ipv4_packet(&mut random);
        let (mut theirs, rest) = PeerIpv4::from_slice(&packet).expect("it is a packet");
        assert_eq!(theirs.header_checksum, theirs.calc_header_checksum());
        assert_eq!(usize::from(theirs.total_len), 20 + rest.len());
        assert_eq!(
            (theirs.source, theirs.destination, theirs.protocol, theirs.time_to_live),
            (
                fields.source.octets(),
                fields.destination.octets(),
                IpNumber(fields.protocol.0),
                fields.ttl
            )
        );
        theirs.header_checksum = 0;
        theirs.header_checksum = theirs.calc_header_checksum();
        assert_eq!(theirs.to_bytes()[..], packet[..20]);
    }
}

#[test]
fn ipv4_packets_are_read_alike() {
    let mut random = Random::new(4);
    let (mut accepted, mut refused) = (0, 0);
    for _ in 0..PACKETS {
        let (_, mut packet) = ipv4_packet(&mut random);
        mutate(&mut packet, &mut random);
        // Else the checksum alone would decide about most of them.
        if random.once_in(2) {
            let length = usize::from(packet.first().map_or(5, |first| first & 0xf)) * 4;
            if (20..=packet.len()).contains(&length) {
                packet[10..12].fill(0);
                let sum = Checksum::new().add(&packet[..length]).finish();
                packet[10..12].copy_from_slice(&sum.to_be_bytes());
            }
        }
        let ours = Ipv4Header::parse(&packet).ok().map(|parsed| {
            let header = parsed.header;
            (
                (header.source(), header.destination(), header.ttl, header.tos, header.protocol),
                (header.offset(), header.more_fragments(), header.dont_fragment()),
                parsed.header_bytes.to_vec(),
                parsed.payload.to_vec(),
            )
        });
        // etherparse leaves the checksum and what the link added to its caller.
        let theirs = Ipv4HeaderSlice::from_slice(&packet).ok().and_then(|slice| {
            let header = slice.to_header();
            let payload = packet.get(slice.slice().len()..usize::from(header.total_len))?;
            (header.calc_header_checksum() == header.header_checksum).then(|| {
                let tos = packet[1];
                (
                    (
                        header.source.into(),
                        header.destination.into(),
                        header.time_to_live,
                        tos,
                        header.protocol.0,
                    ),
                    (
                        usize::from(header.fragment_offset.value()) * 8,
                        header.more_fragments,
                        header.dont_fragment,
                    ),
                    slice.slice().to_vec(),
                    payload.to_vec(),
                )
            })
        });
        // A sum that is 0 may be written in two ways, and so may its complement (RFC 1071); who sends
        // a header never writes 0xffff, which etherparse then calls wrong. We take it, as the
        // arithmetic of RFC 1071 does. And etherparse forgets the reserved flag, so that its sum is another
        // one where the flag is set; we and smoltcp ignore the flag and count it in.
        let reserved = packet.get(6).is_some_and(|flags| flags & 0x80 != 0);
        if packet.get(10..12) != Some(&[0xff, 0xff]) && !reserved {
            assert_alike("etherparse", &packet, &ours, &theirs);
        }
        let other = Ipv4Packet::new_checked(&packet[..]).ok().filter(|packet| {
            // smoltcp's length check lets a header of less than 20 bytes pass.
            packet.version() == 4 && packet.header_len() >= 20 && packet.verify_checksum()
        });
        let other = other.map(|other| {
            let header = usize::from(other.header_len());
            (
                (
                    other.src_addr(),
                    other.dst_addr(),
                    other.hop_limit(),
                    packet[1],
                    other.next_header().into(),
                ),
                (usize::from(other.frag_offset()), other.more_frags(), other.dont_frag()),
                packet[..header].to_vec(),
                other.payload().to_vec(),
            )
        });
        assert_alike("smoltcp", &packet, &ours, &other);
        *(if ours.is_some() { &mut accepted } else { &mut refused }) += 1;
    }
    assert!(accepted > PACKETS / 4 && refused > PACKETS / 10, "{accepted} {refused}");
}

/// A datagram as `udp` gets it.
fn packet(payload: &[u8]) -> Packet<'_> {
    Packet {
        source: SOURCE.into(),
        destination: DESTINATION.into(),
        protocol: Protocol::UDP,
        ttl: 64,
        tos: 0,
        broadcast: false,
        verify_checksum: true,
        segment_size: None,
        header: &[],
        payload,
    }
}

#[test]
fn udp_datagrams_are_read_alike() {
    let mut random = Random::new(5);
    let (mut accepted, mut refused) = (0, 0);
    for _ in 0..PACKETS {
        let ports = (random.bits() as u16, random.bits() as u16);
        let length = random.below(40);
        let payload = random.bytes(length);
        let header =
            UdpHeader::new((SOURCE, ports.0).into(), (DESTINATION, ports.1).into(), &&payload[..]);
        let theirs = PeerUdp::with_ipv4_checksum(
            ports.0,
            ports.1,
            &PeerIpv4::new(0, 64, IpNumber::UDP, SOURCE.octets(), DESTINATION.octets())
                .expect("it has no payload"),
            &payload,
        )
        .expect("it is short");
        assert_eq!(bytes_of(header), theirs.to_bytes());

        let mut datagram = bytes_of((header, &payload[..]));
        mutate(&mut datagram, &mut random);
        let ours = UdpHeader::parse(&packet(&datagram)).ok().map(|(header, payload)| {
            (header.source_port.get(), header.destination_port.get(), payload.to_vec())
        });
        let theirs = PeerUdp::from_slice(&datagram).ok().and_then(|(header, _)| {
            let payload = datagram.get(8..usize::from(header.length))?;
            let sum = header
                .calc_checksum_ipv4_raw(SOURCE.octets(), DESTINATION.octets(), payload)
                .ok()?;
            (header.checksum == 0 || header.checksum == sum)
                .then(|| (header.source_port, header.destination_port, payload.to_vec()))
        });
        assert_alike("etherparse", &datagram, &ours, &theirs);
        let other = UdpPacket::new_checked(&datagram[..]).ok().filter(|datagram| {
            datagram.checksum() == 0
                || datagram.verify_checksum(&SOURCE.into(), &DESTINATION.into())
        });
        let other =
            other.map(|other| (other.src_port(), other.dst_port(), other.payload().to_vec()));
        assert_alike("smoltcp", &datagram, &ours, &other);
        *(if ours.is_some() { &mut accepted } else { &mut refused }) += 1;
    }
    assert!(accepted > PACKETS / 10 && refused > PACKETS / 10, "{accepted} {refused}");
}

/// What a message of Destination Unreachable can say.
const UNREACHABLE: [Problem; 7] = [
    Problem::NetworkUnreachable,
    Problem::HostUnreachable,
    Problem::ProtocolUnreachable,
    Problem::PortUnreachable,
    Problem::SourceRouteFailed,
    Problem::Prohibited,
    Problem::Unreachable,
];

#[test]
fn icmp_messages_are_read_alike() {
    let mut random = Random::new(6);
    let (mut accepted, mut refused) = (0, 0);
    for _ in 0..PACKETS {
        let length = random.below(40);
        let quote = random.bytes(length);
        let problem = match random.below(5) {
            0 => UNREACHABLE[random.below(UNREACHABLE.len())],
            1 => Problem::TooBig(random.bits() as u32),
            2 => Problem::TtlExceeded,
            3 => Problem::ReassemblyTimedOut,
            _ => Problem::Parameter(random.bits() as u32),
        };
        let mut message = bytes_of((IcmpHeader::error(problem, &&quote[..]), &quote[..]));
        let (theirs, payload) = Icmpv4Header::from_slice(&message).expect("it is a message");
        assert_eq!(theirs.icmp_type.calc_checksum(payload), theirs.checksum, "{problem:?}");

        mutate(&mut message, &mut random);
        let ours = IcmpHeader::parse(&message, true)
            .ok()
            .map(|(header, data)| (header.message_type.0, header.code, data.to_vec()));
        let other = Icmpv4Packet::new_checked(&message[..])
            .ok()
            .filter(|message| message.verify_checksum())
            .map(|other| (other.msg_type().into(), other.msg_code(), message[8..].to_vec()));
        assert_alike("smoltcp", &message, &ours, &other);
        *(if ours.is_some() { &mut accepted } else { &mut refused }) += 1;
    }
    assert!(accepted > PACKETS / 10 && refused > PACKETS / 10, "{accepted} {refused}");
}
