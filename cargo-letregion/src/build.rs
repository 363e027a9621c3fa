//! `cargo letregion build`: a program, and what to do with it.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result};
use lab::{
    cargo::{Build, Platform, Profile, Service},
    image,
    xen::{XlGuest, xl_settings},
};

/// The bridge that Xen's tools have.
const XEN_BRIDGE: &str = "xenbr0";

/// Builds a Linux process, and prints where its program is.
///
/// # Errors
/// It does not build.
pub(crate) fn for_unix(service: &Service, profile: Profile, features: &[&str]) -> Result<()> {
    let program = build(service, Platform::Unix, profile, features)?;
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
pub(crate) fn for_xen(service: &Service, features: &[&str]) -> Result<()> {
    let memory = service.memory()?;
    let (program, image) = guest(service, Platform::Xen, features)?;
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
         On a Xen host with a bridge {bridge}, with this in the file {name}.cfg, which `cargo letregion image` writes:\n\
         {settings}\
         it is started by\n  \
           xl create -c {name}.cfg\n\
         Keep {program} too: it explains the addresses of a crash{log}.",
        image.len(),
        packed.len(),
        packed_path.display(),
        bridge = XEN_BRIDGE,
        name = service.name(),
        settings = indented(&domain(service.name(), &path, memory)?),
        program = program.display(),
        log = if features.contains(&"log") { ", and has the texts of the log" } else { "" },
    );
    Ok(())
}

/// The lines of a domain file of a guest at this path.
fn domain(name: &str, path: &Path, memory: u32) -> Result<String> {
    xl_settings(&XlGuest {
        name,
        kernel: &path.display().to_string(),
        line: "--ipv4=10.0.0.2/24 --ipv4-gateway=10.0.0.1",
        memory,
        vif: &format!("bridge={XEN_BRIDGE}"),
    })
}

/// The lines of a text, with two spaces before each.
fn indented(text: &str) -> String {
    text.lines().map(|line| format!("  {line}\n")).collect()
}

/// Builds a guest of KVM, and prints where its image is, stripped.
///
/// # Errors
/// It does not build, or the image cannot be written.
pub(crate) fn for_kvm(service: &Service, features: &[&str]) -> Result<()> {
    let (program, path, size) = alone(service, Platform::Kvm, features)?;
    eprintln!(
        "\n{size} bytes. {}\
         Keep {program} too: it explains the addresses of a crash.",
        on_qemu(service, &path)?,
        program = program.display(),
    );
    Ok(())
}

/// Builds one image for a guest of Xen and of KVM, and prints where it is, stripped.
///
/// # Errors
/// It does not build, or the image cannot be written.
pub(crate) fn for_both(service: &Service, features: &[&str]) -> Result<()> {
    let (program, path, size) = alone(service, Platform::Guest, features)?;
    eprintln!(
        "\n{size} bytes. On a Xen host with a bridge {bridge}, with this in the file {name}.cfg:\n\
         {settings}\
         it is started by\n  \
           xl create -c {name}.cfg\n\
         {qemu}\
         Keep {program} too: it explains the addresses of a crash.",
        bridge = XEN_BRIDGE,
        name = service.name(),
        settings = indented(&domain(service.name(), &path, service.memory()?)?),
        qemu = on_qemu(service, &path)?,
        program = program.display(),
    );
    Ok(())
}

/// Builds a guest, writes its image, stripped, and prints where that is. Returns where the program is with its symbols, where
/// the image is, and how many bytes that has.
fn alone(
    service: &Service,
    platform: Platform,
    features: &[&str],
) -> Result<(PathBuf, PathBuf, usize)> {
    let (program, image) = guest(service, platform, features)?;
    let folder = service.target_folder().join("guest");
    let path = folder.join(format!("{}-{platform}", service.name()));
    fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    fs::write(&path, &image).with_context(|| format!("cannot write {}", path.display()))?;
    println!("{}", path.display());
    Ok((program, path, image.len()))
}

/// How the image at this path is started on QEMU.
fn on_qemu(service: &Service, path: &Path) -> Result<String> {
    Ok(format!(
        "On a host with QEMU and a TAP device tap0:\n  \
           qemu-system-x86_64 -machine microvm -m {memory} -nodefaults -display none -serial stdio \\\n    \
             -global virtio-mmio.force-legacy=false -device virtio-net-device,netdev=net0 \\\n    \
             -netdev tap,id=net0,ifname=tap0,script=no,downscript=no -kernel {path} \\\n    \
             -append '--ipv4=10.0.0.2/24 --ipv4-gateway=10.0.0.1'\n\
         `cargo letregion image` writes what libvirt, Firecracker, Kubernetes and systemd start it with.\n",
        memory = service.memory()?,
        path = path.display(),
    ))
}

/// Builds a guest, and returns where it is with its symbols, and the bytes of the image without them.
///
/// # Errors
/// It does not build, or cannot be read.
fn guest(service: &Service, platform: Platform, features: &[&str]) -> Result<(PathBuf, Vec<u8>)> {
    let program = build(service, platform, Profile::Guest, features)?;
    let image = image::stripped(&program)?;
    Ok((program, image))
}

fn build(
    service: &Service,
    platform: Platform,
    profile: Profile,
    features: &[&str],
) -> Result<PathBuf> {
    service.build(&Build { features, ..Build::new(platform, profile) })
}
