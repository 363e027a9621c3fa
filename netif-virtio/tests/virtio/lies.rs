//! What no device may say: each is counted, and the device is reset and made ready again.

use layer::TxOffload;
use netif::Netif;
use netif_virtio::ProtocolViolation;

use crate::{
    simulated::{
        device::{Delivery, Device},
        ring::DeviceRing,
        transport::feature,
    },
    support::{BUFFERS, Host, frame, offers},
};

/// Lets the device lie about its rings, and checks what the interface makes of it: the violation, and that everything
/// works again afterwards.
fn check(
    offered: u64,
    name: &str,
    lie: impl FnOnce(&mut Device, &mut DeviceRing, &mut DeviceRing),
    expected: &dyn Fn(ProtocolViolation) -> bool,
) {
    let mut host = Host::offering(offered);
    for number in 0..20 {
        host.netif.transmit(&frame(60, number)[..], TxOffload::NONE).unwrap();
    }
    host.device.borrow_mut().holds_back = true;
    host.settle();
    {
        let mut device = host.device.borrow_mut();
        let (mut rx, mut tx) = (device.rx.unwrap(), device.tx.unwrap());
        lie(&mut device, &mut rx, &mut tx);
        rx.show_used(&device.world);
        tx.show_used(&device.world);
    }
    host.receive();
    let found = host.netif.last_violation().unwrap_or_else(|| panic!("{name}: nothing noticed"));
    assert!(expected(found), "{name}: {found:?}");
    assert!(found.to_string().starts_with("the device's queue is wrong: "), "{found}");
    assert_eq!((host.counter("device_violations"), host.counter("connections")), (1, 2), "{name}");
    assert_eq!(host.device.borrow().registers.borrow().reset_count, 2);
    // It was ready again at once.
    assert!(host.netif.is_ready());
    host.sent();
    host.device.borrow_mut().holds_back = false;
    let rounds = if cfg!(miri) { 3 } else { 300 };
    for number in 0..rounds {
        host.send_to_guest(&frame(60, number));
        host.netif.transmit(&frame(61, number)[..], TxOffload::NONE).unwrap();
        assert_eq!(host.settle().len(), 1, "{name}");
    }
    assert_eq!(host.frames_sent().len(), rounds, "{name}");
    host.end();
}

/// A buffer of the receive queue, as the device takes it.
fn take(device: &Device, rx: &mut DeviceRing) -> u32 {
    rx.take(&device.world).unwrap().into()
}

#[test]
fn a_received_buffer_that_is_not_with_the_device() {
    for id in [BUFFERS.into(), 255, 256, 0x1_0000, 0x8000_0000, u32::MAX] {
        check(
            feature::ALL,
            "id",
            |device, rx, _| rx.write_used(&device.world, id, 100),
            &|found| found == ProtocolViolation::Id(id),
        );
    }
    check(
        feature::ALL,
        "twice",
        |device, rx, _| {
            let head = take(device, rx);
            rx.write_used(&device.world, head, 100);
            rx.write_used(&device.world, head, 100);
        },
        &|found| matches!(found, ProtocolViolation::Id(_) | ProtocolViolation::Buffers(0)),
    );
}

#[test]
fn a_length_that_no_buffer_has() {
    for length in [0, 1, 11, 4097, 0x1_0000, 0x1_0040, u32::MAX] {
        for offered in [feature::ALL, feature::ALL & !feature::MRG_RXBUF] {
            check(
                offered,
                "length",
                |device, rx, _| {
                    let head = take(device, rx);
                    rx.write_used(&device.world, head, length);
                },
                &|found| found == ProtocolViolation::Length(length),
            );
        }
    }
}

#[test]
fn an_index_that_cannot_be() {
    for offered in offers() {
        // More than were available; or fewer than before.
        for step in [BUFFERS + 1, 300, 0x7fff, 0x8000, u16::MAX] {
            check(
                offered,
                "index of received frames",
                |_, rx, _| rx.written = rx.written.wrapping_add(step),
                &|found| matches!(found, ProtocolViolation::Index(_)),
            );
        }
    }
    for step in [21, 300, u16::MAX] {
        check(
            feature::ALL,
            "index of sent frames",
            |_, _, tx| tx.written = tx.written.wrapping_add(step),
            &|found| matches!(found, ProtocolViolation::Index(_)),
        );
    }
}

#[test]
fn a_number_of_buffers_that_were_not_used() {
    for count in [0, 2, BUFFERS, BUFFERS + 1, 256, 257, u16::MAX] {
        check(
            feature::ALL,
            "buffers",
            |device, rx, _| {
                let head = take(device, rx);
                let address = rx.chain(&device.world, head as u16)[0].address;
                device.world.copy_to(address + 10, &count.to_le_bytes());
                rx.write_used(&device.world, head, 100);
            },
            &|found| found == ProtocolViolation::Buffers(count),
        );
    }
}

/// A frame in two buffers, of which the second has this length, and an id that is made of those of both.
fn check_second(
    length: u32,
    id: impl Fn(u32, u32) -> u32,
    expected: &dyn Fn(ProtocolViolation) -> bool,
) {
    check(
        feature::ALL,
        "second buffer",
        |device, rx, _| {
            let first = take(device, rx);
            let second = take(device, rx);
            let address = rx.chain(&device.world, first as u16)[0].address;
            device.world.copy_to(address + 10, &2_u16.to_le_bytes());
            rx.write_used(&device.world, first, 100);
            rx.write_used(&device.world, id(first, second), length);
        },
        expected,
    );
}

#[test]
fn a_later_buffer_of_a_frame_that_is_wrong() {
    for length in [0, 4097, u32::MAX] {
        let expected = ProtocolViolation::Length(length);
        check_second(length, |_, second| second, &|found| found == expected);
    }
    check_second(100, |_, _| 999, &|found| found == ProtocolViolation::Id(999));
    // The first one again.
    check_second(100, |first, _| first, &|found| matches!(found, ProtocolViolation::Id(0..54)));
}

#[test]
fn a_frame_that_was_joined_though_that_was_not_agreed() {
    for gso_type in [1, 3, 4, 5, 0x80, 0x81] {
        let mut host = Host::offering(feature::ALL);
        let bytes = frame(1000, 1);
        let delivery = Delivery { bytes, gso_type, gso_size: 500, ..Delivery::default() };
        host.device.borrow_mut().to_guest.push_back(delivery);
        assert_eq!(host.settle(), []);
        let expected = ProtocolViolation::Segments(gso_type);
        assert_eq!(host.netif.last_violation(), Some(expected));
        host.end();
    }
}

#[test]
fn a_sent_frame_that_is_not_with_the_device() {
    let ids = [20, 69, 255, 256, 0x1_0000, u32::MAX];
    for id in ids {
        check(
            feature::ALL,
            "id",
            // The first frames are in the rooms with the highest numbers.
            |device, _, tx| tx.write_used(&device.world, (id & !0xff) | (id % 50), 0),
            &|found| matches!(found, ProtocolViolation::Id(_)),
        );
    }
    check(
        feature::ALL,
        "twice",
        |device, _, tx| {
            let head = device.under_way[0].into();
            tx.write_used(&device.world, head, 0);
            tx.write_used(&device.world, head, 0);
        },
        &|found| matches!(found, ProtocolViolation::Id(_)),
    );
}

/// Order and lengths of sent frames mean nothing, and are no lie.
#[test]
fn sent_frames_may_be_used_in_any_order_and_with_any_length() {
    let mut host = Host::new();
    host.device.borrow_mut().holds_back = true;
    let room = host.netif.room();
    for _ in 0..20 {
        for number in 0..room {
            host.netif.transmit(&frame(1514, number)[..], TxOffload::NONE).unwrap();
        }
        host.settle();
        let mut device = host.device.borrow_mut();
        let (mut tx, world) = (device.tx.unwrap(), device.world.clone());
        let lengths = [0, 1, 1526, u32::MAX].into_iter().cycle();
        for (head, length) in device.under_way.drain(..).rev().zip(lengths) {
            tx.write_used(&world, head.into(), length);
        }
        tx.show_used(&world);
        device.tx = Some(tx);
    }
    host.receive();
    assert_eq!(host.frames_sent().len(), 20 * room);
    assert_eq!((host.counter("device_violations"), host.counter("tx_queue_full")), (0, 0));
    assert_eq!(host.netif.room(), room);
    host.end();
}

/// Received frames too may come in any order of their buffers.
#[test]
fn buffers_may_be_filled_in_any_order() {
    let mut host = Host::new();
    for round in 0..20_u8 {
        host.turn();
        {
            let mut device = host.device.borrow_mut();
            let (mut rx, world) = (device.rx.unwrap(), device.world.clone());
            let mut heads: Vec<_> = std::iter::from_fn(|| rx.take(&world)).collect();
            heads.reverse();
            for head in heads {
                let address = rx.chain(&world, head)[0].address;
                let header = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0];
                world.copy_to(address, &header);
                world.copy_to(address + 12, &[round; 60]);
                rx.write_used(&world, head.into(), 72);
            }
            rx.show_used(&world);
            device.rx = Some(rx);
        }
        let frames = host.receive();
        assert_eq!(frames.len(), BUFFERS.into());
        assert!(frames.iter().all(|(bytes, _)| *bytes == [round; 60]));
    }
    assert_eq!(host.counter("device_violations"), 0);
    host.end();
}

/// A device may say that it has written more than it has: what it left out is zero, and nothing of ours.
#[test]
fn what_the_device_left_out_is_zero() {
    let mut host = Host::new();
    for round in 0..200 {
        host.turn();
        {
            let mut device = host.device.borrow_mut();
            let (mut rx, world) = (device.rx.unwrap(), device.world.clone());
            let head = take(&device, &mut rx);
            let address = rx.chain(&world, head as u16)[0].address;
            world.copy_to(address + 10, &[1, 0, 0x5a]);
            rx.write_used(&world, head, 1526);
            rx.show_used(&world);
            device.rx = Some(rx);
        }
        let frames = host.receive();
        assert_eq!(frames.len(), 1);
        let (bytes, _) = &frames[0];
        assert_eq!((bytes.len(), bytes[0]), (1514, 0x5a));
        assert!(bytes[1..].iter().all(|byte| *byte == 0), "{round}: something old");
        // The region's page goes back to the pool, full of other things.
        host.packet.reset();
        host.packet.alloc_slice(&[0xee; 4000]).unwrap();
    }
    host.end();
}
