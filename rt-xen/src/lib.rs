#![doc = include_str!("../README.md")]
#![no_std]

#[cfg(test)]
extern crate std;

mod console;
mod domain;
mod events;
mod grants;
mod guest;
mod hypercall;
mod hypervisor;
mod machine;
mod operations;
mod platform;
#[cfg(feature = "cores")]
mod processors;
mod ring;
mod runtime;
mod shared_info;
mod shared_pages;
mod shutdown;
mod start;
#[doc(hidden)]
pub mod testing;
mod xenstore;

pub use domain::Domain;
pub use grants::GrantCounts;
pub use guest::{
    Access, DomainId, GrantError, GrantRef, Guest, Port, StillInUse, StoreError, Watch,
};
pub use hypercall::Errno;
pub use machine::Machine;
pub use rt::{Error, Runtime, Wake};
pub use rt_pvh::{UseOfMemory, finish, print};
pub use runtime::{Event, Rt};
pub use start::start;

/// Items for the macros of this crate.
#[doc(hidden)]
pub mod private {
    pub use rt_pvh;

    #[cfg(feature = "cores")]
    pub use crate::start::runtime_of_other;
    pub use crate::{
        hypervisor::is_here,
        machine::machine,
        start::{runtime, shutdown},
    };
}

/// Makes a program a guest: `rt_xen::main!(echo)` starts the runtime and calls
/// `fn echo(rt: &mut Rt) -> Result<(), Error>`; see [`start()`]. Messages contain the name of the program.
///
/// The program is `no_std` and `no_main`, and linked as the README says.
#[macro_export]
macro_rules! main {
    ($service:ident) => {
        $crate::private::rt_pvh::main_on!($crate, $service);
    };
}

/// Makes a program of a service whose source is a program of other platforms too: `rt_xen::program!(echo)` does what
/// [`main!`](crate::main) does, but writes nothing in unit tests, which run on the host.
///
/// The program begins with `#![cfg_attr(not(test), no_std, no_main)]`, and is linked as the README says.
#[macro_export]
macro_rules! program {
    ($service:ident) => {
        $crate::private::rt_pvh::program_on!($crate, $service);
    };
}

/// Makes a program a guest on the bare machine, without a runtime: `rt_xen::entry!(|machine| …)` calls the closure or
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
