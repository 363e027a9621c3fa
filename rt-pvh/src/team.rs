//! The cores of a guest: a processor for each, which all run the same service.
//!
//! What they share is a [`Team`], of atomics alone. The first core makes it, and starts the others when its own tower stands, so
//! that a wrong argument is said once.

use core::{
    hint, ptr,
    sync::atomic::{AtomicBool, AtomicPtr, AtomicU8, AtomicUsize, Ordering},
};

use cores::{Core, Cores, Doorbell, Sizes};
use rt::Error;
use rt_regions::{PAGE_SIZE, Region};

use crate::{Other, arguments::Arguments, early, end, processors, pvclock::Clock};

/// How long it may take until all processors have started.
const START_TIMEOUT: u64 = 2_000_000_000;

/// What the cores have in common.
#[derive(Debug)]
pub struct Team {
    cores: &'static Cores,
    /// The arguments of the program.
    pub arguments: Arguments<'static>,
    /// How many cores but the first have opened what they need.
    arrived: AtomicUsize,
    /// Whether they may go on.
    is_open: AtomicBool,
    /// How many cores serve.
    serving: AtomicUsize,
    /// Whether all cores serve, and nobody has said so.
    is_news: AtomicBool,
}

/// A core's place in the team.
#[derive(Clone, Copy, Debug)]
pub struct Seat {
    /// What it shares with the others.
    pub team: &'static Team,
    /// The core.
    pub core: Core,
}

static TEAM: AtomicPtr<Team> = AtomicPtr::new(ptr::null_mut());
/// The worst status with which another core than the first has ended.
static STATUS: AtomicU8 = AtomicU8::new(0);
/// How many of them have ended.
static ENDED: AtomicUsize = AtomicUsize::new(0);

impl Team {
    /// The seat of the first core among `count`, whose program has these arguments. What they share is in `memory`. `seed` is
    /// the secret that they have in common, and `bell` wakes them. `has_queues` says whether the network device may have a queue for each.
    ///
    /// # Errors
    /// There is no room in `memory` (status 1).
    pub fn found(
        count: usize,
        arguments: Arguments<'static>,
        seed: u128,
        memory: &'static Region<'static>,
        bell: &'static dyn Doorbell,
        has_queues: bool,
    ) -> Result<Seat, Error> {
        let bytes = memory.pool().map_or(0, |pool| pool.pages()) * PAGE_SIZE;
        // All rings are in the memory of the first core, of which they take no more than with two.
        let all = bytes * count.min(2);
        // The first core may have the only queue of the device.
        let mut sizes = Sizes::within(all, count).with_wire(all, count);
        if has_queues {
            sizes = sizes.with_queues(all, count);
        }
        let cores = Cores::new(memory, count, seed, sizes, bell)?;
        let team: &'static Self = memory.alloc(Self {
            cores,
            arguments,
            arrived: AtomicUsize::new(0),
            is_open: AtomicBool::new(false),
            serving: AtomicUsize::new(0),
            is_news: AtomicBool::new(false),
        })?;
        let core = Core::join(cores, 0, memory).map_err(|error| Error::new(1, error))?;
        TEAM.store(ptr::from_ref(team).cast_mut(), Ordering::Release);
        Ok(Seat { team, core })
    }

    /// The seat of another core, which has memory of its own.
    ///
    /// # Errors
    /// There is no room in it (status 1).
    pub fn join(index: usize, memory: &'static Region<'static>) -> Result<Seat, Error> {
        // SAFETY: null, or from the reference that `found` has had, which lives as long as the guest.
        let team = unsafe { TEAM.load(Ordering::Acquire).as_ref() };
        let team = team.ok_or_else(|| Error::new(1, "there is no other core to join"))?;
        let core = Core::join(team.cores, index, memory).map_err(|error| Error::new(1, error))?;
        Ok(Seat { team, core })
    }

    /// How many cores there are.
    pub fn count(&self) -> usize {
        self.cores.count()
    }
}

impl Seat {
    /// Called by each core when all that it needs is open. The first one has `start` start the others; it waits until they have
    /// come as far, and these until it goes on.
    ///
    /// # Errors
    /// One does not start, or has ended. It has said why.
    pub fn confine(
        self,
        clock: &Clock<'_>,
        start: impl FnOnce() -> Result<(), Error>,
    ) -> Result<(), Error> {
        let Self { team, core } = self;
        if !core.is_first() {
            team.arrived.fetch_add(1, Ordering::Release);
            while !team.is_open.load(Ordering::Acquire) {
                hint::spin_loop();
            }
            return Ok(());
        }
        start()?;
        let others = team.count() - 1;
        let until = clock.now().as_nanos().saturating_add(START_TIMEOUT);
        loop {
            let (arrived, ended) =
                (team.arrived.load(Ordering::Acquire), ENDED.load(Ordering::Acquire));
            if ended > 0 {
                let status = STATUS.load(Ordering::Relaxed).max(1);
                return Err(Error::new(status, "a core has ended before it served"));
            }
            if arrived == others {
                team.is_open.store(true, Ordering::Release);
                return Ok(());
            }
            if clock.now().as_nanos() >= until {
                let count = team.count();
                let words = format_args!("--cores={count}: only {} have started", arrived + 1);
                return Err(Error::new(1, words));
            }
            hint::spin_loop();
        }
    }

    /// Called by each core when it serves.
    pub fn serves(self) {
        let Self { team, .. } = self;
        if team.serving.fetch_add(1, Ordering::AcqRel) + 1 == team.count() {
            team.is_news.store(true, Ordering::Release);
            // It wakes the first one, and asks it for nothing.
            team.cores.request(0, 0);
        }
    }

    /// Whether all cores serve since the last call; for the first one.
    #[inline]
    pub fn take_news(self) -> bool {
        let news = &self.team.is_news;
        news.load(Ordering::Relaxed) && news.swap(false, Ordering::Acquire)
    }
}

/// Sets what the cores but the first do, each on its processor and with memory of its own: `program`, which returns when it
/// has ended. The guest ends, and says so, if there is no room for it in `memory`.
pub fn run_on_others(
    name: &'static str,
    memory: &'static Region<'static>,
    program: impl Fn(&Other) -> Result<(), Error> + Sync + 'static,
) {
    let run = move |other: Other| ended(name, other.index, program(&other));
    if let Err(error) = processors::set_program(memory, run) {
        end::finish(name, Err(error.into()));
    }
}

/// Called on a core that is not the first, when its program has ended: says why, if it has failed, and has the first one end
/// too. Without it, those whose packets come here would not be served.
fn ended(name: &str, index: usize, result: Result<(), Error>) {
    if let Err(error) = result {
        early::print_last(format_args!("{name}: core {index}: {error}"));
        STATUS.fetch_max(error.status().max(1), Ordering::Relaxed);
    }
    ENDED.fetch_add(1, Ordering::Release);
    // SAFETY: as in `join`.
    if let Some(team) = unsafe { TEAM.load(Ordering::Acquire).as_ref() } {
        rt::private::stop(team.cores, 0);
    }
}

/// Has the machine end as crashed, if another core than the first has failed; said by the first one, at its end.
pub(crate) fn end_if_failed() {
    if STATUS.load(Ordering::Relaxed) > 0 {
        end::turn_off(crate::Shutdown::Crash);
    }
}
