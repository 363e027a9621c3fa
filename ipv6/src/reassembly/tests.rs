use std::{collections::BTreeMap, vec::Vec};

use testkit::{Random, with_pool};

use super::*;
use crate::{Ipv6Header, Parsed};

mod limits;

const SECOND: Instant = Instant::from_millis(1000);

/// The headers of a fragment: an IPv6 header, and a Fragment header that names UDP.
const HEADERS: [u8; 48] = {
    let mut bytes = [0; 48];
    (bytes[0], bytes[6], bytes[40]) = (0x60, 44, 17);
    bytes
};

fn key(source: u16, identification: u32) -> Key {
    let address = |last| core::net::Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, last);
    Key { identification, source: address(source), destination: address(2) }
}

fn byte(place: usize) -> u8 {
    (place ^ place >> 8) as u8
}

/// A fragment with the bytes `offset..offset + length` of a packet in which every byte tells its place.
struct Piece {
    key: Key,
    offset: usize,
    more: bool,
    ecn: u8,
    bytes: Vec<u8>,
}

impl Piece {
    fn new(key: Key, offset: usize, length: usize, more: bool) -> Self {
        let bytes = (offset..offset + length).map(byte).collect();
        Self { key, offset, more, ecn: 0, bytes }
    }

    fn fragment(&self) -> Fragment<'_> {
        let &Self { key, offset, more, ecn, ref bytes } = self;
        Fragment { key, offset, more, ecn, headers: &HEADERS, named_at: 6, payload: bytes }
    }
}

/// The pieces of a packet whose fragmented part has `total` bytes, `step` bytes each.
fn pieces(key: Key, total: usize, step: usize) -> Vec<Piece> {
    let offsets = (0..total).step_by(step);
    offsets.map(|at| Piece::new(key, at, step.min(total - at), at + step < total)).collect()
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

fn insert<'p>(reassembly: &mut Reassembly<'p>, piece: &Piece) -> Insert<'p> {
    reassembly.insert(Instant::ZERO, &piece.fragment())
}

/// The fragmented part if `piece` made its packet whole, whose header says as much.
fn whole(reassembly: &mut Reassembly<'_>, piece: &Piece) -> Option<Vec<u8>> {
    match insert(reassembly, piece) {
        Insert::Complete(datagram) => Some(part_of(&datagram)),
        _ => None,
    }
}

fn part_of(datagram: &Datagram<'_>) -> Vec<u8> {
    with_pool(40, |pool| {
        let region = Region::new(pool, "packet");
        let packet = datagram.packet(&region).unwrap();
        let Parsed { header, payload } = Ipv6Header::parse(packet).unwrap();
        assert_eq!((header.next_header, payload.len()), (17, packet.len() - 40));
        payload.to_vec()
    })
}

fn assert_whole(part: &[u8], total: usize) {
    assert_eq!(part.len(), total);
    assert!(part.iter().enumerate().all(|(place, &b)| b == byte(place)));
}

#[test]
fn in_order_and_in_reverse() {
    with_reassembly(
        512,
        |_| {},
        |mut r| {
            for (id, total) in [(1, 1449), (2, 8192), (3, 60_000), (4, 65_535), (5, 16)] {
                for reverse in [false, true] {
                    let step = if total < 100 { 8 } else { 1448 };
                    let mut pieces = pieces(key(1, id), total, step);
                    if reverse {
                        pieces.reverse();
                    }
                    let (last, first) = pieces.split_last().unwrap();
                    let waits = |piece| matches!(insert(&mut r, piece), Insert::Waiting);
                    assert!(first.iter().all(waits));
                    assert_whole(&whole(&mut r, last).unwrap(), total);
                    assert!(r.is_empty() && r.next_deadline().is_none());
                }
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
            let flows = (0..16u16).map(|flow| key(flow % 4 + 3, flow.into()));
            let mut all: Vec<_> = flows.flat_map(|key| pieces(key, 8192, 1448)).collect();
            random.shuffle(&mut all);
            let done: Vec<_> = all.iter().filter_map(|piece| whole(&mut r, piece)).collect();
            assert_eq!(done.len(), 16);
            done.iter().for_each(|part| assert_whole(part, 8192));
        },
    );
}

/// RFC 8200 4.5: source, destination and identification are the key, all of them.
#[test]
fn the_whole_key_counts() {
    with_reassembly(
        256,
        |_| {},
        |mut r| {
            let ours = key(1, 7);
            let others = [
                Key { source: key(9, 7).source, ..ours },
                Key { destination: key(9, 7).source, ..ours },
                Key { identification: 8, ..ours },
            ];
            assert!(whole(&mut r, &Piece::new(ours, 0, 8, true)).is_none());
            for other in others {
                assert!(whole(&mut r, &Piece::new(other, 8, 8, false)).is_none());
            }
            assert_eq!(r.len(), 4);
            assert_whole(&whole(&mut r, &Piece::new(ours, 8, 8, false)).unwrap(), 16);
        },
    );
}

#[test]
fn the_smallest_pieces_of_the_largest_packet_in_any_order() {
    with_reassembly(
        1024,
        |_| {},
        |mut r| {
            let mut all = pieces(key(1, 1), 65_535, 8);
            Random::new(3).shuffle(&mut all);
            let done: Vec<_> = all.iter().filter_map(|piece| whole(&mut r, piece)).collect();
            assert_eq!(done.len(), 1);
            assert_whole(&done[0], 65_535);
        },
    );
}

/// In the same 8 bytes, and still another end.
#[test]
fn what_goes_on_behind_the_end_is_no_duplicate() {
    for (length, more) in [(8, true), (5, false), (7, false)] {
        with_reassembly(
            256,
            |_| {},
            |mut r| {
                let last = Piece::new(key(1, 1), 128, 6, false);
                assert!(matches!(insert(&mut r, &last), Insert::Waiting));
                assert!(matches!(insert(&mut r, &last), Insert::Duplicate));
                let other = Piece::new(key(1, 1), 128, length, more);
                assert!(matches!(insert(&mut r, &other), Insert::Overlap));
            },
        );
    }
}

/// What the rules of RFC 8200 4.5 say, written down as plainly as can be: the ranges that have come, in a list, and the bytes.
#[derive(Default)]
struct Oracle {
    ranges: Vec<(usize, usize, bool)>,
    bytes: BTreeMap<usize, u8>,
    refused: bool,
}

impl Oracle {
    fn insert(&mut self, piece: &Piece) -> &'static str {
        let (from, to) = (piece.offset, piece.offset + piece.bytes.len());
        if piece.more && !piece.bytes.len().is_multiple_of(8) {
            return "not a multiple of 8";
        }
        if to > 65_535 {
            return "too long";
        }
        if piece.bytes.is_empty() {
            return "malformed";
        }
        if self.refused {
            return "refused";
        }
        if self.ranges.contains(&(from, to, piece.more)) {
            return "duplicate";
        }
        let overlaps = self.ranges.iter().any(|&(other, end, _)| from < end && other < to);
        let end = self.ranges.iter().find(|(_, _, more)| !more).map(|(_, end, _)| *end);
        let farthest = self.ranges.iter().map(|(_, end, _)| *end).max().unwrap_or(0);
        let contradicts = match end {
            Some(end) => !piece.more || to > end,
            None => !piece.more && farthest > to,
        };
        if overlaps || contradicts {
            self.refused = true;
            return "overlap";
        }
        self.ranges.push((from, to, piece.more));
        self.bytes.extend(piece.bytes.iter().enumerate().map(|(at, &byte)| (from + at, byte)));
        let total = self.ranges.iter().find(|(_, _, more)| !more).map(|(_, end, _)| *end);
        if total == Some(self.bytes.len()) { "complete" } else { "waiting" }
    }
}

fn name(insert: &Insert<'_>) -> &'static str {
    match insert {
        Insert::Waiting => "waiting",
        Insert::Complete(_) => "complete",
        Insert::Duplicate => "duplicate",
        Insert::Overlap => "overlap",
        Insert::Refused => "refused",
        Insert::NotMultipleOf8 => "not a multiple of 8",
        Insert::TooLong => "too long",
        Insert::Malformed => "malformed",
        Insert::Exhausted(_) => "exhausted",
    }
}

/// Random fragments of several packets at once, of which some overlap, contradict, repeat or are impossible.
#[test]
fn agrees_with_an_oracle() {
    with_reassembly(
        4096,
        |_| {},
        |mut r| {
            let mut random = Random::new(11);
            let mut outcomes = BTreeMap::new();
            for round in 0..3000u32 {
                let mut oracles = [(); 3].map(|()| Oracle::default());
                let mut all = Vec::new();
                for flow in 0..3 {
                    let key = key(1 + flow, round);
                    let total = 8 * (random.below(40) + 2) + random.below(8);
                    all.extend(pieces(key, total, 8 * (random.below(5) + 1)));
                    if random.once_in(2) {
                        let again = &all[random.below(all.len())];
                        all.push(Piece { bytes: again.bytes.clone(), ..*again });
                    }
                    if random.once_in(3) {
                        let at = 8 * random.below(total / 8 + 4);
                        let length = random.below(40);
                        all.push(Piece::new(key, at, length, random.once_in(2)));
                    }
                    if random.once_in(20) {
                        all.push(Piece::new(key, 65_528, 1 + random.below(16), false));
                    }
                }
                random.shuffle(&mut all);
                for piece in &all {
                    let flow = usize::from(piece.key.source.segments()[7] - 1);
                    let expected = oracles[flow].insert(piece);
                    let outcome = insert(&mut r, piece);
                    assert_eq!(name(&outcome), expected, "round {round}");
                    *outcomes.entry(expected).or_insert(0) += 1;
                    if let Insert::Complete(datagram) = outcome {
                        let oracle = core::mem::take(&mut oracles[flow]);
                        assert!(part_of(&datagram).into_iter().eq(oracle.bytes.into_values()));
                    }
                }
                while r.expire(Instant::from_millis(60_000)).is_some() {}
                assert!(r.is_empty());
            }
            let all = outcomes.values().filter(|count| **count > 50).count();
            assert_eq!(all, 8, "{outcomes:?}");
        },
    );
}

#[test]
fn congestion_met_by_any_fragment_is_met_by_the_whole() {
    with_reassembly(
        256,
        |_| {},
        |mut r| {
            let with = |ecn, piece| Piece { ecn, ..piece };
            let (capable, marked) = (2, 3);
            let first = with(capable, Piece::new(key(1, 1), 0, 8, true));
            assert!(whole(&mut r, &first).is_none());
            let last = with(marked, Piece::new(key(1, 1), 8, 8, false));
            let Insert::Complete(datagram) = insert(&mut r, &last) else { panic!("it is whole") };
            assert!(datagram.congestion());
            let offsets: Vec<_> = datagram.fragments().map(|(offset, _)| offset).collect();
            assert_eq!(offsets, [0, 8]);
        },
    );
}
