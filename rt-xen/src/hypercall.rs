//! Calling Xen: the hypercall page, and one function for each number (`xen.h`).

use core::{
    arch::{asm, global_asm},
    error,
    ffi::c_void,
    fmt,
};

use layer::split::split;

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

impl Errno {
    /// The names of the errors, as xenstore uses them (`xsd_errors`). They are one text, because a table of them would
    /// be larger.
    const NAMES: &str = "EPERM ENOENT EIO E2BIG EAGAIN ENOMEM EACCES EBUSY EEXIST EISDIR EINVAL ENOSPC EROFS \
        ENOSYS ENOTEMPTY EISCONN";
    /// The numbers of the errors in [`NAMES`](Self::NAMES), in the same order.
    const NUMBERS: &[u8] = &[1, 2, 5, 7, 11, 12, 13, 16, 17, 21, 22, 28, 30, 38, 39, 106];

    fn all() -> impl Iterator<Item = (&'static str, Self)> {
        let numbers = Self::NUMBERS.iter().map(|&number| Self(number.into()));
        split(Self::NAMES, b' ').zip(numbers)
    }

    /// The error with this name.
    pub(crate) fn named(name: &[u8]) -> Option<Self> {
        Self::all().find(|(known, _)| known.as_bytes() == name).map(|(_, errno)| errno)
    }
}

impl fmt::Display for Errno {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match Self::all().find(|(_, errno)| errno == self) {
            Some((name, _)) => f.write_str(name),
            None => write!(f, "error {}", u64::from(self.0)),
        }
    }
}

impl fmt::Debug for Errno {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl error::Error for Errno {}

// Xen writes the entries, 32 bytes each, when it is given the address of the page. The page is not in the file. It is
// declared writable, because the linker looks for duplicate code and cannot read code that has no bytes.
global_asm!(
    ".pushsection .low.host_code, \"awx\", @nobits",
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
    #[cfg(feature = "cores")]
    Vcpu = 24,
    Sched = 29,
    EventChannel = 32,
    Hvm = 34,
}

/// Calls Xen with a command and the address of its structure. Most commands have no result except 0.
///
/// # Safety
/// The hypercall page has been set up, and `argument` is what the command takes: Xen reads and writes it.
// Not inlined: one copy is enough, and the call is cheap.
#[inline(never)]
pub(crate) unsafe fn call(
    number: Number,
    command: usize,
    argument: *mut c_void,
) -> Result<usize, Errno> {
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
    checked(result)
}

/// What a command has returned: -4095 to -1 are errors, any other value is its result.
#[inline(always)]
fn checked(result: isize) -> Result<usize, Errno> {
    match result.wrapping_neg() {
        error @ 1..4096 => Err(Errno(error as u16)),
        _ => Ok(result as usize),
    }
}

/// Calls Xen as [`call`] does, for a command about the virtual processor with this number.
///
/// # Safety
/// As for [`call`].
#[cfg(feature = "cores")]
pub(crate) unsafe fn call_vcpu(
    command: usize,
    vcpu: usize,
    argument: *mut c_void,
) -> Result<usize, Errno> {
    let result: isize;
    // SAFETY: as in `call`, with a third argument in rdx.
    unsafe {
        asm!(
            "lea {entry}, [rip + hypercall_page + {offset}]",
            "call {entry}",
            entry = out(reg) _,
            offset = const Number::Vcpu as usize * 32,
            inlateout("rdi") command => _,
            inlateout("rsi") vcpu => _,
            inlateout("rdx") argument => _,
            lateout("rax") result,
            lateout("rcx") _,
            lateout("r11") _,
        );
    }
    checked(result)
}

unsafe extern "C" {
    static hypercall_page: u8;
}

/// The address of the hypercall page.
pub(crate) fn page() -> usize {
    (&raw const hypercall_page).addr()
}
