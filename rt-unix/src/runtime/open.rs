//! What a runtime opens when it is made.

#[cfg(feature = "cores")]
use std::path::PathBuf;
use std::{ffi::OsString, path::Path};

#[cfg(feature = "cores")]
use cores::Core;
use rt::{Error, TaskStore};
use rt_regions::{Pool, Region};
use rustix::{
    io::Errno,
    rand::{GetRandomFlags, getrandom},
};

use super::Rt;
#[cfg(feature = "page")]
use crate::insight::Process;
#[cfg(feature = "profile")]
use crate::profile::{self, Profiler};
#[cfg(feature = "cores")]
use crate::team::Seat;
use crate::{
    arguments::{Arguments, LEAST_MEMORY},
    limits, memory,
    signals::Signals,
    words::say,
};

impl Rt {
    /// A runtime with these arguments, the program's name left out: `--memory`, `--pcap`, `--pcap-size`, `--profile`,
    /// `--profile-every` and `--sandbox` are its own, the rest are the service's. From now on until its end,
    /// the process handles SIGHUP, SIGINT, SIGTERM and SIGUSR1, and holds the memory.
    ///
    /// # Errors
    /// An argument is not UTF-8, or one of its own has a bad value (status 2); the system has not
    /// enough memory or descriptors, or the file of the profile cannot be made (status 1). `--cores` asks for several, which
    /// [`start`](crate::start) starts (status 2).
    pub fn new(arguments: impl IntoIterator<Item = OsString>) -> Result<Self, Error> {
        let arguments = Arguments::read(arguments)?;
        match arguments.cores {
            1 => Self::alone(arguments),
            count => {
                let words = "this program runs on one core";
                Err(Error::new(2, format_args!("--cores={count}: {words}")))
            }
        }
    }

    /// The runtime of a process with one core.
    pub(crate) fn alone(arguments: Arguments) -> Result<Self, Error> {
        #[cfg(feature = "page")]
        let process = Process::start();
        let memory = open_memory(&arguments, 1, true)?;
        #[cfg(feature = "page")]
        process.milestone("memory");
        Self::with(
            arguments,
            memory,
            install_signals()?,
            #[cfg(feature = "page")]
            process,
        )
    }

    /// The runtime of one core among several. Each has its part of the memory; what is written to a file goes to one of its
    /// own.
    #[cfg(feature = "cores")]
    pub(crate) fn seated(
        arguments: &Arguments,
        signals: &'static Signals,
        seat: Seat,
    ) -> Result<Self, Error> {
        #[cfg(feature = "page")]
        let process = Process::start();
        let Seat { team, index } = seat;
        let memory = open_memory(arguments, team.count(), index == 0)?;
        let core = team.join(index, random, memory.1)?;
        let of_core = |path: &PathBuf| match index {
            0 => path.clone(),
            _ => {
                let mut name = path.clone().into_os_string();
                name.push(format!(".{index}"));
                name.into()
            }
        };
        let arguments = Arguments {
            pcap: arguments.pcap.as_ref().map(of_core),
            profile: arguments.profile.as_ref().map(of_core),
            ..*arguments
        };
        let runtime = Self::with(
            arguments,
            memory,
            signals,
            #[cfg(feature = "page")]
            process,
        )?;
        Ok(Self { core, team: Some(team), ..runtime })
    }

    fn with(
        arguments: Arguments,
        (pool, memory): (&'static Pool<'static>, &'static Region<'static>),
        signals: &'static Signals,
        #[cfg(feature = "page")] process: &'static Process,
    ) -> Result<Self, Error> {
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
            #[cfg(feature = "cores")]
            core: Core::ALONE,
            #[cfg(feature = "cores")]
            team: None,
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

/// Handles the signals of this process from now on.
pub(crate) fn install_signals() -> Result<&'static Signals, Error> {
    Signals::install().map_err(|error| Error::new(1, format_args!("cannot hear signals: {error}")))
}

/// The pool of one core of `count`, which share the memory of the process equally.
fn open_memory(
    arguments: &Arguments,
    count: usize,
    is_first: bool,
) -> Result<(&'static Pool<'static>, &'static Region<'static>), Error> {
    let limits = limits::read(Path::new("/"));
    #[cfg(feature = "profile")]
    let more = if arguments.profile.is_some() { (count * profile::MEMORY) as u64 } else { 0 };
    #[cfg(not(feature = "profile"))]
    let more = 0;
    let plan = limits::plan(arguments.memory, more, &limits)?;
    if let Some(words) = plan.words.filter(|_| is_first) {
        say(format_args!("{words}"));
    }
    let part = plan.memory / count;
    if part < LEAST_MEMORY {
        let (memory, most) = (plan.memory, plan.memory / LEAST_MEMORY);
        let words = format_args!("--cores={count}: {memory} bytes of memory are enough for {most}");
        return Err(Error::new(2, words));
    }
    memory::open(part)
}

/// Sixteen unpredictable bytes as a number.
#[cfg(feature = "cores")]
fn random() -> Result<u128, Error> {
    let mut bytes = [0; 16];
    fill_random(&mut bytes)?;
    Ok(u128::from_ne_bytes(bytes))
}

/// Fills `out` with unpredictable bytes.
pub(super) fn fill_random(out: &mut [u8]) -> Result<(), Error> {
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
