//! Lets the linker find `letregion-log.ld`, which gives the texts of the log their numbers, by its name: a program with
//! its log that depends on this crate, directly or not, is linked with `-no-pie -Tletregion-log.ld`. So are the tests and
//! examples of this crate, if they have the log.

use std::env;

fn main() {
    let here = env::var("CARGO_MANIFEST_DIR").expect("cargo says where the manifest is");
    println!("cargo::rustc-link-search=native={here}");
    if env::var_os("CARGO_FEATURE_DEFMT").is_some() {
        for what in ["tests", "examples"] {
            println!("cargo::rustc-link-arg-{what}=-no-pie");
            println!("cargo::rustc-link-arg-{what}=-Tletregion-log.ld");
        }
    }
    println!("cargo::rerun-if-changed=letregion-log.ld");
    println!("cargo::rerun-if-changed=build.rs");
}
