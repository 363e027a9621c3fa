//! Errors about datagrams of ours.

use super::*;

/// From 10.0.0.2:8080 to 10.0.0.1:5000, 12 bytes with the header, as much as RFC 792 quotes of it.
const QUOTED: [u8; 8] = [0x1f, 0x90, 0x13, 0x88, 0, 12, 0, 0];

const ROUTER: IpAddr = IpAddr::V4(core::net::Ipv4Addr::new(10, 0, 0, 254));

fn report(payload: &'static [u8]) -> IcmpError<'static> {
    let packet = Packet { source: OURS, destination: PEER, ..packet(payload) };
    IcmpError { problem: Problem::PortUnreachable, reporter: ROUTER, packet }
}

/// Whether the layer keeps the report.
fn keeps(udp: &mut Udp<'_, FakeNetwork>, region: &Region<'_>, report: IcmpError<'static>) -> bool {
    udp.network.incoming.push_back(Delivery::Error(Box::leak(Box::new(report))));
    match udp.receive(NOW, region).unwrap() {
        Rx::Handled => true,
        Rx::Item(Delivery::Error(_)) => false,
        other => panic!("{other:?}"),
    }
}

/// A layer with a service, and what its listener heard.
fn with_listener(
    test: impl FnOnce(Udp<'_, FakeNetwork>, &Region<'_>, &Cell<Option<Undelivered<'static>>>),
) {
    let heard = Box::leak(Box::new(Cell::new(None)));
    let heard: &'static Cell<_> = heard;
    with_layer(|mut udp, region| {
        udp.bind(8080, |request, _region| Ok(request)).unwrap();
        udp.on_error(8080, |Undelivered { problem, reporter, destination, payload }| {
            let payload = payload.to_vec().leak();
            heard.set(Some(Undelivered { problem, reporter, destination, payload }));
        })
        .unwrap();
        test(udp, region, heard);
    });
}

#[test]
fn a_service_hears_that_its_datagram_did_not_arrive() {
    with_listener(|mut udp, region, heard| {
        assert!(keeps(&mut udp, region, report(&QUOTED)));
        let undelivered = Undelivered {
            problem: Problem::PortUnreachable,
            reporter: ROUTER,
            destination: CLIENT,
            payload: b"",
        };
        assert_eq!(heard.take(), Some(undelivered));
        assert_eq!((udp.stats().icmp_errors, udp.stats().icmp_errors_unheard), (1, 0));
        assert!(udp.network.sent.is_empty());
    });
}

#[test]
fn what_is_quoted_of_the_payload_is_shown_and_no_more() {
    with_listener(|mut udp, region, heard| {
        let long = report(&[0x1f, 0x90, 0x13, 0x88, 0, 12, 0, 0, 1, 2, 3, 4, 0xee, 0xee]);
        assert!(keeps(&mut udp, region, long));
        assert_eq!(heard.take().unwrap().payload, [1, 2, 3, 4]);
        assert!(keeps(&mut udp, region, report(&[0x1f, 0x90, 0x13, 0x88, 0, 0, 0, 0, 1, 2])));
        assert_eq!(heard.take().unwrap().payload, b"");
    });
}

#[test]
fn a_port_that_does_not_listen_is_counted() {
    with_listener(|mut udp, region, heard| {
        assert!(keeps(&mut udp, region, report(&[0x1f, 0x91, 0x13, 0x88, 0, 12, 0, 0])));
        udp.bind(8081, |request, _region| Ok(request)).unwrap();
        assert!(keeps(&mut udp, region, report(&[0x1f, 0x91, 0x13, 0x88, 0, 12, 0, 0])));
        assert_eq!((heard.take(), udp.stats().icmp_errors_unheard), (None, 2));
        // The listener goes with the service.
        assert!(udp.unbind(8080));
        udp.bind(8080, |request, _region| Ok(request)).unwrap();
        assert!(keeps(&mut udp, region, report(&QUOTED)));
        assert_eq!((heard.take(), udp.stats().icmp_errors_unheard), (None, 3));
    });
}

/// RFC 1191 3. Anybody can say so of a datagram that nobody here sent.
#[test]
fn a_path_gets_smaller_if_a_bound_port_can_have_sent_the_datagram() {
    with_listener(|mut udp, region, heard| {
        udp.serve_counters(Some(9100), own()).unwrap();
        let too_big = |port: u16| {
            let [high, low] = port.to_be_bytes();
            let quote = vec![high, low, 0x13, 0x88, 5, 0, 0, 0].leak();
            IcmpError { problem: Problem::TooBig(1400), ..report(quote) }
        };
        for (port, confirmed) in [(8080, true), (8081, false), (9100, true), (0, false)] {
            udp.network.too_big.clear();
            assert!(keeps(&mut udp, region, too_big(port)));
            let expected: &[_] = if confirmed { &[(PEER, 1400)] } else { &[] };
            assert_eq!(udp.network.too_big, expected, "port {port}");
        }
        assert_eq!((udp.stats().paths_unconfirmed, udp.stats().icmp_errors), (2, 4));
        assert_eq!(heard.take().unwrap().problem, Problem::TooBig(1400));
        // Another problem says nothing of the path.
        udp.network.too_big.clear();
        assert!(keeps(&mut udp, region, report(&QUOTED)));
        assert_eq!((udp.network.too_big.len(), udp.stats().paths_unconfirmed), (0, 2));
    });
}

#[test]
fn a_quote_without_a_header_is_counted() {
    with_listener(|mut udp, region, heard| {
        for length in 0..8 {
            assert!(keeps(&mut udp, region, report(&QUOTED[..length])));
        }
        assert_eq!((heard.take(), udp.stats().icmp_errors_malformed), (None, 8));
        assert_eq!(udp.stats().icmp_errors, 0);
    });
}

#[test]
fn reports_about_others_are_handed_up() {
    with_listener(|mut udp, region, heard| {
        let ours = report(&QUOTED);
        let tcp = Packet { protocol: Protocol::TCP, ..ours.packet };
        assert!(!keeps(&mut udp, region, IcmpError { packet: tcp, ..ours }));
        // That one was too big is TCP's to confirm, whose ports are not those of UDP.
        let problem = Problem::TooBig(1400);
        assert!(!keeps(&mut udp, region, IcmpError { problem, packet: tcp, ..ours }));
        assert!(udp.network.too_big.is_empty());
        // One to us that could not be put together.
        let theirs = Packet { source: PEER, destination: OURS, ..ours.packet };
        let rejected = Delivery::Rejected(Box::leak(Box::new(theirs)), Problem::ReassemblyTimedOut);
        udp.network.incoming.push_back(rejected);
        let handed_up = udp.receive(NOW, region).unwrap();
        assert!(matches!(handed_up, Rx::Item(Delivery::Rejected(..))), "{handed_up:?}");
        assert_eq!((heard.take(), udp.stats().icmp_errors), (None, 0));
    });
}

#[test]
fn a_listener_is_replaced_and_needs_a_service() {
    with_listener(|mut udp, region, heard| {
        assert_eq!(udp.on_error(9, |_| {}), Err(BindError::NotBound(9)));
        assert_eq!(BindError::NotBound(9).to_string(), "no service is bound to port 9");
        udp.on_error(8080, |_| {}).unwrap();
        assert!(keeps(&mut udp, region, report(&QUOTED)));
        assert_eq!((heard.take(), udp.stats().icmp_errors_unheard), (None, 0));
    });
}
