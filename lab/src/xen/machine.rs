//! The machine: QEMU, Xen in it, and dom0 in that.

use std::{
    fs, io,
    net::Ipv4Addr,
    os::unix::fs::symlink,
    path::Path,
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, anyhow, bail, ensure};
use dom0::protocol::{Answer, Ask, Asked, Command, End, Load, Loaded};

use super::{
    agent::{self, Agent, Answered},
    initramfs,
    log::Log,
    packages::Packages,
    qemu::{self, HostPort, Qemu},
};
use crate::{cargo, folder::Folder, interrupt, tools};

/// How long dom0 may take to be ready: some 10 seconds on a machine that has nothing else to do.
const READY_WITHIN: Duration = Duration::from_secs(180);
/// How long a program in dom0 may take that has no limit of its own. Everything is emulated there.
const PROGRAM_WITHIN: Duration = Duration::from_secs(60);
/// How long the agent may take on top of what it is asked to do.
const ANSWER_WITHIN: Duration = Duration::from_secs(20);
/// How often it is looked at while it boots.
const TICK: Duration = Duration::from_millis(100);
/// How many lines of the console an error has.
const LAST_LINES: usize = 20;

/// A running machine with a Xen whose dom0 is ready. Dropping it ends it; its log stays.
#[derive(Debug)]
pub struct Machine {
    // Dropped in this order.
    qemu: Qemu,
    agent: Agent,
    log: Log,
    packages: Packages,
    folder: Folder,
}

/// What a program in dom0 left.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ran {
    /// How it ended.
    pub end: End,
    /// What it wrote to standard output.
    pub stdout: String,
    /// What it wrote to standard error.
    pub stderr: String,
}

impl Ran {
    /// Whether the program ended by itself, with status 0.
    pub fn is_success(&self) -> bool {
        self.end == End::Status(0)
    }
}

impl Machine {
    /// Fetches what is missing, starts the machine and waits until its dom0 is ready. What it does is
    /// told to `progress`, in a few words each.
    ///
    /// # Errors
    /// QEMU or a package cannot be had, or dom0 is not ready within three minutes: with the last lines
    /// of its console.
    pub fn boot(progress: impl FnMut(&str)) -> Result<Self> {
        Self::boot_with(&[], 1, progress)
    }

    /// Starts a machine with so many processors, whose guests are reached at ports of this machine too. dom0 uses one.
    ///
    /// # Errors
    /// Those of [`Machine::boot`]; another program has one of the ports.
    pub fn boot_with(
        ports: &[HostPort],
        processors: usize,
        mut progress: impl FnMut(&str),
    ) -> Result<Self> {
        let needed = [tools::QEMU, tools::SETPRIV, tools::APT, tools::DPKG];
        let missing: Vec<_> = needed.into_iter().filter(|tool| !tool.is_installed()).collect();
        ensure!(missing.is_empty(), tools::remedy(&missing));
        let home = cargo::target_folder()?.join("xen");
        let packages = Packages::get(&home, &mut progress)?;
        let folder = Folder::new(&home, "machine")?;
        prepare(folder.path(), &packages)?;
        let log = Log::new(&home.join("log"), &folder.name())?;

        progress("starting Xen in QEMU");
        let start = Instant::now();
        let (qemu, to, from) = Qemu::start(folder.path(), log.path(), ports, processors)?;
        let (agent, greeted) = Agent::new(to, from);
        let mut seen = 0;
        let greeting = loop {
            seen += tell(&log.from(seen)?, &mut progress);
            if let Ok(greeting) = greeted.recv_timeout(TICK) {
                break Some(greeting);
            }
            ensure!(!interrupt::pressed(), "interrupted");
            if qemu.ended().is_some() || start.elapsed() > READY_WITHIN {
                break None;
            }
        };
        let machine = Self { qemu, agent, log, packages, folder };
        let greeting = greeting.ok_or_else(|| {
            machine.explain(&anyhow!("dom0 is not ready after {:.0?}", start.elapsed()))
        })?;
        agent::check_greeting(&greeting)?;
        progress(&format!("ready in {:.1} s", start.elapsed().as_secs_f32()));
        Ok(machine)
    }

    /// What Xen and dom0 write to the serial port.
    pub fn log(&self) -> &Path {
        self.log.path()
    }

    /// Runs a program in dom0, within a minute.
    ///
    /// # Errors
    /// It cannot be started, or dom0 does not answer. A program that fails, or takes longer, is none.
    pub fn run(&self, program: &str, args: &[&str]) -> Result<Ran> {
        self.run_within(program, args, PROGRAM_WITHIN)
    }

    /// Runs a program in dom0, within `limit`.
    ///
    /// # Errors
    /// Those of [`Machine::run`].
    pub fn run_within(&self, program: &str, args: &[&str], limit: Duration) -> Result<Ran> {
        let args = args.iter().map(|arg| (*arg).to_owned()).collect();
        let command = Command::Run { program: program.into(), args, limit };
        match self.call(command, Vec::new(), limit)? {
            (Answer::Ran { end, stdout }, output) => {
                let (stdout, stderr) = output.split_at_checked(stdout).unwrap_or_default();
                let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
                Ok(Ran { end, stdout: text(stdout), stderr: text(stderr) })
            }
            other => unexpected(&other),
        }
    }

    /// Runs a program in dom0 and returns what it writes to standard output.
    ///
    /// # Errors
    /// Those of [`Machine::run`]; the program fails, with what it says.
    pub fn succeed(&self, program: &str, args: &[&str]) -> Result<String> {
        self.succeed_within(program, args, PROGRAM_WITHIN)
    }

    /// Runs a program in dom0, which has to end well within `limit`.
    pub(super) fn succeed_within(
        &self,
        program: &str,
        args: &[&str],
        limit: Duration,
    ) -> Result<String> {
        let Ran { end, stdout, stderr } = self.run_within(program, args, limit)?;
        let typed = || format!("{program} {}", args.join(" "));
        match end {
            End::Status(0) => Ok(stdout),
            End::Limit => bail!("{} takes longer than {limit:?}", typed()),
            End::Status(status) => {
                bail!("{} failed (status {status}): {}", typed(), said(&stdout, &stderr))
            }
            End::Signal(signal) => {
                bail!("{} was ended by signal {signal}: {}", typed(), said(&stdout, &stderr))
            }
        }
    }

    /// Writes a file in dom0.
    ///
    /// # Errors
    /// It cannot be written, or dom0 does not answer.
    pub fn write(&self, path: &str, content: impl Into<Vec<u8>>) -> Result<()> {
        match self.call(Command::Write { path: path.into() }, content.into(), PROGRAM_WITHIN)? {
            (Answer::Done, _) => Ok(()),
            other => unexpected(&other),
        }
    }

    /// Reads a file of dom0.
    ///
    /// # Errors
    /// It cannot be read, or dom0 does not answer.
    pub fn read(&self, path: &str) -> Result<Vec<u8>> {
        match self.call(Command::Read { path: path.into() }, Vec::new(), PROGRAM_WITHIN)? {
            (Answer::Content, content) => Ok(content),
            other => unexpected(&other),
        }
    }

    /// Sends UDP requests from dom0 (`ask.length` and `ask.expected` do not matter), and returns what
    /// became of them, with the first reply that is not `expected`; if all are, or if there is nothing
    /// that they have to be, with the first.
    ///
    /// # Errors
    /// dom0 has no socket to send from, or does not answer. No reply is none.
    pub fn ask(
        &self,
        ask: &Ask,
        request: &[u8],
        expected: Option<&[u8]>,
    ) -> Result<(Asked, Vec<u8>)> {
        self.ask_watching(ask, request, expected, || Ok(()))
    }

    /// Asks a guest from dom0; meanwhile, `watch` is called again and again.
    ///
    /// # Errors
    /// Those of [`Machine::ask`] and of `watch`.
    pub fn ask_watching(
        &self,
        ask: &Ask,
        request: &[u8],
        expected: Option<&[u8]>,
        watch: impl FnMut() -> Result<()>,
    ) -> Result<(Asked, Vec<u8>)> {
        let ask = Ask { length: request.len(), expected: expected.is_some(), ..ask.clone() };
        let body = [request, expected.unwrap_or_default()].concat();
        // Replies may be late each time.
        let limit = ask.limit.saturating_mul(ask.times);
        match self.call_watching(Command::Ask(ask), body, limit, watch)? {
            (Answer::Asked(asked), reply) => Ok((asked, reply)),
            other => unexpected(&other),
        }
    }

    /// Puts a service under load from dom0.
    ///
    /// # Errors
    /// dom0 has no socket to send from, or does not answer; nothing is bound to the port.
    pub fn load(&self, load: &Load) -> Result<Loaded> {
        let limit = load.time.saturating_add(load.limit.saturating_mul(load.window.into()));
        match self.call(Command::Load(*load), Vec::new(), limit)? {
            (Answer::Loaded(loaded), _) => Ok(loaded),
            other => unexpected(&other),
        }
    }

    /// Gives dom0 another address of IPv4 on the bridge of the guests.
    ///
    /// # Errors
    /// Linux does not take it.
    pub fn set_address(&self, address: Ipv4Addr, prefix: u8) -> Result<()> {
        self.succeed("ip", &["-4", "address", "flush", "dev", "xenbr0"])?;
        let address = format!("{address}/{prefix}");
        self.succeed("ip", &["address", "add", &address, "dev", "xenbr0"]).map(drop)
    }

    /// What Xen writes into its log when it is asked for something by `xl debug-keys`: the text up to
    /// a line with `last` in it.
    pub(super) fn debug_keys(&self, keys: &str, last: &str) -> Result<String> {
        let start = self.log.length();
        self.succeed("xl", &["debug-keys", keys])?;
        self.log
            .until(start, last, ANSWER_WITHIN)?
            .with_context(|| format!("Xen does not answer to the debug key {keys}"))
    }

    /// The lines of Xen's log about this domain, those among them that it wrote itself, to port 0xE9.
    pub(super) fn lines_about(&self, domain: u32) -> Result<Vec<String>> {
        let marks = [format!("(d{domain}) "), format!(" d{domain}v"), format!(" d{domain} ")];
        let text = self.log.from(0)?;
        // Xen has a line for each part of the processor that xl reads while it makes a guest.
        let is_about =
            |line: &&str| marks.iter().any(|mark| line.contains(mark)) && !line.contains(" save: ");
        let about = text.lines().filter(is_about);
        Ok(about.map(str::to_owned).collect())
    }

    pub(super) fn agent(&self) -> &Agent {
        &self.agent
    }

    pub(super) fn packages(&self) -> &Packages {
        &self.packages
    }

    /// The folder in which the logs are.
    pub(super) fn logs(&self) -> (&Path, String) {
        (self.log.path().parent().unwrap_or_else(|| Path::new(".")), self.folder.name())
    }

    fn call(&self, command: Command, body: Vec<u8>, limit: Duration) -> Result<Answered> {
        self.call_watching(command, body, limit, || Ok(()))
    }

    pub(super) fn call_watching(
        &self,
        command: Command,
        body: Vec<u8>,
        limit: Duration,
        mut watch: impl FnMut() -> Result<()>,
    ) -> Result<Answered> {
        let limit = limit.saturating_add(ANSWER_WITHIN);
        let mut watched = Ok(());
        let answer = self.agent.call(command, body, limit, || {
            watched = watch();
            match &watched {
                Ok(()) => Ok(()),
                Err(_) => Err(anyhow!("not waited for")),
            }
        });
        watched?;
        match answer {
            Ok((Answer::Failed { reason }, _)) => bail!(reason),
            Ok(answer) => Ok(answer),
            Err(error) => Err(self.explain(&error)),
        }
    }

    /// The error with what is known about why.
    fn explain(&self, error: &anyhow::Error) -> anyhow::Error {
        // Its pipes close a moment before it has ended.
        let deadline = Instant::now() + TICK * 10;
        while self.agent.has_ended() && self.qemu.ended().is_none() && Instant::now() < deadline {
            thread::sleep(TICK);
        }
        let how = self.qemu.ended().map(|how| format!("; QEMU: {how}")).unwrap_or_default();
        let panic = self.log.panic().map(|line| format!("; {line}")).unwrap_or_default();
        let log = self.log.path().display();
        let last = self.log.last_lines(LAST_LINES);
        anyhow!("{error:#}{how}{panic}\nThe last lines of {log}:\n{last}")
    }
}

/// Puts together what is booted.
fn prepare(folder: &Path, packages: &Packages) -> Result<()> {
    let initramfs = initramfs::of_dom0(packages).context("cannot make the initramfs of dom0")?;
    let write = || -> io::Result<()> {
        symlink(packages.xen(), folder.join(qemu::XEN_FILE))?;
        symlink(packages.linux(), folder.join(qemu::LINUX_FILE))?;
        fs::write(folder.join(qemu::INITRAMFS_FILE), initramfs)
    };
    write().with_context(|| format!("cannot fill {}", folder.display()))
}

/// Tells what the whole lines of a console say about how far it is, and returns their length.
fn tell(text: &str, progress: &mut impl FnMut(&str)) -> u64 {
    let whole = text.rfind('\n').map_or(0, |end| end + 1);
    for line in text[..whole].lines() {
        if let Some((_, version)) = line.split_once("Xen version ") {
            let version = version.split([' ', '-', '+']).next().unwrap_or_default();
            progress(&format!("Xen {version}"));
        } else if let Some((_, step)) = line.split_once("dom0: ") {
            progress(&format!("dom0: {step}"));
        }
    }
    whole as u64
}

fn said(stdout: &str, stderr: &str) -> String {
    format!("{} {}", stderr.trim(), stdout.trim()).trim().to_owned()
}

pub(super) fn unexpected<T>((answer, _): &Answered) -> Result<T> {
    bail!("the agent in dom0 answers something else: {answer:?}")
}
