//! Random segments against a byte array.

use std::{collections::VecDeque, vec::Vec};

use testkit::{Random, with_pool};

use super::*;

/// What the receiver has to be, in the simplest way.
struct Model {
    /// What was readable and is not consumed.
    unread: VecDeque<u8>,
    /// The bytes from `next` on: those that are there.
    ahead: VecDeque<Option<u8>>,
    next: Seq,
    fin: Option<Seq>,
    fin_reached: bool,
    /// What the latest segment had twice.
    duplicate: Option<(Seq, Seq)>,
    /// A number in the block that grew last.
    latest: Option<Seq>,
    /// What is out of order.
    blocks: Vec<(Seq, Seq)>,
}

impl Model {
    fn new(next: Seq) -> Self {
        Self {
            unread: VecDeque::new(),
            ahead: VecDeque::new(),
            next,
            fin: None,
            fin_reached: false,
            duplicate: None,
            latest: None,
            blocks: Vec::new(),
        }
    }

    fn find_blocks(&mut self) {
        self.blocks.clear();
        let mut start = None;
        for (at, byte) in self.ahead.iter().chain([&None]).enumerate() {
            let seq = self.next + at as u32;
            match (byte, start) {
                (Some(_), None) => start = Some(seq),
                (None, Some(from)) => {
                    self.blocks.push((from, seq));
                    start = None;
                }
                _ => {}
            }
        }
    }

    /// Takes a segment; returns what the receiver has to return, and whether an acknowledgment must not wait.
    fn on_data(
        &mut self,
        seq: Seq,
        payload: &[u8],
        fin: bool,
        edge: Seq,
        tally: &mut Tally,
    ) -> (u32, bool, bool) {
        let end = seq + payload.len() as u32;
        if fin && !self.fin_reached && !end.is_before(self.next) && !end.is_after(edge) {
            let fin = self.fin.map_or(end, |fin| fin.min(end));
            self.fin = Some(fin);
            self.ahead.truncate((fin - self.next) as usize);
            self.find_blocks();
        }
        let limit = self.fin.map_or(edge, |fin| fin.min(edge));
        let (start, cut) = (seq.max(self.next), end.min(limit));
        let has_something = fin || !payload.is_empty();
        let is_plain = seq == self.next && !end.is_after(limit) && self.blocks.is_empty();
        let at_once = has_something && !is_plain;
        let end = cut;
        let mut old = None;
        if seq.is_before(self.next) && !payload.is_empty() {
            old = Some((seq, (seq + payload.len() as u32).min(self.next)));
        }
        // One more range than there can be: nothing of it is taken.
        let is_isolated = start.is_after(self.next) && start.is_before(end) && {
            let touches = |&(from, to): &(Seq, Seq)| !from.is_after(end) && !to.is_before(start);
            self.blocks.len() >= MAX_RANGES && !self.blocks.iter().any(touches)
        };
        tally.too_many += u32::from(is_isolated);
        let mut twice: Option<(Seq, Seq)> = None;
        if start.is_before(end) && !is_isolated {
            for at in 0..end - start {
                let (place, byte) =
                    ((start - self.next + at) as usize, payload[(start - seq + at) as usize]);
                while self.ahead.len() <= place {
                    self.ahead.push_back(None);
                }
                match self.ahead[place] {
                    None => self.ahead[place] = Some(byte),
                    // Bytes that are there are never replaced.
                    Some(_) => match &mut twice {
                        None => twice = Some((start + at, start + at + 1)),
                        Some(twice) if twice.1 == start + at => twice.1 += 1,
                        Some(_) => {}
                    },
                }
            }
            self.latest = Some(start);
        }
        // The first part that was there.
        self.duplicate = old.or(twice).or(self.duplicate);
        let mut new = 0;
        while let Some(Some(byte)) = self.ahead.front() {
            self.unread.push_back(*byte);
            self.ahead.pop_front();
            self.next += 1;
            new += 1;
        }
        if start.is_before(end) {
            self.find_blocks();
        }
        let ends = !self.fin_reached && self.fin == Some(self.next);
        if ends {
            self.fin_reached = true;
            self.next += 1;
        }
        (new, ends, at_once || ends)
    }
}

/// The byte of the stream at this place.
fn byte_at(place: u32) -> u8 {
    (place.wrapping_mul(0x9e37_79b9) >> 24) as u8
}

/// How often what happened.
#[derive(Debug, Default)]
struct Tally {
    segments: u32,
    in_order: u32,
    out_of_order: u32,
    twice: u32,
    ends: u32,
    too_many: u32,
    updates: u32,
}

/// How the segments of a connection are chosen.
#[derive(Clone, Copy)]
struct Peer {
    limit: u32,
    /// The longest segment in bytes.
    longest: usize,
    /// One of so many segments continues what came in order.
    order_in: usize,
    /// One of so many segments has a FIN.
    fin_in: usize,
    /// Whether a byte may come with two values.
    lies: bool,
}

fn run(slabs: &Slabs<'_>, random: &mut Random, peer: Peer, tally: &mut Tally) {
    // Near the end of the numbers, so that they wrap around.
    let irs = Seq(0_u32.wrapping_sub(random.below(3 * peer.limit as usize + 1) as u32));
    let first = irs + 1;
    let mut receiver = Receiver::new(slabs, irs, peer.limit);
    let mut model = Model::new(first);
    let mut now = Instant::ZERO;
    receiver.advertised(receiver.window());
    let mut left = if peer.order_in == 900 { 2_500 } else { 900 };
    while left > 0 {
        left -= 1;
        tally.segments += 1;
        let reach = peer.limit as usize + 8;
        let offset = match random.below(4) {
            _ if random.once_in(peer.order_in) => 0,
            0 => random.below(2 * reach) as i32 - reach as i32,
            _ => 1 + random.below(reach) as i32,
        };
        let seq = Seq(receiver.next().0.wrapping_add(offset as u32));
        let longest = if random.once_in(3) { 4 } else { peer.longest };
        let length = random.below(longest + 1);
        let payload: Vec<u8> = (0..length as u32)
            .map(|at| if peer.lies { random.bits() as u8 } else { byte_at((seq + at) - first) })
            .collect();
        let fin = random.once_in(peer.fin_in);
        let edge = receiver.right_edge();
        let before = model.blocks.len();
        let expected = model.on_data(seq, &payload, fin, edge, tally);
        let was_owed = receiver.must_ack_now();
        let arrival = receiver.on_data(now, seq, &payload, fin, 1);
        let (new_bytes, ends, at_once) = expected;
        assert_eq!((arrival.new_bytes, arrival.fin), (new_bytes, ends));
        assert_eq!(receiver.next(), model.next);
        assert_eq!(receiver.fin_received(), model.fin_reached);
        assert_eq!(receiver.right_edge(), edge);
        assert!(receiver.readable() == model.unread.make_contiguous(), "other bytes");
        if at_once {
            assert_eq!(arrival.ack, AckNeed::Now);
        }
        match arrival.ack {
            AckNeed::Now => assert!(receiver.must_ack_now()),
            AckNeed::Delayed => assert!(receiver.owes_ack() && new_bytes > 0),
            AckNeed::None => {
                assert!(length == 0 && !fin && receiver.must_ack_now() == was_owed);
            }
        }
        tally.in_order += u32::from(new_bytes > 0);
        tally.out_of_order += u32::from(model.blocks.len() > before);
        tally.twice += u32::from(model.duplicate.is_some());
        if arrival.fin {
            tally.ends += 1;
            left = left.min(20);
        }
        check_blocks(&receiver, &model, random.below(4));
        assert!(receiver.buffer_size() <= peer.limit as usize);
        if random.once_in(3) {
            acknowledge(&mut receiver, &mut model);
        }
        if random.once_in(4) {
            let count = random.below(receiver.readable().len() + 2);
            receiver.consume(count);
            model.unread.drain(..count.min(model.unread.len()));
            if receiver.wants_update() {
                tally.updates += 1;
                let (edge, least) = (receiver.right_edge(), 536.min(peer.limit * 3 / 8));
                acknowledge(&mut receiver, &mut model);
                assert!(receiver.right_edge() - edge >= least);
            }
        }
        if model.unread.is_empty() && model.blocks.is_empty() {
            assert_eq!(receiver.buffer_size(), 0, "memory for nothing");
        }
        now += Duration::from_millis(random.below(30) as u64);
        assert_eq!(receiver.is_finished(), model.fin_reached && model.unread.is_empty());
    }
}

/// An acknowledgment is sent, whose window does not move the right edge back.
fn acknowledge(receiver: &mut Receiver<'_>, model: &mut Model) {
    let (edge, window) = (receiver.right_edge(), receiver.window());
    assert!(!(receiver.next() + window).is_before(edge) || receiver.fin_received());
    receiver.advertised(window);
    model.duplicate = None;
    assert!(!receiver.right_edge().is_before(edge));
    assert!(!receiver.owes_ack() && receiver.ack_deadline().is_none());
}

fn check_blocks(receiver: &Receiver<'_>, model: &Model, room: usize) {
    let blocks = &model.blocks;
    for room in [room, 4] {
        let reported = receiver.sack_blocks(room);
        let mut reported = reported.as_slice();
        assert!(reported.len() <= room);
        if let (Some(duplicate), Some((first, rest))) = (model.duplicate, reported.split_first()) {
            assert_eq!(*first, duplicate);
            reported = rest;
        }
        let twice = usize::from(model.duplicate.is_some());
        assert_eq!(reported.len(), blocks.len().min(room.saturating_sub(twice)));
        assert!(reported.iter().all(|block| blocks.contains(block)), "{reported:?} of {blocks:?}");
        assert!((1..reported.len()).all(|at| !reported[..at].contains(&reported[at])));
        // RFC 2018 4: first is the block that has the latest segment.
        let has_latest = |&&(from, to): &&(Seq, Seq)| {
            model.latest.is_some_and(|latest| !latest.is_before(from) && latest.is_before(to))
        };
        if let (Some(latest), Some(first)) = (blocks.iter().find(has_latest), reported.first()) {
            assert_eq!(first, latest);
        }
    }
}

const PEERS: [Peer; 7] = [
    Peer { limit: 256, longest: 60, order_in: 4, fin_in: 400, lies: false },
    Peer { limit: 496, longest: 700, order_in: 4, fin_in: 5_000, lies: true },
    Peer { limit: 1008, longest: 9, order_in: 4, fin_in: 50, lies: true },
    Peer { limit: 1008, longest: 300, order_in: 4, fin_in: 5_000, lies: false },
    Peer { limit: 2032, longest: 1460, order_in: 3, fin_in: 20_000, lies: false },
    Peer { limit: 496, longest: 2, order_in: 30, fin_in: 100_000, lies: true },
    // More than 254 ranges.
    Peer { limit: 2032, longest: 1, order_in: 900, fin_in: 100_000, lies: true },
];

#[test]
fn any_segments_in_any_order_give_the_bytes_of_the_model() {
    with_pool(64, |pool| {
        let slabs = Slabs::new(pool, "buffers");
        let mut random = Random::new(5);
        let mut tally = Tally::default();
        for round in 0..2_200 {
            run(&slabs, &mut random, PEERS[round % PEERS.len()], &mut tally);
        }
        let Tally { segments, in_order, out_of_order, twice, ends, too_many, updates } = tally;
        assert!(segments > 2_000_000 && in_order > 200_000 && out_of_order > 200_000, "{tally:?}");
        assert!(twice > 500_000 && ends > 500 && too_many > 5_000 && updates > 50_000, "{tally:?}");
        assert_eq!(slabs.pages(), 0);
    });
}
