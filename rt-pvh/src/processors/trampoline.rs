//! The first instructions of a processor that INIT and SIPI have started (Intel SDM volume 3, 9.4): from real mode to
//! 64-bit mode.

use core::{
    arch::global_asm,
    sync::atomic::{AtomicU32, Ordering},
};

use super::{OTHERS, ROOT, landing, letregion_processors};

/// 32-bit addresses in tables (PAE), and SSE for the program and its exceptions.
pub(super) const CR4: u32 = 1 << 5 | 1 << 9 | 1 << 10;
/// 64 bits; pages that are not executed.
pub(super) const EFER_BITS: u32 = 1 << 8 | 1 << 11;
/// Protection, floating-point errors as exceptions, paging. Writes are protected when the tables of segments are loaded.
pub(super) const CR0_ON: u32 = 1 | 1 << 1 | 1 << 5 | 1 << 31;
/// The floating-point unit of the processor is neither emulated nor switched.
const CR0_OFF: u32 = !(1 << 2 | 1 << 3);

/// How many have come this way.
static ARRIVED: AtomicU32 = AtomicU32::new(0);

/// The vector of SIPI: the number of the page of the first instruction.
pub fn vector() -> u8 {
    // The program lies below 1 MiB (`letregion-pvh.ld`).
    ((&raw const letregion_trampoline).addr() >> 12) as u8
}

/// How many processors have started so.
pub fn arrived() -> usize {
    ARRIVED.load(Ordering::Acquire) as usize
}

// Each takes the next number, and with it a block; one for which there is no block stops. A processor begins with CS at the
// page of the vector, and IP 0.
global_asm!(
        ".pushsection .text.letregion_trampoline, \"ax\", @progbits",
        ".balign 4096",
        ".globl letregion_trampoline",
        "letregion_trampoline:",
        ".code16",
        "20:",
        "cli",
        "cld",
        "movw %cs, %ax",
        "movw %ax, %ds",
        "lgdtl 26f - 20b",
        "movl %cr0, %eax",
        "orl $1, %eax",
        "movl %eax, %cr0",
        "ljmpl $8, $21f",
        ".code32",
        "21:",
        "movl $16, %eax",
        "movw %ax, %ds",
        "movw %ax, %es",
        "movw %ax, %ss",
        "movl $1, %ebx",
        "lock xaddl %ebx, {arrived}",
        "cmpl {others}, %ebx",
        "jb 23f",
        "22:",
        "hlt",
        "jmp 22b",
        "23:",
        "movl ${cr4}, %eax",
        "movl %eax, %cr4",
        "movl {root}, %eax",
        "movl %eax, %cr3",
        "movl $0xc0000080, %ecx",
        "rdmsr",
        "orl ${efer_bits}, %eax",
        "wrmsr",
        "movl %cr0, %eax",
        "andl ${cr0_off}, %eax",
        "orl ${cr0_on}, %eax",
        "movl %eax, %cr0",
        "ljmpl $24, $24f",
        ".code64",
        "24:",
        "movq {processors}(,%rbx,8), %rdi",
        "jmp {landing}",
        ".balign 8",
        // Null, 32-bit code, data, 64-bit code. All are marked as used, so the processor does not write here.
        "25: .quad 0, 0x00cf9b000000ffff, 0x00cf93000000ffff, 0x00af9b000000ffff",
        "26: .short 26b - 25b - 1",
        ".long 25b",
        ".popsection",
        arrived = sym ARRIVED,
        others = sym OTHERS,
        root = sym ROOT,
        processors = sym letregion_processors,
        landing = sym landing,
        cr4 = const CR4,
        efer_bits = const EFER_BITS,
        cr0_off = const CR0_OFF,
        cr0_on = const CR0_ON,
        options(att_syntax),
);

unsafe extern "C" {
    static letregion_trampoline: u8;
}
