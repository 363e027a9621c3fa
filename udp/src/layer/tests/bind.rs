//! The table of ports.

use super::*;

#[test]
fn what_cannot_be_bound_is_said_in_words() {
    with_layer(|mut udp, _| {
        let mut bind = |port| udp.bind(port, |request, _region| Ok(request)).map(drop);
        assert_eq!(bind(0), Err(BindError::Zero));
        for port in [8080, 65_535, 1, 53] {
            assert_eq!(bind(port), Ok(()));
            assert_eq!(bind(port), Err(BindError::InUse(port)));
        }
        assert_eq!(bind(2), Err(BindError::Full { most: 4 }));
        let words = [bind(0), bind(53), bind(2)].map(|bound| bound.unwrap_err().to_string());
        assert_eq!(
            words,
            [
                "no service can be bound to port 0",
                "a service is bound to port 53 already",
                "all 4 places for ports are taken",
            ]
        );
    });
}

#[test]
fn any_order_of_binding_and_unbinding_finds_the_right_service() {
    with_pool(80, |pool| {
        let memory = Region::new(pool, "memory");
        let region = Region::new(pool, "packet");
        let mut udp = Udp::new(FakeNetwork::default(), 7, &memory).unwrap();
        // 64 ports in an order that is neither up nor down, every third of them taken away again.
        let ports: Vec<u16> = (0..64u32).map(|i| (i * 4241 % 60_000 + 1) as u16).collect();
        for &port in &ports {
            udp.bind(port, move |_, region| Ok(region.alloc_slice(&port.to_be_bytes())?)).unwrap();
        }
        let bound = udp.bind(7, |_, _| Ok(b"")).map(drop);
        assert_eq!(bound, Err(BindError::Full { most: 64 }));
        for (index, &port) in ports.iter().enumerate() {
            assert!(index % 3 != 0 || udp.unbind(port));
        }
        for (index, &port) in ports.iter().enumerate() {
            let bytes = datagram(CLIENT, SocketAddr::new(OURS, port), b"x");
            receive(&mut udp, &region, packet(bytes.leak()));
            match index % 3 {
                0 => assert!(udp.network.sent.is_empty()),
                _ => assert_eq!(udp.network.sent.pop().unwrap().1[8..], port.to_be_bytes()),
            }
        }
        assert_eq!((udp.stats().no_service, udp.stats().datagrams_rx), (22, 42));
    });
}

/// Each service keeps something, so that it takes a page.
#[test]
fn a_port_can_be_bound_and_unbound_for_ever() {
    with_pool(4, |pool| {
        let memory = Region::new(pool, "memory").with_cap(2 * PAGE_SIZE);
        let places = memory.alloc_slice_with(1, |_| PortSlot::EMPTY).unwrap();
        let mut udp = Udp::with_storage(FakeNetwork::default(), 7, places, pool);
        let free = pool.free_pages();
        for round in 0..10_000u32 {
            udp.bind(8080, move |_, region| Ok(region.alloc_slice(&round.to_be_bytes())?)).unwrap();
            udp.on_error(8080, move |_| assert!(round < 10_000)).unwrap();
            assert_eq!(pool.free_pages(), free - 2);
            assert!(udp.unbind(8080) && !udp.unbind(8080));
            assert_eq!(pool.free_pages(), free);
        }
        assert_eq!(pool.most_pages_used(), pool.pages() - free + 2);
    });
}

#[test]
fn what_is_bound_goes_with_the_layer() {
    with_pool(8, |pool| {
        let memory = Region::new(pool, "memory");
        let places = memory.alloc_slice_with(2, |_| PortSlot::EMPTY).unwrap();
        let free = pool.free_pages();
        let mut udp = Udp::with_storage(FakeNetwork::default(), 7, places, pool);
        let port = 8080u16;
        udp.bind(port, move |_, region| Ok(region.alloc_slice(&port.to_be_bytes())?)).unwrap();
        assert_eq!(pool.free_pages(), free - 1);
        drop(udp);
        assert_eq!(pool.free_pages(), free);
    });
}

#[test]
fn a_table_can_lie_on_the_stack_and_a_service_can_borrow() {
    with_pool(2, |pool| {
        let region = Region::new(pool, "packet");
        let served = Cell::new(0);
        let mut places = [const { PortSlot::EMPTY }; 1];
        let mut udp = Udp::with_storage(FakeNetwork::default(), 7, &mut places[..], pool);
        udp.bind(8080, |request, _region| {
            served.set(served.get() + 1);
            Ok(request)
        })
        .unwrap();
        receive(&mut udp, &region, packet(&REQUEST));
        assert_eq!((reply(&mut udp), served.get()), (b"hello".to_vec(), 1));
    });
}

#[test]
fn no_memory_is_an_error_and_nothing_is_bound() {
    with_pool(2, |pool| {
        let memory = Region::new(pool, "memory");
        let places = memory.alloc_slice_with(2, |_| PortSlot::EMPTY).unwrap();
        let mut udp = Udp::with_storage(FakeNetwork::default(), 7, places, pool);
        while memory.alloc([0u8; PAGE_SIZE]).is_ok() {}
        let kept = [0u8; 100];
        let bound = udp.bind(8080, move |_, region| Ok(region.alloc_slice(&kept)?)).map(drop);
        let Err(error @ BindError::Exhausted(exhausted)) = bound else { panic!("{bound:?}") };
        assert_eq!((exhausted.region, exhausted.limit), ("udp.service", Limit::Pool));
        assert_eq!(error.to_string(), "no memory for what the service keeps");
        assert_eq!(error.source().unwrap().to_string(), exhausted.to_string());
        // A service that keeps nothing takes no memory.
        udp.bind(8080, |request, _region| Ok(request)).unwrap();
        assert!(udp.unbind(8080));
    });
}

#[test]
fn a_table_needs_a_region_with_room_and_a_pool() {
    let mut room = Finite::<64>::new();
    let memory = room.region("stack");
    let exhausted = Udp::new(FakeNetwork::default(), 7, &memory).unwrap_err();
    assert_eq!((exhausted.region, exhausted.allowed()), ("stack", 64));
    assert_eq!(exhausted, memory.require_pool().unwrap_err());
    with_pool(1, |pool| {
        let memory = Region::new(pool, "memory").with_cap(0);
        assert_eq!(Udp::new(FakeNetwork::default(), 7, &memory).unwrap_err().region, "memory");
    });
}

#[test]
fn what_a_table_holds_can_be_printed() {
    with_layer(|mut udp, _| {
        udp.bind(8080, |request, _region| Ok(request)).unwrap();
        udp.bind(53, |request, _region| Ok(request)).unwrap();
        assert_eq!(format!("{:?} {:?}", udp.ports, PortSlot::EMPTY), "[port 53, port 8080] free");
    });
}
