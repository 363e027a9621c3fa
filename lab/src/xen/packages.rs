//! The Debian packages that Xen, its first domain and the Linux guest are made of: fetched and
//! unpacked, not installed.

use std::{
    collections::BTreeSet,
    fs::{self, File},
    hash::{DefaultHasher, Hash, Hasher},
    io,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context, Result, bail, ensure};
use flate2::read::GzDecoder;

use super::folder::Folder;
use crate::{interrupt, tools};

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
/// devices, the back end of the network, and the device through which `lab` talks to the agent.
pub(super) const DOM0_MODULES: [&str; 15] = [
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
];
/// The modules of the Linux guest.
pub(super) const GUEST_MODULES: [&str; 1] = ["xen-netfront"];
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
        (PACKAGES, DOM0_MODULES, GUEST_MODULES).hash(&mut key);
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
    let (packages, root) = (folder.join("deb"), folder.join("root"));
    fs::create_dir(&packages)?;
    let mut apt = Apt::default();
    progress("downloading Xen and Linux as Debian packages, 80 MB, this once");
    if let Err(error) = apt.download(&packages) {
        ensure!(!interrupt::pressed(), "interrupted");
        // Lists that are old name packages that are gone; a fresh container has none.
        progress("downloading the current lists of packages first");
        apt.update(folder).with_context(|| format!("{error:#}; then"))?;
        apt.download(&packages)?;
    }
    progress("unpacking them");
    let mut names = BTreeSet::new();
    for entry in fs::read_dir(&packages)? {
        let package = entry?.path();
        names.extend(package.file_name().map(|name| name.to_string_lossy().into_owned()));
        let mut dpkg = tools::command("dpkg");
        succeed(dpkg.arg("-x").arg(&package).arg(&root))?;
    }
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
    let wanted: BTreeSet<_> = DOM0_MODULES.into_iter().chain(GUEST_MODULES).collect();
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

/// apt, called in a way that needs no right and changes nothing.
#[derive(Default)]
struct Apt {
    options: Vec<String>,
}

impl Apt {
    fn command(&self, program: &str) -> Command {
        let mut command = tools::command(program);
        // Root's downloads would go to the user _apt, who may not write where we want them.
        command.args(["-q", "-o", "APT::Sandbox::User=root"]).args(&self.options);
        // What it says is read below.
        command.env("LC_ALL", "C");
        command
    }

    /// Fetches the current lists into a folder of our own.
    fn update(&mut self, folder: &Path) -> Result<()> {
        let (state, cache) = (folder.join("apt/state"), folder.join("apt/cache"));
        fs::create_dir_all(state.join("lists/partial"))?;
        fs::create_dir_all(cache.join("archives/partial"))?;
        let places = [
            ("Dir::State", state.as_path()),
            ("Dir::State::Lists", &state.join("lists")),
            // What is installed does not matter.
            ("Dir::State::Status", Path::new("/dev/null")),
            ("Dir::Cache", &cache),
        ]
        .map(|(option, path)| format!("{option}={}", path.display()));
        // A list that cannot be fetched is an error, and not a warning.
        let options = places.into_iter().chain(["APT::Update::Error-Mode=any".into()]);
        self.options = options.flat_map(|option| ["-o".into(), option]).collect();
        succeed(self.command("apt-get").arg("update"))
    }

    fn download(&self, into: &Path) -> Result<()> {
        let kernel = self.kernel()?;
        let packages = PACKAGES.map(|name| if name == KERNEL { kernel.as_str() } else { name });
        succeed(self.command("apt-get").arg("download").args(packages).current_dir(into))
    }

    /// The package of the current kernel.
    fn kernel(&self) -> Result<String> {
        let output = output(self.command("apt-cache").args(["show", "--no-all-versions", KERNEL]))?;
        kernel_of(&output).map(Into::into).with_context(|| {
            format!("apt does not say which kernel {KERNEL} depends on; it said: {output:?}")
        })
    }
}

/// The package of the kernel among those that a package depends on, as `apt-cache show` says it.
fn kernel_of(shown: &str) -> Option<&str> {
    let depends = shown.lines().find_map(|line| line.strip_prefix("Depends: "))?;
    depends.split([',', ' ']).find(|name| name.starts_with("linux-image-"))
}

fn succeed(command: &mut Command) -> Result<()> {
    output(command).map(drop)
}

/// What the command writes to standard output.
fn output(command: &mut Command) -> Result<String> {
    let name = command.get_program().to_string_lossy().into_owned();
    let output = command
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("cannot start {name}; it takes a Debian 12"))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    bail!("{name} failed ({}): {}", output.status, abbreviated(&said));
}

/// What apt complains about: it has an error for each package, and they are all alike. Of another
/// program, all that it says.
fn abbreviated(said: &str) -> String {
    let mut errors = said.lines().filter_map(|line| line.strip_prefix("E: "));
    match (errors.next(), errors.count()) {
        (None, _) => said.trim().to_owned(),
        (Some(error), 0) => error.trim().to_owned(),
        (Some(error), more) => format!("{} (and {more} more)", error.trim()),
    }
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

    #[test]
    fn one_error_of_apt_stands_for_all() {
        let said = "W: careful\nE: Failed to fetch one  Timeout\nE: Failed to fetch two  Timeout\n";
        assert_eq!(abbreviated(said), "Failed to fetch one  Timeout (and 1 more)");
        assert_eq!(abbreviated("E: one\n"), "one");
        assert_eq!(abbreviated("dpkg-deb: error: no archive\n"), "dpkg-deb: error: no archive");
    }
}
