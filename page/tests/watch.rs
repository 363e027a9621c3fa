//! The layer that watches passes everything through, and looks when it is due.

use std::{cell::RefCell, convert::Infallible, time::Duration};

use layer::{Counter, Instant, Layer, Rx, Setup};
use network::{Delivery, Packet, Protocol};
use page::{Board, Watch};
use rt::insight::{Insight, LogLine, Place, Sampling, Times};
use rt_regions::Region;
use tasks::Tasks;
use tcp::{Connections, Tcp};
use testkit::{FakeNetwork, program_memory};

/// A platform that knows next to nothing.
struct Nothing(Times);

impl Insight for Nothing {
    fn platform(&self) -> &'static str {
        "nothing"
    }

    fn started(&self) -> Instant {
        Instant::ZERO
    }

    fn milestones(&self, _: &mut dyn FnMut(&'static str, Duration)) {}

    fn times(&self) -> &Times {
        &self.0
    }

    fn lines(&self, _: u64, _: &mut dyn FnMut(LogLine<'_>)) -> u64 {
        0
    }

    fn places(&self, _: usize, _: &mut dyn FnMut(Place<'_>)) -> Sampling {
        Sampling::None("nobody looks")
    }
}

/// Those of a program that has none.
fn connections(memory: &'static Region<'static>) -> &'static Connections {
    let tasks = Tasks::new(memory).unwrap();
    Tcp::new(FakeNetwork::default(), 7, tasks).unwrap().connections()
}

fn board(memory: &'static Region<'static>) -> &'static Board {
    let insight = Box::leak(Box::new(Nothing(Times::starting_at(Instant::ZERO))));
    Board::new("watched", insight, connections(memory), memory).unwrap()
}

/// How many samples were taken.
fn samples(board: &Board, memory: &Region<'_>) -> u64 {
    let region = memory.child("answer");
    let request = page::Request { method: "GET", target: "/state.json", host: None };
    let body = board.answer(request, &region).unwrap().body;
    let state: serde_json::Value = serde_json::from_slice(body).unwrap();
    assert_eq!(state["places"]["reason"], "nobody looks");
    state["history"]["next"].as_u64().unwrap()
}

/// A tower in which nothing happens.
struct Quiet;

impl Layer for Quiet {
    type Error = Infallible;
    type Event = ();
    type Item<'r> = ();

    fn event(&self) {}

    fn receive(&mut self, _: Instant, _: &Region<'_>) -> Result<Rx<()>, Infallible> {
        Ok(Rx::Idle)
    }

    fn unclaimed(&mut self, _: Instant, (): ()) -> Result<(), Infallible> {
        Ok(())
    }

    fn next_deadline(&self) -> Option<Instant> {
        None
    }

    fn counters(&self, _: &mut dyn FnMut(Counter)) {}
}

#[test]
fn a_sample_is_taken_each_second_and_a_pause_makes_one() {
    let memory = program_memory(64);
    let board = board(memory);
    let mut watch = Watch::new(Quiet, Some(board)).unwrap();
    let at = Instant::from_millis;
    for (now, taken, next) in [
        (5_000, 1, 6_000),
        (5_999, 1, 6_000),
        (6_000, 2, 7_000),
        (7_900, 3, 8_000),
        (8_000, 4, 9_000),
        // A guest that was paused.
        (60_500, 5, 61_500),
        (61_400, 5, 61_500),
    ] {
        assert_eq!(watch.receive(at(now), memory).unwrap(), Rx::Idle);
        assert_eq!(samples(board, memory), taken, "at {now}");
        assert_eq!(watch.next_deadline(), Some(at(next)));
    }
    let mut unwatched = Watch::new(Quiet, None).unwrap();
    assert_eq!(unwatched.receive(at(5_000), memory).unwrap(), Rx::Idle);
    assert_eq!(unwatched.next_deadline(), None);
}

#[test]
fn without_a_board_nothing_is_added() {
    let memory = program_memory(8);
    let mut watch = Watch::new(FakeNetwork::default(), None).unwrap();
    assert!(watch.receive(Instant::from_millis(5_000), memory).unwrap().item().is_none());
    assert_eq!(watch.next_deadline(), watch.below().next_deadline());
    let mut setup = Setup::default();
    setup.page_port = Some(9090);
    watch.configure(&mut setup);
    // Left for the loop to refuse.
    assert_eq!(setup.page_port, Some(9090));
    let place = std::fmt::from_fn(|f| watch.describe(f)).to_string();
    assert_eq!(place, " at the fake");
}

#[test]
fn everything_passes_through() {
    let memory = program_memory(64);
    let mut watch = Watch::new(FakeNetwork::default(), Some(board(memory))).unwrap();
    let mut setup = Setup::default();
    (setup.page_port, setup.log) = (Some(9090), Some("fake"));
    setup.page_from.add("10.0.0.2/24".parse().unwrap());
    watch.configure(&mut setup);
    assert_eq!((setup.page_port, setup.found_log()), (None, true));
    let place = std::fmt::from_fn(|f| watch.describe(f)).to_string();
    assert_eq!(place, " page 9090 at the fake");
    assert_eq!((watch.event(), watch.ready().is_ok_and(|ready| ready)), (7, true));
    let names = RefCell::new(Vec::new());
    watch.counters(&mut |counter| names.borrow_mut().push(counter.to_string()));
    assert_eq!(names.into_inner(), ["fake.sent 0"]);
    watch.below_mut().incoming.push_back(packet());
    let Rx::Item(item) = watch.receive(Instant::ZERO, memory).unwrap() else { panic!("an item") };
    watch.unclaimed(Instant::ZERO, item).unwrap();
    assert_eq!(watch.below().unclaimed, 1);
}

fn packet() -> Delivery<'static> {
    Delivery::Packet(Box::leak(Box::new(Packet {
        source: [10, 0, 0, 1].into(),
        destination: [10, 0, 0, 2].into(),
        protocol: Protocol::UDP,
        ttl: 64,
        tos: 0,
        broadcast: false,
        verify_checksum: false,
        segment_size: None,
        header: &[],
        payload: b"payload",
    })))
}

#[test]
fn who_may_see_the_page_is_our_network_and_those_that_are_named() {
    let memory = program_memory(64);
    let board = board(memory);
    assert!(!board.permits([10, 0, 0, 1].into()));
    let mut watch = Watch::new(FakeNetwork::default(), Some(board)).unwrap();
    let mut setup = Setup::default();
    setup.page_port = Some(9090);
    assert!(setup.page_from.set("192.0.2.0/24"));
    setup.page_from.add("10.0.0.2/24".parse().unwrap());
    watch.configure(&mut setup);
    assert_eq!(board.port(), Some(9090));
    for (address, is_permitted) in [
        ([10, 0, 0, 1], true),
        ([192, 0, 2, 9], true),
        ([10, 0, 1, 1], false),
        ([127, 0, 0, 1], false),
    ] {
        assert_eq!(board.permits(address.into()), is_permitted, "{address:?}");
    }
}

#[test]
fn memory_that_is_too_small_is_an_error_and_the_cap_is_kept() {
    let insight = || Box::leak(Box::new(Nothing(Times::starting_at(Instant::ZERO))));
    let small = program_memory(64);
    let of_small = connections(small);
    while small.pool().unwrap().free_pages() > 9 {
        small.alloc([0_u8; 4096]).unwrap();
    }
    assert!(Board::new("watched", insight(), of_small, small).is_err());
    let memory = program_memory(256);
    let board = Board::new("watched", insight(), connections(memory), memory).unwrap();
    Watch::new(FakeNetwork::default(), Some(board)).unwrap();
    let page = memory.pool().unwrap().labels().find(|label| label.name() == "page").unwrap();
    assert!((8..=32).contains(&page.pages()), "{page}");
}
