//! The port that answers with all counters.

use super::*;

/// What port 9100 answers.
fn ask(
    udp: &mut Udp<'_, FakeNetwork>,
    region: &mut Region<'_>,
    request: &[u8],
) -> std::string::String {
    region.reset();
    let bytes = datagram(CLIENT, SocketAddr::new(OURS, 9100), request);
    receive(udp, region, packet(bytes.leak()));
    let (_, bytes) = udp.network.sent.pop().expect("there is a reply");
    assert!(udp.network.sent.is_empty());
    std::string::String::from_utf8(bytes[8..].to_vec()).expect("it is text")
}

fn with_listing(test: impl for<'g> FnOnce(Udp<'g, FakeNetwork>, &mut Region<'g>)) {
    with_pool(16, |pool| {
        let table = Region::new(pool, "table");
        let mut udp = Udp::new(FakeNetwork::default(), 7, &table).unwrap();
        udp.serve_counters(Some(9100), own()).unwrap();
        test(udp, &mut Region::new(pool, "packet"));
    });
}

#[test]
fn all_counters_are_listed_those_that_are_zero_too() {
    with_listing(|mut udp, region| {
        let all = ask(&mut udp, region, b"");
        for line in ["eth0.udp.datagrams_rx 1\n", "eth0.udp.no_service 0\n", "pool pages 1"] {
            assert!(all.contains(line), "{line}: {all}");
        }
        assert!(all.lines().any(|line| line.starts_with("region packet ")), "{all}");
        // The network's counter, ours, the pool, and two regions.
        assert_eq!(all.lines().count(), 1 + 21 + 1 + 2, "{all}");
    });
}

#[test]
fn the_beginning_of_a_line_selects() {
    with_listing(|mut udp, region| {
        assert_eq!(ask(&mut udp, region, b"eth0.udp.datagrams_rx\n"), "eth0.udp.datagrams_rx 1\n");
        assert_eq!(ask(&mut udp, region, b"eth0.tcp"), "");
        assert!(ask(&mut udp, region, b"\xff").contains("is allowed"));
    });
}

#[test]
fn a_region_without_room_costs_that_listing_only() {
    with_pool(16, |pool| {
        let table = Region::new(pool, "table");
        let mut udp = Udp::new(FakeNetwork::default(), 7, &table).unwrap();
        udp.serve_counters(Some(9100), own()).unwrap();
        let mut small = Finite::<256>::new();
        let mut small = small.region("small");
        assert!(ask(&mut udp, &mut small, b"").starts_with("out of memory: region small"));
        assert_eq!(udp.stats().exhausted, 1);
        assert_eq!(ask(&mut udp, &mut small, b"eth0.udp.ex"), "eth0.udp.exhausted 1\n");
    });
}

#[test]
fn its_port_is_taken() {
    with_layer(|mut udp, _| {
        udp.bind(8080, |request, _region| Ok(request)).unwrap();
        assert_eq!(udp.serve_counters(Some(8080), own()), Err(BindError::InUse(8080)));
        assert_eq!(udp.serve_counters(Some(0), own()), Err(BindError::Zero));
        assert_eq!(udp.serve_counters(Some(9100), own()), Ok(()));
        let mut bind = || udp.bind(9100, |request, _region| Ok(request)).map(drop);
        assert_eq!(bind(), Err(BindError::InUse(9100)));
        assert_eq!(udp.serve_counters(None, own()), Ok(()));
        assert!(udp.bind(9100, |request, _region| Ok(request)).is_ok());
    });
}

layer::service_counters! {
    struct Store of "kv" {
        hits,
        misses,
    }
}

#[test]
fn what_a_service_counts_is_listed_after_the_layers() {
    with_pool(16, |pool| {
        let table = Region::new(pool, "table");
        let store = table.alloc(Store::default()).unwrap();
        let udp = Udp::new(FakeNetwork::default(), 7, &table).unwrap();
        let mut udp = udp.with_service_counters(store);
        udp.bind(8080, |request, _| {
            if request == b"k" {
                store.hits.add(1);
            } else {
                store.misses.add(1);
            }
            Ok(request)
        })
        .unwrap();
        udp.serve_counters(Some(9100), own()).unwrap();
        let mut region = Region::new(pool, "packet");
        for request in [b"k", b"x", b"k"] {
            let bytes = datagram(CLIENT, SocketAddr::new(OURS, 8080), request);
            receive(&mut udp, &region, packet(bytes.leak()));
            udp.network.sent.clear();
        }
        assert_eq!(ask(&mut udp, &mut region, b"eth0.kv"), "eth0.kv.hits 2\neth0.kv.misses 1\n");
        let all = ask(&mut udp, &mut region, b"");
        let place = |line: &str| all.find(line).unwrap_or_else(|| panic!("{line}: {all}"));
        assert!(place("eth0.udp.paths_unconfirmed") < place("eth0.kv.hits"));
        assert!(place("eth0.kv.misses 1\n") < place("pool pages"));
    });
}

#[test]
fn the_log_of_a_service_is_found_by_its_name() {
    with_pool(16, |pool| {
        let table = Region::new(pool, "table");
        let store = table.alloc(Store::default()).unwrap();
        let udp = Udp::new(FakeNetwork::default(), 7, &table).unwrap();
        let mut udp = udp.with_service_counters(store);
        for (name, found) in [("kva", false), ("udp", true), ("kv", true)] {
            let mut setup = Setup::default();
            setup.log = Some(name);
            udp.configure(&mut setup);
            assert_eq!((setup.found_log(), store.log()), (found, name == "kv"), "{name}");
        }
    });
}
