//! QEMU with the arguments that engines give it, but for `-cpu host` and `-enable-kvm`: a processor is emulated. The engines
//! themselves do not run here; the arguments are those of their sources.

use std::{fs, net::Ipv4Addr};

use lab::{Lab, Network, cargo, kvm::Monitor};
use serde_json::Value;

use super::bed::{all, assert_serves, bundle, end, qemu, said};

/// Where the guests with a TAP device are.
const OWN: &str = "10.0.0.2/24";

fn in_network(work: impl FnOnce(&Lab) + Send) {
    lab::in_namespace(Network::default(), work).unwrap_or_else(|error| panic!("{error:#}"));
}

/// What urunc starts: the guest in the container, with the arguments of the container behind its address.
struct Container {
    kernel: String,
    line: String,
    /// It is removed in the end.
    _folder: tempfile::TempDir,
}

impl Container {
    /// With these arguments in the place of those of the image, if there are any: `args` of a pod.
    fn new(args: Option<&str>) -> Self {
        let (folder, config) = bundle();
        let kernel = folder.path().join("bundle/rootfs/unikernel/echo");
        let own = config["process"]["args"].as_array().expect("a list");
        let own: Vec<_> = own.iter().map(|arg| arg.as_str().expect("a text")).collect();
        let args = args.map_or_else(|| own.join(" "), str::to_owned);
        Self {
            kernel: kernel.to_str().expect("a path in UTF-8").to_owned(),
            line: format!("--ipv4={OWN} --ipv4-gateway=10.0.0.1 {args}"),
            _folder: folder,
        }
    }

    /// The arguments of urunc 0.5 (`pkg/unikontainers/hypervisors/qemu.go`): machine pc, a device named by its model.
    fn arguments(&self) -> Vec<&str> {
        let machine = ["-m", "256M", "-L", "/usr/share/qemu", "-nographic", "-vga", "none"];
        let network = "tap,script=no,downscript=no,ifname=tap0";
        let device = ["-net", "nic,model=virtio", "-net", network];
        let guest = ["-kernel", &self.kernel, "-append", &self.line];
        [&machine[..], &device, &guest].concat()
    }

    /// Those of urunc after 0.7.
    fn later_arguments(&self) -> Vec<&str> {
        let sandbox = "on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny";
        let machine = ["-m", "134M", "-L", "/usr/share/qemu", "-display", "none", "-vga", "none"];
        let more = ["-monitor", "null", "-serial", "stdio", "-smp", "1", "--sandbox", sandbox];
        let network = "tap,id=net0,script=no,downscript=no,ifname=tap0";
        let device = "virtio-net-pci,netdev=net0,host_mtu=1450,mac=02:00:0a:00:00:09";
        let device = ["-netdev", network, "-device", device];
        let guest = ["-kernel", &self.kernel, "-append", &self.line];
        [&machine[..], &more, &device, &guest].concat()
    }
}

pub(crate) fn urunc_serves_and_ends() {
    let container = Container::new(None);
    for arguments in [container.arguments(), container.later_arguments()] {
        in_network(|lab| {
            let mut qemu = qemu(lab, arguments);
            assert_serves(&mut qemu, OWN, (lab.network().service, 8080));
            end(qemu);
        });
    }
    // A guest that cannot serve ends its machine: the container ends, and says why.
    let wrong = Container::new(Some("--stats-port=0"));
    for arguments in [wrong.arguments(), wrong.later_arguments()] {
        in_network(|lab| {
            let mut qemu = qemu(lab, arguments);
            let said = said(&mut qemu);
            let status = qemu.wait().expect("it ends");
            assert!(status.success(), "{status}: {said}");
            assert!(said.contains("echo: --stats-port=0: expected a port"), "{said}");
        });
    }
}

/// libvirt puts a device of q35 behind a port of PCI Express. The kernel, the line, the memory and the hardware address are
/// those of the domain file.
pub(crate) fn the_machine_of_libvirt_serves() {
    let domain = fs::read_to_string(all().join("echo-kvm.xml")).expect("it was written");
    let part = |before: &str, after: &str| -> String {
        let (_, rest) = domain.split_once(before).unwrap_or_else(|| panic!("no {before}"));
        rest.split_once(after).unwrap_or_else(|| panic!("no {after}")).0.to_owned()
    };
    let (kernel, line) = (part("<kernel>", "</kernel>"), part("<cmdline>", "</cmdline>"));
    let memory = format!("size={}M", part("<memory unit='MiB'>", "</memory>"));
    let machine = format!("{},usb=off,acpi=on", part("machine='", "'"));
    let device = format!(
        "virtio-net-pci,netdev=hostnet0,id=net0,mac={},bus=pci.1,addr=0x0",
        part("<mac address='", "'/>")
    );
    let arguments = [
        ["-machine", &machine],
        ["-m", &memory],
        ["-kernel", &kernel],
        ["-append", &line],
        ["-display", "none"],
        ["-device", "pcie-root-port,port=8,chassis=1,id=pci.1,bus=pcie.0,addr=0x1"],
        ["-netdev", "tap,id=hostnet0,script=no,downscript=no,ifname=tap0"],
        ["-device", &device],
        ["-chardev", "stdio,id=charserial0"],
        ["-device", "isa-serial,chardev=charserial0,id=serial0,index=0"],
    ];
    in_network(|lab| {
        let arguments = arguments.as_flattened().iter().copied();
        let mut qemu = qemu(lab, ["-no-user-config", "-nodefaults"].into_iter().chain(arguments));
        assert_serves(&mut qemu, OWN, (lab.network().service, 8080));
        end(qemu);
    });
}

/// Nomad's driver for QEMU (`drivers/qemu/driver.go`), with the job of `docs/deploy`, and the network that QEMU has itself.
pub(crate) fn the_job_of_nomad_serves() {
    let job = fs::read_to_string(cargo::root().join("docs/deploy/nomad/letregion-echo.nomad.hcl"))
        .expect("the job is there");
    let job: Value = hcl::from_str(&job).expect("it is HCL");
    let task = &job["job"]["letregion-echo"]["group"]["echo"]["task"]["echo"];
    let config = &task["config"];
    // The driver opens it as a disk, to write too.
    let folder = tempfile::tempdir().expect("there is room");
    let image = folder.path().join("echo-kvm");
    fs::copy(all().join("echo-kvm"), &image).expect("there is room");
    let image = image.to_str().expect("a path in UTF-8");

    let path = config["image_path"].as_str().expect("a text");
    let args = config["args"].as_array().expect("a list").iter();
    let args = args
        .map(|arg| arg.as_str().expect("a text"))
        .map(|arg| if arg == path { image } else { arg });
    let memory = format!("{}M", task["resources"]["memory"]);
    let socket = folder.path().join("monitor");
    let monitor = format!("unix:{},server,nowait", socket.display());
    assert_eq!(config["graceful_shutdown"], true);
    let drive = format!("file={image},if=ide");
    let (host, port) = (20_080, &config["port_map"]["echo"]);
    let network = format!("user,id=user.0,hostfwd=udp::{host}-:{port},hostfwd=tcp::{host}-:{port}");
    let before = [
        "-machine",
        "type=pc,accel=tcg",
        "-name",
        "echo-kvm",
        "-m",
        &memory,
        "-drive",
        &drive,
        "-nographic",
        "-monitor",
        &monitor,
    ];
    let after = ["-netdev", &network, "-device", "virtio-net,netdev=user.0"];
    let arguments: Vec<_> = before.into_iter().chain(args).chain(after).collect();
    in_network(|lab| {
        let mut qemu = qemu(lab, arguments);
        assert_serves(&mut qemu, "10.0.2.15/24", (Ipv4Addr::LOCALHOST, host));
        // What Nomad does with a task that is to end, if `graceful_shutdown` is set.
        let mut monitor = Monitor::open(&socket).expect("QEMU listens");
        monitor.command("system_powerdown").expect("QEMU knows it");
        let status = qemu.wait().expect("it ends");
        assert!(status.success(), "{status}");
    });
}
