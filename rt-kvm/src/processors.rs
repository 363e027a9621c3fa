//! The processors of the machine: how many there are, how they start, and how they wake one another.

mod madt;

use core::sync::atomic::{AtomicU32, Ordering};

use cores::{Doorbell, MAX_CORES};
use layer::Instant;
use rt::Error;
use rt_pvh::{
    Plan,
    arguments::{self, Refusal},
    arrived,
    pvclock::time_stamp,
    vector,
};

use crate::{
    apic::{BELL_VECTOR, LocalApic},
    guest::Guest,
};

/// How long a processor may take to its first instruction.
const START_TIMEOUT: u64 = 1_000_000_000;
/// How long a pause is, in ticks of the time stamp counter: some microseconds.
const PAUSE: u64 = 1 << 15;
/// No number of a local APIC.
const NONE: u32 = u32::MAX;

/// The numbers of the local APICs of the cores that have come so far that they can sleep.
static IDS: [AtomicU32; MAX_CORES] = [const { AtomicU32::new(NONE) }; MAX_CORES];

/// Notes in the `plan` how many processors the command line asks for, and returns that number.
///
/// # Errors
/// The argument is wrong, or the machine has not so many, or does not say how many. The guest can be turned off only when the
/// machine is set up, which is for one processor then.
pub(crate) fn count(plan: &mut Plan<'_>) -> Result<usize, Refusal> {
    // SAFETY: the loader says where its tables are, and what is below 1 GiB is mapped.
    let there = || unsafe { madt::processors(plan.rsdp) };
    let count = arguments::processors(plan.command_line, there)?;
    *plan.processors = count;
    Ok(count)
}

/// Says that this core can be woken.
pub(crate) fn can_be_woken(core: usize, apic: &LocalApic) {
    IDS[core].store(apic.id(), Ordering::Release);
}

/// Starts all other processors. Those that the program does not use stop at once.
///
/// # Errors
/// Fewer than `others` start.
pub(crate) fn start(guest: &Guest, others: usize) -> Result<(), Error> {
    let now = || guest.now().as_nanos();
    let pause = |micros: u64| {
        let until = now() + micros * 1000;
        while now() < until {
            core::hint::spin_loop();
        }
    };
    guest.apic.start_others(vector(), pause);
    let until = Instant::from_nanos(now() + START_TIMEOUT);
    while arrived() < others {
        if guest.now() >= until {
            let (count, there) = (others + 1, arrived() + 1);
            return Err(Error::new(1, format_args!("--cores={count}: only {there} have started")));
        }
        core::hint::spin_loop();
    }
    Ok(())
}

/// Wakes a core, from the processor with this local APIC.
pub(crate) fn ring(apic: &LocalApic, core: usize) {
    // One that has not come so far does not sleep yet.
    let id = IDS.get(core).map_or(NONE, |id| id.load(Ordering::Acquire));
    if id != NONE {
        apic.interrupt(id, BELL_VECTOR);
    }
}

/// Interrupts the processors of cores.
#[derive(Debug)]
pub(crate) struct Bells(LocalApic);

impl Bells {
    /// Those of a machine whose local APICs are all reached as this one is.
    pub(crate) fn new(apic: LocalApic) -> Self {
        Self(apic)
    }
}

impl Doorbell for Bells {
    fn ring(&self, core: usize) {
        ring(&self.0, core);
    }

    fn pause(&self) {
        let began = time_stamp();
        while time_stamp().wrapping_sub(began) < PAUSE {
            core::hint::spin_loop();
        }
    }
}
