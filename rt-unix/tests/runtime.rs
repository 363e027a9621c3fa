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
fn after_a_packet_the_device_is_asked_again_some_times_before_the_process_sleeps() {
    let (mut rt, (event, _writer)) = (rt(), event());
    for _ in 0..2 {
        rt.packet_served(rt.now());
        let start = rt.now();
        let mut waits = 0;
        while rt.now() < start + SHORT {
            assert_eq!(rt.wait(&event, Some(start + SHORT)).unwrap(), Wake::Continue);
            waits += 1;
        }
        // The last one sleeps.
        assert_eq!(waits, 33);
        assert!(rt.now() - start < LONG);
    }
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

#[cfg(feature = "page")]
#[test]
fn a_page_is_told_of_the_start_the_times_and_the_lines() {
    use rt::insight::{Activity, Sampling};

    let (mut rt, (event, _writer)) = (rt(), event());
    let insight = rt.insight().unwrap().expect("it is built in");
    rt.milestone("here");
    rt.print(format_args!("a line\tfor the page"));
    rt.begin(Activity::Tower, rt.now());
    let deadline = rt.now() + SHORT;
    assert_eq!(rt.wait(&event, Some(deadline)).unwrap(), Wake::Continue);
    rt.begin(Activity::Tower, rt.now());

    let mut steps = Vec::new();
    insight.milestones(&mut |name, after| steps.push((name, after)));
    assert_eq!(steps.iter().map(|(name, _)| *name).collect::<Vec<_>>(), ["memory", "here"]);
    assert!(steps.is_sorted_by_key(|(_, after)| *after));
    let now = rt.now();
    assert!(insight.started() + steps[1].1 <= now);
    // The wait is idle, all of it and nothing else.
    let idle = insight.times().taken(Activity::Idle, now);
    assert!(idle >= SHORT - Duration::from_millis(1) && idle < LONG, "{idle:?}");
    let all: Duration = Activity::ALL.map(|each| insight.times().taken(each, now)).iter().sum();
    assert_eq!(all, now - insight.started());

    let mut lines = Vec::new();
    let next = insight.lines(0, &mut |line| lines.push((line.number, line.text.to_owned())));
    // Other tests print too.
    let (number, _) = lines.iter().find(|(_, text)| text == "a line\tfor the page").unwrap();
    assert!(*number < next);
    assert_eq!(insight.lines(next, &mut |_| panic!("there is no next line")), next);

    // Computes until it is seen.
    let start = rt.now();
    loop {
        let mut places = Vec::new();
        let sampling =
            insight.places(3, &mut |place| places.push((place.function.to_owned(), place.samples)));
        let Sampling::Timer { taken, counted, .. } = sampling else { panic!("{sampling:?}") };
        assert!(places.len() <= 3 && places.is_sorted_by_key(|(_, samples)| u64::MAX - samples));
        if counted > 3 {
            assert!(taken >= counted && !places[0].0.is_empty(), "{places:?}");
            break;
        }
        assert!(rt.now() - start < LONG, "{sampling:?}");
        (0..10_000_000_u64).for_each(|number| {
            std::hint::black_box(number);
        });
    }
}
