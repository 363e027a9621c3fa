//! What the tests share: the services, and programs that are called as their clients.

use std::{
    collections::BTreeMap,
    io::Write as _,
    path::Path,
    process::{Child, Command, Output, Stdio},
    sync::{Arc, Mutex},
    thread,
};

use lab::{
    Lab, Network, Service, cargo,
    debian::Program,
    tools::{self, Tool},
};
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use tempfile::TempDir;

use crate::program::program;

/// Where the services are.
pub(crate) const ADDRESS: &str = "10.0.0.2";
/// The port of both.
pub(crate) const PORT: u16 = 8080;
/// What a URL of a service begins with: address and port.
pub(crate) const URL: &str = "http://10.0.0.2:8080";
/// The port of the counters, over UDP.
const STATS_PORT: u16 = 9100;
/// How many seconds a client may take, on a busy machine too.
const SECONDS: &str = "120";

/// A program of a Debian package.
pub(crate) const fn tool(name: &'static str, package: &'static str) -> Tool {
    Tool { name, package }
}

pub(crate) const CURL: Tool = tool("curl", "curl");

/// Calls `test` with `web` in a network of its own, which then has to end well. These clients are there then.
pub(crate) fn with_web<T: Send>(
    clients: &[Tool],
    args: &[&str],
    test: impl FnOnce(&Lab) -> T + Send,
) -> T {
    with(clients, &program("web", &[]), args, test)
}

/// Calls `test` with `echo --tcp` in a network of its own, which then has to end well. These clients are there then.
pub(crate) fn with_echo<T: Send>(clients: &[Tool], test: impl FnOnce(&Lab) -> T + Send) -> T {
    with(clients, &program("echo", &["tcp"]), &["--tcp"], test)
}

/// Calls `test` with this service in a network of its own, from where no package can be fetched.
pub(crate) fn with<T: Send>(
    clients: &[Tool],
    program: &Path,
    args: &[&str],
    test: impl FnOnce(&Lab) -> T + Send,
) -> T {
    clients.iter().for_each(|client| drop(find(client)));
    let stats = format!("--stats-port={STATS_PORT}");
    let said = Arc::<Mutex<Vec<String>>>::default();
    let keep = {
        let said = Arc::clone(&said);
        move |line: &str| said.lock().expect("nobody panics here").push(line.to_owned())
    };
    let run = |lab: &Lab| {
        let _tell = TellIfPanicking(said);
        let args = args.iter().copied().chain([&*stats]);
        let service = Service::start(lab, program, args, keep).unwrap_or_else(|e| panic!("{e:#}"));
        let result = test(lab);
        let (status, lines) = service.stop().unwrap_or_else(|error| panic!("{error:#}"));
        assert!(status.success(), "{status}: {lines:#?}");
        result
    };
    lab::in_namespace(Network::default(), run).unwrap_or_else(|error| panic!("{error:#}"))
}

/// What a service said, for whoever looks into a test that fails.
struct TellIfPanicking(Arc<Mutex<Vec<String>>>);

impl Drop for TellIfPanicking {
    fn drop(&mut self) {
        if thread::panicking()
            && let Ok(lines) = self.0.lock()
        {
            eprintln!("the service said:\n{}", lines.join("\n"));
        }
    }
}

/// The program, installed or unpacked. Only one is unpacked at a time.
pub(crate) fn find(tool: &Tool) -> Program {
    static ONE: Mutex<()> = Mutex::new(());
    let _one = ONE.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    Program::find(tool, &mut |words| eprintln!("{words}")).unwrap_or_else(|e| panic!("{e:#}"))
}

/// The command that calls a client, which ends with this thread and has an end in any case.
pub(crate) fn client(tool: &Tool) -> Command {
    let program = find(tool);
    let mut command = tools::with_us("timeout");
    command.arg(SECONDS).arg(program.path()).envs(program.environment());
    // What it says is read below.
    command.env("LC_ALL", "C").stdin(Stdio::null());
    command
}

/// A client that is ended with this value, in the way that `timeout` passes on.
pub(crate) struct Ended(pub(crate) Child);

impl Drop for Ended {
    fn drop(&mut self) {
        if let Ok(id) = i32::try_from(self.0.id()) {
            let _ = kill(Pid::from_raw(id), Signal::SIGTERM);
        }
        let _ = self.0.wait();
    }
}

/// What the command says, if it ends well.
pub(crate) fn succeed(command: &mut Command) -> Said {
    let said = run(command);
    assert!(said.status == Some(0), "{command:?}: {:?}: {}{}", said.status, said.out(), said.err);
    said
}

/// What the command says, and its status.
pub(crate) fn run(command: &mut Command) -> Said {
    said(command.output().unwrap_or_else(|error| panic!("{command:?}: {error}")))
}

/// What the command says if it is given these bytes to read.
pub(crate) fn feed(command: &mut Command, input: &[u8]) -> Said {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let mut stdin = child.stdin.take().expect("its input is a pipe");
    thread::scope(|scope| {
        // It may end before it has read all.
        scope.spawn(move || stdin.write_all(input));
        said(child.wait_with_output().expect("it ends"))
    })
}

fn said(Output { status, stdout, stderr }: Output) -> Said {
    let err = String::from_utf8_lossy(&stderr).into_owned();
    Said { status: status.code(), bytes: stdout, err }
}

/// What a program said.
pub(crate) struct Said {
    pub(crate) status: Option<i32>,
    pub(crate) bytes: Vec<u8>,
    pub(crate) err: String,
}

impl Said {
    /// Standard output as text, the beginning of it.
    pub(crate) fn out(&self) -> String {
        String::from_utf8_lossy(&self.bytes[..self.bytes.len().min(4000)]).into_owned()
    }
}

/// The counters of the service whose names begin so.
pub(crate) fn counters(lab: &Lab, prefix: &str) -> BTreeMap<String, u64> {
    let socket = lab.connect(STATS_PORT).expect("a socket can be opened");
    socket.set_read_timeout(Some(std::time::Duration::from_secs(10))).expect("it can be set");
    socket.send(prefix.as_bytes()).expect("a request can be sent");
    let mut reply = vec![0; 1 << 16];
    let length = socket.recv(&mut reply).expect("the service tells");
    let text = String::from_utf8_lossy(&reply[..length]).into_owned();
    let lines = text.lines().filter_map(|line| line.rsplit_once(' '));
    lines.filter_map(|(name, value)| Some((name.to_owned(), value.parse().ok()?))).collect()
}

/// One counter of the service.
pub(crate) fn counter(lab: &Lab, name: &str) -> u64 {
    let all = counters(lab, name);
    *all.get(name).unwrap_or_else(|| panic!("there is no counter {name} in {all:?}"))
}

/// A folder that goes with this value.
pub(crate) fn folder() -> TempDir {
    tempfile::tempdir().expect("a folder can be made")
}

/// The site of `web`: its files by name.
pub(crate) fn site() -> BTreeMap<String, Vec<u8>> {
    let folder = cargo::root().join("apps/web/site");
    let entries = std::fs::read_dir(folder).expect("there is a site");
    let file = |entry: std::io::Result<std::fs::DirEntry>| {
        let entry = entry.expect("it can be read");
        let name = entry.file_name().into_string().expect("names are text");
        (name, std::fs::read(entry.path()).expect("it can be read"))
    };
    entries.map(file).collect()
}

/// What `/bytes/{count}` is.
pub(crate) fn pattern(count: usize) -> Vec<u8> {
    (0..count).map(|at| at as u8).collect()
}

/// What `/sum` answers to a body.
pub(crate) fn sum(body: &[u8]) -> String {
    // Adler-32 (RFC 1950 8.2).
    let (mut a, mut b) = (1, 0);
    for byte in body {
        a = (a + u32::from(*byte)) % 65_521;
        b = (b + a) % 65_521;
    }
    format!("{{\"bytes\": {}, \"adler32\": {}}}\n", body.len(), b << 16 | a)
}
