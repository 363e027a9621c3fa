//! The machine that a program finds: a guest of KVM, or of QEMU without it.

use rt_pvh::{Loader, UseOfMemory, finish, monitor_words::MonitorWords, print, use_serial_port};
use rt_regions::{Pool, Region};

use crate::{
    devices,
    host::Host,
    platform::{self, OnKvm},
};

/// The machine that a program finds when it starts. There is only one, and it can be neither copied nor made, so a
/// program starts only one runtime.
#[derive(Debug)]
pub struct Machine {
    /// The hypervisor.
    pub host: Host,
    /// The command line, without the words of the monitor.
    pub command_line: &'static str,
    /// All free memory.
    pub pool: &'static Pool<'static>,
    /// The region that lives as long as the guest.
    pub memory: &'static Region<'static>,
    /// How the memory is used.
    pub use_of_memory: UseOfMemory,
    /// The whole command line.
    pub(crate) whole_line: &'static str,
}

/// Sets up the machine as a program expects. It is not inlined, so that the stack that it needs is free afterwards.
#[doc(hidden)]
#[inline(never)]
pub fn machine(loader: Loader) -> Machine {
    use_serial_port();
    let host = Host::here();
    let rt_pvh::Machine { command_line: whole_line, pool, memory, use_of_memory } =
        loader.open(&OnKvm, |_| ());
    platform::opened();
    print(format_args!("host {host:?}"));
    let words = MonitorWords::of(whole_line);
    if words.iter().next().is_some() {
        print(format_args!("words of the monitor, which are left out: {words}"));
    }
    for word in devices::unusable(whole_line) {
        print(format_args!("virtio_mmio.device={word}: no place of a device, which is left out"));
    }
    let command_line =
        words.removed(memory).unwrap_or_else(|error| finish("start", Err(error.into())));
    Machine { host, command_line, pool, memory, use_of_memory, whole_line }
}
