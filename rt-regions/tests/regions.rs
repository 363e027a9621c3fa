//! What a user of the crate relies on.

use std::{cell::Cell, mem::MaybeUninit};

use rt_regions::{
    Exhausted, Finite, Limit, List, PAGE_SIZE, Parcels, Pool, Region, RegionBox, RegionVec,
};

/// Runs `test` with a pool of `pages` pages, and checks that they have all come back.
fn with_pool(pages: usize, test: impl FnOnce(&Pool<'_>)) {
    let mut memory = vec![MaybeUninit::uninit(); (pages + 2) * PAGE_SIZE];
    let pool = Pool::new(&mut memory);
    test(&pool);
    assert_eq!(pool.free_pages(), pool.pages(), "pages were left behind");
    assert!(pool.labels().all(|label| label.live() == 0 && label.pages() == 0));
}

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
