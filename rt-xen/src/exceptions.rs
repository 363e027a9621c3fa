//! Exceptions: each ends the guest, after it has said what it was.
//!
//! None runs on the stack of the program, which may be what is broken, and below whose end the compiler
//! keeps things (the red zone).

mod frame;

use core::{arch::naked_asm, cell::OnceCell};

use x86_64::{
    VirtAddr,
    instructions::tables,
    registers::control::Cr2,
    structures::{
        DescriptorTablePointer,
        gdt::{Descriptor, GlobalDescriptorTable},
        idt::{Entry, HandlerFunc},
        tss::TaskStateSegment,
    },
};

use self::frame::{DOUBLE_FAULT, Exception, Frame, MACHINE_CHECK, NON_MASKABLE_INTERRUPT};
use crate::{
    boot::{Layout, exception_stack_tops},
    calls::Calls,
    early, end,
    one_cpu::OneCpu,
};

/// The exceptions of the processor; above them are interrupts, which are never enabled.
const VECTORS: usize = 32;
/// How far the entries of two exceptions are apart, in bytes.
const ENTRY_SIZE: usize = 16;

static TSS: OneCpu<OnceCell<TaskStateSegment>> = OneCpu(OnceCell::new());
static GDT: OneCpu<OnceCell<GlobalDescriptorTable>> = OneCpu(OnceCell::new());
static IDT: OneCpu<OnceCell<[Entry<HandlerFunc>; VECTORS]>> = OneCpu(OnceCell::new());

/// Has every exception told from now on. Their stacks are where the tables of the entry were.
pub(crate) fn init() {
    let tss = TSS.0.get_or_init(|| {
        let mut tss = TaskStateSegment::new();
        for (stack, top) in exception_stack_tops().into_iter().enumerate() {
            tss.interrupt_stack_table[stack] = address(top);
        }
        tss
    });
    let mut gdt = GlobalDescriptorTable::new();
    // The segments that are in use, in the places that they have.
    gdt.append(Descriptor::kernel_code_segment());
    gdt.append(Descriptor::kernel_data_segment());
    let tss = gdt.append(Descriptor::tss_segment(tss));
    GDT.0.get_or_init(|| gdt).load();
    // SAFETY: the selector is that of a task state segment in the table that has just been loaded.
    unsafe { tables::load_tss(tss) };

    let idt = IDT.0.get_or_init(idt);
    let limit = (size_of_val(idt) - 1) as u16;
    let pointer = DescriptorTablePointer { limit, base: address(idt) };
    // SAFETY: the table is never changed again, and each of its entries leads to an entry of `entries`.
    unsafe { tables::lidt(&pointer) };
}

/// An address of ours, which is never one that a processor refuses.
fn address<T>(pointer: *const T) -> VirtAddr {
    VirtAddr::new_truncate(pointer.addr() as u64)
}

fn idt() -> [Entry<HandlerFunc>; VECTORS] {
    let first = entries as *const () as usize;
    let mut idt = [const { Entry::missing() }; VECTORS];
    for (vector, entry) in idt.iter_mut().enumerate() {
        // SAFETY: for each vector there is an entry, so far from the first.
        let options =
            unsafe { entry.set_handler_addr(address((first + vector * ENTRY_SIZE) as *const ())) };
        let stack = match vector as u64 {
            DOUBLE_FAULT => 1,
            NON_MASKABLE_INTERRUPT | MACHINE_CHECK => 2,
            _ => 0,
        };
        // SAFETY: the task state segment has stacks of these numbers, and only exceptions use them.
        unsafe { options.set_stack_index(stack) };
    }
    idt
}

/// The entries of the exceptions, [`ENTRY_SIZE`] apart: each makes the frame whole with an error code (of
/// its own, or 0) and its number.
#[unsafe(naked)]
unsafe extern "C" fn entries() -> ! {
    naked_asm!(
        ".set vector, 0",
        ".rept {vectors}",
        ".balign {size}, 0xcc",
        // 8, 10 to 14, 17, 21, 29 and 30 come with an error code.
        ".if ((0x60227d00 >> vector) & 1) == 0",
        "push 0",
        ".endif",
        "push vector",
        "jmp {common}",
        ".set vector, vector + 1",
        ".endr",
        vectors = const VECTORS,
        size = const ENTRY_SIZE,
        common = sym save,
    )
}

/// Completes a [`Frame`] on the stack.
#[unsafe(naked)]
unsafe extern "C" fn save() -> ! {
    naked_asm!(
        "push rax",
        "push rbx",
        "push rcx",
        "push rdx",
        "push rsi",
        "push rdi",
        "push rbp",
        "push r8",
        "push r9",
        "push r10",
        "push r11",
        "push r12",
        "push r13",
        "push r14",
        "push r15",
        "cld",
        "xor ebp, ebp",
        "mov rdi, rsp",
        "call {tell}",
        "ud2",
        tell = sym tell,
    )
}

extern "C" fn tell(frame: &Frame) -> ! {
    // An address that the processor has used is one that it can have.
    let address = Cr2::read_raw();
    end::last_words(|| {
        let layout = &Layout::of_guest();
        early::print_last(format_args!("{}", Exception { frame, address, layout }));
        early::print_last(format_args!("{}", Calls::above(frame.rsp)));
    })
}
