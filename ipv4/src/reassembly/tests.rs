use std::{vec, vec::Vec};

use ::tests::{Random, with_pool};
use rt_regions::Region;

use super::*;
use crate::{Fields, Ipv4Header};

const SECOND: Instant = Instant::from_millis(1000);

fn fields(source: u8, identification: u16) -> Fields {
    Fields {
        source: Ipv4Addr::new(10, 0, 0, source),
        destination: Ipv4Addr::new(10, 0, 0, 2),
        protocol: Protocol::UDP,
        ttl: 64,
        tos: 0,
        identification,
        dont_fragment: false,
    }
}

/// A packet with the bytes `offset..offset + length` of a payload in which every byte tells its place.
fn fragment(fields: &Fields, offset: usize, length: usize, more: bool) -> Vec<u8> {
    let header = Ipv4Header::new(fields, offset, length, more);
    let mut packet = zerocopy::IntoBytes::as_bytes(&header).to_vec();
    packet.extend((offset..offset + length).map(byte));
    packet
}

fn byte(place: usize) -> u8 {
    (place ^ place >> 8) as u8
}

/// The pieces of a datagram of `total` bytes, `step` bytes each.
fn pieces(fields: &Fields, total: usize, step: usize) -> Vec<Vec<u8>> {
    let offsets = (0..total).step_by(step);
    offsets.map(|at| fragment(fields, at, step.min(total - at), at + step < total)).collect()
}

fn with_reassembly(
    pages: usize,
    limits: impl FnOnce(&mut Limits),
    test: impl FnOnce(Reassembly<'_>),
) {
    with_pool(pages, |pool| {
        let global = Region::new(pool, "global");
        let mut chosen = Limits::for_pool(pool);
        limits(&mut chosen);
        test(Reassembly::new(chosen, pool, &global).unwrap());
    });
}

fn insert<'p>(reassembly: &mut Reassembly<'p>, packet: &[u8]) -> Insert<'p> {
    reassembly.insert(Instant::ZERO, &Ipv4Header::parse(packet).unwrap())
}

/// The payload if `packet` made its datagram whole.
fn whole(reassembly: &mut Reassembly<'_>, packet: &[u8]) -> Option<Vec<u8>> {
    match insert(reassembly, packet) {
        Insert::Complete(datagram) => Some(with_pool(40, |pool| {
            datagram.payload(&Region::new(pool, "packet")).unwrap().to_vec()
        })),
        _ => None,
    }
}

fn assert_whole(payload: &[u8], total: usize) {
    assert_eq!(payload.len(), total);
    assert!(payload.iter().enumerate().all(|(place, &b)| b == byte(place)));
}

#[test]
fn in_order_and_in_reverse() {
    with_reassembly(
        512,
        |_| {},
        |mut r| {
            for (id, total) in [(1, 1481), (2, 8192), (3, 60_000), (4, 65_515), (5, 16)] {
                for reverse in [false, true] {
                    let mut pieces =
                        pieces(&fields(1, id), total, if total < 100 { 8 } else { 1480 });
                    if reverse {
                        pieces.reverse();
                    }
                    let (last, first) = pieces.split_last().unwrap();
                    assert!(
                        first.iter().all(|piece| matches!(insert(&mut r, piece), Insert::Waiting))
                    );
                    assert_whole(&whole(&mut r, last).unwrap(), total);
                    assert!(r.is_empty() && r.next_deadline().is_none());
                }
            }
        },
    );
}

#[test]
fn all_permutations_of_three_four_and_five_pieces() {
    fn permute(pieces: &mut Vec<Vec<u8>>, from: usize, test: &mut impl FnMut(&[Vec<u8>])) {
        if from == pieces.len() {
            return test(pieces);
        }
        for other in from..pieces.len() {
            pieces.swap(from, other);
            permute(pieces, from + 1, test);
            pieces.swap(from, other);
        }
    }
    with_reassembly(
        256,
        |_| {},
        |mut r| {
            for count in 3..=5 {
                let total = (count - 1) * 24 + 5;
                let mut seen = 0usize;
                permute(&mut pieces(&fields(1, 7), total, 24), 0, &mut |pieces| {
                    let (last, first) = pieces.split_last().unwrap();
                    assert!(first.iter().all(|piece| whole(&mut r, piece).is_none()));
                    assert_whole(&whole(&mut r, last).unwrap(), total);
                    seen += 1;
                });
                assert_eq!(seen, (1..=count).product());
            }
        },
    );
}

#[test]
fn several_flows_at_once() {
    with_reassembly(
        2048,
        |_| {},
        |mut r| {
            let mut random = Random::new(1);
            let mut all: Vec<_> = (0..16u16)
                .flat_map(|flow| pieces(&fields(flow as u8 % 4 + 3, flow), 8192, 1480))
                .collect();
            random.shuffle(&mut all);
            let done: Vec<_> = all.iter().filter_map(|piece| whole(&mut r, piece)).collect();
            assert_eq!(done.len(), 16);
            done.iter().for_each(|payload| assert_whole(payload, 8192));
        },
    );
}

/// The same identification of another source, protocol or destination is another datagram.
#[test]
fn the_whole_key_counts() {
    with_reassembly(
        256,
        |_| {},
        |mut r| {
            let ours = fields(1, 7);
            let others = [
                Fields { source: Ipv4Addr::new(10, 0, 0, 9), ..ours },
                Fields { destination: Ipv4Addr::new(10, 0, 0, 255), ..ours },
                Fields { protocol: Protocol::TCP, ..ours },
                Fields { identification: 8, ..ours },
            ];
            assert!(whole(&mut r, &fragment(&ours, 0, 8, true)).is_none());
            for other in &others {
                assert!(whole(&mut r, &fragment(other, 8, 8, false)).is_none());
            }
            assert_eq!(r.len(), 5);
            assert_whole(&whole(&mut r, &fragment(&ours, 8, 8, false)).unwrap(), 16);
        },
    );
}

#[test]
fn the_smallest_pieces_of_the_largest_datagram_in_any_order() {
    with_reassembly(
        1024,
        |_| {},
        |mut r| {
            let mut all = pieces(&fields(1, 1), 65_515, 8);
            Random::new(3).shuffle(&mut all);
            let done: Vec<_> = all.iter().filter_map(|piece| whole(&mut r, piece)).collect();
            assert_eq!(done.len(), 1);
            assert_whole(&done[0], 65_515);
        },
    );
}

#[test]
fn an_exact_duplicate_is_ignored() {
    with_reassembly(
        256,
        |_| {},
        |mut r| {
            let all = pieces(&fields(1, 1), 100, 40);
            for piece in &all[..2] {
                assert!(matches!(insert(&mut r, piece), Insert::Waiting));
                assert!(matches!(insert(&mut r, piece), Insert::Duplicate));
            }
            assert_whole(&whole(&mut r, &all[2]).unwrap(), 100);
        },
    );
}

/// Every way in which a second piece can overlap a first one at 80..160 drops the datagram.
#[test]
fn overlaps_are_refused_on_insert() {
    for (offset, length, more) in [
        (72, 16, true),  // runs into it
        (152, 16, true), // begins in it
        (80, 72, true),  // its beginning again
        (88, 72, true),  // its end again
        (96, 8, true),   // inside it
        (72, 96, true),  // around it
        (80, 88, true),  // it and more
        (80, 80, false), // the same place, but called the last
        (0, 65_504, true),
    ] {
        with_reassembly(
            256,
            |_| {},
            |mut r| {
                assert!(matches!(
                    insert(&mut r, &fragment(&fields(1, 1), 80, 80, true)),
                    Insert::Waiting
                ));
                let second = fragment(&fields(1, 1), offset, length, more);
                assert!(matches!(insert(&mut r, &second), Insert::Overlap), "{offset} {length}");
                assert!(r.is_empty(), "nothing is left behind");
            },
        );
    }
}

/// Two neighbours that are both there, sent again as one piece: not an exact duplicate.
#[test]
fn two_pieces_sent_again_as_one_overlap() {
    with_reassembly(
        256,
        |_| {},
        |mut r| {
            for offset in [0, 8] {
                assert!(whole(&mut r, &fragment(&fields(1, 1), offset, 8, true)).is_none());
            }
            assert!(matches!(
                insert(&mut r, &fragment(&fields(1, 1), 0, 16, true)),
                Insert::Overlap
            ));
        },
    );
}

#[test]
fn a_second_end_is_a_contradiction() {
    for (offset, length, more) in [(80, 8, false), (24, 8, false), (48, 8, true)] {
        with_reassembly(
            256,
            |_| {},
            |mut r| {
                assert!(matches!(
                    insert(&mut r, &fragment(&fields(1, 1), 32, 10, false)),
                    Insert::Waiting
                ));
                let second = fragment(&fields(1, 1), offset, length, more);
                assert!(matches!(insert(&mut r, &second), Insert::Overlap), "{offset}");
                assert!(r.is_empty());
            },
        );
    }
}

#[test]
fn an_end_before_what_has_come_is_a_contradiction() {
    with_reassembly(
        256,
        |_| {},
        |mut r| {
            assert!(matches!(
                insert(&mut r, &fragment(&fields(1, 1), 80, 8, true)),
                Insert::Waiting
            ));
            assert!(matches!(
                insert(&mut r, &fragment(&fields(1, 1), 0, 8, false)),
                Insert::Overlap
            ));
        },
    );
}

#[test]
fn impossible_fragments_are_refused() {
    with_reassembly(
        256,
        |_| {},
        |mut r| {
            for packet in [
                fragment(&fields(1, 1), 0, 7, true),
                fragment(&fields(1, 1), 8, 0, true),
                fragment(&fields(1, 1), 8, 0, false),
                fragment(&fields(1, 1), 65_512, 4, false), // one byte beyond, with its header
                fragment(&fields(1, 1), 65_528, 800, true), // the ping of death
            ] {
                assert!(matches!(insert(&mut r, &packet), Insert::Malformed));
            }
            assert!(r.is_empty());
        },
    );
}

/// The first fragment has 40 bytes of options, so the payload may be 40 bytes less.
#[test]
fn header_and_payload_together_are_at_most_65535() {
    with_reassembly(
        256,
        |_| {},
        |mut r| {
            let mut first = fragment(&fields(1, 1), 0, 1440, true);
            first[0] = 0x4f;
            first[2..4].copy_from_slice(&1500u16.to_be_bytes());
            first.splice(20..20, [1; 40]);
            first[10..12].fill(0);
            let checksum = network::Checksum::new().add(&first[..60]).finish();
            first[10..12].copy_from_slice(&checksum.to_be_bytes());
            assert!(matches!(insert(&mut r, &first), Insert::Waiting));
            for at in (1440..65_504).step_by(1440) {
                let length = 1440.min(65_504 - at);
                assert!(matches!(
                    insert(&mut r, &fragment(&fields(1, 1), at, length, true)),
                    Insert::Waiting
                ));
            }
            let last = fragment(&fields(1, 1), 65_504, 8, false);
            assert!(matches!(insert(&mut r, &last), Insert::Malformed));
            assert!(r.is_empty());
        },
    );
}

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
            for id in [3u16, 1, 2] {
                let piece = fragment(&fields(1, id), 0, 8, true);
                let now = Instant::from_millis(u64::from(id));
                assert!(matches!(
                    r.insert(now, &Ipv4Header::parse(&piece).unwrap()),
                    Insert::Waiting
                ));
            }
            for id in 1..=3 {
                let due = Instant::from_millis(30_000 + id);
                assert!(r.next_deadline().unwrap() <= due);
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
            assert!(r.bytes(|_| true) <= r.limits.bytes_per_source + 2 * PAGE_SIZE);
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
                assert!(r.bytes(|_| true) <= r.limits.bytes);
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
        let mut r = Reassembly::new(limits, pool, &global).unwrap();
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

/// Against an array of 64 KiB: random fragments, of which some overlap, in random order.
#[test]
fn agrees_with_an_oracle() {
    with_reassembly(
        1024,
        |_| {},
        |mut r| {
            let mut random = Random::new(11);
            let (mut completed, mut refused) = (0, 0);
            for round in 0..2000u16 {
                let total = 8 * (random.below(40) + 2) + random.below(8);
                let step = 8 * (random.below(5) + 1);
                let mut all = pieces(&fields(1, round), total, step);
                if random.once_in(3) {
                    all.push(all[random.below(all.len())].clone());
                }
                let bad = random.once_in(4);
                if bad {
                    let at = 8 * random.below(total / 8);
                    all.push(fragment(&fields(1, round), at, step + 8, true));
                }
                random.shuffle(&mut all);
                let mut done = false;
                for piece in &all {
                    match insert(&mut r, piece) {
                        Insert::Complete(datagram) => {
                            let payload = with_pool(8, |pool| {
                                datagram.payload(&Region::new(pool, "packet")).unwrap().to_vec()
                            });
                            assert_whole(&payload, total);
                            done = true;
                            completed += 1;
                        }
                        Insert::Overlap => refused += 1,
                        Insert::Exhausted(_) | Insert::Malformed => panic!("not for this input"),
                        Insert::Waiting | Insert::Duplicate => {}
                    }
                }
                assert!(done || bad, "round {round}");
                while r.expire(Instant::from_millis(60_000)).is_some() {}
            }
            assert!(completed > 1400 && refused > 300, "{completed} {refused}");
        },
    );
}

#[test]
fn congestion_met_by_any_fragment_is_met_by_the_whole() {
    with_reassembly(
        256,
        |_| {},
        |mut r| {
            let marked = Fields { tos: 3, ..fields(1, 1) };
            assert!(whole(&mut r, &fragment(&fields(1, 1), 0, 8, true)).is_none());
            let Insert::Complete(datagram) = insert(&mut r, &fragment(&marked, 8, 8, false)) else {
                panic!("it is whole")
            };
            assert!(datagram.congestion());
            assert_eq!(
                vec![0, 8],
                datagram.fragments().map(|(offset, _)| offset).collect::<Vec<_>>()
            );
        },
    );
}
