//! One parser each: what it reads lies inside the input, etherparse reads the same, and what is made of
//! it again are the same bytes. What etherparse reads otherwise is explained in `tests/differential.rs`.

use std::{fmt::Debug, net::Ipv4Addr};

use ::arp::ArpPacket;
use ::ethernet::{EtherType, EthernetHeader};
use ::ipv4::{Ipv4Header, Options};
use ::udp::UdpHeader;
use etherparse::{ArpPacketSlice, Ethernet2Slice, Ipv4HeaderSlice, UdpHeader as PeerUdp};
use netif::MacAddr;
use network::{Packet, Protocol};
use testkit::bytes_of;

use super::input::Input;
use crate::frames;

mod icmp;

pub(crate) use icmp::icmp;

/// A bit of the first byte of an input: makes the checksum right, which few inputs are otherwise.
pub(super) const FIX_CHECKSUM: u8 = 1;
/// Leaves the checksum unverified, as of a frame that never left its host.
pub(super) const UNVERIFIED: u8 = 2;

pub(super) const SOURCE: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 1);
pub(super) const OURS: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 2);

/// Where `part` lies in `whole`.
pub(super) fn place(whole: &[u8], part: &[u8]) -> usize {
    let at = part.as_ptr().addr().wrapping_sub(whole.as_ptr().addr());
    assert!(at <= whole.len() && part.len() <= whole.len() - at, "it lies outside of the input");
    at
}

/// What was read can be shown.
fn shown<T: Debug>(value: &T) {
    assert!(!format!("{value:?}").is_empty());
}

/// The input is a frame.
pub(crate) fn ethernet(frame: &[u8]) {
    let parsed = EthernetHeader::parse(frame);
    shown(&parsed);
    let peer = Ethernet2Slice::from_slice_without_fcs(frame);
    let Ok((header, ethertype, payload)) = parsed else {
        // A length field, and nothing of RFC 1042 behind it; or a runt.
        assert!(peer.is_err() || frame[12] < 6, "refused: {parsed:?}");
        return;
    };
    assert!(!header.to_string().is_empty());
    let peer = peer.expect("etherparse reads it too");
    assert_eq!((header.destination.0, header.source.0), (peer.destination(), peer.source()));
    assert_eq!(header.ethertype.get(), peer.ether_type().0);
    let at = place(frame, payload);
    if peer.ether_type().0 >= 0x600 {
        assert_eq!((at, payload), (14, peer.payload_slice()));
        assert_eq!(ethertype.0, peer.ether_type().0);
        let again = bytes_of(EthernetHeader::new(header.destination, header.source, ethertype));
        assert_eq!(again, frame[..14]);
    } else {
        let length = usize::from(peer.ether_type().0);
        assert_eq!((at, payload.len() + 8), (22, length), "LLC and SNAP are 8 bytes");
        assert_eq!(frame[14..20], [0xaa, 0xaa, 3, 0, 0, 0]);
        assert_eq!(ethertype.0.to_be_bytes(), frame[20..22]);
    }
}

/// The input is the payload of a frame.
pub(crate) fn arp(packet: &[u8]) {
    let parsed = ArpPacket::parse(packet);
    shown(&parsed);
    let peer = ArpPacketSlice::from_slice(packet).ok().filter(|peer| {
        (peer.hw_addr_type().0, peer.proto_addr_type().0) == (1, EtherType::IPV4.0)
            && (peer.hw_addr_size(), peer.proto_addr_size()) == (6, 4)
    });
    let Ok(parsed) = parsed else {
        assert!(peer.is_none(), "refused: {parsed:?}");
        return;
    };
    assert!(!parsed.to_string().is_empty());
    let peer = peer.expect("etherparse reads it too");
    assert_eq!(parsed.operation().0, peer.operation().0);
    assert_eq!(parsed.sender_mac().0, peer.sender_hw_addr());
    assert_eq!(parsed.sender().octets(), peer.sender_protocol_addr());
    assert_eq!(parsed.target_mac().0, peer.target_hw_addr());
    assert_eq!(parsed.target().octets(), peer.target_protocol_addr());
    assert_eq!(bytes_of(*parsed), packet[..28]);
    // The reply to it is a packet, whatever it asks.
    let reply = bytes_of(parsed.reply(MacAddr([2, 0, 0, 0, 0, 2])));
    let reply = ArpPacket::parse(&reply).expect("it is a packet");
    assert_eq!((reply.sender(), reply.target()), (parsed.target(), parsed.sender()));
}

/// The input is a byte of settings and a packet.
pub(crate) fn ipv4(input: &[u8]) {
    let mut input = Input::new(input);
    let settings = input.byte();
    let mut packet = input.rest().to_vec();
    let length = usize::from(packet.first().map_or(5, |first| first & 0xf)) * 4;
    if settings & FIX_CHECKSUM != 0 && (20..=packet.len()).contains(&length) {
        packet[10..12].fill(0);
        let sum = frames::checksum(&packet[..length]);
        packet[10..12].copy_from_slice(&sum.to_be_bytes());
    }
    let parsed = Ipv4Header::parse(&packet);
    shown(&parsed);
    let peer = Ipv4HeaderSlice::from_slice(&packet).ok().and_then(|slice| {
        let payload = packet.get(slice.slice().len()..usize::from(slice.total_len()))?;
        (frames::checksum(slice.slice()) == 0).then_some((slice, payload))
    });
    let Ok(parsed) = parsed else {
        assert!(peer.is_none(), "refused: {parsed:?}");
        return;
    };
    let header = parsed.header;
    assert!(!header.to_string().is_empty());
    let (peer, payload) = peer.expect("etherparse reads it too");
    assert_eq!(
        (header.source(), header.destination()),
        (peer.source_addr(), peer.destination_addr())
    );
    assert_eq!((header.ttl, header.protocol), (peer.ttl(), peer.protocol().0));
    assert_eq!(header.identification.get(), peer.identification());
    assert_eq!(header.offset(), usize::from(peer.fragments_offset().value()) * 8);
    assert_eq!(header.more_fragments(), peer.more_fragments());
    assert_eq!(header.dont_fragment(), peer.dont_fragment());
    assert_eq!(header.is_fragment(), peer.is_fragmenting_payload());
    assert_eq!((parsed.header_bytes, parsed.payload), (peer.slice(), payload));
    assert_eq!(place(&packet, parsed.header_bytes), 0);
    assert_eq!(place(&packet, parsed.payload), length);
    options(peer.options());
}

/// The options of a header, which need not be sound.
fn options(area: &[u8]) {
    let mut next = 0;
    let mut ended = false;
    for option in Options::new(area) {
        assert!(!ended, "nothing follows an error");
        match option {
            Ok(option) => {
                // Between two options is nothing but what fills up.
                assert!(area[next..option.offset].iter().all(|&byte| byte == 1));
                assert!(option.kind > 1 && area[option.offset] == option.kind);
                assert_eq!(usize::from(area[option.offset + 1]), option.data.len() + 2);
                assert_eq!(place(area, option.data), option.offset + 2);
                next = option.offset + 2 + option.data.len();
            }
            Err(offset) => {
                assert!((next..area.len()).contains(&offset), "{offset} of {}", area.len());
                ended = true;
            }
        }
    }
    let rest = area[next..].iter().find(|&&byte| byte != 1);
    assert!(ended || rest.is_none_or(|&byte| byte == 0), "an option was not seen");
}

/// The input is a byte of settings and a datagram.
pub(crate) fn udp(input: &[u8]) {
    let mut input = Input::new(input);
    let settings = input.byte();
    let mut datagram = input.rest().to_vec();
    let sum = |datagram: &[u8]| {
        let length = usize::from(u16::from_be_bytes([*datagram.get(4)?, *datagram.get(5)?]));
        let pseudo = [
            &SOURCE.octets()[..],
            &OURS.octets(),
            &[0, frames::UDP, datagram[4], datagram[5]],
            datagram.get(..length)?,
        ];
        (length >= 8).then(|| frames::checksum(&pseudo.concat()))
    };
    if settings & FIX_CHECKSUM != 0 && datagram.len() >= 8 {
        datagram[6..8].fill(0);
        let right = sum(&datagram).unwrap_or(0);
        datagram[6..8].copy_from_slice(&right.to_be_bytes());
    }
    let verify_checksum = settings & UNVERIFIED == 0;
    let packet = Packet {
        source: SOURCE.into(),
        destination: OURS.into(),
        protocol: Protocol::UDP,
        ttl: 64,
        tos: 0,
        broadcast: false,
        verify_checksum,
        segment_size: None,
        header: &[],
        payload: &datagram,
    };
    let parsed = UdpHeader::parse(&packet);
    shown(&parsed);
    let peer = PeerUdp::from_slice(&datagram).ok().and_then(|(header, _)| {
        let payload = datagram.get(8..usize::from(header.length))?;
        let right = header.checksum == 0 || !verify_checksum || sum(&datagram) == Some(0);
        right.then_some((header, payload))
    });
    let Ok((header, payload)) = parsed else {
        assert!(peer.is_none(), "refused: {parsed:?}");
        return;
    };
    assert!(!header.to_string().is_empty());
    let (peer, peer_payload) = peer.expect("etherparse reads it too");
    assert_eq!(header.source_port.get(), peer.source_port);
    assert_eq!(header.destination_port.get(), peer.destination_port);
    assert_eq!((place(&datagram, payload), payload), (8, peer_payload));
    let ports = (header.source_port.get(), header.destination_port.get());
    let again = UdpHeader::new((SOURCE, ports.0).into(), (OURS, ports.1).into(), &payload);
    assert_eq!(bytes_of(again)[..6], datagram[..6]);
    assert_eq!(sum(&bytes_of((again, payload))), Some(0), "ours is right");
}
