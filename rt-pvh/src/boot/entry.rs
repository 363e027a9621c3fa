//! The first instructions: from the state that a PVH loader leaves to the state that Rust expects.

use core::{arch::naked_asm, mem::offset_of};

use pvh::start_info::{MemmapTableEntry, StartInfo};

use super::{
    start,
    start_info::{LONGEST, MOST_ENTRIES, Saved, letregion_saved},
};
use crate::boot_time::FIRST_INSTRUCTION;

/// The entry point for the loader (`XEN_ELFNOTE_PHYS32_ENTRY`): 32-bit protected mode with flat segments, without
/// paging and interrupts, and with the physical address of `hvm_start_info` in EBX. Nothing else is defined, not even
/// the stack pointer.
///
/// It saves what the loader has left, and copies the program to the address where it runs.
///
/// # Safety
/// Only a loader may jump here.
#[unsafe(naked)]
#[unsafe(no_mangle)]
#[unsafe(link_section = ".boot")]
pub unsafe extern "C" fn letregion_entry() -> ! {
    naked_asm!(
        ".code32",
        // The time when the guest began, for a report of how long the start took. It is kept in EBP and EDX.
        "rdtsc",
        "mov ebp, eax",
        "cld",
        // What the loader has left may lie anywhere below: it is saved before anything is written there.
        "mov esi, ebx",
        "mov ebx, offset {saved}",
        "mov edi, ebx",
        "mov ecx, {info_words}",
        "rep movsd",
        // The map, which only later versions of the structure have: EDI is where it goes.
        "cmp dword ptr [ebx + {version}], 0",
        "je 3f",
        "mov esi, [ebx + {map}]",
        "mov ecx, [ebx + {entries}]",
        "cmp ecx, {most_entries}",
        "jbe 2f",
        "mov ecx, {most_entries}",
        "2:",
        "imul ecx, ecx, {entry_words}",
        "rep movsd",
        "3:",
        // The line up to its zero byte, or one byte more than it may have.
        "mov esi, [ebx + {line}]",
        "test esi, esi",
        "jz 5f",
        "lea edi, [ebx + {saved_line}]",
        "mov ecx, {longest} + 1",
        "4:",
        "lodsb",
        "stosb",
        "test al, al",
        "loopne 4b",
        "5:",
        "mov edi, offset letregion_text",
        "lea esi, [edi + letregion_loaded_above]",
        "mov ecx, offset letregion_bss",
        "sub ecx, edi",
        "rep movsb",
        // Not every loader clears what is not in the file.
        "mov ecx, offset letregion_bss_end",
        "sub ecx, edi",
        "xor eax, eax",
        "rep stosb",
        "mov [{first_instruction}], ebp",
        "mov [{first_instruction} + 4], edx",
        "lea eax, [{long_mode}]",
        "jmp eax",
        ".code64",
        saved = sym letregion_saved,
        info_words = const size_of::<StartInfo>() / 4,
        version = const offset_of!(StartInfo, version),
        map = const offset_of!(StartInfo, memmap_paddr),
        entries = const offset_of!(StartInfo, memmap_entries),
        most_entries = const MOST_ENTRIES,
        entry_words = const size_of::<MemmapTableEntry>() / 4,
        line = const offset_of!(StartInfo, cmdline_paddr),
        saved_line = const offset_of!(Saved, line),
        longest = const LONGEST,
        long_mode = sym long_mode,
        first_instruction = sym FIRST_INSTRUCTION,
    )
}

/// Sets up the processor as Rust expects: 64-bit mode, a stack, SSE. It identity-maps the first GiB with large pages.
/// The access rights of the program's parts are set later.
#[unsafe(naked)]
unsafe extern "C" fn long_mode() -> ! {
    naked_asm!(
        ".code32",
        "mov esp, offset letregion_stack_top",
        // Three tables: the first entry of the first and of the second, all entries of the third.
        "mov edi, offset letregion_early_tables",
        "mov ecx, 3 * 4096 / 4",
        "xor eax, eax",
        "rep stosd",
        "mov edi, offset letregion_early_tables",
        "lea eax, [edi + 0x1000 + {table}]",
        "mov [edi], eax",
        "lea eax, [edi + 0x2000 + {table}]",
        "mov [edi + 0x1000], eax",
        "mov eax, {large_page}",
        "2:",
        "mov [edi + 0x2000 + ecx * 8], eax",
        "add eax, 0x200000",
        "inc ecx",
        "cmp ecx, 512",
        "jb 2b",
        "mov cr3, edi",
        "mov eax, cr4",
        "or eax, {cr4}",
        "mov cr4, eax",
        "mov ecx, {efer}",
        "rdmsr",
        "or eax, {efer_bits}",
        "wrmsr",
        "mov eax, cr0",
        "and eax, {cr0_off}",
        "or eax, {cr0_on}",
        "mov cr0, eax",
        "lgdt [4f]",
        "push 8",
        "lea eax, [5f]",
        "push eax",
        "retf",
        ".balign 8",
        // Null, 64-bit code, data.
        "3: .quad 0, 0x00af9b000000ffff, 0x00cf93000000ffff",
        "4: .short 4b - 3b - 1",
        ".long 3b",
        ".code64",
        "5:",
        "mov eax, 16",
        "mov ds, eax",
        "mov es, eax",
        "mov ss, eax",
        "xor eax, eax",
        "mov fs, eax",
        "mov gs, eax",
        // The upper half of the stack pointer is not defined after the change of mode.
        "mov esp, offset letregion_stack_top",
        "xor ebp, ebp",
        "call {start}",
        "ud2",
        // Flags of a table: present, writable.
        table = const 0b11,
        large_page = const 0x83,
        // PAE; SSE for the program and its exceptions.
        cr4 = const 1 << 5 | 1 << 9 | 1 << 10,
        efer = const 0xc000_0080_u32,
        // 64 bits; pages that are not executed.
        efer_bits = const 1 << 8 | 1 << 11,
        // The floating-point unit of the processor is neither emulated nor switched.
        cr0_off = const !(1_u32 << 2 | 1 << 3),
        // Protection, floating-point errors as exceptions, read-only pages for the kernel as well, paging.
        cr0_on = const 1_u32 | 1 << 1 | 1 << 5 | 1 << 16 | 1 << 31,
        start = sym start,
    );
}

// The entry copies the map without a break behind the structure.
const _: () = assert!(offset_of!(Saved, map) == size_of::<StartInfo>());
