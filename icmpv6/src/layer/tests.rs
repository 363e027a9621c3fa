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

mod families;
mod received;
mod sent;

const NOW: Instant = Instant::from_millis(1000);

/// Our UDP datagram from port 8080 to port 5000 of the peer, 4 bytes of data.
fn our_packet() -> Vec<u8> {
    let mut packet = HEADER.to_vec();
    (packet[23], packet[39]) = (2, 1);
    packet.extend([0x1f, 0x90, 0x13, 0x88, 0, 12, 0, 0, 1, 2, 3, 4]);
    packet
}

/// How a message goes to the peer.
fn outgoing(tos: u8) -> Outgoing {
    Outgoing { source: Some(OURS), tos, ..Outgoing::new(PEER, Protocol::ICMPV6) }
}

fn layer() -> Icmpv6<FakeNetwork> {
    Icmpv6::new(FakeNetwork::new([OURS]), 7)
}

/// A message from one address to the other, with the right checksum.
fn message_between(
    [source, destination]: Addresses,
    message_type: u8,
    code: u8,
    rest: [u8; 4],
    payload: &[u8],
) -> &'static [u8] {
    let mut bytes = [&[message_type, code, 0, 0], &rest[..], payload].concat();
    let sum = Checksum::pseudo_header(source, destination, Protocol::ICMPV6, bytes.len());
    let checksum = sum.add(&bytes).finish();
    bytes[2..4].copy_from_slice(&checksum.to_be_bytes());
    bytes.leak()
}

/// A message from the peer to us, with the right checksum.
fn message(message_type: u8, code: u8, rest: [u8; 4], payload: &[u8]) -> &'static [u8] {
    message_between([PEER, OURS], message_type, code, rest, payload)
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
fn receive(layer: &mut Icmpv6<FakeNetwork>, item: Delivery<'static>) -> Option<String> {
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
        Rx::Item(Delivery::Rejected(packet, problem)) => Some(format!("{problem}: {packet:?}")),
    })
}

fn receive_icmp(layer: &mut Icmpv6<FakeNetwork>, message: &'static [u8]) -> Option<String> {
    receive(layer, packet_up(packet(Protocol::ICMPV6, message)))
}

#[test]
fn nothing_waiting_is_idle() {
    with_region(|region| {
        assert!(matches!(layer().receive(NOW, region), Ok(Rx::Idle)));
    });
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
        [("icmpv6", true, true), ("all", true, true), ("fake", true, false), ("icmp", false, false)]
    {
        layer.log = false;
        let mut setup = Setup::default();
        setup.log = Some(name);
        layer.configure(&mut setup);
        assert_eq!((setup.found_log(), layer.log), (known, ours), "{name}");
        assert_eq!(layer.network().log.as_deref(), Some(name));
    }
    layer.log = true;
    receive_icmp(&mut layer, message(128, 0, [0; 4], b""));
    assert_eq!(layer.network.sent.len(), 1);
}

#[test]
fn the_counters_of_the_lowest_layer_come_first() {
    let mut layer = layer();
    receive_icmp(&mut layer, message(128, 0, [0; 4], b""));
    let mut seen = Vec::new();
    layer.counters(&mut |counter| seen.push(counter.to_string()));
    assert_eq!(seen[..3], ["fake.sent 1", "icmpv6.messages_rx 1", "icmpv6.messages_tx 1"]);
}
