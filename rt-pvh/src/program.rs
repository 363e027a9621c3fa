//! What the runtime of a guest has, whatever the host is: arguments, entropy, tasks, and what a page shows.

use core::fmt;
#[cfg(feature = "page")]
use core::{cell::Cell, time::Duration};

#[cfg(feature = "page")]
use layer::Instant;
#[cfg(feature = "page")]
use rt::insight::{Activity, Insight};
use rt::{Error, TaskStore};
use rt_regions::Region;

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

    /// Prints a line, which a page shows as well.
    #[inline]
    pub fn print(&self, clock: &Clock<'_>, line: fmt::Arguments<'_>) {
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
