//! The loop, on a platform whose clock and events are the test's: when it sleeps, and when it polls the tasks.

use std::{
    cell::{Cell, RefCell},
    collections::VecDeque,
    convert::Infallible,
    fmt,
    future::pending,
    rc::Rc,
    time::Duration,
};

use layer::{Counter, Instant, Layer, Rx};
use rt::{Error, Runtime, TaskStore, Wake};
use rt_regions::{Pool, Region};
use tasks::{TaskError, TaskRef, Tasks, yield_now};
use testkit::program_memory;

const MILLI: Duration = Duration::from_millis(1);

fn at(millis: u64) -> Instant {
    Instant::from_millis(millis)
}

/// A platform that is told to end when it is to sleep for ever, or after so many turns.
struct Platform {
    clock: Rc<Cell<Instant>>,
    /// Each sleep: since when, and until when.
    sleeps: Vec<(Instant, Option<Instant>)>,
    lines: Vec<String>,
    turns_left: usize,
    memory: &'static Region<'static>,
    tasks: TaskStore,
}

impl Platform {
    fn new() -> Self {
        Self {
            clock: Rc::default(),
            sleeps: Vec::new(),
            lines: Vec::new(),
            turns_left: usize::MAX,
            memory: program_memory(64),
            tasks: TaskStore::new(),
        }
    }

    fn all_tasks(&self) -> &'static Tasks {
        self.tasks().unwrap()
    }
}

impl Runtime for Platform {
    type Event = ();
    type Recorder = Infallible;

    fn now(&self) -> Instant {
        self.clock.get()
    }

    fn wall_time(&self) -> Option<Duration> {
        None
    }

    fn task_store(&self) -> &TaskStore {
        &self.tasks
    }

    fn wait(&mut self, (): &(), deadline: Option<Instant>) -> Result<Wake, Error> {
        self.sleeps.push((self.now(), deadline));
        let Some(deadline) = deadline else { return Ok(Wake::Stop) };
        self.clock.set(self.now().max(deadline));
        Ok(Wake::Continue)
    }

    fn pending_request(&mut self) -> Wake {
        self.turns_left -= 1;
        if self.turns_left == 0 { Wake::Stop } else { Wake::Continue }
    }

    fn entropy(&mut self, _: &mut [u8]) -> Result<(), Error> {
        unreachable!()
    }

    fn args(&self) -> impl Iterator<Item = &'static str> {
        [].into_iter()
    }

    fn has_log(&self) -> bool {
        false
    }

    fn print(&mut self, line: fmt::Arguments<'_>) {
        self.lines.push(line.to_string());
    }

    fn memory(&self) -> &'static Region<'static> {
        self.memory
    }

    fn pool(&self) -> &'static Pool<'static> {
        self.memory.pool().unwrap()
    }
}

/// The device is broken.
#[derive(Debug)]
struct Broken;

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the device is broken")
    }
}

impl std::error::Error for Broken {}

/// What a tower does in a turn.
type Step = Box<dyn FnMut() -> Result<Rx<()>, Broken>>;

/// A tower that does one thing after the other, and then nothing.
#[derive(Default)]
struct Tower {
    steps: VecDeque<Step>,
    deadline: Option<Instant>,
    receptions: Rc<Cell<usize>>,
    /// Called for the report.
    at_the_end: Option<Box<dyn Fn()>>,
}

impl Tower {
    fn then(mut self, step: impl FnMut() -> Result<Rx<()>, Broken> + 'static) -> Self {
        self.steps.push_back(Box::new(step));
        self
    }

    /// So many packets are there at once.
    fn flood(packets: usize) -> Self {
        (0..packets).fold(Self::default(), |tower, _| tower.then(|| Ok(Rx::Handled)))
    }
}

impl Layer for Tower {
    type Error = Broken;
    type Event = ();
    type Item<'r> = ();

    fn event(&self) {}

    fn receive(&mut self, now: Instant, _: &Region<'_>) -> Result<Rx<()>, Broken> {
        self.receptions.set(self.receptions.get() + 1);
        if self.deadline <= Some(now) {
            self.deadline = None;
        }
        self.steps.pop_front().map_or(Ok(Rx::Idle), |mut step| step())
    }

    fn unclaimed(&mut self, _: Instant, (): ()) -> Result<(), Broken> {
        Ok(())
    }

    fn next_deadline(&self) -> Option<Instant> {
        self.deadline
    }

    fn counters(&self, _: &mut dyn FnMut(Counter)) {
        if let Some(look) = &self.at_the_end {
            look();
        }
    }
}

#[test]
fn it_sleeps_until_the_earlier_deadline_of_tower_and_tasks() {
    let mut platform = Platform::new();
    let tasks = platform.all_tasks();
    for millis in [50, 10] {
        let slept = platform.spawn("sleeps", async move |_| {
            tasks.sleep_until(at(millis)).await;
            assert_eq!(tasks.now(), at(millis));
            Ok(())
        });
        slept.unwrap();
    }
    platform.run(Tower { deadline: Some(at(30)), ..Tower::default() }).unwrap();
    let sleeps = [(0, Some(10)), (10, Some(30)), (30, Some(50)), (50, None)];
    let expected = sleeps.map(|(since, until)| (at(since), until.map(at)));
    assert_eq!(platform.sleeps, expected);
    assert_eq!((tasks.stats().ended, tasks.stats().polls), (2, 4));
}

#[test]
fn a_program_without_tasks_sleeps_until_the_deadline_of_the_tower() {
    let mut platform = Platform::new();
    platform.run(Tower { deadline: Some(at(30)), ..Tower::default() }).unwrap();
    assert_eq!(platform.sleeps, [(at(0), Some(at(30))), (at(30), None)]);
    assert!(platform.tasks.poller().is_none());
}

#[test]
fn it_does_not_sleep_while_a_task_is_due() {
    let mut platform = Platform::new();
    let tower = Tower::default();
    let (receptions, seen) = (tower.receptions.clone(), Rc::new(RefCell::new(Vec::new())));
    let (counted, log) = (receptions.clone(), seen.clone());
    let computes = platform.spawn("computes", async move |_| {
        for _ in 0..5 {
            log.borrow_mut().push(counted.get());
            yield_now().await;
        }
        Ok(())
    });
    computes.unwrap();
    platform.run(tower).unwrap();
    // Each time the tower is asked before the task goes on, and nobody sleeps in between. The turn that polls a woken task
    // also polls one that yields.
    assert_eq!(*seen.borrow(), [1, 1, 2, 3, 4]);
    assert_eq!(platform.sleeps, [(at(0), None)]);
    assert_eq!(receptions.get(), 6);
}

#[test]
fn who_is_woken_by_the_tower_is_polled_before_it_sleeps() {
    let mut platform = Platform::new();
    let (tasks, polled) = (platform.all_tasks(), Rc::new(Cell::new(false)));
    let told = polled.clone();
    let waits = platform.spawn("waits", async move |_| {
        let mut is_first = true;
        std::future::poll_fn(|_| {
            if std::mem::take(&mut is_first) {
                std::task::Poll::Pending
            } else {
                std::task::Poll::Ready(())
            }
        })
        .await;
        told.set(true);
        Ok(())
    });
    let waits: TaskRef = waits.unwrap();
    // The first turn polls it. In the second, which has no packet, the tower wakes it: by what it sends.
    let tower = Tower::flood(1).then(move || {
        tasks.wake(waits);
        Ok(Rx::Idle)
    });
    platform.run(tower).unwrap();
    assert!(polled.get());
    assert_eq!(platform.sleeps, [(at(0), None)]);
}

#[test]
fn a_flood_of_packets_keeps_no_task_from_its_turn_nor_tasks_a_packet() {
    let mut platform = Platform::new();
    let tasks = platform.all_tasks();
    let slices: [&'static Cell<usize>; 2] = [0; 2].map(|_| &*Box::leak(Box::new(Cell::new(0))));
    for counted in slices {
        let computes = platform.spawn("computes", async move |_| {
            loop {
                counted.set(counted.get() + 1);
                yield_now().await;
            }
        });
        computes.unwrap();
    }
    let timer = platform.spawn("timer", async move |_| {
        tasks.sleep_until(at(7)).await;
        Err(TaskError::new("it rang"))
    });
    timer.unwrap();
    let mut tower = Tower::flood(0);
    for packet in 0..1_000 {
        let clock = platform.clock.clone();
        tower = tower.then(move || {
            clock.set(at(packet / 100));
            Ok(Rx::Handled)
        });
    }
    platform.turns_left = 1_000;
    let receptions = tower.receptions.clone();
    platform.run(tower).unwrap();
    // A packet a turn, and one slice of one that computes.
    assert_eq!(receptions.get(), 1_000);
    let slices = slices.map(Cell::get);
    assert!(slices == [501, 501], "{slices:?}");
    assert!(platform.lines.contains(&"task timer: it rang".into()), "{:?}", platform.lines);
    assert_eq!(platform.sleeps, []);
}

#[test]
fn tasks_have_the_time_after_the_packet() {
    let mut platform = Platform::new();
    let tasks = platform.all_tasks();
    let seen = Rc::new(Cell::new(Instant::ZERO));
    let (told, clock) = (seen.clone(), platform.clock.clone());
    let looks = platform.spawn("looks", async move |_| {
        told.set(tasks.now());
        Ok(())
    });
    looks.unwrap();
    let takes_long = move || {
        clock.set(clock.get() + 5 * MILLI);
        Ok(Rx::Handled)
    };
    platform.run(Tower::default().then(takes_long)).unwrap();
    assert_eq!(seen.get(), at(5));
}

#[test]
fn tasks_are_closed_before_the_report_whatever_ends_the_program() {
    /// Says that it was dropped.
    struct Told(Rc<Cell<bool>>);

    impl Drop for Told {
        fn drop(&mut self) {
            self.0.set(true);
        }
    }

    for is_broken in [false, true] {
        let mut platform = Platform::new();
        let dropped = Rc::new(Cell::new(false));
        let told = Told(dropped.clone());
        let waits = platform.spawn("waits", async move |_| {
            let _told = told;
            pending().await
        });
        waits.unwrap();
        let in_time = Rc::new(Cell::new(false));
        let noted = in_time.clone();
        let mut tower = Tower::flood(1);
        tower.at_the_end = Some(Box::new(move || noted.set(dropped.get())));
        if is_broken {
            tower = tower.then(|| Err(Broken));
        }
        let result = platform.run(tower);
        assert_eq!(result.is_err(), is_broken);
        assert!(in_time.get(), "the report was printed before the tasks were dropped");
        assert!(platform.all_tasks().is_empty());
        let late = platform.spawn("late", async |_| Ok(()));
        assert_eq!(late, Err(tasks::SpawnError::Closed));
        let regions = platform.lines.iter().filter(|line| line.contains("waits")).count();
        // The report tells of the region that was.
        assert_eq!(regions, 1, "{:?}", platform.lines);
    }
}

#[test]
fn a_task_that_fails_is_one_line() {
    let mut platform = Platform::new();
    let fails = platform.spawn("fails", async |region| {
        region.alloc_slice_with(1 << 30, |_| 0_u8)?;
        Ok(())
    });
    fails.unwrap();
    platform.run(Tower::default()).unwrap();
    let lines: Vec<_> = platform.lines.iter().filter(|line| line.starts_with("task ")).collect();
    let [line] = &lines[..] else { panic!("{lines:?}") };
    assert!(line.starts_with("task fails: region fails: no room for"), "{line}");
}
