//! A Linux guest that does what the service `echo` does, on the machine of a guest of ours: what that is compared with.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use anyhow::{Context, Result, ensure};

use super::{Guest, Machine, kib};
use crate::{
    Lab, Service, cargo,
    decode::plain,
    folder::Folder,
    tools::{self, QEMU},
    xen::{Packages, initramfs_of_kvm},
};

/// The memory of the guest, in MiB.
pub const LINUX_MEMORY: u32 = 128;

/// The ticks in a second of Debian's kernel (`CONFIG_HZ`).
const LINUX_HZ: f64 = 250.0;
/// How long it may take until it serves: all of it is emulated.
const SERVING_WITHIN: Duration = Duration::from_secs(120);

/// Debian's kernel with its modules for virtio, busybox, and a program that returns each datagram on port 8080. It says
/// `serving` on its console when it does. Dropping it removes its initramfs.
#[derive(Debug)]
pub struct Linux {
    packages: Packages,
    folder: Folder,
}

impl Linux {
    /// With what is fetched as Debian packages, once: those of [`xen`](crate::xen). What takes time is told to
    /// `progress`.
    ///
    /// # Errors
    /// A package cannot be had, or a part of it cannot be built or written.
    pub fn new(progress: &mut dyn FnMut(&str)) -> Result<Self> {
        let home = cargo::target_folder()?.join("xen");
        let packages = Packages::get(&home, progress)?;
        let folder = Folder::new(&home, "linux")?;
        let made = Self { packages, folder };
        fs::write(made.initramfs(), initramfs_of_kvm(&made.packages)?)
            .context("cannot write the initramfs of Linux")?;
        Ok(made)
    }

    /// The command that runs it in `lab`, on the machine of this guest, with [`LINUX_MEMORY`].
    ///
    /// # Errors
    /// The frequency of this machine's processor cannot be found out; those of [`Guest::command`] about queues.
    pub fn command(&self, lab: &Lab, guest: &Guest<'_>) -> Result<Command> {
        let guest = Guest { memory_kib: kib(LINUX_MEMORY), ..*guest };
        let line = line(lab, guest.machine)?;
        let mut command = guest.with_kernel(lab, &self.packages.linux(), &line)?;
        command.arg("-initrd").arg(self.initramfs());
        Ok(command)
    }

    /// Starts it in `lab`, on the machine of this guest, and waits until it serves.
    ///
    /// # Errors
    /// QEMU is missing, or it does not serve within two minutes: with what it said.
    pub fn start<'lab>(
        &self,
        lab: &'lab Lab,
        guest: &Guest<'_>,
        on_line: impl FnMut(&str) + Send + 'static,
    ) -> Result<Service<'lab>> {
        ensure!(QEMU.is_installed(), "{}", tools::remedy(&[QEMU]));
        Service::start_decoded(
            lab,
            self.command(lab, guest)?,
            Some(SERVING_WITHIN),
            plain(),
            on_line,
        )
    }

    /// The package of its kernel, and the version of that.
    ///
    /// # Errors
    /// The list of the packages is gone, or has no kernel.
    pub fn version(&self) -> Result<String> {
        let list = fs::read_to_string(self.packages.list()).context("cannot read the packages")?;
        let kernel = list.lines().find(|line| line.starts_with("linux-image-"));
        let kernel = kernel.context("there is no kernel among the packages")?;
        let (name, rest) = kernel.split_once('_').unwrap_or((kernel, ""));
        Ok(format!("{name} {}", rest.split('_').next().unwrap_or_default()))
    }

    /// How many bytes there have to be to start it: kernel and initramfs.
    ///
    /// # Errors
    /// They are gone.
    pub fn size(&self) -> Result<u64> {
        Ok(size(&self.packages.linux())? + size(&self.initramfs())?)
    }

    fn initramfs(&self) -> PathBuf {
        self.folder.path().join("initramfs")
    }
}

/// The command line. What follows the two hyphens is for its init.
fn line(lab: &Lab, machine: Machine) -> Result<String> {
    let network = lab.network();
    let timer = match machine {
        Machine::Microvm { .. } => frequency()?,
        // As Linux has it on KVM: on a busy machine, the interrupt that it looks for comes too late.
        Machine::Pc | Machine::Q35 => "no_timer_check ".to_owned(),
    };
    Ok(format!(
        "console=ttyS0 quiet panic=-1 {timer}rdinit=/init -- --ipv4={}/{} --interface-stays --program=linux-echo",
        network.service, network.prefix
    ))
}

/// The frequency of the time stamp counter, which is that of this machine, as Linux's command line has it, and how often it
/// counts in a tick. On microvm no interrupt of a timer comes before Linux knows how fast that of its processor is, so Linux
/// would wait for one without end.
fn frequency() -> Result<String> {
    let text = fs::read_to_string("/proc/cpuinfo").context("cannot read /proc/cpuinfo")?;
    let mut lines = text.lines().filter_map(|line| line.split_once(':'));
    let megahertz = lines.find(|(name, _)| name.trim() == "cpu MHz");
    let megahertz = megahertz.and_then(|(_, value)| value.trim().parse::<f64>().ok());
    let kilohertz = megahertz.context("/proc/cpuinfo says no frequency")? * 1000.0;
    let ticks = kilohertz * 1000.0 / LINUX_HZ;
    Ok(format!("tsc_early_khz={kilohertz:.0} lpj={ticks:.0} "))
}

fn size(path: &Path) -> Result<u64> {
    Ok(fs::metadata(path).with_context(|| format!("cannot read {}", path.display()))?.len())
}
