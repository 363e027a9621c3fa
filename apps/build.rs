//! Links an app: as a guest of Xen, or as a Linux process whose log can be read in the process itself.
//!
//! `defmt` tells its lines apart by the addresses of symbols, which have to be small numbers: the linker
//! script gathers their sections at address 1, and nothing is relocated afterwards.

use std::{
    env, fs,
    path::{Path, PathBuf},
};

fn main() {
    let on = |feature| env::var_os(feature).is_some();
    let app = env::var("CARGO_MANIFEST_DIR").expect("cargo says where the manifest is");
    let app = Path::new(&app);
    let (guest, log) = (app.join("../../rt-xen/guest.ld"), app.with_file_name("defmt.ld"));
    // Where both are on, the app is a Xen guest.
    if on("CARGO_FEATURE_XEN") {
        // No C library, no code of the compiler's before main, everything where the script says.
        for argument in
            ["-nostdlib", "-nostartfiles", "-static", "-Wl,-z,max-page-size=16", "-Wl,--icf=all"]
        {
            println!("cargo::rustc-link-arg={argument}");
        }
        link_with(&guest);
        if on("CARGO_FEATURE_DEFMT") {
            link_with(&log_of_guest(&log));
        }
    } else if on("CARGO_FEATURE_UNIX") {
        // rustc asks for `-static-pie` then, which `-no-pie` takes back: of a dynamic program with a static C
        // library, nothing would run.
        if env::var("CARGO_CFG_TARGET_FEATURE").is_ok_and(|on| on.split(',').any(is_static)) {
            println!("cargo::rustc-link-arg=-static");
        }
        link_with(&log);
    }
    for source in [&app.with_file_name("build.rs"), &guest, &log] {
        println!("cargo::rerun-if-changed={}", source.display());
    }
}

fn is_static(feature: &str) -> bool {
    feature == "crt-static"
}

fn link_with(script: &Path) {
    println!("cargo::rustc-link-arg=-no-pie");
    println!("cargo::rustc-link-arg=-T{}", script.display());
}

/// The script of the log, for the layout of a guest, which has no section `.comment` to put it behind.
fn log_of_guest(log: &Path) -> PathBuf {
    let text = fs::read_to_string(log).expect("the linker script of the log is there");
    let (of_linux, of_guest) = ("INSERT AFTER .comment;", "INSERT AFTER .boot;");
    assert!(text.contains(of_linux), "{}: no {of_linux}", log.display());
    let out = env::var_os("OUT_DIR").expect("cargo says where to write");
    let script = Path::new(&out).join("defmt.ld");
    fs::write(&script, text.replace(of_linux, of_guest)).expect("the linker script can be written");
    script
}
