//! A device that fails, and is made ready again; and one that does not come back.

use std::time::Duration;

use layer::{Instant, Rx, TxOffload};
use netif::{MacAddr, Netif};
use netif_virtio::{DeviceError, Guest as _};

use crate::{
    simulated::transport::{NEEDS_RESET, Registers},
    support::{Host, MAC, PAGES, frame, open_in},
};

/// Lets the device lie once.
fn lie(host: &Host) {
    host.turn();
    host.device.borrow_mut().lie();
}

fn since(start: Instant, host: &Host) -> Duration {
    Duration::from_nanos(host.world.now().as_nanos() - start.as_nanos())
}

#[test]
fn a_device_that_wants_to_be_reset_is_reset() {
    let mut host = Host::new();
    host.send_to_guest(&frame(60, 1));
    assert_eq!(host.settle().len(), 1);
    host.device.borrow().registers.borrow_mut().status |= NEEDS_RESET;
    host.world.change_config();
    assert_eq!(host.receive(), []);
    assert_eq!((host.counter("device_failures"), host.counter("connections")), (1, 2));
    host.send_to_guest(&frame(60, 2));
    assert_eq!(host.settle().len(), 1);
    host.end();
}

/// A device may stop to work without a word: then nothing is sent any more, and that is noticed.
#[test]
fn a_device_that_was_reset_behind_our_back_is_noticed_when_nothing_goes() {
    let mut host = Host::new();
    host.device.borrow_mut().holds_back = true;
    host.device.borrow().registers.borrow_mut().status = 0;
    let mut sent = 0;
    while host.netif.is_ready() {
        host.netif.transmit(&frame(60, sent)[..], TxOffload::NONE).unwrap();
        sent += 1;
        assert!(sent < 1000, "nothing is noticed");
    }
    host.receive();
    assert!(host.netif.is_ready());
    assert_eq!((host.counter("device_failures"), host.counter("connections")), (1, 2));
    host.end();
}

/// Ten times in a second at most, whatever the device does.
#[test]
fn a_device_that_lies_again_and_again_is_reset_at_a_bounded_rate() {
    let mut host = Host::new();
    let start = host.world.now();
    for round in 1..=50 {
        lie(&host);
        host.receive();
        assert_eq!(host.counter("device_violations"), round);
        assert!(host.netif.is_ready());
    }
    let took = since(start, &host);
    assert!((Duration::from_millis(4800)..Duration::from_millis(5500)).contains(&took), "{took:?}");
    host.end();
}

#[test]
fn frames_for_a_device_that_is_down_are_counted() {
    let mut host = Host::new();
    lie(&host);
    assert!(matches!(host.netif.receive(&host.packet), Ok(Rx::Handled)));
    assert!(!host.netif.is_ready() && !host.netif.link_up());
    assert_eq!(host.netif.room(), 0);
    host.netif.transmit(&frame(60, 1)[..], TxOffload::NONE).unwrap();
    assert_eq!(host.counter("tx_interface_down"), 1);
    host.receive();
    assert!(host.netif.link_up());
    host.end();
}

#[test]
fn a_device_that_does_not_come_back_is_an_error_after_ten_seconds() {
    // The device keeps pages, so no other test has a pool of this size.
    let mut host = open_in(PAGES + 1, Registers::default(), false, None).unwrap();
    host.device.borrow().registers.borrow_mut().is_gone = true;
    host.world.change_config();
    let start = host.world.now();
    let error = loop {
        match host.netif.receive(&host.packet) {
            Ok(answer) => assert!(matches!(answer, Rx::Handled), "it must be asked again"),
            Err(error) => break error,
        }
    };
    assert_eq!(error, DeviceError::NoReset(255));
    assert_eq!(host.netif.last_error(), Some(error));
    let took = since(start, &host);
    assert!((Duration::from_secs(10)..Duration::from_secs(11)).contains(&took), "{took:?}");
    // It may still use the pages that it has: nobody else gets them, and its transport is left alone.
    let lent = host.world.shared_pages();
    assert!(lent > 50);
    let Host { world, netif, packet, device } = host;
    drop((netif, packet));
    assert!(!device.borrow().registers.borrow().is_dropped);
    world.end_with(lent);
}

#[test]
fn a_device_that_comes_back_late_is_made_ready() {
    let mut host = Host::new();
    host.world.tick(1_000_000);
    {
        let device = host.device.borrow();
        let mut registers = device.registers.borrow_mut();
        registers.resets = false;
        registers.status |= NEEDS_RESET;
    }
    host.world.change_config();
    let lent = host.world.shared_pages();
    for _ in 0..20 {
        assert!(matches!(host.netif.receive(&host.packet), Ok(Rx::Handled)));
        assert_eq!(host.world.shared_pages(), lent, "it has not confirmed");
    }
    assert!(!host.netif.is_ready() && host.counter("setup_errors") > 5);
    host.device.borrow().registers.borrow_mut().resets = true;
    host.receive();
    assert!(host.netif.is_ready());
    host.send_to_guest(&frame(60, 2));
    assert_eq!(host.settle().len(), 1);
    host.end();
}

#[test]
fn after_a_reset_the_device_may_be_another_but_the_address_stays() {
    let mut host = Host::new();
    host.device.borrow().registers.borrow_mut().set_mac([0x52, 0x54, 0, 0, 0, 8]);
    lie(&host);
    host.receive();
    assert_eq!((host.netif.mac(), host.counter("mac_differs")), (MAC, 1));
    // One that no station can have says nothing, either.
    host.device.borrow().registers.borrow_mut().set_mac([0xff; 6]);
    lie(&host);
    host.receive();
    assert_eq!(host.netif.mac(), MAC);
    assert_ne!(host.netif.mac(), MacAddr::BROADCAST);
    host.end();
}
