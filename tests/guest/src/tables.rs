//! Where the processor is told to find its tables.

use core::{arch::asm, mem::MaybeUninit, ptr};

/// What `sgdt` and `sidt` write: a limit and an address (Intel SDM volume 2).
#[repr(C, packed)]
struct Place {
    limit: u16,
    address: u64,
}

/// The page table of the highest level.
pub(crate) fn pages() -> *const u8 {
    let address: usize;
    // SAFETY: reading the register changes nothing.
    unsafe { asm!("mov {}, cr3", out(reg) address) };
    ptr::with_exposed_provenance(address & !0xfff)
}

/// The table of segments.
pub(crate) fn segments() -> *const u8 {
    let mut place = MaybeUninit::<Place>::uninit();
    // SAFETY: the instruction writes the ten bytes that a place has.
    unsafe { asm!("sgdt [{}]", in(reg) &raw mut place) };
    // SAFETY: it has written all of them.
    ptr::with_exposed_provenance(unsafe { place.assume_init() }.address as usize)
}

/// The table of exceptions.
pub(crate) fn exceptions() -> *const u8 {
    let mut place = MaybeUninit::<Place>::uninit();
    // SAFETY: the instruction writes the ten bytes that a place has.
    unsafe { asm!("sidt [{}]", in(reg) &raw mut place) };
    // SAFETY: it has written all of them.
    ptr::with_exposed_provenance(unsafe { place.assume_init() }.address as usize)
}

/// The task state segment, which stands below 16 MiB.
pub(crate) fn task_state() -> *const u8 {
    let selector: u16;
    // SAFETY: reading the register changes nothing.
    unsafe { asm!("str {:x}", out(reg) selector) };
    let descriptor = segments().wrapping_add(selector.into()).cast::<u64>();
    // SAFETY: the descriptor of the segment that is in use stands there, in a table that can be read.
    let descriptor = unsafe { descriptor.read_unaligned() };
    ptr::with_exposed_provenance((descriptor >> 16 & 0xff_ffff) as usize)
}
