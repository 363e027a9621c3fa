//! What the guest knows of itself, for a page that shows it from inside.

use core::{
    cell::{Cell, RefCell},
    fmt,
    time::Duration,
};

use layer::Instant;
use rt::insight::{Insight, LogLine, LogRing, Place, Sampling, Times};
use rt_regions::{Exhausted, Region};

/// How many steps of the start are kept.
const STEPS: usize = 8;

/// Why there are no samples of where the time goes.
const NO_SAMPLES: &str =
    "no samples: nothing interrupts a guest; the times are measured between packets";

/// The steps of the start, each with the time since the first instruction.
#[derive(Debug, Default)]
pub struct Steps([Cell<Option<(&'static str, Duration)>>; STEPS]);

impl Steps {
    /// Notes a step. The first eight are kept.
    pub fn add(&self, name: &'static str, after: Duration) {
        if let Some(free) = self.0.iter().find(|step| step.get().is_none()) {
            free.set(Some((name, after)));
        }
    }

    fn iter(&self) -> impl Iterator<Item = (&'static str, Duration)> {
        self.0.iter().filter_map(Cell::get)
    }
}

/// What a guest that has a page knows of itself.
#[derive(Debug)]
pub struct Process {
    platform: &'static str,
    started: Instant,
    steps: &'static Steps,
    /// How long the parts of the program took.
    pub times: Times,
    lines: RefCell<LogRing>,
}

impl Process {
    /// The guest of this `platform` that has executed its first instruction at `started`. All that it keeps lies in
    /// `memory`.
    ///
    /// # Errors
    /// There is no room in `memory`.
    pub fn new(
        platform: &'static str,
        started: Instant,
        steps: &'static Steps,
        memory: &'static Region<'static>,
    ) -> Result<&'static Self, Exhausted> {
        let lines = RefCell::new(LogRing::new());
        let times = Times::starting_at(started);
        Ok(memory.alloc(Self { platform, started, steps, times, lines })?)
    }

    /// Keeps a line that is printed at `now`.
    pub fn keep_line(&self, now: Instant, line: fmt::Arguments<'_>) {
        // A line that prints another one while it is formatted keeps neither of them twice.
        if let Ok(mut lines) = self.lines.try_borrow_mut() {
            lines.push(now, line);
        }
    }
}

impl Insight for Process {
    fn platform(&self) -> &'static str {
        self.platform
    }

    fn started(&self) -> Instant {
        self.started
    }

    fn milestones(&self, visit: &mut dyn FnMut(&'static str, Duration)) {
        for (name, after) in self.steps.iter() {
            visit(name, after);
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

    fn places(&self, _: usize, _: &mut dyn FnMut(Place<'_>)) -> Sampling {
        Sampling::None(NO_SAMPLES)
    }
}

#[cfg(test)]
mod tests {
    use std::{boxed::Box, string::ToString as _, vec::Vec};

    use rt_regions::Pool;

    use super::*;

    #[test]
    fn steps_and_lines_are_those_that_were_noted() {
        let pool = Box::leak(Box::new(Pool::new(Box::leak(Box::new_uninit_slice(64 << 10)))));
        let memory = Box::leak(Box::new(Region::new(pool, "global")));
        let steps: &'static Steps = Box::leak(Box::default());
        let process = Process::new("guest", Instant::from_millis(5), steps, memory).unwrap();
        assert_eq!(process.platform(), "guest");
        for number in 0..STEPS as u64 + 2 {
            steps.add("step", Duration::from_millis(number));
        }
        let mut seen = Vec::new();
        process.milestones(&mut |_, after| seen.push(after.as_millis() as u64));
        assert!(seen.iter().copied().eq(0..STEPS as u64));
        process.keep_line(Instant::from_millis(7), format_args!("one {}", 1));
        let printing = fmt::from_fn(|f| {
            process.keep_line(Instant::from_millis(8), format_args!("within"));
            f.write_str("two")
        });
        process.keep_line(Instant::from_millis(9), format_args!("{printing}"));
        let mut lines = Vec::new();
        let next = process.lines(0, &mut |line| lines.push((line.at, line.text.to_string())));
        let at = Instant::from_millis;
        assert_eq!(lines, [(at(7), "one 1".into()), (at(9), "two".into())]);
        assert_eq!(next, 2);
    }
}
