//! The clock: the pages of KVM's (`Documentation/virt/kvm/x86/msr.rst`), or pages that we write after we have measured.

use core::num::NonZeroU64;

use rt_pvh::pvclock::{Clock, VcpuTimeInfo, WallClock, time_stamp};
#[cfg(feature = "cores")]
use rt_regions::{Exhausted, Region};
use x86_64::registers::model_specific::Msr;

use crate::{
    apic::{LocalApic, TICK},
    error::RuntimeError,
    host::Host,
    rtc,
};

/// `MSR_KVM_WALL_CLOCK_NEW` takes the address of the wall clock, and has it filled in once.
const WALL_CLOCK: u32 = 0x4b56_4d00;
/// `MSR_KVM_SYSTEM_TIME_NEW` takes the address of the clock and, in bit 0, that it is to be kept up to date.
const SYSTEM_TIME: u32 = 0x4b56_4d01;
const ENABLED: u64 = 1;

/// How long the time stamp counter is measured, in ticks of the timer: 20 ms.
const WINDOW: u32 = (20_000_000 / TICK) as u32;
/// How often both counters are read for one moment. The closest reading counts: the host may stop us between the two.
const READINGS: u32 = 16;
/// The most ticks of the time stamp counter that a measurement may take: some seconds.
const PATIENCE: u64 = 1 << 34;

/// Within one page, as both must be: a page is a multiple of its size.
#[repr(C, align(64))]
struct Pages {
    time: VcpuTimeInfo,
    wall: WallClock,
}

static PAGES: Pages = Pages { time: VcpuTimeInfo::new(), wall: WallClock::new() };

/// The page of the clock.
pub(crate) fn page() -> &'static VcpuTimeInfo {
    &PAGES.time
}

/// Starts the clock. KVM's began when the host started, and one that is measured begins here.
///
/// Without KVM, the registers of its clock take the addresses and nothing is ever filled in, so the name of the host
/// decides, and not a fault.
///
/// # Errors
/// Nothing says how fast the time stamp counter is.
pub(crate) fn start(host: Host, apic: &LocalApic) -> Result<Clock<'static>, RuntimeError> {
    match host {
        Host::Kvm { has_clock: true } => {
            let address = |page: *const u8| page.addr() as u64;
            // SAFETY: KVM writes the wall clock there, a variable of atomics. Every address is the physical one.
            unsafe { Msr::new(WALL_CLOCK).write(address((&raw const PAGES.wall).cast())) };
            // SAFETY: KVM writes the clock there from now on, a variable of atomics that lives as long as the guest.
            unsafe {
                Msr::new(SYSTEM_TIME).write(address((&raw const PAGES.time).cast()) | ENABLED);
            };
        }
        Host::Kvm { has_clock: false } | Host::Tcg => {
            let hertz = measure(apic).ok_or(RuntimeError::NoFrequency)?;
            let seconds = rtc::seconds();
            PAGES.time.set(hertz, time_stamp(), 0);
            if let Some(seconds) = seconds {
                PAGES.wall.set(seconds);
            }
        }
        Host::Unknown => return Err(RuntimeError::NoReference),
    }
    Ok(Clock::new(&PAGES.time, &PAGES.wall))
}

/// The clock of another processor than the first. KVM's pages are of one processor each, and that of this one is in `memory`; a
/// clock that was measured is that of all.
///
/// # Errors
/// There is no room in `memory`.
#[cfg(feature = "cores")]
pub(crate) fn of_other(
    host: Host,
    memory: &'static Region<'static>,
) -> Result<Clock<'static>, Exhausted> {
    /// Within one page, as it must be.
    #[repr(align(64))]
    struct Page(VcpuTimeInfo);

    if !matches!(host, Host::Kvm { has_clock: true }) {
        return Ok(Clock::new(&PAGES.time, &PAGES.wall));
    }
    let Page(time) = memory.alloc(Page(VcpuTimeInfo::new()))?;
    let address = core::ptr::from_ref(time).addr() as u64;
    // SAFETY: KVM writes the clock of this processor there from now on, a variable of atomics that lives as long as the guest.
    unsafe { Msr::new(SYSTEM_TIME).write(address | ENABLED) };
    Ok(Clock::new(time, &PAGES.wall))
}

/// How fast the time stamp counter is, against the timer of the local APIC; `None` if one of them stands still.
fn measure(apic: &LocalApic) -> Option<NonZeroU64> {
    apic.start_timer(u32::MAX);
    let begin = Moment::now(apic);
    while begin.left.wrapping_sub(apic.ticks_left()) < WINDOW {
        if time_stamp().wrapping_sub(begin.time_stamp) > PATIENCE {
            return None;
        }
    }
    let end = Moment::now(apic);
    apic.start_timer(0);
    hertz(begin, end)
}

/// Both counters at one moment.
#[derive(Clone, Copy, Debug)]
struct Moment {
    time_stamp: u64,
    /// The ticks that the timer has left.
    left: u32,
}

impl Moment {
    fn now(apic: &LocalApic) -> Self {
        let mut closest = u64::MAX;
        let mut moment = Self { time_stamp: 0, left: 0 };
        for _ in 0..READINGS {
            let before = time_stamp();
            let left = apic.ticks_left();
            let took = time_stamp().wrapping_sub(before);
            if took < closest {
                closest = took;
                moment = Self { time_stamp: before + took / 2, left };
            }
        }
        moment
    }
}

/// The frequency of the time stamp counter.
fn hertz(begin: Moment, end: Moment) -> Option<NonZeroU64> {
    let ticks = end.time_stamp.checked_sub(begin.time_stamp)?;
    let timer_ticks = begin.left.checked_sub(end.left)?.into();
    // With the most ticks of a measurement, the product has 60 bits.
    NonZeroU64::new(ticks.checked_mul(1_000_000_000 / TICK)?.checked_div(timer_ticks)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frequency_is_ticks_in_a_second() {
        let at = |time_stamp, left| Moment { time_stamp, left };
        let found = hertz(at(1 << 40, u32::MAX), at((1 << 40) + 48_900_000, u32::MAX - WINDOW));
        assert_eq!(found.map(NonZeroU64::get), Some(2_445_000_000));
        for (begin, end) in [
            (at(5, 100), at(5, 50)),
            (at(5, 100), at(50, 100)),
            (at(5, 100), at(4, 50)),
            (at(5, 50), at(10, 100)),
        ] {
            assert_eq!(hertz(begin, end), None, "{begin:?} {end:?}");
        }
    }

    #[test]
    fn kvm_finds_both_pages_where_it_expects_them() {
        assert!((&raw const PAGES.time).addr().is_multiple_of(64) && size_of::<Pages>() <= 64);
        assert!((&raw const PAGES.wall).addr().is_multiple_of(4));
    }
}
