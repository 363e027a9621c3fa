//! The clock that a host keeps in a page: the time stamp counter, and how to convert it to nanoseconds
//! (`struct vcpu_time_info` of Xen's `xen.h`, `struct pvclock_vcpu_time_info` of Linux's `pvclock-abi.h`).

use core::{
    cell::Cell,
    hint,
    num::NonZeroU64,
    sync::atomic::{AtomicI8, AtomicU8, AtomicU32, AtomicU64, Ordering, fence},
    time::Duration,
};

use layer::Instant;

/// How often we read a value again while the host is writing it, before we give up. The host writes a few words, while
/// our processor is stopped or from another processor.
const TRIES: u32 = 1000;

/// The clock of a virtual processor (`struct vcpu_time_info`, 32 bytes).
#[derive(Debug, Default)]
#[repr(C)]
pub struct VcpuTimeInfo {
    /// The version, which is odd while the host writes and has a new value afterwards.
    version: AtomicU32,
    pad0: u32,
    tsc_timestamp: AtomicU64,
    /// Nanoseconds since the host's clock began, at `tsc_timestamp`.
    system_time: AtomicU64,
    tsc_to_system_mul: AtomicU32,
    tsc_shift: AtomicI8,
    flags: AtomicU8,
    pad1: [u8; 2],
}

/// The wall clock when the system time was zero: 16 bytes, of which a host that counts seconds with 32 bits writes the
/// first 12 (`struct pvclock_wall_clock`) and leaves the others zero.
#[derive(Debug, Default)]
#[repr(C)]
pub struct WallClock {
    /// The version, which is odd while the host writes.
    version: AtomicU32,
    /// Seconds since the beginning of 1970 (UTC), the lower half.
    seconds: AtomicU32,
    nanos: AtomicU32,
    seconds_high: AtomicU32,
}

const _: () = assert!(size_of::<VcpuTimeInfo>() == 32 && size_of::<WallClock>() == 16);

impl VcpuTimeInfo {
    /// A page that the host has not written yet.
    pub const fn new() -> Self {
        Self {
            version: AtomicU32::new(0),
            pad0: 0,
            tsc_timestamp: AtomicU64::new(0),
            system_time: AtomicU64::new(0),
            tsc_to_system_mul: AtomicU32::new(0),
            tsc_shift: AtomicI8::new(0),
            flags: AtomicU8::new(0),
            pad1: [0; 2],
        }
    }

    /// Writes what a host would write for a time stamp counter of `hertz`: the time was `nanos` when the counter was at
    /// `time_stamp`. It is for a guest whose host writes no such page.
    pub fn set(&self, hertz: NonZeroU64, time_stamp: u64, nanos: u64) {
        let (mut hertz, mut shift) = (hertz.get(), 0_i8);
        while hertz > 2_000_000_000 {
            (hertz, shift) = (hertz >> 1, shift - 1);
        }
        while hertz <= 1_000_000_000 {
            (hertz, shift) = (hertz << 1, shift + 1);
        }
        // More than half of 2^32, and less than all.
        let multiplier = (1_000_000_000_u64 << 32) / hertz;
        self.tsc_to_system_mul.store(multiplier as u32, Ordering::Relaxed);
        self.tsc_shift.store(shift, Ordering::Relaxed);
        self.tsc_timestamp.store(time_stamp, Ordering::Relaxed);
        self.system_time.store(nanos, Ordering::Relaxed);
    }
}

impl WallClock {
    /// A wall clock that the host has not written yet.
    pub const fn new() -> Self {
        Self {
            version: AtomicU32::new(0),
            seconds: AtomicU32::new(0),
            nanos: AtomicU32::new(0),
            seconds_high: AtomicU32::new(0),
        }
    }

    /// Writes what a host would write: the seconds since the beginning of 1970 (UTC) when the system time was zero.
    pub fn set(&self, seconds: u64) {
        self.seconds.store(seconds as u32, Ordering::Relaxed);
        self.seconds_high.store((seconds >> 32) as u32, Ordering::Relaxed);
    }
}

/// The host's system time, in nanoseconds since the host's clock began.
#[derive(Debug)]
pub struct Clock<'s> {
    time: &'s VcpuTimeInfo,
    wall: &'s WallClock,
    /// The latest time that was returned.
    last: Cell<u64>,
}

impl<'s> Clock<'s> {
    /// The clock in these pages of the host.
    pub fn new(time: &'s VcpuTimeInfo, wall: &'s WallClock) -> Self {
        Self { time, wall, last: Cell::new(0) }
    }

    /// The time now. It never goes back: if the counter does, the time stands still.
    pub fn now(&self) -> Instant {
        let time = system_time(self.time, time_stamp);
        // If the host never finishes writing, the time is the last one that was returned.
        let now = self.last.get().max(time.unwrap_or(0));
        self.last.set(now);
        Instant::from_nanos(now)
    }

    /// The time in nanoseconds since the time stamp counter was at `then`; 0 if that is still to come.
    pub fn since(&self, then: u64) -> u64 {
        let info = self.time;
        let passed = consistent(&info.version, || {
            let scale = (
                info.tsc_to_system_mul.load(Ordering::Relaxed),
                info.tsc_shift.load(Ordering::Relaxed),
            );
            nanoseconds(time_stamp().saturating_sub(then), scale)
        });
        passed.unwrap_or(0)
    }

    /// The time since the time stamp counter was at `then`; zero if that is still to come.
    #[cfg(feature = "page")]
    pub fn duration_since(&self, then: u64) -> Duration {
        Duration::from_nanos(self.since(then))
    }

    /// The time since the beginning of 1970 (UTC), as the host has it, or `None` if the host does not give it.
    pub fn wall_time(&self) -> Option<Duration> {
        let (seconds, nanos) = self.wall_start()?;
        let began = Duration::from_secs(seconds).saturating_add(Duration::from_nanos(nanos.into()));
        (seconds > 0).then(|| began.saturating_add(Duration::from_nanos(self.now().as_nanos())))
    }

    /// The wall clock when the system time was zero, in seconds since 1970 and nanoseconds, or `None` if the host does
    /// not give it.
    pub fn wall_start(&self) -> Option<(u64, u32)> {
        let wall = self.wall;
        consistent(&wall.version, || {
            let [low, high, nanos] = [&wall.seconds, &wall.seconds_high, &wall.nanos]
                .map(|word| word.load(Ordering::Relaxed));
            (u64::from(high) << 32 | u64::from(low), nanos)
        })
    }
}

/// The time stamp counter, which is read after all earlier instructions of the program.
pub fn time_stamp() -> u64 {
    use core::arch::x86_64::{_mm_lfence, _rdtsc};
    // SAFETY: every processor of 64 bits has SSE2, which the instruction is part of.
    unsafe { _mm_lfence() };
    // SAFETY: every processor of 64 bits has the counter, and hosts let their guests read it.
    unsafe { _rdtsc() }
}

/// The result of `read` at a moment when nobody writes: the version is even, and is the same before and after.
fn consistent<T>(version: &AtomicU32, mut read: impl FnMut() -> T) -> Option<T> {
    for _ in 0..TRIES {
        let before = version.load(Ordering::Acquire);
        if before.is_multiple_of(2) {
            let value = read();
            fence(Ordering::Acquire);
            if version.load(Ordering::Relaxed) == before {
                return Some(value);
            }
        }
        hint::spin_loop();
    }
    None
}

/// The system time now, unless the host never finishes writing.
#[cfg(feature = "defmt")]
pub(crate) fn now(page: &VcpuTimeInfo) -> Option<Instant> {
    system_time(page, time_stamp).map(Instant::from_nanos)
}

/// The system time in nanoseconds.
fn system_time(info: &VcpuTimeInfo, mut time_stamp: impl FnMut() -> u64) -> Option<u64> {
    let (began, at, scale, now) = consistent(&info.version, || {
        (
            info.system_time.load(Ordering::Relaxed),
            info.tsc_timestamp.load(Ordering::Relaxed),
            (
                info.tsc_to_system_mul.load(Ordering::Relaxed),
                info.tsc_shift.load(Ordering::Relaxed),
            ),
            time_stamp(),
        )
    })?;
    // On another processor, the counter can be a little behind the time that the host wrote.
    Some(began.saturating_add(nanoseconds(now.saturating_sub(at), scale)))
}

/// Converts ticks of the time stamp counter to nanoseconds, with `tsc_to_system_mul` and `tsc_shift`.
fn nanoseconds(ticks: u64, (multiplier, shift): (u32, i8)) -> u64 {
    // As in Xen's `scale_delta`. Hosts shift by a few bits only, so no bit of a time is lost.
    let distance = u32::from(shift.unsigned_abs()).min(31);
    let ticks = if shift < 0 { ticks >> distance } else { ticks << distance };
    // 64 bits times 32 bits, of which the lower 32 are a fraction.
    let (high, low, multiplier) = (ticks >> 32, ticks & 0xffff_ffff, u64::from(multiplier));
    high * multiplier + ((low * multiplier) >> 32)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A processor of `hertz`, as a host would write it down.
    fn set(info: &VcpuTimeInfo, hertz: u64, at: u64, began: u64) {
        info.set(NonZeroU64::new(hertz).unwrap(), at, began);
    }

    #[test]
    fn a_second_of_ticks_is_a_second_at_any_frequency() {
        let info = VcpuTimeInfo::default();
        for hertz in [1_000_000, 999_999_999, 1_000_000_000, 2_600_000_000, 5_100_000_000] {
            set(&info, hertz, 1 << 60, 7_000_000_000);
            let time = |ticks| system_time(&info, || (1 << 60) + ticks).unwrap();
            assert_eq!(time(0), 7_000_000_000);
            let hour = time(3600 * hertz) - 7_000_000_000;
            // The multiplier has 31 bits or more.
            assert!(hour.abs_diff(3_600_000_000_000) < 20_000, "{hertz} Hz: {hour} ns");
        }
    }

    #[test]
    fn no_value_of_the_page_panics() {
        let info = VcpuTimeInfo::default();
        for shift in i8::MIN..=i8::MAX {
            for word in [0, 1, 1 << 31, u64::MAX] {
                info.tsc_shift.store(shift, Ordering::Relaxed);
                info.tsc_to_system_mul.store(word as u32, Ordering::Relaxed);
                info.system_time.store(word, Ordering::Relaxed);
                for (at, now) in [(0, u64::MAX), (u64::MAX, 0), (word, word)] {
                    info.tsc_timestamp.store(at, Ordering::Relaxed);
                    assert!(system_time(&info, || now) >= Some(word));
                }
            }
        }
    }

    #[test]
    fn what_changes_while_it_is_read_is_read_again() {
        let info = VcpuTimeInfo::default();
        set(&info, 1_000_000_000, 0, 5);
        let mut reads = 0;
        let time = system_time(&info, || {
            reads += 1;
            if reads == 1 {
                // The host writes while we read.
                set(&info, 1_000_000_000, 100, 1_000);
                info.version.fetch_add(2, Ordering::Relaxed);
            }
            300
        });
        assert_eq!((time, reads), (Some(1_200), 2));
        info.version.store(1, Ordering::Relaxed);
        assert_eq!(system_time(&info, || panic!("read while it is written")), None);
    }

    #[test]
    fn time_never_goes_back() {
        let (info, wall) = (&VcpuTimeInfo::default(), WallClock::default());
        let clock = Clock::new(info, &wall);
        set(info, 1_000_000_000, time_stamp(), 1 << 40);
        let first = clock.now();
        assert!(first >= Instant::from_nanos(1 << 40));
        assert!(clock.now() >= first);
        // The host sets it back, and does not finish writing.
        set(info, 1_000_000_000, time_stamp(), 1 << 30);
        let second = clock.now();
        assert!(second >= first);
        info.version.store(1, Ordering::Relaxed);
        assert_eq!(clock.now(), second);
    }

    #[test]
    fn real_ticks_pass_as_real_time_does() {
        let (info, wall) = (VcpuTimeInfo::default(), WallClock::default());
        // Any frequency will do to see that time goes on.
        set(&info, 1_000_000_000, time_stamp(), 1_000_000_000);
        let clock = Clock::new(&info, &wall);
        let before = clock.now();
        std::thread::sleep(Duration::from_millis(20));
        assert!(clock.now().since(before) > Duration::from_millis(1));
    }

    #[test]
    fn the_wall_clock_is_its_beginning_and_the_time_since() {
        let (info, wall) = (VcpuTimeInfo::default(), WallClock::default());
        let clock = Clock::new(&info, &wall);
        assert_eq!(clock.wall_time(), None);
        set(&info, 1_000_000_000, u64::MAX, 10_500_000_000);
        wall.seconds.store(5, Ordering::Relaxed);
        wall.seconds_high.store(1, Ordering::Relaxed);
        wall.nanos.store(600_000_000, Ordering::Relaxed);
        let expected = Duration::from_secs(1 << 32) + Duration::from_millis(5_600 + 10_500);
        assert_eq!(clock.wall_time(), Some(expected));
        wall.seconds_high.store(u32::MAX, Ordering::Relaxed);
        wall.nanos.store(u32::MAX, Ordering::Relaxed);
        assert!(clock.wall_time().is_some());
        wall.version.store(3, Ordering::Relaxed);
        assert_eq!(clock.wall_time(), None);
    }
}
