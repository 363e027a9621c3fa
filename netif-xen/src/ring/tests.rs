use std::boxed::Box;

use super::*;

/// A page, and what the other end does to it.
#[repr(align(4096))]
struct Shared([AtomicU32; 1024]);

impl Shared {
    fn new() -> &'static Self {
        Box::leak(Box::new(Self([const { AtomicU32::new(0) }; 1024])))
    }

    fn ring(&'static self, start: u32) -> FrontRing<2> {
        // SAFETY: the page is leaked, aligned, and accessed by atomics.
        unsafe { FrontRing::new(NonNull::from(self).cast(), start) }
    }

    fn set(&self, index: Index, value: u32) {
        self.0[index as usize].store(value, Ordering::SeqCst);
    }

    fn get(&self, index: Index) -> u32 {
        self.0[index as usize].load(Ordering::SeqCst)
    }
}

/// Where the indices begin: also where they are about to wrap around.
const STARTS: [u32; 5] = [0, 1, u32::MAX - 300, u32::MAX - 1, u32::MAX];

#[test]
fn a_ring_takes_as_many_requests_as_it_has_slots_and_goes_round() {
    for start in STARTS {
        let shared = Shared::new();
        let mut ring = shared.ring(start);
        for round in 0..5 {
            for number in 0..SIZE {
                assert!(ring.push([number, round]).is_some());
            }
            assert_eq!(ring.push([0, 0]), None, "the ring is full");
            assert_eq!((ring.outstanding(), ring.unpublished()), (SIZE, SIZE));
            assert_eq!(ring.pop::<2>(), Ok(None));
            ring.publish();
            let produced = shared.get(Index::RequestsProduced);
            assert_eq!(produced, start.wrapping_add((round + 1) * SIZE));
            shared.set(Index::ResponsesProduced, produced);
            for number in 0..SIZE {
                let (position, response) = ring.pop::<2>().unwrap().unwrap();
                assert_eq!(position as u32, start.wrapping_add(number) % SIZE);
                assert_eq!(response, [number, round]);
            }
            assert_eq!(ring.pop::<2>(), Ok(None));
        }
    }
}

#[test]
fn more_responses_than_requests_is_a_lie() {
    for start in STARTS {
        for (asked, answered) in [(0, 1), (3, 4), (3, SIZE), (3, u32::MAX), (3, 1 << 31)] {
            let shared = Shared::new();
            let mut ring = shared.ring(start);
            for _ in 0..asked {
                ring.push([0, 0]).unwrap();
            }
            ring.publish();
            let produced = start.wrapping_add(answered);
            shared.set(Index::ResponsesProduced, produced);
            assert_eq!(ring.pop::<1>(), Err(ProtocolViolation::Index(produced)));
            assert_eq!(ring.final_check(), Err(ProtocolViolation::Index(produced)));
        }
        // What was written and not published was not asked.
        let shared = Shared::new();
        let mut ring = shared.ring(start);
        ring.push([0, 0]).unwrap();
        shared.set(Index::ResponsesProduced, start.wrapping_add(1));
        assert!(ring.pop::<1>().is_err());
    }
}

#[test]
fn an_index_that_goes_back_is_a_lie() {
    let shared = Shared::new();
    let mut ring = shared.ring(7);
    for _ in 0..4 {
        ring.push([0, 0]).unwrap();
    }
    ring.publish();
    shared.set(Index::ResponsesProduced, 9);
    assert!(ring.pop::<1>().unwrap().is_some());
    assert!(ring.pop::<1>().unwrap().is_some());
    shared.set(Index::ResponsesProduced, 8);
    assert_eq!(ring.pop::<1>(), Err(ProtocolViolation::Index(8)));
}

#[test]
fn the_other_end_is_notified_when_it_asked_and_once() {
    for start in STARTS {
        let shared = Shared::new();
        let mut ring = shared.ring(start);
        assert!(!ring.must_notify(), "nothing was published");
        for _ in 0..3 {
            ring.push([0, 0]).unwrap();
            ring.publish();
        }
        // It asked for the first; the burst is settled at once.
        assert_eq!(ring.unnotified(), 3);
        assert!(ring.must_notify());
        assert!(!ring.must_notify());
        // It has not gone to sleep since.
        ring.push([0, 0]).unwrap();
        ring.publish();
        assert!(!ring.must_notify());
        // It asked for one that it was shown long ago.
        shared.set(Index::RequestEvent, start.wrapping_add(4));
        ring.push([0, 0]).unwrap();
        ring.publish();
        assert!(!ring.must_notify());
        // It sleeps, and asks for the next.
        shared.set(Index::RequestEvent, start.wrapping_add(6));
        ring.push([0, 0]).unwrap();
        assert!(!ring.must_notify(), "not published");
        ring.publish();
        assert!(ring.must_notify());
    }
}

#[test]
fn before_it_sleeps_it_asks_to_be_woken_and_looks_again() {
    let shared = Shared::new();
    let mut ring = shared.ring(u32::MAX);
    ring.push([5, 6]).unwrap();
    ring.publish();
    assert_eq!(ring.final_check(), Ok(false));
    assert_eq!(shared.get(Index::ResponseEvent), 0);
    shared.set(Index::ResponsesProduced, 0);
    assert_eq!(ring.final_check(), Ok(true));
    ring.pop::<1>().unwrap();
    ring.never_notify();
    assert_eq!(shared.get(Index::ResponseEvent), SIZE + 1);
}
