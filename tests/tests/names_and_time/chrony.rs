//! chrony, as a server of the time that leaves the clock of the system alone.

use std::{
    fs::{self, File, Permissions},
    net::{SocketAddr, UdpSocket},
    os::unix::fs::PermissionsExt as _,
    process::{Child, Command, Stdio},
    sync::{Mutex, PoisonError},
    thread,
    time::{Duration, Instant, SystemTime},
};

use lab::{
    Lab, Network,
    debian::Program,
    tools::{self, Tool},
};
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use sntp::{
    Client, Servers,
    client::{Heard, Output},
};
use tempfile::TempDir;
use zerocopy::IntoBytes;

const CHRONYD: Tool = Tool { name: "chronyd", package: "chrony" };

/// How many seconds it may run.
const SECONDS: &str = "120";

/// The program is there: to be called where packages can be fetched.
pub(crate) fn fetch() -> Program {
    static ONE: Mutex<()> = Mutex::new(());
    let _one = ONE.lock().unwrap_or_else(PoisonError::into_inner);
    Program::find(&CHRONYD, &mut |words| eprintln!("{words}")).unwrap_or_else(|e| panic!("{e:#}"))
}

/// A running server. Dropping it ends it.
pub(crate) struct Chrony {
    child: Child,
    /// The program that asks it how it is.
    control: Command,
    folder: TempDir,
}

impl Chrony {
    /// Starts it at the address of the host. It has its time from the system's clock, which it does not set.
    pub(crate) fn start(_lab: &Lab, program: &Program) -> Self {
        let folder = tempfile::tempdir().expect("a folder can be made");
        // It has no socket in a folder that others may look into.
        let ours = Permissions::from_mode(0o700);
        fs::set_permissions(folder.path(), ours).expect("the folder is ours");
        let said = File::create(folder.path().join("said")).expect("a file can be made");
        let mut command = tools::with_us("timeout");
        command.arg(SECONDS).arg(program.path()).envs(program.environment());
        // In the foreground, without setting the clock, without a right to change users, as whoever runs the test.
        command.args(["-d", "-x", "-U", "-u", "root", "-F", "0"]);
        command.args(["local stratum 8", "allow 10.0.0.0/24", "bindaddress 10.0.0.1"]);
        let socket = folder.path().join("socket");
        command.args(["cmdport 0", &format!("bindcmdaddress {}", socket.display())]);
        command.arg(format!("pidfile {}", folder.path().join("pid").display()));
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(said);
        let child = command.spawn().expect("chronyd can be started");
        let mut control = match program.root() {
            Some(root) => tools::command(root.join("usr/bin/chronyc")),
            None => tools::command("chronyc"),
        };
        control.envs(program.environment()).arg("-h").arg(socket).arg("serverstats");
        Self { child, control, folder }
    }

    /// How many questions have come to it.
    pub(crate) fn questions(&mut self) -> u64 {
        let output = self.control.output().expect("chronyc can be started");
        let said = String::from_utf8_lossy(&output.stdout);
        let line = said.lines().find(|line| line.starts_with("NTP packets received"));
        let number = line.and_then(|line| line.split(':').nth(1)?.trim().parse().ok());
        // It may not have begun yet.
        number.unwrap_or(0)
    }
}

impl Drop for Chrony {
    fn drop(&mut self) {
        if thread::panicking() {
            let said = fs::read_to_string(self.folder.path().join("said"));
            eprintln!("chronyd said:\n{}", said.unwrap_or_default());
        }
        if let Ok(id) = i32::try_from(self.child.id()) {
            let _ = kill(Pid::from_raw(id), Signal::SIGTERM);
        }
        let _ = self.child.wait();
    }
}

/// The client as a value, over sockets of Linux.
pub(crate) fn a_client_understands_it() {
    fetch();
    lab::in_namespace(Network::default(), |lab| {
        let _chrony = Chrony::start(lab, &fetch());
        let server: SocketAddr = "10.0.0.1:123".parse().expect("it is an address");
        let begin = Instant::now();
        let now = || layer::Instant::from_nanos(begin.elapsed().as_nanos() as u64);
        let mut client = Client::new(7);
        client.set_servers(now(), &[server].into_iter().collect::<Servers>());
        let mut answers = 0;
        let mut offset = None;
        while answers < 3 {
            assert!(begin.elapsed() < Duration::from_secs(90), "it does not answer");
            match client.due(now()) {
                Some(Output::Set(set)) => offset = Some(set),
                Some(Output::Send(sending)) => {
                    let socket = UdpSocket::bind("10.0.0.1:0").expect("a socket can be opened");
                    let wait = Some(Duration::from_secs(2));
                    socket.set_read_timeout(wait).expect("it can be set");
                    socket.send_to(sending.question.as_bytes(), server).expect("it is sent");
                    let mut answer = [0; 512];
                    // It may not have begun yet.
                    let Ok((length, source)) = socket.recv_from(&mut answer) else { continue };
                    let heard = client.input(now(), source, &answer[..length]);
                    assert_eq!(heard, Ok(Heard::Time));
                    answers += 1;
                }
                None => thread::sleep(Duration::from_millis(20)),
            }
        }
        while let Some(Output::Set(set)) = client.due(now()) {
            offset = Some(set);
        }
        let shown = offset.expect("the clock is set").wall(now());
        let system = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("since 1970");
        assert!(shown.abs_diff(system) < Duration::from_millis(500), "{shown:?} and {system:?}");
    })
    .unwrap_or_else(|error| panic!("{error:#}"));
}
