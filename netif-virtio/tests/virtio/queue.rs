//! The send queue: its room, the wait if it is full, and a device that does not take what was sent.

use layer::TxOffload;
use netif::Netif;

use crate::{
    simulated::transport::{Registers, feature},
    support::{Host, frame, open},
};

/// Sends until there is no room.
fn fill(host: &mut Host) -> usize {
    let mut sent = 0;
    while host.netif.room() > 0 {
        host.netif.transmit(&frame(1514, sent)[..], TxOffload::NONE).unwrap();
        sent += 1;
    }
    sent
}

#[test]
fn as_many_frames_are_taken_as_there_is_room_for() {
    for size in [32, 256] {
        let mut host = open(Registers { sizes: [size; 2], ..Registers::default() }, false).unwrap();
        host.device.borrow_mut().holds_back = true;
        let room = host.netif.room();
        // Two to a page, of which there are a twelfth of the pool, and no more than the queue has descriptors.
        assert_eq!(room, 72.min(size as usize));
        assert_eq!(fill(&mut host), room);
        host.turn();
        assert_eq!(host.frames_sent().len(), room);
        assert_eq!((host.counter("tx_queue_full"), host.counter("tx_waited")), (0, 0));
        host.end();
    }
}

#[test]
fn a_frame_waits_for_room_while_the_device_works() {
    for left_out in [0, feature::EVENT_IDX] {
        let mut host = Host::offering(feature::ALL & !left_out);
        let room = fill(&mut host);
        for number in 0..10 * room {
            host.netif.transmit(&frame(1514, number)[..], TxOffload::NONE).unwrap();
        }
        assert_eq!(host.counter("tx_queue_full"), 0);
        assert!(host.counter("tx_waited") > 0);
        host.settle();
        assert_eq!(host.frames_sent().len(), 11 * room);
        host.end();
    }
}

#[test]
fn a_device_that_is_stuck_costs_one_wait() {
    let mut host = Host::new();
    host.device.borrow_mut().holds_back = true;
    fill(&mut host);
    let before = host.world.sleeps();
    for number in 0..100 {
        host.netif.transmit(&frame(1514, number)[..], TxOffload::NONE).unwrap();
    }
    assert_eq!((host.counter("tx_queue_full"), host.counter("tx_waited")), (100, 1));
    assert!(host.world.sleeps() - before < 5);
    assert!(host.netif.is_ready(), "it may be slow, and is not lost");
    host.device.borrow_mut().holds_back = false;
    host.settle();
    host.netif.transmit(&frame(60, 1)[..], TxOffload::NONE).unwrap();
    host.settle();
    assert_eq!(host.counter("tx_queue_full"), 100);
    host.end();
}

/// Whoever waits for room hears of it, without an interrupt for each frame.
#[test]
fn an_interrupt_comes_when_there_is_room_again() {
    for left_out in [0, feature::EVENT_IDX] {
        let mut host = Host::offering(feature::ALL & !left_out);
        host.device.borrow_mut().holds_back = true;
        let room = fill(&mut host);
        host.settle();
        assert_eq!(host.netif.room(), 0);
        host.device.borrow_mut().holds_back = false;
        host.turn();
        assert!(host.world.take_interrupt(), "nobody hears of the room");
        host.receive();
        assert_eq!(host.netif.room(), room);
        // While there is room, nobody wants to hear.
        host.netif.transmit(&frame(60, 1)[..], TxOffload::NONE).unwrap();
        host.receive();
        host.turn();
        assert!(!host.world.take_interrupt(), "an interrupt that nobody asked for");
        host.end();
    }
}

#[test]
fn what_is_sent_costs_no_interrupt() {
    for left_out in [0, feature::EVENT_IDX] {
        let mut host = Host::offering(feature::ALL & !left_out);
        for number in 0..10 * host.netif.room() {
            host.netif.transmit(&frame(60, number)[..], TxOffload::NONE).unwrap();
            host.receive();
            host.turn();
            assert!(!host.world.take_interrupt(), "{number}");
        }
        host.end();
    }
}

#[test]
fn a_long_burst_is_announced_before_it_ends() {
    let mut host = Host::new();
    let room = host.netif.room();
    for number in 0..room / 2 + 2 {
        host.netif.transmit(&frame(60, number)[..], TxOffload::NONE).unwrap();
    }
    // The guest has not asked for a frame yet.
    host.turn();
    assert!(host.frames_sent().len() > room / 2);
    host.end();
}
