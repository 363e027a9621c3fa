//! The memory that a receiver takes.

use std::{vec, vec::Vec};

use rt_regions::{PAGE_SIZE, SlabBox};
use testkit::{Random, with_pool};

use super::*;

// A connection that has nothing to say is not much larger than both of its halves.
const _: () = assert!(size_of::<Receiver<'_>>() <= 208);

const PAGE: u32 = PAGE_SIZE as u32;

fn new<'p>(slabs: &'p Slabs<'p>, limit: u32) -> Receiver<'p> {
    let mut receiver = Receiver::new(slabs, Seq(6), limit);
    receiver.set_mss(1460);
    receiver.advertised(receiver.window());
    receiver
}

/// The byte of the stream at this number.
fn byte(seq: Seq) -> u8 {
    (seq.0.wrapping_mul(0x9e37_79b9) >> 24) as u8
}

fn send(receiver: &mut Receiver<'_>, seq: Seq, count: u32) -> Arrival {
    let payload: Vec<u8> = (0..count).map(|at| byte(seq + at)).collect();
    receiver.on_data(Instant::ZERO, seq, &payload, false, 1)
}

fn check_content(receiver: &Receiver<'_>) {
    let readable = receiver.readable();
    let count = readable.len() as u32 + u32::from(receiver.fin_received());
    let first = Seq(receiver.next().0.wrapping_sub(count));
    assert!(readable.iter().enumerate().all(|(at, found)| *found == byte(first + at as u32)));
}

#[test]
fn a_receiver_without_data_holds_nothing_and_a_short_message_little() {
    with_pool(64, |pool| {
        let slabs = Slabs::new(pool, "buffers");
        let mut receivers: Vec<_> = (0..30).map(|_| new(&slabs, 1 << 20)).collect();
        assert_eq!(slabs.pages(), 0);
        for receiver in &mut receivers {
            send(receiver, Seq(7), 100);
            assert_eq!((receiver.buffer_size(), receiver.readable().len()), (100, 100));
        }
        // 36 blocks of 112 bytes fit a page.
        assert_eq!(slabs.pages(), 1);
        for receiver in &mut receivers {
            receiver.consume(99);
            assert_eq!(receiver.buffer_size(), 100);
            receiver.consume(1);
            assert_eq!(receiver.buffer_size(), 0);
        }
        assert_eq!(slabs.pages(), 0);
    });
}

#[test]
fn a_buffer_doubles_moves_down_and_goes() {
    with_pool(64, |pool| {
        let slabs = Slabs::new(pool, "buffers");
        let mut receiver = new(&slabs, 64 << 10);
        let mut sizes = Vec::new();
        for _ in 0..33 {
            let next = receiver.next();
            send(&mut receiver, next, 1460);
            sizes.push(receiver.buffer_size());
        }
        sizes.dedup();
        assert_eq!(sizes, [1460, 4096, 8192, 16_384, 32_768, 65_536]);
        check_content(&receiver);
        // Three quarters of it are in use: the reader goes on, and so does the peer.
        for _ in 0..500 {
            receiver.consume(1460);
            receiver.advertised(receiver.window());
            let next = receiver.next();
            assert_eq!(send(&mut receiver, next, 1460).new_bytes, 1460);
            assert_eq!(receiver.buffer_size(), 65_536);
            check_content(&receiver);
        }
        // A few bytes do not hold many pages.
        receiver.consume(33 * 1460 - 10);
        check_content(&receiver);
        assert_eq!((receiver.readable().len(), receiver.buffer_size()), (10, 256));
        receiver.consume(10);
        assert_eq!(slabs.pages(), 0);
    });
}

/// A peer that sends one byte at the end of the window gets no buffer for the rest of it; one that has sent much gets it.
#[test]
fn data_out_of_order_takes_memory_in_proportion_to_what_was_in_order() {
    with_pool(256, |pool| {
        let slabs = Slabs::new(pool, "buffers");
        let mut receiver = new(&slabs, 1 << 20);
        let arrival = send(&mut receiver, Seq(7) + 60_000, 1);
        assert_eq!((arrival.new_bytes, arrival.ack), (0, AckNeed::Now));
        assert!(receiver.sack_blocks(4).is_empty() && slabs.pages() == 0);
        // The initial window of a peer is taken but for its first segment (RFC 6928), and no more.
        for segment in 1..14 {
            send(&mut receiver, Seq(7) + segment * 1460, 1460);
        }
        assert_eq!(receiver.sack_blocks(4).as_slice(), [(Seq(1467), Seq(7 + (16 << 10)))]);
        assert_eq!(receiver.buffer_size(), 16 << 10);
        send(&mut receiver, Seq(7), 1460);
        assert_eq!(receiver.readable().len(), 16 << 10);
        check_content(&receiver);
        receiver.consume(16 << 10);
        assert_eq!(slabs.pages(), 0);
        receiver.advertised(receiver.window());
        send(&mut receiver, Seq(7) + 65_000, 1);
        assert_eq!(receiver.sack_blocks(4).as_slice().len(), 1);
    });
}

/// Data for which there is no memory is dropped without an acknowledgment, so that the peer sends more slowly; what was
/// taken stays, and when there is memory, all of it comes.
#[test]
fn without_memory_nothing_is_lost_that_was_acknowledged() {
    with_pool(40, |pool| {
        let slabs = Slabs::new(pool, "buffers").with_cap(24 * PAGE_SIZE);
        let mut random = Random::new(3);
        let (mut dropped, mut short, mut taken) = (0, 0, 0);
        for _ in 0..100 {
            let mut receivers: Vec<_> = (0..4).map(|_| new(&slabs, 64 << 10)).collect();
            let mut hogs: Vec<SlabBox<'_, [u8]>> = Vec::new();
            for _ in 0..300 {
                if !random.once_in(3) {
                    hogs.extend(slabs.alloc_default(random.below(5 * PAGE_SIZE)));
                    hogs.extend(slabs.alloc_default(random.below(PAGE_SIZE)));
                } else if !hogs.is_empty() {
                    hogs.swap_remove(random.below(hogs.len()));
                }
                let receiver = &mut receivers[random.below(4)];
                let next = receiver.next();
                let seq = next + [0, 0, random.below(9_000) as u32][random.below(3)];
                let count = 1 + random.below(5_000) as u32;
                let room = receiver.right_edge() - next;
                let arrival = send(receiver, seq, count);
                assert_eq!(arrival.new_bytes, receiver.next() - next);
                short += u32::from(seq == next && arrival.new_bytes < count.min(room));
                if arrival.ack == AckNeed::None {
                    assert!(arrival.new_bytes == 0 && seq == next);
                    dropped += 1;
                } else {
                    taken += 1;
                }
                receiver.consume(random.below(3_000));
                check_content(receiver);
                receiver.advertised(receiver.window());
            }
            drop(hogs);
            for receiver in &mut receivers {
                receiver.consume(usize::MAX);
                receiver.advertised(receiver.window());
            }
            // The peers send again, and all of it comes.
            for receiver in &mut receivers {
                let end = receiver.right_edge();
                while receiver.next() != end {
                    let count = (end - receiver.next()).min(1460);
                    let next = receiver.next();
                    assert!(send(receiver, next, count).new_bytes > 0, "{receiver:?}");
                    check_content(receiver);
                    receiver.consume(random.below(4_000));
                }
                receiver.consume(usize::MAX);
                assert_eq!(receiver.buffer_size(), 0);
            }
        }
        assert!(dropped > 500 && short > 3_000 && taken > 10_000, "{dropped} {short} {taken}");
    });
}

/// A joined segment is taken in part if its buffer may not have more: half of what is left beside a reserve.
#[test]
fn a_part_is_taken_if_there_is_memory_for_a_part() {
    with_pool(40, |pool| {
        let slabs = Slabs::new(pool, "buffers").with_cap(3 * PAGE_SIZE);
        let mut receiver = new(&slabs, 64 << 10);
        let arrival = send(&mut receiver, Seq(7), 4 * PAGE);
        assert_eq!((arrival.new_bytes, arrival.ack), (PAGE, AckNeed::Now));
        check_content(&receiver);
        let next = receiver.next();
        assert_eq!(send(&mut receiver, next, 100).new_bytes, 0);
        receiver.consume(10);
        // Less than a quarter was consumed: without memory it moves down all the same.
        assert_eq!(send(&mut receiver, next, 100).new_bytes, 10);
        check_content(&receiver);
    });
}

/// Without memory for the list of ranges, data out of order is dropped, and data in order is not.
#[test]
fn without_a_list_of_ranges_data_in_order_is_taken() {
    with_pool(40, |pool| {
        let slabs = Slabs::new(pool, "buffers").with_cap(PAGE_SIZE);
        let mut receiver = new(&slabs, 64 << 10);
        send(&mut receiver, Seq(7), 2032);
        // A list needs blocks of a class of its own, in a page of its own.
        let arrival = send(&mut receiver, Seq(7) + 2050, 10);
        assert_eq!((arrival.new_bytes, arrival.ack), (0, AckNeed::Now));
        assert!(receiver.sack_blocks(4).is_empty());
        receiver.consume(2000);
        assert_eq!(send(&mut receiver, Seq(7) + 2032, 1000).new_bytes, 1000);
        check_content(&receiver);
        receiver.consume(2000);
        assert_eq!(slabs.pages(), 0);
        // Now there is a page for the list, but none for the data: the list goes again.
        send(&mut receiver, Seq(7) + 4000, 10);
        assert_eq!(slabs.pages(), 0);
    });
}

#[test]
fn lent_bytes_come_back() {
    with_pool(40, |pool| {
        let slabs = Slabs::new(pool, "buffers");
        let mut receiver = new(&slabs, 64 << 10);
        for _ in 0..2 {
            let lent = receiver.lend();
            assert!(lent.bytes().is_empty());
            receiver.take_back(lent);
        }
        send(&mut receiver, Seq(7), 500);
        receiver.consume(100);
        let lent = receiver.lend();
        assert_eq!(lent.bytes().len(), 400);
        // What comes meanwhile is lost, as if there was no memory.
        assert!(receiver.readable().is_empty());
        assert_eq!(send(&mut receiver, Seq(507), 100).new_bytes, 0);
        assert_eq!(send(&mut receiver, Seq(600), 100).new_bytes, 0);
        receiver.consume(300);
        receiver.on_data(Instant::ZERO, Seq(507), b"", true, 1);
        receiver.take_back(lent);
        assert_eq!(receiver.readable().len(), 400);
        check_content(&receiver);
        receiver.consume(400);
        assert_eq!((receiver.buffer_size(), receiver.is_finished()), (0, true));
        // It cannot come back twice, nor after another.
        let mut other = new(&slabs, 64 << 10);
        let none = receiver.lend();
        send(&mut other, Seq(7), 5);
        other.take_back(none);
        assert_eq!(other.readable(), [7, 8, 9, 10, 11].map(|seq| byte(Seq(seq))));
        drop(vec![other, receiver]);
        assert_eq!(slabs.pages(), 0);
    });
}

#[test]
fn it_begins_again_with_the_number_of_the_peer() {
    with_pool(40, |pool| {
        let slabs = Slabs::new(pool, "buffers");
        let mut receiver = new(&slabs, 64 << 10);
        receiver.set_window_shift(5);
        receiver.begin(Seq(u32::MAX));
        assert_eq!(
            (receiver.next(), receiver.right_edge(), receiver.window()),
            (Seq(0), Seq(0), 48 << 10)
        );
        receiver.advertised(40_000);
        assert_eq!(send(&mut receiver, Seq(0), 10).new_bytes, 10);
    });
}
