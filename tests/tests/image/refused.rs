//! What is refused, in words, and before anything is built.

use std::fs;

use crate::typed::{assert_fails, letregion};

pub(crate) fn what_no_format_can_carry() {
    let image = |more: &[&'static str]| [&["image", "echo"], more].concat();
    for (more, status, words) in [
        (&[][..], 2, "--to <ENGINE>"),
        (&["--to", "docker"], 2, "[possible values: oci, libvirt, firecracker, xl, systemd, all]"),
        (&["--to", "xl", "--on", "kvm"], 1, "--to xl is not for --on kvm"),
        (&["--to", "oci,libvirt", "--on", "xen"], 1, "--to oci is not for --on xen"),
        (&["--to", "all", "--memory", "0"], 2, "--memory <MIB>"),
        (&["--to", "all", "--memory", "1"], 1, "a guest with 1 MiB: it takes 2 at least"),
        (&["--to", "all", "--name", "a/b"], 1, "\"a/b\" is no name for a guest"),
        (&["--to", "all", "--tap", "tap,0"], 1, "--tap \"tap,0\": the name of an interface"),
        (&["--to", "all", "--bridge", "a-very-long-bridge"], 1, "--bridge \"a-very-long-bridge\""),
        (&["--to", "all", "--image-dir", "guests"], 1, "an absolute path was expected"),
        (&["--to", "all", "--image-dir", "/a\nb"], 1, "without control characters was expected"),
        (&["--to", "all", "--", "--ipv4=10.0.0.0/24"], 1, "--ipv4=10.0.0.0/24: no host has"),
        (&["--to", "all", "--", "--x=\"y\""], 1, "a guest cannot be given a double quote"),
        (&["--to", "all", "--", "--x=y\nz"], 1, "a guest cannot be given control characters"),
        (&["--to", "all", "--", "--memory=4M"], 1, "is set before the --: --memory 4"),
        (&["--to", "firecracker", "--", "--x=é"], 1, "ASCII characters alone, and not: --x=é"),
        (&["--to", "xl", "--", "--x=it's so"], 1, "xl cannot read both kinds of quotes"),
    ] {
        let folder = tempfile::tempdir().expect("there is room");
        let output = folder.path().to_str().expect("a path in UTF-8").to_owned();
        let (options, args) =
            more.split_at(more.iter().position(|arg| *arg == "--").unwrap_or(more.len()));
        let typed = [&image(options)[..], &["--output", &output], args].concat();
        let said = assert_fails(&typed, status, words);
        assert!(!said.contains("Compiling"), "{more:?}: it was built first: {said}");
        let entries = fs::read_dir(folder.path()).expect("it can be read");
        assert_eq!(entries.count(), 0, "{more:?}: something was written");
    }
    assert_fails(&["image", "--to", "oci", "no-such-service"], 1, "no service no-such-service");
}

/// A folder of somebody's, by the name of the image.
pub(crate) fn what_is_in_the_way() {
    let folder = tempfile::tempdir().expect("there is room");
    let theirs = folder.path().join("echo-oci/notes");
    fs::create_dir(folder.path().join("echo-oci")).expect("there is room");
    fs::write(&theirs, "important").expect("there is room");
    let output = folder.path().to_str().expect("a path in UTF-8");
    let said = letregion(&["image", "echo", "--to", "oci", "--output", output], "");
    let words = String::from_utf8_lossy(&said.stderr);
    assert_eq!(said.status.code(), Some(1), "{words}");
    assert!(words.contains("is no OCI image: nothing was written over it"), "{words}");
    assert_eq!(fs::read_to_string(&theirs).expect("it is there"), "important");
}
