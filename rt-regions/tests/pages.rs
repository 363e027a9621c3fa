//! Pages that a driver owns, and their way into a region.

mod common;

use std::mem::MaybeUninit;

use common::{is_full_of, rounds, with_pool};
use rt_regions::{Exhausted, Finite, Limit, PAGE_SIZE, Page, Pool, Region, RegionStats, RegionVec};

/// A page that is full of one byte.
fn full<'p>(pool: &'p Pool<'p>, byte: u8) -> Page<'p> {
    let mut page = pool.page("device").unwrap();
    page.zero().fill(byte);
    page
}

fn label<'p>(pool: &'p Pool<'_>, name: &str) -> &'p RegionStats {
    pool.labels().find(|label| label.name() == name).unwrap()
}

/// Adopts a page that [`full`] made.
#[allow(clippy::mut_from_ref, reason = "as of the method that it calls")]
fn adopt<'r>(
    region: &'r Region<'_>,
    page: Page<'_>,
    length: usize,
) -> Result<&'r mut [u8], Exhausted> {
    // SAFETY: all of it is written, and nobody else has it.
    unsafe { region.adopt(page, length) }
}

#[test]
fn a_page_is_its_holders_and_goes_back_when_dropped() {
    with_pool(4, |pool| {
        let pages: Vec<Page<'_>> = (0..3).map(|byte| full(pool, byte)).collect();
        assert_eq!(pool.free_pages(), pool.pages() - 3);
        for (byte, page) in pages.iter().enumerate() {
            assert_eq!(page.as_ptr().addr().get() % PAGE_SIZE, 0);
            // SAFETY: all of the page was written, and nobody writes it now.
            let content = unsafe { page.as_ptr().cast::<[u8; PAGE_SIZE]>().as_ref() };
            assert!(is_full_of(byte as u8, content));
            assert!(pool.contains(page.as_ptr().as_ptr()) && std::ptr::eq(page.pool(), pool));
        }
        let device = label(pool, "device");
        assert_eq!((device.opened(), device.live(), device.pages()), (3, 3, 3));
        assert!(device.place().unwrap().file().ends_with("pages.rs"));
        drop(pages);
        assert_eq!((device.opened(), device.live(), device.pages()), (3, 0, 0));
        assert_eq!((device.most_pages(), pool.most_pages_used()), (3, 3));
    });
}

#[test]
fn what_is_kept_back_is_not_for_drivers() {
    with_pool(4, |pool| {
        pool.keep_back(2);
        let pages: Vec<_> = std::iter::from_fn(|| pool.page("device").ok()).collect();
        assert_eq!((pages.len(), pool.free_pages()), (pool.pages() - 2, 2));
        let error = pool.page("device").unwrap_err();
        let used = pages.len() * PAGE_SIZE;
        assert_eq!((error.region, error.limit), ("device", Limit::Pool));
        assert_eq!((error.requested(), error.used()), (PAGE_SIZE, used));
        assert_eq!(error.allowed(), pool.pages() * PAGE_SIZE);
        assert_eq!(label(pool, "device").refused(), 2);
    });
}

#[test]
fn an_adopted_page_is_the_regions() {
    with_pool(8, |pool| {
        let mut packet = Region::new(pool, "packet");
        let before = packet.alloc(7u64).unwrap();
        let frame = adopt(&packet, full(pool, b'x'), 1514).unwrap();
        let after = packet.alloc_slice(b"after it").unwrap();
        let start = frame.as_ptr().addr();
        assert_eq!(start % PAGE_SIZE, 0);
        assert!((1514..1522).contains(&(after.as_ptr().addr() - start)), "the rest is room");
        frame[0] = b'y';
        assert!(frame.len() == 1514 && is_full_of(b'x', &frame[1..]));
        assert_eq!((*before, &*after), (7, &b"after it"[..]));
        assert_eq!((packet.pages(), label(pool, "packet").pages()), (2, 2));
        assert_eq!((label(pool, "device").pages(), label(pool, "device").live()), (0, 0));
        assert_eq!(label(pool, "packet").bytes() + label(pool, "packet").waste(), PAGE_SIZE);
        packet.reset();
        assert_eq!((packet.pages(), pool.free_pages()), (1, pool.pages() - 1));
        packet.release();
        assert_eq!(pool.free_pages(), pool.pages());
    });
}

#[test]
fn a_region_that_adopts_a_page_for_each_packet_holds_one() {
    with_pool(4, |pool| {
        let mut packet = Region::new(pool, "packet").with_cap(PAGE_SIZE);
        let count = rounds(100, 5);
        for round in 0..count as u8 {
            packet.reset();
            let frame = adopt(&packet, full(pool, round), usize::from(round) * 40).unwrap();
            assert!(is_full_of(round, frame));
            packet.alloc(1u8).unwrap();
            assert_eq!((packet.pages(), pool.free_pages()), (1, pool.pages() - 1));
        }
        let packets = label(pool, "packet");
        assert_eq!(
            (packets.most_pages(), packets.resets(), packets.refused()),
            (1, count as u64, 0)
        );
        assert_eq!(pool.most_pages_used(), 2);
    });
}

#[test]
fn all_lengths_up_to_a_page() {
    with_pool(8, |pool| {
        let mut packet = Region::new(pool, "packet");
        for length in [0, 1, 7, 8, 9, PAGE_SIZE - 1, PAGE_SIZE] {
            packet.reset();
            assert_eq!(adopt(&packet, full(pool, 1), length).unwrap().len(), length);
            let next = packet.alloc([2u8; 16]).unwrap();
            assert_eq!(*next, [2; 16]);
            assert_eq!(packet.pages(), if length > PAGE_SIZE - 16 { 2 } else { 1 });
        }
        let error = adopt(&packet, full(pool, 1), PAGE_SIZE + 1).unwrap_err();
        let expected = (Limit::Size, PAGE_SIZE + 1, PAGE_SIZE);
        assert_eq!((error.limit, error.requested(), error.allowed()), expected);
    });
}

#[test]
fn a_page_that_is_refused_goes_back_to_its_pool() {
    with_pool(8, |pool| {
        let mut packet = Region::new(pool, "packet").with_cap(PAGE_SIZE);
        packet.alloc(1u8).unwrap();
        let error = adopt(&packet, full(pool, 1), 60).unwrap_err();
        assert_eq!((error.limit, error.region, error.requested()), (Limit::Cap, "packet", 60));
        assert_eq!((error.used(), error.allowed()), (PAGE_SIZE, PAGE_SIZE));
        assert_eq!((packet.pages(), pool.free_pages()), (1, pool.pages() - 1));
        packet.reset();
        adopt(&packet.child("child"), full(pool, 1), 60).unwrap_err();
        adopt(&packet, full(pool, 1), 60).unwrap();

        let mut finite = Finite::<64>::new();
        assert_eq!(adopt(&finite.region("f"), full(pool, 1), 8).unwrap_err().limit, Limit::Cap);
        assert_eq!(label(pool, "device").pages(), 0);
    });
}

#[test]
fn a_page_of_another_pool_is_refused() {
    with_pool(4, |pool| {
        with_pool(4, |other| {
            let packet = Region::new(pool, "packet");
            let error = adopt(&packet, full(other, 1), 60).unwrap_err();
            assert_eq!((error.limit, error.region), (Limit::OtherPool, "packet"));
            assert!(error.to_string().ends_with("the page is of another pool"), "{error}");
            assert_eq!((packet.pages(), other.free_pages()), (0, other.pages()));
        });
    });
}

/// The page that a scope goes back to is not given away inside it.
#[test]
fn a_scope_that_adopts_goes_back_to_the_page_that_was_there() {
    with_pool(8, |pool| {
        let mut packet = Region::new(pool, "packet");
        for round in 0..3 {
            packet.alloc(round).unwrap();
            packet.reset();
            packet.scope(|outer| {
                outer.scope(|inner| {
                    adopt(inner, full(pool, 1), 100).unwrap();
                    inner.alloc(1u8).unwrap();
                    assert_eq!(inner.pages(), 2);
                });
                let frame = adopt(outer, full(pool, 2), 100).unwrap();
                assert!(is_full_of(2, frame));
            });
            assert_eq!((packet.pages(), pool.free_pages()), (1, pool.pages() - 1));
            let (numbers, frame) =
                (packet.alloc([round; 32]).unwrap(), adopt(&packet, full(pool, 3), 9).unwrap());
            assert_eq!((&*numbers, &*frame), (&[round; 32], &[3; 9][..]));
            packet.reset();
        }
    });
}

/// What was allocated before is still there, and can still be used: for Miri.
#[test]
fn adopting_leaves_alone_what_is_there() {
    with_pool(8, |pool| {
        let mut packet = Region::new(pool, "packet");
        packet.alloc(1u8).unwrap();
        packet.reset();
        // An empty vector has a place, but no memory: the page is exchanged all the same.
        let empty: &mut [MaybeUninit<u64>] = packet.alloc_uninit(0).unwrap();
        let mut vector = RegionVec::new(&packet);
        let frame = adopt(&packet, full(pool, 4), 64).unwrap();
        (0..20u32).for_each(|number| vector.push(number).unwrap());
        let second = adopt(&packet, full(pool, 5), 64).unwrap();
        let count = rounds(2000, 1100) as u32;
        (20..count).for_each(|number| vector.push(number).unwrap());
        frame[63] = 0;
        assert!(vector.iter().copied().eq(0..count));
        assert_eq!((empty.len(), frame[0], second[63]), (0, 4, 5));
    });
}

#[test]
fn zeroing_reaches_adopted_pages() {
    with_pool(2, |pool| {
        let mut secret = Region::new(pool, "secret").with_zeroing();
        adopt(&secret, full(pool, 0xaa), 100).unwrap();
        secret.reset();
        adopt(&secret, full(pool, 0xaa), 100).unwrap();
        drop(secret);
        // What was given back last comes first.
        let both = [pool.page("device").unwrap(), pool.page("device").unwrap()];
        for mut page in both {
            // SAFETY: zeroed before it was given back.
            assert!(is_full_of(0, unsafe { page.as_uninit().assume_init_ref() }));
        }
    });
}

#[test]
fn a_forgotten_page_is_listed() {
    let mut memory = Box::new_uninit_slice(8 * PAGE_SIZE);
    let pool = Pool::new(&mut memory);
    std::mem::forget(pool.page("forgotten").unwrap());
    assert_eq!(pool.open_regions().map(RegionStats::name).collect::<Vec<_>>(), ["forgotten"]);
    assert_eq!(pool.free_pages(), pool.pages() - 1);
}
