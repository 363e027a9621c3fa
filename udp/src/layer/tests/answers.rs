//! Whom services answer, and how much.

use core::time::Duration;

use super::*;

/// A request from this port of the peer.
fn from_port(port: u16, to: u16) -> Packet<'static> {
    let bytes = datagram(SocketAddr::new(PEER, port), SocketAddr::new(OURS, to), b"x");
    packet(bytes.leak())
}

/// How many replies there were since the last call.
fn replies(udp: &mut Udp<'_, FakeNetwork>) -> usize {
    core::mem::take(&mut udp.network.sent).len()
}

/// Echo, chargen, DNS, NTP, the last port that needs privileges; SSDP, STUN, SIP, mDNS, memcached, Quake III; the
/// ports that are served here.
const SERVICES: [u16; 16] =
    [1, 7, 19, 53, 123, 1023, 1900, 3478, 5060, 5061, 5353, 11_211, 27_960, 8080, 8081, 9100];

#[test]
fn what_comes_from_a_port_of_a_service_is_not_given_to_one() {
    with_layer(|mut udp, region| {
        udp.bind(8080, |_, _| panic!("it was given to the service")).unwrap();
        udp.bind(8081, |_, _| panic!("it was given to the service")).unwrap();
        udp.serve_counters(Some(9100), own()).unwrap();
        for (index, source) in SERVICES.into_iter().enumerate() {
            for to in [8080, 8081, 9100] {
                receive(&mut udp, region, from_port(source, to));
                assert_eq!(replies(&mut udp), 0, "from {source} to {to}");
            }
            assert_eq!(udp.stats().service_ports, 3 * (index as u64 + 1));
        }
        assert!(udp.network.errors.is_empty());
        assert_eq!(udp.stats().datagrams_rx, 0);
    });
}

#[test]
fn what_comes_from_a_port_of_a_client_is_served() {
    with_layer(|mut udp, region| {
        udp.bind(8080, |request, _| Ok(request)).unwrap();
        for source in [1024, 1899, 4000, 5062, 9100, 28_000, 32_768, 49_152, 65_535] {
            receive(&mut udp, region, from_port(source, 8080));
            assert_eq!(replies(&mut udp), 1, "from {source}");
        }
        assert_eq!(udp.stats().service_ports, 0);
    });
}

#[test]
fn a_service_that_says_so_answers_any_port() {
    with_layer(|mut udp, region| {
        udp.bind(8080, |request, _| Ok(request)).unwrap().answer_any_port();
        udp.bind(8081, |request, _| Ok(request)).unwrap();
        for source in SERVICES {
            receive(&mut udp, region, from_port(source, 8080));
            assert_eq!(replies(&mut udp), 1, "from {source}");
        }
        // It is only that one, and only until it is unbound.
        receive(&mut udp, region, from_port(53, 8081));
        assert!(udp.unbind(8080));
        udp.bind(8080, |request, _| Ok(request)).unwrap();
        receive(&mut udp, region, from_port(53, 8080));
        assert_eq!((replies(&mut udp), udp.stats().service_ports), (0, 2));
    });
}

/// A reply has less than its request, so that what bounces comes to an end; the service hears it all the same
/// (RFC 1122 3.2.1.7).
#[test]
fn each_reply_has_a_smaller_ttl_than_its_request() {
    with_layer(|mut udp, region| {
        let heard = Box::leak(Box::new(Cell::new(0)));
        let heard: &Cell<u64> = heard;
        udp.bind(8080, |request, _| {
            heard.set(heard.get() + 1);
            Ok(request)
        })
        .unwrap()
        .answer_any_port();
        for ttl in 0..=255 {
            receive(&mut udp, region, Packet { ttl, ..request(b"x") });
            let sent = udp.network.sent.pop().map(|(outgoing, _)| (outgoing.ttl, outgoing.max_ttl));
            assert_eq!(sent, (ttl > 1).then(|| (None, ttl - 1)), "{ttl}");
        }
        assert_eq!((heard.get(), udp.stats().ttl_spent), (256, 2));
    });
}

#[test]
fn broadcasts_are_for_services_that_asked_for_them_and_never_for_the_counters() {
    with_layer(|mut udp, region| {
        udp.bind(8080, |_, _| panic!("it was given to the service")).unwrap();
        udp.bind(8081, |request, _| Ok(request)).unwrap().answer_broadcasts();
        udp.serve_counters(Some(9100), own()).unwrap();
        for (to, answers) in [(8080, 0), (8081, 1), (9100, 0)] {
            receive(&mut udp, region, Packet { broadcast: true, ..from_port(5000, to) });
            assert_eq!(replies(&mut udp), answers, "to {to}");
        }
        assert_eq!((udp.stats().broadcasts, udp.stats().datagrams_rx), (2, 1));
        assert!(udp.network.errors.is_empty());
        // One option is not the other.
        receive(&mut udp, region, Packet { broadcast: true, ..from_port(53, 8081) });
        assert_eq!((replies(&mut udp), udp.stats().service_ports), (0, 1));
    });
}

#[test]
fn only_clients_are_answered_on_whatever_port() {
    with_layer(|udp, region| {
        let mut udp = udp.with_clients("10.0.0.0/30".parse().ok());
        udp.bind(8080, |request, _| Ok(request)).unwrap().answer_any_port().answer_broadcasts();
        udp.serve_counters(Some(9100), own()).unwrap();
        for (source, is_client) in [([10, 0, 0, 1], true), ([10, 0, 0, 9], false)] {
            for port in [8080, 9100, 9] {
                let source = SocketAddr::from((source, 5000));
                let bytes = datagram(source, SocketAddr::new(OURS, port), b"x");
                receive(&mut udp, region, Packet { source: source.ip(), ..packet(bytes.leak()) });
                let answers = replies(&mut udp) + udp.network.errors.len();
                udp.network.errors.clear();
                assert_eq!(answers, usize::from(is_client), "{source} to {port}");
            }
        }
        assert_eq!((udp.stats().not_allowed, udp.stats().no_service), (3, 1));
    });
}

#[test]
fn lines_without_a_reply_are_limited_and_replies_are_not() {
    with_layer(|mut udp, region| {
        udp.bind(8080, |request, region| match request {
            b"good" => Ok(request),
            b"much" => Ok(region.alloc_slice(&[7; PAGE_SIZE * 9])?),
            _ => Err(Failure::Refused("send `good`: nothing else is allowed")),
        })
        .unwrap();
        for number in 0..500 {
            receive(&mut udp, region, request([&b"bad"[..], b"much"][number % 2]));
        }
        let burst = replies(&mut udp) as u64;
        assert!((35..=70).contains(&burst), "{burst}");
        let Counters { refused, exhausted, replies_limited, .. } = *udp.stats();
        assert_eq!((refused, exhausted, replies_limited), (250, 250, 500 - burst));
        for _ in 0..500 {
            receive(&mut udp, region, request(b"good"));
        }
        assert_eq!(replies(&mut udp), 500);
        // What goes nowhere takes none from the others.
        let mut udp = udp.with_line_rate(1, 1);
        for _ in 0..10 {
            receive(&mut udp, region, from_port(0, 8080));
        }
        receive(&mut udp, region, request(b"bad"));
        assert_eq!(replies(&mut udp), 1);
    });
}

/// The bursts of two layers with different secrets differ, as those of ICMP errors do.
#[test]
fn how_many_lines_others_had_cannot_be_counted() {
    let burst = |seed| {
        with_pool(16, |pool| {
            let region = Region::new(pool, "packet");
            let mut places = [const { PortSlot::EMPTY }; 1];
            let mut udp = Udp::with_storage(FakeNetwork::default(), seed, &mut places[..], pool);
            udp.bind(8080, |_, _| Err(Failure::Refused("no"))).unwrap();
            for _ in 0..100 {
                receive(&mut udp, &region, request(b"x"));
            }
            replies(&mut udp)
        })
    };
    let mut bursts: Vec<_> = (0..50).map(burst).collect();
    bursts.sort_unstable();
    bursts.dedup();
    assert!(bursts.len() > 8, "{bursts:?}");
}

/// An operator, the rest of the own network, a network that was added, and somebody else.
#[test]
fn the_counters_are_for_our_own_network_and_those_that_were_added() {
    with_layer(|mut udp, region| {
        let added = "192.0.2.0/24".parse::<Networks>().unwrap();
        for (from, expected) in [(own(), [1, 1, 0, 0]), (added.and(own_cidr()), [1, 1, 1, 0])] {
            udp.serve_counters(Some(9100), from).unwrap();
            let sources = [[10, 0, 0, 1], [10, 0, 0, 254], [192, 0, 2, 7], [10, 0, 1, 1]];
            let answers = sources.map(|source| {
                let source = SocketAddr::from((source, 5000));
                let bytes = datagram(source, SocketAddr::new(OURS, 9100), b"pool");
                receive(&mut udp, region, Packet { source: source.ip(), ..packet(bytes.leak()) });
                replies(&mut udp)
            });
            assert_eq!(answers, expected);
        }
        assert_eq!(udp.stats().not_allowed, 3);
    });
}

/// 100,000 requests in ten seconds have ten seconds' worth of bytes; one a second has all it asks for, afterwards at
/// once.
#[test]
fn listings_are_limited_in_bytes() {
    with_pool(16, |pool| {
        let memory = Region::new(pool, "memory");
        let mut udp = Udp::new(FakeNetwork::default(), 7, &memory).unwrap();
        udp.serve_counters(Some(9100), own()).unwrap();
        let mut region = Region::new(pool, "packet");
        let mut ask = |now, udp: &mut Udp<'_, FakeNetwork>| {
            region.reset();
            let bytes = datagram(CLIENT, SocketAddr::new(OURS, 9100), b"").leak();
            udp.network.incoming.push_back(Delivery::Packet(Box::leak(Box::new(packet(bytes)))));
            assert!(matches!(udp.receive(now, &region), Ok(Rx::Handled)));
            core::mem::take(&mut udp.network.sent)
                .iter()
                .map(|(_, bytes)| bytes.len())
                .sum::<usize>()
        };
        let start = Instant::from_millis(5000);
        let flood: usize =
            (0..10_000).map(|at| ask(start + Duration::from_millis(at), &mut udp)).sum();
        assert!((600_000..750_000).contains(&flood), "{flood} bytes");
        assert!(udp.stats().replies_limited > 5000);
        for second in 0..100 {
            let now = start + Duration::from_secs(11 + second);
            assert!(ask(now, &mut udp) > 0, "second {second}");
        }
    });
}
