//! TCP segments: what the parser reads, and what a receiver makes of a sequence of them.
//!
//! The first byte of an input chooses between a segment and a program for a receiver.

use std::{
    net::{IpAddr, Ipv6Addr},
    num::NonZeroU16,
};

use etherparse::{TcpHeaderSlice, TcpOptionElement};
use network::{Packet, Protocol};
use tcp::{Flags, Header, Options, Segment, Seq};
use testkit::bytes_of;

use super::{
    input::Input,
    parsers::{FIX_CHECKSUM, OURS, SOURCE, UNVERIFIED, place},
};
use crate::frames;

mod receiver;

/// The input is a program for a receiver, not a segment.
const PROGRAM: u8 = 4;

/// The segment was joined from several on its way, with as many bytes in each as the highest two bits choose.
const JOINED: u8 = 8;
const SIZES: [u16; 4] = [1, 536, 1440, u16::MAX];
/// The packet is of IPv6.
const IPV6: u8 = 16;

/// The addresses of a packet, the source first.
type Addresses = [IpAddr; 2];

pub(crate) fn run(input: &[u8]) {
    let mut input = Input::new(input);
    let settings = input.byte();
    if settings & PROGRAM != 0 {
        receiver::run(settings, input);
    } else {
        parse(settings, input.rest());
    }
}

/// The addresses of IPv6, if these are asked for, or those of IPv4.
fn addresses(settings: u8) -> Addresses {
    match settings & IPV6 {
        0 => [SOURCE.into(), OURS.into()],
        _ => [1, 2].map(|last| Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, last).into()),
    }
}

/// The checksum over a segment and its pseudo header: 0 if it is right.
fn checksum(addresses: Addresses, segment: &[u8]) -> u16 {
    let octets = addresses.map(|address| match address {
        IpAddr::V4(address) => address.octets().to_vec(),
        IpAddr::V6(address) => address.octets().to_vec(),
    });
    // RFC 9293 3.1; RFC 8200 8.1, whose longer fields have the same sum.
    let length = (segment.len() as u32).to_be_bytes();
    frames::checksum(&[&octets.concat()[..], &[0, 6], &length, segment].concat())
}

fn packet([source, destination]: Addresses, payload: &[u8]) -> Packet<'_> {
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

fn parse(settings: u8, bytes: &[u8]) {
    let addresses = addresses(settings);
    // No packet is longer.
    let mut bytes = bytes[..bytes.len().min(65_515)].to_vec();
    if settings & FIX_CHECKSUM != 0 && bytes.len() >= 20 {
        bytes[16..18].fill(0);
        let sum = checksum(addresses, &bytes);
        bytes[16..18].copy_from_slice(&sum.to_be_bytes());
    }
    let verify_checksum = settings & UNVERIFIED == 0;
    let size = (settings & JOINED != 0).then(|| SIZES[usize::from(settings >> 6)]);
    let segment_size = size.and_then(NonZeroU16::new);
    let parsed = tcp::parse(&Packet { verify_checksum, segment_size, ..packet(addresses, &bytes) });
    assert!(!format!("{parsed:?}").is_empty());
    let right = !verify_checksum || checksum(addresses, &bytes) == 0;
    let peer = TcpHeaderSlice::from_slice(&bytes).ok().filter(|_| right);
    let Ok(segment) = parsed else {
        assert!(peer.is_none(), "refused: {parsed:?}");
        return;
    };
    let peer = peer.expect("etherparse reads it too");
    assert_eq!(segment.ports, [peer.source_port(), peer.destination_port()]);
    assert_eq!(
        (segment.seq.0, segment.ack.0),
        (peer.sequence_number(), peer.acknowledgment_number())
    );
    assert_eq!((segment.flags.0, segment.window), (bytes[13], peer.window_size()));
    assert_eq!(segment.urgent, if peer.urg() { peer.urgent_pointer() } else { 0 });
    assert_eq!(
        segment.len(),
        segment.payload.len() as u32 + u32::from(peer.syn()) + u32::from(peer.fin())
    );
    let at = usize::from(peer.data_offset()) * 4;
    assert_eq!((place(&bytes, segment.payload), segment.payload), (at, &bytes[at..]));
    if let Some(options) = options(&peer) {
        assert_eq!(segment.options, options);
    }
    // One at least, though it has no data, and no more than there are.
    let joined = size.map_or(1, |size| segment.payload.chunks(size.into()).len().max(1));
    assert_eq!(usize::from(segment.joined), joined);
    emit(addresses, &segment);
}

/// The options as etherparse reads them, if it reads all of them: it stops at one that it does not know.
fn options(peer: &TcpHeaderSlice<'_>) -> Option<Options> {
    let mut options = Options::default();
    for element in peer.options_iterator() {
        match element.ok()? {
            TcpOptionElement::MaximumSegmentSize(mss) if peer.syn() => {
                options.mss = (mss != 0).then_some(mss);
            }
            TcpOptionElement::WindowScale(shift) if peer.syn() => {
                options.window_scale = Some(shift);
            }
            TcpOptionElement::SelectiveAcknowledgementPermitted if peer.syn() => {
                options.sack_permitted = true;
            }
            TcpOptionElement::SelectiveAcknowledgement(first, rest) if !peer.syn() => {
                options.sack = Default::default();
                for (start, end) in [Some(first)].into_iter().chain(rest).flatten() {
                    options.sack.push(Seq(start), Seq(end));
                }
            }
            TcpOptionElement::Timestamp(value, echo) => {
                options.timestamps = Some(tcp::Timestamps { value, echo });
            }
            _ => {}
        }
    }
    Some(options)
}

/// What was read can be sent: etherparse reads it too, and it is read as the same again.
fn emit(addresses: Addresses, segment: &Segment<'_>) {
    let Segment { ports, seq, ack, flags, window, urgent, options, payload, .. } = *segment;
    let header = Header { ports, seq, ack, flags, window, urgent, options };
    let bytes = header.with_checksum(addresses, &payload);
    let bytes = bytes_of((bytes, payload));
    let peer = TcpHeaderSlice::from_slice(&bytes).expect("ours is right");
    assert_eq!(peer.slice().len(), 20 + options.encoded_len());
    assert!(peer.options_iterator().all(|element| element.is_ok()));
    assert_eq!(checksum(addresses, &bytes), 0);
    let again = tcp::parse(&packet(addresses, &bytes)).expect("ours is right");
    assert_eq!(again, Segment { joined: 1, ..*segment });
    assert!(!flags.contains(Flags::URG) || again.urgent == urgent);
    // With a partial checksum, the interface sums what follows over the pseudo header.
    let partial = header.with_partial(addresses, payload.len());
    let mut partial = bytes_of((partial, payload));
    let sum = frames::checksum(&partial);
    partial[16..18].copy_from_slice(&sum.to_be_bytes());
    assert_eq!(partial, bytes);
}
