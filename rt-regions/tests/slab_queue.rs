//! What a user of queues in blocks relies on, and of blocks whose pages are kept: random steps beside a model.

mod common;

use std::{
    cell::Cell,
    collections::{BTreeSet, VecDeque},
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    rc::Rc,
};

use common::{is_full_of, rounds, with_pool};
use rt_regions::{Limit, PAGE_SIZE, SlabBox, SlabQueue, Slabs};
use testkit::Random;

/// The largest block that shares its page with others, in bytes.
const LARGEST_BLOCK: usize = 2032;

#[test]
fn elements_come_in_the_order_in_which_they_were_added() {
    with_pool(64, |pool| {
        let slabs = Slabs::new(pool, "queue").with_kept_pages(1);
        let (mut queue, mut expected) = (SlabQueue::new(&slabs), VecDeque::new());
        let mut random = Random::new(3);
        for step in 0..rounds(100_000, 300) as u64 {
            if random.below(100) < if step / 50 % 2 == 0 { 60 } else { 40 } {
                queue.push(step).unwrap();
                expected.push_back(step);
            } else {
                assert_eq!(queue.pop(), expected.pop_front());
            }
            assert_eq!((queue.len(), queue.is_empty()), (expected.len(), expected.is_empty()));
        }
        queue.clear();
        assert_eq!((queue.len(), queue.pop(), slabs.pages()), (0, None, 1));
        queue.push(7).unwrap();
        assert_eq!(format!("{queue:?}"), "SlabQueue { len: 1, .. }");
    });
}

#[test]
fn a_long_queue_is_dropped_without_a_deep_stack() {
    with_pool(rounds(4_096, 32), |pool| {
        let slabs = Slabs::new(pool, "queue");
        let mut queue = SlabQueue::new(&slabs);
        let length = rounds(200_000, 400);
        (0..length).for_each(|number| queue.push(number).unwrap());
        // Half of it in the order in which it goes, half in that in which it came.
        assert_eq!(queue.pop(), Some(0));
        (0..length / 2).for_each(|number| queue.push(number).unwrap());
    });
}

/// Counts those that are alive; one of them panics when it is dropped.
struct Counted(Rc<Cell<usize>>, bool);

impl Counted {
    fn new(alive: &Rc<Cell<usize>>, is_bomb: bool) -> Self {
        alive.set(alive.get() + 1);
        Self(alive.clone(), is_bomb)
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.set(self.0.get() - 1);
        if self.1 {
            resume_unwind(Box::new("planned"));
        }
    }
}

#[test]
fn an_element_that_does_not_fit_is_dropped_and_the_others_stay() {
    with_pool(8, |pool| {
        let slabs = Slabs::new(pool, "queue").with_cap(PAGE_SIZE);
        let (mut queue, alive) = (SlabQueue::new(&slabs), Rc::new(Cell::new(0)));
        let error = loop {
            if let Err(error) = queue.push(Counted::new(&alive, false)) {
                break error;
            }
        };
        assert_eq!((error.limit, alive.get()), (Limit::Cap, queue.len()));
        assert!(queue.len() > 50);
        let length = queue.len();
        drop(queue.pop());
        queue.push(Counted::new(&alive, false)).unwrap();
        assert!(queue.push(Counted::new(&alive, false)).is_err());
        assert_eq!((alive.get(), queue.len()), (length, length));
        drop(queue);
        assert_eq!((alive.get(), slabs.pages()), (0, 0));
    });
}

#[test]
fn a_destructor_that_panics_leaves_the_queue_whole() {
    with_pool(8, |pool| {
        let slabs = Slabs::new(pool, "queue");
        let (mut queue, alive) = (SlabQueue::new(&slabs), Rc::new(Cell::new(0)));
        for number in 0..6 {
            queue.push(Counted::new(&alive, number == 2)).unwrap();
        }
        assert!(catch_unwind(AssertUnwindSafe(|| queue.clear())).is_err());
        assert_eq!((alive.get(), queue.len()), (3, 3));
        queue.clear();
        assert_eq!((alive.get(), slabs.pages()), (0, 0));
        // Dropped with one that panics: nothing is dropped twice.
        for number in 0..6 {
            queue.push(Counted::new(&alive, number == 2)).unwrap();
        }
        assert!(catch_unwind(AssertUnwindSafe(|| drop(queue))).is_err());
        assert_eq!((alive.get(), slabs.pages()), (0, 0));
    });
}

/// Blocks that are held, beside what is known of them.
struct Model<'s> {
    slabs: &'s Slabs<'s>,
    held: Vec<(u8, SlabBox<'s, [u8]>)>,
    /// How many pages are kept at most.
    most: usize,
    cap: usize,
}

impl Model<'_> {
    /// The pages in which something lies.
    fn lent(&self) -> usize {
        let (mut pages, mut runs) = (BTreeSet::new(), 0);
        for (_, block) in &self.held {
            match block.len() {
                0 => {}
                1..=LARGEST_BLOCK => drop(pages.insert(block.as_ptr().addr() / PAGE_SIZE)),
                length => runs += length.div_ceil(PAGE_SIZE).next_power_of_two(),
            }
        }
        pages.len() + runs
    }

    fn check(&self) {
        let (pages, lent) = (self.slabs.pages(), self.lent());
        assert!((lent..=lent + self.most).contains(&pages), "{lent} lent, {pages} held");
        assert!(pages <= self.cap, "{pages} pages are above the cap");
    }

    fn allocate(&mut self, byte: u8, length: usize, free: usize) {
        match self.slabs.alloc_slice(&vec![byte; length]) {
            Ok(block) => self.held.push((byte, block)),
            Err(error) => {
                // All that was kept was given back for it, and it is really too much.
                let (lent, more) = (self.lent(), length.div_ceil(PAGE_SIZE).next_power_of_two());
                assert_eq!(self.slabs.pages(), lent, "{error}");
                let allowed = match error.limit {
                    Limit::Cap => self.cap - lent,
                    // What is left may be in pieces.
                    _ => {
                        if more == 1 {
                            free
                        } else {
                            0
                        }
                    }
                };
                assert!(more > allowed, "{error}: {more} pages, {allowed} are left");
            }
        }
    }
}

#[test]
fn kept_pages_are_never_in_the_way() {
    for (seed, most) in (0..rounds(12, 4)).map(|round| (round as u64, round % 4)) {
        with_pool(24, |pool| {
            let cap = if seed % 2 == 0 { 12 } else { 24 };
            let slabs = Slabs::new(pool, "blocks").with_cap(cap * PAGE_SIZE).with_kept_pages(most);
            // The other half of the pool may be taken by others.
            let others = Slabs::new(pool, "others");
            let mut foreign = Vec::new();
            let mut random = Random::new(seed + 1);
            let mut model = Model { slabs: &slabs, held: Vec::new(), most, cap };
            for step in 0..rounds(20_000, 120) {
                match random.below(20) {
                    0..9 => {
                        let longest = [17, 200, LARGEST_BLOCK + 1, 3 * PAGE_SIZE];
                        let longest = longest[random.below(4)];
                        let length = random.below(longest);
                        model.allocate(step as u8, length, pool.free_pages());
                    }
                    9..17 if !model.held.is_empty() => {
                        let index = random.below(model.held.len());
                        let (byte, block) = model.held.swap_remove(index);
                        assert!(is_full_of(byte, &block));
                    }
                    17 => foreign.extend(others.alloc_slice(&[0; PAGE_SIZE])),
                    18 => drop(foreign.pop()),
                    19 if random.once_in(8) => slabs.give_kept(),
                    19 if random.once_in(30) => model.held.clear(),
                    _ => {}
                }
                model.check();
            }
            assert!(model.held.iter().all(|(byte, block)| is_full_of(*byte, block)));
            model.held.clear();
            model.check();
            slabs.give_kept();
            assert_eq!(slabs.pages(), 0);
        });
    }
}
