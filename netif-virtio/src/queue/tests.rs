use std::boxed::Box;

use super::*;

#[repr(align(4096))]
struct Page(#[allow(dead_code, reason = "it is seen by its address alone")] [u8; PAGE_SIZE]);

/// A queue, and its two pages, which the device of these tests writes.
struct Both {
    queue: Queue,
    pages: [NonNull<u8>; 2],
}

impl Both {
    fn new(size: u16, event_idx: bool) -> Self {
        let pages =
            [(); 2].map(|()| NonNull::from(Box::leak(Box::new(Page([0; PAGE_SIZE])))).cast());
        // SAFETY: both are whole pages, which this value frees.
        let queue = unsafe { Queue::new(pages[0], pages[1], size, event_idx) };
        Self { queue, pages }
    }

    fn set(&self, offset: usize, value: u16) {
        self.queue.half(offset).store(value, Ordering::SeqCst);
    }

    fn get(&self, offset: usize) -> u16 {
        self.queue.half(offset).load(Ordering::SeqCst)
    }

    /// Uses a buffer as the device does.
    fn use_buffer(&self, index: u16, id: u32, length: u32) {
        let start = USED + 4 + 8 * self.queue.position(index);
        for (offset, value) in [(0, id), (4, length)] {
            // SAFETY: it is an entry of the used ring.
            unsafe { self.queue.word(self.pages[1], start + offset) }
                .store(value, Ordering::SeqCst);
        }
        self.set(USED + 2, index.wrapping_add(1));
    }
}

impl Drop for Both {
    fn drop(&mut self) {
        for page in self.pages {
            // SAFETY: it was leaked by `new`, and is not used after this.
            drop(unsafe { Box::from_raw(page.cast::<Page>().as_ptr()) });
        }
    }
}

#[test]
fn a_descriptor_and_an_available_buffer_have_the_bytes_of_the_specification() {
    let mut both = Both::new(8, true);
    let descriptor = Descriptor {
        address: 0x0807_0605_0403_0201,
        length: 0x0c0b_0a09,
        flags: flag::NEXT | flag::WRITE,
        next: 0x0605,
    };
    both.queue.describe(3, descriptor);
    assert!(both.queue.push(3));
    both.queue.publish();
    // SAFETY: nobody writes the pages meanwhile.
    let bytes = unsafe { core::slice::from_raw_parts(both.pages[0].as_ptr(), PAGE_SIZE) };
    let expected = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 3, 0, 5, 6];
    assert_eq!((&bytes[48..64], &bytes[..48]), (&expected[..], &[0; 48][..]));
    assert_eq!((both.get(2), both.get(4)), (1, 3));
}

#[test]
fn no_more_buffers_are_made_available_than_there_are_places() {
    let mut both = Both::new(8, true);
    for index in 0..1000_u16 {
        while both.queue.push(index % 8) {}
        assert_eq!(both.queue.outstanding(), 8);
        both.queue.publish();
        both.use_buffer(index, 5, 7);
        assert_eq!(both.queue.pop(), Ok(Some(Used { id: 5, length: 7 })));
        assert_eq!(both.queue.pop(), Ok(None));
    }
}

/// The device works through all indices, and a little more.
#[test]
fn events_are_asked_for_and_noticed_all_around() {
    for event_idx in [false, true] {
        let mut both = Both::new(8, event_idx);
        let avail_event = USED + 4 + 8 * 8;
        let steps = if cfg!(miri) { 300 } else { 140_000_u32 };
        for step in 0..steps {
            let index = step as u16;
            // The device sleeps until the next buffer, or is awake.
            let sleeps = step % 3 == 0;
            both.set(avail_event, if sleeps { index } else { index.wrapping_add(5) });
            both.set(USED, u16::from(!sleeps));
            assert!(both.queue.push(1) && !both.queue.must_notify());
            both.queue.publish();
            assert_eq!(both.queue.must_notify(), sleeps, "{step}");
            assert!(!both.queue.must_notify(), "{step}: once is enough");
            assert_eq!(both.queue.final_check(), Ok(false));
            if event_idx {
                assert_eq!((both.get(4 + 2 * 8), both.get(0)), (index, 0));
            } else {
                assert_eq!((both.get(4 + 2 * 8), both.get(0)), (0, 0));
            }
            both.use_buffer(index, 1, 2);
            assert_eq!(both.queue.final_check(), Ok(true));
            assert_eq!(both.queue.pop(), Ok(Some(Used { id: 1, length: 2 })));
            // While buffers are taken, and if none is wanted, the device need not interrupt.
            let (flags, event) = (both.get(0), both.get(4 + 2 * 8));
            assert_eq!(flags, u16::from(!event_idx));
            both.queue.never_interrupt();
            if event_idx {
                let (event, next) = (both.get(4 + 2 * 8), index.wrapping_add(1));
                let after = event.wrapping_add(1);
                assert!((1..=8).all(|used| next.wrapping_add(used).wrapping_sub(after) >= used));
            } else {
                assert_eq!((event, both.get(0)), (0, 1));
            }
        }
    }
}

#[test]
fn an_index_that_cannot_be_is_a_violation() {
    for start in [0, 1, 1000_u16] {
        for (used, is_possible) in [
            (0_u16, true),
            (1, true),
            (3, true),
            (4, false),
            (9, false),
            (0x8000, false),
            (0xffff, false),
        ] {
            let mut both = Both::new(8, true);
            for index in 0..start {
                assert!(both.queue.push(0));
                both.queue.publish();
                both.use_buffer(index, 0, 0);
                both.queue.pop().unwrap();
            }
            for _ in 0..3 {
                both.queue.push(0);
            }
            both.queue.publish();
            // This one is not published.
            both.queue.push(0);
            let used = used.wrapping_add(start);
            both.set(USED + 2, used);
            let found = both.queue.look();
            match is_possible {
                true => assert_eq!(found, Ok(used != start)),
                false => assert_eq!(found, Err(ProtocolViolation::Index(used))),
            }
        }
    }
}

#[test]
fn an_index_that_goes_back_is_a_violation() {
    let mut both = Both::new(8, true);
    for _ in 0..3 {
        both.queue.push(0);
    }
    both.queue.publish();
    both.set(USED + 2, 3);
    assert_eq!(both.queue.look(), Ok(true));
    both.set(USED + 2, 2);
    assert_eq!(both.queue.look(), Err(ProtocolViolation::Index(2)));
}
