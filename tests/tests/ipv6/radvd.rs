//! radvd, as the router of the link.

use std::{
    fs,
    process::{Child, Stdio},
    sync::{Mutex, PoisonError},
    thread,
};

use lab::{
    debian::Program,
    tools::{self, Tool},
};
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use tempfile::TempDir;

const RADVD: Tool = Tool { name: "radvd", package: "radvd" };

/// How many seconds it may run.
const SECONDS: &str = "120";

/// The program is there: to be called where packages can be fetched.
pub(crate) fn fetch() -> Program {
    static ONE: Mutex<()> = Mutex::new(());
    let _one = ONE.lock().unwrap_or_else(PoisonError::into_inner);
    Program::find(&RADVD, &mut |words| eprintln!("{words}")).unwrap_or_else(|e| panic!("{e:#}"))
}

/// A running router. Dropping it ends it.
pub(crate) struct Radvd {
    child: Child,
    folder: TempDir,
}

impl Radvd {
    /// Starts it on the lab's interface, with these lines in its description of the interface.
    pub(crate) fn start(program: &Program, lines: &str) -> Self {
        // It does not start on a host that forwards nothing.
        fs::write("/proc/sys/net/ipv6/conf/all/forwarding", "1").expect("the namespace is ours");
        let folder = tempfile::tempdir().expect("a folder can be made");
        let child = run(program, &folder, lines);
        Self { child, folder }
    }

    /// Ends it, and starts it with other lines.
    pub(crate) fn restart(&mut self, program: &Program, lines: &str) {
        self.stop();
        self.child = run(program, &self.folder, lines);
    }

    fn stop(&mut self) {
        if let Ok(id) = i32::try_from(self.child.id()) {
            let _ = kill(Pid::from_raw(id), Signal::SIGTERM);
        }
        let _ = self.child.wait();
    }
}

fn run(program: &Program, folder: &TempDir, lines: &str) -> Child {
    let config = folder.path().join("radvd.conf");
    let text = format!(
        "interface tap0 {{ AdvSendAdvert on; MinRtrAdvInterval 3; MaxRtrAdvInterval 4; {lines} }};\n"
    );
    fs::write(&config, text).expect("it can be written");
    let mut command = tools::with_us("timeout");
    command.arg(SECONDS).arg(program.path()).envs(program.environment());
    command.args(["--nodaemon", "--logmethod=none", "--config"]).arg(config);
    command.arg("--pidfile").arg(folder.path().join("pid"));
    command.stdin(Stdio::null()).spawn().expect("radvd can be started")
}

impl Drop for Radvd {
    fn drop(&mut self) {
        self.stop();
        if thread::panicking() {
            let config = fs::read_to_string(self.folder.path().join("radvd.conf"));
            eprintln!("radvd had:\n{}", config.unwrap_or_default());
        }
    }
}
