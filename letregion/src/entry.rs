//! The macro that makes a program of a service.

/// Makes a program of a service: `letregion::main!(hello)` starts the runtime of the platform and calls
/// `fn hello(rt: &mut letregion::Rt) -> Result<(), letregion::Error>`. Messages contain the name of the program.
///
/// The program begins with `#![cfg_attr(not(test), no_std, no_main)]`, on every platform. In its unit tests, the macro
/// writes no entry.
#[cfg(all(
    any(feature = "kvm", feature = "unix", feature = "xen"),
    not(all(feature = "unix", any(feature = "kvm", feature = "xen"), not(letregion_guest)))
))]
#[macro_export]
macro_rules! main {
    ($service:ident) => {
        $crate::platform::program!($service);
    };
}

/// Makes a program of a service. Without a platform it cannot.
#[cfg(not(any(feature = "kvm", feature = "unix", feature = "xen")))]
#[macro_export]
macro_rules! main {
    ($service:ident) => {
        ::core::compile_error!(
            "a program needs a platform: turn on the feature `unix`, `xen` or `kvm` of letregion"
        );
    };
}

/// Makes a program of a service. With a process and a guest in one build it cannot: the crates that they share have `std` then,
/// and a guest must not. In unit tests, which run on the host, nothing is wrong.
#[cfg(all(feature = "unix", any(feature = "kvm", feature = "xen"), not(letregion_guest)))]
#[macro_export]
macro_rules! main {
    ($service:ident) => {
        #[cfg(not(test))]
        ::core::compile_error!(
            "a guest has no Linux process in it: build with `cargo letregion build --on xen`, or with \
             `--cfg letregion_guest` in the rustflags, or turn off the default feature `unix` of letregion"
        );

        #[cfg(test)]
        $crate::platform::program!($service);
    };
}
