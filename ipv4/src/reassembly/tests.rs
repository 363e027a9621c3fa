use core::net::Ipv4Addr;
use std::{vec, vec::Vec};

use layer::KeyedHash;
use rt_regions::Region;
use testkit::{Random, with_pool};

use super::*;
use crate::{Fields, Ipv4Header};

mod limits;
mod refused;

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
        test(Reassembly::new(chosen, hash(), pool, &global).unwrap());
    });
}

fn hash() -> TableHash {
    TableHash::new(KeyedHash::new(7))
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

/// An identification of another source, protocol or destination is another datagram.
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

/// In the same 8 bytes, and still another end: found by the fuzzer.
#[test]
fn what_goes_on_behind_the_end_is_no_duplicate() {
    for (length, more) in [(8, true), (5, false), (7, false)] {
        with_reassembly(
            256,
            |_| {},
            |mut r| {
                let last = fragment(&fields(1, 1), 128, 6, false);
                assert!(matches!(insert(&mut r, &last), Insert::Waiting));
                assert!(matches!(insert(&mut r, &last), Insert::Duplicate));
                let other = fragment(&fields(1, 1), 128, length, more);
                assert!(matches!(insert(&mut r, &other), Insert::Overlap));
            },
        );
    }
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
                let (mut done, mut overlapped) = (false, false);
                for piece in &all {
                    // What overlapped is forgotten.
                    overlapped &= Ipv4Header::parse(piece).unwrap().header.offset() > 0;
                    match insert(&mut r, piece) {
                        Insert::Complete(datagram) => {
                            let payload = with_pool(8, |pool| {
                                datagram.payload(&Region::new(pool, "packet")).unwrap().to_vec()
                            });
                            assert_whole(&payload, total);
                            assert!(!overlapped);
                            done = true;
                            completed += 1;
                        }
                        Insert::Overlap => {
                            refused += 1;
                            overlapped = true;
                        }
                        Insert::Refused => assert!(overlapped),
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
            let capable = Fields { tos: 2, ..fields(1, 1) };
            let marked = Fields { tos: 3, ..fields(1, 1) };
            assert!(whole(&mut r, &fragment(&capable, 0, 8, true)).is_none());
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
