//! Signals: the requests of people and service managers to a process, and those of its own timer.

use std::{
    ffi::c_int,
    fs, io,
    os::fd::{AsFd, BorrowedFd, OwnedFd},
    ptr,
    sync::atomic::{AtomicU8, AtomicU64, Ordering},
    time::Duration,
};

use layer::Instant;
use rt::Wake;
use rustix::pipe::{PipeFlags, pipe_with};
use signal_hook::{
    consts::{SIGALRM, SIGHUP, SIGINT, SIGTERM, SIGUSR1, SIGXFSZ},
    low_level,
};

use crate::{runtime::now, words};

/// A request to end (SIGHUP, SIGINT, SIGTERM).
const STOP: u8 = 1;
/// A request for the statistics (SIGUSR1).
const REPORT: u8 = 2;
/// The timer has run out (SIGALRM).
const TIMER: u8 = 4;

/// `ITIMER_REAL` (`linux/time.h`): the timer that sends SIGALRM.
const ITIMER_REAL: c_int = 0;

/// How long a program may take to notice a request to end. After that, the next signal ends it by the default
/// action.
const END_TIMEOUT: Duration = Duration::from_secs(1);

/// What signals asked for since the last look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Requests {
    /// What the loop is to do. A request to end comes before one for the statistics, because the end prints them
    /// too.
    pub(crate) wake: Wake,
    /// Whether the timer has run out.
    pub(crate) timer: bool,
}

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
            signals.listen(signal, what)?;
        }
        // A file that has grown as far as it may (`ulimit -f`) is an error of the write, not the end.
        // SAFETY: the handler does nothing.
        unsafe { low_level::register(SIGXFSZ, || ()) }?;
        Ok(signals)
    }

    /// Handles `signal` from now on: it asks for `what`.
    fn listen(&'static self, signal: i32, what: u8) -> io::Result<()> {
        let heard = move || self.heard(signal, what);
        // SAFETY: the handler does what signal-safety(7) allows: atomics, reading the clock,
        // write(2), and a call that is documented as safe in a handler. Nothing in it panics,
        // allocates, locks, or writes errno, which rustix does not use.
        unsafe { low_level::register(signal, heard) }.map(drop)
    }

    /// Starts a timer that ends a wait each time that `period` is over. It costs a packet nothing: the loop looks for
    /// signals in any case.
    pub(crate) fn start_timer(&'static self, period: Duration) -> io::Result<()> {
        self.listen(SIGALRM, TIMER)?;
        let period = libc::timeval {
            tv_sec: period.as_secs().cast_signed(),
            tv_usec: period.subsec_micros().into(),
        };
        let timer = libc::itimerval { it_interval: period, it_value: period };
        // SAFETY: the kernel reads a `struct itimerval`, and writes nothing at a null pointer.
        let answer = unsafe { libc::setitimer(ITIMER_REAL, &raw const timer, ptr::null_mut()) };
        if answer < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
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

    /// Whether there are requests since the last call of [`take`](Self::take). Costs one load.
    #[inline]
    pub(crate) fn are_pending(&self) -> bool {
        self.asked.load(Ordering::Relaxed) != 0
    }

    /// The requests since the last call.
    #[cold]
    pub(crate) fn take(&self) -> Requests {
        let asked = self.asked.swap(0, Ordering::Relaxed);
        let wake = if asked & STOP != 0 {
            words::begin_last_words();
            Wake::Stop
        } else if asked & REPORT != 0 {
            Wake::Report
        } else {
            Wake::Continue
        };
        Requests { wake, timer: asked & TIMER != 0 }
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
