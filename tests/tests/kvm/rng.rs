//! Seeds from an entropy device of the host.

use lab::{Service, kvm::Machine};

use super::support::{client, exchange, guest, image_with, on_each_machine, output};

/// A processor without random numbers, which is what QEMU has if it is not asked for another.
const PROCESSOR: [&str; 2] = ["-cpu", "qemu64"];

pub(crate) fn seeds_of_the_host_are_strong() {
    let image = image_with("echo", &["virtio-rng"]);
    on_each_machine(|lab, machine| {
        let guest = guest(machine, &image, 8);
        let with = |devices: &[&str]| {
            let mut command = guest.command(lab, &["--entropy=strong"]).expect("it can be given");
            command.args(PROCESSOR);
            for device in devices {
                command.args(["-device", device]);
            }
            command
        };
        let device = match machine {
            Machine::Microvm { .. } => "virtio-rng-device",
            Machine::Pc | Machine::Q35 => "virtio-rng-pci",
        };
        let service = Service::start_command(lab, with(&[device]), |_| ());
        let service = service.unwrap_or_else(|error| panic!("{machine:?}: {error:#}"));
        lab.network().wait_until_up().expect("the interface is up");
        exchange(&client(lab), b"hello");
        let lines = service.lines();
        assert!(!lines.iter().any(|line| line.contains("weak")), "{lines:?}");
        service.stop().expect("QEMU ends");

        // Without one, and with one that gives too little: 1 byte in 10 seconds.
        let slow = format!("{device},max-bytes=1,period=10000");
        for devices in [&[][..], &[&*slow]] {
            let output = output(with(devices));
            let text = String::from_utf8_lossy(&output.stderr);
            let refused = "\necho: --entropy=strong: no RDRAND and no RDSEED on this processor";
            assert!(text.contains(refused), "{machine:?}, {devices:?}: {text}");
        }
    });
}
