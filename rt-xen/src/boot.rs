//! The start of the guest, from the loader to the program.

mod entry;
pub(crate) mod start_info;

use core::fmt;

use pvh::start_info::StartInfo;
use rt_regions::{PAGE_SIZE, Pool, Region};

pub use self::entry::letregion_entry;
use crate::{
    early, end, exceptions, hypervisor,
    layout::{Layout, physical},
    memory,
    operations::Xen,
};

const PAGE: u64 = PAGE_SIZE as u64;

/// The most pages of a domain that are outside its memory map but are counted as its memory: 8 special ones (console,
/// xenstore, ...), and the tables of ACPI.
const OUTSIDE: u64 = 32;

/// The machine that a program finds when it starts. There is only one, and it can be neither copied nor made, so a
/// program starts only one runtime.
#[derive(Debug)]
pub struct Machine {
    /// INVARIANT: the entry, which runs once, makes the only machine; its hole is empty, and nobody uses the pages
    /// that Xen shares.
    pub(crate) xen: Xen,
    /// The command line, from `cmdline=` in the configuration of the domain.
    pub command_line: &'static str,
    /// All free memory.
    pub pool: &'static Pool<'static>,
    /// The region that lives as long as the guest.
    pub memory: &'static Region<'static>,
    /// How the memory is used.
    pub use_of_memory: UseOfMemory,
}

/// How the memory of a guest is used, in bytes. It is displayed as one line.
#[derive(Clone, Copy, Debug)]
pub struct UseOfMemory {
    /// The memory that Xen gave the guest.
    pub all: u64,
    /// The memory in the memory map. It is more than `all` if `maxmem=` is above `memory=`.
    pub map: u64,
    /// The program with its variables.
    pub image: u64,
    /// The page tables.
    pub tables: u64,
    /// How many pages the pool has.
    pub pool_pages: usize,
    /// The memory in pieces other than the one that became the pool.
    pub unused: u64,
}

impl fmt::Display for UseOfMemory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { all, map, image, tables, pool_pages, unused } = self;
        let [all, map, image, tables, unused] =
            [all, map, image, tables, unused].map(|bytes| bytes >> 10);
        write!(f, "memory {all} of {map} KiB: image {image} KiB, page tables {tables} KiB, ")?;
        write!(f, "pool {pool_pages} pages, not used {unused} KiB")
    }
}

unsafe extern "Rust" {
    /// The program; [`entry!`](crate::entry) writes it.
    safe fn letregion_guest(machine: Machine) -> !;
}

/// The first Rust function. Long mode, a stack and a map of the first GiB are set up.
extern "C" fn start(start_info: u32) -> ! {
    let machine = prepare(start_info.into());
    letregion_guest(machine)
}

/// Sets up the machine as a program expects. It is not inlined, so that the stack that it needs is free afterwards.
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
    let mut ram = unsafe { start_info::ram(info) }
        .unwrap_or_else(|| end::broken(format_args!("the loader left no memory map")));
    let map = ram.bytes();
    match xen.current_reservation() {
        Ok(pages) if pages < map / PAGE => ram.limit(pages.saturating_sub(OUTSIDE)),
        // All memory is there, or Xen does not say, which does not occur.
        _ => {}
    }
    let all = ram.bytes();
    // SAFETY: the only call, and the tables of the entry are in use.
    unsafe { exceptions::init(&layout) };
    // SAFETY: the only call. What the loader left is not needed any more: all else in `ram` is nobody's.
    let memory = unsafe { memory::open(ram, &layout) }
        .unwrap_or_else(|error| end::broken(format_args!("{error}")));
    let use_of_memory = UseOfMemory {
        all,
        map,
        image: layout.end() - layout.text.start,
        tables: memory.tables,
        pool_pages: memory.pool.pages(),
        unused: memory.unused,
    };
    early::print(format_args!("{use_of_memory}"));
    Machine { xen, command_line, pool: memory.pool, memory: memory.global, use_of_memory }
}
