//! The reports of a running service, which it writes when it gets `SIGUSR1`.

use std::{
    os::fd::OwnedFd,
    sync::Arc,
    time::{Duration, Instant},
};

use ::soak::Reports;
use anyhow::{Context, Result, ensure};
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};

use crate::{Service, lines::Lines};

/// How long a report may take, on a busy machine too.
const WITHIN: Duration = Duration::from_secs(30);
/// How often it is looked for.
const TICK: Duration = Duration::from_millis(2);

/// Asks a process for what all its cores count and hold.
#[derive(Debug)]
pub(super) struct ServiceReports {
    /// Its number may be another process's, when it has ended.
    process: OwnedFd,
    output: Arc<Lines>,
    cores: usize,
}

impl ServiceReports {
    /// The reports of a service on so many cores.
    ///
    /// # Errors
    /// It has ended.
    pub(super) fn of(service: &Service<'_>, cores: usize) -> Result<Self> {
        let id = service.id().try_into().ok().and_then(Pid::from_raw);
        let process = id.and_then(|id| pidfd_open(id, PidfdFlags::empty()).ok());
        let process = process.context("the service has ended")?;
        Ok(Self { process, output: service.output(), cores })
    }

    /// Asks, and returns how many lines there were when each core had said what its pool holds after the line number `from`.
    fn ask(&self, from: usize) -> Result<usize> {
        pidfd_send_signal(&self.process, Signal::USR1).context("the service has ended")?;
        let until = Instant::now() + WITHIN;
        loop {
            let lines = self.output.from(from);
            if (0..self.cores).all(|core| lines.iter().any(|line| is_pool(line, core))) {
                return Ok(from + lines.len());
            }
            ensure!(Instant::now() < until, "the service does not report");
            std::thread::sleep(TICK);
        }
    }
}

impl Reports for ServiceReports {
    fn report(&self) -> Result<Vec<String>> {
        let from = self.output.count();
        let next = self.ask(from)?;
        // The lines of a core come in their order. So when it begins a second report, it has ended the first.
        self.ask(next)?;
        Ok(self.output.from(from))
    }
}

/// Whether this is the line of a core about its pool.
fn is_pool(line: &str, core: usize) -> bool {
    match core {
        0 => line.starts_with("pool "),
        _ => line
            .strip_prefix("core ")
            .and_then(|rest| rest.strip_prefix(&format!("{core}: pool ")))
            .is_some(),
    }
}
