//! Packets of IPv4, and of other protocols, in the same tower.

use core::net::{IpAddr, Ipv4Addr};

use super::*;

fn ipv4(protocol: Protocol) -> Packet<'static> {
    let [source, destination] =
        [[10, 0, 0, 1], [10, 0, 0, 2]].map(|octets| IpAddr::V4(Ipv4Addr::from(octets)));
    Packet { source, destination, ..packet(protocol, b"data") }
}

#[test]
fn other_protocols_are_handed_up() {
    let mut layer = layer();
    for protocol in [Protocol::UDP, Protocol::TCP, Protocol::ICMP, Protocol(255)] {
        let item = packet(protocol, b"data");
        assert_eq!(receive(&mut layer, packet_up(item)), Some(format!("{item:?}")));
    }
    assert_eq!(*layer.stats(), Counters::default());
}

/// On IPv4, 58 is the number of nothing.
#[test]
fn packets_of_ipv4_pass_through() {
    let mut layer = layer();
    for protocol in [Protocol::UDP, Protocol::ICMP, Protocol::ICMPV6] {
        let item = ipv4(protocol);
        assert_eq!(receive(&mut layer, packet_up(item)), Some(format!("{item:?}")));
    }
    let problem = Problem::ReassemblyTimedOut;
    let up = receive(&mut layer, rejected_up(ipv4(Protocol::UDP), problem));
    assert!(up.is_some_and(|up| up.starts_with("fragment reassembly time exceeded")));
    assert_eq!(*layer.stats(), Counters::default());
    assert!(layer.network.sent.is_empty());
}

#[test]
fn what_nobody_wants_of_ipv4_goes_back_down() {
    let mut layer = layer();
    layer.unclaimed(NOW, packet_up(ipv4(Protocol::UDP))).unwrap();
    let packet = ipv4(Protocol::UDP);
    let reporter = packet.source;
    let report = IcmpError { problem: Problem::TtlExceeded, reporter, packet };
    layer.unclaimed(NOW, error_up(report)).unwrap();
    layer.send_error(NOW, &packet, Problem::PortUnreachable).unwrap();
    assert_eq!(layer.network.unclaimed, 2);
    assert_eq!(layer.network.errors, [(reporter, Problem::PortUnreachable)]);
    assert_eq!(*layer.stats(), Counters::default());
}
