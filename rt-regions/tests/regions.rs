//! What a user of the crate relies on.

mod common;

use std::{cell::Cell, mem::MaybeUninit};

use common::with_pool;
use rt_regions::{
    Exhausted, Finite, Limit, List, PAGE_SIZE, Parcels, Place, Pool, Region, RegionBox, RegionVec,
};

#[test]
fn a_region_takes_its_first_page_when_it_is_first_used() {
    with_pool(4, |pool| {
        let region = Region::new(pool, "r");
        assert_eq!((region.pages(), pool.free_pages()), (0, pool.pages()));
        region.alloc(1u8).unwrap();
        assert_eq!((region.pages(), pool.free_pages()), (1, pool.pages() - 1));
    });
}

#[test]
fn values_keep_what_was_written_and_are_aligned() {
    #[repr(align(64))]
    struct Wide(u8);
    with_pool(40, |pool| {
        let region = Region::new(pool, "r");
        let numbers: Vec<&mut u64> = (0..5000).map(|n| region.alloc(n).unwrap()).collect();
        let bytes: Vec<&mut u8> = (0..200).map(|n| region.alloc(n).unwrap()).collect();
        let wide = region.alloc(Wide(7)).unwrap();
        assert!(numbers.iter().enumerate().all(|(index, number)| **number == index as u64));
        assert!(bytes.iter().enumerate().all(|(index, byte)| **byte == index as u8));
        assert_eq!((std::ptr::from_mut(wide).addr() % 64, wide.0), (0, 7));
        assert_eq!(region.alloc_str("grüße").unwrap(), "grüße");
        assert_eq!(region.alloc_slice(&[1, 2, 3]).unwrap(), [1, 2, 3]);
        assert_eq!(region.alloc_slice_with(4, |i| i * i).unwrap(), [0, 1, 4, 9]);
        assert_eq!(region.format(format_args!("{}-{:?}", 1, "x")).unwrap(), "1-\"x\"");
    });
}

#[test]
fn empty_values_cost_nothing() {
    with_pool(4, |pool| {
        let region = Region::new(pool, "r");
        region.alloc(()).unwrap();
        assert_eq!(region.alloc_slice::<u64>(&[]).unwrap().len(), 0);
        assert_eq!(region.pages(), 0);
    });
}

#[test]
fn a_large_object_is_a_run_of_pages() {
    with_pool(64, |pool| {
        let mut region = Region::new(pool, "r");
        region.alloc(1u8).unwrap();
        let datagram = region.alloc_slice_with(65_507, |i| i as u8).unwrap();
        assert!(datagram.iter().enumerate().all(|(index, &byte)| byte == index as u8));
        assert_eq!(region.pages(), 17);
        region.alloc(2u8).unwrap();
        assert_eq!(region.pages(), 17, "the current page is still in use");
        region.reset();
        assert_eq!(region.pages(), 1);
    });
}

#[test]
fn reset_keeps_one_page_and_gives_the_rest_back() {
    with_pool(16, |pool| {
        let mut region = Region::new(pool, "r");
        for _ in 0..3 {
            for _ in 0..6 * PAGE_SIZE / 8 {
                region.alloc(0u64).unwrap();
            }
            assert_eq!(region.pages(), 6);
            region.reset();
            assert_eq!((region.pages(), pool.free_pages()), (1, pool.pages() - 1));
        }
        let label = pool.labels().next().unwrap();
        assert_eq!((label.name(), label.opened(), label.live()), ("r", 1, 1));
        assert_eq!((label.resets(), label.pages(), label.most_pages()), (3, 1, 6));
        assert!(label.place().unwrap().file().ends_with("regions.rs"));
    });
}

#[test]
fn a_cap_holds_and_the_error_tells_all() {
    with_pool(64, |pool| {
        let region = Region::new(pool, "small").with_cap(2 * PAGE_SIZE);
        region.alloc_slice(&[0u8; PAGE_SIZE]).unwrap();
        let error = region.alloc_slice(&[0u8; PAGE_SIZE + 1]).unwrap_err();
        let expected = Exhausted {
            region: "small",
            requested: PAGE_SIZE + 1,
            used: PAGE_SIZE,
            allowed: 2 * PAGE_SIZE,
            limit: Limit::Cap,
        };
        assert_eq!(error, expected);
        assert_eq!(
            error.to_string(),
            "region small: no room for 4097 more bytes: 4096 used, 8192 allowed"
        );
        region.alloc_slice(&[0u8; PAGE_SIZE]).unwrap();
        assert!(region.alloc(0u8).is_err());
        assert_eq!(pool.labels().next().unwrap().refused(), 2);
    });
}

#[test]
fn a_child_counts_against_the_cap_of_its_parent() {
    with_pool(64, |pool| {
        let region = Region::new(pool, "parent").with_cap(4 * PAGE_SIZE);
        let kept = region.alloc(1u64).unwrap();
        {
            let child = region.child("child");
            let grandchild = child.child("grandchild");
            child.alloc_slice(&[0u8; PAGE_SIZE]).unwrap();
            grandchild.alloc_slice(&[0u8; 2 * PAGE_SIZE]).unwrap();
            let error = grandchild.alloc(0u8).unwrap_err();
            assert_eq!(
                (error.limit, error.used, error.allowed),
                (Limit::Cap, 4 * PAGE_SIZE, 4 * PAGE_SIZE)
            );
            region.alloc(2u64).unwrap();
        }
        region.alloc_slice(&[0u8; 2 * PAGE_SIZE]).unwrap();
        assert_eq!(*kept, 1);
    });
}

#[test]
fn a_pool_that_is_used_up_says_so_and_recovers() {
    with_pool(8, |pool| {
        let hog = Region::new(pool, "hog");
        while hog.alloc_slice(&[0u8; PAGE_SIZE]).is_ok() {}
        let error = Region::new(pool, "late").alloc(0u8).unwrap_err();
        assert_eq!((error.region, error.limit, error.allowed), ("late", Limit::Pool, 0));
        drop(hog);
        assert!(Region::new(pool, "late").alloc(0u8).is_ok());
    });
}

#[test]
fn impossible_sizes_are_refused() {
    with_pool(8, |pool| {
        let region = Region::new(pool, "r");
        assert_eq!(region.alloc_uninit::<u64>(usize::MAX).unwrap_err().limit, Limit::Size);
        assert_eq!(region.alloc_uninit::<u8>(1 << 40).unwrap_err().limit, Limit::Size);
        assert_eq!(region.alloc_uninit::<u8>(1 << 20).unwrap_err().limit, Limit::Pool);
    });
}

#[test]
fn fill_keeps_what_was_written_and_gives_the_rest_back() {
    with_pool(8, |pool| {
        let region = Region::new(pool, "r");
        let (filled, ()) =
            region.fill(1500, |room| (Some(room[..3].write_copy_of_slice(b"abc")), ())).unwrap();
        assert_eq!(filled.unwrap(), b"abc");
        for _ in 0..100_000 {
            let (nothing, count) = region.fill(1500, |room| (None, room.len())).unwrap();
            assert!(nothing.is_none() && count == 1500);
        }
        assert_eq!(region.pages(), 1);
        // A slice that does not begin where the room begins is not what was asked for.
        let (wrong, ()) =
            region.fill(10, |room| (Some(room[1..4].write_copy_of_slice(b"abc")), ())).unwrap();
        assert!(wrong.is_none());
        let (large, ()) =
            region.fill(9000, |room| (Some(room.write_copy_of_slice(&[7; 9000])), ())).unwrap();
        assert!(large.unwrap().iter().all(|&byte| byte == 7));
    });
}

#[test]
fn fill_leaves_alone_what_was_allocated_meanwhile() {
    with_pool(8, |pool| {
        let region = Region::new(pool, "r");
        let (filled, other) = region
            .fill(100, |room| {
                (Some(room[..1].write_copy_of_slice(b"a")), region.alloc_str("other").unwrap())
            })
            .unwrap();
        let more = region.alloc_str("more").unwrap();
        assert_eq!((&filled.unwrap()[..], &*other, &*more), (&b"a"[..], "other", "more"));
    });
}

#[test]
fn a_finite_region_has_its_buffer_and_no_page() {
    let mut room = Finite::<16>::new();
    for _ in 0..3 {
        let region = room.region("finite");
        region.alloc_slice(b"0123456789").unwrap();
        let error = region.alloc_slice(b"0123456").unwrap_err();
        assert_eq!((error.requested, error.used, error.allowed), (7, 10, 16));
        assert!(region.child("none").alloc(0u8).is_err());
        assert!(region.pool().is_none() && region.require_pool().is_err());
    }
}

#[test]
fn vectors_grow_in_place_while_they_are_the_newest() {
    with_pool(256, |pool| {
        let region = Region::new(pool, "r");
        let mut vector = RegionVec::new(&region);
        for number in 0..1000u32 {
            vector.push(number).unwrap();
        }
        assert_eq!(region.pages(), 1, "nothing was copied");
        let between = region.alloc(1u8).unwrap();
        for number in 1000..40_000 {
            vector.push(number).unwrap();
        }
        assert!(vector.iter().enumerate().all(|(index, &number)| number as usize == index));
        assert_eq!((vector.pop(), *between), (Some(39_999), 1));
        vector.truncate(2);
        vector.extend_from_slice(&[7, 8]).unwrap();
        assert_eq!(vector.swap_remove(0), 0);
        assert_eq!(vector.into_slice(), [8, 1, 7]);
    });
}

#[test]
fn a_vector_that_cannot_grow_is_as_it_was() {
    with_pool(64, |pool| {
        let region = Region::new(pool, "r").with_cap(PAGE_SIZE);
        let mut vector = RegionVec::new(&region);
        let mut pushed = 0u64;
        while vector.push(pushed).is_ok() {
            pushed += 1;
        }
        assert_eq!(pushed, 512, "all of the page is used");
        assert!(vector.iter().copied().eq(0..pushed));
    });
}

#[test]
fn a_vector_drops_its_elements() {
    struct Noisy<'a>(&'a Cell<u32>);
    impl Drop for Noisy<'_> {
        fn drop(&mut self) {
            self.0.set(self.0.get() + 1);
        }
    }
    let dropped = Cell::new(0);
    with_pool(8, |pool| {
        let region = Region::new(pool, "r");
        let mut vector = RegionVec::new(&region);
        for _ in 0..100 {
            vector.push(Noisy(&dropped)).unwrap();
        }
        assert_eq!(dropped.get(), 0, "growing moves");
        drop(vector.swap_remove(3));
        vector.truncate(50);
        assert_eq!(dropped.get(), 50);
        drop(vector);
        assert_eq!(dropped.get(), 100);
    });
}

#[test]
fn lists_share_their_tails() {
    with_pool(8, |pool| {
        let region = Region::new(pool, "r");
        let tail = List::EMPTY.before(3, &region).unwrap();
        let one = tail.before(1, &region).unwrap();
        let two = tail.before(2, &region).unwrap();
        assert!(one.iter().eq(&[1, 3]) && two.into_iter().eq(&[2, 3]));
        assert!(List::<u8>::default().is_empty() && !tail.is_empty());
    });
}

#[test]
fn a_box_owns_its_region() {
    with_pool(8, |pool| {
        let mut count = 0;
        let boxed = RegionBox::new(Region::new(pool, "service"), move |by: u32| {
            count += by;
            count
        });
        let mut boxed: RegionBox<'_, dyn FnMut(u32) -> u32> = boxed.unwrap().unsize(|f| f as _);
        assert_eq!(pool.free_pages(), pool.pages() - 1);
        assert_eq!((boxed(2), boxed(3)), (2, 5));
        drop(boxed);
        assert_eq!(pool.free_pages(), pool.pages());
    });
}

#[test]
fn parcels_come_out_as_they_went_in() {
    with_pool(64, |pool| {
        let mut parcels = Parcels::new(Region::new(pool, "parcels"), 7u64).unwrap();
        let bytes = |number: u32| vec![number as u8; number as usize * 37];
        for number in 0..60 {
            parcels.push(number, &bytes(number)).unwrap();
        }
        *parcels.value_mut() += 1;
        let mut moved = Some(parcels);
        let parcels = moved.take().unwrap();
        assert_eq!(*parcels.value(), 8);
        let mut next = 0;
        for (number, content) in parcels.iter() {
            assert_eq!((number, content), (next, &bytes(next)[..]));
            next += 1;
        }
        assert_eq!(next, 60);
        assert!(parcels.pages() > 16);
    });
}

#[test]
fn parcels_without_room_are_as_they_were() {
    with_pool(8, |pool| {
        let mut parcels = Parcels::new(Region::new(pool, "p").with_cap(PAGE_SIZE), ()).unwrap();
        parcels.push(1, b"one").unwrap();
        assert!(parcels.push(2, &[0; PAGE_SIZE]).is_err());
        parcels.push_with(3, 5, |room| room[0] = b'x').unwrap();
        assert!(parcels.iter().eq([(1, &b"one"[..]), (3, &b"x\0\0\0\0"[..])]));
    });
}

#[test]
fn more_names_than_places_are_counted_together() {
    let names: Vec<&'static str> =
        (0..100).map(|n| &*Box::leak(format!("name {n}").into_boxed_str())).collect();
    with_pool(8, |pool| {
        for name in &names {
            drop(Region::new(pool, name));
        }
        // The same words at another address are the same name.
        drop(Region::new(pool, String::from("name 1").leak()));
        let opened: Vec<u64> = pool.labels().map(rt_regions::Label::opened).collect();
        assert_eq!((opened.len(), opened.iter().sum::<u64>()), (48, 101));
        assert_eq!((opened[1], opened[47]), (2, 53));
    });
}

#[test]
fn forgetting_a_region_only_leaks_its_pages() {
    let mut memory = vec![MaybeUninit::uninit(); 8 * PAGE_SIZE];
    let pool = Pool::new(&mut memory);
    let region = Region::new(&pool, "forgotten");
    let value = *region.alloc(7).unwrap();
    std::mem::forget(region);
    assert_eq!((value, pool.free_pages()), (7, pool.pages() - 1));
    assert_eq!(pool.labels().next().unwrap().live(), 1);
}

#[test]
fn a_scope_gives_back_what_it_took_and_nothing_else() {
    with_pool(64, |pool| {
        let mut region = Region::new(pool, "r");
        region.alloc(1u8).unwrap();
        let before = (region.pages(), pool.free_pages());
        let sum = region.scope(|outer| {
            let kept = outer.alloc_slice(&[1u64; 100]).unwrap();
            for _ in 0..10 {
                outer.scope(|inner| {
                    inner.alloc_slice(&[2u64; 2000]).unwrap();
                    (0..1000).for_each(|n| assert_eq!(*inner.alloc([n; 4]).unwrap(), [n; 4]));
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
        assert_eq!(error.unwrap_err().used, PAGE_SIZE);
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
    fn squares<'r>(count: u64, place: Place<'r, '_>) -> &'r [u64] {
        place.enter().alloc_slice_with(count as usize, |i| (i * i) as u64).unwrap()
    }
    with_pool(8, |pool| {
        let mut region = Region::new(pool, "r");
        let first = squares(400, (&region).into());
        let second = squares(400, Place::Top(&region));
        assert_eq!((first[3], second[4], region.pages()), (9, 16, 2));
        for _ in 0..10 {
            assert_eq!(squares(400, (&mut region).into())[5], 25);
            assert_eq!(region.pages(), 1);
        }
    });
}

#[test]
fn release_keeps_no_page() {
    with_pool(32, |pool| {
        let mut region = Region::new(pool, "r");
        for _ in 0..3 {
            region.alloc_slice(&[0u8; 3 * PAGE_SIZE]).unwrap();
            region.alloc(1u8).unwrap();
            region.release();
            assert_eq!((region.pages(), pool.free_pages()), (0, pool.pages()));
            let label = pool.labels().next().unwrap();
            assert_eq!((label.bytes(), label.waste(), label.pages()), (0, 0, 0));
        }
        region.release();
    });
}

#[test]
fn what_is_kept_back_is_there_for_who_may_use_it() {
    with_pool(8, |pool| {
        pool.keep_back(2);
        let hog = Region::new(pool, "hog");
        while hog.alloc_slice(&[0u8; PAGE_SIZE]).is_ok() {}
        assert_eq!(pool.free_pages(), 2);
        assert!(Region::new(pool, "late").alloc(0u8).is_err());
        let report = Region::new(pool, "report").with_reserve();
        assert_eq!(report.format(format_args!("{} left", pool.free_pages())).unwrap(), "2 left");
        pool.keep_back(0);
    });
}

#[test]
fn zeroing_leaves_nothing_behind() {
    with_pool(16, |pool| {
        for reset in [false, true] {
            let mut secret = Region::new(pool, "secret").with_zeroing();
            secret.alloc_slice(&[0xaau8; 3000]).unwrap();
            secret.scope(|scope| {
                scope.alloc_slice(&[0xaau8; 900]).unwrap();
                scope.alloc_slice(&[0xaau8; 9000]).unwrap();
            });
            secret.alloc_slice(&[0xaau8; 9000]).unwrap();
            if reset {
                secret.release();
            }
        }
        let all = Region::new(pool, "all");
        // Whatever the pages held, one that was given back last comes first.
        let page = all.alloc_uninit::<u8>(PAGE_SIZE).unwrap();
        // SAFETY: every byte of the page was zeroed before it was given back.
        assert!(page.iter().all(|byte| unsafe { byte.assume_init() } == 0));
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

#[test]
fn bytes_and_waste_are_counted() {
    with_pool(32, |pool| {
        let mut region = Region::new(pool, "r");
        region.alloc_slice(&[0u8; 4000]).unwrap();
        region.alloc_slice(&[0u8; 1000]).unwrap();
        region.alloc_slice(&[0u8; 5000]).unwrap();
        let label = pool.labels().next().unwrap();
        // The first page and the run; the second page is being filled.
        assert_eq!((label.bytes(), label.waste()), (4000 + 5000, 96 + 3192));
        assert_eq!((label.large_objects(), label.pages()), (1, 4));
        region.scope(|scope| scope.alloc_slice(&[0u8; 4096]).map(|_| ())).unwrap();
        assert_eq!((label.bytes(), label.waste()), (9000, 3288));
        region.reset();
        assert_eq!((label.bytes(), label.waste()), (0, 0));
    });
}

#[test]
fn a_pool_knows_its_own() {
    let mut memory = vec![MaybeUninit::uninit(); 8 * PAGE_SIZE];
    let pool = Pool::new(&mut memory);
    let region = Region::new(&pool, "r");
    let ours = std::ptr::from_ref(region.alloc(1u8).unwrap());
    assert!(pool.contains(ours) && !pool.contains(&raw const pool));
    assert_eq!(pool.open_regions().count(), 1);
    drop(region);
    assert_eq!(pool.open_regions().count(), 0);
}

#[test]
fn a_cap_set_late_holds() {
    with_pool(8, |pool| {
        let region = Region::new(pool, "r");
        (0..2).for_each(|_| assert!(region.alloc([0u8; PAGE_SIZE]).is_ok()));
        let region = region.with_cap(PAGE_SIZE);
        assert!(region.alloc([0u8; PAGE_SIZE]).is_err());
    });
}

/// Pointers that were lent are never used again behind their borrower's back: for Miri.
#[test]
fn what_was_lent_is_left_alone() {
    fn longer(mut vector: RegionVec<'_, u8>) -> usize {
        (0..200).for_each(|byte| vector.push(byte).unwrap());
        vector.len()
    }
    with_pool(8, |pool| {
        let region = Region::new(pool, "r");
        let fill = |room: &mut [MaybeUninit<u8>]| room.write_copy_of_slice(&[1; 8]).len();
        let (one, _) =
            region.fill(8, |room| (Some(&mut room.write_copy_of_slice(&[1; 8])[..1]), ())).unwrap();
        let next = region.alloc([7u8; 16]).unwrap();
        assert_eq!((one.unwrap().len(), next[15]), (1, 7));
        assert_eq!(region.fill(8, |room| (None, fill(room))).unwrap().1, 8);
        let mut vector = RegionVec::new(&region);
        vector.push(1).unwrap();
        assert_eq!(longer(vector), 201);
        region.alloc_dropping(String::from("a")).unwrap().push('b');
    });
}

#[test]
fn a_text_that_was_cut_is_an_error_even_if_its_writer_hides_it() {
    struct Careless;
    impl std::fmt::Display for Careless {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            let _ = f.write_str(&"x".repeat(100));
            Ok(())
        }
    }
    let mut room = Finite::<16>::new();
    assert!(room.region("f").format(format_args!("{Careless}")).is_err());
}
