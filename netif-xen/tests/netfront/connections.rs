//! Connections made, ended, and made again.

use std::{cell::RefCell, rc::Rc};

use layer::Rx;
use netif::{MacAddr, Netif};
use netif_xen::{Error, Netfront};
use rt::Config;
use rt_xen::{Errno, GrantError, Guest, StoreError};

use crate::{
    simulated::{World, backend::Backend},
    support::{Host, MAC, PAGES, frame},
};

/// One frame each way.
fn goes_through(host: &mut Host) -> bool {
    host.settle();
    host.sent();
    host.backend.borrow_mut().send(&frame(60, 1));
    host.netfront.transmit(&frame(61, 2)[..], layer::TxOffload::NONE).unwrap();
    let received = host.settle();
    received.iter().any(|(bytes, _)| *bytes == frame(60, 1)) && host.sent() == [frame(61, 2)]
}

#[test]
fn nothing_leaves_before_the_backend_is_connected() {
    let world = World::new(PAGES);
    let mut backend = Backend::plug(&world, 0, &MAC.to_string(), None);
    backend.hotplug_pending = true;
    let backend = Rc::new(RefCell::new(backend));
    let other = backend.clone();
    world.while_asleep(move || other.borrow_mut().turn());
    let netfront = Netfront::attach(world.clone(), None, None, world.memory()).unwrap();
    assert!(!netfront.is_connected());
    assert_eq!(world.now().as_nanos(), 10_000_000_000, "it has waited for ten seconds");
    let packet = rt_regions::Region::new(world.pool(), "packet");
    let mut host = Host { world, netfront, backend, packet };
    for _ in 0..3 {
        host.netfront.transmit(&frame(60, 0)[..], layer::TxOffload::NONE).unwrap();
    }
    assert_eq!((host.counter("tx_interface_down"), host.counter("frames_tx")), (3, 0));
    assert_eq!(host.settle(), []);
    host.backend.borrow_mut().hotplug_pending = false;
    assert!(goes_through(&mut host));
    host.end();
}

#[test]
fn the_backend_closes_and_comes_back_again_and_again() {
    let mut host = Host::new();
    let free = host.world.pool().free_pages();
    for round in 2..40 {
        // Closing first, or Closed at once, or a beginning without a word.
        let state = ["5", "6", "2", "1", "3", "", "garbage"][round % 7];
        host.backend.borrow_mut().set("state", state);
        host.netfront.transmit(&frame(60, round)[..], layer::TxOffload::NONE).unwrap();
        assert_eq!(host.receive(), []);
        assert!(!host.netfront.is_connected(), "{state:?}");
        host.turn();
        assert!(goes_through(&mut host), "{state:?}");
        assert_eq!(host.counter("connections"), round as u64);
    }
    host.packet.release();
    assert_eq!(host.world.pool().free_pages(), free);
    assert_eq!(host.counter("backend_violations"), 0);
    host.end();
}

#[test]
fn the_device_is_taken_away_and_another_comes() {
    let mut host = Host::new();
    for (round, number) in [0, 0, 3, 1, 0].into_iter().enumerate() {
        host.backend.borrow_mut().ask_to_unplug();
        host.netfront.transmit(&frame(60, 0)[..], layer::TxOffload::NONE).unwrap();
        host.settle();
        assert_eq!(host.backend.borrow().state(), "6", "both ends are closed");
        assert_eq!(host.world.grants(), 0, "nothing is granted any more");
        assert_eq!(host.netfront.event().0, None);
        let old = host.backend.borrow().number;
        host.backend.borrow_mut().unplug();
        host.settle();
        assert!(
            !host.world.store(|store| store.has(&format!("device/vif/{old}"))),
            "it is written again"
        );
        // The service goes on without it.
        let before = host.counter("tx_interface_down");
        host.netfront.transmit(&frame(60, 0)[..], layer::TxOffload::NONE).unwrap();
        assert_eq!(host.counter("tx_interface_down"), before + 1);
        let mac = "00:16:3e:00:00:99";
        let backend = Backend::plug(&host.world, number, mac, Some(1300 + round as u32));
        *host.backend.borrow_mut() = backend;
        assert!(goes_through(&mut host), "device {number}");
        // The address stays what the layers above know; the MTU is that of the device.
        assert_eq!((host.netfront.mac(), host.netfront.mtu()), (MAC, 1300 + round));
        assert_eq!(host.counter("mac_differs"), round as u64 + 1);
    }
    host.end();
}

#[test]
fn a_device_that_goes_without_a_word_under_load() {
    let mut host = Host::new();
    for round in 0..50 {
        for number in 0..round {
            host.backend.borrow_mut().send(&frame(100, number));
            host.netfront.transmit(&frame(200, number)[..], layer::TxOffload::NONE).unwrap();
        }
        if round % 2 == 0 {
            host.turn();
        }
        host.backend.borrow_mut().unplug();
        // Between two looks: it is back already, under the same number.
        let backend = Backend::plug(&host.world, 0, &MAC.to_string(), None);
        *host.backend.borrow_mut() = backend;
        assert!(goes_through(&mut host), "round {round}");
    }
    assert_eq!(host.counter("connections"), 51);
    host.end();
}

#[test]
fn a_device_is_exchanged_while_its_backend_is_waited_for() {
    let mut host = Host::new();
    host.backend.borrow_mut().hotplug_pending = true;
    host.backend.borrow_mut().set("state", "6");
    host.settle();
    let old = host.backend.borrow().front("event-channel");
    assert_eq!(host.backend.borrow().front("state"), Some(4), "rings and channel are offered");
    // Its backend is in the same state; only our own state in xenstore tells that it is another one.
    host.backend.borrow_mut().unplug();
    let backend = Backend::plug(&host.world, 0, &MAC.to_string(), None);
    *host.backend.borrow_mut() = backend;
    assert!(goes_through(&mut host));
    assert!(old.is_some() && host.counter("connections") == 2);
    host.end();
}

#[test]
fn the_rings_of_the_last_connection_are_waited_for() {
    let mut host = Host::new();
    let ring = host.backend.borrow().front("rx-ring-ref").unwrap();
    host.world.map(ring);
    host.backend.borrow_mut().set("state", "6");
    host.settle();
    assert!(!host.netfront.is_connected());
    assert_eq!(host.world.grant_numbers(), [ring]);
    host.world.unmap(ring);
    assert!(goes_through(&mut host));
    host.end();
}

/// An argument is not ignored in silence.
#[test]
fn offloads_are_on_if_they_are_asked_for_or_refused() {
    let world = World::new(PAGES);
    let backend = Rc::new(RefCell::new(Backend::plug(&world, 0, &MAC.to_string(), None)));
    backend.borrow_mut().expects_segments = None;
    world.while_asleep(move || backend.borrow_mut().turn());
    let config = Config::from_args(["--offloads=on"]).unwrap();
    let configured = Netfront::configured(world.clone(), &config, world.memory());
    if cfg!(feature = "segmentation") {
        let netfront = configured.unwrap();
        assert!(netfront.is_connected() && netfront.offloads().tcp_segmentation);
    } else {
        let error = configured.unwrap_err();
        assert_eq!((error.status(), error.message()), (2, "--offloads=on: not in this image"));
    }
}

#[test]
fn the_chosen_device_is_the_only_one_that_will_do() {
    let world = World::new(PAGES);
    let first = Backend::plug(&world, 0, "00:16:3e:00:00:01", None);
    let backend = Rc::new(RefCell::new(Backend::plug(&world, 2, &MAC.to_string(), None)));
    let missing = Netfront::attach(world.clone(), Some(1), None, world.memory());
    assert_eq!(missing.err(), Some(Error::NoDevice(Some(1))));
    let other = backend.clone();
    world.while_asleep(move || other.borrow_mut().turn());
    let ours = MacAddr([2, 0, 0, 0, 0, 9]);
    let netfront = Netfront::attach(world.clone(), Some(2), Some(ours), world.memory()).unwrap();
    assert_eq!(netfront.mac(), ours);
    let place = std::fmt::from_fn(|f| netfront.describe(f));
    assert_eq!(place.to_string(), " on vif/2 02:00:00:00:00:09");
    let packet = rt_regions::Region::new(world.pool(), "packet");
    let mut host = Host { world, netfront, backend, packet };
    assert!(goes_through(&mut host));
    host.backend.borrow_mut().unplug();
    host.settle();
    assert!(!host.netfront.is_connected() && first.front("state") == Some(1));
    host.end();
}

#[test]
fn the_arguments_choose_device_and_address() {
    let config = |arguments: &[&'static str]| Config::from_args(arguments.iter().copied()).unwrap();
    let world = World::new(PAGES);
    let _backends = [0, 3].map(|number| Backend::plug(&world, number, &MAC.to_string(), None));
    let opened = |arguments: &[&'static str]| {
        Netfront::configured(&world, &config(arguments), world.memory())
            .map(|netfront| netfront.mac())
    };
    assert_eq!(opened(&["--interface=3"]).unwrap(), MAC);
    assert_eq!(opened(&["--mac=02:00:00:00:00:05"]).unwrap(), MacAddr([2, 0, 0, 0, 0, 5]));
    for (argument, status) in [("--interface=1", 1), ("--interface=tap0", 2), ("--interface=-1", 2)]
    {
        assert_eq!(opened(&[argument]).unwrap_err().status(), status, "{argument}");
    }
    world.end();
}

#[test]
fn what_is_wrong_with_a_device_is_said_with_the_key() {
    for (key, value) in [
        ("backend", "relative"),
        ("backend", "/with a blank"),
        ("backend", ""),
        ("backend-id", "32752"),
        ("backend-id", "-1"),
        ("backend-id", "x"),
        ("mac", "00:16:3e:00:00"),
        ("mac", "01:16:3e:00:00:07"),
        ("mac", "\u{fffd}"),
        ("mtu", "67"),
        ("mtu", "65518"),
        ("mtu", "1500 "),
        ("mtu", "99999999999999999999"),
        ("feature-rx-copy", "0"),
    ] {
        let world = World::new(PAGES);
        let backend = Backend::plug(&world, 0, &MAC.to_string(), None);
        match key {
            "feature-rx-copy" => backend.set(key, value),
            _ => world.store(|store| store.set(&format!("device/vif/0/{key}"), value)),
        }
        let error = Netfront::attach(world.clone(), None, None, world.memory()).unwrap_err();
        assert_eq!(error, Error::Device(0, key), "{value:?}");
        assert!(error.to_string().contains(key));
        world.end();
    }
    let world = World::new(PAGES);
    let error = Netfront::attach(world.clone(), None, None, world.memory()).unwrap_err();
    assert_eq!(error, Error::NoDevice(None));
    world.end();
}

#[test]
fn the_mtu_is_the_devices_or_the_backends_or_1500() {
    for (device, backend, mtu) in
        [(None, None, 1500), (None, Some(1400), 1400), (Some(1300), Some(1400), 1300)]
    {
        let world = World::new(PAGES);
        let _backend = Backend::plug(&world, 0, &MAC.to_string(), backend);
        if let Some(mtu) = device {
            world.store(|store| store.set("device/vif/0/mtu", u32::to_string(&mtu)));
        }
        let netfront = Netfront::attach(world.clone(), None, None, world.memory()).unwrap();
        assert_eq!(netfront.mtu(), mtu);
        drop(netfront);
        world.end();
    }
}

#[test]
fn too_little_memory_or_no_grants_is_an_error_and_leaves_nothing_behind() {
    for pages in 0..45 {
        let world = World::new(PAGES);
        let _backend = Backend::plug(&world, 0, &MAC.to_string(), None);
        let pool = world.pool();
        let taken: Vec<_> = (pages..PAGES).map_while(|_| pool.page("test").ok()).collect();
        let error = Netfront::attach(world.clone(), None, None, world.memory()).unwrap_err();
        assert!(matches!(error, Error::Memory(_)), "{error}");
        drop(taken);
        world.end();
    }
    for entries in 0..2 {
        let world = World::new(PAGES);
        let _backend = Backend::plug(&world, 0, &MAC.to_string(), None);
        world.limit_grants(entries);
        let error = Netfront::attach(world.clone(), None, None, world.memory()).unwrap_err();
        assert_eq!(error, Error::Grants(GrantError::Full(entries)));
        world.end();
    }
    // Few are enough, and when there are more again they are used.
    let mut host = Host::new();
    host.world.limit_grants(6);
    host.backend.borrow_mut().set("state", "6");
    assert!(host.settle().is_empty() && host.world.grants() == 6);
    host.world.limit_grants(1000);
    assert!(goes_through(&mut host));
    assert!(host.world.grants() > 60);
    host.end();
}

#[test]
fn xenstore_that_fails_is_counted_and_tried_again() {
    let refused = StoreError::Refused(Errno::EINVAL);
    for error in [refused, StoreError::Silent, StoreError::Broken] {
        for times in 1..40 {
            let mut host = Host::new();
            host.backend.borrow_mut().set("state", "6");
            host.world.store(|store| store.refuse(times, error));
            host.receive();
            // Some more fail while it comes back; then no more do.
            for _ in 0..40 {
                host.world.store(|store| store.set("device/vif", ""));
                host.settle();
            }
            assert!(host.counter("setup_errors") > 0 && host.netfront.last_error().is_some());
            assert!(goes_through(&mut host), "{error} {times} times");
            host.end();
        }
    }
    // At the beginning it is an error.
    for times in 1..5 {
        let world = World::new(PAGES);
        let _backend = Backend::plug(&world, 0, &MAC.to_string(), None);
        world.store(|store| store.refuse(times, refused));
        let error = Netfront::attach(world.clone(), None, None, world.memory()).unwrap_err();
        assert_eq!(error, Error::Store(refused));
        world.end();
    }
}

#[test]
fn a_device_that_keeps_changing_does_not_keep_the_guest_from_its_packets() {
    let mut host = Host::new();
    for _ in 0..1000 {
        host.world.store(|store| store.set("device/vif/0/state", "1"));
        assert!(matches!(host.netfront.receive(&host.packet), Ok(Rx::Handled | Rx::Idle)));
    }
    assert!(goes_through(&mut host));
    host.end();
}

#[test]
fn when_the_program_ends_the_backend_is_told() {
    let host = Host::new();
    let backend = host.backend.clone();
    let world = host.world.clone();
    drop(host.packet);
    drop(host.netfront);
    assert_eq!(backend.borrow().front("state"), Some(6));
    assert_eq!(world.grants(), 2, "the rings, until the backend has seen it");
}
