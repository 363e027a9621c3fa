//! The cores of a process: a thread for each, which all run the same service.

use std::{
    fmt,
    os::fd::{AsFd as _, BorrowedFd, OwnedFd},
    panic::{self, AssertUnwindSafe},
    sync::{
        Condvar, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use cores::{Core, Cores, Doorbell, Sizes};
use rt::Error;
use rt_regions::Region;
use rustix::{
    event::{EventfdFlags, eventfd, poll},
    io::{read, write},
    thread::{CpuSet, sched_getaffinity, sched_setaffinity},
};

use crate::say;

/// The stack of a core in bytes, as long as that of a process usually is.
const STACK: usize = 8 << 20;
/// How long the process waits at its end for cores that do not look for requests.
const END_TIMEOUT: Duration = Duration::from_secs(1);

/// How the service is run on one core: the exit status.
type Run = dyn Fn(Seat) -> u8 + Send + Sync;

/// A core's place in the team.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Seat {
    pub(crate) team: &'static Team,
    pub(crate) index: usize,
}

/// What the threads have in common.
pub(crate) struct Team {
    bells: Vec<OwnedFd>,
    pin: bool,
    run: Box<Run>,
    state: Mutex<State>,
    changed: Condvar,
    /// Whether all cores serve, and nobody has said so.
    is_news: AtomicBool,
}

#[derive(Debug, Default)]
struct State {
    cores: Option<&'static Cores>,
    /// How many cores but the first have opened what they need, and given up their own rights.
    arrived: usize,
    /// Whether they may go on.
    is_open: bool,
    /// How many cores serve.
    serving: usize,
    /// Where the first one serves.
    line: Option<String>,
    /// How many cores but the first have ended, and the worst status of those.
    ended: usize,
    status: u8,
}

impl Team {
    /// A team of `count` cores, each of which does what `run` does.
    ///
    /// # Errors
    /// The system has not enough descriptors.
    pub(crate) fn new(
        count: usize,
        pin: bool,
        run: impl Fn(Seat) -> u8 + Send + Sync + 'static,
    ) -> Result<&'static Self, Error> {
        let bell = || eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK);
        let bells = (0..count).map(|_| bell()).collect::<Result<_, _>>().map_err(|errno| {
            Error::new(1, format_args!("cannot make the bells of {count} cores: {errno}"))
        })?;
        Ok(Box::leak(Box::new(Self {
            bells,
            pin,
            run: Box::new(run),
            state: Mutex::default(),
            changed: Condvar::new(),
            is_news: AtomicBool::new(false),
        })))
    }

    /// How many cores there are.
    pub(crate) fn count(&self) -> usize {
        self.bells.len()
    }

    /// Does what the core with this number does, on this thread.
    pub(crate) fn run(&'static self, index: usize) -> u8 {
        self.pin(index);
        (self.run)(Seat { team: self, index })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.state());
        self.changed.notify_all();
    }

    /// Waits until it is so. A spurious wake-up does no harm.
    fn wait_until(&self, is_so: impl Fn(&State) -> bool) -> MutexGuard<'_, State> {
        let mut state = self.state();
        while !is_so(&state) {
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        state
    }

    /// Joins a core to the others. What they share lies in the memory of the first, which joins before the others start.
    pub(crate) fn join(
        &'static self,
        index: usize,
        seed: impl FnOnce() -> Result<u128, Error>,
        memory: &'static Region<'static>,
    ) -> Result<Core, Error> {
        let known = self.state().cores;
        let cores = match known {
            Some(cores) => cores,
            None => {
                let bytes = memory.pool().map_or(0, |pool| pool.pages()) * rt_regions::PAGE_SIZE;
                let sizes = Sizes::within(bytes * self.count(), self.count());
                let cores = Cores::new(memory, self.count(), seed()?, sizes, self)?;
                self.change(|state| state.cores = Some(cores));
                cores
            }
        };
        Core::join(cores, index, memory).map_err(|error| Error::new(1, error))
    }

    /// Starts the other cores, and waits until each has opened what it needs and given up its own rights.
    ///
    /// # Errors
    /// One cannot start, or has ended. It has said why.
    pub(crate) fn start_others(&'static self) -> Result<(), Error> {
        for index in 1..self.count() {
            thread::Builder::new()
                .name(format!("core {index}"))
                .stack_size(STACK)
                .spawn(move || self.live(index))
                .map_err(|error| {
                    Error::new(1, format_args!("cannot start core {index}: {error}"))
                })?;
        }
        let others = self.count() - 1;
        let state = self.wait_until(|state| state.arrived + state.ended >= others);
        match state.ended {
            0 => Ok(()),
            _ => Err(Error::new(state.status.max(1), "a core has ended before it served")),
        }
    }

    /// The life of a thread. It does not end before the process does.
    fn live(&'static self, index: usize) {
        // Nothing is used after a panic but the status. In a program that aborts on panic, this is never an error.
        let status = panic::catch_unwind(AssertUnwindSafe(|| self.run(index)));
        let status = status.unwrap_or(crate::entry::PANICKED);
        self.change(|state| {
            state.ended += 1;
            state.status = state.status.max(status);
        });
        // Without this core, the others serve nobody whose packets come here.
        if let Some(cores) = self.state().cores {
            rt::private::stop(cores, 0);
        }
        self.ring(0);
        loop {
            let _ = poll(&mut [], None);
        }
    }

    /// Keeps this thread on the processor with this number among those that the process may use.
    fn pin(&self, index: usize) {
        let Ok(allowed) = sched_getaffinity(None).map_err(drop) else { return };
        let mut processors = (0..CpuSet::MAX_CPU).filter(|cpu| allowed.is_set(*cpu));
        if let Some(processor) = processors.nth(index).filter(|_| self.pin) {
            let mut one = CpuSet::new();
            one.set(processor);
            if let Err(errno) = sched_setaffinity(None, &one) {
                say(format_args!("core {index} is not kept on processor {processor}: {errno}"));
            }
        }
    }

    /// Called by a core that has given up its own rights: waits until all have.
    pub(crate) fn arrive(&self) {
        self.change(|state| state.arrived += 1);
        drop(self.wait_until(|state| state.is_open));
    }

    /// Lets the others go on.
    pub(crate) fn open(&self) {
        self.change(|state| state.is_open = true);
    }

    /// Called by each core when it serves. True for the one after which all do.
    pub(crate) fn serving(&self, index: usize, line: fmt::Arguments<'_>) {
        let mut state = self.state();
        state.serving += 1;
        if index == 0 {
            state.line = Some(line.to_string());
        }
        if state.serving == self.count() {
            self.is_news.store(true, Ordering::Release);
            self.ring(0);
        }
    }

    /// The line that says where all cores serve, once.
    #[inline]
    pub(crate) fn take_news(&self) -> Option<String> {
        if self.is_news.load(Ordering::Relaxed) && self.is_news.swap(false, Ordering::Acquire) {
            let (mut state, count) = (self.state(), self.count());
            return state.line.take().map(|line| format!("{line} on {count} cores"));
        }
        None
    }

    /// Called by the first core, which has ended: the worst status of the others, which have a second to end.
    pub(crate) fn end(&self) -> u8 {
        // Those that have not gone on never will.
        if let Some(cores) = self.state().cores {
            (1..self.count()).for_each(|core| rt::private::stop(cores, core));
        }
        let (until, others) = (Instant::now() + END_TIMEOUT, self.count() - 1);
        let mut state = self.state();
        let has_started = state.is_open;
        while has_started && state.ended < others {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            let waited = self.changed.wait_timeout(state, left);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        state.status
    }

    /// What to wait on beside the event of a core.
    pub(crate) fn bell(&self, index: usize) -> BorrowedFd<'_> {
        self.bells[index].as_fd()
    }

    /// Empties the bell of a core after a wait.
    pub(crate) fn heard(&self, index: usize) {
        let _ = read(&self.bells[index], &mut [0; 8]);
    }
}

impl Doorbell for Team {
    fn ring(&self, core: usize) {
        // One that is full has rung.
        let _ = write(&self.bells[core], &1_u64.to_ne_bytes());
    }

    fn pause(&self) {
        thread::yield_now();
    }
}

impl fmt::Debug for Team {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Team").field("count", &self.count()).finish_non_exhaustive()
    }
}
