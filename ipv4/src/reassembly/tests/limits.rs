//! Time and memory.

use super::*;

#[test]
fn a_datagram_times_out_at_its_limit_and_not_before() {
    with_reassembly(
        256,
        |_| {},
        |mut r| {
            let piece = fragment(&fields(1, 1), 0, 8, true);
            assert!(matches!(
                r.insert(SECOND, &Ipv4Header::parse(&piece).unwrap()),
                Insert::Waiting
            ));
            let later = fragment(&fields(1, 1), 16, 8, true);
            let almost = Instant::from_millis(30_999);
            assert!(matches!(
                r.insert(almost, &Ipv4Header::parse(&later).unwrap()),
                Insert::Waiting
            ));
            assert_eq!(r.next_deadline(), Some(Instant::from_millis(31_000)));
            assert!(r.expire(almost).is_none());
            let datagram = r.expire(Instant::from_millis(31_000)).unwrap();
            assert_eq!(datagram.header(), Some(&piece[..20]));
            assert!(r.expire(Instant::from_millis(31_000)).is_none() && r.is_empty());
            assert_eq!(r.next_deadline(), None);
        },
    );
}

#[test]
fn without_its_first_fragment_a_datagram_has_no_header() {
    with_reassembly(
        256,
        |_| {},
        |mut r| {
            assert!(whole(&mut r, &fragment(&fields(1, 1), 8, 8, false)).is_none());
            assert!(r.expire(Instant::from_millis(30_000)).unwrap().header().is_none());
        },
    );
}

#[test]
fn several_deadlines_come_one_after_the_other() {
    with_reassembly(
        256,
        |_| {},
        |mut r| {
            for id in 1..=3u16 {
                let piece = fragment(&fields(4 - id as u8, id), 0, 8, true);
                let now = Instant::from_millis(u64::from(id));
                assert!(matches!(
                    r.insert(now, &Ipv4Header::parse(&piece).unwrap()),
                    Insert::Waiting
                ));
            }
            for id in 1..=3 {
                let due = Instant::from_millis(30_000 + id);
                assert_eq!(r.next_deadline(), Some(due));
                assert!(r.expire(Instant::from_millis(29_999 + id)).is_none());
                assert_eq!(r.expire(due).unwrap().key().identification, id as u16);
            }
        },
    );
}

#[test]
fn when_all_places_are_taken_the_oldest_goes() {
    with_reassembly(
        256,
        |limits| limits.datagrams = 4,
        |mut r| {
            for id in 0..5u16 {
                let piece = fragment(&fields(id as u8 + 3, id), 0, 8, true);
                let now = Instant::from_millis(u64::from(id));
                assert!(matches!(
                    r.insert(now, &Ipv4Header::parse(&piece).unwrap()),
                    Insert::Waiting
                ));
            }
            assert_eq!((r.len(), r.evicted()), (4, 1));
            assert!(whole(&mut r, &fragment(&fields(3, 0), 8, 8, false)).is_none());
        },
    );
}

/// A source that never finishes its datagrams takes its own older ones' room, not another's.
#[test]
fn one_source_cannot_use_up_the_room_of_another() {
    with_reassembly(
        1024,
        |_| {},
        |mut r| {
            assert!(whole(&mut r, &fragment(&fields(3, 1), 0, 1480, true)).is_none());
            for id in 0..5000u16 {
                let flood = fragment(&fields(4, id), 0, 1480, true);
                assert!(whole(&mut r, &flood).is_none());
            }
            assert!(r.table.pages() * PAGE_SIZE <= r.limits.bytes_per_source + 2 * PAGE_SIZE);
            assert_whole(&whole(&mut r, &fragment(&fields(3, 1), 1480, 20, false)).unwrap(), 1500);
        },
    );
}

#[test]
fn the_cap_in_bytes_holds_against_a_flood_from_everywhere() {
    with_reassembly(
        512,
        |limits| limits.datagrams = 1000,
        |mut r| {
            let mut random = Random::new(5);
            for _ in 0..20_000 {
                let from = fields(random.below(250) as u8 + 3, random.below(4) as u16);
                let offset = random.below(100) * 1480;
                let packet = fragment(&from, offset % 62_160, 1480, true);
                let _ = insert(&mut r, &packet);
                assert!(r.table.pages() * PAGE_SIZE <= r.limits.bytes);
            }
            assert!(r.evicted() > 1000);
        },
    );
}

/// A pool that is used up loses the datagram, and nothing else.
#[test]
fn no_memory_loses_one_datagram() {
    with_pool(64, |pool| {
        let global = Region::new(pool, "global");
        let limits = Limits {
            bytes: usize::MAX / 2,
            bytes_per_source: usize::MAX / 2,
            ..Limits::for_pool(pool)
        };
        let mut r = Reassembly::new(limits, hash(), pool, &global).unwrap();
        let held: Vec<_> = (0..)
            .map_while(|_| {
                let region = Region::new(pool, "held");
                region.alloc_slice(&[0u8; 4096]).is_ok().then_some(region)
            })
            .collect();
        assert!(held.len() > 32);
        assert!(matches!(
            insert(&mut r, &fragment(&fields(1, 1), 0, 8, true)),
            Insert::Exhausted(_)
        ));
        assert!(r.is_empty());
        drop(held);
        assert!(matches!(insert(&mut r, &fragment(&fields(1, 1), 0, 8, true)), Insert::Waiting));
    });
}
