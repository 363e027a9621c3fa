//! The runtime of a guest of KVM.

use core::{convert::Infallible, fmt, time::Duration};

use layer::Instant;
#[cfg(feature = "page")]
use rt::insight::{Activity, Insight};
use rt::{Error, Runtime, TaskStore, Wake};
#[cfg(feature = "page")]
use rt_pvh::boot_time;
use rt_pvh::{
    arguments::Arguments,
    entropy::{Cpu, Entropy},
    print,
    program::{Program, check_entropy},
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
    program: Program,
    guest: &'static Guest,
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
        let started = boot_time::at(&guest.clock);
        if guest.clock.wall_time().is_none() {
            print(format_args!("nothing here says the time of day"));
        }
        let entropy = seed(guest);
        check_entropy(&entropy, &arguments)?;
        let program = Program::new(arguments, memory, entropy);
        #[cfg(feature = "page")]
        {
            program.note_start(use_of_memory)?;
            program.step("clock", started);
        }
        Ok(Self { program, guest })
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
        self.program.tasks()
    }

    fn wait(&mut self, _: &Event, deadline: Option<Instant>) -> Result<Wake, Error> {
        self.program.waits(&self.guest.clock);
        self.guest.sleep(deadline);
        Ok(Wake::Continue)
    }

    /// Nobody asks a guest of KVM for anything: its operator ends the machine.
    #[inline]
    fn pending_request(&mut self) -> Wake {
        Wake::Continue
    }

    fn entropy(&mut self, out: &mut [u8]) -> Result<(), Error> {
        self.program.fill(out);
        Ok(())
    }

    fn args(&self) -> impl Iterator<Item = &'static str> {
        self.program.args()
    }

    fn has_log(&self) -> bool {
        cfg!(feature = "defmt")
    }

    fn print(&mut self, line: fmt::Arguments<'_>) {
        self.program.print(&self.guest.clock, line);
    }

    #[cfg(feature = "page")]
    fn milestone(&mut self, name: &'static str) {
        self.program.step(name, boot_time::at(&self.guest.clock));
    }

    #[cfg(feature = "page")]
    #[inline]
    fn begin(&mut self, activity: Activity, now: Instant) {
        self.program.begin(activity, now);
    }

    #[cfg(feature = "page")]
    fn insight(&mut self) -> Result<Option<&'static dyn Insight>, Error> {
        self.program.insight("guest of KVM", &self.guest.clock)
    }

    fn memory(&self) -> &'static Region<'static> {
        self.program.memory()
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
