//! The addresses of the parts of the image, from the linker script.

use core::{ops::Range, ptr};

use rt_regions::PAGE_SIZE;

// Each symbol is declared as one byte. Only its address has a meaning.
unsafe extern "C" {
    static letregion_stack_guard: u8;
    static letregion_stack_bottom: u8;
    static letregion_stack_top: u8;
    static letregion_host_code_end: u8;
    static letregion_exception_stack_top: u8;
    static letregion_machine_stack_top: u8;
    static letregion_interrupt_stack_top: u8;
    static letregion_descriptors: u8;
    static letregion_text: u8;
    static letregion_rodata: u8;
    static letregion_data: u8;
    static letregion_image_end: u8;
}

/// The address ranges of the parts of the image; for a processor that is not the first, with the stack that it has instead of
/// that of the image.
#[derive(Clone, Debug)]
pub(crate) struct Layout {
    /// The guard page, which is not mapped. The stack grows down towards it.
    pub(crate) stack_guard: Range<u64>,
    /// The stack of the program.
    pub(crate) stack: Range<u64>,
    /// The pages of code that the host fills in, if the platform has any.
    pub(crate) host_code: Range<u64>,
    /// The stacks of the exceptions, all of them.
    pub(crate) exception_stacks: Range<u64>,
    /// The tables of segments and of exceptions, which the processor reads: one page.
    pub(crate) descriptors: Range<u64>,
    /// Those of segments of a processor that is not the first.
    #[cfg(feature = "cores")]
    pub(crate) own_descriptors: Range<u64>,
    /// The program.
    pub(crate) text: Range<u64>,
    /// Constants.
    pub(crate) rodata: Range<u64>,
    /// Variables.
    pub(crate) data: Range<u64>,
}

impl Layout {
    /// The layout of the running guest, as the processor that this runs on sees it.
    #[cfg(feature = "cores")]
    pub(crate) fn of_guest() -> Self {
        let mut layout = Self::of_image();
        if let Some(room) = crate::processors::current().room {
            (layout.stack_guard, layout.stack) = (room.guard(), room.stack());
            layout.own_descriptors = room.descriptors();
        }
        layout
    }

    /// The layout of the running guest.
    #[cfg(not(feature = "cores"))]
    #[inline]
    pub(crate) fn of_guest() -> Self {
        Self::of_image()
    }

    #[inline(never)]
    fn of_image() -> Self {
        let at = |symbol: *const u8| symbol.addr() as u64;
        let guard = at(&raw const letregion_stack_guard);
        let stack = at(&raw const letregion_stack_bottom);
        let host_code = at(&raw const letregion_stack_top);
        let exceptions = at(&raw const letregion_host_code_end);
        let descriptors = at(&raw const letregion_descriptors);
        let text = at(&raw const letregion_text);
        let rodata = at(&raw const letregion_rodata);
        let data = at(&raw const letregion_data);
        Self {
            stack_guard: guard..stack,
            stack: stack..host_code,
            host_code: host_code..exceptions,
            exception_stacks: exceptions..descriptors,
            descriptors: descriptors..descriptors + PAGE_SIZE as u64,
            #[cfg(feature = "cores")]
            own_descriptors: 0..0,
            text: text..rodata,
            rodata: rodata..data,
            data: data..at(&raw const letregion_image_end),
        }
    }

    /// Where the image ends and free memory begins.
    pub(crate) fn end(&self) -> u64 {
        self.data.end
    }
}

/// The ends of the stacks of the exceptions: of all exceptions; of the double fault and of the machine check, each of
/// which ends the guest; and of the interrupt, after which the guest goes on. There are no others.
pub(crate) const EXCEPTION_STACK_TOPS: [*const u8; 7] = [
    &raw const letregion_exception_stack_top,
    &raw const letregion_machine_stack_top,
    &raw const letregion_interrupt_stack_top,
    ptr::null(),
    ptr::null(),
    ptr::null(),
    ptr::null(),
];

/// The size of the memory that the page tables of the entry code map, in bytes from address 0 on.
pub(crate) const EARLY_LIMIT: u64 = 1 << 30;

/// A pointer to the physical memory at `address`, which the guest sees at the same address.
pub fn physical<T>(address: u64) -> *mut T {
    ptr::with_exposed_provenance_mut(address as usize)
}
