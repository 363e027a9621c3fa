//! `cargo letregion` while it runs.

use std::{
    ops::{Deref, DerefMut},
    process::{Child, ExitStatus},
    thread,
    time::{Duration, Instant},
};

use lab::Signal;
use nix::{sys::signal::kill, unistd::Pid};

use crate::typed::start;

/// How long it may take to end when it is told to: it ends what it has started.
const ENDED_WITHIN: Duration = Duration::from_secs(20);
/// How often it is looked at in the meantime.
const TICK: Duration = Duration::from_millis(10);

/// Starts `cargo letregion` with these arguments; its input and what it says are pipes.
pub(crate) fn spawn(args: &[&str]) -> Running {
    Running(start(args))
}

/// `cargo letregion`, which ends with this value, and with it what it has started.
pub(crate) struct Running(Child);

impl Running {
    /// Its status, if it ends within this time.
    pub(crate) fn ended_within(&mut self, limit: Duration) -> Option<ExitStatus> {
        let deadline = Instant::now() + limit;
        loop {
            let status = self.0.try_wait().expect("it was started");
            if status.is_some() || Instant::now() >= deadline {
                return status;
            }
            thread::sleep(TICK);
        }
    }
}

impl Deref for Running {
    type Target = Child;

    fn deref(&self) -> &Child {
        &self.0
    }
}

impl DerefMut for Running {
    fn deref_mut(&mut self) -> &mut Child {
        &mut self.0
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if self.ended_within(Duration::ZERO).is_none() {
            let id = self.0.id().try_into().expect("a process has such a number");
            let _ = kill(Pid::from_raw(id), Signal::SIGTERM);
        }
        if self.ended_within(ENDED_WITHIN).is_none() {
            let _ = self.0.kill();
            let _ = self.0.wait();
        }
    }
}
