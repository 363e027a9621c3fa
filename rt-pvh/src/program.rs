//! What the runtime of a guest has, whatever the host is: arguments, entropy, tasks, and what a page shows.

use core::fmt;
#[cfg(feature = "page")]
use core::{cell::Cell, time::Duration};

#[cfg(feature = "cores")]
use cores::Core;
#[cfg(feature = "page")]
use layer::Instant;
#[cfg(feature = "page")]
use rt::insight::{Activity, Insight};
use rt::{Error, TaskStore};
use rt_regions::Region;

#[cfg(feature = "cores")]
use crate::team::Seat;
#[cfg(feature = "page")]
use crate::{
    UseOfMemory,
    insight::{Process, Steps},
};
use crate::{
    arguments::Arguments,
    boot_time,
    entropy::{Cpu, Entropy},
    print,
    pvclock::Clock,
};

/// The program of a guest, as its runtime knows it. The platform adds its clock, its wait and its end.
#[derive(Debug)]
pub struct Program {
    arguments: Arguments<'static>,
    memory: &'static Region<'static>,
    entropy: Entropy<Cpu>,
    /// Whether the runtime has waited once, so that the start is over.
    has_waited: bool,
    tasks: TaskStore,
    /// The place of this core among several.
    #[cfg(feature = "cores")]
    seat: Option<Seat>,
    /// Where the first core serves, until it is said.
    #[cfg(feature = "cores")]
    place: Option<&'static str>,
    /// How the memory was used at the start, and its steps.
    #[cfg(feature = "page")]
    start: Cell<Option<(UseOfMemory, &'static Steps)>>,
    /// What a page shows, if there is one.
    #[cfg(feature = "page")]
    process: Option<&'static Process>,
}

/// Says in a line that the entropy is weak, if it is.
///
/// # Errors
/// It is weak, and strong entropy is required by the `arguments` (status 1).
#[inline]
pub fn check_entropy(entropy: &Entropy<Cpu>, arguments: &Arguments<'_>) -> Result<(), Error> {
    if let Some(why) = entropy.quality().why_weak() {
        if arguments.strong_entropy {
            let refused = format_args!("--entropy=strong: {why} on this processor");
            return Err(Error::new(1, refused));
        }
        print(format_args!("{why} on this processor: seeds come from timing jitter: weak"));
    }
    Ok(())
}

impl Program {
    /// The program with these arguments.
    #[inline]
    pub fn new(
        arguments: Arguments<'static>,
        memory: &'static Region<'static>,
        entropy: Entropy<Cpu>,
    ) -> Self {
        Self {
            arguments,
            memory,
            entropy,
            has_waited: false,
            tasks: TaskStore::new(),
            #[cfg(feature = "cores")]
            seat: None,
            #[cfg(feature = "cores")]
            place: None,
            #[cfg(feature = "page")]
            start: Cell::new(None),
            #[cfg(feature = "page")]
            process: None,
        }
    }

    /// Notes what a page shows of the start from now on.
    ///
    /// # Errors
    /// There is no room for it.
    #[cfg(feature = "page")]
    pub fn note_start(&self, use_of_memory: UseOfMemory) -> Result<(), Error> {
        self.start.set(Some((use_of_memory, self.memory.alloc(Steps::default())?)));
        Ok(())
    }

    /// The region that lives as long as the guest.
    #[inline]
    pub fn memory(&self) -> &'static Region<'static> {
        self.memory
    }

    /// The arguments for the service.
    #[inline]
    pub fn args(&self) -> impl Iterator<Item = &'static str> + use<> {
        self.arguments.iter()
    }

    /// The tasks of the program.
    #[inline]
    pub fn tasks(&self) -> &TaskStore {
        &self.tasks
    }

    /// Fills `out` with random bytes.
    #[inline]
    pub fn fill(&mut self, out: &mut [u8]) {
        self.entropy.fill(out);
    }

    /// The runtime is about to wait. The first time, it says how long the start took.
    #[inline]
    pub fn waits(&mut self, clock: &Clock<'_>) {
        if !self.has_waited {
            self.has_waited = true;
            boot_time::report(clock);
        }
        #[cfg(feature = "page")]
        self.begin(Activity::Idle, clock.now());
    }

    /// The program of one core among several, if it is.
    #[cfg(feature = "cores")]
    #[must_use]
    pub fn with_seat(self, seat: Option<Seat>) -> Self {
        Self { seat, ..self }
    }

    /// The core that this runs on.
    #[cfg(feature = "cores")]
    pub fn core(&self) -> Core {
        self.seat.map_or(Core::ALONE, |seat| seat.core)
    }

    /// Called when all that the program needs is open; see [`Seat::confine`].
    ///
    /// # Errors
    /// Those of [`Seat::confine`].
    #[cfg(feature = "cores")]
    pub fn confine(
        &self,
        clock: &Clock<'_>,
        start: impl FnOnce() -> Result<(), Error>,
    ) -> Result<(), Error> {
        self.seat.map_or(Ok(()), |seat| seat.confine(clock, start))
    }

    /// The core serves there. It is said when all of them do.
    #[cfg(feature = "cores")]
    pub fn serving(&mut self, clock: &Clock<'_>, line: fmt::Arguments<'_>) {
        let Some(seat) = self.seat else { return self.print(clock, line) };
        if seat.core.is_first() {
            let count = seat.core.count();
            let line = self.memory.format(format_args!("{line} on {count} cores"));
            self.place = Some(line.unwrap_or("serving"));
        }
        seat.serves();
    }

    /// Says where all cores serve, once they do. It costs one load if there is nothing to say.
    #[cfg(feature = "cores")]
    #[inline]
    pub fn say_news(&mut self, clock: &Clock<'_>) {
        if self.seat.is_some_and(|seat| seat.core.is_first() && seat.take_news()) {
            let line = self.place.take().unwrap_or("serving");
            self.print(clock, format_args!("{line}"));
        }
    }

    /// Prints a line, which a page shows as well.
    #[inline]
    pub fn print(&self, clock: &Clock<'_>, line: fmt::Arguments<'_>) {
        #[cfg(feature = "cores")]
        if let Some(index) = self.seat.map(|seat| seat.core.index()).filter(|index| *index > 0) {
            return print(format_args!("core {index}: {line}"));
        }
        #[cfg(feature = "page")]
        if let Some(process) = self.process {
            process.keep_line(clock.now(), line);
        }
        #[cfg(not(feature = "page"))]
        let _ = clock;
        print(line);
    }

    /// Notes a step of the start that was over so long after the first instruction.
    #[cfg(feature = "page")]
    pub fn step(&self, name: &'static str, after: Duration) {
        if let Some((_, steps)) = self.start.get() {
            steps.add(name, after);
        }
    }

    /// From now on the program does this.
    #[cfg(feature = "page")]
    #[inline]
    pub fn begin(&self, activity: Activity, now: Instant) {
        if let Some(process) = self.process {
            process.times.begin(activity, now);
        }
    }

    /// What a page shows of this guest of `platform`; nothing if its [start](Self::note_start) was not noted.
    ///
    /// # Errors
    /// There is no room for it.
    #[cfg(feature = "page")]
    pub fn insight(
        &mut self,
        platform: &'static str,
        clock: &Clock<'_>,
    ) -> Result<Option<&'static dyn Insight>, Error> {
        if let Some(process) = self.process {
            return Ok(Some(process));
        }
        let Some((use_of_memory, steps)) = self.start.get() else { return Ok(None) };
        let (now, age) = (clock.now(), boot_time::at(clock).as_nanos() as u64);
        let started = Instant::from_nanos(now.as_nanos().saturating_sub(age));
        let process = Process::new(platform, started, steps, self.memory)?;
        // It was printed before there was a page.
        process.keep_line(now, format_args!("{use_of_memory}"));
        self.process = Some(process);
        Ok(Some(process))
    }
}
