//! The service on a network in memory: no device, no privileges, and no waiting.

mod net;

use std::time::Duration;

use testkit::Random;
use udp::Failure;

use crate::{
    options::Options,
    service::{KEPT_FOR, PORT, QUESTIONS, SWEEP_EVERY, TIMEOUT},
};
use net::{CLIENT, Net, options};

/// The options of a server that asks another one at this port of the client's host.
fn with_upstream(port: u16) -> Options {
    Options { upstream: Some((CLIENT, port).into()), ..options() }
}

#[test]
fn values_are_set_read_and_deleted() {
    let mut net = Net::new(options());
    net.talk(&[
        ("get a", "not found"),
        ("set a one", "stored"),
        ("get a", "value one"),
        ("peek a\n", "value one"),
        ("set a two and more\n", "stored"),
        ("get a", "value two and more\n"),
        ("set b ", "stored"),
        ("get b", "value "),
        ("del a", "deleted"),
        ("del a", "not found"),
        ("get a", "not found"),
        ("get b", "value "),
    ]);
    let counters = ["entries", "hits", "misses", "stored", "deleted"].map(|name| net.counter(name));
    assert_eq!(counters, [1, 5, 2, 3, 1]);
}

#[test]
fn any_bytes_are_a_value() {
    let mut net = Net::new(options());
    let all: Vec<u8> = (0..1000).map(|number| number as u8).collect();
    assert_eq!(net.ask(&[b"set all ", &all[..]].concat()), b"stored");
    assert_eq!(net.ask(b"get all"), [b"value ", &all[..]].concat());
    assert_eq!(net.ask(b"set \xff\xc3 \0"), b"stored");
    assert_eq!(net.ask(b"get \xff\xc3"), b"value \0");
}

#[test]
fn who_asks_wrongly_is_told_what_would_be_right() {
    let mut net = Net::new(options());
    net.talk(&[
        ("hello", "kv: \"hello\" is no request: get, peek, del, set and setex are allowed"),
        ("set a", "kv: something is missing: \"set KEY VALUE\" is allowed"),
        ("setex a 0 b", "kv: \"0\" is no time to live: 1 to 4294967295 seconds are allowed"),
        (
            "get a b",
            "kv: \"a b\" is no key: 1 to 250 bytes without spaces and control characters are allowed",
        ),
    ]);
    let long = [b"set a ", &[0; 60_000][..]].concat();
    assert_eq!(net.ask(&long), b"kv: the value has 60000 bytes: 1000 at most are allowed");
    assert_eq!((net.counter("refused"), net.counter("entries")), (5, 0));
}

#[test]
fn values_expire_and_give_their_room_back() {
    let mut net = Net::new(options());
    net.talk(&[
        ("setex a 1 short", "stored"),
        ("setex b 60 long", "stored"),
        ("set c ever", "stored"),
    ]);
    net.talk(&[("get a", "value short")]);
    let before = net.pages();
    for number in 0..1000 {
        assert_eq!(net.ask(format!("setex k{number} 1 v").as_bytes()), b"stored");
    }
    assert!(net.pages().1 > before.1 + 20);
    // To the moment, before the task has removed it.
    net.server.clock().advance(Duration::from_secs(1));
    assert_eq!(net.counter("entries"), 1003);
    net.talk(&[("get a", "not found"), ("del k1", "not found"), ("get b", "value long")]);
    net.pass(SWEEP_EVERY);
    assert_eq!((net.counter("entries"), net.counter("expired")), (2, 1001));
    assert_eq!(net.pages().1, before.1);
    // Without a time to live again.
    net.talk(&[("set b long", "stored")]);
    net.pass(Duration::from_secs(100));
    net.talk(&[("get b", "value long"), ("get c", "value ever")]);
}

#[test]
fn at_the_cap_the_entries_go_that_nobody_used() {
    let mut net = Net::new(Options { cap: Some(64 << 10), ..options() });
    net.talk(&[("set used often", "stored")]);
    for number in 0..2000 {
        assert_eq!(net.ask(format!("set k{number} v").as_bytes()), b"stored");
        assert_eq!(net.ask(b"get used"), b"value often");
        assert!(net.pages().1 <= 16);
    }
    let entries = net.counter("entries");
    assert!((400..600).contains(&entries), "{entries} entries in 16 pages");
    assert_eq!(net.counter("evicted"), 2001 - entries);
    net.talk(&[("get k0", "not found"), ("get k1999", "value v"), ("get k1600", "value v")]);
}

#[test]
fn strangers_get_nothing() {
    let mut net = Net::new(Options { clients: "192.0.2.0/24".parse().unwrap(), ..options() });
    net.send(b"get a");
    net.send(b"hello");
    assert_eq!(net.replies(), [""; 0]);
    assert_eq!((net.counter("not_allowed"), net.counter("misses")), (2, 0));
}

#[test]
fn another_server_is_asked_once_and_its_answer_kept_for_a_while() {
    let mut net = Net::with_other(with_upstream(PORT), Some(options()));
    let stored = |net: &Net| net.client.counter("kv", "stored");
    // What the other server knows, a client has told it.
    let to_other = |net: &mut Net, request: &[u8]| {
        let (now, to) = (net.server.now(), (CLIENT, PORT).into());
        assert_eq!(net.server.tower.send(now, 5000, to, request), Ok(network::Sent::Queued));
        net.settle();
    };
    to_other(&mut net, b"set far away");
    assert_eq!(stored(&net), 1);
    net.talk(&[("peek far", "not found"), ("get far", "value away"), ("get far", "value away")]);
    net.talk(&[("peek far", "value away"), ("get nowhere", "not found")]);
    assert_eq!((net.counter("asked"), net.counter("kept")), (2, 1));
    // It is kept for a minute, after which a new value is seen.
    to_other(&mut net, b"set far here");
    net.talk(&[("get far", "value away")]);
    net.pass(KEPT_FOR + SWEEP_EVERY);
    net.talk(&[("get far", "value here")]);
    assert_eq!((net.counter("asked"), net.counter("kept"), net.counter("expired")), (3, 2, 1));
    // What is set or deleted here stays here.
    net.talk(&[("set far mine", "stored"), ("get far", "value mine"), ("del far", "deleted")]);
    net.talk(&[("get far", "value here")]);
    assert_eq!(stored(&net), 2);
}

#[test]
fn two_servers_that_ask_each_other_do_not_do_so_for_ever() {
    let other = Options { upstream: Some((net::SERVER, PORT).into()), ..options() };
    let mut net = Net::with_other(with_upstream(PORT), Some(other));
    net.talk(&[("get nowhere", "not found")]);
    assert_eq!((net.counter("asked"), net.client.counter("kv", "asked")), (1, 0));
}

#[test]
fn a_silent_server_delays_nobody_else() {
    let mut net = Net::new(with_upstream(9000));
    net.client.tower.bind(9000, |_, _| Err(Failure::Silent)).unwrap();
    net.talk(&[("set here it-is", "stored")]);
    let before = net.pages();
    for number in 0..QUESTIONS {
        net.send(format!("get k{number}").as_bytes());
    }
    assert_eq!(net.replies(), [""; 0]);
    net.talk(&[("get here", "value it-is")]);
    let busy = "kv: \"more\" is not here, and 64 questions wait for 10.0.0.1:9000 already: ask again later";
    net.talk(&[("get more", busy), ("get here", "value it-is")]);
    net.pass(TIMEOUT);
    let replies = net.replies();
    // Such lines are limited in their rate.
    assert!((30..=QUESTIONS).contains(&replies.len()), "{} replies", replies.len());
    let line = "is not here, and of 10.0.0.1:9000: no answer in time";
    assert!(replies.iter().all(|reply| reply.ends_with(line)), "{replies:?}");
    assert_eq!((net.counter("unanswered"), net.counter("busy")), (QUESTIONS as u64, 1));
    net.talk(&[("get here", "value it-is")]);
    assert_eq!(net.pages().1, before.1);
}

#[test]
fn what_cannot_be_asked_or_understood_is_said() {
    let mut net = Net::new(with_upstream(9000));
    let reply = net.ask(b"get a");
    let line = str::from_utf8(&reply).unwrap();
    let begins =
        "kv: \"a\" is not here, and of 10.0.0.1:9000: a datagram to 10.0.0.1:9000 did not arrive: ";
    assert!(line.starts_with(begins), "{line}");
    net.client.tower.bind(9000, |_, _| Ok(b"what?")).unwrap();
    let line = "kv: \"a\" is not here, and 10.0.0.1:9000 does not understand: \"what?\"";
    net.talk(&[("get a", line)]);
    net.client.tower.unbind(9000);
    let long: &[u8] = &[b"value ", &[b'v'; 1001][..]].concat();
    let long: &'static [u8] = long.to_vec().leak();
    net.client.tower.bind(9000, move |_, _| Ok(long)).unwrap();
    assert!(net.ask(b"get a").starts_with(b"kv: \"a\" is not here, and 10.0.0.1:9000 does not"));
    assert_eq!((net.counter("unanswered"), net.counter("kept"), net.counter("entries")), (3, 0, 0));
}

#[test]
fn what_a_client_sets_while_another_server_is_asked_is_newer() {
    let mut net = Net::new(with_upstream(9000));
    // It answers when it is asked for the second time.
    let mut times = 0;
    let bound = net.client.tower.bind(9000, move |_, _| {
        times += 1;
        if times == 2 { Ok(b"value old") } else { Err(Failure::Silent) }
    });
    bound.unwrap();
    net.send(b"get a");
    net.talk(&[("set a new", "stored")]);
    net.pass(TIMEOUT / 2);
    assert_eq!(net.replies(), ["value new"]);
    net.talk(&[("get a", "value new")]);
    assert_eq!(net.counter("kept"), 0);
}

/// Sends `count` requests of all kinds, with keys and values that repeat no pattern.
fn mix(net: &mut Net, random: &mut Random, count: usize) {
    for _ in 0..count {
        let key = random.below(20_000);
        let request = match random.below(8) {
            0..=2 => format!("get key-{key}"),
            3 => format!("del key-{key}"),
            4 => {
                format!("setex key-{key} {} {}", 1 + random.below(10), "v".repeat(random.below(50)))
            }
            5..=6 => format!("set key-{key} {}", "w".repeat(random.below(200))),
            _ => format!("set key-{key} {}", "x".repeat(random.below(1001))),
        };
        net.ask(request.as_bytes());
        if random.once_in(100) {
            net.pass(Duration::from_millis(10));
        }
    }
}

#[test]
fn memory_stays_flat() {
    let mut net = Net::new(options());
    let mut random = Random::new(3);
    // Until the entries are at their cap.
    mix(&mut net, &mut random, 10_000);
    let cap = net.server.tower.sockets().tasks().pool().pages() / 2;
    let (before, entries) = net.pages();
    assert!(entries <= cap && entries + 8 > cap, "{entries} of {cap} pages");
    assert!(net.counter("evicted") > 1000);
    let mut most = before;
    for _ in 0..LONG / 1000 {
        mix(&mut net, &mut random, 1000);
        let (pages, entries) = net.pages();
        assert!(entries <= cap, "{entries} of {cap} pages");
        most = most.max(pages);
    }
    // All that is not an entry is what it was.
    assert!(most <= before + cap - entries, "{before} pages before, {most} after {LONG} requests");
}

/// How many requests the test of flat memory sends.
const LONG: usize = 1_000_000;
