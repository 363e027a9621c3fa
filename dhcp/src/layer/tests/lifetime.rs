//! An address from its beginning to its end.

use super::*;

const US: Ipv4Addr = GRANTED;

#[test]
fn a_host_gets_an_address_and_serves_at_it() {
    with_bench(Probing::No, |bench| {
        assert!(!bench.ready());
        bench.turn();
        assert!(bench.ready());
        assert_eq!(
            (bench.address().to_string(), bench.asks(US)),
            ("10.0.0.100/24".into(), Some(US))
        );
        let (nobody, all) = (Ipv4Addr::UNSPECIFIED, Ipv4Addr::BROADCAST);
        assert_eq!(
            bench.messages,
            [(nobody, all, MessageType::DISCOVER), (nobody, all, MessageType::REQUEST)]
        );
        assert_eq!((bench.counter("messages_tx"), bench.counter("messages_rx")), (2, 2));
        assert_eq!(bench.counter("leases"), 1);
    });
}

#[test]
fn before_its_time_an_address_is_not_served() {
    with_bench(Probing::No, |bench| {
        bench.server.is_up = false;
        assert_eq!(bench.asks(US), None);
        bench.passes(secs(100));
        assert_eq!((bench.asks(US), bench.ready()), (None, false));
        bench.server.is_up = true;
        bench.passes(secs(66));
        assert_eq!((bench.asks(US), bench.ready()), (Some(US), true));
    });
}

/// What charrua 3.2.1 and smoltcp #744 had wrong: the renewal, and the rebinding.
#[test]
fn a_lease_is_renewed_while_the_host_serves() {
    with_bench(Probing::No, |bench| {
        bench.passes(secs(1));
        bench.messages.clear();
        for _ in 0..24 {
            bench.passes(secs(3600));
            assert_eq!((bench.ready(), bench.asks(US)), (true, Some(US)));
        }
        assert!(bench.messages.iter().all(|one| *one == (US, SERVER, MessageType::REQUEST)));
        assert!((47..=52).contains(&bench.messages.len()), "{}", bench.messages.len());
        assert_eq!((bench.counter("leases"), bench.counter("lost")), (1, 0));
    });
}

#[test]
fn an_address_that_is_not_renewed_is_silent_from_its_end_on() {
    with_bench(Probing::No, |bench| {
        bench.passes(secs(1));
        bench.server.is_up = false;
        bench.passes(secs(3590));
        assert_eq!((bench.asks(US), bench.ready()), (Some(US), true));
        let broadcasts =
            bench.messages.iter().filter(|(from, to, _)| *from == US && to.is_broadcast());
        assert!(broadcasts.count() > 1, "any server is asked");
        bench.passes(secs(10));
        assert_eq!((bench.asks(US), bench.ready(), bench.counter("lost")), (None, false, 1));
        assert_eq!(bench.address(), Cidr::UNSPECIFIED);
        bench.server.is_up = true;
        bench.passes(secs(66));
        assert_eq!((bench.asks(US), bench.ready()), (Some(US), true));
    });
}

#[test]
fn an_address_that_is_denied_is_replaced_by_another() {
    with_bench(Probing::No, |bench| {
        bench.passes(secs(1));
        let other = Ipv4Addr::new(10, 0, 0, 105);
        bench.server.leases.values_mut().for_each(|(address, _)| *address = other);
        bench.passes(secs(1803));
        assert_eq!((bench.asks(US), bench.asks(other)), (None, Some(other)));
        assert_eq!((bench.counter("denials"), bench.counter("leases")), (1, 2));
    });
}

#[test]
fn an_address_from_before_is_asked_for() {
    with_pool(256, |pool| {
        let memory = Region::new(pool, "memory");
        let wish = Ipv4Addr::new(10, 0, 0, 107);
        let mut bench = Bench::with(&memory, Probing::No, |dhcp| dhcp.with_address(Some(wish)));
        let id = ClientId::of(MAC).bytes().to_vec();
        bench.server.leases.insert(id, (wish, Instant::from_millis(9_000_000)));
        bench.turn();
        assert_eq!((bench.asks(wish), bench.messages.len()), (Some(wish), 1));
    });
}

#[test]
fn the_gateway_of_the_lease_is_used_and_forgotten_with_it() {
    with_bench(Probing::No, |bench| {
        bench.server.options = vec![(options::ROUTER, SERVER.octets().into())];
        bench.passes(secs(1));
        let far = SocketAddr::new(IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)), 9);
        let now = bench.host.now();
        assert_eq!(bench.host.tower.send(now, 8080, far, b"far"), Ok(Sent::Queued));
        bench.turn();
        assert_eq!(bench.replies.len(), 1);
        bench.server.is_up = false;
        bench.passes(secs(3600));
        let now = bench.host.now();
        assert!(matches!(bench.host.tower.send(now, 8080, far, b"far"), Ok(Sent::NotSent(_))));
    });
}

/// Who needs them is told of the servers of names and of the time, each time that they are others.
#[test]
fn who_wants_to_is_told_of_leases() {
    with_pool(256, |pool| {
        let memory = Region::new(pool, "memory");
        let told = RefCell::new(vec![]);
        let tell = |lease: Option<&Lease>| {
            told.borrow_mut().push(lease.map(|lease| (lease.dns.to_vec(), lease.ntp.to_vec())));
        };
        // It lives as long as the region.
        let tell: &dyn Fn(Option<&Lease>) = memory.alloc(tell).unwrap();
        let mut bench = Bench::with(&memory, Probing::No, |dhcp| dhcp);
        bench.dhcp().on_lease(tell);
        let servers = |dns: &[u8], ntp: &[u8]| {
            let list = |all: &[u8]| all.iter().flat_map(|last| [10, 0, 0, *last]).collect();
            vec![(options::DNS_SERVERS, list(dns)), (options::NTP_SERVERS, list(ntp))]
        };
        bench.server.options = servers(&[1], &[2, 3]);
        bench.passes(secs(1));
        bench.passes(secs(7200));
        let address = |last| Ipv4Addr::new(10, 0, 0, last);
        let first = Some((vec![address(1)], vec![address(2), address(3)]));
        assert_eq!(told.take(), [first], "renewals say nothing new");
        bench.server.options = servers(&[1, 4], &[2]);
        bench.passes(secs(1800));
        assert_eq!(told.take(), [Some((vec![address(1), address(4)], vec![address(2)]))]);
        bench.server.is_up = false;
        bench.passes(secs(3600));
        assert_eq!(told.take(), [None]);
    });
}

/// Option 26 limits what is sent in one piece.
#[test]
fn the_mtu_of_the_lease_is_kept() {
    with_bench(Probing::No, |bench| {
        bench.server.options = vec![(options::INTERFACE_MTU, 1000_u16.to_be_bytes().into())];
        bench.passes(secs(1));
        assert_eq!(bench.dhcp().network().link().mtu(), 1000);
        bench.asks(US);
        bench.lengths.clear();
        let to = SocketAddr::new(IpAddr::V4(SERVER), 9);
        let now = bench.host.now();
        assert_eq!(bench.host.tower.send(now, 8080, to, [7; 1400]), Ok(Sent::Queued));
        bench.turn();
        assert_eq!(bench.lengths, [996, 452], "two fragments");
        bench.server.is_up = false;
        bench.passes(secs(3600));
        assert_eq!(bench.dhcp().network().link().mtu(), 1500);
    });
}

#[test]
fn an_mtu_that_the_link_cannot_have_is_counted() {
    with_pool(256, |pool| {
        let memory = Region::new(pool, "memory");
        let (wire, end) = Wire::new(MAC);
        let arp = Arp::new(Ethernet::new(end), Cidr::UNSPECIFIED, 7, &memory).unwrap();
        let mut dhcp = Dhcp::new(Ipv4::new(arp, 7, &memory).unwrap(), 7);
        gets_a_lease(&mut dhcp, &wire, (options::INTERFACE_MTU, 1000_u16.to_be_bytes().into()));
        assert_eq!((dhcp.ready().ok(), dhcp.stats().mtus_unused), (Some(true), 1));
        assert_eq!(dhcp.network().link().mtu(), 1500);
    });
}

/// The release may have to wait for the hardware address of its next hop.
#[test]
fn a_released_address_is_given_back_and_silent() {
    with_bench(Probing::No, |bench| {
        bench.passes(secs(1));
        bench.messages.clear();
        let now = bench.host.now();
        bench.dhcp().release(now).unwrap();
        bench.passes(secs(2));
        assert_eq!(bench.messages, [(US, SERVER, MessageType::RELEASE)]);
        assert!(bench.server.leases.is_empty());
        assert_eq!((bench.asks(US), bench.ready()), (None, false));
        bench.passes(secs(10_000));
        assert_eq!((bench.messages.len(), bench.host.tower.next_deadline()), (1, None));
    });
}

/// RFC 2131 4.4.6: a program that ends gives the address back. The layers above pass the word on.
#[test]
fn at_the_end_the_address_is_given_back() {
    with_bench(Probing::No, |bench| {
        bench.passes(secs(1));
        bench.messages.clear();
        let mut seconds = 0;
        while !bench.host.tower.end(bench.host.now()).unwrap() {
            bench.passes(secs(1));
            seconds += 1;
        }
        assert_eq!(bench.messages, [(US, SERVER, MessageType::RELEASE)]);
        assert!(bench.server.leases.is_empty() && seconds <= 2, "{seconds} s");
    });
    // Without a lease there is nothing to wait for.
    with_bench(Probing::No, |bench| {
        bench.server.is_up = false;
        bench.passes(secs(1));
        assert!(bench.host.tower.end(bench.host.now()).unwrap());
    });
}

#[test]
fn when_the_link_is_back_the_address_is_verified_while_it_serves() {
    with_bench(Probing::No, |bench| {
        bench.passes(secs(1));
        bench.messages.clear();
        bench.wire.set_link(false);
        bench.passes(secs(5));
        bench.wire.set_link(true);
        bench.turn();
        assert_eq!(bench.messages.len(), 1);
        assert_eq!(bench.messages[0].2, MessageType::REQUEST);
        assert_eq!((bench.asks(US), bench.counter("leases")), (Some(US), 1));
    });
}

/// A link that does not report changes is asked at its interval.
#[test]
fn a_link_that_says_nothing_is_looked_at() {
    with_pool(256, |pool| {
        let memory = Region::new(pool, "memory");
        let mut bench = Bench::new(&memory, Probing::No);
        let link = bench.dhcp().network_mut().link_mut().link_mut();
        link.link_mut().netif_mut().link_interval = Some(secs(1));
        bench.passes(secs(3));
        bench.messages.clear();
        bench.wire.set_link(false);
        bench.passes(secs(3));
        bench.wire.set_link(true);
        bench.passes(secs(2));
        assert_eq!((bench.messages.len(), bench.asks(US)), (1, Some(US)));
    });
}

/// With an address that was configured.
#[test]
fn a_client_that_is_not_enabled_is_not_there() {
    with_pool(256, |pool| {
        let memory = Region::new(pool, "memory");
        let mut bench = Bench::with(&memory, Probing::No, |mut dhcp| {
            dhcp.network_mut().link_mut().set_address("10.0.0.7/24".parse().unwrap());
            dhcp.enabled(false)
        });
        assert!(bench.ready());
        let ours = Ipv4Addr::new(10, 0, 0, 7);
        bench.passes(secs(100_000));
        assert_eq!((bench.messages.len(), bench.asks(ours)), (0, Some(ours)));
        // Its port is as any other.
        bench.arrives(SERVER, ours, [5000, 68], b"hello");
        bench.turn();
        assert_eq!((bench.counter("messages_rx"), bench.host.counter("udp", "no_service")), (0, 1));
    });
}

#[test]
fn what_is_not_for_the_client_passes_through() {
    with_bench(Probing::No, |bench| {
        bench.passes(secs(1));
        // A port that is not the client's, and a message on the server's.
        bench.arrives(SERVER, US, [5000, 67], b"hello");
        bench.turn();
        assert_eq!((bench.counter("messages_rx"), bench.host.counter("udp", "no_service")), (2, 1));
        // To the client's port come messages alone, and nothing is said about others.
        bench.replies.clear();
        bench.arrives(SERVER, US, [5000, 68], b"hello");
        bench.turn();
        assert_eq!((bench.counter("short"), bench.replies.len()), (1, 0));
    });
}

/// Each is counted by its reason, and none changes anything.
#[test]
fn messages_that_are_ignored_are_counted() {
    with_bench(Probing::No, |bench| {
        bench.server.is_up = false;
        bench.turn();
        let xid = bench.xid;
        let offer = || Reply::new(MessageType::OFFER, MAC, xid);
        let broken = |at: usize| {
            let mut bytes = offer().bytes();
            bytes[at] ^= 0x80;
            bytes
        };
        for (name, bytes) in [
            ("short", vec![0; 239]),
            ("bad_cookie", broken(236)),
            ("bad_options", [&offer().bytes()[..240], &[3, 200, 1]].concat()),
            ("bootp", offer().bytes()[..240].to_vec()),
            ("not_replies", broken(0)),
            ("not_for_us", broken(4)),
            ("unexpected", Reply::new(MessageType::ACK, MAC, xid).bytes()),
            ("missing_options", offer().without(options::LEASE_TIME).bytes()),
            ("bad_values", offer().with(options::ROUTER, &[1, 2, 3]).bytes()),
            ("bad_addresses", offer().granting(Ipv4Addr::LOCALHOST).bytes()),
            ("short_leases", offer().with(options::LEASE_TIME, &[0; 4]).bytes()),
        ] {
            bench.arrives(SERVER, Ipv4Addr::BROADCAST, [67, 68], &bytes);
            bench.turn();
            assert_eq!(bench.counter(name), 1, "{name}");
            assert_eq!(bench.dhcp().client().state(), State::Selecting);
        }
        let to = Ipv4Addr::BROADCAST;
        let mut frame = datagram(MacAddr::BROADCAST, SERVER, to, [67, 68], &offer().bytes());
        *frame.last_mut().unwrap() ^= 1;
        bench.wire.push(frame);
        bench.turn();
        assert_eq!(bench.counter("bad_datagrams"), 1);
        assert_eq!((bench.messages.len(), bench.address()), (1, Cidr::UNSPECIFIED));
    });
}
