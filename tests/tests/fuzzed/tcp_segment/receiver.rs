//! A program for a receiver: segments anywhere, reading, acknowledgments and lack of memory.

use std::time::Duration;

use layer::Instant;
use rt_regions::{PAGE_SIZE, Slabs};
use tcp::{AckNeed, Lent, Receiver, Seq};
use testkit::with_pool;

use crate::targets::Input;

/// There are few pages, and other values take them.
const LITTLE_MEMORY: u8 = 8;
/// The peer sends other bytes each time.
const LIES: u8 = 16;

/// Pages enough for the largest buffer, and half of it.
const PAGES: usize = 40;
const FEW_PAGES: usize = 5;
/// The limit of the receiver in bytes, of which three quarters are its window.
const LIMITS: [u32; 4] = [300, 2032, 16 << 10, 64 << 10];

/// What is known of the stream.
struct Oracle {
    first: Seq,
    /// Which bytes were sent and were in the window, from the first one on.
    sent: Vec<bool>,
    /// What was readable, and is now read or still to be.
    received: Vec<u8>,
    read: usize,
    lies: bool,
}

impl Oracle {
    fn byte(&self, seq: Seq, seed: u8) -> u8 {
        let place = (seq - self.first) as usize;
        (place / 8 * 7 + place) as u8 ^ if self.lies { seed } else { 0 }
    }

    fn note(&mut self, seq: Seq, length: u32, edge: Seq) {
        for at in 0..length {
            let place = (seq + at).distance(self.first);
            if let Ok(place) = usize::try_from(place)
                && (seq + at).is_before(edge)
            {
                if self.sent.len() <= place {
                    self.sent.resize(place + 1, false);
                }
                self.sent[place] = true;
            }
        }
    }

    /// All of the range was sent.
    fn was_sent(&self, start: Seq, end: Seq) -> bool {
        let [start, end] = [start, end].map(|seq| (seq - self.first) as usize);
        self.sent.get(start..end).is_some_and(|sent| sent.iter().all(|&sent| sent))
    }
}

pub(super) fn run(settings: u8, mut input: Input<'_>) {
    let pages = if settings & LITTLE_MEMORY == 0 { PAGES } else { FEW_PAGES };
    with_pool(pages, |pool| {
        let slabs = Slabs::new(pool, "buffers").with_cap(pages * PAGE_SIZE);
        let limit = LIMITS[input.below(4)];
        let irs = Seq(0_u32.wrapping_sub(input.word().into()));
        let mut receiver = Receiver::new(&slabs, irs, limit);
        receiver.set_mss(input.word().into());
        receiver.set_window_shift(input.byte() % 8);
        receiver.advertised(receiver.window());
        let lies = settings & LIES != 0;
        let mut oracle =
            Oracle { first: irs + 1, sent: Vec::new(), received: Vec::new(), read: 0, lies };
        let (mut now, mut hogs) = (Instant::ZERO, Vec::new());
        while !input.is_empty() {
            match input.byte() % 8 {
                0..=3 => segment(&mut receiver, &mut oracle, &mut input, now),
                4 => read(&mut receiver, &mut oracle, input.word().into()),
                5 => acknowledge(&mut receiver),
                6 => {
                    now += Duration::from_millis(input.byte().into());
                    receiver.on_rtt(Duration::from_micros(input.word().into()));
                }
                _ => {
                    hogs.extend(slabs.alloc_default::<u8>(64 * input.below(256)));
                    if hogs.len() > 3 {
                        hogs.remove(0);
                    }
                }
            }
            check(&receiver, &mut oracle, limit);
        }
        drop(hogs);
        read(&mut receiver, &mut oracle, usize::MAX);
        acknowledge(&mut receiver);
        // With memory, a peer gets through that sends all of its window again.
        if !receiver.fin_received() {
            let edge = receiver.right_edge();
            for _ in 0..300 {
                let length = (edge.distance(receiver.next()).max(0) as u32).min(1000);
                let next = receiver.next();
                send(&mut receiver, &mut oracle, now, next, length, 0, false);
                read(&mut receiver, &mut oracle, usize::MAX);
            }
            assert!(receiver.fin_received() || receiver.next() == edge, "{receiver:?}");
        }
        assert_eq!((receiver.buffer_size(), slabs.pages()), (0, 0), "{receiver:?}");
    });
}

fn segment(receiver: &mut Receiver<'_>, oracle: &mut Oracle, input: &mut Input<'_>, now: Instant) {
    let (kind, seed) = (input.byte(), input.byte());
    let place = match kind & 3 {
        0 => 0,
        1 => i32::from(input.byte()),
        2 => i32::from(input.byte()) - 256,
        _ => i32::from(input.word() as i16),
    };
    let length = match kind & 12 {
        0 => u32::from(input.byte()),
        4 => 1,
        8 => 0,
        _ => u32::from(input.word() % 20_000),
    };
    let seq = Seq(receiver.next().0.wrapping_add_signed(place));
    send(receiver, oracle, now, seq, length, seed, kind & 0xf0 == 0xf0);
}

fn send(
    receiver: &mut Receiver<'_>,
    oracle: &mut Oracle,
    now: Instant,
    seq: Seq,
    length: u32,
    seed: u8,
    fin: bool,
) {
    let payload: Vec<u8> = (0..length).map(|at| oracle.byte(seq + at, seed)).collect();
    let (next, edge) = (receiver.next(), receiver.right_edge());
    let had_fin = receiver.fin_received();
    oracle.note(seq, length, edge);
    let arrival = receiver.on_data(now, seq, &payload, fin, 1 + u16::from(seed) % 8);
    assert_eq!(receiver.next() - next, arrival.new_bytes + u32::from(arrival.fin));
    assert_eq!(receiver.right_edge(), edge);
    assert_eq!(receiver.fin_received(), had_fin || arrival.fin);
    assert!(!had_fin || arrival.new_bytes == 0 && !arrival.fin);
    match arrival.ack {
        AckNeed::Now => assert!(receiver.must_ack_now()),
        AckNeed::Delayed => assert!(receiver.ack_deadline().is_some() && arrival.new_bytes > 0),
        AckNeed::None => assert!(arrival.new_bytes == 0 && !arrival.fin),
    }
    if let Some(deadline) = receiver.ack_deadline() {
        assert!(deadline.since(now) <= Duration::from_millis(40));
    }
}

fn read(receiver: &mut Receiver<'_>, oracle: &mut Oracle, count: usize) {
    check_readable(receiver, oracle);
    // Every other time they are lent meanwhile.
    if count.is_multiple_of(2) {
        let lent: Lent<'_> = receiver.lend();
        assert_eq!(lent.bytes(), &oracle.received[oracle.read..]);
        receiver.take_back(lent);
    }
    let count = count.min(receiver.readable().len());
    receiver.consume(count);
    oracle.read += count;
    if receiver.wants_update() {
        let edge = receiver.right_edge();
        acknowledge(receiver);
        assert!(receiver.right_edge().is_after(edge), "nothing was told");
        assert!(!receiver.wants_update());
    }
}

fn acknowledge(receiver: &mut Receiver<'_>) {
    let edge = receiver.right_edge();
    receiver.advertised(receiver.window());
    assert!(!receiver.right_edge().is_before(edge) && !receiver.owes_ack());
}

/// What was readable stays what it was, and more follows.
fn check_readable(receiver: &Receiver<'_>, oracle: &mut Oracle) {
    let (readable, known) = (receiver.readable(), oracle.received.len() - oracle.read);
    assert_eq!(&readable[..known], &oracle.received[oracle.read..]);
    let first = oracle.first + oracle.received.len() as u32;
    let new = &readable[known..];
    assert!(oracle.was_sent(first, first + new.len() as u32), "bytes that were never sent");
    for (at, &byte) in new.iter().enumerate() {
        assert!(oracle.lies || byte == oracle.byte(first + at as u32, 0));
    }
    oracle.received.extend_from_slice(new);
}

fn check(receiver: &Receiver<'_>, oracle: &mut Oracle, limit: u32) {
    check_readable(receiver, oracle);
    let end = oracle.first + oracle.received.len() as u32 + u32::from(receiver.fin_received());
    assert_eq!(receiver.next(), end);
    assert!(receiver.buffer_size() <= limit as usize);
    assert!(receiver.window() <= limit);
    for room in 0..=4 {
        let blocks = receiver.sack_blocks(room);
        assert!(blocks.as_slice().len() <= room);
        for (at, &(start, end)) in blocks.as_slice().iter().enumerate() {
            assert!(start.is_before(end));
            // The first one may be of what came twice.
            let is_old = at == 0 && !start.is_after(receiver.next());
            assert!(is_old || start.is_after(receiver.next()) && oracle.was_sent(start, end));
        }
    }
    assert_eq!(receiver.is_finished(), receiver.fin_received() && receiver.readable().is_empty());
    assert!(!format!("{receiver:?}").is_empty());
}
