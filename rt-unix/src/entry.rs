//! The way into a program that has no `fn main` of Rust.

use std::{
    ffi::{CStr, OsString, c_char, c_int},
    io::{self, Write as _},
    os::unix::ffi::OsStringExt as _,
    panic::{self, AssertUnwindSafe},
};

use rustix::{
    fs::{Mode, OFlags, open},
    io::{Errno, fcntl_getfd},
    stdio,
};

use crate::{Error, Rt, start_with};

/// The exit status of a Rust program that panics.
pub(crate) const PANICKED: u8 = 101;

/// Makes a program of a service that is neither of `std` nor has a `fn main`, so that the same source is a guest on
/// another platform: `rt_unix::program!(echo)` writes the C function `main`, which does what [`main!`](crate::main)'s
/// does. In unit tests it writes nothing, because these have a `main` of their own.
///
/// The program begins with `#![cfg_attr(not(test), no_std, no_main)]`.
#[macro_export]
macro_rules! program {
    ($service:ident) => {
        #[cfg(not(test))]
        const _: () = {
            #[unsafe(no_mangle)]
            extern "C" fn main(
                count: ::core::ffi::c_int,
                arguments: *const *const ::core::ffi::c_char,
            ) -> ::core::ffi::c_int {
                let name = match ::core::option_env!("CARGO_BIN_NAME") {
                    Some(name) => name,
                    None => ::core::stringify!($service),
                };
                // SAFETY: these are the arguments of `main`, which the C library calls once.
                unsafe { $crate::private::run(name, count, arguments, $service) }
            }
        };

        // The service counts as used there too.
        #[cfg(test)]
        const _: fn(&mut $crate::Rt) -> ::core::result::Result<(), $crate::Error> = $service;
    };
}

/// Prepares the process as `std` does before `fn main` of Rust, runs `service` as [`start`](crate::start) does, and
/// returns the exit status of the process.
///
/// # Safety
/// `arguments` points to `count` pointers to strings that end with a zero byte, or `count` is not positive; all of them
/// stay as they are until the end of the process. The process has one thread.
pub unsafe fn run(
    name: &'static str,
    count: c_int,
    arguments: *const *const c_char,
    service: fn(&mut Rt) -> Result<(), Error>,
) -> c_int {
    open_standard_files();
    // SAFETY: the disposition "ignore" has no handler that could do anything.
    unsafe { libc::signal(libc::SIGPIPE, libc::SIG_IGN) };
    let count = usize::try_from(count).unwrap_or(0);
    let arguments: Vec<OsString> = (0..count)
        .map(|index| {
            // SAFETY: the caller guarantees that there are `count` pointers, and the index is below.
            let place = unsafe { arguments.add(index) };
            // SAFETY: so the pointer can be read.
            let argument = unsafe { *place };
            // SAFETY: the caller guarantees that it points to a string that ends with a zero byte and stays.
            let argument = unsafe { CStr::from_ptr(argument) };
            OsString::from_vec(argument.to_bytes().to_vec())
        })
        .collect();
    let arguments = arguments.into_iter().skip(1);
    // Nothing is used after a panic but the status. In a program that aborts on panic, this is never an error.
    let status = panic::catch_unwind(AssertUnwindSafe(|| start_with(name, arguments, service)));
    // Nobody else empties the buffer of `std`.
    let _ = io::stdout().flush();
    c_int::from(status.unwrap_or(PANICKED))
}

/// Opens `/dev/null` for each of the three standard files that is closed, so that no other file that is opened later is
/// mistaken for one.
fn open_standard_files() {
    for file in [stdio::stdin(), stdio::stdout(), stdio::stderr()] {
        if fcntl_getfd(file) == Err(Errno::BADF)
            && let Ok(null) = open("/dev/null", OFlags::RDWR, Mode::empty())
        {
            // The lowest number that is free, which is this file's, since those below are open.
            std::mem::forget(null);
        }
    }
}
