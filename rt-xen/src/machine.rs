//! The machine that a program finds: a guest of Xen.

use rt_pvh::{Loader, UseOfMemory};
use rt_regions::{PAGE_SIZE, Pool, Region};

use crate::{
    hypervisor,
    operations::Xen,
    platform::{self, OnXen},
    shared_pages::DEVICE_RANGES,
};

/// The most pages of a domain that are outside its memory map but are counted as its memory: 8 special ones (console,
/// xenstore, ...), and the tables of ACPI.
const OUTSIDE: u64 = 32;

/// The machine that a program finds when it starts. There is only one, and it can be neither copied nor made, so a
/// program starts only one runtime.
#[derive(Debug)]
pub struct Machine {
    /// INVARIANT: there is one loader, and so one machine; its hole is empty, and nobody uses the pages that Xen
    /// shares.
    pub(crate) xen: Xen,
    /// The command line, from `cmdline=` in the configuration of the domain.
    pub command_line: &'static str,
    /// All free memory.
    pub pool: &'static Pool<'static>,
    /// The region that lives as long as the guest.
    pub memory: &'static Region<'static>,
    /// How the memory is used.
    pub use_of_memory: UseOfMemory,
    /// How many processors the program uses.
    #[cfg(feature = "cores")]
    pub(crate) processors: usize,
}

/// Sets up the machine as a program expects. Elsewhere than on Xen it ends, and says so. It is not inlined, so that the stack
/// that it needs is free afterwards.
#[doc(hidden)]
#[inline(never)]
pub fn machine(loader: Loader) -> Machine {
    let Some(xen) = hypervisor::init() else { platform::no_xen() };
    #[cfg(feature = "cores")]
    let mut processors = 1;
    let rt_pvh::Machine { command_line, pool, memory, use_of_memory } =
        loader.open(OnXen::of(xen), &mut |plan| {
            let [hole, special_pages] = DEVICE_RANGES;
            plan.devices.add(hole);
            plan.devices.add(special_pages);
            // Otherwise all memory is there, or Xen does not say, which does not occur.
            if let Ok(pages) = xen.current_reservation()
                && pages < plan.ram.bytes() / PAGE_SIZE as u64
            {
                plan.ram.limit(pages.saturating_sub(OUTSIDE));
            }
            #[cfg(feature = "cores")]
            {
                crate::processors::count(xen, plan);
                processors = *plan.processors;
            }
        });
    Machine {
        xen,
        command_line,
        pool,
        memory,
        use_of_memory,
        #[cfg(feature = "cores")]
        processors,
    }
}
