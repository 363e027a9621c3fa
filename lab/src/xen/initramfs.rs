//! The initramfs of dom0 and that of the Linux guest.

use std::path::PathBuf;

use anyhow::{Context, Result, ensure};

use super::{
    archive::{Archive, read},
    packages::{DOM0_MODULES, GUEST_MODULES, KVM_MODULES, Packages},
};
use crate::cargo;

/// The tools of Xen, where the package puts them.
const XEN_TOOLS: [&str; 10] = [
    "usr/lib/xen-4.17/bin/libxl-save-helper",
    "usr/lib/xen-4.17/bin/xen-init-dom0",
    "usr/lib/xen-4.17/bin/xenconsole",
    "usr/lib/xen-4.17/bin/xenconsoled",
    "usr/lib/xen-4.17/bin/xenstored",
    "usr/lib/xen-4.17/bin/xl",
    "usr/bin/xenstore-list",
    "usr/bin/xenstore-ls",
    "usr/bin/xenstore-read",
    "usr/bin/xenstore-write",
];
/// What is mounted on and written to.
const FOLDERS: [&str; 10] =
    ["dev", "etc/xen", "proc", "run", "sbin", "sys", "tmp", "var/lib", "var/log", "var/run"];

/// The script that `xl` calls for a guest's network interface, in dom0.
pub(super) const VIF_SCRIPT: &str = "/etc/xen/vif";
/// The one that does without a console, and starts fewer programs.
pub(super) const LEAN_VIF_SCRIPT: &str = "/etc/xen/vif-lean";

/// That of dom0: not compressed, since what unpacks it is emulated.
pub(super) fn of_dom0(packages: &Packages) -> Result<Vec<u8>> {
    let mut archive = base(packages, "dom0", "dom0")?;
    let root = packages.root();
    for path in XEN_TOOLS {
        archive.program(root, path)?;
        if let Some(name) = path.strip_prefix("usr/bin/") {
            archive.link(&format!("bin/{name}"), &format!("/{path}"))?;
        }
    }
    // libc loads it by itself when a thread is cancelled, as xl does.
    archive.library(root, "libgcc_s.so.1")?;
    archive.file("lib64/ld-linux-x86-64.so.2", &read(&loader(packages))?)?;
    // dom0's memory is fixed: nothing is to be taken from it for a guest.
    archive.file("etc/xen/xl.conf", b"autoballoon=\"off\"\n")?;
    archive.file(VIF_SCRIPT.trim_start_matches('/'), include_bytes!("vif.sh"))?;
    archive.file(LEAN_VIF_SCRIPT.trim_start_matches('/'), include_bytes!("vif-lean.sh"))?;
    modules(&mut archive, packages, &DOM0_MODULES)?;
    archive.file("init", include_bytes!("init.sh"))?;
    archive.finish()
}

/// That of the Linux guest, which runs this program of this package.
pub(super) fn of_guest(packages: &Packages, package: &str, program: &str) -> Result<Vec<u8>> {
    guest(packages, &GUEST_MODULES, package, program)
}

/// That of the Linux guest of KVM, which echoes.
pub(crate) fn of_kvm(packages: &Packages) -> Result<Vec<u8>> {
    guest(packages, &KVM_MODULES, "dom0", "linux-echo")
}

fn guest(packages: &Packages, names: &[&str], package: &str, program: &str) -> Result<Vec<u8>> {
    let mut archive = base(packages, package, program)?;
    modules(&mut archive, packages, names)?;
    archive.file("init", include_bytes!("guest.sh"))?;
    archive.finish()
}

/// What both have: folders, a shell, a program of our own.
fn base(packages: &Packages, package: &str, program: &str) -> Result<Archive> {
    let mut archive = Archive::default();
    for folder in FOLDERS {
        archive.folder(folder)?;
    }
    archive.file("bin/busybox", &read(&packages.root().join("bin/busybox"))?)?;
    archive.link("bin/sh", "busybox")?;
    archive.file(&format!("bin/{program}"), &read(&static_program(package, program)?)?)?;
    Ok(archive)
}

fn modules(archive: &mut Archive, packages: &Packages, names: &[&str]) -> Result<()> {
    for name in names {
        archive.file(&format!("modules/{name}.ko"), &read(&packages.module(name))?)?;
    }
    archive.file("modules/order", (names.join("\n") + "\n").as_bytes())
}

fn loader(packages: &Packages) -> PathBuf {
    packages.root().join("lib/x86_64-linux-gnu/ld-linux-x86-64.so.2")
}

/// Builds this program of this package of the workspace, statically: it is to run where there is no library, in dom0 or in
/// a Linux guest.
///
/// # Errors
/// It does not build, or there is none of this name.
pub fn static_program(package: &str, name: &str) -> Result<PathBuf> {
    let mut command = cargo::cargo();
    command.args(["rustc", "--quiet", "--release", "--package", package, "--bin", name]);
    let linked = ["--", "-C", "target-feature=+crt-static", "-C", "strip=symbols"];
    let programs = cargo::programs(command.arg(cargo::MESSAGES).args(linked))?;
    let program = programs
        .get(name)
        .with_context(|| format!("the package {package} has no program {name}"))?;
    ensure!(program.is_file(), "{} is missing", program.display());
    Ok(program.clone())
}
