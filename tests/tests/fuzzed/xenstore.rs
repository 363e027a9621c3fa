//! A guest that asks xenstore, and a daemon that says anything: what is right where it is honest, and what is believed
//! where it is not.

use std::{
    cell::{Cell, RefCell},
    collections::VecDeque,
};

use layer::Instant;
use rt_xen::{
    StoreError, Watch,
    testing::{Daemon, Rings, Store},
};

use super::Input;

const READ: u32 = 2;
const DIRECTORY: u32 = 1;
const EVENT: u32 = 15;
const ERROR: u32 = 16;

/// The longest payload of a message in bytes (`XENSTORE_PAYLOAD_MAX`).
const LONGEST: usize = 4096;
/// As many bytes as a daemon can have said and not yet written.
const BACKLOG: usize = 1 << 16;

/// A value, or that there is none.
type Answer = Result<Vec<u8>, ()>;

struct Other<'i> {
    input: RefCell<Input<'i>>,
    now: Cell<u64>,
    /// What it has still to say.
    says: RefCell<VecDeque<u8>>,
    /// What it has heard of a request that is not complete.
    heard: RefCell<Vec<u8>>,
    /// The last request: its kind and its number.
    request: Cell<(u32, u32)>,
    /// The number of the last request that was answered.
    answered: Cell<u32>,
    /// The number of the last request that was answered as it should be, and the answer.
    answer: RefCell<Option<(u32, Answer)>>,
    /// It has said nothing but what it should.
    honest: Cell<bool>,
    /// Its first lie was the header of a message that no daemon sends.
    impossible: Cell<bool>,
}

impl Other<'_> {
    fn say(&self, kind: u32, id: u32, length: usize, payload: &[u8]) {
        let mut says = self.says.borrow_mut();
        if says.len() < BACKLOG {
            for word in [kind, id, 0, length as u32] {
                says.extend(word.to_le_bytes());
            }
            says.extend(payload);
        }
    }

    /// Hears what the guest has written: whole requests, each as it should be.
    fn hear(&self, rings: &Rings) {
        let mut heard = self.heard.borrow_mut();
        for _ in 0..1024 {
            let Some(byte) = rings.hear() else { break };
            heard.push(byte);
        }
        let word = |at: usize| u32::from_le_bytes([0, 1, 2, 3].map(|n| heard[at + n]));
        if heard.len() < 16 {
            return;
        }
        let (kind, id, transaction, length) = (word(0), word(4), word(8), word(12) as usize);
        let (_, last) = self.request.get();
        if !self.honest.get() {
            heard.clear();
            self.request.set((kind, id));
            return;
        }
        assert!(matches!(kind, 1 | 2 | 4 | 5 | 11) && transaction == 0 && length <= 1008);
        // Of the second half of a request nothing is missing: it is written at once.
        assert_eq!(heard.len(), 16 + length, "one whole request at a time");
        assert_eq!(id, last.wrapping_add(1), "the numbers go up");
        assert!(heard[16..].contains(&0), "the path has an end");
        heard.clear();
        self.request.set((kind, id));
    }

    /// Does one thing that the input says.
    fn step(&self, rings: &Rings) {
        let mut input = self.input.borrow_mut();
        let step = input.byte();
        let (kind, id) = self.request.get();
        let is_new = self.answered.get() != id;
        match step % 10 {
            // Most of the time it answers, each request once.
            0..=2 if is_new => {
                self.answered.set(id);
                let length = usize::from(input.word()) % (LONGEST + 1);
                let mut payload = match kind {
                    READ => input.take(length).to_vec(),
                    // Names, each with its end.
                    DIRECTORY => {
                        input.take(length % 64).iter().flat_map(|&byte| [byte | 1, 0]).collect()
                    }
                    _ => b"OK\0".to_vec(),
                };
                // A little input makes long values as well.
                if kind == READ && step & 0x40 != 0 {
                    payload.resize(length, b'x');
                }
                self.say(kind, id, payload.len(), &payload);
                *self.answer.borrow_mut() = Some((id, Ok(payload)));
            }
            3 if is_new => {
                self.answered.set(id);
                let names = [
                    &b"ENOENT\0"[..],
                    b"EACCES\0",
                    b"EEXIST\0",
                    b"ENOSPC",
                    b"",
                    b"ABCDEFGHIJKLMNOPQ\0",
                ];
                let name = names[input.below(names.len())];
                self.say(ERROR, id, name.len(), name);
                *self.answer.borrow_mut() = Some((id, Err(())));
            }
            4 => {
                let token = [b'0'.wrapping_add(input.byte() % 12)];
                let event = [b"device\0", &token[..], b"\0"].concat();
                self.say(EVENT, 0, event.len(), &event);
            }
            5 => self.now.set(self.now.get() + u64::from(input.byte()) * 40),
            6 => {
                self.honest.set(false);
                let length = usize::from(input.byte());
                self.says.borrow_mut().extend(input.take(length));
            }
            // What the header says is not so.
            7 => {
                let is_first = self.honest.replace(false) && self.says.borrow().is_empty();
                let (kind, off, length) = (input.byte() % 20, input.byte(), input.word());
                // Too long, or the answer to a request that is still to come.
                let is_future = u32::from(kind) != EVENT && off > 2;
                self.impossible.set(is_first && (usize::from(length) > LONGEST || is_future));
                let taken = usize::from(input.byte());
                let id = id.wrapping_add(u32::from(off)).wrapping_sub(2);
                self.say(kind.into(), id, length.into(), input.take(taken));
            }
            8 => {
                self.honest.set(false);
                rings.lie(input.word().into(), u32::from(input.word()) << 4);
            }
            _ => {}
        }
    }

    /// Says as much as the ring takes, or as the input wants.
    fn speak(&self, rings: &Rings) {
        let mut says = self.says.borrow_mut();
        for _ in 0..1024 {
            let Some(&byte) = says.front() else { break };
            if !rings.say(byte) {
                break;
            }
            says.pop_front();
        }
    }
}

impl Daemon for Other<'_> {
    fn now(&self) -> Instant {
        Instant::from_millis(self.now.get())
    }

    fn notified(&self, rings: &Rings) {
        self.hear(rings);
        self.speak(rings);
    }

    fn wait(&self, rings: &Rings, deadline: Instant) {
        if self.input.borrow().is_empty() && self.says.borrow().is_empty() {
            // Nothing happens any more but that time goes on.
            let late = deadline.as_nanos() / 1_000_000 + 1;
            self.now.set(self.now.get().max(late));
            return;
        }
        // Whoever says nothing takes time.
        self.now.set(self.now.get() + 1);
        self.hear(rings);
        self.step(rings);
        self.speak(rings);
    }
}

pub(crate) fn run(input: &[u8]) {
    let mut input = Input::new(input);
    let rings = Rings::new(u32::from(input.byte()).wrapping_neg() << 4);
    let daemon = Other {
        input: RefCell::new(input),
        now: Cell::new(1),
        says: RefCell::default(),
        heard: RefCell::default(),
        request: Cell::new((0, 0)),
        answered: Cell::new(0),
        answer: RefCell::default(),
        honest: Cell::new(true),
        impossible: Cell::new(false),
    };
    let store = Store::new(&rings, &daemon);
    let mut watches: Vec<Watch> = Vec::new();
    let next = || daemon.input.borrow_mut().byte();
    while !daemon.input.borrow().is_empty() {
        let was_broken = store.is_broken();
        let (step, size) = (next(), next());
        let mut buffer = vec![0xee; usize::from(size) * 17];
        let error = match step % 6 {
            0 | 1 => {
                value(&daemon, store.read("device/vif/0/mac", &mut buffer), usize::from(size) * 17)
            }
            2 => {
                let names = store.directory("device/vif", &mut buffer);
                assert!(
                    names.is_err() || names.is_ok_and(|names| names.last().is_none_or(|&l| l == 0))
                );
                names.err()
            }
            3 => store.write("data/x", "y".repeat(usize::from(size))).err(),
            4 => match store.watch("device") {
                Ok(watch) => {
                    assert!(!watches.contains(&watch), "two watches in one place");
                    watches.push(watch);
                    None
                }
                Err(error) => Some(error),
            },
            _ => {
                if let Some(watch) = watches.pop() {
                    store.fired(&watch);
                    store.unwatch("device", &watch);
                    assert!(!store.fired(&watch), "one that has ended fires");
                }
                None
            }
        };
        assert!(watches.len() <= 8);
        assert!(!was_broken || store.is_broken(), "what is broken stays so");
        assert!(!(was_broken && step % 6 < 4) || error == Some(StoreError::Broken));
        assert!(!store.is_broken() || !daemon.honest.get(), "broken, though it was honest");
        assert!(store.is_broken() || !daemon.impossible.get(), "it was believed");
        if let Some(StoreError::TooLong(length)) = error {
            assert!(length as usize <= LONGEST, "{length} bytes are no message");
        }
    }
}

/// What was read is what an honest daemon said in answer to that very request.
fn value(daemon: &Other<'_>, read: Result<&[u8], StoreError>, room: usize) -> Option<StoreError> {
    let (id, answer) = daemon.answer.borrow_mut().take().unwrap_or((0, Err(())));
    let is_answer = daemon.honest.get() && id == daemon.request.get().1;
    match read {
        Ok(value) => {
            assert!(value.len() <= room);
            if daemon.honest.get() {
                assert!(is_answer && answer.as_deref() == Ok(value), "another value was said");
            }
            None
        }
        Err(error) => {
            if let (true, StoreError::TooLong(length)) = (is_answer, error) {
                assert_eq!(answer.map(|value| value.len()), Ok(length as usize));
                assert!(length as usize > room);
            }
            Some(error)
        }
    }
}
