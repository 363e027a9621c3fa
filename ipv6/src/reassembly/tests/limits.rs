//! Time and memory.

use super::*;

#[test]
fn a_packet_times_out_at_its_limit_and_not_before() {
    with_reassembly(
        256,
        |_| {},
        |mut r| {
            let first = Piece::new(key(1, 1), 0, 8, true);
            assert!(matches!(r.insert(SECOND, &first.fragment()), Insert::Waiting));
            let later = Piece::new(key(1, 1), 16, 8, true);
            let almost = Instant::from_millis(60_999);
            assert!(matches!(r.insert(almost, &later.fragment()), Insert::Waiting));
            assert_eq!(r.next_deadline(), Some(Instant::from_millis(61_000)));
            assert!(r.expire(almost).is_none());
            let datagram = r.expire(Instant::from_millis(61_000)).unwrap();
            assert_eq!(datagram.headers(), Some(&HEADERS[..]));
            assert!(r.expire(Instant::from_millis(61_000)).is_none() && r.is_empty());
            assert_eq!(r.next_deadline(), None);
        },
    );
}

#[test]
fn without_its_first_fragment_a_packet_has_no_headers() {
    with_reassembly(
        256,
        |_| {},
        |mut r| {
            assert!(whole(&mut r, &Piece::new(key(1, 1), 8, 8, false)).is_none());
            let datagram = r.expire(Instant::from_millis(60_000)).unwrap();
            assert!(datagram.headers().is_none() && !datagram.is_refused());
        },
    );
}

#[test]
fn several_deadlines_come_one_after_the_other() {
    with_reassembly(
        256,
        |_| {},
        |mut r| {
            for id in 1..=3 {
                let piece = Piece::new(key(4 - id as u16, id), 0, 8, true);
                let now = Instant::from_millis(id.into());
                assert!(matches!(r.insert(now, &piece.fragment()), Insert::Waiting));
            }
            // The second is whole before that.
            assert!(whole(&mut r, &Piece::new(key(2, 2), 8, 8, false)).is_some());
            for id in [1, 3] {
                let due = Instant::from_millis(60_000 + id);
                assert_eq!(r.next_deadline(), Some(due));
                assert!(r.expire(Instant::from_millis(59_999 + id)).is_none());
                assert_eq!(r.expire(due).unwrap().key().identification, id as u32);
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
            for id in 0..5 {
                let piece = Piece::new(key(id as u16 + 3, id), 0, 8, true);
                let now = Instant::from_millis(id.into());
                assert!(matches!(r.insert(now, &piece.fragment()), Insert::Waiting));
            }
            assert_eq!((r.len(), r.evicted()), (4, 1));
            assert!(whole(&mut r, &Piece::new(key(4, 1), 8, 8, false)).is_some());
            assert!(whole(&mut r, &Piece::new(key(3, 0), 8, 8, false)).is_none());
        },
    );
}

/// A source that never finishes its packets takes its own older ones' room, not another's.
#[test]
fn one_source_cannot_use_up_the_room_of_another() {
    with_reassembly(
        1024,
        |_| {},
        |mut r| {
            assert!(whole(&mut r, &Piece::new(key(3, 1), 0, 1448, true)).is_none());
            for id in 0..5000 {
                assert!(whole(&mut r, &Piece::new(key(4, id), 0, 1448, true)).is_none());
            }
            assert!(r.waiting.pages() * PAGE_SIZE <= r.limits.bytes_per_source + 2 * PAGE_SIZE);
            assert_whole(&whole(&mut r, &Piece::new(key(3, 1), 1448, 52, false)).unwrap(), 1500);
        },
    );
}

/// Those that were refused have no memory, and are taken out in their time or for others.
#[test]
fn what_was_refused_takes_a_place_and_no_page() {
    with_reassembly(
        256,
        |limits| limits.datagrams = 8,
        |mut r| {
            for id in 0..100 {
                assert!(matches!(
                    insert(&mut r, &Piece::new(key(3, id), 0, 16, true)),
                    Insert::Waiting
                ));
                let overlap = Piece::new(key(3, id), 8, 16, true);
                assert!(matches!(insert(&mut r, &overlap), Insert::Overlap));
                assert!(matches!(insert(&mut r, &overlap), Insert::Refused));
                assert_eq!((r.waiting.pages(), r.pool.labels().count() > 0), (0, true));
            }
            assert_eq!((r.len(), r.evicted()), (8, 92));
            assert!(r.expire(Instant::from_millis(60_000)).unwrap().is_refused());
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
                let key = key(random.below(250) as u16 + 3, random.below(4) as u32);
                let offset = random.below(42) * 1448;
                let _ = insert(&mut r, &Piece::new(key, offset, 1448, true));
                assert!(r.waiting.pages() * PAGE_SIZE <= r.limits.bytes);
            }
            assert!(r.evicted() > 1000);
        },
    );
}

/// A pool that is used up loses the packet, and nothing else.
#[test]
fn no_memory_loses_one_packet() {
    with_pool(64, |pool| {
        let global = Region::new(pool, "global");
        let limits = Limits {
            bytes: usize::MAX / 2,
            bytes_per_source: usize::MAX / 2,
            ..Limits::for_pool(pool)
        };
        let mut r = Reassembly::new(limits, pool, &global).unwrap();
        let held: Vec<_> = (0..)
            .map_while(|_| {
                let region = Region::new(pool, "held");
                region.alloc_slice(&[0u8; 4096]).is_ok().then_some(region)
            })
            .collect();
        assert!(held.len() > 32);
        let piece = Piece::new(key(1, 1), 0, 8, true);
        assert!(matches!(insert(&mut r, &piece), Insert::Exhausted(_)));
        assert!(r.is_empty());
        drop(held);
        assert!(matches!(insert(&mut r, &piece), Insert::Waiting));
    });
}
