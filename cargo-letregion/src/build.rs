//! `cargo letregion build`: a program, and what to do with it.

use std::{fs, path::PathBuf};

use anyhow::{Context as _, Result};
use lab::{
    cargo::{Build, Platform, Profile, Service},
    image,
};

/// Builds a Linux process, and prints where its program is.
///
/// # Errors
/// It does not build.
pub(crate) fn for_unix(service: &Service, profile: Profile, log: bool) -> Result<()> {
    let program = build(service, Platform::Unix, profile, log)?;
    println!("{}", program.display());
    eprintln!(
        "\nRun it on a TAP device, which it makes if there is none:\n  \
           sudo {} --ipv4=10.0.0.2/24 --interface=tap0\n\
         --help lists its arguments.",
        program.display()
    );
    Ok(())
}

/// Builds a guest of Xen, and prints where its image is, stripped. A packed copy is beside it.
///
/// # Errors
/// It does not build, or the image cannot be written.
pub(crate) fn for_xen(service: &Service, log: bool) -> Result<()> {
    let memory = service.memory()?;
    let program = build(service, Platform::Xen, Profile::Guest, log)?;
    let image = image::stripped(&program)?;
    let folder = service.target_folder().join("guest");
    let path = folder.join(service.name());
    let packed = image::packed(&image)?;
    let packed_path = folder.join(format!("{}.gz", service.name()));
    fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    for (path, bytes) in [(&path, &image), (&packed_path, &packed)] {
        fs::write(path, bytes).with_context(|| format!("cannot write {}", path.display()))?;
    }
    println!("{}", path.display());
    eprintln!(
        "\n{} bytes; {} packed, in {}, which Xen starts too.\n\
         On a Xen host with a bridge xenbr0, with this in the file {name}.cfg:\n  \
           name = \"{name}\"\n  \
           type = \"pvh\"\n  \
           kernel = \"{path}\"\n  \
           cmdline = \"--ipv4=10.0.0.2/24 --ipv4-gateway=10.0.0.1\"\n  \
           memory = {memory}\n  \
           vcpus = 1\n  \
           vif = [\"bridge=xenbr0\"]\n\
         it is started by\n  \
           xl create -c {name}.cfg\n\
         Keep {program} too: it explains the addresses of a crash{log}.",
        image.len(),
        packed.len(),
        packed_path.display(),
        name = service.name(),
        path = path.display(),
        program = program.display(),
        log = if log { ", and has the texts of the log" } else { "" },
    );
    Ok(())
}

/// Builds a guest of KVM, and prints where its image is, stripped.
///
/// # Errors
/// It does not build, or the image cannot be written.
pub(crate) fn for_kvm(service: &Service, log: bool) -> Result<()> {
    let memory = service.memory()?;
    let program = build(service, Platform::Kvm, Profile::Guest, log)?;
    let image = image::stripped(&program)?;
    let folder = service.target_folder().join("guest");
    let path = folder.join(format!("{}-kvm", service.name()));
    fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    fs::write(&path, &image).with_context(|| format!("cannot write {}", path.display()))?;
    println!("{}", path.display());
    eprintln!(
        "\n{} bytes. On a host with QEMU and a TAP device tap0:\n  \
           qemu-system-x86_64 -machine microvm -m {memory} -nodefaults -display none -serial stdio \\\n    \
             -global virtio-mmio.force-legacy=false -device virtio-net-device,netdev=net0 \\\n    \
             -netdev tap,id=net0,ifname=tap0,script=no,downscript=no -kernel {path} \\\n    \
             -append '--ipv4=10.0.0.2/24 --ipv4-gateway=10.0.0.1'\n\
         Keep {program} too: it explains the addresses of a crash.",
        image.len(),
        path = path.display(),
        program = program.display(),
    );
    Ok(())
}

fn build(service: &Service, platform: Platform, profile: Profile, log: bool) -> Result<PathBuf> {
    let features: &[&str] = if log { &["log"] } else { &[] };
    service.build(&Build { features, ..Build::new(platform, profile) })
}
