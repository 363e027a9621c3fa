//! What a user of the crate relies on: regions, caps, the reserve, counters.

mod common;

use common::{is_full_of, rounds, with_pool};
use rt_regions::{Exhausted, Finite, Limit, PAGE_SIZE, Pool, Region};

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
fn a_large_object_is_a_run_of_pages() {
    with_pool(64, |pool| {
        let mut region = Region::new(pool, "r");
        region.alloc(1u8).unwrap();
        let (length, pages) = (rounds(65_507, 4500), rounds(17, 3));
        let datagram = region.alloc_slice_with(length, |i| i as u8).unwrap();
        assert!(
            datagram[..rounds(length, 100)].iter().enumerate().all(|(i, &byte)| byte == i as u8)
        );
        assert_eq!(region.pages(), pages);
        region.alloc(2u8).unwrap();
        assert_eq!(region.pages(), pages, "the current page is still in use");
        region.reset();
        assert_eq!(region.pages(), 1);
    });
}

#[test]
fn reset_keeps_one_page_and_gives_the_rest_back() {
    with_pool(16, |pool| {
        let mut region = Region::new(pool, "r");
        for _ in 0..3 {
            for _ in 0..6 * PAGE_SIZE / 64 {
                region.alloc([0u64; 8]).unwrap();
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
        let (requested, page) = (PAGE_SIZE + 1, PAGE_SIZE);
        let expected = Exhausted::new("small", Limit::Cap, requested, page, 2 * page);
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
                (error.limit, error.used(), error.allowed()),
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
        assert_eq!((error.region, error.limit, error.allowed()), ("late", Limit::Pool, 0));
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
fn a_finite_region_has_its_buffer_and_no_page() {
    let mut room = Finite::<16>::new();
    for _ in 0..3 {
        let region = room.region("finite");
        region.alloc_slice(b"0123456789").unwrap();
        let error = region.alloc_slice(b"0123456").unwrap_err();
        assert_eq!((error.requested(), error.used(), error.allowed()), (7, 10, 16));
        assert!(region.child("none").alloc(0u8).is_err());
        assert!(region.pool().is_none() && region.require_pool().is_err());
    }
}

#[test]
fn more_names_than_places_are_counted_together() {
    /// Of this, what is left without the first so many bytes is a name.
    const TEXT: &str = match str::from_utf8(&[b'x'; 101]) {
        Ok(text) => text,
        Err(_) => "",
    };
    with_pool(8, |pool| {
        for name in 0..100 {
            drop(Region::new(pool, &TEXT[name..]));
        }
        // The same words at another address are the same name.
        drop(Region::new(pool, &TEXT[..TEXT.len() - 1]));
        let opened: Vec<u64> = pool.labels().map(rt_regions::RegionStats::opened).collect();
        assert_eq!((opened.len(), opened.iter().sum::<u64>()), (48, 101));
        assert_eq!((opened[1], opened[47]), (2, 53));
    });
}

#[test]
fn forgetting_a_region_only_leaks_its_pages() {
    let mut memory = Box::new_uninit_slice(8 * PAGE_SIZE);
    let pool = Pool::new(&mut memory);
    let region = Region::new(&pool, "forgotten");
    let value = *region.alloc(7).unwrap();
    std::mem::forget(region);
    assert_eq!((value, pool.free_pages()), (7, pool.pages() - 1));
    assert_eq!(pool.labels().next().unwrap().live(), 1);
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
        assert!(is_full_of(0, unsafe { page.assume_init_ref() }));
    });
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
    let mut memory = Box::new_uninit_slice(8 * PAGE_SIZE);
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
