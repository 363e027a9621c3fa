//! The runtime as a service sees it, within one process.

use std::{
    io::{PipeReader, PipeWriter, Write as _, pipe},
    os::fd::AsFd as _,
    thread,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use layer::Instant;
use rt::Wake;
use rt_unix::{Event, Rt, Runtime as _};

const SHORT: Duration = Duration::from_millis(50);
/// Longer than any wait here takes, however busy the machine is.
const LONG: Duration = Duration::from_secs(20);

fn rt() -> Rt {
    Rt::new(["--memory=1M", "--ipv4=10.0.0.2/24", "x"].map(Into::into)).unwrap()
}

/// An event that happens when something is written.
fn event() -> (Event, PipeWriter) {
    let (reader, writer) = pipe().unwrap();
    let reader: &'static PipeReader = Box::leak(Box::new(reader));
    (reader.as_fd(), writer)
}

#[test]
fn time_goes_on_and_never_back() {
    let rt = rt();
    let (first, second) = (rt.now(), rt.now());
    thread::sleep(SHORT);
    assert!(first > Instant::ZERO && first <= second);
    assert!(rt.now() - second >= SHORT);
}

#[test]
fn the_wall_time_is_that_of_the_system() {
    let rt = rt();
    let since_1970 = || SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    // If the clock is set meanwhile, once more.
    let is_between = || {
        let (before, told, after) = (since_1970(), rt.wall_time().unwrap(), since_1970());
        before <= told && told <= after
    };
    assert!((0..3).any(|_| is_between()));
}

#[test]
fn a_wait_ends_at_the_deadline_and_not_before() {
    let (mut rt, (event, _writer)) = (rt(), event());
    let start = rt.now();
    // Nanoseconds count: a wait that ended early would be one turn of the loop for nothing.
    for deadline in [start + SHORT, start + SHORT * 2 + Duration::from_nanos(1)] {
        assert_eq!(rt.wait(&event, Some(deadline)).unwrap(), Wake::Continue);
        assert!(rt.now() >= deadline);
    }
    assert!(rt.now() - start < LONG);
}

#[test]
fn a_deadline_that_has_passed_does_not_wait() {
    let (mut rt, (event, _writer)) = (rt(), event());
    let start = rt.now();
    for deadline in [Instant::ZERO, start] {
        assert_eq!(rt.wait(&event, Some(deadline)).unwrap(), Wake::Continue);
    }
    assert!(rt.now() - start < LONG);
}

#[test]
fn the_event_ends_a_wait_that_goes_on_and_one_that_begins() {
    let (mut rt, (event, mut writer)) = (rt(), event());
    let start = rt.now();
    let writing = thread::spawn(move || {
        thread::sleep(SHORT);
        writer.write_all(b"x").unwrap();
        writer
    });
    assert_eq!(rt.wait(&event, None).unwrap(), Wake::Continue);
    assert!(rt.now() - start >= SHORT);
    let _writer = writing.join().unwrap();
    // The byte is still there: nobody read it.
    for deadline in [None, Some(start + LONG), Some(Instant::from_nanos(u64::MAX))] {
        assert_eq!(rt.wait(&event, deadline).unwrap(), Wake::Continue);
    }
    assert!(rt.now() - start < LONG);
}

#[test]
fn nothing_is_asked_without_a_signal() {
    assert_eq!(rt().pending_request(), Wake::Continue);
}

#[test]
fn entropy_fills_all_of_it_with_other_bytes_each_time() {
    let mut rt = rt();
    // Longer than what one system call gives without being interrupted.
    let (mut one, mut other) = (vec![0; 100_000], vec![0; 100_000]);
    rt.entropy(&mut one).unwrap();
    rt.entropy(&mut other).unwrap();
    assert_ne!(one, other);
    assert!(one.chunks(64).all(|chunk| chunk.iter().any(|byte| *byte != 0)));
    assert_ne!(rt.seed().unwrap(), rt.seed().unwrap());
    rt.entropy(&mut []).unwrap();
}

#[test]
fn the_arguments_and_the_memory_are_those_that_were_given() {
    let rt = rt();
    assert!(rt.args().eq(["--ipv4=10.0.0.2/24", "x"]));
    assert_eq!(rt.pool().pages(), 255);
    assert_eq!(rt.memory().name(), "global");
    *rt.memory().alloc(7).unwrap() += 1;
    assert_eq!(rt.pool().free_pages(), 254);
}
