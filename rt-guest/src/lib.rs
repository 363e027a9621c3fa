#![doc = include_str!("../README.md")]
#![no_std]
#![forbid(unsafe_code)]

cfg_if::cfg_if! {
    if #[cfg(all(feature = "kvm", feature = "xen"))] {
        mod event;
        mod machine;
        mod runtime;
        mod start;

        pub use event::Event;
        pub use machine::Machine;
        pub use rt::{Error, Runtime, Wake};
        pub use rt_pvh::{UseOfMemory, finish, print};
        pub use runtime::Rt;
        pub use start::start;

        /// Items for the macros of this crate.
        #[doc(hidden)]
        pub mod private {
            pub use rt_pvh;

            pub use crate::machine::machine;
        }

        /// Makes a program a guest: `rt_guest::main!(echo)` starts the runtime and calls
        /// `fn echo(rt: &mut Rt) -> Result<(), Error>`; see [`start()`]. Messages contain the name of the program.
        ///
        /// The program is `no_std` and `no_main`, and linked as the README says.
        #[macro_export]
        macro_rules! main {
            ($service:ident) => {
                $crate::private::rt_pvh::main_on!($crate, $service);
            };
        }

        /// Makes a program of a service whose source is a program of other platforms too: `rt_guest::program!(echo)` does
        /// what [`main!`](crate::main) does, but writes nothing in unit tests, which run on the host.
        ///
        /// The program begins with `#![cfg_attr(not(test), no_std, no_main)]`, and is linked as the README says.
        #[macro_export]
        macro_rules! program {
            ($service:ident) => {
                $crate::private::rt_pvh::program_on!($crate, $service);
            };
        }

        /// Makes a program a guest on the bare machine, without a runtime: `rt_guest::entry!(|machine| …)` calls the
        /// closure or function with the [`Machine`]. It must not return; see [`finish`].
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
    } else if #[cfg(feature = "xen")] {
        pub use rt_xen::*;
    } else if #[cfg(feature = "kvm")] {
        pub use rt_kvm::*;
    }
}
