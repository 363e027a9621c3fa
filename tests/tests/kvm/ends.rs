//! How a guest ends, and what is left of it.

use std::{fs, path::Path};

use lab::{Lab, kvm::Guest};

use super::support::{client, echo, exchange, on_both};

/// What a guest with these arguments says until it ends its machine.
fn said(lab: &Lab, guest: &Guest<'_>, args: &[&str]) -> String {
    let output =
        guest.command(lab, args).expect("they can be given").output().expect("QEMU can be started");
    let text = String::from_utf8_lossy(&output.stderr).replace('\r', "");
    assert!(output.status.success(), "{}\n{text}", output.status);
    text
}

/// With ACPI tables, nothing but the end that the guest asks for ends QEMU.
pub(crate) fn with_its_machine() {
    on_both(|lab, guest| {
        let help = said(lab, guest, &["--help"]);
        assert_eq!(help.matches("\narguments:\n  --ipv4=").count(), 1, "{help}");
        let wrong = said(lab, guest, &["--mtu=1"]);
        assert_eq!(wrong.matches("\necho: --mtu=1: unknown").count(), 1, "{wrong}");
    });
}

pub(crate) fn what_it_cannot_use_is_said() {
    on_both(|lab, guest| {
        for (argument, message) in [
            ("--interface=eth0", "--interface=eth0: expected the number of a network device: 0"),
            ("--interface=1", "there is no network device 1; with QEMU's microvm: -netdev tap,"),
            ("--offloads=on", "--offloads=on: not in this image"),
            ("--memory=4M", "--memory=4M: a guest has the memory that it is started with"),
        ] {
            let text = said(lab, guest, &[argument]);
            assert!(text.contains(&format!("\necho: {message}")), "{argument}: {text}");
        }
        let mut command = guest.command(lab, &[]).expect("none can be given");
        command.args(["-global", "virtio-mmio.force-legacy=true"]);
        let output = command.output().expect("QEMU can be started");
        let text = String::from_utf8_lossy(&output.stderr);
        assert!(text.contains("\necho: network device: it is a legacy device"), "{text}");
    });
}

pub(crate) fn five_starts_leave_nothing_behind() {
    on_both(|lab, guest| {
        for _ in 0..5 {
            let service = guest.start(lab, &[], |_| ()).expect("the device is free again");
            exchange(&client(lab), b"hello");
            let id = service.id();
            assert_eq!(with_image(echo()), [format!("/proc/{id}")]);
            let (status, lines) = service.stop().expect("QEMU ends");
            assert!(status.success(), "{status}: {lines:?}");
            assert!(!Path::new(&format!("/proc/{id}")).exists(), "{id} is still there");
        }
        assert_eq!(with_image(echo()), Vec::<String>::new());
    });
}

/// The processes of this thread's network that were started with this image, by their folders in `/proc`. Other tests have
/// networks of their own.
fn with_image(image: &Path) -> Vec<String> {
    let image = image.to_str().expect("a path in UTF-8");
    let network = |folder: &Path| fs::read_link(folder.join("ns/net")).ok();
    let ours = network(Path::new("/proc/thread-self")).expect("a thread has a network");
    let processes = fs::read_dir("/proc").expect("it can be read");
    let processes = processes.filter_map(|entry| {
        let folder = entry.ok()?.path();
        let words = fs::read(folder.join("cmdline")).ok()?;
        let has_image = words.split(|byte| *byte == 0).any(|word| word == image.as_bytes());
        let is_ours = network(&folder).as_ref() == Some(&ours);
        (has_image && is_ours).then(|| folder.display().to_string())
    });
    processes.collect()
}
