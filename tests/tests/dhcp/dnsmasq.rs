//! dnsmasq, as a server of DHCP, and of names if a test wants that.

use std::{
    io::{BufRead as _, BufReader},
    net::Ipv4Addr,
    process::{Child, Stdio},
    sync::{Arc, Mutex, PoisonError},
    thread,
    time::{Duration, Instant},
};

use lab::{
    Lab,
    debian::Program,
    tools::{self, Tool},
};
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use tempfile::TempDir;

const DNSMASQ: Tool = Tool { name: "dnsmasq", package: "dnsmasq-base" };

/// How many seconds it may run.
const SECONDS: &str = "120";

/// The program is there: to be called where packages can be fetched.
pub(crate) fn fetch() -> Program {
    static ONE: Mutex<()> = Mutex::new(());
    let _one = ONE.lock().unwrap_or_else(PoisonError::into_inner);
    Program::find(&DNSMASQ, &mut |words| eprintln!("{words}")).unwrap_or_else(|e| panic!("{e:#}"))
}

/// A running server. Dropping it ends it.
pub(crate) struct Dnsmasq {
    child: Child,
    lines: Arc<Mutex<Vec<String>>>,
    /// Where it keeps its leases.
    _folder: TempDir,
}

impl Dnsmasq {
    /// Starts it on the lab's interface, with the addresses from 10.0.0.50 to 10.0.0.59 for two minutes, which is the
    /// shortest that it grants, and with further options. It does not answer for names.
    pub(crate) fn start(lab: &Lab, program: &Program, options: &[&str]) -> Self {
        Self::with_names(lab, program, 0, options)
    }

    /// As [`start`](Self::start), and it answers for names at this port.
    pub(crate) fn with_names(lab: &Lab, program: &Program, port: u16, options: &[&str]) -> Self {
        let folder = tempfile::tempdir().expect("a folder can be made");
        let leases = folder.path().join("leases");
        let mut command = tools::with_us("timeout");
        command.arg(SECONDS).arg(program.path()).envs(program.environment());
        command.args([
            "--keep-in-foreground",
            "--log-facility=-",
            "--log-dhcp",
            "--conf-file=/dev/null",
        ]);
        command.args(["--no-hosts", "--no-resolv", "--no-ping", "--user=", "--pid-file="]);
        command.arg(format!("--port={port}"));
        command.arg(format!("--interface={}", lab.network().interface));
        command.arg(format!("--dhcp-leasefile={}", leases.display()));
        command.arg("--dhcp-range=10.0.0.50,10.0.0.59,255.255.255.0,2m").args(options);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("dnsmasq can be started");
        let lines = Arc::<Mutex<Vec<String>>>::default();
        let stderr = child.stderr.take().expect("it is a pipe");
        let keep = Arc::clone(&lines);
        thread::spawn(move || {
            for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                keep.lock().unwrap_or_else(PoisonError::into_inner).push(line);
            }
        });
        let server = Self { child, lines, _folder: folder };
        let end = Instant::now() + Duration::from_secs(20);
        while !server.lines().iter().any(|line| line.contains("IP range")) {
            assert!(Instant::now() < end, "it does not serve");
            thread::sleep(Duration::from_millis(20));
        }
        server
    }

    /// Has it read the files with options again.
    #[allow(
        dead_code,
        reason = "one of the two test programs that have this file has no such files"
    )]
    pub(crate) fn reload(&self) {
        let id = i32::try_from(self.child.id()).expect("it is one of Linux");
        // `timeout` passes it on.
        kill(Pid::from_raw(id), Signal::SIGHUP).expect("it runs");
    }

    /// What it said until now.
    pub(crate) fn lines(&self) -> Vec<String> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// What it has received or sent, in its order: the transaction, the type of the message, and the rest of the line. A question that
    /// was asked again counts once, with its answers: Linux drops what it sends to a device that has just come up. What has no answer
    /// counts as often as it was said.
    fn exchanged(&self) -> Vec<(String, String, String)> {
        let mut all = Vec::<(String, String, String)>::new();
        for line in self.lines() {
            let parts = || {
                let (before, rest) = line.split_once(" DHCP")?;
                let (kind, rest) = rest.split_once('(')?;
                let (_, transaction) = before.rsplit_once(' ')?;
                Some((transaction.to_owned(), kind.to_owned(), rest.to_owned()))
            };
            let Some(new) = parts() else { continue };
            let is_asked_again = ["DISCOVER", "OFFER", "REQUEST", "ACK", "NAK"].contains(&&*new.1)
                && all.iter().any(|known| (&known.0, &known.1) == (&new.0, &new.1));
            if !is_asked_again {
                all.push(new);
            }
        }
        all
    }

    /// The types of messages that it has received or sent, in their order.
    pub(crate) fn messages(&self) -> Vec<String> {
        self.exchanged().into_iter().map(|(_, kind, _)| kind).collect()
    }

    /// Waits until it has sent this many grants, and returns the address of the last one.
    pub(crate) fn granted(&self, times: usize, within: Duration) -> Ipv4Addr {
        let end = Instant::now() + within;
        loop {
            let (lines, all) = (self.lines(), self.exchanged());
            let grants: Vec<_> = all.iter().filter(|(_, kind, _)| kind == "ACK").collect();
            if grants.len() >= times {
                let (_, rest) = grants[grants.len() - 1].2.split_once(") ").expect("an interface");
                let address = rest.split(' ').next().expect("it is not empty");
                return address.parse().expect("it is an address");
            }
            assert!(Instant::now() < end, "not granted {times} times: {lines:#?}");
            thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Dnsmasq {
    fn drop(&mut self) {
        if thread::panicking() {
            eprintln!("dnsmasq said:\n{}", self.lines().join("\n"));
        }
        if let Ok(id) = i32::try_from(self.child.id()) {
            let _ = kill(Pid::from_raw(id), Signal::SIGTERM);
        }
        let _ = self.child.wait();
    }
}
