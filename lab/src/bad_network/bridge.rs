//! The thread that takes frames from one TAP device to another.

use std::{
    io,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use anyhow::{Context, Result};
use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    fs::{OFlags, fcntl_getfl, fcntl_setfl},
    io::Errno,
    process::setpriority_process,
    thread::set_current_timer_slack,
    time::{ClockId, clock_gettime},
};
use tun_rs::{DeviceBuilder, Layer, SyncDevice};

use super::{
    conditions::{Conditions, Counts},
    line::Line,
};

/// The longest frame: what the kernel leaves to be cut, with its Ethernet header and the header of virtio.
const LONGEST: usize = 65_536 + 14 + 10;
/// How many frames of one side are read before the other side has its turn.
const BATCH: usize = 64;
/// How many frames wait in the kernel for the thread.
const QUEUE: u32 = 10_000;
/// How long the thread sleeps at most, and does not hear of its end.
const LONGEST_SLEEP: Duration = Duration::from_millis(20);
/// How late it may wake up, in nanoseconds: the usual 50,000 are half of the shortest delay.
const TIMER_SLACK: u64 = 1000;
/// The thread runs before others, where that is allowed: a network is not slower because a machine is busy.
const PRIORITY: i32 = -15;

/// Opens the TAP device `name` of the network namespace of this thread, or creates it; it goes when it is closed. With
/// `whole`, frames have a header of virtio before them, and may be larger than the MTU and without a checksum.
pub(super) fn open(name: &str, whole: bool) -> Result<SyncDevice> {
    let open = || -> io::Result<SyncDevice> {
        let builder = DeviceBuilder::new().name(name).layer(Layer::L2).offload(whole);
        let device = builder.inherit_enable_state().build_sync()?;
        device.set_tx_queue_len(QUEUE)?;
        fcntl_setfl(&device, fcntl_getfl(&device)? | OFlags::NONBLOCK)?;
        Ok(device)
    };
    open().with_context(|| format!("cannot open the TAP device {name}"))
}

/// Two devices, a thread, and the lines between the two. Dropping it ends the thread and closes the devices.
#[derive(Debug)]
pub(super) struct Bridge {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<io::Result<()>>>,
}

#[derive(Debug)]
struct Shared {
    /// What the first device sends, and what the second does.
    lines: Mutex<[Line; 2]>,
    /// The time that the thread has run.
    run: Mutex<Duration>,
    is_over: AtomicBool,
}

impl Bridge {
    /// Starts the thread. With `whole`, both devices were opened so, and frames pass as they are, whatever the
    /// conditions.
    pub(super) fn start(
        devices: [SyncDevice; 2],
        whole: bool,
        conditions: [Conditions; 2],
        seed: u64,
    ) -> Self {
        let [one, other] = conditions;
        let lines = [Line::new(one, seed), Line::new(other, !seed)];
        let shared = Arc::new(Shared {
            lines: Mutex::new(lines),
            run: Mutex::default(),
            is_over: AtomicBool::new(false),
        });
        let ours = Arc::clone(&shared);
        let thread = thread::spawn(move || {
            // Where they are refused, frames come some time later.
            let _ = set_current_timer_slack(TIMER_SLACK.try_into().ok());
            let _ = setpriority_process(None, PRIORITY);
            ours.carry(&devices, whole)
        });
        Self { shared, thread: Some(thread) }
    }

    /// Other conditions for the frames that follow; counts begin again.
    pub(super) fn set(&self, conditions: [Conditions; 2], seed: u64) {
        let mut lines = self.shared.lines();
        let [one, other] = &mut *lines;
        one.set(conditions[0], seed);
        other.set(conditions[1], !seed);
    }

    /// What both directions did since the conditions were set.
    pub(super) fn counts(&self) -> [Counts; 2] {
        let lines = self.shared.lines();
        [lines[0].counts(), lines[1].counts()]
    }

    /// How long the thread has run until now.
    pub(super) fn run(&self) -> Duration {
        *self.shared.run.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ends it.
    ///
    /// # Errors
    /// A device broke.
    pub(super) fn end(mut self) -> Result<()> {
        self.join().context("the link between the networks")
    }

    fn join(&mut self) -> io::Result<()> {
        self.shared.is_over.store(true, Ordering::Relaxed);
        let Some(thread) = self.thread.take() else { return Ok(()) };
        thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    }
}

impl Drop for Bridge {
    fn drop(&mut self) {
        // Whoever wants to know how it ended calls `end`.
        let _ = self.join();
    }
}

impl Shared {
    fn lines(&self) -> MutexGuard<'_, [Line; 2]> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn carry(&self, devices: &[SyncDevice; 2], whole: bool) -> io::Result<()> {
        let mut buffer = vec![0; LONGEST];
        while !self.is_over.load(Ordering::Relaxed) {
            let (mut worked, mut due) = (false, None);
            for (from, to) in [(0, 1), (1, 0)] {
                let mut lines = self.lines();
                let line = &mut lines[from];
                for _ in 0..BATCH {
                    let Some(length) = read(&devices[from], &mut buffer)? else { break };
                    worked = true;
                    let frame = &buffer[..length];
                    match whole {
                        true => line.pass(frame, |frame| write(&devices[to], frame))?,
                        false => line.push(Instant::now(), frame),
                    }
                }
                let mut failed = Ok(());
                // Those that are due now: a queue that fills as fast as it empties is left for the next turn.
                let now = Instant::now();
                while failed.is_ok()
                    && line.pop(now, |frame| match write(&devices[to], frame) {
                        Ok(taken) => taken,
                        Err(error) => {
                            failed = Err(error);
                            false
                        }
                    })
                {
                    worked = true;
                }
                failed?;
                due = due.into_iter().chain(line.next_due()).min();
            }
            if !worked {
                let time = clock_gettime(ClockId::ThreadCPUTime);
                let run = Duration::new(time.tv_sec.cast_unsigned(), time.tv_nsec as u32);
                *self.run.lock().unwrap_or_else(PoisonError::into_inner) = run;
                wait(devices, due)?;
            }
        }
        Ok(())
    }
}

/// Waits until a frame can be read, or one is due.
fn wait(devices: &[SyncDevice; 2], due: Option<Instant>) -> io::Result<()> {
    let left = due.map_or(LONGEST_SLEEP, |due| due.saturating_duration_since(Instant::now()));
    let left = left.min(LONGEST_SLEEP);
    let timeout =
        Timespec { tv_sec: left.as_secs().cast_signed(), tv_nsec: left.subsec_nanos().into() };
    let mut readable = [0, 1].map(|number| PollFd::new(&devices[number], PollFlags::IN));
    match poll(&mut readable, Some(&timeout)) {
        Ok(_) | Err(Errno::INTR) => Ok(()),
        Err(errno) => Err(errno.into()),
    }
}

/// Reads a frame, if there is one.
fn read(device: &SyncDevice, buffer: &mut [u8]) -> io::Result<Option<usize>> {
    match rustix::io::retry_on_intr(|| rustix::io::read(device, &mut *buffer)) {
        Ok(length) => Ok(Some(length)),
        Err(Errno::AGAIN) => Ok(None),
        Err(errno) => Err(errno.into()),
    }
}

/// Writes a frame, and says whether the device took it.
fn write(device: &SyncDevice, frame: &[u8]) -> io::Result<bool> {
    match rustix::io::retry_on_intr(|| rustix::io::write(device, frame)) {
        Ok(_) => Ok(true),
        // The interface is down, has no room, or the frame is none that it takes.
        Err(Errno::IO | Errno::AGAIN | Errno::NOBUFS | Errno::NOMEM | Errno::INVAL) => Ok(false),
        Err(errno) => Err(errno.into()),
    }
}
