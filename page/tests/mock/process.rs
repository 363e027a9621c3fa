//! What a platform would know of the program.

use std::{cell::RefCell, time::Duration};

use layer::Instant;
use rt::insight::{Insight, LogLine, LogRing, Place, Sampling, Times};

/// The functions of a program, with how many samples of a thousand were taken there.
const FUNCTIONS: [(&str, u64); 12] = [
    ("<udp::layer::Udp<I, T> as layer::Layer>::receive", 231),
    ("network::checksum::sum", 164),
    ("__memmove_avx_unaligned_erms", 121),
    ("mock::services::sort::merge", 118),
    ("ipv4::host::receive::Host::parse", 83),
    ("rt_regions::region::room::Region::allocate_slowly", 61),
    ("tasks::tasks::poll::Tasks::poll", 55),
    ("mock::services::late::{async_closure#0}", 49),
    ("arp::resolver::Resolver::look_up", 37),
    ("rt::runtime::Runtime::turn", 34),
    ("rustix::event::poll", 28),
    ("clock_gettime", 19),
];

/// A program on no platform.
pub(crate) struct Process {
    started: Instant,
    pub(crate) times: Times,
    lines: RefCell<LogRing>,
}

impl Process {
    pub(crate) fn start(now: Instant) -> &'static Self {
        let (times, lines) = (Times::starting_at(now), RefCell::default());
        Box::leak(Box::new(Self { started: now, times, lines }))
    }

    pub(crate) fn say(&self, now: Instant, line: impl std::fmt::Display) {
        self.lines.borrow_mut().push(now, format_args!("{line}"));
    }
}

impl Insight for Process {
    fn platform(&self) -> &'static str {
        "test in memory"
    }

    fn started(&self) -> Instant {
        self.started
    }

    fn milestones(&self, visit: &mut dyn FnMut(&'static str, Duration)) {
        for (name, micros) in
            [("memory", 118), ("interface", 641), ("confined", 1_020), ("serving", 1_164)]
        {
            visit(name, Duration::from_micros(micros));
        }
    }

    fn times(&self) -> &Times {
        &self.times
    }

    fn lines(&self, first: u64, visit: &mut dyn FnMut(LogLine<'_>)) -> u64 {
        let lines = self.lines.borrow();
        lines.since(first).for_each(visit);
        lines.taken()
    }

    fn places(&self, most: usize, visit: &mut dyn FnMut(Place<'_>)) -> Sampling {
        for (function, samples) in FUNCTIONS.into_iter().take(most) {
            visit(Place { function, samples });
        }
        Sampling::Timer { period: Duration::from_millis(10), taken: 51_243, counted: 1_000 }
    }
}
