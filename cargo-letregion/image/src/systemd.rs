//! A unit of systemd that runs a guest in QEMU (systemd.service(5), systemd.exec(5)).

use super::guest::Guest;

/// The program that runs it.
const QEMU: &str = "/usr/bin/qemu-system-x86_64";
/// What QEMU may do without: it denies itself these system calls.
const SANDBOX: &str = "on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny";
/// What QEMU takes beside the memory of the guest, in MiB: some 50 were measured.
const QEMU_MEMORY: u64 = 128;

/// The unit of a guest: QEMU's microvm with KVM, on a TAP device that is there before.
pub(super) fn unit(guest: &Guest) -> String {
    let command: Vec<_> = qemu(guest).iter().map(|word| quoted(word)).collect();
    format!(
        "\
# The service {name} as a guest of KVM in QEMU, as cargo letregion image wrote it: /etc/systemd/system/{name}.service.
# The TAP device {tap} belongs to the group letregion.

[Unit]
Description=letregion service {name}, a guest of KVM
# It makes the device.
Wants=systemd-networkd.service
After=systemd-networkd.service
# A guest that crashes is started again. One with a wrong argument ends at once, each time: after ten times it stays down.
StartLimitIntervalSec=60
StartLimitBurst=10

[Service]
Type=exec
ExecStart={QEMU} {command}

Restart=always
RestartSec=1
TimeoutStopSec=5

# A user of its own, without any capability. The groups may open /dev/kvm, and {tap}.
DynamicUser=yes
SupplementaryGroups=kvm letregion
DevicePolicy=closed
DeviceAllow=/dev/kvm rw
DeviceAllow=/dev/net/tun rw
CapabilityBoundingSet=
AmbientCapabilities=

# The memory of the guest, and {QEMU_MEMORY} MiB for QEMU.
MemoryMax={memory_max}M
MemorySwapMax=0
TasksMax=16

NoNewPrivileges=yes
ProtectSystem=strict
ProtectHome=read-only
ProtectProc=invisible
ProtectClock=yes
ProtectControlGroups=yes
ProtectHostname=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
PrivateTmp=yes
PrivateIPC=yes
LockPersonality=yes
RestrictAddressFamilies=AF_UNIX AF_INET
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
SystemCallArchitectures=native
SystemCallFilter=@system-service
SystemCallFilter=~@privileged
SystemCallErrorNumber=EPERM
UMask=0077

[Install]
WantedBy=multi-user.target
",
        name = guest.name,
        tap = guest.tap,
        command = command.join(" "),
        memory_max = u64::from(guest.memory) + QEMU_MEMORY,
    )
}

/// The arguments of QEMU. What the guest prints goes to its standard output.
fn qemu(guest: &Guest) -> Vec<String> {
    let Guest { image, memory, line, tap, .. } = guest;
    [
        // With ACPI tables, which it has by default, a guest turns its machine off.
        "-machine",
        "microvm,accel=kvm",
        "-cpu",
        "host",
        "-smp",
        "1",
        "-m",
        &memory.to_string(),
        "-nodefaults",
        "-no-user-config",
        "-no-reboot",
        "-display",
        "none",
        "-serial",
        "stdio",
        "-sandbox",
        SANDBOX,
        // Without this, the registers of the device are those of virtio 0.9.
        "-global",
        "virtio-mmio.force-legacy=false",
        "-netdev",
        &format!("tap,id=net0,ifname={tap},script=no,downscript=no"),
        "-device",
        &format!("virtio-net-device,netdev=net0,mac={}", guest.mac()),
        "-kernel",
        image,
        "-append",
        &line.text(),
    ]
    .map(str::to_owned)
    .to_vec()
}

/// A word of a command in a unit. systemd replaces what follows `%` and `$`, reads backslashes, and removes quotes
/// (systemd.service(5), \"Command lines\").
fn quoted(word: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_./,=:+".contains(c);
    if !word.is_empty() && word.chars().all(is_plain) {
        return word.to_owned();
    }
    let mut quoted = String::from('"');
    for c in word.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            '%' | '$' => quoted.extend([c, c]),
            other => quoted.push(other),
        }
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use super::{super::guest::tests::guest, *};

    #[test]
    fn the_unit_starts_the_guest() {
        let unit = unit(&guest(&["--ipv4=10.0.0.2/24", "--mac=02:00:0a:00:00:02", "--a=b $c"]));
        let lines: Vec<_> = unit.lines().filter(|line| line.starts_with("ExecStart=")).collect();
        assert_eq!(lines.len(), 1, "{unit}");
        for words in [
            "ExecStart=/usr/bin/qemu-system-x86_64 -machine microvm,accel=kvm -cpu host -smp 1 -m 4 ",
            " -netdev tap,id=net0,ifname=tap0,script=no,downscript=no ",
            " -device virtio-net-device,netdev=net0,mac=02:00:0a:00:00:02 ",
            " -kernel /srv/guests/echo-kvm -append ",
            " \"--ipv4=10.0.0.2/24 --mac=02:00:0a:00:00:02 \\\"--a=b $$c\\\"\"",
        ] {
            assert!(lines[0].contains(words), "no {words} in {}", lines[0]);
        }
        assert!(
            unit.contains("\nMemoryMax=132M\n") && unit.contains("\nRestart=always\n"),
            "{unit}"
        );
    }

    #[test]
    fn a_word_is_one_word_to_systemd() {
        for (word, expected) in [
            ("a=b,c", "a=b,c"),
            ("", "\"\""),
            ("a b", "\"a b\""),
            ("100%", "\"100%%\""),
            ("$a\\b\"c\"", "\"$$a\\\\b\\\"c\\\"\""),
            ("a;b", "\"a;b\""),
            ("it's", "\"it's\""),
        ] {
            assert_eq!(quoted(word), expected);
        }
    }
}
