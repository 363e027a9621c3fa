//! Lets the linker find `letregion-pvh.ld`, which says where a guest lies in memory, by its name: the linker script of a
//! platform includes it.

use std::env;

fn main() {
    let here = env::var("CARGO_MANIFEST_DIR").expect("cargo says where the manifest is");
    println!("cargo::rustc-link-search=native={here}");
    println!("cargo::rerun-if-changed=letregion-pvh.ld");
    println!("cargo::rerun-if-changed=build.rs");
}
