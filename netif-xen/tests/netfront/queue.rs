//! The send queue when it is full: frames wait for room, as long as the backend is there.

use std::{cell::Cell, rc::Rc};

use layer::Instant;
use netif::Netif;
use netif_xen::ProtocolViolation;
use rt_xen::Guest;
use testkit::Random;

use crate::{
    simulated::ring::SIZE,
    support::{Host, PAGES, frame},
};

/// How many frames the queue of this guest has room for.
const ROOMS: usize = 72;

/// The longest that a frame waits.
const WAIT: u64 = 20_000_000;

/// How long something took.
fn time_of<R>(host: &mut Host, act: impl FnOnce(&mut Host) -> R) -> (u64, R) {
    let before = host.world.now();
    let result = act(host);
    (host.world.now().as_nanos() - before.as_nanos(), result)
}

/// Fills the queue of a backend that does not answer.
fn fill(host: &mut Host) {
    host.backend.borrow_mut().hold_responses = true;
    for number in 0..ROOMS {
        host.netfront.transmit(&frame(60, number)[..], layer::TxOffload::NONE).unwrap();
    }
    assert_eq!((host.counter("frames_tx"), host.counter("tx_waited")), (ROOMS as u64, 0));
    host.turn();
    host.sent();
}

#[test]
fn the_largest_datagram_fits_into_the_queue_of_the_smallest_domain_at_once() {
    let mut host = Host::new();
    for number in 0..45 {
        host.netfront.transmit(&frame(1514, number)[..], layer::TxOffload::NONE).unwrap();
    }
    assert_eq!((host.counter("tx_queue_full"), host.counter("tx_waited")), (0, 0));
    host.settle();
    assert_eq!(host.sent().len(), 45);
    host.end();
}

#[test]
fn frames_wait_for_a_backend_that_has_its_turn_only_while_the_guest_sleeps() {
    for (pages, mtu, length) in
        [(PAGES, 1500, 1514), (PAGES, 9000, 9018), (PAGES, 65_517, 65_535), (4000, 1500, 60)]
    {
        let mut host = Host::with(pages, Some(mtu));
        let frames: Vec<_> = (0..1300).map(|number| frame(length, number)).collect();
        for frame in &frames {
            host.netfront.transmit(&frame[..], layer::TxOffload::NONE).unwrap();
        }
        assert_eq!(host.counter("tx_queue_full"), 0);
        assert!(host.counter("tx_waited") >= 2);
        host.settle();
        assert!(host.sent() == frames, "lost or changed: MTU {mtu}");
        host.end();
    }
}

#[test]
fn a_frame_of_several_pieces_waits_for_all_of_its_room() {
    let mut host = Host::with(PAGES, Some(9000));
    host.backend.borrow_mut().hold_responses = true;
    let mut number = 0;
    while host.counter("tx_queue_full") == 0 {
        host.netfront.transmit(&frame(14, number)[..], layer::TxOffload::NONE).unwrap();
        number += 1;
    }
    // Half of it comes back, so the backend is trusted again; then that is used up but for less than a frame.
    host.backend.borrow_mut().respond(number / 2 + 1);
    for number in 0..number / 2 {
        host.netfront.transmit(&frame(14, number)[..], layer::TxOffload::NONE).unwrap();
    }
    host.turn();
    host.sent();
    let backend = host.backend.clone();
    let sleeps = host.world.sleeps();
    host.world.while_asleep(move || {
        let mut backend = backend.borrow_mut();
        backend.turn();
        backend.respond(1);
        backend.wake();
    });
    let lost = host.counter("tx_queue_full");
    host.netfront.transmit(&frame(9018, 5)[..], layer::TxOffload::NONE).unwrap();
    assert_eq!(host.counter("tx_queue_full"), lost);
    assert!(host.world.sleeps() - sleeps >= 2, "one response is not enough");
    host.turn();
    assert_eq!(host.sent(), [frame(9018, 5)]);
    host.end();
}

#[test]
fn a_backend_that_is_stuck_costs_one_wait_until_half_of_the_queue_was_free_again() {
    let mut host = Host::new();
    fill(&mut host);
    let fails = |host: &mut Host, frames: usize| {
        let before = host.counter("tx_queue_full");
        let (time, ()) = time_of(host, |host| {
            for number in 0..frames {
                host.netfront.transmit(&frame(60, number)[..], layer::TxOffload::NONE).unwrap();
            }
        });
        (host.counter("tx_queue_full") - before, time)
    };
    assert_eq!(fails(&mut host, 1000), (1000, WAIT));
    assert_eq!(host.counter("tx_waited"), 1);
    // A little room is used, and waited for no more.
    host.backend.borrow_mut().respond(5);
    assert_eq!(fails(&mut host, 1000), (995, 0));
    // With half of it free it is waited for again, once.
    host.turn();
    host.backend.borrow_mut().respond(ROOMS / 2);
    assert_eq!(fails(&mut host, 1000), (1000 - ROOMS as u64 / 2, WAIT));
    // And when it runs again, all is as before.
    host.backend.borrow_mut().hold_responses = false;
    host.settle();
    host.sent();
    assert_eq!(fails(&mut host, 1000).0, 0);
    host.settle();
    assert_eq!(host.sent().len(), 1000);
    // A connection begins with trust.
    host.backend.borrow_mut().hold_responses = true;
    let (lost, _) = fails(&mut host, 1000);
    assert!(lost > 0);
    host.backend.borrow_mut().set("state", "6");
    host.backend.borrow_mut().hold_responses = false;
    host.settle();
    assert_eq!((host.counter("connections"), fails(&mut host, 1000).0), (2, 0));
    host.end();
}

#[test]
fn a_backend_that_sleeps_is_told_of_what_it_is_waited_for() {
    let mut host = Host::new();
    host.backend.borrow_mut().hold_responses = true;
    for number in 0..ROOMS {
        if number == ROOMS / 2 + 4 {
            // It has heard of more than half, and sleeps when it has taken them; the rest is too little to
            // wake it for.
            host.turn();
        }
        host.netfront.transmit(&frame(60, number)[..], layer::TxOffload::NONE).unwrap();
    }
    let port = host.backend.borrow().port;
    host.world.was_notified(port);
    let (world, backend) = (host.world.clone(), host.backend.clone());
    host.world.while_asleep(move || {
        if world.was_notified(port) {
            let mut backend = backend.borrow_mut();
            backend.hold_responses = false;
            backend.turn();
        }
    });
    host.netfront.transmit(&frame(60, ROOMS)[..], layer::TxOffload::NONE).unwrap();
    assert_eq!((host.counter("tx_queue_full"), host.counter("tx_waited")), (0, 1));
    host.settle();
    assert_eq!(host.sent().len(), ROOMS + 1);
    host.end();
}

#[test]
fn an_event_for_a_received_frame_neither_ends_the_wait_nor_is_the_frame_forgotten() {
    let mut host = Host::new();
    host.receive();
    fill(&mut host);
    // Before the wait, and during it: the port is pending when it begins.
    host.backend.borrow_mut().send(&frame(100, 1));
    host.turn();
    let event = host.netfront.event().0;
    assert!(host.world.is_awake(event));
    let backend = host.backend.clone();
    let turns = Rc::new(Cell::new(0));
    let count = turns.clone();
    host.world.while_asleep(move || {
        count.set(count.get() + 1);
        let mut backend = backend.borrow_mut();
        backend.send(&frame(100, 2));
        backend.hold_responses = false;
        backend.turn();
    });
    host.netfront.transmit(&frame(60, 7)[..], layer::TxOffload::NONE).unwrap();
    assert_eq!((host.counter("tx_queue_full"), host.counter("tx_waited"), turns.get()), (0, 1, 1));
    // Nothing is pending, but the runtime looks before it sleeps.
    let received: Vec<_> = host.receive().into_iter().map(|(bytes, _)| bytes).collect();
    assert_eq!(received, [frame(100, 1), frame(100, 2)]);
    // The next one wakes it.
    host.world.while_asleep(|| ());
    host.world.sleep(event, host.world.now());
    host.backend.borrow_mut().send(&frame(100, 3));
    host.turn();
    assert!(host.world.is_awake(event));
    assert_eq!(host.receive().len(), 1);
    assert_eq!(host.sent(), [frame(60, 7)]);
    host.end();
}

#[test]
fn a_response_at_any_moment_before_the_sleep_is_seen() {
    let mut host = Host::new();
    fill(&mut host);
    // It came before the backend was asked for an event: there is no sleep at all.
    let sleeps = host.world.sleeps();
    host.backend.borrow_mut().respond(1);
    host.netfront.transmit(&frame(60, 1)[..], layer::TxOffload::NONE).unwrap();
    assert_eq!((host.world.sleeps(), host.counter("tx_queue_full")), (sleeps, 0));
    // The first thing in a sleep is what came after the last look: the event was asked for.
    let backend = host.backend.clone();
    let woken = Rc::new(Cell::new(false));
    let was_woken = woken.clone();
    let (world, event) = (host.world.clone(), host.netfront.event().0);
    host.world.while_asleep(move || {
        let mut backend = backend.borrow_mut();
        backend.respond(1);
        backend.wake();
        was_woken.set(world.is_awake(event));
    });
    let (time, ()) = time_of(&mut host, |host| {
        host.netfront.transmit(&frame(60, 2)[..], layer::TxOffload::NONE).unwrap();
    });
    assert!(woken.get() && time < WAIT);
    assert_eq!(host.counter("tx_queue_full"), 0);
    // Nobody waits any more: no response wakes the guest.
    let wakes = host.backend.borrow().wakes;
    host.backend.borrow_mut().hold_responses = false;
    host.turn();
    assert_eq!(host.backend.borrow().wakes, wakes);
    host.end();
}

#[test]
fn a_lie_during_the_wait_closes_the_connection() {
    for index in [SIZE * 2, u32::MAX] {
        let mut host = Host::new();
        fill(&mut host);
        let backend = host.backend.clone();
        host.world.while_asleep(move || {
            if let Some(tx) = backend.borrow().tx {
                tx.word(2).store(index, std::sync::atomic::Ordering::SeqCst);
            }
        });
        host.netfront.transmit(&frame(60, 1)[..], layer::TxOffload::NONE).unwrap();
        assert_eq!(host.netfront.last_violation(), Some(ProtocolViolation::Index(index)));
        assert_eq!((host.counter("backend_violations"), host.counter("tx_interface_down")), (1, 1));
        assert_eq!(host.counter("tx_queue_full"), 0);
        assert!(!host.netfront.is_connected());
        host.end();
    }
}

#[test]
fn answers_in_any_order_that_come_late_lose_frames_which_are_counted_and_the_ring_goes_on() {
    let mut host = Host::new();
    let mut random = Random::new(3);
    host.backend.borrow_mut().hold_responses = true;
    let mut sent = 0;
    for round in 0..3000 {
        let before = host.counter("frames_tx");
        host.netfront.transmit(&frame(60, round)[..], layer::TxOffload::NONE).unwrap();
        sent += host.counter("frames_tx") - before;
        if random.once_in(20) {
            host.turn();
            let mut backend = host.backend.borrow_mut();
            // In any order, as the protocol allows.
            random.shuffle(backend.held.make_contiguous());
            let some = random.below(40);
            backend.respond(some);
        }
        host.receive();
    }
    let lost = host.counter("tx_queue_full");
    assert!(lost > 0 && sent > 1000);
    assert!(
        host.world.now() > Instant::ZERO && host.counter("tx_waited") <= 2 * sent / ROOMS as u64
    );
    assert_eq!(lost + sent, 3000);
    host.backend.borrow_mut().hold_responses = false;
    host.settle();
    host.netfront.transmit(&frame(60, 9)[..], layer::TxOffload::NONE).unwrap();
    host.settle();
    assert_eq!(host.sent().len() as u64, sent + 1);
    assert_eq!(host.counter("backend_violations"), 0);
    host.end();
}
