//! The machines of QEMU, and the network device that fits each.

use std::ffi::OsStr;

use crate::{Network, cores_of};

/// A machine of QEMU.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Machine {
    /// One made for guests alone: no PCI, devices of virtio with registers in memory.
    Microvm {
        /// Whether it has ACPI tables. With them it can be turned off; without them QEMU names the devices in the command
        /// line.
        acpi: bool,
    },
    /// A PC of 1996 (i440FX), with PCI.
    Pc,
    /// A PC of 2009 (Q35), with PCI Express.
    Q35,
}

impl Machine {
    /// What QEMU calls it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Microvm { acpi: true } => "microvm",
            Self::Microvm { acpi: false } => "microvm,acpi=off",
            Self::Pc => "pc",
            Self::Q35 => "q35",
        }
    }

    /// How many pairs of queues its network device usually has in a guest with so many cores: one for each core. On microvm it has
    /// one pair, because registers in memory come with one interrupt for all queues of a device.
    pub fn queue_pairs(self, cores: usize) -> usize {
        match self {
            Self::Microvm { .. } => 1,
            Self::Pc | Self::Q35 => cores,
        }
    }

    /// The network that fits a guest on it with these arguments, as [`Network::of_arguments`] reads them. The TAP device has several
    /// queues if the network device of the guest has several pairs.
    pub fn network(self, args: &[&OsStr]) -> Network {
        let line: Vec<_> = args.iter().filter_map(|arg| arg.to_str()).collect();
        let queues = self.queue_pairs(cores_of(&line.join(" "))) > 1;
        Network { queues, ..Network::of_arguments(args) }
    }

    /// Whether a guest can turn it off.
    pub(super) fn can_be_turned_off(self) -> bool {
        self != Self::Microvm { acpi: false }
    }

    /// The network device with so many pairs of queues.
    pub(super) fn device(self, pairs: usize) -> String {
        let (device, vectors) = match self {
            Self::Microvm { .. } => ("virtio-net-device,netdev=net0", String::new()),
            // Nobody boots from it. Its messages: one for each queue, one for the control queue, one for what changes.
            Self::Pc | Self::Q35 => {
                ("virtio-net-pci,netdev=net0,romfile=", format!(",vectors={}", 2 * pairs + 2))
            }
        };
        if pairs == 1 { device.to_owned() } else { format!("{device},mq=on{vectors}") }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_has_queues_where_a_device_has_several_pairs() {
        let queues = |machine: Machine, args: &[&str]| {
            let args: Vec<_> = args.iter().map(OsStr::new).collect();
            let network = machine.network(&args);
            assert_eq!(Network { queues: false, ..network.clone() }, Network::default());
            network.queues
        };
        for machine in [Machine::Pc, Machine::Q35] {
            assert!(queues(machine, &["--log=all", "--cores=2"]));
            // What the guest refuses, and what is one core.
            for args in [&[][..], &["--cores=1"], &["--cores=0"], &["--cores=x"], &["--cores", "2"]]
            {
                assert!(!queues(machine, args), "{args:?}");
            }
        }
        for acpi in [true, false] {
            assert!(!queues(Machine::Microvm { acpi }, &["--cores=2"]));
        }
        let other = Machine::Q35.network(&["--cores=2".as_ref(), "--ipv4=10.9.0.7/24".as_ref()]);
        assert_eq!((other.host.to_string().as_str(), other.queues), ("10.9.0.1", true));
    }
}
