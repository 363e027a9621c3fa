//! Links an app as a Linux process whose log can be read in the process itself.
//!
//! `defmt` tells its lines apart by the addresses of symbols, which have to be small numbers: the linker
//! script gathers their sections at address 1, and nothing is relocated afterwards.

use std::{env, path::Path};

fn main() {
    let on = |feature| env::var_os(feature).is_some();
    // Where both are on, the app is a Xen guest.
    if on("CARGO_FEATURE_UNIX") && !on("CARGO_FEATURE_XEN") {
        let app = env::var("CARGO_MANIFEST_DIR").expect("cargo says where the manifest is");
        let script = Path::new(&app).with_file_name("defmt.ld");
        println!("cargo::rerun-if-changed={}", script.display());
        println!("cargo::rustc-link-arg=-no-pie");
        println!("cargo::rustc-link-arg=-T{}", script.display());
    }
    println!("cargo::rerun-if-changed=../build.rs");
}
