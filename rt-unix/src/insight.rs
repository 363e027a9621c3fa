//! What the process knows of itself, for a page that shows it from inside.

mod names;
mod sampler;
mod symbols;

use std::{
    borrow::Cow,
    cell::{Cell, OnceCell, RefCell},
    collections::HashMap,
    fmt,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use layer::Instant;
use rt::{
    Error,
    insight::{Activity, Insight, LogLine, LogRing, Place, Sampling, Times},
};

use self::symbols::Symbols;
use crate::runtime::now;

/// The last lines on standard error.
static LINES: Mutex<LogRing> = Mutex::new(LogRing::new());

/// Keeps a line that is printed.
pub(crate) fn keep_line(line: fmt::Arguments<'_>) {
    LINES.lock().unwrap_or_else(PoisonError::into_inner).push(now(), line);
}

/// What the process knows of itself.
#[derive(Debug)]
pub(crate) struct Process {
    started: Instant,
    milestones: RefCell<Vec<(&'static str, Duration)>>,
    times: Times,
    /// Whether somebody looks, so that it is worth measuring.
    is_watched: Cell<bool>,
    symbols: OnceCell<Symbols>,
    /// Why no samples are taken, if there are none.
    no_samples: Cell<&'static str>,
}

impl Process {
    /// The process, which has just started. It lives as long as the program.
    pub(crate) fn start() -> &'static Self {
        let started = now();
        Box::leak(Box::new(Self {
            started,
            milestones: RefCell::default(),
            times: Times::starting_at(started),
            is_watched: Cell::new(false),
            symbols: OnceCell::new(),
            no_samples: Cell::new(""),
        }))
    }

    pub(crate) fn milestone(&self, name: &'static str) {
        self.milestones.borrow_mut().push((name, now() - self.started));
    }

    #[inline]
    pub(crate) fn begin(&self, activity: Activity, now: Instant) {
        if self.is_watched.get() {
            self.times.begin(activity, now);
        }
    }

    /// Begins to measure: reads the names of the functions, while files can still be opened, and starts the timer.
    pub(crate) fn watch(&'static self) -> Result<&'static dyn Insight, Error> {
        if !self.is_watched.replace(true) {
            self.symbols.get_or_init(Symbols::of_this_process);
            if !sampler::IS_SUPPORTED {
                self.no_samples.set("no samples are taken on this processor");
            } else {
                sampler::start().map_err(|error| {
                    Error::new(1, format_args!("cannot start the timer of the page: {error}"))
                })?;
            }
        }
        Ok(self)
    }
}

impl Insight for Process {
    fn platform(&self) -> &'static str {
        "Linux process"
    }

    fn started(&self) -> Instant {
        self.started
    }

    fn milestones(&self, visit: &mut dyn FnMut(&'static str, Duration)) {
        for (name, after) in self.milestones.borrow().iter() {
            visit(name, *after);
        }
    }

    fn times(&self) -> &Times {
        &self.times
    }

    fn lines(&self, first: u64, visit: &mut dyn FnMut(LogLine<'_>)) -> u64 {
        let lines = LINES.lock().unwrap_or_else(PoisonError::into_inner);
        lines.since(first).for_each(visit);
        lines.taken()
    }

    fn places(&self, most: usize, visit: &mut dyn FnMut(Place<'_>)) -> Sampling {
        let Some(symbols) = self.symbols.get().filter(|_| self.no_samples.get().is_empty()) else {
            return Sampling::None(self.no_samples.get());
        };
        let (mut addresses, taken) = sampler::samples();
        let counted = addresses.len() as u64;
        addresses.sort_unstable();
        // Copies of a generic function have one name.
        let mut places: HashMap<Cow<'_, str>, u64> = HashMap::new();
        for samples in addresses.chunk_by(|a, b| symbols.start(*a) == symbols.start(*b)) {
            *places.entry(symbols.name(samples[0])).or_default() += samples.len() as u64;
        }
        let mut places: Vec<_> = places.into_iter().collect();
        // Of two with as many samples, the first by name: so the order does not change without a reason.
        places.sort_by(|(a, m), (b, n)| n.cmp(m).then_with(|| a.cmp(b)));
        for (function, samples) in places.into_iter().take(most) {
            visit(Place { function: &function, samples });
        }
        Sampling::Timer { period: sampler::PERIOD, taken, counted }
    }
}
