//! What a user of the crate relies on: a destructor or a closure that panics leaves nothing half done.

mod common;
#[path = "common/panics.rs"]
mod panics;

use std::{cell::Cell, rc::Rc, thread::panicking};

use common::{is_full_of, with_pool};
use panics::{Dud, burst, bursts};
use rt_regions::{
    ChunkQueue, Exhausted, Finite, PAGE_SIZE, Page, Pool, Region, RegionBox, RegionVec, StorageMode,
};

/// Counts that it was dropped, and panics, unless there is a panic already.
struct Bomb(Rc<Cell<u32>>);

impl Drop for Bomb {
    fn drop(&mut self) {
        self.0.set(self.0.get() + 1);
        if !panicking() {
            burst();
        }
    }
}

/// A bomb between two duds; how many of them were dropped.
fn bomb(region: &Region<'_>) -> Rc<Cell<u32>> {
    let dropped = Rc::new(Cell::new(0));
    region.alloc_dropping(Dud(dropped.clone())).unwrap();
    region.alloc_dropping(Bomb(dropped.clone())).unwrap();
    region.alloc_dropping(Dud(dropped.clone())).unwrap();
    dropped
}

/// Two pages, the lower one first.
fn two_pages<'p>(pool: &'p Pool<'_>) -> [Page<'p>; 2] {
    let mut pages = [pool.page("first").unwrap(), pool.page("second").unwrap()];
    pages.sort_by_key(Page::as_ptr);
    pages
}

fn address(bytes: &[u8]) -> std::ops::Range<usize> {
    bytes.as_ptr().addr()..bytes.as_ptr().addr() + bytes.len()
}

/// A scope takes a second page, and a destructor panics when the scope ends; then the region and another
/// one allocate.
fn a_scope_with_a_bomb(second_is_lower: bool) {
    with_pool(8, |pool| {
        let [lower, upper] = two_pages(pool);
        let (first, second) = if second_is_lower { (upper, lower) } else { (lower, upper) };
        let (first_at, second_at) = (first.as_ptr(), second.as_ptr());
        drop(first);
        let mut region = Region::new(pool, "r");
        let kept = region.alloc_slice(&[7u8; 100]).unwrap();
        assert_eq!(kept.as_ptr().addr(), first_at.addr().get());
        drop(second);
        let dropped = Rc::new(Cell::new(0));
        bursts(|| {
            region.scope(|scope| {
                scope.alloc_dropping(Bomb(dropped.clone())).unwrap();
                scope.alloc_slice(&[1u8; 3000]).unwrap();
                let in_second = scope.alloc_slice(&[1u8; 3000]).unwrap();
                assert_eq!(in_second.as_ptr().addr(), second_at.addr().get());
                // What the scope returns is dropped too.
                Dud(dropped.clone())
            })
        });
        assert_eq!((dropped.get(), region.pages(), pool.free_pages()), (2, 1, pool.pages() - 1));
        let other = Region::new(pool, "other");
        let all = other.alloc_slice(&[2u8; PAGE_SIZE]).unwrap();
        assert_eq!(all.as_ptr().addr(), second_at.addr().get());
        let more = region.alloc_slice(&[3u8; 1000]).unwrap();
        assert_eq!(address(more).start, first_at.addr().get() + 100, "where the scope began");
        assert!(is_full_of(2, all) && is_full_of(3, more));
        // The rest of the page, and then a page that is counted as it should be.
        region.alloc_slice(&[4u8; PAGE_SIZE - 1100]).unwrap();
        region.alloc(5u8).unwrap();
        let label = pool.labels().find(|label| label.name() == "r").unwrap();
        assert_eq!((label.pages(), label.bytes(), label.waste()), (2, PAGE_SIZE, 0));
    });
}

#[test]
fn a_scope_goes_back_to_its_page_from_a_lower_one() {
    a_scope_with_a_bomb(true);
}

#[test]
fn a_scope_goes_back_to_its_page_from_an_upper_one() {
    a_scope_with_a_bomb(false);
}

#[test]
fn scopes_around_one_that_panics_go_on() {
    with_pool(16, |pool| {
        let mut region = Region::new(pool, "r").with_zeroing();
        region.scope(|outer| {
            let kept = outer.alloc_slice(&[7u8; 1000]).unwrap();
            for _ in 0..3 {
                let mut dropped = Rc::default();
                bursts(|| {
                    outer.scope(|inner| {
                        dropped = bomb(inner);
                        inner.alloc_slice(&[1u8; 2 * PAGE_SIZE]).unwrap();
                        inner.alloc_slice(&[1u8; 1000]).unwrap();
                        inner.alloc_slice(&[1u8; 4000]).unwrap();
                    });
                });
                assert_eq!((dropped.get(), outer.pages()), (3, 1));
                let next = outer.alloc_uninit::<u8>(500).unwrap();
                // SAFETY: it was zeroed when the scope ended.
                assert!(is_full_of(0, unsafe { next.assume_init_ref() }));
                outer.scope(|inner| assert!(inner.alloc_slice(&[2u8; 3000]).is_ok()));
                bursts(|| outer.scope(|_| burst()));
                bursts(|| outer.scope(|inner| inner.alloc(1).map(|_| burst())));
            }
            assert!(is_full_of(7, kept));
        });
        assert_eq!((region.pages(), pool.free_pages()), (0, pool.pages()));
    });
}

/// A way to end what is in a region.
type End = fn(&mut Region<'_>);

#[test]
fn a_region_that_is_emptied_is_empty() {
    let ends: [(End, usize); 3] =
        [(|r| r.reset(), 1), (|r| r.release(), 0), (|r| _ = StorageMode::Bot(r).enter(), 1)];
    for (end, kept) in ends {
        with_pool(16, |pool| {
            let mut region = Region::new(pool, "r").with_zeroing();
            for round in 1..=3 {
                let dropped = bomb(&region);
                region.alloc_slice(&[1u8; 3000]).unwrap();
                region.alloc_slice(&[1u8; 3000]).unwrap();
                region.alloc_slice(&[1u8; 3 * PAGE_SIZE]).unwrap();
                bursts(|| end(&mut region));
                assert_eq!(dropped.get(), 3);
                assert_eq!((region.pages(), pool.free_pages()), (kept, pool.pages() - kept));
                let label = pool.labels().next().unwrap();
                let counts = (label.pages(), label.bytes(), label.waste(), label.resets());
                assert_eq!(counts, (kept, 0, 0, round));
                let page = region.alloc_uninit::<u8>(PAGE_SIZE).unwrap();
                // SAFETY: it was zeroed when the region was emptied.
                assert!(is_full_of(0, unsafe { page.assume_init_ref() }));
                assert_eq!(region.pages(), 1);
            }
        });
    }
}

#[test]
fn a_region_that_is_dropped_gives_its_pages_back() {
    with_pool(16, |pool| {
        let parent = Region::new(pool, "parent").with_cap(8 * PAGE_SIZE);
        for _ in 0..3 {
            let child = parent.child("child");
            let dropped = bomb(&child);
            child.alloc_slice(&[1u8; 3000]).unwrap();
            child.alloc_slice(&[1u8; 3000]).unwrap();
            child.alloc_slice(&[1u8; 3 * PAGE_SIZE]).unwrap();
            bursts(|| drop(child));
            assert_eq!((dropped.get(), pool.free_pages()), (3, pool.pages()));
            let label = pool.labels().find(|label| label.name() == "child").unwrap();
            assert_eq!((label.live(), label.pages(), label.bytes(), label.waste()), (0, 0, 0, 0));
        }
        assert!(
            parent.alloc_slice(&[0u8; 8 * PAGE_SIZE]).is_ok(),
            "nothing counts against the cap"
        );
    });
}

#[test]
fn a_scope_that_is_left_by_a_panic_drops_its_values() {
    with_pool(16, |pool| {
        let mut region = Region::new(pool, "r");
        region.alloc(1u8).unwrap();
        let dropped = Rc::new(Cell::new(0));
        bursts(|| {
            region.scope(|scope| {
                scope.alloc_dropping(Dud(dropped.clone())).unwrap();
                scope.alloc_slice(&[1u8; 4000]).unwrap();
                scope.alloc_slice(&[1u8; 5000]).unwrap();
                burst();
            });
        });
        assert_eq!((dropped.get(), region.pages(), pool.free_pages()), (1, 1, pool.pages() - 1));
    });
}

#[test]
fn a_finite_region_is_whole_again() {
    let mut room = Finite::<400>::new();
    let mut region = room.region("finite");
    let start = region.alloc_slice(&[7u8; 8]).unwrap().as_ptr().addr();
    bursts(|| region.scope(|scope| bomb(scope)));
    let next = |region: &Region<'_>| region.alloc_uninit::<u8>(0).unwrap().as_ptr().addr();
    assert_eq!(next(&region), start + 8);
    bomb(&region);
    bursts(|| region.reset());
    assert_eq!(next(&region), start);
    assert!(region.alloc_slice(&[1u8; 400]).is_ok());
}

#[test]
fn a_vector_drops_the_elements_after_one_that_panics() {
    /// Panics if it is the third.
    struct Element(u32, Rc<Cell<u32>>);
    impl Drop for Element {
        fn drop(&mut self) {
            self.1.set(self.1.get() + 1);
            if self.0 == 2 {
                burst();
            }
        }
    }
    with_pool(8, |pool| {
        let region = Region::new(pool, "r");
        for length in [0, 2] {
            let dropped = Rc::new(Cell::new(0));
            let mut vector = RegionVec::new(&region);
            (0..5).for_each(|n| assert!(vector.push(Element(n, dropped.clone())).is_ok()));
            bursts(|| vector.truncate(length));
            assert_eq!((vector.len(), dropped.get()), (length, 5 - length as u32));
            vector.push(Element(7, dropped.clone())).unwrap();
            drop(vector);
            assert_eq!((dropped.get(), Rc::strong_count(&dropped)), (6, 1));

            let mut vector = RegionVec::new(&region);
            (0..5).for_each(|n| assert!(vector.push(Element(n, dropped.clone())).is_ok()));
            bursts(|| drop(vector));
            assert_eq!((dropped.get(), Rc::strong_count(&dropped)), (11, 1));
        }
    });
}

/// What they were to write into stays taken until the region ends; what was there is there.
#[test]
fn closures_that_panic_leave_the_region_whole() {
    struct Bursts;
    impl std::fmt::Display for Bursts {
        fn fmt(&self, _: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            burst()
        }
    }
    with_pool(64, |pool| {
        let region = Region::new(pool, "r");
        let kept = region.alloc_slice(&[7u8; 100]).unwrap();
        for length in [10_usize, 3000, 5000] {
            bursts(|| region.alloc_with(|| -> [u8; 1000] { burst() }).map(drop));
            bursts(|| {
                let count = length.div_ceil(64);
                let element = |index| if index + 1 < count { [1u8; 64] } else { burst() };
                region.alloc_slice_with(count, element).map(drop)
            });
            bursts(|| region.fill(length, |_| -> (_, ()) { burst() }).map(drop));
            bursts(|| region.format(format_args!("{}{Bursts}", "x".repeat(length))).map(drop));
            bursts(|| -> Result<(), Exhausted> {
                let mut parcels = ChunkQueue::new(region.child("parcels"), ())?;
                parcels.push(1, b"one")?;
                bursts(|| parcels.push_with(2, length, |_| burst()));
                parcels.push(3, b"three")?;
                assert!(parcels.iter().eq([(1, &b"one"[..]), (3, &b"three"[..])]));
                burst()
            });
            bursts(|| {
                let boxed = RegionBox::new(region.child("box"), [0u8; 100]).unwrap();
                boxed.unsize::<[u8]>(|_| burst())
            });
            let next = region.alloc_slice(&[9u8; 64]).unwrap();
            assert!(is_full_of(9, next) && is_full_of(7, kept));
        }
        assert_eq!(pool.free_pages(), pool.pages() - region.pages());
    });
}
