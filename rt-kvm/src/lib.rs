#![doc = include_str!("../README.md")]
#![no_std]

#[cfg(test)]
extern crate std;

mod apic;
mod clock;
mod devices;
mod error;
mod guest;
mod host;
mod io_apic;
mod machine;
mod mmio;
mod pci;
mod platform;
mod power_button;
#[cfg(feature = "cores")]
mod processors;
#[cfg(feature = "cores")]
mod queues;
#[cfg(any(feature = "virtio-rng", test))]
mod rng;
mod rtc;
mod runtime;
mod start;
mod transport;

pub use guest::Guest;
pub use host::Host;
pub use machine::Machine;
pub use rt::{Error, Runtime, Wake};
pub use rt_pvh::{UseOfMemory, finish, print};
pub use runtime::{Event, Rt};
pub use start::start;
pub use transport::VirtioTransport;

/// Items for the macros of this crate.
#[doc(hidden)]
pub mod private {
    pub use rt_pvh;

    #[cfg(feature = "cores")]
    pub use crate::start::runtime_of_other;
    pub use crate::{machine::machine, start::runtime};
}

/// Makes a program a guest: `rt_kvm::main!(echo)` starts the runtime and calls
/// `fn echo(rt: &mut Rt) -> Result<(), Error>`; see [`start()`]. Messages contain the name of the program.
///
/// The program is `no_std` and `no_main`, and linked as the README says.
#[macro_export]
macro_rules! main {
    ($service:ident) => {
        $crate::private::rt_pvh::main_on!($crate, $service);
    };
}

/// Makes a program of a service whose source is a program of other platforms too: `rt_kvm::program!(echo)` does what
/// [`main!`](crate::main) does, but writes nothing in unit tests, which run on the host.
///
/// The program begins with `#![cfg_attr(not(test), no_std, no_main)]`, and is linked as the README says.
#[macro_export]
macro_rules! program {
    ($service:ident) => {
        $crate::private::rt_pvh::program_on!($crate, $service);
    };
}

/// Makes a program a guest on the bare machine, without a runtime: `rt_kvm::entry!(|machine| …)` calls the closure or
/// function with the [`Machine`]. It must not return; see [`finish`].
///
/// The program is `no_std` and `no_main`, and linked as the README says.
#[macro_export]
macro_rules! entry {
    ($program:expr) => {
        $crate::private::rt_pvh::entry!(|loader| {
            let program: fn($crate::Machine) -> ! = $program;
            program($crate::private::machine(loader))
        });
    };
}
