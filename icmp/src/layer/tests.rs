use std::{
    boxed::Box,
    format,
    string::{String, ToString},
    vec,
    vec::Vec,
};

use layer::Setup;
use network::Checksum;

use super::*;
use crate::samples::{HEADER, OURS, PEER, ROUTER, packet, with_region};
use testkit::{Broken, FakeNetwork};

mod received;
mod sent;

const NOW: Instant = Instant::from_millis(1000);

/// Identifier 0x1234, sequence 1, data `ping!`: an odd length.
const ECHO_REQUEST: [u8; 13] = [8, 0, 0xe5, 0xf9, 0x12, 0x34, 0, 1, b'p', b'i', b'n', b'g', b'!'];
const ECHO_REPLY: [u8; 13] = [0, 0, 0xed, 0xf9, 0x12, 0x34, 0, 1, b'p', b'i', b'n', b'g', b'!'];

/// Our UDP datagram from 10.0.0.2:8080 to 10.0.0.1:5000, 4 bytes of data.
const OUR_PACKET: [u8; 32] = [
    0x45, 0, 0, 32, 0, 7, 0, 0, 63, 17, 0x67, 0xc4, 10, 0, 0, 2, 10, 0, 0, 1, // IPv4
    0x1f, 0x90, 0x13, 0x88, 0, 12, 0, 0, 1, 2, 3, 4, // UDP
];

/// How a message goes to the peer: without DF.
fn outgoing(tos: u8) -> Outgoing {
    Outgoing {
        source: Some(OURS),
        tos,
        routers_fragment: true,
        ..Outgoing::new(PEER, Protocol::ICMP)
    }
}

fn layer() -> Icmp<FakeNetwork> {
    Icmp::new(FakeNetwork::default(), 7)
}

/// A message with the right checksum.
fn message(message_type: u8, code: u8, rest: [u8; 4], payload: &[u8]) -> &'static [u8] {
    let mut bytes = [&[message_type, code, 0, 0], &rest[..], payload].concat();
    let checksum = Checksum::new().add(&bytes).finish();
    bytes[2..4].copy_from_slice(&checksum.to_be_bytes());
    bytes.leak()
}

/// A packet, as the network hands it up.
fn packet_up(packet: Packet<'static>) -> Delivery<'static> {
    Delivery::Packet(Box::leak(Box::new(packet)))
}

/// Word about a packet of ours, as the network hands it up.
fn error_up(error: IcmpError<'static>) -> Delivery<'static> {
    Delivery::Error(Box::leak(Box::new(error)))
}

/// A packet of somebody's that the network rejects.
fn rejected_up(packet: Packet<'static>, problem: Problem) -> Delivery<'static> {
    Delivery::Rejected(Box::leak(Box::new(packet)), problem)
}

/// What the layer hands up, as text, of one packet; nothing if it keeps it.
fn receive(layer: &mut Icmp<FakeNetwork>, item: Delivery<'static>) -> Option<String> {
    layer.network.incoming.push_back(item);
    with_region(|region| match layer.receive(NOW, region).unwrap() {
        Rx::Handled => None,
        Rx::Idle => panic!("something was there"),
        Rx::Item(Delivery::Packet(packet)) => Some(format!("{packet:?}")),
        Rx::Item(Delivery::Error(IcmpError { problem, reporter, packet })) => {
            let Packet { source, destination, protocol, payload, .. } = packet;
            let head = format!("{problem} from {reporter}: {source} > {destination}");
            Some(format!("{head} {protocol} {payload:02x?}"))
        }
        Rx::Item(rejected @ Delivery::Rejected(..)) => panic!("{rejected:?} is Icmp's to answer"),
    })
}

fn receive_icmp(layer: &mut Icmp<FakeNetwork>, message: &'static [u8]) -> Option<String> {
    receive(layer, packet_up(packet(Protocol::ICMP, message)))
}

#[test]
fn nothing_waiting_is_idle() {
    with_region(|region| {
        assert!(matches!(layer().receive(NOW, region), Ok(Rx::Idle)));
    });
}

#[test]
fn other_protocols_are_handed_up() {
    let mut layer = layer();
    for protocol in [Protocol::UDP, Protocol::TCP, Protocol(255)] {
        let item = packet(protocol, b"data");
        assert_eq!(receive(&mut layer, packet_up(item)), Some(format!("{item:?}")));
    }
    assert_eq!(*layer.stats(), Counters::default());
}

#[test]
fn the_layer_below_is_asked_for_what_it_knows() {
    let mut layer = layer();
    assert_eq!(layer.source_for(PEER), Some(OURS));
    assert_eq!(layer.max_payload(PEER), 65_515);
    assert_eq!(layer.event(), 7);
    assert_eq!(layer.next_deadline(), Some(Instant::from_millis(9)));
    layer.packet_too_big(NOW, PEER, Protocol::UDP, 1400);
    let outgoing = Outgoing::new(PEER, Protocol::UDP);
    assert_eq!(layer.send(NOW, &outgoing, b"data"), Ok(Sent::Queued));
    assert_eq!(layer.network().too_big, [(PEER, 1400)]);
    assert_eq!(layer.network().sent, [(outgoing, b"data".to_vec())]);
}

#[test]
fn the_log_has_a_name_of_its_own() {
    let mut layer = layer();
    for (name, known, ours) in
        [("icmp", true, true), ("all", true, true), ("fake", true, false), ("x", false, false)]
    {
        layer.log = false;
        let mut setup = Setup::default();
        setup.log = Some(name);
        layer.configure(&mut setup);
        assert_eq!((setup.found_log(), layer.log), (known, ours), "{name}");
        assert_eq!(layer.network().log.as_deref(), Some(name));
    }
    layer.log = true;
    receive_icmp(&mut layer, &ECHO_REQUEST);
    assert_eq!(layer.network.sent.len(), 1);
}

#[test]
fn the_counters_of_the_lowest_layer_come_first() {
    let mut layer = layer();
    receive_icmp(&mut layer, &ECHO_REQUEST);
    let mut seen = Vec::new();
    layer.counters(&mut |counter| seen.push(counter.to_string()));
    assert_eq!(seen[..3], ["fake.sent 1", "icmp.messages_rx 1", "icmp.messages_tx 1"]);
}
