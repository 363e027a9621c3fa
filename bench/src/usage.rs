//! What a process has used of the processors (proc(5), and Linux `Documentation/scheduler/sched-stats.rst`).

use std::{fs, io};

use anyhow::{Context, Result};

/// The use of a process until now, all its threads together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// The time that it ran, in nanoseconds: exact.
    pub run: u64,
    /// The time that it could have run and something else did, in nanoseconds.
    pub waited: u64,
    /// How many ticks of the clock found it running its own code.
    pub user_ticks: u64,
    /// How many found it running the kernel's code.
    pub kernel_ticks: u64,
}

impl Usage {
    /// What this process has used until now.
    ///
    /// # Errors
    /// There is no such process.
    pub fn of(process: u32) -> Result<Self> {
        let mut usage = Self::default();
        for thread in threads(process)? {
            let file = format!("/proc/{process}/task/{thread}/schedstat");
            let times = match fs::read_to_string(file) {
                Ok(times) => times,
                // It has ended since it was listed.
                Err(error) if is_gone(&error) => continue,
                Err(error) => return Err(error).context("cannot read schedstat"),
            };
            let mut times = times.split_whitespace().map(str::parse::<u64>);
            usage.run += times.next().context("schedstat is empty")??;
            usage.waited += times.next().context("schedstat is short")??;
        }
        let stat = fs::read_to_string(format!("/proc/{process}/stat")).context("no stat")?;
        (usage.user_ticks, usage.kernel_ticks) = ticks(&stat).context("stat is short")?;
        Ok(usage)
    }

    /// What came after `before`.
    #[must_use]
    pub fn since(&self, before: &Self) -> Self {
        Self {
            run: self.run.saturating_sub(before.run),
            waited: self.waited.saturating_sub(before.waited),
            user_ticks: self.user_ticks.saturating_sub(before.user_ticks),
            kernel_ticks: self.kernel_ticks.saturating_sub(before.kernel_ticks),
        }
    }
}

/// Whether a file of /proc cannot be read because its process or thread has ended.
fn is_gone(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::NotFound
        || error.raw_os_error() == Some(rustix::io::Errno::SRCH.raw_os_error())
}

/// Fields 14 and 15. The second field, a name in parentheses, may have anything in it.
fn ticks(stat: &str) -> Option<(u64, u64)> {
    let (_, rest) = stat.rsplit_once(')')?;
    let mut fields = rest.split_whitespace().skip(11);
    Some((fields.next()?.parse().ok()?, fields.next()?.parse().ok()?))
}

fn threads(process: u32) -> Result<Vec<i32>> {
    let folder = format!("/proc/{process}/task");
    let entries = fs::read_dir(folder).with_context(|| format!("process {process} is gone"))?;
    let mut threads = Vec::new();
    for entry in entries {
        let name = entry?.file_name();
        threads.push(name.to_string_lossy().parse().context("a thread without a number")?);
    }
    Ok(threads)
}

/// The memory of a process that is in use (`VmRSS`), in bytes.
///
/// # Errors
/// There is no such process.
pub fn resident(process: u32) -> Result<u64> {
    let status = fs::read_to_string(format!("/proc/{process}/status"))
        .with_context(|| format!("process {process} is gone"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kilobytes = line.and_then(|line| line.trim().strip_suffix(" kB"));
    let kilobytes: u64 = kilobytes.context("it has no memory")?.trim().parse()?;
    Ok(kilobytes << 10)
}

/// Keeps all the threads of a process on one core.
///
/// # Errors
/// There is no such process, or no such core.
pub fn pin_all(process: u32, core: usize) -> Result<()> {
    threads(process)?.into_iter().try_for_each(|thread| pin(thread, core))
}

/// Keeps a thread that was listed on one core, unless it has ended since.
fn pin(thread: i32, core: usize) -> Result<()> {
    match crate::pin(thread, core) {
        Err(error) if is_gone(&error) => Ok(()),
        pinned => pinned.with_context(|| format!("cannot pin {thread} to core {core}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_may_have_anything_in_it() {
        let stat = "7 (a) 1 2) R 1 7 7 0 -1 4194560 100 0 0 0 31 42 0 0 20 0 1 0 5 6 7";
        assert_eq!(ticks(stat), Some((31, 42)));
        assert_eq!(ticks("7 (a) R 1"), None);
    }

    #[test]
    fn a_thread_that_has_ended_is_no_error() {
        // No thread has the largest number that there is: Linux goes to 4,194,304.
        pin(i32::MAX, 0).unwrap();
        assert!(crate::pin(i32::MAX, 0).is_err());
        // A core that is not there is one.
        let error = pin(0, 1_000_000).unwrap_err();
        assert_eq!(error.to_string(), "cannot pin 0 to core 1000000");
    }

    #[test]
    fn our_memory_is_more_than_a_megabyte_and_less_than_this_machine_has() {
        let memory = resident(std::process::id()).unwrap();
        assert!((1 << 20..1 << 40).contains(&memory), "{memory}");
        assert!(resident(u32::MAX).is_err());
    }

    #[test]
    fn our_own_use_grows() {
        let before = Usage::of(std::process::id()).unwrap();
        let start = std::time::Instant::now();
        while start.elapsed().as_millis() < 30 {}
        let used = Usage::of(std::process::id()).unwrap().since(&before);
        assert!(used.run > 1_000_000, "{used:?}");
    }
}
