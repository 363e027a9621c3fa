//! A Linux guest that does what the service `echo` does: what ours are compared with, and what the
//! machine is tested with.

use anyhow::Result;

use super::{
    archive::read,
    initramfs,
    machine::Machine,
    settings::{Settings, Vif},
};

/// What the guest is made of: the kernel of dom0, busybox, and a service on port 8080: one of UDP that returns
/// what it gets, or another program. It says `serving` on its console when it does.
#[derive(Debug)]
pub struct Linux {
    kernel: Vec<u8>,
    ramdisk: Vec<u8>,
    command_line: String,
}

impl Linux {
    /// With these arguments, of which it knows `--ipv4=ADDRESS/PREFIX` and `--interface-stays`: its interface is
    /// never taken away, and nothing has to look whether it has another one.
    ///
    /// # Errors
    /// A part of it cannot be read or built.
    pub fn new(machine: &Machine, arguments: &str) -> Result<Self> {
        Self::with_program(machine, arguments, "dom0", "linux-echo")
    }

    /// With this program of this package of the workspace as its service. It is called with the number of the port, and
    /// says `serving`.
    ///
    /// # Errors
    /// Those of [`Linux::new`].
    pub fn with_program(
        machine: &Machine,
        arguments: &str,
        package: &str,
        program: &str,
    ) -> Result<Self> {
        Ok(Self {
            kernel: read(&machine.packages().linux())?,
            ramdisk: initramfs::of_guest(machine.packages(), package, program)?,
            // What follows the two hyphens is for its init.
            command_line: format!(
                "console=hvc0 quiet panic=1 rdinit=/init -- {arguments} --program={program}"
            ),
        })
    }

    /// As a guest of this name.
    pub fn settings<'a>(&'a self, name: &'a str) -> Settings<'a> {
        Settings {
            name,
            kernel: &self.kernel,
            ramdisk: Some(&self.ramdisk),
            command_line: &self.command_line,
            memory: 128,
            vif: Some(Vif::default()),
            restart: true,
            more: "",
        }
    }
}
