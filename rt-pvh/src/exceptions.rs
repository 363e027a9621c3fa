//! Exceptions: each is reported and ends the guest, except the non-maskable interrupt, with which an operator asks
//! where the guest is.
//!
//! No handler runs on the stack of the program: that stack may be broken, and the compiler stores data below its end
//! (the red zone).

mod frame;

use core::arch::naked_asm;

use x86_64::{
    PrivilegeLevel, VirtAddr,
    instructions::tables,
    registers::control::Cr2,
    structures::{
        DescriptorTablePointer,
        gdt::{DescriptorFlags, SegmentSelector},
    },
};

use self::frame::{DOUBLE_FAULT, Exception, Frame, MACHINE_CHECK, NON_MASKABLE_INTERRUPT, VECTOR};
#[cfg(feature = "cores")]
use x86_64::instructions::segmentation::{CS, DS, ES, SS, Segment as _};

#[cfg(feature = "interrupts")]
use crate::interrupts;
use crate::{
    end,
    layout::{EXCEPTION_STACK_TOPS, Layout, physical},
};

/// The number of exceptions that the processor of a guest can have (Intel SDM volume 3, table 6-1). Higher vectors are
/// reserved, or for encrypted guests.
const VECTORS: usize = 22;
/// The distance between the entries of two exceptions, in bytes.
const ENTRY_SIZE: usize = 8;

/// The tables that the processor reads: [`Layout::descriptors`].
#[repr(C)]
struct Descriptors {
    /// Segments: none, code, data, and the task state segment, which takes two places.
    gdt: [u64; 5],
    /// The handler of each exception, and of each interrupt. There is none for what is between them.
    idt: [[u64; 2]; GATES],
}

/// The length of the table of handlers.
#[cfg(not(feature = "interrupts"))]
const GATES: usize = VECTORS;
#[cfg(feature = "interrupts")]
const GATES: usize = interrupts::FIRST_VECTOR as usize + interrupts::VECTORS;

const _: () = assert!(size_of::<Descriptors>() <= rt_regions::PAGE_SIZE);

/// The task state segment (Intel SDM volume 3, figure 8-11). Only its stacks for exceptions are used.
#[repr(C, packed(4))]
struct TaskState {
    unused: [u32; 9],
    stacks: [*const u8; 7],
    reserved: [u16; 5],
    /// The end of the segment, which has no permissions for ports.
    end: u16,
}

/// The indices of the segments in [`Descriptors::gdt`]. Code and data keep those that they had before.
const CODE: u16 = 1;
#[cfg(feature = "cores")]
const DATA: u16 = 2;
const TASK_STATE: u16 = 3;

/// The task state segment, which is a read-only constant: the processor only reads stacks from it.
static TSS: TaskState = TaskState {
    unused: [0; 9],
    stacks: EXCEPTION_STACK_TOPS,
    reserved: [0; 5],
    end: size_of::<TaskState>() as u16,
};

// SAFETY: the pointers are numbers to the processor, and nobody else follows them.
unsafe impl Sync for TaskState {}

/// Sets up the handlers, so that every exception is reported from now on.
///
/// The processor writes to these tables here and never again: it marks the task state segment as in use when it
/// is loaded, and the other segments are marked as used from the beginning.
///
/// # Safety
/// Called once, with the page tables of the entry in use, in which all can be written. What they themselves need
/// of the stacks of the exceptions is overwritten by an exception, which ends the guest then.
pub(crate) unsafe fn init(layout: &Layout) {
    // SAFETY: the page is there for these tables alone, and the table that is in use is the entry's. They are
    // words, which any bytes are.
    let Descriptors { gdt, idt } = unsafe { &mut *physical(layout.descriptors.start) };
    let [low, high] = task_state(address(&TSS).as_u64());
    let code = DescriptorFlags::KERNEL_CODE64.bits();
    *gdt = [0, code, DescriptorFlags::KERNEL_DATA.bits(), low, high];
    // SAFETY: from here on the processor alone changes the table, and the segments that are in use are in it.
    unsafe { tables::lgdt(&table(gdt)) };
    // SAFETY: the selector is that of a task state segment in the table that has just been loaded.
    unsafe { tables::load_tss(SegmentSelector::new(TASK_STATE, PrivilegeLevel::Ring0)) };
    let first = entries as *const () as usize;
    for (vector, entry) in idt.iter_mut().take(VECTORS).enumerate() {
        // The task state segment has stacks of these numbers, and only exceptions use them.
        let stack = match vector as u64 {
            DOUBLE_FAULT | MACHINE_CHECK => 1,
            NON_MASKABLE_INTERRUPT => 2,
            _ => 0,
        };
        // For each vector there is an entry, so far from the first.
        *entry = gate((first + vector * ENTRY_SIZE) as u64, stack);
    }
    #[cfg(feature = "interrupts")]
    {
        let between = usize::from(interrupts::FIRST_VECTOR) - VECTORS;
        let (between, interrupts) = idt[VECTORS..].split_at_mut(between);
        between.fill([0; 2]);
        let first = interrupts::handlers as *const () as usize;
        for (index, entry) in interrupts.iter_mut().enumerate() {
            *entry = gate((first + index * interrupts::HANDLER_SIZE) as u64, 0);
        }
    }
    // SAFETY: the table is never changed again, and each of its entries leads to an entry of `entries` or of `handlers`,
    // or is not present.
    unsafe { tables::lidt(&table(idt)) };
}

/// The tables of segments of a processor that is not the first: those of the first, but with a task state segment of its own.
/// The handlers are the same.
#[cfg(feature = "cores")]
#[repr(C)]
struct OwnTables {
    gdt: [u64; 5],
    task_state: TaskState,
}

/// Writes the tables of segments of another processor, with the ends of its [stacks of exceptions](EXCEPTION_STACK_TOPS).
///
/// # Safety
/// `page` is a page that can be written and is there for these tables alone.
#[cfg(feature = "cores")]
pub(crate) unsafe fn prepare(page: u64, [all, machine, interrupt]: [*const u8; 3]) {
    let tables: *mut OwnTables = physical(page);
    // SAFETY: the page has room for the tables, and nobody reads them yet.
    let task_state = unsafe { &raw const (*tables).task_state };
    let [low, high] = self::task_state(address(task_state).as_u64());
    let nowhere = core::ptr::null();
    let stacks = [all, machine, interrupt, nowhere, nowhere, nowhere, nowhere];
    let code = DescriptorFlags::KERNEL_CODE64.bits();
    let own = OwnTables {
        gdt: [0, code, DescriptorFlags::KERNEL_DATA.bits(), low, high],
        task_state: TaskState { stacks, ..TSS },
    };
    // SAFETY: as above.
    unsafe { tables.write(own) };
}

/// Has this processor use its own tables of segments, and the handlers of the first one.
///
/// # Safety
/// Called once on each processor but the first, with what [`prepare`] has written for it, while a page that is read-only can
/// be written.
#[cfg(feature = "cores")]
pub(crate) unsafe fn load(page: u64) {
    // SAFETY: `prepare` has written them, and from here on the processor alone changes them.
    let OwnTables { gdt, .. } = unsafe { &*physical::<OwnTables>(page) };
    // SAFETY: `init` has written them, and nobody changes them.
    let Descriptors { idt, .. } = unsafe { &*physical(Layout::of_guest().descriptors.start) };
    // SAFETY: the table has the same segments of code and data as all others, at the same places.
    unsafe { tables::lgdt(&table(gdt)) };
    // SAFETY: it is the segment of code.
    unsafe { CS::set_reg(SegmentSelector::new(CODE, PrivilegeLevel::Ring0)) };
    for set in [DS::set_reg, ES::set_reg, SS::set_reg] {
        // SAFETY: it is the segment of data.
        unsafe { set(SegmentSelector::new(DATA, PrivilegeLevel::Ring0)) };
    }
    // SAFETY: the selector is that of a task state segment in the table that has just been loaded.
    unsafe { tables::load_tss(SegmentSelector::new(TASK_STATE, PrivilegeLevel::Ring0)) };
    // SAFETY: the table is never changed again, and each of its entries leads to a handler or is not present.
    unsafe { tables::lidt(&table(idt)) };
}

/// An address of the program, which is always a valid one.
fn address<T>(pointer: *const T) -> VirtAddr {
    VirtAddr::new_truncate(pointer.addr() as u64)
}

/// The address and length of a table, in the processor's format.
fn table<T>(table: &T) -> DescriptorTablePointer {
    DescriptorTablePointer { limit: (size_of::<T>() - 1) as u16, base: address(table) }
}

/// The descriptor of a task state segment at this address (Intel SDM volume 3, figure 8-4).
fn task_state(base: u64) -> [u64; 2] {
    let limit = size_of::<TaskState>() as u64 - 1;
    // Present, of the type of a task state segment of 64 bits that is not in use.
    let kind = 0x89;
    [limit | (base & 0xff_ffff) << 16 | kind << 40 | (base >> 24 & 0xff) << 56, base >> 32]
}

/// The entry of the exception table that leads to this address, on the stack with this number (figure 7-8).
fn gate(address: u64, stack: u64) -> [u64; 2] {
    let selector = u64::from(CODE) << 3;
    // Present, an interrupt gate.
    let kind = 0x8e;
    let low = address & 0xffff | selector << 16 | (stack + 1) << 32 | kind << 40;
    [low | (address >> 16 & 0xffff) << 48, address >> 32]
}

/// The entries of the exceptions, [`ENTRY_SIZE`] apart. Each completes the frame with an error code (the processor's,
/// or 0), and calls [`save`], which derives the number of the exception from the return address.
#[unsafe(naked)]
unsafe extern "C" fn entries() -> ! {
    naked_asm!(
        ".set vector, 0",
        ".rept {vectors}",
        ".balign {size}, 0xcc",
        // Exceptions 8, 10 to 14, 17 and 21 have an error code.
        ".if ((0x227d00 >> vector) & 1) == 0",
        "push 0",
        ".endif",
        "call {common}",
        ".set vector, vector + 1",
        ".endr",
        vectors = const VECTORS,
        size = const ENTRY_SIZE,
        common = sym save,
    )
}

/// Completes a [`Frame`] on the stack, in which an address in the entry still stands for the number of the exception,
/// and reports the exception. If the guest goes on, all its registers are restored.
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
        "lea rax, [rip + {entries}]",
        "sub [rdi + {vector}], rax",
        "shr qword ptr [rdi + {vector}], {entry_bits}",
        // The stack was aligned before the frame, which is 22 words long.
        "sub rsp, 512",
        "fxsave64 [rsp]",
        "call {tell}",
        "fxrstor64 [rsp]",
        "add rsp, 512",
        "pop r15",
        "pop r14",
        "pop r13",
        "pop r12",
        "pop r11",
        "pop r10",
        "pop r9",
        "pop r8",
        "pop rbp",
        "pop rdi",
        "pop rsi",
        "pop rdx",
        "pop rcx",
        "pop rbx",
        "pop rax",
        // The number and the error code.
        "add rsp, 16",
        "iretq",
        entries = sym entries,
        vector = const VECTOR * size_of::<u64>(),
        entry_bits = const ENTRY_SIZE.ilog2(),
        tell = sym tell,
    )
}

extern "C" fn tell(frame: &Frame) {
    // The processor has used the address, so it is valid.
    let address = Cr2::read_raw();
    let layout = &Layout::of_guest();
    let words = format_args!("{}", Exception { frame, address, layout });
    if frame.vector() == NON_MASKABLE_INTERRUPT {
        end::tell_place(words, frame.rsp());
    } else {
        end::report_crash(words, frame.rsp());
    }
}

#[cfg(test)]
mod tests {
    use core::mem::offset_of;

    use x86_64::structures::{
        gdt::Descriptor,
        idt::{Entry, HandlerFunc},
        tss::TaskStateSegment,
    };

    use super::*;

    #[test]
    fn descriptors_are_those_of_the_manual() {
        let (here, there) =
            (TaskStateSegment::new(), std::boxed::Box::new(TaskStateSegment::new()));
        for tss in [&here, &there] {
            // SAFETY: the descriptor is looked at, and not loaded.
            let expected = unsafe { Descriptor::tss_segment_unchecked(tss) };
            let Descriptor::SystemSegment(low, high) = expected else { panic!("{expected:?}") };
            assert_eq!(task_state(address(tss).as_u64()), [low, high]);
        }
        assert_eq!(size_of::<TaskState>(), size_of::<TaskStateSegment>());
        assert_eq!(
            offset_of!(TaskState, stacks),
            offset_of!(TaskStateSegment, interrupt_stack_table)
        );
        assert_eq!(offset_of!(TaskState, end), offset_of!(TaskStateSegment, iomap_base));
    }

    #[test]
    fn gates_are_those_of_the_manual() {
        for (address, stack) in [(0, 0), (0x1234_5678_9abc, 1), (0x7edc_ba98_7654, 2)] {
            let mut entry = Entry::<HandlerFunc>::missing();
            // SAFETY: the entry is looked at, and not used.
            let options = unsafe { entry.set_handler_addr(VirtAddr::new(address)) };
            let code = SegmentSelector::new(CODE, PrivilegeLevel::Ring0);
            // SAFETY: as above. The selector is that of the guest, not the one of this process.
            let options = unsafe { options.set_code_selector(code) };
            // SAFETY: as above.
            unsafe { options.set_stack_index(stack as u16) };
            // SAFETY: an entry is two words, any of which is a word.
            let expected = unsafe { core::mem::transmute::<Entry<HandlerFunc>, [u64; 2]>(entry) };
            assert_eq!(gate(address, stack), expected);
        }
    }
}
