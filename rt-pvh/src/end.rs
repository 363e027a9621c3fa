//! The end of a guest.

use core::{
    fmt,
    panic::PanicInfo,
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
};

use rt::Error;
use x86_64::{
    VirtAddr,
    instructions::{interrupts, port::Port, tables},
    structures::DescriptorTablePointer,
};

#[cfg(feature = "cores")]
use crate::processors;
use crate::{
    early, memory,
    platform::{self, Shutdown},
    pvclock::time_stamp,
    stack_trace::StackTrace,
};

/// The port that turns off most virtual PCs: the ACPI register that holds the sleep state (`SLP_EN`).
const SLEEP_PORT: u16 = 0x604;
const SLEEP: u16 = 1 << 13;

/// The shortest time between two interrupts that are reported, in ticks of the time stamp counter: one to four seconds.
/// An operator's script may send any number of them.
const PLACES_APART: u64 = 1 << 32;

/// Whether the guest is reporting why it ends.
static ENDING: AtomicBool = AtomicBool::new(false);
/// The time stamp of the last interrupt that was reported.
#[cfg(not(feature = "cores"))]
static PLACE_TOLD: AtomicU64 = AtomicU64::new(NEVER_TOLD);
/// A time stamp that is long ago, whatever the counter reads first.
pub(crate) const NEVER_TOLD: u64 = 1 << 63;

/// The time stamp of the last interrupt that was reported on this processor.
fn place_told() -> &'static AtomicU64 {
    #[cfg(feature = "cores")]
    return &processors::current().place_told;
    #[cfg(not(feature = "cores"))]
    &PLACE_TOLD
}

/// Ends the guest with the result of its program: prints `name` and the message of an error on the console, and ends
/// the machine for a reason that the host can act on:
///
/// | the program returns | the machine |
/// |---|---|
/// | `Ok`, or an error with status 0 (`--help`) | is turned off |
/// | an error with status 2: it was called wrongly | is turned off |
/// | any other error: something is broken | has crashed |
pub fn finish(name: &str, result: Result<(), Error>) -> ! {
    finish_as(name, result, Shutdown::PowerOff)
}

/// Ends the guest as [`finish`] does, but as the operator `asked` if the program has not failed.
pub fn finish_as(name: &str, result: Result<(), Error>, asked: Shutdown) -> ! {
    #[cfg(feature = "cores")]
    if result.is_ok() {
        crate::team::end_if_failed();
    }
    let Err(error) = result else { turn_off(asked) };
    match error.status() {
        0 => {
            early::print(format_args!("{error}"));
            turn_off(Shutdown::PowerOff)
        }
        status => {
            early::print_last(format_args!("{name}: {error}"));
            turn_off(if status == 2 { Shutdown::PowerOff } else { Shutdown::Crash })
        }
    }
}

/// Handles a panic: prints the addresses on the stack (and message and place, with the feature `panic-messages`) and
/// the counters of the regions, and ends the machine as crashed.
pub fn panicked(info: &PanicInfo<'_>) -> ! {
    let here = 0_u64;
    let stack = (&raw const here).addr() as u64;
    match info.location() {
        Some(place) if cfg!(feature = "panic-messages") => {
            report_crash(format_args!("panic at {place}: {}", info.message()), stack)
        }
        _ => report_crash(format_args!("panic"), stack),
    }
}

/// Prints why the guest ends, the addresses on its stack from `stack` on, and what its regions hold. Then it ends the
/// machine as crashed. If the report itself fails, the machine ends as crashed at once.
pub(crate) fn report_crash(reason: fmt::Arguments<'_>, stack: u64) -> ! {
    if !ENDING.swap(true, Ordering::Relaxed) {
        tell(early::print_last, reason, stack);
        memory::report(early::print_last);
    }
    turn_off(Shutdown::Crash)
}

/// Prints where the guest is, after an interrupt: the `reason`, and the addresses on the stack from `stack` on. The
/// guest goes on. Nothing is printed too soon after the last time, or while the guest reports why it ends.
pub(crate) fn tell_place(reason: fmt::Arguments<'_>, stack: u64) {
    let now = time_stamp();
    if ENDING.load(Ordering::Relaxed)
        || now.wrapping_sub(place_told().load(Ordering::Relaxed)) < PLACES_APART
    {
        return;
    }
    place_told().store(now, Ordering::Relaxed);
    tell(early::print, reason, stack);
}

/// Prints a reason, and the addresses on the stack from `stack` on.
#[inline(never)]
fn tell(print: fn(fmt::Arguments<'_>), reason: fmt::Arguments<'_>, stack: u64) {
    #[cfg(feature = "cores")]
    if processors::index() > 0 {
        print(format_args!("on core {}:", processors::index()));
    }
    print(reason);
    print(format_args!("{}", StackTrace::above(stack)));
}

/// Ends the guest because something that it needs is missing.
pub(crate) fn broken(reason: fmt::Arguments<'_>) -> ! {
    early::print_last(reason);
    turn_off(Shutdown::Crash)
}

/// Ends the guest because its arguments are wrong, with the reason as its last line. The machine is turned off.
pub fn refused(reason: fmt::Arguments<'_>) -> ! {
    early::print_last(reason);
    turn_off(Shutdown::PowerOff)
}

/// Ends the machine.
pub(crate) fn turn_off(reason: Shutdown) -> ! {
    if let Some(platform) = platform::get() {
        platform.shut_down(reason);
    }
    reset()
}

/// Turns off most virtual PCs: writes to the ACPI register that holds the sleep state. Elsewhere nothing happens, or something
/// that only a program at its end may cause.
pub fn turn_off_pc() {
    // SAFETY: where this port means something else or nothing, nothing matters any more.
    unsafe { Port::new(SLEEP_PORT).write(SLEEP) };
}

/// Ends a machine whose host has no other way: writes to the port that turns off most virtual PCs, and then raises an
/// exception that cannot be handled, which resets the machine.
pub fn reset() -> ! {
    interrupts::disable();
    turn_off_pc();
    let nowhere = DescriptorTablePointer { limit: 0, base: VirtAddr::zero() };
    // SAFETY: nothing is to be handled any more.
    unsafe { tables::lidt(&nowhere) };
    loop {
        interrupts::int3();
    }
}
