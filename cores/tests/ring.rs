//! Messages through one ring, on one thread and on two.

#![cfg(not(loom))]

use std::{cell::RefCell, collections::VecDeque, thread};

use cores::{AtomicU64, Receiver, Ring, Sender};
use layer::Payload as _;
use proptest::{
    collection::vec,
    prelude::{Just, ProptestConfig, any},
    prop_assert_eq, prop_oneof, proptest,
    strategy::Strategy,
};

fn words(count: usize) -> Vec<AtomicU64> {
    // Whatever was there before.
    (0..count).map(|_| AtomicU64::new(u64::MAX)).collect()
}

#[derive(Clone, Debug)]
enum Step {
    Send(u32, Vec<u8>),
    Receive,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let send =
        (any::<u32>(), vec(any::<u8>(), 0..140)).prop_map(|(tag, bytes)| Step::Send(tag, bytes));
    vec(prop_oneof![send, Just(Step::Receive)], 0..200)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: if cfg!(miri) { 3 } else { 256 }, failure_persistence: None, ..ProptestConfig::default() })]

    /// A queue of the standard library is the reference.
    #[test]
    fn a_ring_is_a_queue_with_so_much_room(steps in steps()) {
        let words = words(16);
        let ring = Ring::new(&words);
        let (sender, receiver) = (Sender::new(&ring), Receiver::new(&ring));
        let mut queue: VecDeque<(u32, Vec<u8>)> = VecDeque::new();
        let taken = |queue: &VecDeque<(u32, Vec<u8>)>| {
            queue.iter().map(|(_, bytes)| 1 + bytes.len().div_ceil(8)).sum::<usize>()
        };
        for step in steps {
            match step {
                Step::Send(tag, bytes) => {
                    let fits = taken(&queue) + 1 + bytes.len().div_ceil(8) <= 16;
                    prop_assert_eq!(sender.room(), 8 * (16 - taken(&queue)));
                    prop_assert_eq!(sender.send(tag, &&bytes[..]), fits);
                    if fits {
                        queue.push_back((tag, bytes));
                    }
                }
                Step::Receive => {
                    let received = receiver.receive().map(|message| {
                        let mut bytes = vec![0; message.len()];
                        message.copy_to(&mut bytes);
                        // As a payload, from wherever in it to wherever, it has the same bytes.
                        for start in [0, 3, 8, bytes.len() / 2] {
                            let Some(tail) = message.tail(start) else { continue };
                            let mut visited = Vec::new();
                            tail.visit(0, tail.len(), &mut |piece| visited.extend_from_slice(piece));
                            assert_eq!(visited, bytes[start..]);
                            for (from, to) in [(0, 1), (1, 9), (5, 7), (8, 24), (13, 140)] {
                                let to = to.min(tail.len());
                                let mut part = vec![0; to.saturating_sub(from)];
                                if from <= to {
                                    tail.copy_to(from, &mut part);
                                    assert_eq!(part, bytes[start + from..start + to]);
                                }
                            }
                        }
                        assert!(message.tail(bytes.len() + 1).is_none());
                        (message.tag(), bytes)
                    });
                    prop_assert_eq!(received, queue.pop_front());
                }
            }
            prop_assert_eq!(ring.is_empty(), queue.is_empty());
            prop_assert_eq!(sender.room(), (16 - taken(&queue)) * 8);
        }
    }
}

#[test]
fn two_threads_pass_messages_of_all_lengths() {
    let (words, count) = (words(1024), if cfg!(miri) { 200 } else { 50_000_u32 });
    let ring = Ring::new(&words);
    let length = |number: u32| (number.wrapping_mul(2_654_435_761) >> 22) as usize;
    thread::scope(|scope| {
        scope.spawn(|| {
            let sender = Sender::new(&ring);
            for number in 0..count {
                let bytes = vec![number as u8; length(number)];
                while !sender.send(number, &&bytes[..]) {
                    thread::yield_now();
                }
            }
        });
        let receiver = Receiver::new(&ring);
        for number in 0..count {
            let message = loop {
                match receiver.receive() {
                    Some(message) => break message,
                    None => thread::yield_now(),
                }
            };
            let mut bytes = vec![!number as u8; message.len()];
            message.copy_to(&mut bytes);
            assert_eq!(message.tag(), number);
            assert_eq!(bytes, vec![number as u8; length(number)]);
        }
        assert!(receiver.receive().is_none());
    });
}

#[test]
fn what_never_fits_is_not_sent_and_the_longest_fits_when_the_ring_is_empty() {
    let words = words(32);
    let ring = Ring::new(&words);
    let (sender, receiver) = (Sender::new(&ring), Receiver::new(&ring));
    assert_eq!(ring.max_len(), 31 * 8);
    let bytes = [5; 31 * 8 + 1];
    assert!(!sender.send(0, &&bytes[..]));
    // Not only at the beginning of the words.
    for _ in 0..40 {
        assert!(sender.send(1, b"moves on"));
        drop(receiver.receive());
        assert!(sender.send(2, &&bytes[1..]) && !sender.send(3, b""));
        let message = receiver.receive().unwrap();
        assert_eq!((message.tag(), message.len()), (2, 31 * 8));
    }
}

#[test]
fn a_message_is_out_once() {
    let words = words(8);
    let ring = Ring::new(&words);
    let (sender, receiver) = (Sender::new(&ring), Receiver::new(&ring));
    assert!(sender.send(1, b"one") && sender.send(2, b"two"));
    let first = receiver.receive().unwrap();
    // It has not made room, and the next does not come before.
    assert!(receiver.receive().is_none());
    drop(first);
    let seen = RefCell::new(Vec::new());
    while let Some(message) = receiver.receive() {
        seen.borrow_mut().push(message.tag());
    }
    assert_eq!(seen.into_inner(), [2]);
}

#[test]
#[should_panic(expected = "a ring cannot have 24 words")]
fn a_ring_has_a_power_of_two() {
    let words = words(24);
    let _ = Ring::new(&words);
}
