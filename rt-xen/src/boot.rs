//! From the loader to the program.

mod entry;
mod layout;
pub(crate) mod start_info;

use core::fmt;

use pvh::start_info::StartInfo;
use rt_regions::{Pool, Region};

pub use self::entry::letregion_entry;
pub(crate) use self::layout::{EXCEPTION_STACK_TOPS, Layout, physical};
use crate::{early, end, exceptions, hypervisor, memory, operations::Xen};

/// What the tables of the entry map.
pub(crate) const EARLY_LIMIT: u64 = 1 << 30;

/// What a program finds when it starts.
#[derive(Clone, Copy, Debug)]
pub struct Machine {
    pub(crate) xen: Xen,
    /// What the configuration of the domain says after `cmdline=`.
    pub command_line: &'static str,
    /// All free memory.
    pub pool: &'static Pool<'static>,
    /// The region that lives as long as the guest.
    pub memory: &'static Region<'static>,
    /// How the memory is used.
    pub use_of_memory: UseOfMemory,
}

/// How the memory of a guest is used, in bytes; displayed as a line.
#[derive(Clone, Copy, Debug)]
pub struct UseOfMemory {
    /// All that Xen gave.
    pub all: u64,
    /// The program with its variables.
    pub image: u64,
    /// The page tables.
    pub tables: u64,
    /// How many pages the pool has.
    pub pool_pages: usize,
    /// What is in other pieces than the one that became the pool.
    pub unused: u64,
}

impl fmt::Display for UseOfMemory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { all, image, tables, pool_pages, unused } = self;
        let [all, image, tables, unused] = [all, image, tables, unused].map(|bytes| bytes >> 10);
        write!(f, "memory {all} KiB: image {image} KiB, page tables {tables} KiB, ")?;
        write!(f, "pool {pool_pages} pages, not used {unused} KiB")
    }
}

unsafe extern "Rust" {
    /// The program; [`entry!`](crate::entry) writes it.
    safe fn letregion_guest(machine: Machine) -> !;
}

/// The first of Rust: there are long mode, a stack, and the first GiB.
extern "C" fn start(start_info: u32) -> ! {
    let machine = prepare(start_info.into());
    letregion_guest(machine)
}

/// Makes the machine what a program expects. On its own, so that what it needs of the stack does not stay
/// there.
#[inline(never)]
fn prepare(start_info: u64) -> Machine {
    let Some(xen) = hypervisor::init() else { end::no_xen() };
    let layout = Layout::of_guest();
    // SAFETY: what the loader left is there as long as nobody writes to memory outside the image.
    let Some(info) = (unsafe { StartInfo::from_ptr(physical(start_info)) }) else {
        end::broken(format_args!("the loader left no hvm_start_info at {start_info:#x}"))
    };
    // SAFETY: as above.
    let command_line = unsafe { start_info::command_line(info) }
        .unwrap_or_else(|error| end::refused(format_args!("{error}")));
    // SAFETY: as above.
    let ram = unsafe { start_info::ram(info) }.unwrap_or_else(|| {
        start_info::ram_of_xen(xen)
            .unwrap_or_else(|errno| end::broken(format_args!("no memory map: {errno}")))
    });
    let all = ram.bytes();
    // SAFETY: the only call. What the loader left is not needed any more: all else in `ram` is nobody's.
    let memory = unsafe { memory::open(ram, &layout) }
        .unwrap_or_else(|error| end::broken(format_args!("{error}")));
    exceptions::init();
    let use_of_memory = UseOfMemory {
        all,
        image: layout.end() - layout.text.start,
        tables: memory.tables,
        pool_pages: memory.pool.pages(),
        unused: memory.unused,
    };
    early::print(format_args!("{use_of_memory}"));
    Machine { xen, command_line, pool: memory.pool, memory: memory.global, use_of_memory }
}
