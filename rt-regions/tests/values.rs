//! What a user of the crate relies on: what can be put into a region.

mod common;

use std::{cell::Cell, mem::MaybeUninit};

use common::{is_full_of, rounds, with_pool};
use rt_regions::{ChunkQueue, Finite, List, PAGE_SIZE, Region, RegionBox, RegionVec};

#[test]
fn values_keep_what_was_written_and_are_aligned() {
    #[repr(align(64))]
    struct Wide(u8);
    with_pool(40, |pool| {
        let region = Region::new(pool, "r");
        let count = rounds(5000, 600) as u64;
        let numbers: Vec<&mut u64> = (0..count).map(|n| region.alloc(n).unwrap()).collect();
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
fn fill_keeps_what_was_written_and_gives_the_rest_back() {
    with_pool(8, |pool| {
        let region = Region::new(pool, "r");
        let (filled, ()) =
            region.fill(1500, |room| (Some(room[..3].write_copy_of_slice(b"abc")), ())).unwrap();
        assert_eq!(filled.unwrap(), b"abc");
        for _ in 0..rounds(100_000, 20) {
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
        assert!(is_full_of(7, large.unwrap()));
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
fn vectors_grow_in_place_while_they_are_the_newest() {
    with_pool(256, |pool| {
        let region = Region::new(pool, "r");
        let mut vector = RegionVec::new(&region);
        for number in 0..1000u32 {
            vector.push(number).unwrap();
        }
        assert_eq!(region.pages(), 1, "nothing was copied");
        let between = region.alloc(1u8).unwrap();
        let count = rounds(40_000, 1200) as u32;
        for number in 1000..count {
            vector.push(number).unwrap();
        }
        assert!(vector.iter().enumerate().all(|(index, &number)| number as usize == index));
        assert_eq!((vector.pop(), *between), (Some(count - 1), 1));
        vector.truncate(2);
        vector.extend_from_slice(&[7, 8]).unwrap();
        assert_eq!(vector.swap_remove(0), 0);
        assert_eq!(vector.into_slice(), [8, 1, 7]);
    });
}

/// Not even the one that an empty vector would have before its first.
#[test]
#[should_panic = "index < self.length"]
fn an_element_that_is_not_there_is_not_removed() {
    with_pool(8, |pool| {
        let region = Region::new(pool, "r");
        RegionVec::<u32>::new(&region).swap_remove(usize::MAX);
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
        drop(vector.swap_remove(98));
        assert_eq!(
            (vector.len(), dropped.get()),
            (98, 2),
            "the last is moved by nobody, and dropped once"
        );
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
        let mut parcels = ChunkQueue::new(Region::new(pool, "parcels"), 7u64).unwrap();
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
        let mut parcels = ChunkQueue::new(Region::new(pool, "p").with_cap(PAGE_SIZE), ()).unwrap();
        parcels.push(1, b"one").unwrap();
        assert!(parcels.push(2, &[0; PAGE_SIZE]).is_err());
        parcels.push_with(3, 5, |room| room[0] = b'x').unwrap();
        assert!(parcels.iter().eq([(1, &b"one"[..]), (3, &b"x\0\0\0\0"[..])]));
    });
}

#[test]
fn parcels_are_gathered_at_their_places() {
    const LENGTH: usize = 100;
    let mut random = 2026u32;
    let mut below = |most: u32| {
        random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (random >> 16) % most
    };
    with_pool(16, |pool| {
        for _ in 0..rounds(2000, 5) {
            let mut parcels = ChunkQueue::new(Region::new(pool, "parcels"), ()).unwrap();
            let mut expected = [0; LENGTH];
            // In order, overlapping, with gaps, beyond the end, empty: whatever chance gives.
            for piece in 1..=below(12) as u8 {
                let (start, length) = (below(LENGTH as u32 + 20), below(40) as usize);
                parcels.push(start, &[piece; 40][..length]).unwrap();
                expected.iter_mut().skip(start as usize).take(length).for_each(|b| *b = piece);
            }
            let mut region = Region::new(pool, "packet");
            region.alloc_slice(&[0xaa; 3 * PAGE_SIZE]).unwrap();
            region.reset();
            assert_eq!(parcels.gather(LENGTH, &region).unwrap(), expected);
            assert!(parcels.gather(0, &region).unwrap().is_empty());
        }
        let parcels = ChunkQueue::new(Region::new(pool, "parcels"), ()).unwrap();
        let small = Region::new(pool, "small").with_cap(PAGE_SIZE);
        assert!(parcels.gather(2 * PAGE_SIZE, &small).is_err());
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
