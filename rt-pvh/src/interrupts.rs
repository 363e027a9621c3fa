//! Interrupts: a guest takes them while it waits, and at no other time. A handler counts, and does nothing else.
//!
//! Interrupts are disabled wherever the program runs. [`wait`] enables them for the instruction that stops the
//! processor, so an interrupt comes between no other two instructions, and what came before is pending and ends the wait
//! at once. An interrupt is acknowledged (end of interrupt) by the platform, after the wait.

use core::{
    arch::{asm, naked_asm},
    sync::atomic::{AtomicU32, Ordering},
};

#[cfg(all(feature = "cores", not(test)))]
use crate::processors;
#[cfg(feature = "cores")]
use crate::processors::Processor;

/// The first vector of an interrupt: those below are exceptions.
pub const FIRST_VECTOR: u8 = 32;
/// The number of vectors, of a table that is small. The last is for processors that wake one another.
#[cfg(feature = "cores")]
pub const VECTORS: usize = 6;
/// The number of vectors, of a table that is small.
#[cfg(not(feature = "cores"))]
pub const VECTORS: usize = 5;

/// The distance between two handlers, in bytes.
pub(crate) const HANDLER_SIZE: usize = 16;

/// How many interrupts of each vector there were.
#[cfg(any(not(feature = "cores"), test))]
static COUNTS: [AtomicU32; VECTORS] = [const { AtomicU32::new(0) }; VECTORS];

/// How many interrupts of each vector this processor has had.
fn counts() -> &'static [AtomicU32; VECTORS] {
    #[cfg(all(feature = "cores", not(test)))]
    return &processors::current().counts;
    #[cfg(any(not(feature = "cores"), test))]
    &COUNTS
}

/// How many interrupts of this vector this processor has had, modulo 2^32; 0 of one that has no handler.
pub fn count(vector: u8) -> u32 {
    let index = usize::from(vector.wrapping_sub(FIRST_VECTOR));
    counts().get(index).map_or(0, |count| count.load(Ordering::Relaxed))
}

/// Stops the processor until an interrupt is handled. One that is pending ends the wait at once. Without any source of
/// interrupts it does not return.
pub fn wait() {
    // Interrupts are enabled only after the instruction that follows `sti`, so none can come before the processor stops,
    // be counted, and be slept through. The code may use the stack, so the compiler has nothing below its end here.
    // SAFETY: the handlers of all interrupts that can come leave the registers and the memory as they are, except the
    // counts. Interrupts were disabled before, and are again.
    unsafe { asm!("sti", "hlt", "cli") };
}

/// The handlers, [`HANDLER_SIZE`] apart. Each runs on the stack of the exceptions, which is free whenever interrupts are
/// enabled.
#[cfg(not(feature = "cores"))]
#[unsafe(naked)]
pub(crate) unsafe extern "C" fn handlers() -> ! {
    naked_asm!(
        ".set index, 0",
        ".rept {vectors}",
        ".balign {size}, 0xcc",
        "inc dword ptr [rip + {counts} + 4 * index]",
        "iretq",
        ".set index, index + 1",
        ".endr",
        vectors = const VECTORS,
        size = const HANDLER_SIZE,
        counts = sym COUNTS,
    )
}

/// The handlers, [`HANDLER_SIZE`] apart. Each runs on the stack of the exceptions of its processor, which is free whenever
/// interrupts are enabled, and counts for its processor, whose block is the base of GS.
#[cfg(feature = "cores")]
#[unsafe(naked)]
pub(crate) unsafe extern "C" fn handlers() -> ! {
    naked_asm!(
        ".set index, 0",
        ".rept {vectors}",
        ".balign {size}, 0xcc",
        "inc dword ptr gs:[{counts} + 4 * index]",
        "iretq",
        ".set index, index + 1",
        ".endr",
        vectors = const VECTORS,
        size = const HANDLER_SIZE,
        counts = const core::mem::offset_of!(Processor, counts),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_vector_without_a_handler_has_no_interrupts() {
        for vector in [0, FIRST_VECTOR - 1, FIRST_VECTOR + VECTORS as u8, u8::MAX] {
            assert_eq!(count(vector), 0);
        }
        COUNTS[3].store(7, Ordering::Relaxed);
        assert_eq!(count(FIRST_VECTOR + 3), 7);
    }
}
