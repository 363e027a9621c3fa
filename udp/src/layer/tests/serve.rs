//! What services answer, and what clients are told when they do not.

use super::*;

#[test]
fn services_of_all_kinds_can_be_bound() {
    fn reverse<'r>(request: &'r [u8], region: &'r Region<'_>) -> Reply<'r> {
        let reply = region.alloc_slice(request)?;
        reply.reverse();
        Ok(reply)
    }
    fn bind<'g>(udp: &mut Udp<'g, FakeNetwork>) -> Result<(), Box<dyn Error>> {
        let mut count = 0;
        udp.bind(8080, |request, _region| Ok(request))?;
        udp.bind(8081, reverse)?;
        udp.bind(8082, |_, _| Ok(b"always the same"))?;
        udp.bind(8083, move |_, region| {
            count += 1;
            Ok(region.format(format_args!("request {count}"))?.as_bytes())
        })?;
        Ok(())
    }
    with_layer(|mut udp, region| {
        bind(&mut udp).unwrap();
        for port in [8083, 8082, 8081, 8080, 8083] {
            let bytes = datagram(CLIENT, SocketAddr::new(OURS, port), b"abc");
            receive(&mut udp, region, packet(bytes.leak()));
        }
        let replies: Vec<_> = udp.network.sent.iter().map(|(_, bytes)| &bytes[8..]).collect();
        let expected = ["request 1", "always the same", "cba", "abc", "request 2"];
        assert_eq!(replies, expected.map(str::as_bytes));
    });
}

/// Replies of 8 KiB and more had wrong content elsewhere, and of several only the last was whole.
#[test]
fn replies_of_every_size_are_whole() {
    with_layer(|mut udp, region| {
        udp.bind(8080, |request, _region| Ok(request)).unwrap();
        let sizes = [0, 1, 2, 1471, 1472, 1473, 8192, 29_202, 65_506, 65_507];
        let data: Vec<u8> = (0..65_507u32).map(|i| (i * i % 251) as u8).collect();
        for size in sizes {
            receive(&mut udp, region, request(&data[..size]));
        }
        assert_eq!(udp.stats().datagrams_tx, sizes.len() as u64);
        for ((_, bytes), size) in udp.network.sent.iter().zip(sizes) {
            let sent = Packet { source: OURS, destination: PEER, ..packet(bytes) };
            assert_eq!(UdpHeader::parse(&sent).unwrap().1, &data[..size], "{size}");
        }
    });
}

#[test]
fn a_reply_that_is_too_long_is_replaced_by_a_line() {
    with_layer(|mut udp, region| {
        static LONG: [u8; 65_508] = [b'x'; 65_508];
        udp.bind(8080, |_, _| Ok(&LONG)).unwrap();
        receive(&mut udp, region, request(b""));
        assert_eq!(reply(&mut udp), b"the reply has 65508 bytes, a datagram 65507 at most");
        assert_eq!(udp.stats().replies_too_long, 1);
        udp.network.max_payload = 100;
        receive(&mut udp, region, request(b""));
        assert_eq!(reply(&mut udp), b"the reply has 65508 bytes, a datagram 92 at most");
        // Where not even the line fits, nothing is sent, and nothing worse happens.
        udp.network.max_payload = 7;
        receive(&mut udp, region, request(b""));
        assert!(udp.network.sent.is_empty());
        assert_eq!((udp.stats().replies_too_long, udp.stats().not_sent), (3, 1));
    });
}

#[test]
fn a_client_is_told_that_there_was_no_memory() {
    with_layer(|mut udp, region| {
        udp.bind(8080, |request, region| {
            let squares = region.alloc_slice_with(10_000, |i| i * i)?;
            Ok(&request[..squares.len().min(1)])
        })
        .unwrap();
        receive(&mut udp, region, request(b"x"));
        let told =
            "out of memory: region packet: no room for 80000 more bytes: 0 used, 32768 allowed";
        assert_eq!(reply(&mut udp), told.as_bytes());
        assert_eq!((udp.stats().exhausted, region.pages()), (1, 0));
    });
}

/// What the line is written into has no pages, so that it is sent even if there is none left.
#[test]
fn a_client_is_told_even_if_there_is_no_page_left() {
    with_layer(|mut udp, region| {
        udp.bind(8080, |_, region| {
            loop {
                region.alloc([0u8; PAGE_SIZE])?;
            }
        })
        .unwrap();
        receive(&mut udp, region, request(b"x"));
        assert!(reply(&mut udp).starts_with(b"out of memory: region packet: "));
        assert_eq!(region.pages(), 8);
    });
}

#[test]
fn an_error_too_long_for_the_line_is_shortened() {
    static NAME: [u8; 600] = [b'n'; 600];
    with_layer(|mut udp, region| {
        udp.bind(8080, |_, _| {
            let region = str::from_utf8(&NAME).unwrap();
            let limit = Limit::Cap;
            Err(Exhausted::new(region, limit, 1, 0, 0).into())
        })
        .unwrap();
        receive(&mut udp, region, request(b"x"));
        assert_eq!(reply(&mut udp), b"out of memory");
    });
}

#[test]
fn a_refusal_is_sent_as_it_is() {
    with_layer(|mut udp, region| {
        udp.bind(8080, |request, _| {
            Err(Failure::Refused(str::from_utf8(request).unwrap_or("not a text")))
        })
        .unwrap();
        let long = "zahl ".repeat(13_101);
        for text in ["", "a number between 1 and 100, please", &long] {
            receive(&mut udp, region, request(text.as_bytes()));
            assert_eq!(reply(&mut udp), text.as_bytes());
        }
        receive(&mut udp, region, request(&[0xff]));
        assert_eq!(reply(&mut udp), b"not a text");
        assert_eq!((udp.stats().refused, udp.stats().datagrams_tx), (4, 4));
    });
}

#[test]
fn silence_is_silence() {
    with_layer(|mut udp, region| {
        udp.bind(8080, |_, _| Err(Failure::Silent)).unwrap();
        receive(&mut udp, region, request(b"x"));
        assert!(udp.network.sent.is_empty() && udp.network.errors.is_empty());
        assert_eq!((udp.stats().silent, udp.stats().datagrams_rx), (1, 1));
    });
}

/// A request from a host that cannot be answered stalled all other clients elsewhere.
#[test]
fn a_client_that_is_not_there_stalls_nobody() {
    with_layer(|mut udp, region| {
        udp.bind(8080, |request, _region| Ok(request)).unwrap();
        let gone = SocketAddr::from(([10, 9, 9, 9], 5000));
        udp.network.unreachable = Some(gone.ip());
        let lost = packet(datagram(gone, SERVICE, b"lost").leak());
        for _ in 0..10 {
            receive(&mut udp, region, Packet { source: gone.ip(), ..lost });
            receive(&mut udp, region, request(b"here"));
            assert_eq!(reply(&mut udp), b"here");
        }
        assert_eq!((udp.stats().not_sent, udp.stats().datagrams_tx), (10, 10));
    });
}

#[test]
fn a_broken_device_is_an_error() {
    with_layer(|mut udp, region| {
        udp.bind(8080, |request, _region| Ok(request)).unwrap();
        udp.network.broken = true;
        udp.network.incoming.push_back(Delivery::Packet(Box::leak(Box::new(packet(&REQUEST)))));
        assert!(matches!(udp.receive(NOW, region), Err(Broken)));
        assert!(matches!(udp.send(NOW, 8080, CLIENT, b"x"), Err(Broken)));
    });
}
