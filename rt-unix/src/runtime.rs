//! A Linux process as a platform.

use std::{
    ffi::OsString,
    fmt, mem,
    os::fd::BorrowedFd,
    path::{Path, PathBuf},
    time::Duration,
};

use layer::Instant;
#[cfg(feature = "page")]
use rt::insight::{Activity, Insight};
use rt::{Error, Runtime, TaskStore, Wake};
use rt_regions::{Pool, Region};
use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    io::Errno,
    rand::{GetRandomFlags, getrandom},
    time::{ClockId, clock_gettime},
};

#[cfg(feature = "page")]
use crate::insight::Process;
#[cfg(feature = "profile")]
use crate::profile::{self, Profiler};
use crate::{
    Recorder,
    arguments::Arguments,
    limits,
    manager::Manager,
    memory, sandbox,
    signals::Signals,
    words::{self, say},
};

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
    #[cfg(feature = "profile")]
    profiler: Option<Profiler>,
    #[cfg(feature = "page")]
    process: &'static Process,
}

impl Rt {
    /// A runtime with these arguments, the program's name left out: `--memory`, `--pcap`, `--pcap-size`, `--profile`,
    /// `--profile-every` and `--sandbox` are its own, the rest are the service's. From now on until its end,
    /// the process handles SIGHUP, SIGINT, SIGTERM and SIGUSR1, and holds the memory.
    ///
    /// # Errors
    /// An argument is not UTF-8, or one of its own has a bad value (status 2); the system has not
    /// enough memory or descriptors, or the file of the profile cannot be made (status 1).
    pub fn new(arguments: impl IntoIterator<Item = OsString>) -> Result<Self, Error> {
        #[cfg(feature = "page")]
        let process = Process::start();
        let arguments = Arguments::read(arguments)?;
        let limits = limits::read(Path::new("/"));
        #[cfg(feature = "profile")]
        let more = if arguments.profile.is_some() { profile::MEMORY as u64 } else { 0 };
        #[cfg(not(feature = "profile"))]
        let more = 0;
        let plan = limits::plan(arguments.memory, more, &limits)?;
        if let Some(words) = plan.words {
            say(format_args!("{words}"));
        }
        let (pool, memory) = memory::open(plan.memory)?;
        #[cfg(feature = "page")]
        process.milestone("memory");
        let signals = Signals::install()
            .map_err(|error| Error::new(1, format_args!("cannot hear signals: {error}")))?;
        Ok(Self {
            arguments: arguments.rest,
            pool,
            memory,
            signals,
            manager: None,
            pcap: arguments.pcap,
            pcap_size: arguments.pcap_size,
            is_recorded: false,
            sandbox: arguments.sandbox,
            tasks: TaskStore::new(),
            spins_left: 0,
            #[cfg(feature = "profile")]
            profiler: arguments
                .profile
                .map(|file| Profiler::new(file, arguments.profile_every))
                .transpose()?,
            #[cfg(feature = "page")]
            process,
        })
    }
}

impl Rt {
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
        let mut fds = [PollFd::new(event, PollFlags::IN), PollFd::new(&wake, PollFlags::IN)];
        match poll(&mut fds, timeout.as_ref()) {
            // A signal of ours or another one: `pending_request` tells.
            Ok(_) | Err(Errno::INTR) => {}
            Err(errno) => return Err(Error::new(1, format_args!("cannot wait: {errno}"))),
        }
        if fds[0].revents().contains(PollFlags::NVAL) {
            return Err(Error::new(1, "cannot wait: the descriptor is not open"));
        }
        if !fds[1].revents().is_empty() {
            self.signals.woken();
        }
        Ok(self.pending_request())
    }

    #[inline]
    fn pending_request(&mut self) -> Wake {
        if self.signals.are_pending() { self.take_requests() } else { Wake::Continue }
    }

    fn entropy(&mut self, out: &mut [u8]) -> Result<(), Error> {
        let mut rest = out;
        while !rest.is_empty() {
            // A signal can cut a long answer short.
            match getrandom(&mut *rest, GetRandomFlags::empty()) {
                Ok(length) => rest = &mut rest[length..],
                Err(Errno::INTR) => {}
                Err(errno) => return Err(Error::new(1, format_args!("no entropy: {errno}"))),
            }
        }
        Ok(())
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

    fn confine(&mut self) -> Result<(), Error> {
        if let Some(path) = self.pcap.as_deref().filter(|_| !self.is_recorded) {
            let path = path.display();
            let words = "no interface of this program can do that";
            return Err(Error::new(2, format_args!("--pcap={path}: {words}")));
        }
        // Now, because no socket can be made later.
        self.manager.get_or_insert_with(|| Manager::connect(self.signals));
        // Privileges are given up once, and cannot be regained.
        if !mem::take(&mut self.sandbox) {
            return Ok(());
        }
        // The first reading of the clock finds the vDSO, which needs a call and a file that are refused
        // later. Without it, each reading would be a system call.
        let _ = now();
        #[cfg(feature = "defmt")]
        crate::log::open_program();
        sandbox::enter()
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
        say(line);
    }

    fn serving(&mut self, line: fmt::Arguments<'_>) {
        say(line);
        if let Some(manager) = &mut self.manager {
            manager.ready(&line.to_string());
        }
    }

    fn memory(&self) -> &'static Region<'static> {
        self.memory
    }

    fn pool(&self) -> &'static Pool<'static> {
        self.pool
    }
}

/// The time since the system started, not counting suspension; no system call where there is a vDSO.
pub(crate) fn now() -> Instant {
    let Timespec { tv_sec, tv_nsec } = clock_gettime(ClockId::Monotonic);
    // CLOCK_MONOTONIC counts from zero, and 64 bits hold 584 years of nanoseconds.
    Instant::from_nanos(tv_sec.cast_unsigned() * 1_000_000_000 + tv_nsec as u64)
}
