//! Lets the linker find `letregion-kvm.ld`, which says where a guest lies in memory, by its name: a program that
//! depends on this crate is linked with `-Tletregion-kvm.ld`.

use std::env;

fn main() {
    let here = env::var("CARGO_MANIFEST_DIR").expect("cargo says where the manifest is");
    println!("cargo::rustc-link-search=native={here}");
    println!("cargo::rerun-if-changed=letregion-kvm.ld");
    println!("cargo::rerun-if-changed=build.rs");
}
