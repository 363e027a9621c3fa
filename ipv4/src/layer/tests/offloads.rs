//! What is left to the interface, and what is not.

use netif::Offloads;

use super::*;

const ALL: Offloads = Offloads { udp_checksum: true, udp_fragmentation: true };
const CHECKSUM: Offloads = Offloads { udp_checksum: true, udp_fragmentation: false };

fn with_offloads(offloads: Offloads, test: impl FnOnce(&Wire, Host<'_>)) {
    with_pool(512, |pool| {
        let global = Region::new(pool, "global");
        let (wire, mut end) = Wire::new(OUR_MAC);
        end.offloads = offloads;
        let cidr = Cidr::new(OURS, 24).unwrap();
        let host = Ipv4::new(Neighbours::new(end), cidr, 1, &global).unwrap();
        test(&wire, host.with_gateway(Some(PEER)));
    });
}

fn may_leave(
    host: &Host<'_>,
    destination: Ipv4Addr,
    protocol: Protocol,
    length: usize,
) -> Offloads {
    host.offloads(Instant::ZERO, &Outgoing::new(destination.into(), protocol), length)
}

#[test]
fn a_long_datagram_goes_in_one_piece_that_may_be_cut() {
    with_offloads(ALL, |wire, mut host| {
        for destination in [PEER, FAR] {
            let outgoing = Outgoing::new(destination.into(), Protocol::UDP);
            assert_eq!(host.send(Instant::ZERO, outgoing, [7; 8200]), Ok(Sent::Queued));
            let [(_, header, payload)] = &sent(wire)[..] else { panic!("one packet") };
            assert_eq!((payload.len(), header.total_length.get()), (8200, 8220));
            assert!(!header.dont_fragment() && !header.is_fragment());
            assert_ne!(header.identification.get(), 0, "fragments have to be told apart");
        }
        assert_eq!((host.stats().fragmented, host.stats().packets_tx), (0, 2));
    });
}

#[test]
fn what_fits_is_atomic_as_before() {
    with_offloads(ALL, |wire, mut host| {
        let outgoing = Outgoing::new(PEER.into(), Protocol::UDP);
        assert_eq!(host.send(Instant::ZERO, outgoing, [7; 1480]), Ok(Sent::Queued));
        let [(_, header, _)] = &sent(wire)[..] else { panic!("one packet") };
        assert!(header.dont_fragment() && header.identification.get() == 0);
    });
}

#[test]
fn other_protocols_and_interfaces_get_fragments() {
    for (offloads, protocol) in [(ALL, Protocol::ICMP), (CHECKSUM, Protocol::UDP)] {
        with_offloads(offloads, |wire, mut host| {
            let outgoing = Outgoing::new(PEER.into(), protocol);
            assert_eq!(host.send(Instant::ZERO, outgoing, [7; 8200]), Ok(Sent::Queued));
            assert_eq!((sent(wire).len(), host.stats().fragmented), (6, 1));
        });
    }
}

/// The interface cuts for its own MTU and knows of no other.
#[test]
fn a_path_with_a_smaller_mtu_gets_fragments_of_ours() {
    with_offloads(ALL, |wire, mut host| {
        host.packet_too_big(Instant::ZERO, FAR.into(), 600);
        let outgoing = Outgoing::new(FAR.into(), Protocol::UDP);
        assert_eq!(host.send(Instant::ZERO, outgoing, [7; 1480]), Ok(Sent::Queued));
        let sent = sent(wire);
        assert_eq!(sent.len(), 3);
        assert!(sent.iter().all(|(_, header, _)| header.total_length.get() <= 600));
    });
}

#[test]
fn a_packet_that_must_not_be_cut_is_refused_as_before() {
    with_offloads(ALL, |wire, mut host| {
        let outgoing = Outgoing::new(PEER.into(), Protocol::UDP);
        let whole = Outgoing { dont_fragment: true, ..outgoing };
        let refused = SendError::TooLong { length: 1481, most: 1480 };
        assert_eq!(host.send(Instant::ZERO, whole, [0; 1481]), Ok(Sent::NotSent(refused)));
        assert!(sent(wire).is_empty());
    });
}

#[test]
fn a_checksum_may_be_blank_only_where_no_fragment_is_made_here() {
    with_offloads(ALL, |_, mut host| {
        host.packet_too_big(Instant::ZERO, FAR.into(), 600);
        assert_eq!(may_leave(&host, PEER, Protocol::UDP, 1480), ALL);
        assert_eq!(may_leave(&host, PEER, Protocol::UDP, 1481), ALL);
        assert_eq!(may_leave(&host, FAR, Protocol::UDP, 580), ALL);
        assert_eq!(may_leave(&host, FAR, Protocol::UDP, 581), Offloads::NONE);
        assert_eq!(may_leave(&host, PEER, Protocol::ICMP, 1481), Offloads::NONE);
    });
    with_offloads(CHECKSUM, |_, host| {
        assert_eq!(may_leave(&host, PEER, Protocol::UDP, 1480), CHECKSUM);
        assert_eq!(may_leave(&host, PEER, Protocol::UDP, 1481), Offloads::NONE);
    });
    with_offloads(Offloads::NONE, |_, host| {
        assert_eq!(may_leave(&host, PEER, Protocol::UDP, 8), Offloads::NONE);
    });
}
