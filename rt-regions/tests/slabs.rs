//! What a user of blocks relies on: what they hold, what they cost in pages, and that all comes back.

mod common;

use std::{
    cell::Cell,
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    rc::Rc,
};

use common::{rounds, with_pool};
use rt_regions::{Limit, PAGE_SIZE, Pool, SlabBox, Slabs};

#[test]
fn values_of_one_byte_share_pages_and_give_them_back() {
    with_pool(64, |pool| {
        let slabs = Slabs::new(pool, "values");
        // 255 blocks of 16 bytes in a page; 1,024 of them natively.
        let full = rounds(4, 1);
        let count = 255 * full + 4;
        let mut values: Vec<_> = (0..count).map(|i| slabs.alloc(i as u8).unwrap()).collect();
        assert_eq!(slabs.pages(), full + 1);
        assert!(values.iter().enumerate().all(|(i, value)| **value == i as u8));
        values.truncate(255 * full);
        assert_eq!(slabs.pages(), full);
        values.truncate(1);
        assert_eq!(slabs.pages(), 1);
        values.clear();
        assert_eq!((slabs.pages(), pool.free_pages()), (0, pool.pages()));
    });
}

#[test]
fn pages_that_are_kept_are_used_again_and_given_back_when_they_are_needed() {
    with_pool(16, |pool| {
        let slabs = Slabs::new(pool, "values").with_cap(3 * PAGE_SIZE).with_kept_pages(2);
        for _ in 0..3 {
            // Of three classes, two are kept.
            let values =
                (slabs.alloc([1_u8; 16]), slabs.alloc([2_u8; 100]), slabs.alloc([3_u8; 300]));
            assert_eq!(slabs.pages(), 3);
            drop(values);
            assert_eq!(slabs.pages(), 2);
        }
        let one = slabs.alloc(7_u8).unwrap();
        assert_eq!(slabs.pages(), 2);
        // Under the cap there is room for this only without the one that is still kept.
        let large = slabs.alloc_slice(&[9_u8; 2 * PAGE_SIZE]).unwrap();
        assert_eq!((slabs.pages(), *one, large[4095]), (3, 7, 9));
        assert_eq!(slabs.alloc_slice(&[9_u8; 2 * PAGE_SIZE]).unwrap_err().limit, Limit::Cap);
        drop(one);
        assert_eq!(slabs.pages(), 3);
        // The one that is kept makes room for a block of another class.
        let other = slabs.alloc([2_u8; 100]).unwrap();
        assert_eq!(slabs.pages(), 3);
        drop((large, other));
        slabs.give_kept();
        assert_eq!(slabs.pages(), 0);
        // Where the pool is what is short.
        drop(slabs.alloc(7_u8).unwrap());
        let other = Slabs::new(pool, "other");
        let rest: Vec<_> = std::iter::from_fn(|| other.alloc([0_u8; PAGE_SIZE]).ok()).collect();
        assert_eq!((rest.len(), slabs.pages()), (pool.pages() - 1, 1));
        let page = slabs.alloc([0_u8; PAGE_SIZE]).unwrap();
        assert_eq!(slabs.pages(), 1);
        drop((page, rest));
        drop(slabs.alloc(7_u8).unwrap());
        slabs.give_kept();
        assert_eq!(pool.free_pages(), pool.pages());
        // What is kept is given back at the end.
        drop(slabs.alloc(7_u8).unwrap());
    });
}

#[test]
fn a_block_that_was_given_back_is_lent_again() {
    with_pool(8, |pool| {
        let slabs = Slabs::new(pool, "values").with_cap(PAGE_SIZE);
        let mut values: Vec<_> = (0..255_u8).map(|i| slabs.alloc(i).unwrap()).collect();
        assert_eq!(slabs.alloc(0_u8).unwrap_err().limit, Limit::Cap);
        for i in 0..rounds(1000, 30) {
            let index = i * 7 % values.len();
            values.swap_remove(index);
            values.push(slabs.alloc(*values[index % values.len()]).unwrap());
        }
        assert_eq!(slabs.pages(), 1);
    });
}

#[test]
fn what_is_larger_than_a_block_gets_pages_of_its_own() {
    with_pool(32, |pool| {
        let slabs = Slabs::new(pool, "values");
        for (length, pages) in
            [(2032, 1), (2033, 1), (PAGE_SIZE, 1), (PAGE_SIZE + 1, 2), (3 * PAGE_SIZE, 4)]
        {
            let value = slabs.alloc_slice(&vec![7_u8; length]).unwrap();
            assert_eq!((slabs.pages(), value.len()), (pages, length));
            assert!(common::is_full_of(7, &value));
        }
        assert_eq!(slabs.pages(), 0);
        let refused = slabs.alloc_slice(&vec![0_u8; 5 << 20]).unwrap_err();
        assert_eq!((refused.limit, refused.allowed()), (Limit::Size, 4 << 20));
    });
}

#[test]
fn a_refusal_names_the_slabs_and_the_amounts() {
    with_pool(8, |pool| {
        let slabs = Slabs::new(pool, "values").with_cap(2 * PAGE_SIZE);
        let _values =
            [slabs.alloc([0_u8; 2000]), slabs.alloc([0_u8; 2000]), slabs.alloc([0; 2000])];
        let refused = slabs.alloc(0_u8).unwrap_err();
        assert_eq!((refused.region, refused.limit), ("values", Limit::Cap));
        assert_eq!((refused.requested(), refused.used(), refused.allowed()), (16, 8192, 8192));
        let others = Slabs::new(pool, "others");
        let most = pool.free_pages();
        let values: Vec<_> = (0..most).map(|_| others.alloc([0_u8; PAGE_SIZE]).unwrap()).collect();
        let refused = others.alloc(0_u8).unwrap_err();
        assert_eq!((refused.limit, refused.allowed()), (Limit::Pool, values.len() * PAGE_SIZE));
        let refusals = pool.labels().map(|label| label.refused()).sum::<u64>();
        assert_eq!(refusals, 2);
    });
}

#[test]
fn values_are_aligned() {
    #[repr(align(16))]
    struct A16(u8);
    #[repr(align(64))]
    struct A64([u8; 65]);
    #[repr(align(4096))]
    struct A4096(u8);

    fn check<T>(slabs: &Slabs<'_>, make: impl Fn(u8) -> T, number: impl Fn(&T) -> u8) {
        let values: Vec<SlabBox<'_, T>> = (0..20).map(|i| slabs.alloc(make(i)).unwrap()).collect();
        for (i, value) in values.iter().enumerate() {
            assert_eq!(std::ptr::from_ref(&**value).addr() % align_of::<T>(), 0);
            assert_eq!(number(value), i as u8);
        }
    }

    with_pool(64, |pool| {
        let slabs = Slabs::new(pool, "values");
        check(&slabs, A16, |value| value.0);
        check(&slabs, |i| A64([i; 65]), |value| value.0[64]);
        check(&slabs, A4096, |value| value.0);
        let nothing = slabs.alloc(()).unwrap();
        assert_eq!((*nothing, slabs.pages()), ((), 0));
    });
}

/// Blocks of all sizes come and go; none loses what is in it.
#[test]
fn blocks_of_all_classes_in_any_order() {
    with_pool(rounds(300, 40), |pool| {
        let slabs = Slabs::new(pool, "values");
        let mut held: Vec<(u8, SlabBox<'_, [u8]>)> = Vec::new();
        let mut random = 7_u32;
        let mut below = |bound: usize| {
            random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (random >> 8) as usize % bound
        };
        for step in 0..rounds(50_000, 250) {
            if below(2) == 0 && !held.is_empty() {
                let (byte, value) = held.swap_remove(below(held.len()));
                assert!(common::is_full_of(byte, &value));
            } else {
                let longest = [20, 200, 2100, 9000][below(4)];
                let (byte, length) = (step as u8, below(longest));
                if let Ok(value) = slabs.alloc_slice(&vec![byte; length]) {
                    held.push((byte, value));
                }
            }
        }
        assert!(held.iter().all(|(byte, value)| common::is_full_of(*byte, value)));
        assert!(slabs.pages() > 10);
    });
}

/// Counts that it was dropped, and panics.
struct Bomb(Rc<Cell<u32>>);

impl Drop for Bomb {
    fn drop(&mut self) {
        self.0.set(self.0.get() + 1);
        resume_unwind(Box::new("planned"));
    }
}

#[test]
fn a_destructor_that_panics_runs_once_and_its_block_is_given_back() {
    with_pool(4, |pool| {
        let slabs = Slabs::new(pool, "values").with_cap(PAGE_SIZE);
        let dropped = Rc::new(Cell::new(0));
        let value = slabs.alloc(Bomb(dropped.clone())).unwrap();
        assert!(catch_unwind(AssertUnwindSafe(|| drop(value))).is_err());
        assert_eq!((dropped.get(), slabs.pages()), (1, 0));
        let _full = slabs.alloc([0_u8; PAGE_SIZE]).unwrap();
        let refused = AssertUnwindSafe(|| slabs.alloc(Bomb(dropped.clone())).map(drop));
        assert!(catch_unwind(refused).is_err());
        assert_eq!((dropped.get(), slabs.pages()), (2, 1));
    });
}

#[test]
fn a_box_that_is_forgotten_keeps_its_page_and_is_listed() {
    let mut memory = Box::new_uninit_slice(16 * PAGE_SIZE);
    let pool = Pool::new(&mut memory);
    let slabs = Slabs::new(&pool, "forgotten");
    std::mem::forget(slabs.alloc(1_u8).unwrap());
    drop(slabs.alloc(2_u8).unwrap());
    drop(slabs);
    assert_eq!(pool.free_pages(), pool.pages() - 1);
    assert!(pool.open_regions().map(|label| label.name()).eq(["forgotten"]));
}
