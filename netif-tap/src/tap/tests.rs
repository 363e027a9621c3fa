//! A socket that keeps the borders of messages stands in for the device: it too gives one at a
//! read, cuts what does not fit, and never blocks.

use std::{boxed::Box, vec, vec::Vec};

use rt_regions::{Finite, PAGE_SIZE, Pool};
use rustix::net::{AddressFamily, SocketFlags, SocketType, socketpair};

use rustix::fd::OwnedFd;

use super::*;

const MTU: usize = 100;
const LONGEST: usize = MTU + LARGEST_HEADER;
const MAC: MacAddr = MacAddr([2, 0, 0, 0, 0, 1]);

fn region(pages: usize) -> &'static Region<'static> {
    let memory = vec![MaybeUninit::uninit(); (pages + 1) * PAGE_SIZE].leak();
    let pool = Box::leak(Box::new(Pool::new(memory)));
    Box::leak(Box::new(Region::new(pool, "test")))
}

/// A TAP device, and what stands at the other end of its link.
fn link() -> (Tap, OwnedFd) {
    let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
    let (ours, peer) = socketpair(AddressFamily::UNIX, SocketType::DGRAM, flags, None).unwrap();
    (Tap::new("tap0", ours, OffloadLevel::None, MAC, MTU, region(4)).unwrap(), peer)
}

fn frame(length: usize) -> Vec<u8> {
    (0..length).map(|byte| byte as u8).collect()
}

#[test]
fn a_frame_goes_into_the_region_and_takes_no_more_of_it_than_its_length() {
    let (mut tap, peer) = link();
    let region = region(1);
    let Rx::Idle = tap.receive(region).unwrap() else { panic!("nothing was sent") };
    for length in [ETHERNET, 60, LONGEST] {
        io::write(&peer, &frame(length)).unwrap();
        let received = tap.receive(region).unwrap().item().unwrap();
        assert_eq!(received.bytes, frame(length));
        assert_eq!(received.checksums, Checksums::NotChecked);
        let next = region.alloc(0_u8).unwrap();
        assert!(core::ptr::eq(received.bytes.as_ptr_range().end, next));
    }
    assert_eq!(tap.counters.frames_rx, 3);
    assert_eq!(tap.counters.bytes_rx, (ETHERNET + 60 + LONGEST) as u64);
}

#[test]
fn a_frame_that_is_too_long_is_dropped_and_counted_and_the_next_one_is_received() {
    let (mut tap, peer) = link();
    let region = region(1);
    for length in [LONGEST + 1, 4 * LONGEST, 60] {
        io::write(&peer, &frame(length)).unwrap();
    }
    let Rx::Handled = tap.receive(region).unwrap() else { panic!("one byte too long") };
    let Rx::Handled = tap.receive(region).unwrap() else { panic!("far too long") };
    assert_eq!(tap.receive(region).unwrap().item().unwrap().bytes, frame(60));
    assert_eq!((tap.counters.rx_too_long, tap.counters.frames_rx), (2, 1));
}

#[test]
fn a_frame_without_room_is_lost_and_counted_and_the_next_one_is_received() {
    let (mut tap, peer) = link();
    let mut small = Finite::<LONGEST>::new();
    let small = small.region("small");
    let Rx::Idle = tap.receive(&small).unwrap() else { panic!("nothing was sent") };
    io::write(&peer, &frame(60)).unwrap();
    io::write(&peer, &frame(61)).unwrap();
    let Rx::Handled = tap.receive(&small).unwrap() else { panic!("there was no room") };
    assert_eq!(tap.receive(region(1)).unwrap().item().unwrap().bytes, frame(61));
    assert_eq!((tap.counters.rx_no_room, tap.counters.frames_rx), (1, 1));
}

#[test]
fn what_is_sent_is_written_in_one_piece() {
    let (mut tap, peer) = link();
    tap.transmit(([1; ETHERNET], ([2, 3], &[4; 5][..])), TxOffload::NONE).unwrap();
    let mut out = [0; LONGEST];
    assert_eq!(io::read(&peer, &mut out), Ok(ETHERNET + 7));
    assert_eq!(out[..ETHERNET + 7], [&[1; ETHERNET][..], &[2, 3, 4, 4, 4, 4, 4]].concat());
    assert_eq!((tap.counters.frames_tx, tap.counters.bytes_tx), (1, ETHERNET as u64 + 7));
}

#[test]
fn a_frame_of_a_length_that_no_frame_has_is_not_sent() {
    let (mut tap, peer) = link();
    for length in [0, ETHERNET - 1, LONGEST + 1] {
        tap.transmit(&frame(length)[..], TxOffload::NONE).unwrap();
    }
    assert_eq!(io::read(&peer, &mut [0; 1]), Err(Errno::AGAIN));
    assert_eq!((tap.counters.tx_bad_length, tap.counters.frames_tx), (3, 0));
}

#[test]
fn a_full_queue_loses_frames_and_nothing_else() {
    let (mut tap, peer) = link();
    while tap.counters.tx_queue_full < 3 {
        tap.transmit(&frame(60)[..], TxOffload::NONE).unwrap();
    }
    let mut waiting = 0;
    while io::read(&peer, &mut [0; LONGEST]) == Ok(60) {
        waiting += 1;
    }
    assert_eq!(tap.counters.frames_tx, waiting);
    tap.transmit(&frame(60)[..], TxOffload::NONE).unwrap();
    assert_eq!(tap.counters.frames_tx, waiting + 1);
}

#[test]
fn a_broken_device_is_an_error() {
    let (mut tap, peer) = link();
    drop(peer);
    let error = tap.transmit(&frame(60)[..], TxOffload::NONE).unwrap_err();
    assert_eq!(error, Error::System("write", Errno::CONNREFUSED));
}

#[test]
fn the_counters_are_listed_under_the_name_of_the_layer() {
    let (mut tap, _peer) = link();
    tap.transmit(&frame(60)[..], TxOffload::NONE).unwrap();
    let mut seen = Vec::new();
    Netif::counters(&tap, &mut |counter| seen.push(counter));
    assert!(seen.iter().all(|counter| counter.layer == "tap"));
    assert!(seen.contains(&Counter { layer: "tap", name: "bytes_tx", value: 60 }));
}

#[test]
fn a_device_without_memory_says_which_region_was_full() {
    let flags = SocketFlags::NONBLOCK;
    let (ours, _) = socketpair(AddressFamily::UNIX, SocketType::DGRAM, flags, None).unwrap();
    let error =
        Tap::new("tap0", ours, OffloadLevel::None, MAC, 2 * PAGE_SIZE, region(1)).unwrap_err();
    assert!(matches!(error, Error::Memory(exhausted) if exhausted.region == "test"), "{error}");
}
