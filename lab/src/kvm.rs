//! Guests of KVM, on the machines of QEMU.

mod accelerator;
mod linux;
mod machine;
mod monitor;
mod sockets;

use std::{
    ffi::OsStr,
    os::unix::process::CommandExt as _,
    path::Path,
    process::{Command, ExitStatus},
};

use anyhow::{Result, bail, ensure};

pub use self::{
    accelerator::Accelerator,
    linux::{LINUX_MEMORY, Linux},
    machine::Machine,
    monitor::Monitor,
    sockets::Sockets,
};
use crate::{
    Lab, Service, cores_of,
    decode::{Decode, plain},
    service::{END_WITHIN, READY_WITHIN},
    tools::{self, QEMU},
};

/// How QEMU says that it was ended by a signal.
const FAREWELL: &str = "qemu-system-x86_64: terminating on signal ";

/// A guest, and the machine that it is started on.
#[derive(Clone, Copy, Debug)]
pub struct Guest<'a> {
    /// The program, as [`cargo::build_kvm`](crate::cargo::build_kvm) builds it.
    pub image: &'a Path,
    /// The memory of the machine, in KiB.
    pub memory_kib: u64,
    /// How many processors the machine has, if not as many as `--cores` says among the arguments.
    pub processors: Option<usize>,
    /// How many pairs of queues the network device has. `None` is one pair, or, on a network with
    /// [`queues`](crate::Network::queues), as many as [`Machine::queue_pairs`] says. QEMU opens a TAP device with queues for two
    /// pairs and more, and another one for one pair.
    pub queue_pairs: Option<usize>,
    /// The machine.
    pub machine: Machine,
    /// Its devices, as QEMU's `-device` has them, in the place of the network device that fits the machine. The host's side of
    /// that has the name `net0` for QEMU.
    pub devices: Option<&'a [&'a str]>,
    /// What executes its instructions.
    pub accelerator: Accelerator,
    /// A socket that QEMU makes, for commands to its monitor.
    pub monitor: Option<&'a Path>,
    /// A socket that QEMU makes, for a debugger, which the guest waits for.
    pub debugger: Option<&'a Path>,
}

impl<'a> Guest<'a> {
    /// A guest with `memory` MiB on microvm with ACPI tables and an emulated processor, without a monitor.
    pub fn new(image: &'a Path, memory: u32) -> Self {
        let machine = Machine::Microvm { acpi: true };
        Self {
            image,
            memory_kib: kib(memory),
            processors: None,
            queue_pairs: None,
            machine,
            devices: None,
            accelerator: Accelerator::Tcg,
            monitor: None,
            debugger: None,
        }
    }

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
        self.start_decoded(lab, args, plain(), on_line, |_| ())
    }

    /// Starts it as [`start`](Self::start) does. `decode` makes lines of what it writes. With a debugger, it may take any
    /// time until it serves and until it replies; Ctrl-C ends the wait, if somebody [listens](crate::interrupt::listen).
    /// `on_socket` is told the socket of the debugger as soon as it is there: gdb does not wait for it.
    ///
    /// # Errors
    /// Those of [`start`](Self::start); QEMU does not make the socket within 10 seconds.
    pub fn start_decoded<'lab>(
        &self,
        lab: &'lab Lab,
        args: &[&str],
        decode: Decode,
        on_line: impl FnMut(&str) + Send + 'static,
        on_socket: impl FnOnce(&Path),
    ) -> Result<Service<'lab>> {
        ensure!(QEMU.is_installed(), "{}", tools::remedy(&[QEMU]));
        let limit = self.debugger.is_none().then_some(READY_WITHIN);
        let command = self.command(lab, args)?;
        let mut service = Service::spawn(lab, command, limit, without_farewell(decode), on_line)?;
        if let Some(socket) = self.debugger
            && service.makes(socket)?
        {
            on_socket(socket);
        }
        let service = service.until_serving(limit)?;
        lab.network().wait_until_up()?;
        Ok(service)
    }

    /// The command that runs it, for [`start`](Self::start) and for one that does not serve. The kernel ends QEMU if this
    /// thread ends before it does.
    ///
    /// # Errors
    /// An argument has a double quote, which the command line of a guest cannot have inside of a word; the TAP device has one
    /// queue, and the network device would have several pairs, or the other way round.
    pub fn command(&self, lab: &Lab, args: &[&str]) -> Result<Command> {
        let given: Vec<_> = args.iter().map(OsStr::new).collect();
        let mut line = lab.network().arguments_beside(&given);
        // An interface is a number here.
        line.retain(|argument| !argument.starts_with("--interface="));
        for &argument in args {
            line.push(quoted(argument)?);
        }
        self.with_kernel(lab, self.image, &line.join(" "))
    }

    /// The command that runs this kernel with this command line on the machine.
    ///
    /// # Errors
    /// The TAP device does not fit the number of pairs of queues.
    fn with_kernel(&self, lab: &Lab, kernel: &Path, line: &str) -> Result<Command> {
        let processors = self.processors.unwrap_or_else(|| cores_of(line));
        let pairs = self.pairs(lab, processors)?;
        let mut command = lab.client(QEMU.name);
        // Ctrl-C is for us: the guest is asked to end.
        command.process_group(0);
        command.args(["-nodefaults", "-no-user-config", "-display", "none"]);
        if !self.machine.can_be_turned_off() {
            // It is reset where it would be turned off.
            command.arg("-no-reboot");
        }
        command.args(["-machine", self.machine.name()]);
        command.args(self.accelerator.arguments());
        command.arg("-smp").arg(processors.to_string());
        command.arg("-m").arg(format!("{}K", self.memory_kib));
        // Among what QEMU itself complains about.
        command.args(["-chardev", "file,id=console,path=/dev/stderr,append=on"]);
        command.args(["-serial", "chardev:console"]);
        // Without this, the registers of the devices of microvm are those of virtio 0.9.
        command.args(["-global", "virtio-mmio.force-legacy=false"]);
        // It stands in a list of options, where a comma is written twice.
        let tap = lab.network().interface.replace(',', ",,");
        // QEMU opens the device once for each.
        let queues = if pairs > 1 { format!(",queues={pairs}") } else { String::new() };
        command.arg("-netdev");
        command.arg(format!("tap,id=net0,ifname={tap},script=no,downscript=no{queues}"));
        let device = self.machine.device(pairs);
        for device in self.devices.unwrap_or(&[device.as_str()]) {
            command.args(["-device", device]);
        }
        let socket = |path: &Path| {
            let path = path.display().to_string().replace(',', ",,");
            format!("unix:{path},server=on,wait=off")
        };
        if let Some(path) = self.monitor {
            command.arg("-monitor").arg(socket(path));
        }
        if let Some(path) = self.debugger {
            command.arg("-S").arg("-gdb").arg(socket(path));
        }
        command.arg("-kernel").arg(kernel).arg("-append").arg(line);
        Ok(command)
    }

    /// How many pairs of queues the network device has on a machine with so many processors.
    ///
    /// # Errors
    /// QEMU could not open the TAP device. Linux opens a device with several queues only for a program that says
    /// `IFF_MULTI_QUEUE`, which QEMU does for two queues and more.
    fn pairs(&self, lab: &Lab, processors: usize) -> Result<usize> {
        let network = lab.network();
        let usual = if network.queues { self.machine.queue_pairs(processors) } else { 1 };
        let pairs = self.queue_pairs.unwrap_or(usual);
        let tap = &network.interface;
        ensure!(
            pairs > 1 || !network.queues,
            "{tap} has several queues, and the guest has one pair: expected a network without queues"
        );
        ensure!(
            pairs == 1 || network.queues,
            "{tap} has one queue, and the guest has {pairs} pairs: expected a network with queues"
        );
        Ok(pairs)
    }
}

/// So many MiB in KiB.
fn kib(mib: u32) -> u64 {
    u64::from(mib) * 1024
}

/// Leaves out what QEMU says when we end it, which is no news.
fn without_farewell(mut decode: Decode) -> Decode {
    Box::new(move |bytes, show| {
        decode(bytes, &mut |line| {
            if !line.starts_with(FAREWELL) {
                show(line);
            }
        });
    })
}

/// Presses the power button of a guest that was started with this monitor, and waits until it has ended. Returns the status of
/// QEMU, and all that the guest wrote. microvm without ACPI tables has no such button.
///
/// # Errors
/// It did not end within 5 seconds (and QEMU was ended).
pub fn shut_down(mut service: Service<'_>, monitor: &Path) -> Result<(ExitStatus, Vec<String>)> {
    if service.ended()?.is_none() {
        // The guest may have ended before QEMU has answered.
        let pressed =
            Monitor::open(monitor).and_then(|mut monitor| monitor.command("system_powerdown"));
        if service.ended_within(END_WITHIN)?.is_none() {
            service.stop()?;
            pressed?;
            bail!(
                "the guest did not end within {} seconds of its power button",
                END_WITHIN.as_secs()
            );
        }
    }
    service.stop()
}

/// An argument as one word of a command line.
fn quoted(argument: &str) -> Result<String> {
    ensure!(!argument.contains('"'), "a guest cannot be given a double quote: {argument}");
    Ok(format!("\"{argument}\""))
}

#[cfg(test)]
mod tests {
    use std::marker::PhantomData;

    use super::*;
    use crate::Network;

    /// What QEMU is called with.
    fn typed(guest: &Guest<'_>) -> String {
        let lab = Lab { network: Network::default(), on_this_thread: PhantomData };
        let typed = tools::typed(&guest.command(&lab, &["--x=a b"]).unwrap());
        typed.split_once("qemu-system-x86_64 ").map(|(_, arguments)| arguments.to_owned()).unwrap()
    }

    #[test]
    fn a_machine_has_the_device_that_fits_it() {
        for (machine, name, device) in [
            (Machine::Microvm { acpi: true }, "microvm", "virtio-net-device,netdev=net0"),
            (Machine::Microvm { acpi: false }, "microvm,acpi=off", "virtio-net-device,netdev=net0"),
            (Machine::Pc, "pc", "virtio-net-pci,netdev=net0,romfile="),
            (Machine::Q35, "q35", "virtio-net-pci,netdev=net0,romfile="),
        ] {
            let no_reboot = if name.ends_with("acpi=off") { "-no-reboot " } else { "" };
            assert_eq!(
                typed(&Guest { machine, ..Guest::new("echo".as_ref(), 2) }),
                format!(
                    "-nodefaults -no-user-config -display none {no_reboot}-machine {name} -accel tcg \
                     -cpu qemu64,+rdrand -smp 1 -m 2048K -chardev file,id=console,path=/dev/stderr,append=on \
                     -serial chardev:console -global virtio-mmio.force-legacy=false \
                     -netdev tap,id=net0,ifname=tap0,script=no,downscript=no -device {device} -kernel echo \
                     -append --ipv4=10.0.0.2/24 --ipv4-gateway=10.0.0.1 \"--x=a b\""
                )
            );
        }
    }

    /// The network device of a guest with `--cores=2` on this TAP device, as QEMU is given it, or why it is not.
    fn with_two_cores(guest: &Guest<'_>, queues: bool) -> Result<String> {
        let network = Network { queues, ..Network::default() };
        let lab = Lab { network, on_this_thread: PhantomData };
        let typed = tools::typed(&guest.command(&lab, &["--cores=2"])?);
        assert!(typed.contains(" -smp 2 "), "{typed}");
        let (_, device) = typed.split_once("downscript=no").unwrap();
        Ok(device.split_once(" -kernel").unwrap().0.to_owned())
    }

    #[test]
    fn each_core_has_a_pair_of_queues_on_a_tap_device_with_queues() {
        let on = |machine| Guest { machine, ..Guest::new("echo".as_ref(), 4) };
        for machine in [Machine::Pc, Machine::Q35] {
            let device = |queue_pairs, queues| {
                with_two_cores(&Guest { queue_pairs, ..on(machine) }, queues).unwrap()
            };
            let one = " -device virtio-net-pci,netdev=net0,romfile=";
            assert_eq!(device(None, true), format!(",queues=2{one},mq=on,vectors=6"));
            assert_eq!(device(Some(4), true), format!(",queues=4{one},mq=on,vectors=10"));
            assert_eq!([device(None, false), device(Some(1), false)], [one, one]);
        }
        let microvm = on(Machine::Microvm { acpi: true });
        let one = " -device virtio-net-device,netdev=net0";
        assert_eq!(with_two_cores(&microvm, false).unwrap(), one);
        let own = Guest { devices: Some(&["x"]), queue_pairs: Some(3), ..on(Machine::Pc) };
        assert_eq!(with_two_cores(&own, true).unwrap(), ",queues=3 -device x");
        for (guest, queues, words) in [
            (microvm, true, "tap0 has several queues, and the guest has one pair: expected"),
            (own, false, "tap0 has one queue, and the guest has 3 pairs: expected"),
        ] {
            let error = with_two_cores(&guest, queues).unwrap_err().to_string();
            assert!(error.contains(words), "{error}");
        }
    }

    #[test]
    fn the_last_words_of_qemu_are_left_out() {
        let (mut decode, mut lines) = (without_farewell(plain()), Vec::new());
        let text = "serving\nqemu-system-x86_64: terminating on signal 15 from pid 7 (x)\n\
                    qemu-system-x86_64: no such device\n";
        decode(text.as_bytes(), &mut |line| lines.push(line.to_owned()));
        assert_eq!(lines, ["serving", "qemu-system-x86_64: no such device"]);
    }

    #[test]
    fn what_is_asked_for_is_in_the_command() {
        let echo = Guest::new("echo".as_ref(), 2);
        let on_kvm = typed(&Guest { accelerator: Accelerator::Kvm, ..echo });
        assert!(on_kvm.contains(" -accel kvm -cpu host "), "{on_kvm}");
        let with_monitor = typed(&Guest { monitor: Some("a,b".as_ref()), ..echo });
        let monitor = " -monitor unix:a,,b,server=on,wait=off -kernel ";
        assert!(with_monitor.contains(monitor), "{with_monitor}");
        let waiting = typed(&Guest { debugger: Some("socket".as_ref()), ..echo });
        assert!(waiting.contains(" -S -gdb unix:socket,server=on,wait=off -kernel "), "{waiting}");
        let with_less = typed(&Guest { memory_kib: 1100, devices: Some(&[]), ..echo });
        assert!(
            with_less.contains(" -m 1100K ") && !with_less.contains(" -device "),
            "{with_less}"
        );
        let devices = ["pci-bridge,id=b", "virtio-net-pci,netdev=net0,bus=b"];
        let elsewhere = typed(&Guest { machine: Machine::Pc, devices: Some(&devices), ..echo });
        let both = " -device pci-bridge,id=b -device virtio-net-pci,netdev=net0,bus=b -kernel ";
        assert!(elsewhere.contains(both), "{elsewhere}");
    }

    #[test]
    fn an_argument_is_one_word_or_is_refused() {
        assert_eq!(quoted("--a=b c").unwrap(), "\"--a=b c\"");
        assert_eq!(quoted("").unwrap(), "\"\"");
        let error = quoted("--a=\"b\"").unwrap_err();
        assert_eq!(error.to_string(), "a guest cannot be given a double quote: --a=\"b\"");
    }
}
