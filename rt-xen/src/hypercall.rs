//! Calling Xen: the hypercall page, and one function for each number (`xen.h`).

use core::{
    arch::{asm, global_asm},
    error,
    ffi::c_void,
    fmt,
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

/// The number of a hypercall (`__HYPERVISOR_*_op`).
#[derive(Clone, Copy, Debug)]
#[repr(usize)]
pub(crate) enum Number {
    Memory = 12,
    Sched = 29,
    EventChannel = 32,
    Hvm = 34,
}

/// Calls Xen with a command and the address of its structure.
///
/// # Safety
/// The hypercall page has been set up, and `argument` is what the command takes: Xen reads and writes it.
// One copy: what each caller has to do is little.
#[inline(never)]
pub(crate) unsafe fn call(
    number: Number,
    command: usize,
    argument: *mut c_void,
) -> Result<(), Errno> {
    let result: isize;
    // SAFETY: an entry of the hypercall page takes its arguments in rdi and rsi, returns in rax, and keeps all
    // registers but those of the arguments (xen-x86_64.h). It reads and writes memory.
    unsafe {
        asm!(
            "lea {entry}, [rip + hypercall_page]",
            "add {entry}, {offset}",
            "call {entry}",
            entry = out(reg) _,
            offset = in(reg) number as usize * 32,
            inlateout("rdi") command => _,
            inlateout("rsi") argument => _,
            lateout("rax") result,
            lateout("rcx") _,
            lateout("r11") _,
        );
    }
    // -4095..=-1 are errors; none of these commands has a result.
    match result.wrapping_neg() {
        error @ 1..4096 => Err(Errno(error as u16)),
        _ => Ok(()),
    }
}

unsafe extern "C" {
    static hypercall_page: u8;
}

/// The address of the hypercall page.
pub(crate) fn page() -> usize {
    (&raw const hypercall_page).addr()
}
