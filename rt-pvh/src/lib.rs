#![doc = include_str!("../README.md")]
#![no_std]

#[cfg(test)]
extern crate std;

pub mod arguments;
mod boot;
pub mod boot_time;
mod bytes;
mod early;
mod end;
pub mod entropy;
mod exceptions;
#[cfg(feature = "page")]
pub mod insight;
#[cfg(feature = "interrupts")]
pub mod interrupts;
mod layout;
#[cfg(any(feature = "defmt", test))]
mod log;
mod memory;
mod monitor_words;
mod one_cpu;
mod platform;
#[cfg(feature = "cores")]
mod processors;
pub mod program;
pub mod pvclock;
mod stack_trace;
#[cfg(feature = "cores")]
pub mod team;
#[doc(hidden)]
pub mod testing;

pub use boot::{Loader, Machine, Plan, UseOfMemory};
#[cfg(feature = "cores")]
pub use early::Turn;
pub use early::{debug, print, print_last, use_serial_port};
pub use end::{finish, finish_as, refused, reset, turn_off_pc};
pub use layout::physical;
pub use memory::{DeviceRanges, Ram};
pub use platform::{Line, Platform, Shutdown};
#[cfg(feature = "cores")]
pub use processors::{
    Landing, Other, landing_of,
    trampoline::{arrived, vector},
};
pub use rt::Error;

/// Items for the macros of this crate.
#[doc(hidden)]
pub mod private {
    pub use pvh;

    pub use crate::{boot::letregion_entry, end::panicked};
}

/// Makes a program a guest: `rt_pvh::entry!(|loader| …)` calls the closure or function with the [`Loader`]. It must not
/// return; see [`finish`].
///
/// The program is `no_std` and `no_main`, and linked as the README says.
#[macro_export]
macro_rules! entry {
    ($program:expr) => {
        // Before hundreds of errors of the linker.
        #[cfg(panic = "unwind")]
        ::core::compile_error!(
            "a guest does not unwind: set `panic = \"abort\"` in the profile that it is built with \
             (`[profile.dev]`, `[profile.release]`), or build it with `cargo letregion build`"
        );

        $crate::private::pvh::xen_elfnote_phys32_entry!($crate::private::letregion_entry);

        #[unsafe(no_mangle)]
        fn letregion_guest(loader: $crate::Loader) -> ! {
            let program: fn($crate::Loader) -> ! = $program;
            program(loader)
        }

        #[panic_handler]
        fn letregion_panic(info: &::core::panic::PanicInfo<'_>) -> ! {
            $crate::private::panicked(info)
        }
    };
}

/// What `main!` of a platform writes: a guest that starts the runtime of `$platform` with the name of the program and calls
/// `$service`. The platform is a crate with `entry!` and `start`.
#[doc(hidden)]
#[macro_export]
macro_rules! main_on {
    ($platform:tt, $service:ident) => {
        $platform::entry!(|machine| {
            const NAME: &str = match ::core::option_env!("CARGO_BIN_NAME") {
                Some(name) => name,
                None => ::core::stringify!($service),
            };
            $platform::start(NAME, machine, $service)
        });
    };
}

/// What `program!` of a platform writes: its `main!`, but for unit tests, which run on the host. The platform is a crate with
/// `main!`, `Rt` and `Error`.
#[doc(hidden)]
#[macro_export]
macro_rules! program_on {
    ($platform:tt, $service:ident) => {
        #[cfg(not(test))]
        $platform::main!($service);

        // The service counts as used there too.
        #[cfg(test)]
        const _: fn(&mut $platform::Rt) -> ::core::result::Result<(), $platform::Error> = $service;
    };
}
