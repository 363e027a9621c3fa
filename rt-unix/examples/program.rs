//! A program without `fn main` of Rust, for `tests/program.rs`: looks at its standard files, or panics.

#![no_std]
#![no_main]

extern crate std;

use std::{fs, path::Path};

use rt_unix::{Error, Rt, Runtime as _};

rt_unix::program!(program);

fn program(rt: &mut Rt) -> Result<(), Error> {
    match rt.args().next() {
        Some("panic") => panic!("on purpose"),
        Some("files") => {
            for number in 0..3 {
                let file = fs::read_link(std::format!("/proc/self/fd/{number}"))?;
                if file != Path::new("/dev/null") {
                    return Err(Error::new(3 + number, file.display()));
                }
            }
            Ok(())
        }
        _ => Err(Error::new(2, "expected panic or files")),
    }
}
