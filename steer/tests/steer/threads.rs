//! Each core on a thread of its own, with bells. A wake-up that is lost stops the test.

use std::{
    collections::BTreeMap,
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration, Instant},
};

use cores::{Core, Doorbell as _};
use layer::{Rx, TxOffload};
use netif::Netif;
use rt_regions::Region;
use steer::{Counters, Steer};
use testkit::program_memory;

use crate::device::{Bells, Device, Line, cores, datagram, join, owner};

/// How many flows there are.
const FLOWS: u16 = 48;
/// How many frames are on their way at once. All of them fit one ring.
const AT_ONCE: usize = 64;
/// How long the whole test may take.
const LIMIT: Duration = Duration::from_secs(60);

/// Sends back what comes, until the end; says what was counted.
fn echo(mut steer: Steer<Device>, core: Core, bells: &Bells, end: &AtomicBool) -> Counters {
    let pool = program_memory(20).pool().unwrap();
    let mut region = Region::new(pool, "packet");
    loop {
        region.reset();
        match steer.receive(&region).unwrap() {
            Rx::Item(frame) => {
                let bytes = frame.bytes.to_vec();
                steer.transmit((core.index() as u64).to_le_bytes(), TxOffload::NONE).unwrap();
                steer.transmit(&bytes[..], TxOffload::NONE).unwrap();
            }
            Rx::Handled => {}
            Rx::Idle if end.load(Ordering::Acquire) => return steer.stats(),
            Rx::Idle => {
                if core.may_sleep() {
                    bells.wait(core.index());
                }
                core.woke();
            }
        }
    }
}

/// Has `count` cores answer `frames` frames.
fn run(count: usize, frames: usize) {
    let ((cores, bells), line) = (cores(count, 64 << 10), Line::new());
    let end: &'static AtomicBool = Box::leak(Box::new(AtomicBool::new(false)));
    let (opened, is_open) = std::sync::mpsc::channel();
    let mut threads = Vec::new();
    let first = line.clone();
    threads.push(thread::spawn(move || {
        let core = join(cores, 0);
        let steer = Steer::<Device>::first(first.device(), core).unwrap();
        opened.send(()).unwrap();
        echo(steer, core, bells, end)
    }));
    is_open.recv().unwrap();
    for index in 1..count {
        threads.push(thread::spawn(move || {
            let core = join(cores, index);
            echo(Steer::other(core, index, None).unwrap(), core, bells, end)
        }));
    }

    let began = Instant::now();
    let (mut pushed, mut answered) = (0, 0);
    let mut next: BTreeMap<u16, u32> = BTreeMap::new();
    let mut by_core = vec![0; count];
    while answered < frames {
        assert!(began.elapsed() < LIMIT, "{answered} of {pushed} answered");
        while pushed < frames && pushed - answered < AT_ONCE {
            let port = 4000 + pushed as u16 % FLOWS;
            let number = (pushed / usize::from(FLOWS)) as u32;
            line.push(datagram(port, &[&number.to_be_bytes()[..], &[7; 90]].concat()));
            pushed += 1;
            // As the device's interrupt does.
            bells.ring(0);
        }
        for (bytes, _) in line.drain() {
            let Ok(core) = <[u8; 8]>::try_from(&bytes[..]) else {
                let port = u16::from_be_bytes([bytes[34], bytes[35]]);
                let number = u32::from_be_bytes(*bytes[42..].first_chunk().unwrap());
                let expected = next.entry(port).or_default();
                assert_eq!(number, *expected, "port {port}");
                *expected += 1;
                by_core[owner(count, &bytes)] += 1;
                answered += 1;
                continue;
            };
            assert!(u64::from_le_bytes(core) < count as u64);
        }
        thread::yield_now();
    }
    end.store(true, Ordering::Release);
    (0..count).for_each(|core| bells.ring(core));
    let counters: Vec<_> = threads.into_iter().map(|thread| thread.join().unwrap()).collect();

    let (first, others) = (counters[0], &counters[1..]);
    let of_others: u64 = by_core[1..].iter().sum();
    assert!(by_core.iter().all(|answered| *answered > 0), "{by_core:?}");
    assert_eq!((first.steered, first.not_steered), (of_others, 0));
    assert_eq!(first.sent_for_others, 2 * of_others);
    for (counters, answered) in others.iter().zip(&by_core[1..]) {
        assert_eq!((counters.taken, counters.handed_over), (*answered, 2 * answered));
        assert_eq!((counters.exhausted, counters.not_handed_over), (0, 0));
    }
}

#[test]
fn two_cores_answer_all_in_order() {
    run(2, 20_000);
}

#[test]
fn three_cores_answer_all_in_order() {
    run(3, 20_000);
}

/// The first core is behind: a burst that is longer than the ring waits for it, and all of it goes, in order.
#[test]
fn a_burst_longer_than_the_ring_waits_for_the_first_core() {
    const FRAMES: u32 = 400;
    let ((cores, bells), line) = (cores(2, 8 << 10), Line::new());
    let (core, end) = (join(cores, 0), AtomicBool::new(false));
    let mut first = Steer::<Device>::first(line.device(), core).unwrap();
    thread::scope(|scope| {
        let end = &end;
        scope.spawn(move || {
            let mut other = Steer::<Device>::other(join(cores, 1), 1, None).unwrap();
            for number in 0..FRAMES {
                let frame = [&number.to_be_bytes()[..], &[7; 1000]].concat();
                other.transmit(&frame[..], TxOffload::NONE).unwrap();
            }
            let Counters { handed_over, waited, not_handed_over, .. } = other.stats();
            assert_eq!((handed_over, not_handed_over), (FRAMES.into(), 0));
            assert!(waited > 0, "the ring has room for a few of them");
            end.store(true, Ordering::Release);
            bells.ring(0);
        });
        let pool = program_memory(20).pool().unwrap();
        let mut region = Region::new(pool, "packet");
        let mut is_last = false;
        while !is_last {
            is_last = end.load(Ordering::Acquire);
            region.reset();
            while !matches!(first.receive(&region).unwrap(), Rx::Idle) {}
            thread::sleep(Duration::from_micros(100));
        }
    });
    let number = |frame: &[u8]| u32::from_be_bytes(*frame.first_chunk().unwrap());
    assert!(line.drain().iter().map(|(frame, _)| number(frame)).eq(0..FRAMES));
}

/// It costs the time of one wait, and not that of each frame.
#[test]
fn a_first_core_that_does_not_go_on_is_waited_for_once() {
    let ((cores, _), line) = (cores(2, 8 << 10), Line::new());
    let _first = Steer::<Device>::first(line.device(), join(cores, 0)).unwrap();
    // Another thread, as a core stays on its own.
    thread::spawn(move || {
        let mut other = Steer::<Device>::other(join(cores, 1), 1, None).unwrap();
        for _ in 0..100 {
            other.transmit(&[7; 1000][..], TxOffload::NONE).unwrap();
        }
        let Counters { handed_over, waited, not_handed_over, .. } = other.stats();
        assert_eq!((handed_over + not_handed_over, waited), (100, 1));
        assert!((5..10).contains(&handed_over), "{handed_over} fit 8 KiB");
    })
    .join()
    .unwrap();
}
