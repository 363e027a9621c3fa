//! What is taken off the network, and what is dropped.

use super::*;

#[test]
fn a_service_answers() {
    with_layer(|mut udp, region| {
        udp.bind(8080, |request, _region| Ok(request)).unwrap();
        receive(&mut udp, region, packet(&REQUEST));
        let expected =
            [0x1f, 0x90, 0x13, 0x88, 0, 13, 0x74, 0xe7, b'h', b'e', b'l', b'l', b'o'].to_vec();
        assert_eq!(udp.network.sent, [(to_peer(), expected)]);
        assert_eq!((udp.stats().datagrams_rx, udp.stats().datagrams_tx), (1, 1));
    });
}

#[test]
fn nothing_waiting_is_idle() {
    with_layer(|mut udp, region| assert!(matches!(udp.receive(NOW, region), Ok(Rx::Idle))));
}

#[test]
fn other_protocols_are_handed_up() {
    with_layer(|mut udp, region| {
        for protocol in [Protocol::ICMP, Protocol::TCP, Protocol(255)] {
            let item = Packet { protocol, ..packet(&REQUEST) };
            let item = &*Box::leak(Box::new(item));
            udp.network.incoming.push_back(Delivery::Packet(item));
            let Ok(Rx::Item(up)) = udp.receive(NOW, region) else { panic!("{protocol} was kept") };
            assert_eq!(format!("{up:?}"), format!("{:?}", Delivery::Packet(item)));
            udp.unclaimed(NOW, up).unwrap();
        }
        assert_eq!(udp.network().unclaimed, 3);
        assert_eq!(*udp.stats(), Counters::default());
    });
}

#[test]
fn each_kind_of_drop_is_counted() {
    with_layer(|mut udp, region| {
        udp.bind(8080, |_, _| panic!("damaged")).unwrap();
        receive(&mut udp, region, packet(&REQUEST[..7]));
        receive(&mut udp, region, packet(&[]));
        receive(&mut udp, region, packet(&REQUEST[..12]));
        receive(&mut udp, region, packet(&[0x13, 0x88, 0x1f, 0x90, 0, 7, 0, 0, 1, 2]));
        receive(&mut udp, region, Packet { source: [10, 0, 0, 3].into(), ..packet(&REQUEST) });
        let Counters { short, bad_length, bad_checksum, datagrams_rx, .. } = *udp.stats();
        assert_eq!((short, bad_length, bad_checksum, datagrams_rx), (2, 2, 1, 0));
        assert!(udp.network.sent.is_empty() && udp.network.errors.is_empty());
    });
}

/// No input panics, and none but the undamaged datagram reaches the service.
#[test]
fn no_datagram_does_harm() {
    with_layer(|mut udp, region| {
        udp.bind(8080, |request, _region| Ok(request)).unwrap();
        for bytes in (0..=REQUEST.len()).map(|length| &REQUEST[..length]) {
            receive(&mut udp, region, packet(bytes));
        }
        assert_eq!(udp.network.sent.len(), 1);
        for verify_checksum in [true, false] {
            for (at, value) in (0..REQUEST.len()).flat_map(|at| (0..=255).map(move |v| (at, v))) {
                let mut changed = REQUEST.to_vec();
                changed[at] = value;
                receive(&mut udp, region, Packet { verify_checksum, ..packet(changed.leak()) });
            }
        }
    });
}

#[test]
fn a_port_without_a_service_is_unreachable() {
    with_layer(|mut udp, region| {
        for port in [0, 1, 8079, 8081, 65_535] {
            let bytes = datagram(CLIENT, SocketAddr::new(OURS, port), b"x");
            receive(&mut udp, region, packet(bytes.leak()));
        }
        assert_eq!(udp.network.errors, vec![(PEER, Problem::PortUnreachable); 5]);
        assert_eq!((udp.stats().no_service, udp.stats().datagrams_rx), (5, 0));
    });
}

#[test]
fn a_broadcast_to_a_port_without_a_service_is_not_answered() {
    with_layer(|mut udp, region| {
        receive(&mut udp, region, Packet { broadcast: true, ..request(b"x") });
        assert!(udp.network.errors.is_empty() && udp.network.sent.is_empty());
        assert_eq!(udp.stats().no_service, 1);
    });
}

#[test]
fn a_broadcast_is_answered_from_our_own_address() {
    with_layer(|mut udp, region| {
        udp.bind(8080, |request, _region| Ok(request)).unwrap().answer_broadcasts();
        let destination = SocketAddr::from(([10, 0, 0, 255], 8080));
        let bytes = datagram(CLIENT, destination, b"who is there?");
        let item =
            Packet { destination: destination.ip(), broadcast: true, ..packet(bytes.leak()) };
        receive(&mut udp, region, item);
        assert_eq!(reply(&mut udp), b"who is there?");
    });
}

#[test]
fn nothing_is_sent_to_port_0() {
    with_layer(|mut udp, region| {
        let heard = Cell::new(0);
        let heard: &'static Cell<u32> = Box::leak(Box::new(heard));
        udp.bind(8080, |request, _| {
            heard.set(heard.get() + 1);
            match request {
                b"" => Err(Failure::Refused("empty")),
                _ => Ok(request),
            }
        })
        .unwrap();
        for payload in [&b"note this"[..], b""] {
            let bytes = datagram(SocketAddr::new(PEER, 0), SERVICE, payload);
            receive(&mut udp, region, packet(bytes.leak()));
        }
        assert_eq!((heard.get(), udp.stats().no_reply_port), (2, 2));
        assert!(udp.network.sent.is_empty());
    });
}

#[test]
fn a_datagram_tells_all_that_is_known() {
    with_layer(|mut udp, region| {
        udp.bind_datagram(8080, |datagram, region| {
            Ok(region.format(format_args!("{datagram:?}"))?.as_bytes())
        })
        .unwrap();
        // Router alert (RFC 2113), and nothing that could be mistaken for it.
        const HEADER: [u8; 24] = {
            let mut header = [0; 24];
            (header[0], header[20], header[21]) = (0x46, 148, 4);
            header
        };
        receive(&mut udp, region, Packet { tos: 0xb8, header: &HEADER, ..request(b"x") });
        let expected = "Datagram { source: 10.0.0.1:5000, destination: 10.0.0.2:8080, ttl: 63, tos: 184, \
                        options: [148, 4, 0, 0], broadcast: false, payload: [120] }";
        assert_eq!(std::string::String::from_utf8(reply(&mut udp)).unwrap(), expected);
    });
}

#[test]
fn the_log_has_a_name_of_its_own() {
    with_layer(|mut udp, region| {
        for (name, known, ours) in
            [("udp", true, true), ("all", true, true), ("fake", true, false), ("x", false, false)]
        {
            udp.log = false;
            let mut setup = Setup::default();
            setup.log = Some(name);
            udp.configure(&mut setup);
            assert_eq!((setup.found_log(), udp.log), (known, ours), "{name}");
            assert_eq!(udp.network().log.as_deref(), Some(name));
        }
        udp.log = true;
        udp.bind(8080, |request, _region| Ok(request)).unwrap();
        receive(&mut udp, region, packet(&REQUEST));
        assert_eq!(reply(&mut udp), b"hello");
        let mut seen = Vec::new();
        udp.counters(&mut |counter| seen.push(counter.to_string()));
        assert_eq!(seen[..3], ["fake.sent 0", "udp.datagrams_rx 1", "udp.datagrams_tx 1"]);
    });
}
