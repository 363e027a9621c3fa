//! Reassembly against an oracle: the input is a sequence of fragments with time between them.
//!
//! The first byte chooses between two kinds of memory. With plenty of it the oracle foresees every
//! outcome, also who goes when there are too many datagrams at once. With little of it, who goes depends
//! on pages: then each datagram that completes must be right, and the limits must hold.

use std::time::Duration;

use ::ipv4::{Datagram, Fields, Insert, Ipv4Header, Key, Limits, Reassembly};
use layer::{Instant, KeyedHash, TableHash};
use network::Protocol;
use rt_regions::{PAGE_SIZE, Pool, Region};
use testkit::{bytes_of, with_pool};

use super::input::Input;
use crate::frames;

mod oracle;

use oracle::{Expected, Oracle};

/// Pages enough for [`PLENTY`] datagrams, however small the fragments are.
const PAGES: usize = 1024;
/// How many datagrams wait at once where there is plenty of memory.
const PLENTY: usize = 4;
/// How long a datagram waits.
const TIMEOUT: Duration = Duration::from_secs(30);

/// A fragment, as an input describes it.
struct Fragment {
    key: Key,
    offset: usize,
    more: bool,
    tos: u8,
    /// In words.
    options: usize,
    payload: Vec<u8>,
}

impl Fragment {
    /// 9 bytes of the input. `contradicts`: a duplicate may have other bytes.
    fn read(input: &mut Input<'_>, contradicts: bool) -> Self {
        let who = input.byte();
        let identification = u16::from(input.byte() % 24);
        let key = Key {
            source: [10, 0, 0, 1 + who % 4].into(),
            destination: [10, 0, 0, 2].into(),
            protocol: if who & 0x10 == 0 { Protocol::UDP } else { Protocol::ICMP },
            identification,
        };
        let flags = input.byte();
        let offset = usize::from(input.word() & 0x1fff) * 8;
        let length = usize::from(input.word());
        let more = flags & 1 != 0;
        // Most are such as can be part of a datagram, or the fuzzer would make few that are.
        let length = match flags & 6 {
            // Long ones cost the fuzzer time.
            0 if flags & 8 == 0 => length % 4096,
            0 => length,
            2 => length % 64 * 8,
            4 => length & !7,
            _ => length % 2048,
        };
        let options = if flags & 0x80 != 0 { input.below(11) } else { 0 };
        let (tos, seed) = (input.byte(), if contradicts { input.byte() } else { 0 });
        // A packet is not longer than 65,535 bytes.
        let length = length.min(65_535 - 20 - options * 4);
        let at = |place: usize| (place / 8 * 7 + place) as u8 ^ identification as u8 ^ seed;
        let payload = (0..length).map(|place| at(offset + place)).collect();
        Self { key, offset, more, tos, options, payload }
    }

    fn packet(&self) -> Vec<u8> {
        let fields = Fields {
            source: self.key.source,
            destination: self.key.destination,
            protocol: self.key.protocol,
            ttl: 64,
            tos: self.tos,
            identification: self.key.identification,
            dont_fragment: false,
        };
        let length = self.options * 4 + self.payload.len();
        let mut header = bytes_of(Ipv4Header::new(&fields, self.offset, length, self.more));
        header[0] += self.options as u8;
        header.resize(20 + self.options * 4, 1);
        header[10..12].fill(0);
        let sum = frames::checksum(&header);
        header[10..12].copy_from_slice(&sum.to_be_bytes());
        [&header[..], &self.payload].concat()
    }
}

/// Runs the program that the input is.
pub(crate) fn run(program: &[u8]) {
    let mut input = Input::new(program);
    let settings = input.byte();
    let plenty = settings & 1 == 0;
    with_pool(PAGES, |pool| {
        let table = Region::new(pool, "table");
        let limits = if plenty {
            let bytes = PAGES * PAGE_SIZE;
            Limits { datagrams: PLENTY, bytes, bytes_per_source: bytes, timeout: TIMEOUT }
        } else {
            let pages = 4 + usize::from(settings >> 2);
            let bytes = pages * PAGE_SIZE;
            Limits { datagrams: 16, bytes, bytes_per_source: bytes / 2, timeout: TIMEOUT }
        };
        let hash = TableHash::new(KeyedHash::new(u128::from(settings)));
        let mut reassembly = Reassembly::new(limits, hash, pool, &table).expect("there is room");
        if !plenty && settings & 2 != 0 {
            // Less than the limits allow.
            pool.keep_back(pool.free_pages().saturating_sub(limits.bytes / PAGE_SIZE / 2));
        }
        let mut oracle = plenty.then(|| Oracle::new(PLENTY, TIMEOUT));
        let mut now = Instant::from_millis(1);
        while !input.is_empty() {
            // No two datagrams are of one age, so that it is clear which is the oldest.
            now += Duration::from_nanos(1);
            match input.byte() {
                wait @ 0xf0.. => now += Duration::from_millis(1 << (wait & 0xf)),
                _ => insert(&mut input, now, &mut reassembly, oracle.as_mut()),
            }
            expire(now, &mut reassembly, oracle.as_mut());
            check(pool, &limits, now, &reassembly, oracle.as_ref());
        }
        now += TIMEOUT;
        expire(now, &mut reassembly, oracle.as_mut());
        check(pool, &limits, now, &reassembly, oracle.as_ref());
        assert!(reassembly.is_empty() && held(pool) == (0, 0), "something was left behind");
    });
}

fn insert(
    input: &mut Input<'_>,
    now: Instant,
    reassembly: &mut Reassembly<'_>,
    oracle: Option<&mut Oracle>,
) {
    let fragment = Fragment::read(input, oracle.is_some());
    let packet = fragment.packet();
    let parsed = Ipv4Header::parse(&packet).expect("it is a packet");
    let outcome = reassembly.insert(now, &parsed);
    let Some(oracle) = oracle else {
        if let Insert::Complete(datagram) = outcome {
            assert_eq!(datagram.key(), fragment.key);
            with_payload(&datagram, |payload| {
                let right = |(place, &byte): (usize, &u8)| {
                    byte == (place / 8 * 7 + place) as u8 ^ fragment.key.identification as u8
                };
                assert!(payload.iter().enumerate().all(right), "a byte is in the wrong place");
            });
        }
        return;
    };
    let header_length = packet.len() - fragment.payload.len();
    let expected = oracle.insert(now, &fragment, &packet[..header_length]);
    match (outcome, expected) {
        (Insert::Waiting, Expected::Waiting)
        | (Insert::Duplicate, Expected::Duplicate)
        | (Insert::Overlap, Expected::Overlap)
        | (Insert::Refused, Expected::Refused)
        | (Insert::Malformed, Expected::Malformed) => {}
        (Insert::Complete(datagram), Expected::Complete(whole)) => {
            assert_eq!(datagram.key(), fragment.key);
            assert_eq!(datagram.header(), Some(&whole.header[..]));
            assert_eq!(datagram.congestion(), whole.congestion());
            with_payload(&datagram, |payload| assert!(payload == whole.payload(), "wrong bytes"));
        }
        (outcome, expected) => panic!("{outcome:?}, and not {expected:?}"),
    }
}

/// Gives the payload, put together in memory that is not the datagram's.
fn with_payload(datagram: &Datagram<'_>, test: impl FnOnce(&[u8])) {
    with_pool(17, |pool| {
        let region = Region::new(pool, "packet");
        test(datagram.payload(&region).expect("17 pages have room for a datagram"));
    });
}

/// Takes out all whose time is over.
fn expire(now: Instant, reassembly: &mut Reassembly<'_>, mut oracle: Option<&mut Oracle>) {
    while let Some(datagram) = reassembly.expire(now) {
        if let Some(oracle) = &mut oracle {
            let expected = oracle.expire(now).expect("its time is over");
            assert_eq!(datagram.key(), expected.key);
            let header = (!expected.header.is_empty()).then_some(&expected.header[..]);
            assert_eq!(datagram.header(), header);
            let pieces = datagram.fragments();
            assert!(pieces.into_iter().all(|(offset, bytes)| expected.has(offset, bytes)));
        }
    }
    assert!(oracle.is_none_or(|oracle| oracle.expire(now).is_none()), "one has stayed too long");
}

/// The datagrams that have memory, and their pages.
fn held(pool: &Pool<'_>) -> (usize, usize) {
    let label = pool.labels().find(|label| label.name() == "ipv4.reassembly");
    label.map_or((0, 0), |label| (label.live(), label.pages()))
}

fn check(
    pool: &Pool<'_>,
    limits: &Limits,
    now: Instant,
    reassembly: &Reassembly<'_>,
    oracle: Option<&Oracle>,
) {
    let (live, pages) = held(pool);
    assert_eq!(live, reassembly.len());
    assert!(live <= limits.datagrams, "{live} datagrams");
    assert!(pages * PAGE_SIZE <= limits.bytes, "{pages} pages");
    let in_labels: usize = pool.labels().map(|label| label.pages()).sum();
    assert_eq!(pool.pages() - pool.free_pages(), in_labels, "a page was lost");
    let deadline = reassembly.next_deadline();
    assert!(deadline.is_none_or(|deadline| now < deadline && deadline <= now + TIMEOUT));
    assert!(deadline.is_some() || reassembly.is_empty(), "nobody would come to take it out");
    if let Some(oracle) = oracle {
        assert_eq!((reassembly.len(), reassembly.evicted()), (oracle.len(), oracle.evicted()));
    }
}
