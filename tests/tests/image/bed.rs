//! What the tests share: one set of files, and programs that read them.

use std::{
    fs,
    io::{BufRead as _, BufReader},
    net::{Ipv4Addr, UdpSocket},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{Mutex, OnceLock, PoisonError},
    time::Duration,
};

use lab::{
    Lab,
    debian::Program,
    tools::{self, QEMU, Tool},
};
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use serde_json::Value;
use tempfile::TempDir;

use crate::typed::letregion;

/// The arguments of the service: two that an engine may give itself, and two others.
pub(crate) const ARGUMENTS: [&str; 4] =
    ["--ipv4=10.0.0.2/24", "--ipv4-gateway=10.0.0.1", "--stats-port=9100", "--offloads=off"];

/// Writes files of echo into a folder, with these options, and returns what went to standard output.
pub(crate) fn write(folder: &Path, options: &[&str]) -> Vec<PathBuf> {
    let output = folder.to_str().expect("a path in UTF-8");
    let args = [&["image", "echo", "--output", output], options, &["--"], &ARGUMENTS].concat();
    let output = letregion(&args, "");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{args:?}: {said}");
    let paths = String::from_utf8(output.stdout).expect("paths in UTF-8");
    let paths: Vec<_> = paths.lines().map(PathBuf::from).collect();
    for path in &paths {
        assert!(path.exists(), "{} is not there", path.display());
    }
    paths
}

/// The folder with all files of a guest of KVM, written once.
pub(crate) fn all() -> &'static Path {
    static FOLDER: OnceLock<TempDir> = OnceLock::new();
    let make = || {
        let folder = tempfile::tempdir().expect("there is room");
        let paths = write(folder.path(), &["--to", "all", "--on", "kvm"]);
        let names: Vec<_> = paths.iter().filter_map(|path| path.file_name()?.to_str()).collect();
        let expected = [
            "echo-kvm",
            "echo-kvm.xml",
            "echo-firecracker.json",
            "echo.service",
            "echo-oci",
            "echo-oci.tar",
        ];
        assert_eq!(names, expected);
        folder
    };
    FOLDER.get_or_init(make).path()
}

/// A file among those.
pub(crate) fn read(name: &str) -> String {
    let path = all().join(name);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The program, installed or unpacked. Only one is unpacked at a time.
pub(crate) fn find(name: &'static str, package: &'static str) -> Program {
    static ONE: Mutex<()> = Mutex::new(());
    let _one = ONE.lock().unwrap_or_else(PoisonError::into_inner);
    let tool = Tool { name, package };
    Program::find(&tool, &mut |words| eprintln!("{words}")).unwrap_or_else(|e| panic!("{e:#}"))
}

/// The image of the OCI, as a runtime finds it: unpacked, with the settings of the container.
pub(crate) fn bundle() -> (TempDir, Value) {
    let folder = tempfile::tempdir().expect("there is room");
    let bundle = folder.path().join("bundle");
    let image = format!("{}:latest", all().join("echo-oci").display());
    let mut umoci = find("umoci", "umoci").command();
    // It works without root, too.
    umoci.args(["unpack", "--rootless", "--image", &image]).arg(&bundle);
    succeed(&mut umoci);
    let config = json(&bundle.join("config.json"));
    (folder, config)
}

/// A file of JSON.
pub(crate) fn json(path: &Path) -> Value {
    let bytes = fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_slice(&bytes).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// QEMU with these arguments, for a minute at most. Its processor is emulated. What it and the guest say goes into a pipe.
pub(crate) fn qemu<'a>(lab: &Lab, args: impl IntoIterator<Item = &'a str>) -> Child {
    assert!(QEMU.is_installed(), "{}", tools::remedy(&[QEMU]));
    let mut command = lab.client("timeout");
    command.args(["60", QEMU.name]).args(args);
    command.stdin(Stdio::null()).stdout(Stdio::piped());
    command.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}"))
}

/// What QEMU and the guest say until it ends.
pub(crate) fn said(qemu: &mut Child) -> String {
    let output = BufReader::new(qemu.stdout.take().expect("its output is a pipe"));
    let lines: Vec<_> = output.lines().map_while(Result::ok).collect();
    lines.join("\n").replace('\r', "")
}

/// Waits until the guest serves at the address that it is expected to have, and sends it a request at this one.
pub(crate) fn assert_serves(qemu: &mut Child, own: &str, address: (Ipv4Addr, u16)) {
    let output = BufReader::new(qemu.stdout.take().expect("its output is a pipe"));
    let mut lines = output.lines().map_while(Result::ok);
    let serving = lines.find(|line| line.starts_with("serving ")).expect("it serves");
    let expected = format!("serving udp 8080 counters 9100 at {own} on ");
    assert!(serving.starts_with(&expected), "{serving}");

    let client = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).expect("a socket");
    client.connect(address).expect("a socket");
    client.set_read_timeout(Some(Duration::from_secs(1))).expect("a socket");
    let mut reply = [0; 16];
    // Linux drops what it sends until it has noticed that somebody has the device.
    let length = (0..20).find_map(|_| {
        client.send(b"hello").expect("it can be sent");
        client.recv(&mut reply).ok()
    });
    assert_eq!(reply[..length.expect("there is a reply")], *b"hello");
}

/// Ends QEMU.
pub(crate) fn end(mut qemu: Child) {
    let id = i32::try_from(qemu.id()).expect("a process id");
    kill(Pid::from_raw(id), Signal::SIGTERM).expect("it runs");
    qemu.wait().expect("it ends");
}

/// What the command says, which has to end well.
pub(crate) fn succeed(command: &mut Command) -> String {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said).into_owned();
    assert!(output.status.success(), "{}: {said}", tools::typed(command));
    said
}
