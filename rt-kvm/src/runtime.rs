//! The runtime of a guest of KVM.

use core::{convert::Infallible, fmt, time::Duration};

use layer::Instant;
#[cfg(feature = "page")]
use rt::insight::{Activity, Insight};
use rt::{Error, Runtime, TaskStore, Wake};
#[cfg(feature = "page")]
use rt_pvh::insight::{Process, Steps};
use rt_pvh::{
    arguments::Arguments,
    boot_time,
    entropy::{Cpu, Entropy},
    print,
    pvclock::time_stamp,
};
use rt_regions::{Pool, Region};

use crate::{Machine, apic::LocalApic, clock, guest::Guest, platform};

/// The event that this runtime waits for: an interrupt of the device that was handed out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Event;

/// The runtime of a guest of KVM.
#[derive(Debug)]
pub struct Rt {
    arguments: Arguments<'static>,
    memory: &'static Region<'static>,
    guest: &'static Guest,
    entropy: Entropy<Cpu>,
    /// Whether the runtime has waited once, so that the start is over.
    has_waited: bool,
    tasks: TaskStore,
    #[cfg(feature = "page")]
    use_of_memory: crate::UseOfMemory,
    #[cfg(feature = "page")]
    steps: &'static Steps,
    /// What a page shows, if there is one.
    #[cfg(feature = "page")]
    process: Option<&'static Process>,
}

impl Rt {
    /// The runtime of the machine that the entry code has set up.
    ///
    /// # Errors
    /// A bad command line (status 2). No local APIC, no clock, or weak entropy where strong entropy is required (status 1).
    #[inline(never)]
    pub(crate) fn new(machine: Machine) -> Result<Self, Error> {
        #[cfg(feature = "page")]
        let use_of_memory = machine.use_of_memory;
        let Machine { host, command_line, pool, memory, whole_line, .. } = machine;
        let arguments = Arguments::read(command_line, memory)?;
        let apic = LocalApic::open()?;
        let clock = clock::start(host, &apic)?;
        platform::clock_started();
        let guest: &'static Guest = memory.alloc(Guest::new(pool, clock, apic, whole_line))?;
        #[cfg(feature = "page")]
        let steps: &'static Steps = memory.alloc(Steps::default())?;
        #[cfg(feature = "page")]
        steps.add("clock", boot_time::at(&guest.clock));
        if guest.clock.wall_time().is_none() {
            print(format_args!("nothing here says the time of day"));
        }
        let entropy = seed(guest);
        if let Some(why) = entropy.quality().why_weak() {
            if arguments.strong_entropy {
                let refused = format_args!("--entropy=strong: {why} on this processor");
                return Err(Error::new(1, refused));
            }
            print(format_args!("{why} on this processor: seeds come from timing jitter: weak"));
        }
        Ok(Self {
            arguments,
            memory,
            guest,
            entropy,
            has_waited: false,
            tasks: TaskStore::new(),
            #[cfg(feature = "page")]
            use_of_memory,
            #[cfg(feature = "page")]
            steps,
            #[cfg(feature = "page")]
            process: None,
        })
    }

    /// The guest, for a driver.
    pub fn guest(&self) -> &'static Guest {
        self.guest
    }
}

impl Runtime for Rt {
    type Event = Event;
    /// A guest has no files, so frames cannot be recorded.
    type Recorder = Infallible;

    #[inline]
    fn now(&self) -> Instant {
        self.guest.now()
    }

    fn wall_time(&self) -> Option<Duration> {
        self.guest.clock.wall_time()
    }

    fn task_store(&self) -> &TaskStore {
        &self.tasks
    }

    fn wait(&mut self, _: &Event, deadline: Option<Instant>) -> Result<Wake, Error> {
        if !self.has_waited {
            self.has_waited = true;
            boot_time::report(&self.guest.clock);
        }
        #[cfg(feature = "page")]
        self.begin(Activity::Idle, self.now());
        self.guest.sleep(deadline);
        Ok(Wake::Continue)
    }

    /// Nobody asks a guest of KVM for anything: its operator ends the machine.
    #[inline]
    fn pending_request(&mut self) -> Wake {
        Wake::Continue
    }

    fn entropy(&mut self, out: &mut [u8]) -> Result<(), Error> {
        self.entropy.fill(out);
        Ok(())
    }

    fn args(&self) -> impl Iterator<Item = &'static str> {
        self.arguments.iter()
    }

    fn has_log(&self) -> bool {
        cfg!(feature = "defmt")
    }

    fn print(&mut self, line: fmt::Arguments<'_>) {
        #[cfg(feature = "page")]
        if let Some(process) = self.process {
            process.keep_line(self.now(), line);
        }
        print(line);
    }

    #[cfg(feature = "page")]
    fn milestone(&mut self, name: &'static str) {
        self.steps.add(name, boot_time::at(&self.guest.clock));
    }

    #[cfg(feature = "page")]
    #[inline]
    fn begin(&mut self, activity: Activity, now: Instant) {
        if let Some(process) = self.process {
            process.times.begin(activity, now);
        }
    }

    #[cfg(feature = "page")]
    fn insight(&mut self) -> Result<Option<&'static dyn Insight>, Error> {
        if let Some(process) = self.process {
            return Ok(Some(process));
        }
        let now = self.now();
        let age = boot_time::at(&self.guest.clock).as_nanos() as u64;
        let started = Instant::from_nanos(now.as_nanos().saturating_sub(age));
        let process = Process::new("guest of KVM", started, self.steps, self.memory)?;
        // It was printed before there was a page.
        process.keep_line(now, format_args!("{}", self.use_of_memory));
        self.process = Some(process);
        Ok(Some(process))
    }

    fn memory(&self) -> &'static Region<'static> {
        self.memory
    }

    fn pool(&self) -> &'static Pool<'static> {
        self.guest.pool
    }
}

/// A generator that is seeded with the time. Two guests that start at the same moment differ by their processors' noise.
fn seed(guest: &Guest) -> Entropy<Cpu> {
    let (seconds, nanos) = guest.clock.wall_start().unwrap_or_default();
    let now = guest.now().as_nanos().to_le_bytes();
    let seeds: [&[u8]; 4] =
        [&seconds.to_le_bytes(), &nanos.to_le_bytes(), &now, &time_stamp().to_le_bytes()];
    Entropy::new(Cpu::detect(), &seeds)
}
