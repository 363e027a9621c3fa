//! Kea, as a server of DHCP whose leases may last for seconds.

use std::{
    fs::{self, OpenOptions},
    process::{Child, Stdio},
    sync::{Mutex, PoisonError},
    thread,
    time::{Duration, Instant},
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

const KEA: Tool = Tool { name: "kea-dhcp4", package: "kea-dhcp4-server" };

/// How many seconds it may run.
const SECONDS: &str = "120";

/// The program is there: to be called where packages can be fetched.
pub(crate) fn fetch() -> Program {
    static ONE: Mutex<()> = Mutex::new(());
    let _one = ONE.lock().unwrap_or_else(PoisonError::into_inner);
    Program::find(&KEA, &mut |words| eprintln!("{words}")).unwrap_or_else(|e| panic!("{e:#}"))
}

/// What it serves.
#[derive(Clone, Copy)]
pub(crate) struct Settings<'a> {
    /// The interface, which may have one of its addresses behind it.
    pub(crate) interface: &'a str,
    /// The first three bytes of all addresses. It grants those that end with 60 to 69.
    pub(crate) network: &'a str,
    /// The end of a lease, T1 and T2, in seconds.
    pub(crate) times: [u32; 3],
    /// Codes of options, each with its value as hexadecimal digits.
    pub(crate) options: &'a [(u8, String)],
}

/// Leases of 20 seconds, renewed after 5, or 10 with any server.
pub(crate) const USUAL: Settings<'_> =
    Settings { interface: "tap0", network: "10.0.0", times: [20, 5, 10], options: &[] };

/// A server. Dropping it ends it.
pub(crate) struct Kea {
    child: Option<Child>,
    /// Where it keeps its leases, and what it said.
    folder: TempDir,
}

impl Kea {
    /// Starts it. It serves as soon as its interface has a carrier, which is when the service has opened it.
    pub(crate) fn start(program: &Program, settings: Settings<'_>) -> Self {
        let folder = tempfile::tempdir().expect("a folder can be made");
        let mut server = Self { child: None, folder };
        server.run(program, settings);
        server.wait_until_started();
        server
    }

    /// Starts it in a namespace of its own, to which the interface is still to be moved. There it gets this address.
    pub(crate) fn start_elsewhere(
        program: &Program,
        settings: Settings<'_>,
        address: &str,
    ) -> Self {
        let folder = tempfile::tempdir().expect("a folder can be made");
        let mut server = Self { child: None, folder };
        let interface = settings.interface;
        let script = format!(
            "until ip link set {interface} up; do sleep 0.1; done 2>/dev/null; \
             ip address add {address} dev {interface}; exec \"$@\""
        );
        server.spawn(program, settings, &["unshare", "--net", "sh", "-c", &script, "sh"]);
        server
    }

    /// Starts it again with these settings. It knows its leases.
    pub(crate) fn run(&mut self, program: &Program, settings: Settings<'_>) {
        self.spawn(program, settings, &[]);
    }

    /// Starts it by the command `before`.
    fn spawn(&mut self, program: &Program, settings: Settings<'_>, before: &[&str]) {
        self.stop();
        let path = |name: &str| self.folder.path().join(name);
        fs::write(path("kea.json"), self.config(settings)).expect("it can be written");
        let said = OpenOptions::new().create(true).append(true).open(path("said"));
        let mut words = before.iter().copied().chain(["timeout", SECONDS]);
        let mut command = tools::with_us(words.next().expect("there are two"));
        command.args(words).arg(program.path()).arg("-c").arg(path("kea.json"));
        command.envs(program.environment());
        command.env("KEA_PIDFILE_DIR", self.folder.path());
        command.env("KEA_LOCKFILE_DIR", self.folder.path());
        command.env("KEA_LOGGER_DESTINATION", "stdout");
        command.stdin(Stdio::null()).stdout(said.expect("a file can be made"));
        self.child = Some(command.spawn().expect("kea can be started"));
    }

    fn config(&self, settings: Settings<'_>) -> String {
        let Settings { interface, network, times: [end, renew, rebind], options } = settings;
        let options: Vec<_> = options.iter().map(|(code, value)| option(*code, value)).collect();
        let leases = self.folder.path().join("leases.csv");
        format!(
            r#"{{ "Dhcp4": {{
                "interfaces-config": {{
                    "interfaces": ["{interface}"], "dhcp-socket-type": "raw", "re-detect": true,
                    "service-sockets-max-retries": 1000, "service-sockets-retry-wait-time": 100
                }},
                "lease-database": {{ "type": "memfile", "name": "{leases}", "lfc-interval": 0 }},
                "authoritative": true,
                "valid-lifetime": {end}, "renew-timer": {renew}, "rebind-timer": {rebind},
                "subnet4": [{{
                    "id": 1, "subnet": "{network}.0/24", "interface": "{name}",
                    "pools": [{{ "pool": "{network}.60 - {network}.69" }}],
                    "option-data": [{options}]
                }}],
                "loggers": [{{
                    "name": "kea-dhcp4", "output_options": [{{ "output": "stdout" }}],
                    "severity": "DEBUG", "debuglevel": 55
                }}]
            }} }}"#,
            leases = leases.display(),
            name = interface.split('/').next().unwrap_or(interface),
            options = options.join(", "),
        )
    }

    /// Waits until it serves, if its interface has a carrier.
    pub(crate) fn wait_until_started(&self) {
        let end = Instant::now() + Duration::from_secs(20);
        while !self.lines().iter().any(|line| line.contains(" DHCP4_STARTED ")) {
            assert!(Instant::now() < end, "it does not start");
            thread::sleep(Duration::from_millis(20));
        }
    }

    /// Waits until its namespace is another one than ours.
    pub(crate) fn wait_until_elsewhere(&self) {
        let namespace = |of: &str| fs::read_link(format!("/proc/{of}/ns/net")).ok();
        let (ours, end) = (namespace("thread-self"), Instant::now() + Duration::from_secs(5));
        while namespace(&self.id().to_string()) == ours {
            assert!(Instant::now() < end, "it is here");
            thread::sleep(Duration::from_millis(5));
        }
    }

    /// Its process.
    pub(crate) fn id(&self) -> u32 {
        self.child.as_ref().expect("it runs").id()
    }

    pub(crate) fn stop(&mut self) {
        if let Some(mut child) = self.child.take() {
            if let Ok(id) = i32::try_from(child.id()) {
                // `timeout` passes it on.
                let _ = kill(Pid::from_raw(id), Signal::SIGTERM);
            }
            let _ = child.wait();
        }
    }

    /// What it said until now.
    pub(crate) fn lines(&self) -> Vec<String> {
        let said = fs::read(self.folder.path().join("said")).unwrap_or_default();
        String::from_utf8_lossy(&said).lines().map(Into::into).collect()
    }

    /// The messages that it has received or sent, in their order.
    pub(crate) fn messages(&self) -> Vec<Message> {
        self.lines().iter().filter_map(|line| Message::read(line)).collect()
    }

    /// The types of those messages.
    pub(crate) fn kinds(&self) -> Vec<String> {
        self.messages().into_iter().map(|message| message.kind).collect()
    }

    /// Waits for a message after the first `known` ones.
    pub(crate) fn wait_for(&self, kind: &str, known: usize, within: Duration) -> Message {
        let end = Instant::now() + within;
        loop {
            let found = self.messages().into_iter().skip(known).find(|it| it.kind == kind);
            if let Some(message) = found {
                return message;
            }
            assert!(Instant::now() < end, "no {kind} after {known} messages");
            thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Kea {
    fn drop(&mut self) {
        self.stop();
        if thread::panicking() {
            eprintln!("kea said:\n{}", self.lines().join("\n"));
        }
    }
}

/// The value of an option, which may be longer than 255 bytes.
fn option(code: u8, value: &str) -> String {
    format!(r#"{{ "code": {code}, "space": "dhcp4", "csv-format": false, "data": "{value}" }}"#)
}

/// A message, as a line of its log has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Message {
    pub(crate) kind: String,
    pub(crate) from: String,
    pub(crate) to: String,
}

impl Message {
    /// Reads `...: DHCPDISCOVER (type 1) received from 0.0.0.0 to 255.255.255.255 on interface tap0`, and
    /// `...: trying to send packet DHCPOFFER (type 2) from 10.0.0.1:67 to 255.255.255.255:68 on interface tap0`.
    fn read(line: &str) -> Option<Self> {
        if !line.contains(" DHCP4_PACKET_RECEIVED ") && !line.contains(" DHCP4_PACKET_SEND ") {
            return None;
        }
        let (before, behind) = line.split_once(" (type ")?;
        let (_, places) = behind.split_once(" from ")?;
        let (from, rest) = places.split_once(" to ")?;
        let (to, _) = rest.split_once(" on ")?;
        let address = |text: &str| text.split(':').next().unwrap_or(text).to_owned();
        let kind = before.rsplit_once(" DHCP")?.1.to_owned();
        Some(Self { kind, from: address(from), to: address(to) })
    }
}
