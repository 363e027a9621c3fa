//! Links the tests and examples of this crate as an app is linked, so that the log can be tested. The package alone is without the
//! script of the apps, and has nothing to link.

use std::{env, path::Path};

fn main() {
    if env::var_os("CARGO_FEATURE_DEFMT").is_some() {
        let here = env::var("CARGO_MANIFEST_DIR").expect("cargo says where the manifest is");
        let script = Path::new(&here).with_file_name("apps").join("defmt.ld");
        if script.is_file() {
            println!("cargo::rerun-if-changed={}", script.display());
            for what in ["tests", "examples"] {
                println!("cargo::rustc-link-arg-{what}=-no-pie");
                println!("cargo::rustc-link-arg-{what}=-T{}", script.display());
            }
        }
    }
    println!("cargo::rerun-if-changed=build.rs");
}
