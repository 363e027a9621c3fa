//! TCP segments: what the parser reads, and what a receiver makes of a sequence of them.
//!
//! The first byte of an input chooses between a segment and a program for a receiver.

use std::net::Ipv4Addr;

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

pub(crate) fn run(input: &[u8]) {
    let mut input = Input::new(input);
    let settings = input.byte();
    if settings & PROGRAM != 0 {
        receiver::run(settings, input);
    } else {
        parse(settings, input.rest());
    }
}

/// The checksum over a segment and its pseudo header: 0 if it is right.
fn checksum(source: Ipv4Addr, destination: Ipv4Addr, segment: &[u8]) -> u16 {
    let length = (segment.len() as u16).to_be_bytes();
    let addresses = [source.octets(), destination.octets()].concat();
    frames::checksum(&[&addresses[..], &[0, 6], &length, segment].concat())
}

fn packet(source: Ipv4Addr, destination: Ipv4Addr, payload: &[u8]) -> Packet<'_> {
    Packet {
        source: source.into(),
        destination: destination.into(),
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
    // No packet is longer.
    let mut bytes = bytes[..bytes.len().min(65_515)].to_vec();
    if settings & FIX_CHECKSUM != 0 && bytes.len() >= 20 {
        bytes[16..18].fill(0);
        let sum = checksum(SOURCE, OURS, &bytes);
        bytes[16..18].copy_from_slice(&sum.to_be_bytes());
    }
    let verify_checksum = settings & UNVERIFIED == 0;
    let parsed = tcp::parse(&Packet { verify_checksum, ..packet(SOURCE, OURS, &bytes) });
    assert!(!format!("{parsed:?}").is_empty());
    let right = !verify_checksum || checksum(SOURCE, OURS, &bytes) == 0;
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
    emit(&segment);
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
fn emit(segment: &Segment<'_>) {
    let Segment { ports, seq, ack, flags, window, urgent, options, payload, .. } = *segment;
    let header = Header { ports, seq, ack, flags, window, urgent, options };
    let bytes = header.with_checksum([SOURCE.into(), OURS.into()], &payload);
    let bytes = bytes_of((bytes, payload));
    let peer = TcpHeaderSlice::from_slice(&bytes).expect("ours is right");
    assert_eq!(peer.slice().len(), 20 + options.encoded_len());
    assert!(peer.options_iterator().all(|element| element.is_ok()));
    assert_eq!(checksum(SOURCE, OURS, &bytes), 0);
    let again = tcp::parse(&packet(SOURCE, OURS, &bytes)).expect("ours is right");
    assert_eq!(again, Segment { joined: 1, ..*segment });
    assert!(!flags.contains(Flags::URG) || again.urgent == urgent);
    // With a partial checksum, the interface sums what follows over the pseudo header.
    let partial = header.with_partial([SOURCE.into(), OURS.into()], payload.len());
    let mut partial = bytes_of((partial, payload));
    let sum = frames::checksum(&partial);
    partial[16..18].copy_from_slice(&sum.to_be_bytes());
    assert_eq!(partial, bytes);
}
