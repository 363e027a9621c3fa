//! Our address: where packets come from, and what happens without one.

use super::*;

#[test]
fn a_packet_comes_from_the_address_that_it_names_if_it_is_ours() {
    with_host(|wire, mut host, _| {
        for (source, result) in [
            (None, Sent::Queued),
            (Some(OURS.into()), Sent::Queued),
            (Some(PEER.into()), Sent::NotSent(SendError::BadSource(Some(PEER.into())))),
            (Some("::1".parse().unwrap()), Sent::NotSent(SendError::BadSource("::1".parse().ok()))),
        ] {
            let outgoing = Outgoing { source, ..to(PEER) };
            assert_eq!(host.send(Instant::ZERO, &outgoing, b"x"), Ok(result));
        }
        assert!(sent(wire).iter().all(|(_, header, _)| header.source() == OURS));
        assert_eq!(host.source_for(PEER.into()), Some(OURS.into()));
        assert_eq!(host.source_for("::1".parse().unwrap()), None);
        assert!(host.is_ours(OURS.into()) && !host.is_ours(PEER.into()));
        assert!(!host.is_ours("::1".parse().unwrap()));
    });
}

/// RFC 1122 3.2.1.3: the addresses that no host has, and those of many, our own network's among them.
#[test]
fn an_address_of_many_or_of_nobody_is_no_unicast_address() {
    with_host(|_, mut host, _| {
        host.link_mut().set_address(Cidr::new(Ipv4Addr::new(10, 1, 2, 3), 20).unwrap());
        for (address, expected) in [
            ("10.1.15.254", true),
            ("10.1.15.255", false),
            ("10.1.0.0", false),
            ("10.1.16.255", true),
            ("10.1.2.255", true),
            ("255.255.255.255", false),
            ("224.0.0.1", false),
            ("127.0.0.1", false),
            ("0.0.0.0", false),
        ] {
            assert_eq!(host.is_unicast(address.parse().unwrap()), expected, "{address}");
        }
    });
}

/// RFC 1122 3.2.1.3 (a): a host that does not know its address may ask all for it, from 0.0.0.0.
#[test]
fn without_an_address_only_a_question_to_all_is_sent_and_only_a_broadcast_received() {
    with_host(|wire, mut host, region| {
        host.link_mut().set_address(Cidr::UNSPECIFIED);
        let unspecified = Some(Ipv4Addr::UNSPECIFIED.into());
        let question = Outgoing { source: unspecified, ..to(Ipv4Addr::BROADCAST) };
        assert_eq!(host.send(Instant::ZERO, &question, b"x"), Ok(Sent::Queued));
        let [(mac, header, _)] = &sent(wire)[..] else { panic!("one packet") };
        assert_eq!((*mac, header.source()), (MacAddr::BROADCAST, Ipv4Addr::UNSPECIFIED));
        for outgoing in [
            to(PEER),
            to(Ipv4Addr::BROADCAST),
            Outgoing { source: unspecified, ..to(PEER) },
            Outgoing { source: unspecified, ..to(Ipv4Addr::UNSPECIFIED) },
        ] {
            let sent = host.send(Instant::ZERO, &outgoing, b"x");
            let none = Sent::NotSent(SendError::BadSource(None));
            assert_eq!(sent, Ok(none), "{outgoing:?}");
        }
        assert!(sent(wire).is_empty());
        assert_eq!(host.source_for(PEER.into()), None);
        assert!(!host.is_ours(OURS.into()) && !host.is_ours(Ipv4Addr::UNSPECIFIED.into()));

        let to_all = Fields { destination: Ipv4Addr::BROADCAST, ..fields() };
        let bytes = packet(&to_all, b"x");
        assert!(receive(&mut host, wire, MacAddr::BROADCAST, &bytes, region).unwrap().broadcast);
        for destination in [OURS, Ipv4Addr::UNSPECIFIED] {
            let bytes = packet(&Fields { destination, ..fields() }, b"x");
            assert!(receive(&mut host, wire, OUR_MAC, &bytes, region).is_none());
        }
        assert_eq!(host.stats().not_for_us, 2);

        host.link_mut().set_address(Cidr::new(OURS, 24).unwrap());
        assert_eq!(host.send(Instant::ZERO, &to(PEER), b"x"), Ok(Sent::Queued));
        let bytes = packet(&fields(), b"x");
        assert!(receive(&mut host, wire, OUR_MAC, &bytes, region).is_some());
    });
}

/// What was for an address that is no longer ours is nobody's to answer for.
#[test]
fn a_datagram_that_waits_when_the_address_changes_is_dropped_in_silence() {
    with_host(|wire, mut host, region| {
        let bytes = [Ipv4Header::new(&fields(), 0, 16, true).as_bytes(), &[9; 16]].concat();
        assert!(receive(&mut host, wire, OUR_MAC, &bytes, region).is_none());
        host.link_mut().set_address("10.0.0.3/24".parse().unwrap());
        assert!(matches!(host.receive(Instant::from_millis(30_000), region), Ok(Rx::Handled)));
        assert!(matches!(host.receive(Instant::from_millis(30_000), region), Ok(Rx::Idle)));
        assert_eq!(host.stats().reassembly_timeouts, 1);
    });
}
