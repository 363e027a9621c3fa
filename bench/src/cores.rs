//! Two processor cores: one for the load, one for who is measured.

use std::{
    hint, io,
    sync::atomic::{AtomicU32, Ordering},
    thread,
    time::{Duration, Instant},
};

use nix::{
    sched::{CpuSet, sched_getaffinity, sched_setaffinity},
    unistd::Pid,
};

/// How often the cache line goes there and back in one go.
const TURNS: u32 = 200;
/// How many goes there are; the one in the middle counts, so that being interrupted does not.
const GOES: usize = 25;

/// Two cores that this process may run on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cores {
    /// The number of the core of the load.
    pub load: usize,
    /// The number of the core of who is measured.
    pub server: usize,
}

impl Cores {
    /// The first two; none if there is only one.
    ///
    /// # Errors
    /// Those of the operating system.
    pub fn choose() -> io::Result<Option<Self>> {
        let allowed = sched_getaffinity(Pid::from_raw(0))?;
        let mut cores = (0..CpuSet::count()).filter(|core| allowed.is_set(*core) == Ok(true));
        Ok(cores.next().zip(cores.next()).map(|(load, server)| Self { load, server }))
    }

    /// How long a cache line takes from one core to the other: half of the time that it takes there
    /// and back. Where two virtual cores run on is the matter of the host, and may change at any time.
    ///
    /// # Errors
    /// Those of the operating system.
    pub fn distance(self) -> io::Result<Duration> {
        let line = AtomicU32::new(0);
        let mut goes = Vec::with_capacity(GOES);
        thread::scope(|scope| {
            let other = scope.spawn(|| {
                pin(0, self.server)?;
                answer(&line);
                io::Result::Ok(())
            });
            // Pinned on a thread of its own: this one may be pinned to something else.
            let asker = scope.spawn(|| {
                let pinned = pin(0, self.load);
                for _ in 0..GOES {
                    let start = Instant::now();
                    ask(&line, if pinned.is_ok() { TURNS } else { 1 });
                    goes.push(start.elapsed() / (2 * TURNS));
                }
                line.store(END, Ordering::Release);
                pinned
            });
            let asked = asker.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
            let answered = other.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
            asked.and(answered)
        })?;
        goes.sort_unstable();
        Ok(goes[GOES / 2])
    }
}

/// What ends the game; no count of turns gets there.
const END: u32 = u32::MAX;

/// Waits until `line` is another than `old`. Lets others run now and then: both players may have been
/// put on one core.
fn wait(line: &AtomicU32, old: u32) -> u32 {
    loop {
        for _ in 0..10_000 {
            let new = line.load(Ordering::Acquire);
            if new != old {
                return new;
            }
            hint::spin_loop();
        }
        thread::yield_now();
    }
}

/// Odd numbers are ours, even ones the answers.
fn ask(line: &AtomicU32, turns: u32) {
    for _ in 0..turns {
        let asked = line.load(Ordering::Relaxed) + 1;
        line.store(asked, Ordering::Release);
        wait(line, asked);
    }
}

fn answer(line: &AtomicU32) {
    let mut last = 0;
    loop {
        let asked = wait(line, last);
        if asked == END {
            return;
        }
        last = asked + 1;
        line.store(last, Ordering::Release);
    }
}

/// Keeps a thread, the calling one if `thread` is 0, on one core.
///
/// # Errors
/// Those of the operating system.
pub fn pin(thread: i32, core: usize) -> io::Result<()> {
    let mut set = CpuSet::new();
    set.set(core)?;
    Ok(sched_setaffinity(Pid::from_raw(thread), &set)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cache_line_takes_some_time_but_not_long() {
        let Some(cores) = Cores::choose().unwrap() else { return };
        assert_ne!(cores.load, cores.server);
        let distance = cores.distance().unwrap();
        assert!(distance > Duration::from_nanos(5), "{distance:?}");
        assert!(distance < Duration::from_millis(10), "{distance:?}");
    }
}
