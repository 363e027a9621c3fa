//! unbound, a resolver of names.

use std::{
    fs,
    io::{BufRead as _, BufReader},
    process::{Child, Stdio},
    sync::{Arc, Mutex, PoisonError},
    thread,
    time::{Duration, Instant},
};

use lab::tools::Tool;
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use tempfile::TempDir;

use crate::tool::command;

pub(crate) const UNBOUND: Tool = Tool { name: "unbound", package: "unbound" };

/// A running unbound. Dropping it ends it.
pub(crate) struct Unbound {
    child: Child,
    lines: Arc<Mutex<Vec<String>>>,
    _folder: TempDir,
}

impl Unbound {
    /// Starts it at this interface (`10.0.0.1@53`), which 10.0.0.0/8 and all of IPv6 may ask, with these further lines in its section
    /// `server`, and with these sections after it.
    pub(crate) fn start(interface: &str, options: &str, sections: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder can be made");
        let file = folder.path().join("unbound.conf");
        let text = format!(
            "server:\n interface: {interface}\n access-control: 10.0.0.0/8 allow\n access-control: ::/0 allow\n \
             username: \"\"\n chroot: \"\"\n directory: \"{}\"\n pidfile: \"\"\n use-syslog: no\n logfile: \"\"\n \
             do-daemonize: no\n verbosity: 2\n module-config: \"iterator\"\n num-threads: 1\n \
             do-not-query-localhost: no\n {options}\nremote-control:\n control-enable: no\n{sections}",
            folder.path().display(),
        );
        fs::write(&file, text).expect("a file can be written");
        let mut command = command(&UNBOUND);
        command.arg("-d").arg("-c").arg(&file).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("unbound can be started");
        let lines = Arc::<Mutex<Vec<String>>>::default();
        let (stderr, keep) = (child.stderr.take().expect("it is a pipe"), Arc::clone(&lines));
        thread::spawn(move || {
            for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                keep.lock().unwrap_or_else(PoisonError::into_inner).push(line);
            }
        });
        let server = Self { child, lines, _folder: folder };
        let end = Instant::now() + Duration::from_secs(20);
        while !server.said("start of service") {
            assert!(Instant::now() < end, "it does not serve");
            thread::sleep(Duration::from_millis(20));
        }
        server
    }

    /// Stops its process for a while: what comes waits for it.
    #[allow(dead_code, reason = "not every test program that has this file does so")]
    pub(crate) fn pause(&self) {
        self.signal(Signal::SIGSTOP);
    }

    /// Lets its process go on.
    #[allow(dead_code, reason = "not every test program that has this file does so")]
    pub(crate) fn resume(&self) {
        self.signal(Signal::SIGCONT);
    }

    /// Sends a signal to the process that `timeout` has started.
    fn signal(&self, signal: Signal) {
        let id = self.child.id();
        let children = fs::read_to_string(format!("/proc/{id}/task/{id}/children"));
        let children = children.expect("it runs");
        let child = children.split_whitespace().next().and_then(|child| child.parse().ok());
        kill(Pid::from_raw(child.expect("it runs")), signal).expect("it is ours");
    }

    /// Whether it has said these words in a line.
    pub(crate) fn said(&self, words: &str) -> bool {
        self.count(words) > 0
    }

    /// In how many lines it has said these words.
    pub(crate) fn count(&self, words: &str) -> usize {
        let lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        lines.iter().filter(|line| line.contains(words)).count()
    }
}

impl Drop for Unbound {
    fn drop(&mut self) {
        if thread::panicking() {
            let lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
            eprintln!("unbound said:\n{}", lines.join("\n"));
        }
        // `timeout` passes it on.
        if let Ok(id) = i32::try_from(self.child.id()) {
            let _ = kill(Pid::from_raw(id), Signal::SIGTERM);
        }
        let _ = self.child.wait();
    }
}
