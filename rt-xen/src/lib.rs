#![doc = include_str!("../README.md")]
#![no_std]

#[cfg(test)]
extern crate std;

mod boot;
mod bytes;
mod early;
mod end;
mod exceptions;
mod guest;
#[allow(dead_code, reason = "called from the platform's modules")]
mod hypercall;
mod hypervisor;
mod memory;
mod one_cpu;

pub use boot::Machine;
pub use early::print;
pub use end::finish;
pub use guest::{
    Access, DomainId, GrantError, GrantRef, Guest, Port, StillInUse, StoreError, Watch,
};
pub use hypercall::Errno;
pub use memory::{HOLE, frame_of, shared_page};
pub use rt::{Error, Runtime};

/// For the macros of this crate.
#[doc(hidden)]
pub mod private {
    pub use pvh;

    pub use crate::{boot::letregion_entry, end::panicked};
}

/// Makes a program a guest that runs `fn service(machine: Machine) -> Result<(), Error>` on the bare
/// machine: `rt_xen::entry!(service)`. What is returned ends it, see [`finish`].
///
/// The program is `no_std` and `no_main`, and linked as the README says.
#[macro_export]
macro_rules! entry {
    ($service:ident) => {
        $crate::private::pvh::xen_elfnote_phys32_entry!($crate::private::letregion_entry);

        #[unsafe(no_mangle)]
        fn letregion_guest(machine: $crate::Machine) -> ! {
            $crate::finish(::core::stringify!($service), $service(machine))
        }

        #[panic_handler]
        fn letregion_panic(info: &::core::panic::PanicInfo<'_>) -> ! {
            $crate::private::panicked(info)
        }
    };
}
