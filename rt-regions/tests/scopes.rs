//! What a user of the crate relies on: scopes, places, and values that are dropped.

mod common;

use common::{rounds, with_pool};
use rt_regions::{PAGE_SIZE, Region, RegionVec, StorageMode};

#[test]
fn a_scope_gives_back_what_it_took_and_nothing_else() {
    with_pool(64, |pool| {
        let mut region = Region::new(pool, "r");
        region.alloc(1u8).unwrap();
        let before = (region.pages(), pool.free_pages());
        let sum = region.scope(|outer| {
            let kept = outer.alloc_slice(&[1u64; 100]).unwrap();
            for _ in 0..rounds(10, 2) {
                outer.scope(|inner| {
                    inner.alloc_slice(&[2u64; 2000]).unwrap();
                    (0..rounds(1000, 600))
                        .for_each(|n| assert_eq!(*inner.alloc([n; 4]).unwrap(), [n; 4]));
                    let mut vector = RegionVec::new(inner);
                    (0..100).for_each(|n| vector.push(n).unwrap());
                    assert!(inner.pages() > 8);
                });
            }
            assert_eq!((outer.pages(), pool.free_pages()), before);
            kept.iter().sum::<u64>()
        });
        assert_eq!((sum, (region.pages(), pool.free_pages())), (100, before));
    });
}

#[test]
fn a_scope_of_an_empty_region_leaves_it_empty() {
    with_pool(8, |pool| {
        let mut region = Region::new(pool, "r");
        region.scope(|scope| scope.alloc_str("text").map(|text| text.len())).unwrap();
        assert_eq!((region.pages(), pool.free_pages()), (0, pool.pages()));
        assert_eq!(region.alloc(7).map(|value| *value), Ok(7));
    });
}

#[test]
fn a_scope_ends_by_errors_and_panics_too() {
    with_pool(8, |pool| {
        let mut region = Region::new(pool, "r").with_cap(2 * PAGE_SIZE);
        let error = region.scope(|scope| {
            scope.alloc_slice(&[0u8; PAGE_SIZE])?;
            scope.alloc_slice(&[0u8; 2 * PAGE_SIZE]).map(|_| ())
        });
        assert_eq!(error.unwrap_err().used(), PAGE_SIZE);
        assert_eq!(region.pages(), 0);
        let panic = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            region.scope(|scope| {
                scope.alloc_slice(&[0u8; PAGE_SIZE]).unwrap();
                panic!("in the scope");
            })
        }));
        assert!(panic.is_err());
        assert_eq!((region.pages(), pool.free_pages()), (0, pool.pages()));
    });
}

#[test]
fn a_place_is_the_top_or_the_bottom() {
    fn squares<'r>(count: u64, place: StorageMode<'r, '_>) -> &'r [u64] {
        place.enter().alloc_slice_with(count as usize, |i| (i * i) as u64).unwrap()
    }
    with_pool(8, |pool| {
        let mut region = Region::new(pool, "r");
        let first = squares(400, (&region).into());
        let second = squares(400, StorageMode::Top(&region));
        assert_eq!((first[3], second[4], region.pages()), (9, 16, 2));
        for _ in 0..10 {
            assert_eq!(squares(400, (&mut region).into())[5], 25);
            assert_eq!(region.pages(), 1);
        }
    });
}

#[test]
fn values_that_are_to_be_dropped_are_dropped_once_the_newest_first() {
    use std::{cell::RefCell, rc::Rc};
    struct Noisy(u32, Rc<RefCell<Vec<u32>>>);
    impl Drop for Noisy {
        fn drop(&mut self) {
            self.1.borrow_mut().push(self.0);
        }
    }
    let dropped = Rc::new(RefCell::new(Vec::new()));
    let noisy = |number| Noisy(number, dropped.clone());
    with_pool(8, |pool| {
        let mut region = Region::new(pool, "r");
        (0..3).for_each(|n| assert_eq!(region.alloc_dropping(noisy(n)).unwrap().0, n));
        region.scope(|scope| {
            scope.alloc_dropping(noisy(10)).unwrap();
            scope.alloc_dropping(noisy(11)).unwrap();
        });
        assert_eq!(dropped.take(), [11, 10]);
        region.reset();
        assert_eq!(dropped.take(), [2, 1, 0]);
        region.alloc_dropping(noisy(7)).unwrap();
        drop(region);
        assert_eq!(dropped.take(), [7]);
        let full = Region::new(pool, "full").with_cap(0);
        assert!(full.alloc_dropping(noisy(8)).is_err());
        assert_eq!(dropped.take(), [8]);
    });
    assert_eq!(Rc::strong_count(&dropped), 1);
}

/// The others are dropped all the same, and the scope around it goes on with the pages that it had.
#[test]
fn a_destructor_that_panics_ends_its_scope() {
    use std::{cell::RefCell, rc::Rc};
    struct Noisy(u32, Rc<RefCell<Vec<u32>>>);
    impl Drop for Noisy {
        fn drop(&mut self) {
            self.1.borrow_mut().push(self.0);
            assert!(self.0 != 2, "two");
        }
    }
    let dropped = Rc::new(RefCell::new(Vec::new()));
    with_pool(16, |pool| {
        let mut region = Region::new(pool, "r");
        region.alloc(1u8).unwrap();
        let before = (region.pages(), pool.free_pages());
        region.scope(|outer| {
            let kept = outer.alloc_slice(&[7u64; 100]).unwrap();
            let panic = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
                outer.scope(|inner| {
                    for number in 1..=3 {
                        inner.alloc_dropping(Noisy(number, dropped.clone())).unwrap();
                        inner.alloc_slice(&[0u8; PAGE_SIZE]).unwrap();
                    }
                });
            }));
            assert!(panic.is_err());
            assert_eq!(dropped.take(), [3, 2, 1]);
            assert_eq!((outer.pages(), pool.free_pages()), before);
            outer.alloc_slice(&[1u64; 1000]).unwrap();
            assert!(kept.iter().all(|&number| number == 7));
        });
        assert_eq!((region.pages(), pool.free_pages()), before);
    });
    assert_eq!(Rc::strong_count(&dropped), 1);
}
