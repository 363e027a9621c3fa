//! The guest `tests/bare`, which says what its loader has left. The processor is emulated.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::LazyLock,
};

use lab::{
    cargo,
    tools::{self, QEMU},
};

use crate::loader::{self, Entry, Left};

// Behind the name of this module, by which the tests that run guests are known.
#[path = "crashes.rs"]
mod crashes;
#[path = "on_kvm.rs"]
mod on_kvm;
#[path = "rust_vmm.rs"]
mod rust_vmm;

/// The machines of QEMU.
const MACHINES: [&str; 4] = ["microvm", "microvm,acpi=off", "pc", "q35"];

/// How long a guest may take, on a machine with other work.
const ENDED_WITHIN: &str = "120";

/// The image, built once.
static IMAGE: LazyLock<PathBuf> = LazyLock::new(|| {
    let (mut command, image) = build("bare", "guest", &["-Tletregion-pvh.ld"]);
    tools::succeed(&mut command).expect("the guest builds");
    image
});

/// The command that builds a guest, with more arguments for the linker, and its image.
fn build(program: &str, feature: &str, more: &[&str]) -> (Command, PathBuf) {
    let folder = cargo::target_folder().expect("cargo knows its target folder").join("pvh");
    let link = ["-nostdlib", "-nostartfiles", "-static", "-no-pie"];
    let mut command = cargo::cargo();
    command.args(["rustc", "--quiet", "--release", "--package", "bare"]);
    command.args(["--bin", program, "--features", feature]);
    command.arg("--target-dir").arg(&folder).args(["--", "-Crelocation-model=static"]);
    command.args(link.iter().chain(more).map(|argument| format!("-Clink-arg={argument}")));
    (command, folder.join("release").join(program))
}

/// What the guest says on this machine, until it ends.
fn said(machine: &[&str], image: &Path, line: &str) -> String {
    let output = command(machine, image, line).output().expect("QEMU can be started");
    let text = String::from_utf8_lossy(&output.stdout).replace('\r', "");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{machine:?}: {}\n{text}\n{errors}", output.status);
    text
}

/// The command that runs a guest on this machine.
fn command(machine: &[&str], image: &Path, line: &str) -> Command {
    assert!(QEMU.is_installed(), "{}", tools::remedy(&[QEMU]));
    // It ends QEMU if the guest does not.
    let mut command = Command::new("timeout");
    command.args([ENDED_WITHIN, QEMU.name, "-accel", "tcg", "-m", "8", "-machine"]);
    command.args(machine).args([
        "-nodefaults",
        "-no-user-config",
        "-no-reboot",
        "-display",
        "none",
    ]);
    command.args(["-serial", "stdio", "-append", line, "-kernel"]).arg(image);
    command.stdin(Stdio::null());
    command
}

/// What it says if it is started with what a loader has left.
fn said_after(left: &Left) -> String {
    let image = fs::read(&*IMAGE).expect("the image can be read");
    let folder = tempfile::tempdir().expect("there is room for an image");
    let path = folder.path().join("image");
    fs::write(&path, loader::with(left, &image)).expect("the image can be written");
    said(&["microvm,acpi=off"], &path, "what QEMU itself says")
}

/// The lines of `text` that begin so, without that.
fn lines<'t>(text: &'t str, start: &str) -> Vec<&'t str> {
    text.lines().filter_map(|line| line.strip_prefix(start)).collect()
}

#[test]
fn it_starts_on_every_machine_of_qemu() {
    let line = "--ipv4=10.0.0.2/24 console=ttyS0 \"a b\"";
    for machine in MACHINES {
        let text = said(&[machine], &IMAGE, line);
        assert_eq!(lines(&text, "line "), [format!("{line:?}")], "{machine}: {text}");
        assert_eq!(lines(&text, "of the monitor: "), ["console=ttyS0"], "{text}");
        assert_eq!(lines(&text, "argument "), ["--ipv4=10.0.0.2/24", "a b"], "{text}");
        assert_eq!(lines(&text, "ends: "), ["PowerOff"], "{machine}: {text}");
        assert!(lines(&text, "memory ")[0].contains(" KiB: image "), "{text}");
    }
}

/// On microvm without ACPI tables, QEMU names the devices in the line.
#[test]
fn the_devices_of_microvm_are_no_arguments() {
    let machine = ["microvm,acpi=off", "-device", "virtio-rng-device"];
    let text = said(&machine, &IMAGE, "--mac=02:00:00:00:00:01");
    let words = lines(&text, "of the monitor: ");
    assert!(words[0].starts_with("virtio_mmio.device=512@0xfeb0"), "{text}");
    assert_eq!(lines(&text, "argument "), ["--mac=02:00:00:00:00:01"], "{text}");
}

#[test]
fn a_panic_says_where_it_was_and_ends_the_machine() {
    let text = said(&["microvm"], &IMAGE, "--panic");
    assert!(text.contains("\npanic\nstack ") && text.contains("\npool pages "), "{text}");
    assert_eq!(lines(&text, "ends: "), ["Crash"], "{text}");
}

/// The first MiB of a PC, with the low memory up to `end`, and the memory above.
fn pc(end: u64) -> Vec<Entry> {
    vec![
        Entry { start: 0, size: end, kind: 1 },
        Entry { start: end, size: 0x10_0000 - end, kind: 2 },
        Entry { start: 0x10_0000, size: 0x70_0000, kind: 1 },
    ]
}

#[test]
fn what_the_loader_has_left_is_read_wherever_it_lies() {
    let alioth = [Entry { start: 0, size: 0x500, kind: 2 }];
    let empty = [Entry { start: 0, size: 0, kind: 0 }];
    for (loader, info, line, map, entries) in [
        ("Firecracker", 0x6000, 0x2_0000, 0x7000, pc(0x9_fc00)),
        ("alioth", 0x1000, 0x2000, 0x1058, [pc(0x8_0000), alioth.to_vec()].concat()),
        ("qboot", 0xf_31e0, 0xe_fc70, 0xe_fbe0, [pc(0x9_fc00), empty.to_vec()].concat()),
        ("SeaBIOS", 0x21e0, 0x11c0, 0x5a8, pc(0x9_fc00)),
        // Nobody does these. In the stack where it is used first, and in the tables of the entry.
        ("stack", 0x1_9f80, 0x1_9fc0, 0x1_9f00, pc(0x9_fc00)),
        ("tables", 0x1_b000, 0x1_c000, 0x1_d000, pc(0x9_fc00)),
        // In the program, its constants or its variables.
        ("image", 0x2_0800, 0x2_1000, 0x2_4000, pc(0x9_fc00)),
        // Behind all of it.
        ("high", 0x60_0000, 0x60_1000, 0x60_2000, pc(0x9_fc00)),
    ] {
        let words = format!("--from={loader}");
        let ram: u64 = entries.iter().filter(|entry| entry.kind == 1).map(|entry| entry.size).sum();
        let text = said_after(&Left { info, line, map, version: 1, words: &words, entries });
        assert_eq!(lines(&text, "argument "), [words], "{loader}: {text}");
        assert_eq!(lines(&text, "ends: "), ["PowerOff"], "{loader}: {text}");
        // Whole pages are counted.
        let counted: u64 = text
            .split_once(" of ")
            .and_then(|(_, rest)| rest.split_once(" KiB")?.0.parse().ok())
            .unwrap_or_else(|| panic!("{loader}: {text}"));
        assert!(ram / 1024 - counted <= 8, "{loader}: {counted} KiB of {ram} bytes: {text}");
    }
}

/// What Firecracker leaves.
fn of_firecracker(words: &str, entries: Vec<Entry>) -> Left<'_> {
    Left { info: 0x6000, line: 0x2_0000, map: 0x7000, version: 1, words, entries }
}

#[test]
fn what_cannot_be_used_is_refused_in_words() {
    let longest = format!("--x={}", "y".repeat(2044));
    let text = said_after(&of_firecracker(&longest, pc(0x9_fc00)));
    assert_eq!(lines(&text, "argument "), [&*longest], "{text}");
    for too_long in [format!("{longest}y"), "z".repeat(60_000)] {
        let text = said_after(&of_firecracker(&too_long, pc(0x9_fc00)));
        assert_eq!(text, "the command line is longer than 2048 bytes\nends: PowerOff\n");
    }
    let many = |count: u64| -> Vec<_> {
        let apart = (1..count).map(|n| Entry { start: n << 32, size: 4096, kind: 2 });
        [Entry { start: 0, size: 0x80_0000, kind: 1 }].into_iter().chain(apart).collect()
    };
    let text = said_after(&of_firecracker("--all", many(64)));
    assert_eq!(lines(&text, "argument "), ["--all"], "{text}");
    let no_map = "the loader left no memory map of 1 to 64 entries\nends: Crash\n";
    assert_eq!(said_after(&of_firecracker("", many(65))), no_map);
    let apic = Entry { start: 0xfee0_0000, size: 0x1000, kind: 1 };
    assert_eq!(
        said_after(&of_firecracker("", [pc(0x9_fc00), vec![apic]].concat())),
        "memory at the addresses of devices\nends: Crash\n"
    );
    // More than there is room for before the program.
    let far = Left { map: 0x60_0000, ..of_firecracker("", many(3000)) };
    assert_eq!(said_after(&far), no_map);
    assert_eq!(said_after(&of_firecracker("", vec![])), no_map);
    assert_eq!(said_after(&Left { version: 0, ..of_firecracker("", pc(0x9_fc00)) }), no_map);
}

/// A platform may have less low memory than the least that is known, and says so to the linker.
#[test]
fn a_program_that_does_not_fit_into_the_low_memory_is_not_linked() {
    // Not at the same time as the image.
    assert!(IMAGE.is_file());
    let (mut command, _) =
        build("bare", "guest", &["-Tletregion-pvh.ld", "-Wl,--defsym=letregion_low_end=0x21000"]);
    let output = command.output().expect("cargo can be started");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success());
    assert!(said.contains("the program is larger than the memory in which it runs"), "{said}");
}
