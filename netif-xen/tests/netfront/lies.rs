//! A backend that writes what cannot be: the connection is closed, and begins anew.

use netif::Netif;
use netif_xen::ProtocolViolation;

use crate::{
    simulated::{backend::Backend, ring::SIZE},
    support::{Host, frame},
};

/// Lets the backend write what cannot be, and sees that it is noticed, and that all goes on after it.
fn fail_backend(lie: ProtocolViolation, act: impl FnOnce(&mut Backend)) {
    let mut host = Host::new();
    host.netfront.transmit(&frame(60, 1)[..], layer::TxOffload::NONE).unwrap();
    host.settle();
    act(&mut host.backend.borrow_mut());
    let received = host.receive();
    for number in 0..100 {
        host.netfront.transmit(&frame(60, number)[..], layer::TxOffload::NONE).unwrap();
    }
    host.receive();
    assert_eq!(
        (host.counter("backend_violations"), host.netfront.last_violation()),
        (1, Some(lie))
    );
    assert!(received.is_empty() && !host.netfront.is_connected());
    assert_eq!(host.backend.borrow().front("state"), Some(6));
    let reason = host.world.store(|store| store.text("error/device/vif/0/error"));
    assert_eq!(reason, lie.to_string());
    assert_eq!(host.netfront.event().0, None);
    host.backend.borrow_mut().disconnect();
    host.sent();
    // The backend closes its end, and begins anew.
    host.settle();
    assert_eq!(host.counter("connections"), 2);
    host.backend.borrow_mut().send(&frame(60, 2));
    host.netfront.transmit(&frame(60, 3)[..], layer::TxOffload::NONE).unwrap();
    assert_eq!(host.settle()[0].0, frame(60, 2));
    assert_eq!(host.sent(), [frame(60, 3)]);
    host.end();
}

/// Answers the next receive request: with another id, with this offset, flags and status.
fn answer(backend: &mut Backend, id: u32, offset: u32, flags: u32, status: i16) {
    let rx = backend.rx.as_mut().unwrap();
    let [first, ..] = rx.pop().unwrap();
    let second = flags | u32::from(status.cast_unsigned()) << 16;
    rx.push([(first & 0xffff) ^ id | offset << 16, second]);
}

#[test]
fn more_responses_than_requests() {
    fail_backend(ProtocolViolation::Index(1000), |backend| {
        backend.rx.unwrap().word(2).store(1000, std::sync::atomic::Ordering::SeqCst);
    });
    fail_backend(ProtocolViolation::Index(u32::MAX), |backend| {
        backend.rx.unwrap().word(2).store(u32::MAX, std::sync::atomic::Ordering::SeqCst);
    });
    fail_backend(ProtocolViolation::Index(SIZE + 7), |backend| {
        backend.tx.unwrap().word(2).store(SIZE + 7, std::sync::atomic::Ordering::SeqCst);
    });
}

#[test]
fn a_response_to_a_request_that_was_not_made() {
    fail_backend(ProtocolViolation::Id(1), |backend| answer(backend, 1, 0, 0, 60));
    fail_backend(ProtocolViolation::Id(0xffff), |backend| answer(backend, 0xffff, 0, 0, 60));
    for id in [0, 5, 255, 256, 0xffff] {
        fail_backend(ProtocolViolation::Id(id), |backend| {
            let tx = backend.tx.as_mut().unwrap();
            // As many as we sent are answered already; after the next request so is this one.
            tx.responses_produced = tx.responses_produced.wrapping_sub(1);
            tx.push([id.into(), 0]);
        });
    }
}

#[test]
fn a_piece_that_leaves_its_page() {
    for (offset, length) in [(4096, 1), (4000, 97), (65_535, 60), (0, 4097), (1, i16::MAX)] {
        fail_backend(ProtocolViolation::Bounds(offset, length as u16), |backend| {
            answer(backend, 0, offset.into(), 0, length);
        });
    }
}

#[test]
fn a_status_that_cannot_be() {
    for status in [1, 2, i16::MAX] {
        fail_backend(ProtocolViolation::Status(status), |backend| {
            backend.tx_status = status;
            let tx = backend.tx.as_mut().unwrap();
            tx.responses_produced = tx.responses_produced.wrapping_sub(1);
            // The id of the request that was answered last.
            let slot = tx.slot(tx.responses_produced);
            let id = tx.word(slot).load(std::sync::atomic::Ordering::SeqCst) & 0xffff;
            tx.push([id | (status as u32) << 16, 0]);
            backend.tx_status = 0;
        });
    }
}

#[test]
fn flags_that_cannot_be() {
    for flags in [16, 32, 0x8000] {
        fail_backend(ProtocolViolation::Flags(flags), |backend| {
            answer(backend, 0, 0, flags.into(), 60);
        });
    }
    fail_backend(ProtocolViolation::Flags(8), |backend| {
        answer(backend, 0, 0, 4, 60);
        answer(backend, 0, 0, 8, 60);
    });
}

#[test]
fn extra_information_that_was_not_negotiated() {
    for kind in [0, 2, 3, 5, 255] {
        fail_backend(ProtocolViolation::Extra(kind), |backend| {
            answer(backend, 0, 0, 8, 60);
            let rx = backend.rx.as_mut().unwrap();
            rx.pop().unwrap();
            rx.push([kind.into(), 0]);
        });
    }
}

#[test]
fn a_frame_without_an_end() {
    fail_backend(ProtocolViolation::Endless, |backend| {
        while backend.rx.unwrap().waiting() > 0 {
            answer(backend, 0, 0, 4, 1);
        }
    });
    fail_backend(ProtocolViolation::Endless, |backend| {
        answer(backend, 0, 0, 8, 60);
        while backend.rx.unwrap().waiting() > 0 {
            let rx = backend.rx.as_mut().unwrap();
            rx.pop().unwrap();
            rx.push([1 | 1 << 8, 0]);
        }
    });
}
