//! A Linux process as a platform.

mod open;

use std::{fmt, mem, os::fd::BorrowedFd, path::PathBuf, time::Duration};

#[cfg(feature = "cores")]
use cores::Core;
use layer::{Instant, KeptAddress};
#[cfg(feature = "page")]
use rt::insight::{Activity, Insight};
use rt::{Error, Runtime, TaskStore, Wake};
use rt_regions::{Pool, Region};
use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    io::Errno,
    time::{ClockId, clock_gettime},
};

#[cfg(feature = "page")]
use crate::insight::Process;
#[cfg(feature = "profile")]
use crate::profile::Profiler;
#[cfg(feature = "cores")]
use crate::team::Team;
use crate::{
    Recorder,
    address_file::AddressFile,
    manager::Manager,
    sandbox,
    signals::Signals,
    words::{self, say},
};

#[cfg(feature = "cores")]
pub(crate) use open::install_signals;

/// How often the device is asked again after a packet before the process sleeps: for about 8 us, which is no longer than
/// falling asleep and being woken takes.
const SPINS: u32 = 32;

/// The event of this runtime: a descriptor that is never closed, and becomes readable.
pub type Event = BorrowedFd<'static>;

/// The runtime of a Linux process.
#[derive(Debug)]
pub struct Rt {
    arguments: &'static [&'static str],
    pool: &'static Pool<'static>,
    memory: &'static Region<'static>,
    signals: &'static Signals,
    /// The service manager, once the runtime has looked for it.
    manager: Option<Manager>,
    pcap: Option<PathBuf>,
    pcap_size: u64,
    /// Whether an interface has taken the recorder.
    is_recorded: bool,
    /// Whether privileges are still to be given up.
    sandbox: bool,
    tasks: TaskStore,
    /// How many more times the device is asked before the process sleeps.
    spins_left: u32,
    #[cfg(feature = "cores")]
    core: Core,
    /// The other cores, if there are some.
    #[cfg(feature = "cores")]
    team: Option<&'static Team>,
    #[cfg(feature = "profile")]
    profiler: Option<Profiler>,
    #[cfg(feature = "page")]
    process: &'static Process,
}

impl Rt {
    /// Says where the program serves, to people and to the service manager.
    fn announce(&mut self, line: fmt::Arguments<'_>) {
        say(line);
        if let Some(manager) = &mut self.manager {
            manager.ready(&line.to_string());
        }
    }

    /// Gives up the rights of this thread.
    fn give_up_own(&self) -> Result<(), Error> {
        // The first reading of the clock finds the vDSO, which needs a call and a file that are refused
        // later. Without it, each reading would be a system call.
        let _ = now();
        #[cfg(feature = "defmt")]
        crate::log::open_program();
        sandbox::enter_thread()
    }

    /// What signals asked for; does itself what concerns the service manager.
    #[cold]
    fn take_requests(&mut self) -> Wake {
        let requests = self.signals.take();
        if let Some(manager) = &mut self.manager {
            if requests.timer {
                manager.alive();
            }
            if requests.wake == Wake::Stop {
                manager.stopping();
            }
        }
        requests.wake
    }
}

impl Runtime for Rt {
    type Event = Event;
    type Recorder = Recorder;

    #[cfg(feature = "cores")]
    fn core(&self) -> Core {
        self.core
    }

    fn now(&self) -> Instant {
        now()
    }

    fn wall_time(&self) -> Option<Duration> {
        let Timespec { tv_sec, tv_nsec } = clock_gettime(ClockId::Realtime);
        // A clock before 1970 is not set.
        Some(Duration::new(tv_sec.try_into().ok()?, tv_nsec as u32))
    }

    fn task_store(&self) -> &TaskStore {
        &self.tasks
    }

    fn wait(&mut self, event: &Event, deadline: Option<Instant>) -> Result<Wake, Error> {
        words::catch_up();
        // After a packet, the next one often comes sooner than the process could have fallen asleep.
        if self.spins_left > 0 {
            self.spins_left -= 1;
            return Ok(self.pending_request());
        }
        #[cfg(feature = "page")]
        self.process.begin(Activity::Idle, self.now());
        // A time beyond the range of the kernel counts as no deadline.
        let timeout =
            deadline.and_then(|deadline| Timespec::try_from(deadline.since(self.now())).ok());
        let wake = self.signals.wake();
        #[cfg(feature = "cores")]
        if let Some(team) = self.team {
            // Signals are the affair of the first core.
            let bell = team.bell(self.core.index());
            let mut fds = [event, &bell, &wake].map(|fd| PollFd::new(fd, PollFlags::IN));
            let fds = &mut fds[..if self.core.is_first() { 3 } else { 2 }];
            self.core.sleep(|| sleep(fds, timeout.as_ref())).unwrap_or(Ok(()))?;
            if !fds[1].revents().is_empty() {
                team.heard(self.core.index());
            }
            if fds.get(2).is_some_and(|wake| !wake.revents().is_empty()) {
                self.signals.woken();
            }
            return Ok(self.pending_request());
        }
        let mut fds = [PollFd::new(event, PollFlags::IN), PollFd::new(&wake, PollFlags::IN)];
        sleep(&mut fds, timeout.as_ref())?;
        if !fds[1].revents().is_empty() {
            self.signals.woken();
        }
        Ok(self.pending_request())
    }

    #[inline]
    fn pending_request(&mut self) -> Wake {
        #[cfg(feature = "cores")]
        if let Some(team) = self.team {
            if !self.core.is_first() {
                return Wake::Continue;
            }
            if let Some(line) = team.take_news() {
                self.announce(format_args!("{line}"));
            }
        }
        if self.signals.are_pending() { self.take_requests() } else { Wake::Continue }
    }

    fn entropy(&mut self, out: &mut [u8]) -> Result<(), Error> {
        open::fill_random(out)
    }

    fn args(&self) -> impl Iterator<Item = &'static str> {
        self.arguments.iter().copied()
    }

    fn has_log(&self) -> bool {
        cfg!(feature = "defmt")
    }

    fn recorder(&mut self) -> Result<Option<Recorder>, Error> {
        self.is_recorded = true;
        self.pcap.as_deref().map(|path| Recorder::create(path, self.pcap_size)).transpose()
    }

    fn kept_address(&self, path: &str) -> Result<&'static dyn KeptAddress, Error> {
        Ok(Box::leak(Box::new(AddressFile::open(path)?)))
    }

    fn confine(&mut self) -> Result<(), Error> {
        if let Some(path) = self.pcap.as_deref().filter(|_| !self.is_recorded) {
            let path = path.display();
            let words = "no interface of this program can do that";
            return Err(Error::new(2, format_args!("--pcap={path}: {words}")));
        }
        // Privileges are given up once, and cannot be regained.
        let sandbox = mem::take(&mut self.sandbox);
        #[cfg(feature = "cores")]
        match self.team {
            Some(team) if !self.core.is_first() => {
                if sandbox {
                    self.give_up_own()?;
                }
                team.arrive();
                return Ok(());
            }
            Some(team) => team.start_others()?,
            None => {}
        }
        // Now, because no socket can be made later.
        self.manager.get_or_insert_with(|| Manager::connect(self.signals));
        if sandbox {
            self.give_up_own()?;
            sandbox::enter_process();
        }
        #[cfg(feature = "cores")]
        if let Some(team) = self.team {
            team.open();
        }
        Ok(())
    }

    #[inline]
    #[cfg_attr(not(feature = "profile"), expect(unused_variables, reason = "the time of a sample"))]
    fn packet_served(&mut self, now: Instant) {
        self.spins_left = SPINS;
        #[cfg(feature = "profile")]
        if let Some(profiler) = &mut self.profiler {
            profiler.packet_served(self.pool, now);
        }
    }

    #[cfg(feature = "profile")]
    fn write_profile(&mut self) -> Result<(), Error> {
        self.profiler.as_ref().map_or(Ok(()), Profiler::write)
    }

    #[cfg(feature = "page")]
    fn milestone(&mut self, name: &'static str) {
        self.process.milestone(name);
    }

    #[cfg(feature = "page")]
    #[inline]
    fn begin(&mut self, activity: Activity, now: Instant) {
        self.process.begin(activity, now);
    }

    #[cfg(feature = "page")]
    fn insight(&mut self) -> Result<Option<&'static dyn Insight>, Error> {
        self.process.watch().map(Some)
    }

    fn print(&mut self, line: fmt::Arguments<'_>) {
        #[cfg(feature = "cores")]
        if !self.core.is_first() {
            return say(format_args!("core {}: {line}", self.core.index()));
        }
        say(line);
    }

    fn serving(&mut self, line: fmt::Arguments<'_>) {
        #[cfg(feature = "cores")]
        if let Some(team) = self.team {
            // Said when all of them do.
            return team.serving(self.core.index(), line);
        }
        self.announce(line);
    }

    fn memory(&self) -> &'static Region<'static> {
        self.memory
    }

    fn pool(&self) -> &'static Pool<'static> {
        self.pool
    }
}

/// Waits until one of these is readable, or the time is over.
fn sleep(fds: &mut [PollFd<'_>], timeout: Option<&Timespec>) -> Result<(), Error> {
    match poll(fds, timeout) {
        // A signal of ours or another one: `pending_request` tells.
        Ok(_) | Err(Errno::INTR) => {}
        Err(errno) => return Err(Error::new(1, format_args!("cannot wait: {errno}"))),
    }
    if fds[0].revents().contains(PollFlags::NVAL) {
        return Err(Error::new(1, "cannot wait: the descriptor is not open"));
    }
    Ok(())
}

/// The time since the system started, not counting suspension; no system call where there is a vDSO.
pub(crate) fn now() -> Instant {
    let Timespec { tv_sec, tv_nsec } = clock_gettime(ClockId::Monotonic);
    // CLOCK_MONOTONIC counts from zero, and 64 bits hold 584 years of nanoseconds.
    Instant::from_nanos(tv_sec.cast_unsigned() * 1_000_000_000 + tv_nsec as u64)
}
