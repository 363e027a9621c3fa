//! The unit for systemd.

use std::fs;

use lab::Network;

use super::bed::{assert_serves, end, find, qemu, read, succeed};

pub(crate) fn the_unit_is_read() {
    // QEMU need not be installed where this runs.
    let unit = read("echo.service").replace("/usr/bin/qemu-system-x86_64", "/bin/true");
    let folder = tempfile::tempdir().expect("there is room");
    let path = folder.path().join("echo.service");
    fs::write(&path, unit).expect("there is room");
    let mut analyze = find("systemd-analyze", "systemd").command();
    analyze.args(["verify", "--man=no", "--recursive-errors=no"]);
    // It warns of a line that it does not know, and succeeds.
    assert_eq!(succeed(analyze.arg(path)), "");
}

/// The words of the command, as systemd reads them: quotes hold together, a backslash takes what follows as it is, and `%%`
/// and `$$` are one (systemd.service(5), systemd.unit(5)).
fn words(unit: &str) -> Vec<String> {
    let line = unit.lines().find_map(|line| line.strip_prefix("ExecStart=")).expect("it starts");
    let (mut words, mut word, mut quoted) = (Vec::new(), None::<String>, false);
    let mut rest = line.chars();
    while let Some(c) = rest.next() {
        match c {
            '"' => {
                quoted = !quoted;
                word.get_or_insert_default();
            }
            ' ' if !quoted => words.extend(word.take()),
            '\\' => word.get_or_insert_default().extend(rest.next()),
            '%' | '$' => {
                assert_eq!(rest.next(), Some(c), "{line}");
                word.get_or_insert_default().push(c);
            }
            other => word.get_or_insert_default().push(other),
        }
    }
    words.extend(word);
    words
}

/// What the unit starts, with an emulated processor in the place of KVM. What it says goes to the journal, and SIGTERM ends
/// it.
pub(crate) fn its_command_serves() {
    let words = words(&read("echo.service"));
    assert_eq!(words[0], "/usr/bin/qemu-system-x86_64");
    let replaced = [("microvm,accel=kvm", "microvm,accel=tcg"), ("host", "qemu64,+rdrand")];
    let words: Vec<_> = words[1..]
        .iter()
        .map(|word| {
            let other = replaced.iter().find(|(kvm, _)| kvm == word);
            other.map_or(&**word, |(_, other)| other)
        })
        .collect();
    assert!(replaced.iter().all(|(_, other)| words.contains(other)), "{words:?}");
    lab::in_namespace(Network::default(), |lab| {
        let mut qemu = qemu(lab, words.iter().copied());
        assert_serves(&mut qemu, "10.0.0.2/24", (lab.network().service, 8080));
        end(qemu);
    })
    .unwrap_or_else(|error| panic!("{error:#}"));
}
