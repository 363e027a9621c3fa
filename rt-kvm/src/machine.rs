//! The machine that a program finds: a guest of KVM, or of QEMU without it.

use rt_pvh::{Loader, UseOfMemory, print, use_serial_port};
use rt_regions::{Pool, Region};

use crate::{
    devices::Devices,
    host::Host,
    platform::{self, APICS, OnKvm},
};

/// The machine that a program finds when it starts. There is only one, and it can be neither copied nor made, so a
/// program starts only one runtime.
#[derive(Debug)]
pub struct Machine {
    /// The hypervisor.
    pub host: Host,
    /// The command line, with the words of the monitor.
    pub command_line: &'static str,
    /// All free memory.
    pub pool: &'static Pool<'static>,
    /// The region that lives as long as the guest.
    pub memory: &'static Region<'static>,
    /// How the memory is used.
    pub use_of_memory: UseOfMemory,
    pub(crate) devices: Devices,
    /// How many processors the program uses.
    #[cfg(feature = "cores")]
    pub(crate) processors: usize,
}

/// Sets up the machine as a program expects. It is not inlined, so that the stack that it needs is free afterwards.
#[doc(hidden)]
#[inline(never)]
pub fn machine(loader: Loader) -> Machine {
    use_serial_port();
    let host = Host::here();
    let mut devices = Devices::default();
    #[cfg(feature = "cores")]
    let mut processors = Ok(1);
    let rt_pvh::Machine { command_line, pool, memory, use_of_memory } =
        loader.open(&OnKvm, &mut |plan| {
            plan.devices.add(APICS);
            devices.find(plan);
            #[cfg(feature = "cores")]
            {
                processors = crate::processors::count(plan);
            }
        });
    if devices.may_be_microvm {
        platform::has_sleep_control();
    }
    print(format_args!("host {}", host.name()));
    #[cfg(feature = "cores")]
    let processors =
        processors.unwrap_or_else(|refusal| rt_pvh::refused(format_args!("{refusal}")));
    Machine {
        host,
        command_line,
        pool,
        memory,
        use_of_memory,
        devices,
        #[cfg(feature = "cores")]
        processors,
    }
}
