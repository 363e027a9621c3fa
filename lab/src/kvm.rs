//! Guests of KVM, on the machine microvm of QEMU, with an emulated processor.

use std::{ffi::OsStr, path::Path, process::Command};

use anyhow::{Result, ensure};

use crate::{
    Lab, Service,
    tools::{self, QEMU},
};

/// A guest, and the machine that it is started on.
#[derive(Clone, Copy, Debug)]
pub struct Guest<'a> {
    /// The program, as [`cargo::build_kvm`](crate::cargo::build_kvm) builds it.
    pub image: &'a Path,
    /// The memory of the machine, in MiB.
    pub memory: u32,
    /// Whether the machine has ACPI tables. With them it can be turned off; without them QEMU names the devices in the
    /// command line.
    pub acpi: bool,
    /// A socket that QEMU makes, for commands to its monitor.
    pub monitor: Option<&'a Path>,
}

impl Guest<'_> {
    /// Starts it in `lab`, on its TAP device, with `args` and the arguments that fit the network, as far as they are not
    /// among `args`. Waits until it serves. Its console is what the service writes to standard error.
    ///
    /// # Errors
    /// QEMU is missing, or those of [`Service::start`].
    pub fn start<'lab>(
        &self,
        lab: &'lab Lab,
        args: &[&str],
        on_line: impl FnMut(&str) + Send + 'static,
    ) -> Result<Service<'lab>> {
        ensure!(QEMU.is_installed(), "{}", tools::remedy(&[QEMU]));
        let service = Service::start_command(lab, self.command(lab, args)?, on_line)?;
        lab.network().wait_until_up()?;
        Ok(service)
    }

    /// The command that runs it, for [`start`](Self::start) and for one that does not serve. The kernel ends QEMU if this
    /// thread ends before it does.
    ///
    /// # Errors
    /// An argument has a double quote, which the command line of a guest cannot have inside of a word.
    pub fn command(&self, lab: &Lab, args: &[&str]) -> Result<Command> {
        let given: Vec<_> = args.iter().map(OsStr::new).collect();
        let mut line = lab.network().arguments_beside(&given);
        // An interface is a number here.
        line.retain(|argument| !argument.starts_with("--interface="));
        for &argument in args {
            line.push(quoted(argument)?);
        }
        let mut command = lab.client(QEMU.name);
        command.args(["-nodefaults", "-no-user-config", "-display", "none"]);
        if !self.acpi {
            // It is reset where it would be turned off.
            command.arg("-no-reboot");
        }
        let acpi = if self.acpi { "on" } else { "off" };
        command.arg("-machine").arg(format!("microvm,acpi={acpi}"));
        // QEMU leaves the random numbers of the processor out by default.
        command.args(["-accel", "tcg", "-cpu", "qemu64,+rdrand", "-smp", "1"]);
        command.arg("-m").arg(self.memory.to_string());
        // Among what QEMU itself complains about.
        command.args(["-chardev", "file,id=console,path=/dev/stderr,append=on"]);
        command.args(["-serial", "chardev:console"]);
        // Without this, the registers of the device are those of virtio 0.9.
        command.args(["-global", "virtio-mmio.force-legacy=false"]);
        // It stands in a list of options, where a comma is written twice.
        let tap = lab.network().interface.replace(',', ",,");
        command.arg("-netdev").arg(format!("tap,id=net0,ifname={tap},script=no,downscript=no"));
        command.args(["-device", "virtio-net-device,netdev=net0"]);
        if let Some(path) = self.monitor {
            let path = path.display().to_string().replace(',', ",,");
            command.arg("-monitor").arg(format!("unix:{path},server=on,wait=off"));
        }
        command.arg("-kernel").arg(self.image).arg("-append").arg(line.join(" "));
        Ok(command)
    }
}

/// An argument as one word of a command line.
fn quoted(argument: &str) -> Result<String> {
    ensure!(!argument.contains('"'), "a guest cannot be given a double quote: {argument}");
    Ok(format!("\"{argument}\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_argument_is_one_word_or_is_refused() {
        assert_eq!(quoted("--a=b c").unwrap(), "\"--a=b c\"");
        assert_eq!(quoted("").unwrap(), "\"\"");
        let error = quoted("--a=\"b\"").unwrap_err();
        assert_eq!(error.to_string(), "a guest cannot be given a double quote: --a=\"b\"");
    }
}
