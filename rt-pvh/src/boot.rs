//! The start of the guest, from the loader to the program.

mod entry;
pub(crate) mod start_info;

use core::fmt;

use rt_regions::{Pool, Region};

pub use self::entry::letregion_entry;
#[cfg(feature = "cores")]
use crate::processors;
use crate::{
    Platform, early, end, exceptions,
    layout::Layout,
    memory::{self, DeviceRanges, Ram},
    platform,
};

/// What the loader has left, not read yet. There is only one, and it can be neither copied nor made, so a program sets
/// up the machine only once.
#[derive(Debug)]
pub struct Loader(());

/// The machine, set up: memory is protected, exceptions are reported, and all free memory is in the pool. There is only
/// one.
#[derive(Debug)]
pub struct Machine {
    /// The command line.
    pub command_line: &'static str,
    /// All free memory.
    pub pool: &'static Pool<'static>,
    /// The region that lives as long as the guest.
    pub memory: &'static Region<'static>,
    /// How the memory is used.
    pub use_of_memory: UseOfMemory,
}

/// What a platform is told before the memory is set up, and what it corrects.
#[derive(Debug)]
pub struct Plan<'p> {
    /// The command line, in which monitors name devices.
    pub command_line: &'static str,
    /// What the loader says is memory. The platform removes what the host has not given to the guest.
    pub ram: &'p mut Ram,
    /// What belongs to devices, or where the host puts pages. The platform adds it.
    pub devices: &'p mut DeviceRanges,
    /// How many processors the program uses: 1, unless the platform asks for more.
    #[cfg(feature = "cores")]
    pub processors: &'p mut usize,
    /// The address of the root of the ACPI tables, or 0.
    #[cfg(feature = "cores")]
    pub rsdp: u64,
}

/// How the memory of a guest is used, in bytes. It is displayed as one line.
#[derive(Clone, Copy, Debug)]
pub struct UseOfMemory {
    /// The memory that the guest uses.
    pub all: u64,
    /// The memory in the loader's map. It is more than `all` if the host has not given all of it to the guest.
    pub map: u64,
    /// The program with its variables.
    pub image: u64,
    /// The page tables.
    pub tables: u64,
    /// How many pages the pool has; those of all processors together.
    pub pool_pages: usize,
    /// The memory in pieces other than the one that became the pool.
    pub unused: u64,
}

impl fmt::Display for UseOfMemory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { all, map, image, tables, pool_pages, unused } = self;
        let [all, map, image, tables, unused] =
            [all, map, image, tables, unused].map(|bytes| bytes >> 10);
        write!(
            f,
            "memory {all} of {map} KiB: image {image} KiB, page tables {tables} KiB, pool {pool_pages} pages, not used \
             {unused} KiB"
        )
    }
}

unsafe extern "Rust" {
    /// The program; [`entry!`](crate::entry) writes it.
    safe fn letregion_guest(loader: Loader) -> !;
}

/// The first Rust function. Long mode, a stack and a map of the first GiB are set up.
extern "C" fn start() -> ! {
    letregion_guest(Loader(()))
}

impl Loader {
    /// Registers the platform, which prints and ends the guest from now on; reads the command line and the memory map,
    /// in which `prepare` corrects what is memory and adds what belongs to devices; and sets up the tables of segments and
    /// exceptions, the page tables, and the pool.
    ///
    /// If the loader has left no map, the command line cannot be used, a device is where memory is, or there is too little
    /// memory, the guest ends, and says so.
    pub fn open(
        self,
        platform: &'static dyn Platform,
        prepare: &mut dyn FnMut(&mut Plan<'_>),
    ) -> Machine {
        #[cfg(feature = "cores")]
        processors::begin();
        platform::register(platform);
        // SAFETY: the entry has filled it, and nobody uses the memory where it lies before there is a pool.
        let saved = unsafe { start_info::saved() }
            .unwrap_or_else(|| end::broken(format_args!("the loader left no hvm_start_info")));
        let command_line =
            saved.command_line().unwrap_or_else(|error| end::refused(format_args!("{error}")));
        let mut ram = saved.ram().unwrap_or_else(|| {
            let most = start_info::MOST_ENTRIES;
            end::broken(format_args!("the loader left no memory map of 1 to {most} entries"))
        });
        let map = ram.bytes();
        let mut devices = DeviceRanges::new();
        #[cfg(feature = "cores")]
        let mut processors = 1;
        prepare(&mut Plan {
            command_line,
            ram: &mut ram,
            devices: &mut devices,
            #[cfg(feature = "cores")]
            processors: &mut processors,
            #[cfg(feature = "cores")]
            rsdp: saved.info.rsdp_paddr,
        });
        #[cfg(feature = "cores")]
        let processors = processors.clamp(1, cores::MAX_CORES);
        let (layout, all) = (Layout::of_guest(), ram.bytes());
        // SAFETY: the only call, since there is only one `Loader`; the tables of the entry are in use.
        unsafe { exceptions::init(&layout) };
        // SAFETY: the only call. What the loader left is not needed any more, and a platform can only remove memory: all
        // else in `ram` is nobody's.
        let memory = unsafe {
            memory::open(
                ram,
                &layout,
                devices.ranges(),
                #[cfg(feature = "cores")]
                processors,
            )
        };
        let memory = memory.unwrap_or_else(|error| end::broken(format_args!("{error}")));
        let use_of_memory = UseOfMemory {
            all,
            map,
            image: layout.end() - layout.text.start,
            tables: memory.tables,
            pool_pages: memory.pool_pages,
            unused: memory.unused,
        };
        early::print(format_args!("{use_of_memory}"));
        Machine { command_line, pool: memory.pool, memory: memory.global, use_of_memory }
    }
}
