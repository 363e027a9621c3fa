//! Samples of where the process is: a timer that counts the processor's time sends a signal, whose handler notes the
//! instruction that it has interrupted.

use std::{
    ffi::{c_int, c_void},
    io,
    mem::MaybeUninit,
    ptr,
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

/// Whether the handler knows where this processor keeps the address of the next instruction.
pub(super) const IS_SUPPORTED: bool = cfg!(any(target_arch = "x86_64", target_arch = "aarch64"));

/// The time between two samples. The kernel rounds it up to whole ticks, and this is a whole number of them at 50, 100, 250
/// and 1000 ticks a second.
pub(super) const PERIOD: Duration = Duration::from_millis(20);

/// How many samples are kept: those of 82 seconds of computing.
const KEPT: usize = 4096;

/// `ITIMER_PROF` (`linux/time.h`): the timer that counts the processor's time of the process, and sends SIGPROF.
const ITIMER_PROF: c_int = 2;

/// The addresses of the last instructions.
static ADDRESSES: [AtomicU64; KEPT] = [const { AtomicU64::new(0) }; KEPT];

/// How many were ever noted.
static TAKEN: AtomicU64 = AtomicU64::new(0);

/// Starts the timer. While the process sleeps, it stands still.
pub(super) fn start() -> io::Result<()> {
    // SAFETY: all fields are numbers, or pointers that may be null.
    let mut action: libc::sigaction = unsafe { MaybeUninit::zeroed().assume_init() };
    action.sa_sigaction = note as *const () as usize;
    // A call of the system that it interrupts goes on.
    action.sa_flags = libc::SA_SIGINFO | libc::SA_RESTART | libc::SA_ONSTACK;
    // SAFETY: the handler does what signal-safety(7) allows: it reads its context and writes atomics. It neither panics nor
    // writes errno. The kernel reads a `struct sigaction`, and writes nothing at a null pointer.
    if unsafe { libc::sigaction(libc::SIGPROF, &raw const action, ptr::null_mut()) } < 0 {
        return Err(io::Error::last_os_error());
    }
    let period = libc::timeval { tv_sec: 0, tv_usec: PERIOD.subsec_micros().into() };
    let timer = libc::itimerval { it_interval: period, it_value: period };
    // SAFETY: the kernel reads a `struct itimerval`, and writes nothing at a null pointer.
    let answer = unsafe { libc::setitimer(ITIMER_PROF, &raw const timer, ptr::null_mut()) };
    if answer < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// The handler of SIGPROF.
extern "C" fn note(_: c_int, _: *const libc::siginfo_t, context: *const c_void) {
    // SAFETY: with SA_SIGINFO, the kernel passes a `ucontext_t`, which stays as long as the handler runs (sigaction(2)).
    let context = unsafe { &*context.cast::<libc::ucontext_t>() };
    let number = TAKEN.fetch_add(1, Ordering::Relaxed);
    ADDRESSES[number as usize % KEPT].store(next_instruction(context), Ordering::Relaxed);
}

/// The address of the instruction that comes next.
fn next_instruction(context: &libc::ucontext_t) -> u64 {
    #[cfg(target_arch = "x86_64")]
    return context.uc_mcontext.gregs[libc::REG_RIP as usize].cast_unsigned();
    #[cfg(target_arch = "aarch64")]
    return context.uc_mcontext.pc;
    #[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
    {
        let _ = context;
        0
    }
}

/// The addresses that are kept, in no order, and how many samples were ever taken.
pub(super) fn samples() -> (Vec<u64>, u64) {
    let taken = TAKEN.load(Ordering::Relaxed);
    let kept = ADDRESSES.iter().take(taken.min(KEPT as u64) as usize);
    (kept.map(|address| address.load(Ordering::Relaxed)).collect(), taken)
}

#[cfg(test)]
mod tests {
    use std::{hint, time::Instant};

    use super::*;

    /// Computes for some time, so that it is seen.
    #[inline(never)]
    fn compute(time: Duration) -> u64 {
        let end = Instant::now() + time;
        let mut sum = 0;
        while Instant::now() < end {
            for number in 0..1_000_000_u64 {
                sum = hint::black_box(sum ^ number.wrapping_mul(0x9e37_79b9_7f4a_7c15));
            }
        }
        sum
    }

    #[test]
    fn samples_are_taken_where_the_time_is_spent_and_none_while_nothing_runs() {
        start().unwrap();
        let start = Instant::now();
        // Another test may compute too, and the machine may be busy.
        let is_here = |address: &&u64| {
            let from = compute as *const () as u64;
            (from..from + 1000).contains(*address)
        };
        while samples().0.iter().filter(is_here).count() < 10 {
            compute(Duration::from_millis(100));
            assert!(start.elapsed() < Duration::from_secs(60), "{:?}", samples());
        }
        let (addresses, taken) = samples();
        assert_eq!(addresses.len() as u64, taken.min(KEPT as u64));
    }
}
