//! Calling Xen: the hypercall page, and one function for each number (`xen.h`).

use core::{
    arch::{asm, global_asm},
    error,
    ffi::c_void,
    fmt,
    mem::MaybeUninit,
    ptr, slice,
};

/// An error that Xen returns (`errno.h`), as a positive number.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Errno(pub u16);

impl Errno {
    /// No such entry.
    pub const ENOENT: Self = Self(2);
    /// Try again.
    pub const EAGAIN: Self = Self(11);
    /// Out of memory.
    pub const ENOMEM: Self = Self(12);
    /// It exists already.
    pub const EEXIST: Self = Self(17);
    /// An argument is wrong.
    pub const EINVAL: Self = Self(22);
    /// No space left.
    pub const ENOSPC: Self = Self(28);
}

impl fmt::Display for Errno {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match *self {
            Self::ENOENT => "ENOENT",
            Self::EAGAIN => "EAGAIN",
            Self::ENOMEM => "ENOMEM",
            Self::EEXIST => "EEXIST",
            Self::EINVAL => "EINVAL",
            Self::ENOSPC => "ENOSPC",
            Self(number) => return write!(f, "error {number}"),
        };
        f.write_str(name)
    }
}

impl fmt::Debug for Errno {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl error::Error for Errno {}

// Xen writes the entries, 32 bytes each, when it is given the address of the page. The page is not in the
// file. It is called writable because the linker, which looks for code that is there twice, cannot look into
// code that has no bytes.
global_asm!(
    ".pushsection .low.hypercall_page, \"awx\", @nobits",
    ".balign 4096",
    ".globl hypercall_page",
    "hypercall_page:",
    ".skip 4096",
    ".popsection",
);

/// The number of a hypercall.
#[derive(Clone, Copy, Debug)]
#[repr(usize)]
pub(crate) enum Number {
    MemoryOp = 12,
    XenVersion = 17,
    ConsoleIo = 18,
    GrantTableOp = 20,
    VcpuOp = 24,
    SchedOp = 29,
    EventChannelOp = 32,
    HvmOp = 34,
}

/// Calls Xen with two arguments: a command, and the address of its structure.
///
/// # Safety
/// The hypercall page has been set up, and `argument` is what the command takes: Xen reads and writes it.
pub(crate) unsafe fn call(
    number: Number,
    command: usize,
    argument: *mut c_void,
) -> Result<usize, Errno> {
    // SAFETY: the caller's; the commands of two arguments ignore the third.
    unsafe { call3(number, command, argument.addr(), 0) }
}

/// Calls Xen with three arguments.
///
/// # Safety
/// The hypercall page has been set up, and the arguments are what the hypercall takes.
pub(crate) unsafe fn call3(
    number: Number,
    first: usize,
    second: usize,
    third: usize,
) -> Result<usize, Errno> {
    let result: isize;
    // SAFETY: an entry of the hypercall page takes its arguments in rdi, rsi, rdx, returns in rax, and
    // keeps all registers but those of the arguments (xen-x86_64.h). It reads and writes memory.
    unsafe {
        asm!(
            "lea {entry}, [rip + hypercall_page]",
            "add {entry}, {offset}",
            "call {entry}",
            entry = out(reg) _,
            offset = in(reg) number as usize * 32,
            inlateout("rdi") first => _,
            inlateout("rsi") second => _,
            inlateout("rdx") third => _,
            lateout("rax") result,
            lateout("rcx") _,
            lateout("r11") _,
        );
    }
    // -4095..=-1 are errors, all else is a result.
    match u16::try_from(result.wrapping_neg()) {
        Ok(error @ 1..4096) => Err(Errno(error)),
        _ => Ok(result.cast_unsigned()),
    }
}

unsafe extern "C" {
    static hypercall_page: u8;
}

/// The address of the hypercall page.
pub(crate) fn page() -> usize {
    (&raw const hypercall_page).addr()
}

/// A piece of memory, as the BIOS of a PC says it: packed, as it is there.
#[derive(Clone, Copy, Debug)]
#[repr(C, packed)]
pub(crate) struct E820Entry {
    /// Where it begins.
    pub(crate) addr: u64,
    /// How many bytes it has.
    pub(crate) size: u64,
    /// What it is; 1 is memory.
    pub(crate) ty: u32,
}

const _: () = assert!(size_of::<E820Entry>() == 20);

/// The memory of the guest (`XENMEM_memory_map`, `memory.h`): as much of the map as there is room for.
pub(crate) fn memory_map(room: &mut [MaybeUninit<E820Entry>]) -> Result<&[E820Entry], Errno> {
    const XENMEM_MEMORY_MAP: usize = 9;
    /// `struct xen_memory_map`.
    #[repr(C)]
    struct MemoryMap {
        nr_entries: u32,
        buffer: *mut E820Entry,
    }
    let nr_entries = u32::try_from(room.len()).unwrap_or(u32::MAX);
    let mut map = MemoryMap { nr_entries, buffer: room.as_mut_ptr().cast() };
    // SAFETY: the argument is the structure of the command; it says how many entries fit.
    unsafe { call(Number::MemoryOp, XENMEM_MEMORY_MAP, ptr::from_mut(&mut map).cast()) }?;
    let entries = room.len().min(map.nr_entries as usize);
    // SAFETY: Xen has written so many, into `room`.
    Ok(unsafe { slice::from_raw_parts(room.as_ptr().cast(), entries) })
}
