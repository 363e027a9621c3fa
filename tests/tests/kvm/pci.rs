//! Network devices on the PCI bus: where they are, and how they interrupt.

use std::slice;

use lab::{
    Lab, Network,
    kvm::{Guest, Machine},
};

use super::{
    support::{client, exchange, guest, image},
    waits::interrupts_end_the_sleep,
};

/// The machine, what stands before its network device, that device, and the arguments of echo.
type Case = (Machine, &'static [&'static str], &'static str, &'static [&'static str]);

/// No devices but the last have the network behind them.
const CASES: [Case; 7] = [
    // By their line, which is level-triggered: the device has no messages.
    (Machine::Pc, &[], "virtio-net-pci,netdev=net0,romfile=,vectors=0", &[]),
    (Machine::Q35, &[], "virtio-net-pci,netdev=net0,romfile=,vectors=0", &[]),
    // By messages, as many as the driver needs; with one too few by the line.
    (Machine::Pc, &[], "virtio-net-pci,netdev=net0,romfile=,vectors=2", &[]),
    (Machine::Pc, &[], "virtio-net-pci,netdev=net0,romfile=,vectors=1", &[]),
    // Behind bridges, as libvirt places them: one to PCI with the line of its slot, and two to PCI Express, one behind the
    // other.
    (
        Machine::Pc,
        &["pci-bridge,id=bridge,chassis_nr=1"],
        "virtio-net-pci,netdev=net0,romfile=,vectors=0,bus=bridge,addr=5",
        &[],
    ),
    (
        Machine::Q35,
        &["pcie-root-port,id=root,chassis=1", "pcie-pci-bridge,id=bridge,bus=root"],
        "virtio-net-pci,netdev=net0,romfile=,bus=bridge,addr=2",
        &[],
    ),
    // The second function of a device with two, and the second network device.
    (
        Machine::Q35,
        &["virtio-net-pci,romfile=,addr=4.0,multifunction=on,mac=52:54:00:00:00:77"],
        "virtio-net-pci,netdev=net0,romfile=,addr=4.1,disable-legacy=on",
        &["--interface=1"],
    ),
];

pub(crate) fn a_device_wherever_it_is_and_however_it_interrupts() {
    let image = image("echo");
    for case in CASES {
        let (machine, ..) = case;
        let guest = guest(machine, &image, 8);
        lab::in_namespace(Network::default(), |lab| serves(lab, &guest, &case))
            .unwrap_or_else(|error| panic!("{error:#}"));
    }
}

fn serves(lab: &Lab, guest: &Guest<'_>, (_, before, device, args): &Case) {
    println!("{device} behind {before:?}");
    let devices = [*before, slice::from_ref(device)].concat();
    let service = Guest { devices: Some(&devices), ..*guest }.start(lab, args, |_| ());
    let service = service.unwrap_or_else(|error| panic!("{device}: {error:#}"));
    let client = client(lab);
    for number in 0..500_u32 {
        exchange(&client, &number.to_le_bytes());
    }
    exchange(&client, &[7; 65_507]);
    interrupts_end_the_sleep(lab);
    let (status, _) = service.stop().expect("QEMU ends");
    assert!(status.success(), "{status}");
}
