//! How a guest ends, and what is left of it.

use std::{ffi::OsStr, fs, path::Path};

use lab::{
    Lab,
    kvm::{Guest, Machine},
};

use super::support::{client, exchange, on_each, output};

/// What a guest with these arguments says until it ends its machine.
fn said(lab: &Lab, guest: &Guest<'_>, args: &[&str]) -> String {
    let output = output(guest.command(lab, args).expect("they can be given"));
    let text = String::from_utf8_lossy(&output.stderr).replace('\r', "");
    assert!(output.status.success(), "{}\n{text}", output.status);
    text
}

/// With ACPI tables, nothing but the end that the guest asks for ends QEMU.
pub(crate) fn with_its_machine() {
    on_each("echo", |lab, guest| {
        let help = said(lab, guest, &["--help"]);
        assert_eq!(help.matches("\narguments:\n  --ipv4=").count(), 1, "{help}");
        let wrong = said(lab, guest, &["--mtu=1"]);
        assert_eq!(wrong.matches("\necho: --mtu=1: unknown").count(), 1, "{wrong}");
    });
}

pub(crate) fn what_it_cannot_use_is_said() {
    on_each("echo", |lab, guest| {
        for (argument, message) in [
            ("--interface=eth0", "--interface=eth0: expected the number of a network device: 0"),
            ("--interface=1", "there is no network device 1; with QEMU: -netdev tap,"),
            ("--offloads=on", "--offloads=on: not in this image"),
            ("--memory=4M", "--memory=4M: a guest has the memory that it is started with"),
        ] {
            let text = said(lab, guest, &[argument]);
            assert!(text.contains(&format!("\necho: {message}")), "{argument}: {text}");
        }
        let (legacy, message) = match guest.machine {
            Machine::Microvm { .. } => {
                ("virtio-mmio.force-legacy=true", "\necho: network device: it is a legacy device")
            }
            Machine::Pc | Machine::Q35 => (
                "virtio-net-pci.disable-modern=true",
                ".0: left out: no registers that can be used, or one too many",
            ),
        };
        let mut command = guest.command(lab, &[]).expect("none can be given");
        command.args(["-global", legacy]);
        let output = output(command);
        let text = String::from_utf8_lossy(&output.stderr);
        assert!(text.contains(message), "{text}");
    });
}

/// QEMU says what it cannot do, with status 1, and nobody else notices.
pub(crate) fn a_device_that_another_has_is_refused() {
    on_each("echo", |lab, guest| {
        let _service = guest.start(lab, &[], |_| ()).expect("it serves");
        let output = output(guest.command(lab, &[]).expect("none can be given"));
        let text = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{text}");
        assert!(text.contains("Device or resource busy"), "{text}");
        exchange(&client(lab), b"still here");
    });
}

pub(crate) fn a_machine_without_a_device_is_refused() {
    on_each("echo", |lab, guest| {
        let text = said(lab, &Guest { devices: Some(&[]), ..*guest }, &[]);
        assert!(text.contains("\necho: there is no network device 0; with QEMU: "), "{text}");
    });
}

/// No process of its network, which ends with the last one, no interface and no socket in it, and no file of a temporary folder.
pub(crate) fn twenty_starts_leave_nothing_behind() {
    const STARTS: usize = 20;
    on_each("echo", |lab, guest| {
        let folder = tempfile::tempdir().expect("there is room for a folder");
        let monitor = folder.path().join("monitor");
        let guest = Guest { monitor: Some(&monitor), ..*guest };
        let before = sockets_and_interfaces();
        let client = client(lab);
        for start in 1..=STARTS {
            let service = guest.start(lab, &[], |_| ()).expect("the device is free again");
            exchange(&client, b"hello");
            let id = service.id();
            assert_eq!(processes(), [format!("/proc/{id}")]);
            assert!(monitor.exists(), "QEMU makes it");
            let (status, lines) = service.stop().expect("QEMU ends");
            assert!(status.success(), "start {start}: {status}: {lines:?}");
            assert!(!Path::new(&format!("/proc/{id}")).exists(), "{id} is still there");
        }
        drop(client);
        assert_eq!(sockets_and_interfaces(), before);
        assert_eq!(processes(), Vec::<String>::new());
        let mut command = guest.command(lab, &["--help"]).expect("it can be given");
        command.env("TMPDIR", folder.path());
        let ended = output(command);
        assert!(ended.status.success(), "{}", ended.status);
        let left: Vec<_> = fs::read_dir(folder.path()).expect("it is a folder").collect();
        assert!(left.is_empty(), "{left:?}");
    });
}

/// The names of the interfaces of this thread's network, and the sockets that there are, of each kind so many.
fn sockets_and_interfaces() -> (Vec<String>, Vec<(&'static str, usize)>) {
    let read = |file: &str| {
        fs::read_to_string(format!("/proc/thread-self/net/{file}")).expect("the kernel says it")
    };
    let interfaces = read("dev");
    let names = interfaces.lines().filter_map(|line| line.split_once(':'));
    let names = names.map(|(name, _)| name.trim().to_owned()).collect();
    let sockets =
        ["packet", "raw", "tcp", "udp", "unix"].map(|kind| (kind, read(kind).lines().count()));
    (names, sockets.to_vec())
}

/// The processes in this thread's network, by their folders in `/proc`. Other tests have networks of their own; our process as a
/// whole is in none of them.
fn processes() -> Vec<String> {
    let network = |folder: &Path| fs::read_link(folder.join("ns/net")).ok();
    let ours = network(Path::new("/proc/thread-self")).expect("a thread has a network");
    let all = fs::read_dir("/proc").expect("it can be read").filter_map(Result::ok);
    let is_process = |name: &OsStr| name.to_str().is_some_and(|name| name.parse::<u32>().is_ok());
    let here = all.filter(|entry| is_process(&entry.file_name()));
    let here = here.filter(|entry| network(&entry.path()).as_ref() == Some(&ours));
    here.map(|entry| entry.path().display().to_string()).collect()
}
