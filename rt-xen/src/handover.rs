//! What the entry hands over to the runtime.

use core::{fmt, ops::Range, ptr::NonNull};

use rt_regions::{Pool, Region};

/// The bare machine, as the entry leaves it: long mode, memory mapped at its physical addresses, the
/// hypercall page set up.
#[derive(Debug)]
pub(crate) struct Boot {
    /// What the configuration of the domain says after `cmdline=`.
    pub(crate) command_line: &'static str,
    /// All free memory.
    pub(crate) pool: &'static Pool<'static>,
    /// The region that lives as long as the guest.
    pub(crate) memory: &'static Region<'static>,
    /// The numbers of frames where there is no memory, for what Xen is asked to put somewhere.
    pub(crate) free_frames: Range<u64>,
    /// The page that is, or will be, in a frame that Xen shares with us; nothing if it is not mapped.
    pub(crate) shared_page: fn(u64) -> Option<NonNull<u8>>,
    /// Where lines go as long as there is no console.
    pub(crate) print: fn(fmt::Arguments<'_>),
}
