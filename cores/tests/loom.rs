//! Every order of events that the memory model allows: `RUSTFLAGS="--cfg loom" cargo test -p letregion-cores --test loom
//! --release`. Without that, nothing is here.

#![cfg(loom)]

use cores::{AtomicU64, MAX_NOTICE, Notice, Receiver, Ring, Sender, Sleep};
use loom::{sync::Arc, thread};

/// A ring of eight words that outlives the model's threads.
fn ring() -> &'static Ring<'static> {
    let words: Vec<AtomicU64> = (0..8).map(|_| AtomicU64::new(0)).collect();
    Box::leak(Box::new(Ring::new(words.leak())))
}

#[test]
fn messages_arrive_whole_in_order_and_once() {
    loom::model(|| {
        let ring = ring();
        let sending = thread::spawn(move || {
            let sender = Sender::new(ring);
            // The third has room only when the first is taken.
            let messages: [&[u8]; 3] =
                [b"0123456789abcdefX", b"second", b"the third one has 25 bytes"];
            let mut sent = 0;
            for (tag, message) in messages.iter().enumerate() {
                if !sender.send(tag as u32, message) {
                    break;
                }
                sent += 1;
            }
            sent
        });
        let receiver = Receiver::new(ring);
        let mut expected = 0;
        let mut take = || {
            let Some(message) = receiver.receive() else { return false };
            assert_eq!(message.tag(), expected);
            let mut bytes = vec![0; message.len()];
            message.copy_to(&mut bytes);
            let messages: [&[u8]; 3] =
                [b"0123456789abcdefX", b"second", b"the third one has 25 bytes"];
            assert_eq!(bytes, messages[expected as usize]);
            expected += 1;
            true
        };
        take();
        take();
        let sent = sending.join().unwrap();
        while take() {}
        assert_eq!(expected, sent);
        assert!(sent >= 2 && ring.is_empty());
    });
}

#[test]
fn no_wake_up_is_lost() {
    loom::model(|| {
        let ring = ring();
        let sleep = Arc::new(Sleep::new());
        let rung = {
            let sleep = sleep.clone();
            thread::spawn(move || {
                assert!(Sender::new(ring).send(7, b"news"));
                sleep.must_ring()
            })
        };
        sleep.begin();
        let sleeps = ring.is_empty();
        // One who sleeps does nothing until the bell rings; one who does not says so.
        if !sleeps {
            sleep.end();
        }
        let rung = rung.join().unwrap();
        assert!(rung || !sleeps, "it sleeps, and nobody wakes it");
    });
}

#[test]
fn of_two_who_wake_a_core_one_rings() {
    loom::model(|| {
        let sleep = Arc::new(Sleep::new());
        sleep.begin();
        let ask = |sleep: Arc<Sleep>| thread::spawn(move || sleep.must_ring());
        let (one, other) = (ask(sleep.clone()), ask(sleep.clone()));
        assert!(one.join().unwrap() ^ other.join().unwrap());
    });
}

#[test]
fn a_notice_is_read_whole_or_not_at_all() {
    loom::model(|| {
        let notice = Arc::new(Notice::new());
        let writing = {
            let notice = notice.clone();
            thread::spawn(move || {
                assert!(notice.write(b"aaaaaaaaaa") && notice.write(b"bbbbbbbbb"));
            })
        };
        let mut out = [0; MAX_NOTICE];
        if let Some((edition, length)) = notice.read(&mut out) {
            let whole: &[u8] = [b"".as_slice(), b"aaaaaaaaaa", b"bbbbbbbbb"][edition as usize / 2];
            assert_eq!(&out[..length], whole);
        }
        writing.join().unwrap();
        assert_eq!(notice.read(&mut out), Some((4, 9)));
        assert_eq!(&out[..9], b"bbbbbbbbb");
    });
}
