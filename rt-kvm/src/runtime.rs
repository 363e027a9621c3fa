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

#[cfg(feature = "cores")]
use rt_pvh::{Other, team::Team};

#[cfg(feature = "cores")]
use crate::{
    Host,
    processors::{self, Bells},
};
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
        #[cfg(feature = "cores")]
        let machine_processors = machine.processors;
        let Machine { host, command_line, pool, memory, devices, .. } = machine;
        let (arguments, words) = Arguments::read_beside_words(command_line, memory)?;
        if !words.is_empty() {
            print(format_args!(
                "words of the monitor, which are left out: {}",
                words.trim_ascii_end()
            ));
        }
        let apic = LocalApic::open()?;
        let clock = clock::start(host, &apic)?;
        platform::clock_started();
        let guest: &'static Guest = memory.alloc(Guest::new(pool, clock, apic, devices))?;
        #[cfg(feature = "page")]
        let started = boot_time::at(&guest.clock);
        if guest.clock.wall_time().is_none() {
            print(format_args!("nothing here says the time of day"));
        }
        #[cfg_attr(not(feature = "cores"), expect(unused_mut, reason = "the secret of all cores"))]
        let mut entropy = seed(guest);
        check_entropy(&entropy, &arguments)?;
        #[cfg(feature = "cores")]
        let seat = match machine_processors {
            1 => None,
            count => {
                let mut secret = [0; 16];
                entropy.fill(&mut secret);
                processors::can_be_woken(0, &apic);
                let bells: &'static Bells = memory.alloc(Bells::new(apic))?;
                let secret = u128::from_ne_bytes(secret);
                let has_queues = guest.may_have_queues();
                Some(Team::found(count, arguments, secret, memory, bells, has_queues)?)
            }
        };
        let program = Program::new(arguments, memory, entropy);
        #[cfg(feature = "cores")]
        let program = program.with_seat(seat);
        #[cfg(feature = "page")]
        {
            program.note_start(use_of_memory)?;
            program.step("clock", started);
        }
        Ok(Self { program, guest })
    }

    /// The runtime of another core than the first. It has no device.
    ///
    /// # Errors
    /// No local APIC, or no room in its memory (status 1).
    #[cfg(feature = "cores")]
    pub(crate) fn other(host: Host, other: &Other) -> Result<Self, Error> {
        let Other { index, pool, memory } = *other;
        let seat = Team::join(index, memory)?;
        let apic = LocalApic::open()?;
        let clock = clock::of_other(host, memory)?;
        let guest: &'static Guest = memory.alloc(Guest::of_other(pool, clock, apic))?;
        processors::can_be_woken(index, &apic);
        let secret = seat.core.shared_seed().unwrap_or_default().to_le_bytes();
        let own = [index as u64, time_stamp(), guest.now().as_nanos()].map(u64::to_le_bytes);
        let entropy = Entropy::new(Cpu::detect(), &[&secret, &own[0], &own[1], &own[2]]);
        let program = Program::new(seat.team.arguments, memory, entropy).with_seat(Some(seat));
        Ok(Self { program, guest })
    }

    /// The event of a core that has no device: its bell.
    #[cfg(feature = "cores")]
    pub fn bell_event(&self) -> Event {
        Event
    }

    /// What it has as any guest has.
    #[doc(hidden)]
    pub fn program(&self) -> &Program {
        &self.program
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

    #[cfg(feature = "cores")]
    fn core(&self) -> cores::Core {
        self.program.core()
    }

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
        // A bell that rings from here on is pending when the processor stops, and ends that at once.
        #[cfg(feature = "cores")]
        let _ = self.program.core().sleep(|| self.guest.sleep(deadline));
        #[cfg(not(feature = "cores"))]
        self.guest.sleep(deadline);
        Ok(self.pending_request())
    }

    /// An operator asks a guest of KVM to end by the power button, and for nothing else.
    #[inline]
    fn pending_request(&mut self) -> Wake {
        #[cfg(feature = "cores")]
        self.program.say_news(&self.guest.clock);
        if self.guest.is_asked_to_end() { Wake::Stop } else { Wake::Continue }
    }

    #[cfg(feature = "cores")]
    fn confine(&mut self) -> Result<(), Error> {
        let others = self.program.core().count() - 1;
        self.program.confine(&self.guest.clock, || processors::start(self.guest, others))
    }

    #[cfg(feature = "cores")]
    fn serving(&mut self, line: fmt::Arguments<'_>) {
        self.program.serving(&self.guest.clock, line);
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

/// A generator that is seeded with the time, and by the host if it has a device for that. Two guests that start at the same
/// moment differ by their processors' noise.
fn seed(guest: &Guest) -> Entropy<Cpu> {
    let (seconds, nanos) = guest.clock.wall_start().unwrap_or_default();
    let now = guest.now().as_nanos().to_le_bytes();
    let seeds: [&[u8]; 4] =
        [&seconds.to_le_bytes(), &nanos.to_le_bytes(), &now, &time_stamp().to_le_bytes()];
    #[cfg(feature = "virtio-rng")]
    if let Some(of_host) = guest.seed() {
        let [a, b, c, d] = seeds;
        return Entropy::new(Cpu::detect(), &[&of_host, a, b, c, d]).trust_seed();
    }
    Entropy::new(Cpu::detect(), &seeds)
}
