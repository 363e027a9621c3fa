//! The Debian packages that Xen, its first domain and the Linux guest are made of: fetched and
//! unpacked, not installed.

use std::{
    collections::BTreeSet,
    fs::{self, File},
    hash::{DefaultHasher, Hash, Hasher},
    io,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, bail, ensure};
use flate2::read::GzDecoder;

use crate::{
    apt::{Apt, output},
    folder::Folder,
};

/// The package that depends on the current kernel, whose name has a number in it.
const KERNEL: &str = "linux-image-amd64";
/// The packages: the hypervisor, its tools, the libraries that these need, and a shell.
const PACKAGES: [&str; 22] = [
    "xen-hypervisor-4.17-amd64",
    "xen-utils-4.17",
    "xenstore-utils",
    "libxencall1",
    "libxendevicemodel1",
    "libxenevtchn1",
    "libxenforeignmemory1",
    "libxengnttab1",
    "libxenhypfs1",
    "libxenmisc4.17",
    "libxenstore4",
    "libxentoolcore1",
    "libxentoollog1",
    "libc6",
    // libc loads its library when a thread is cancelled, though none of the tools names it.
    "libgcc-s1",
    "liblzma5",
    "libuuid1",
    "libyajl2",
    "libzstd1",
    "zlib1g",
    "busybox-static",
    KERNEL,
];
/// The kernel modules that are kept, in the order in which they have to be loaded: the bridge, Xen's
/// devices, the back end of the network, the device through which `lab` talks to the agent, and the network interface of the
/// ports of this machine.
pub(super) const DOM0_MODULES: [&str; 18] = [
    "llc",
    "stp",
    "bridge",
    "xen-evtchn",
    "xen-gntdev",
    "xen-gntalloc",
    "xen-privcmd",
    "xenfs",
    "xen-netback",
    "virtio_ring",
    "virtio",
    "virtio_pci_legacy_dev",
    "virtio_pci_modern_dev",
    "virtio_pci",
    "virtio_console",
    "failover",
    "net_failover",
    "virtio_net",
];
/// The modules of the Linux guest.
pub(super) const GUEST_MODULES: [&str; 1] = ["xen-netfront"];
/// Those of the Linux guest of KVM, in their order: on QEMU's microvm, its devices have their registers in memory.
pub(super) const KVM_MODULES: [&str; 9] = [
    "virtio_ring",
    "virtio",
    "virtio_mmio",
    "virtio_pci_legacy_dev",
    "virtio_pci_modern_dev",
    "virtio_pci",
    "failover",
    "net_failover",
    "virtio_net",
];
/// Only a whole set of packages has this file: a list of them.
const LIST: &str = "packages.txt";

/// The packages, unpacked.
#[derive(Clone, Debug)]
pub struct Packages {
    root: PathBuf,
}

impl Packages {
    /// Those of the folder `cache`, or, if they are not there, those that apt finds, which are then
    /// there. What takes time is told to `progress`.
    ///
    /// # Errors
    /// apt cannot find or fetch them, or they cannot be unpacked.
    pub fn get(cache: &Path, progress: &mut dyn FnMut(&str)) -> Result<Self> {
        let mut key = DefaultHasher::new();
        (PACKAGES, DOM0_MODULES, GUEST_MODULES, KVM_MODULES).hash(&mut key);
        let root = cache.join(format!("packages-{:016x}", key.finish()));
        if !root.join(LIST).is_file() {
            let folder = Folder::new(cache, "fetching")?;
            fetch(folder.path(), progress).context(
                "cannot bring the Debian packages of Xen, which takes a Debian 12 (amd64) that reaches \
                 a mirror of its packages",
            )?;
            // Another process may have brought them in the meantime: they are the same.
            if let Err(error) = fs::rename(folder.path().join("root"), &root) {
                ensure!(root.join(LIST).is_file(), "cannot make {}: {error}", root.display());
            }
        }
        Ok(Self { root })
    }

    /// The folder into which all of them are unpacked.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The list of them, with their versions.
    pub(crate) fn list(&self) -> PathBuf {
        self.root.join(LIST)
    }

    /// The hypervisor, as an ELF file.
    pub fn xen(&self) -> PathBuf {
        self.root.join("boot/xen.elf")
    }

    /// The kernel of dom0 and of the Linux guest.
    pub fn linux(&self) -> PathBuf {
        self.root.join("boot/vmlinuz")
    }

    /// A kernel module.
    pub(super) fn module(&self, name: &str) -> PathBuf {
        self.root.join("modules").join(format!("{name}.ko"))
    }
}

fn fetch(folder: &Path, progress: &mut dyn FnMut(&str)) -> Result<()> {
    progress("downloading Xen and Linux as Debian packages, 80 MB, this once");
    let names = Apt::default().unpack(folder, wanted, progress)?;
    let root = folder.join("root");
    keep_what_is_needed(&root)?;
    let names: String = names.iter().map(|name| format!("{name}\n")).collect();
    fs::write(root.join(LIST), names)?;
    Ok(())
}

/// The kernel has thousands of modules, 400 MB, and its number in the names of its files.
fn keep_what_is_needed(root: &Path) -> Result<()> {
    let boot = root.join("boot");
    fs::rename(only(&boot, "vmlinuz-")?, boot.join("vmlinuz"))?;
    let xen = File::open(boot.join("xen-4.17-amd64.gz")).and_then(|packed| {
        io::copy(&mut GzDecoder::new(packed), &mut File::create(boot.join("xen.elf"))?)
    });
    xen.context("cannot unpack the hypervisor")?;
    let all = root.join("lib/modules");
    fs::create_dir(root.join("modules"))?;
    let wanted = DOM0_MODULES.into_iter().chain(GUEST_MODULES).chain(KVM_MODULES);
    let wanted: BTreeSet<_> = wanted.collect();
    let (mut found, mut folders) = (0, vec![all.clone()]);
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder)? {
            let path = entry?.path();
            if path.is_dir() {
                folders.push(path);
            } else if let Some(name) = path.file_name().and_then(|name| name.to_str())
                && wanted.contains(name.trim_end_matches(".ko"))
            {
                found += 1;
                fs::rename(&path, root.join("modules").join(name))?;
            }
        }
    }
    ensure!(found == wanted.len(), "{found} of the kernel modules {wanted:?} are in the package");
    fs::remove_dir_all(all)?;
    Ok(())
}

/// The file in `folder` whose name begins like this.
fn only(folder: &Path, prefix: &str) -> Result<PathBuf> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_name().to_string_lossy().starts_with(prefix) {
            return Ok(entry.path());
        }
    }
    bail!("there is no {prefix}… in {}", folder.display())
}

/// The packages by name.
fn wanted(apt: &Apt) -> Result<Vec<String>> {
    let output = output(apt.command("apt-cache").args(["show", "--no-all-versions", KERNEL]))?;
    let kernel = kernel_of(&output).with_context(|| {
        format!("apt does not say which kernel {KERNEL} depends on; it said: {output:?}")
    })?;
    Ok(PACKAGES.map(|name| if name == KERNEL { kernel } else { name }.to_owned()).into())
}

/// The package of the kernel among those that a package depends on, as `apt-cache show` says it.
fn kernel_of(shown: &str) -> Option<&str> {
    let depends = shown.lines().find_map(|line| line.strip_prefix("Depends: "))?;
    depends.split([',', ' ']).find(|name| name.starts_with("linux-image-"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernel_is_what_its_package_depends_on() {
        let shown = "Package: linux-image-amd64\nVersion: 6.1.2\n\
                     Depends: linux-image-6.1.0-56-amd64 (= 6.1.192-2), other\nSize: 1\n";
        assert_eq!(kernel_of(shown), Some("linux-image-6.1.0-56-amd64"));
        assert_eq!(kernel_of("Depends: other\n"), None);
        assert_eq!(kernel_of(""), None);
    }
}
