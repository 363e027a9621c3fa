//! Signals: the requests of people and service managers to a process.

use std::{
    fs, io,
    os::fd::{AsFd, BorrowedFd, OwnedFd},
    sync::atomic::{AtomicU8, AtomicU64, Ordering},
    time::Duration,
};

use layer::Instant;
use rt::Wake;
use rustix::pipe::{PipeFlags, pipe_with};
use signal_hook::{
    consts::{SIGHUP, SIGINT, SIGTERM, SIGUSR1, SIGXFSZ},
    low_level,
};

use crate::{runtime::now, words};

/// A request to end (SIGHUP, SIGINT, SIGTERM).
const STOP: u8 = 1;
/// A request for the statistics (SIGUSR1).
const REPORT: u8 = 2;

/// How long a program may take to notice a request to end. After that, the next signal ends it by the default
/// action.
const END_TIMEOUT: Duration = Duration::from_secs(1);

/// The requests by signals that are not handled yet.
#[derive(Debug)]
pub(crate) struct Signals {
    asked: AtomicU8,
    /// When the end was first asked for, in nanoseconds of the clock of the runtime.
    since: AtomicU64,
    /// The reading end of a pipe into which each signal writes a byte. So a signal ends a wait, even one that
    /// has only just begun.
    wake: OwnedFd,
    bell: OwnedFd,
}

impl Signals {
    /// Handles the signals of this process from now on, as long as it runs.
    pub(crate) fn install() -> io::Result<&'static Self> {
        let (wake, bell) = pipe_with(PipeFlags::CLOEXEC | PipeFlags::NONBLOCK)?;
        let signals: &'static Self = Box::leak(Box::new(Self {
            asked: AtomicU8::new(0),
            since: AtomicU64::new(0),
            wake,
            bell,
        }));
        // Under `nohup` the service stays when the terminal goes.
        let hangup = if is_ignored(SIGHUP) { None } else { Some((SIGHUP, STOP)) };
        let others = [(SIGINT, STOP), (SIGTERM, STOP), (SIGUSR1, REPORT)];
        for (signal, what) in others.into_iter().chain(hangup) {
            let heard = move || signals.heard(signal, what);
            // SAFETY: the handler does what signal-safety(7) allows: atomics, reading the clock,
            // write(2), and a call that is documented as safe in a handler. Nothing in it panics,
            // allocates, locks, or writes errno, which rustix does not use.
            unsafe { low_level::register(signal, heard) }?;
        }
        // A file that has grown as far as it may (`ulimit -f`) is an error of the write, not the end.
        // SAFETY: the handler does nothing.
        unsafe { low_level::register(SIGXFSZ, || ()) }?;
        Ok(signals)
    }

    /// The signal handler.
    fn heard(&self, signal: i32, what: u8) {
        let now = now();
        if what == STOP && self.asked.load(Ordering::Acquire) & STOP == 0 {
            self.since.store(now.as_nanos(), Ordering::Relaxed);
        } else if what == STOP
            && now.since(Instant::from_nanos(self.since.load(Ordering::Relaxed))) > END_TIMEOUT
        {
            // The program does not look for requests: take the default action.
            let _ = low_level::emulate_default_handler(signal);
        }
        // Last, so that whoever sees the bit of the end sees its time as well.
        self.asked.fetch_or(what, Ordering::Release);
        // A pipe that is full wakes as well.
        let _ = rustix::io::write(&self.bell, &[0]);
    }

    /// What to wait on beside the event.
    pub(crate) fn wake(&self) -> BorrowedFd<'_> {
        self.wake.as_fd()
    }

    /// Empties the pipe after a wait: the requests up to now will be handled.
    pub(crate) fn woken(&self) {
        // A byte that is left causes one more wake-up, which is harmless.
        let _ = rustix::io::read(&self.wake, &mut [0; 64]);
    }

    /// The request since the last call. A request to end comes before one for the statistics, because the end
    /// prints them too.
    #[inline]
    pub(crate) fn take(&self) -> Wake {
        if self.asked.load(Ordering::Relaxed) == 0 { Wake::Continue } else { self.take_up() }
    }

    #[cold]
    fn take_up(&self) -> Wake {
        match self.asked.swap(0, Ordering::Relaxed) {
            0 => Wake::Continue,
            asked if asked & STOP != 0 => {
                words::begin_last_words();
                Wake::Stop
            }
            _ => Wake::Report,
        }
    }
}

/// Whether the process was started with this signal ignored.
fn is_ignored(signal: i32) -> bool {
    // Without /proc, it counts as not ignored.
    fs::read_to_string("/proc/self/status").is_ok_and(|status| ignores(&status, signal))
}

/// Whether a process with this `/proc/PID/status` (proc(5): `SigIgn`) ignores a signal.
fn ignores(status: &str, signal: i32) -> bool {
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|digits| u64::from_str_radix(digits.trim(), 16).ok());
    mask.is_some_and(|mask| mask >> (signal - 1) & 1 == 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signal_that_is_ignored_has_its_bit() {
        let status =
            "Name:\techo\nSigBlk:\tffffffffffffffff\nSigIgn:\t0000000000001001\nSigCgt:\t0\n";
        assert!(ignores(status, SIGHUP) && ignores(status, 13));
        assert!(
            !ignores(status, SIGINT) && !ignores("SigIgn:\tx\n", SIGHUP) && !ignores("", SIGHUP)
        );
    }
}
