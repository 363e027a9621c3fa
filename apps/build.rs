//! Links an app: as a guest of Xen, or as a Linux process whose log can be read in the process itself.
//!
//! `defmt` tells its lines apart by the addresses of symbols, which have to be small numbers: the linker
//! script gathers their sections at address 1, and nothing is relocated afterwards.

use std::{env, path::Path};

fn main() {
    let on = |feature| env::var_os(feature).is_some();
    let app = env::var("CARGO_MANIFEST_DIR").expect("cargo says where the manifest is");
    let app = Path::new(&app);
    // Where both are on, the app is a Xen guest.
    if on("CARGO_FEATURE_XEN") {
        // No C library, no code of the compiler's before main, everything where the script says.
        for argument in
            ["-nostdlib", "-nostartfiles", "-static", "-Wl,-z,max-page-size=16", "-Wl,--icf=all"]
        {
            println!("cargo::rustc-link-arg={argument}");
        }
        link_with(&app.join("../../rt-xen/guest.ld"));
    } else if on("CARGO_FEATURE_UNIX") {
        link_with(&app.with_file_name("defmt.ld"));
    }
    println!("cargo::rerun-if-changed={}", file!());
}

fn link_with(script: &Path) {
    println!("cargo::rerun-if-changed={}", script.display());
    println!("cargo::rustc-link-arg=-no-pie");
    println!("cargo::rustc-link-arg=-T{}", script.display());
}
