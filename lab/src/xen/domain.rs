//! A guest.

use std::{
    fmt,
    net::SocketAddrV4,
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail, ensure};

use super::{
    console::Console,
    machine::Machine,
    settings::{Settings, Vif, file},
    started::{CREATE_WITHIN, Question, Started},
};
use crate::decode::{Decode, plain};

/// How often it is asked whether a guest has ended.
const TICK: Duration = Duration::from_millis(200);
/// How many lines of what a guest wrote an error has.
const LAST_LINES: usize = 20;
/// How long a guest may take to end when it is told to, with all that dom0 keeps of it.
const END_WITHIN: Duration = Duration::from_secs(60);

/// How a guest ended, as it told Xen (`SHUTDOWN_*` of `sched.h`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// It switched itself off.
    Poweroff,
    /// It asked to be started again, or its processor met a triple fault, which Xen takes for that.
    Reboot,
    /// It crashed.
    Crash,
    /// Another number.
    Other(u32),
    /// Somebody destroyed it.
    Destroyed,
}

impl fmt::Display for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Poweroff => f.write_str("it switched itself off"),
            Self::Reboot => f.write_str("it asked for a reboot, or met a triple fault"),
            Self::Crash => f.write_str("it crashed"),
            Self::Other(reason) => write!(f, "it shut down with the reason {reason}"),
            Self::Destroyed => f.write_str("it was destroyed"),
        }
    }
}

/// A guest that was started. Dropping it destroys it, if it has not ended.
#[derive(Debug)]
pub struct Domain<'m> {
    machine: &'m Machine,
    name: String,
    console: Console<'m>,
}

impl<'m> Domain<'m> {
    /// Starts a guest (`xl create`). Its console is made into lines by `decode`; each is shown to
    /// `on_line`, on another thread.
    ///
    /// # Errors
    /// The settings cannot be written down, or `xl` refuses them, with what it says.
    pub fn create(
        machine: &'m Machine,
        settings: &Settings<'_>,
        decode: Decode,
        on_line: impl FnMut(&str) + Send + 'static,
    ) -> Result<Self> {
        Self::prepare(machine, settings, decode, on_line, |path| {
            machine.succeed_within("xl", &["create", path], CREATE_WITHIN).map(drop)
        })
        .map(|(domain, ())| domain)
    }

    /// Starts a guest that replies to UDP datagrams with what it was sent, at `to`; waits until it does, and
    /// says how long that took.
    ///
    /// # Errors
    /// Those of [`Domain::create`]; it gives no reply.
    pub fn create_timed(
        machine: &'m Machine,
        settings: &Settings<'_>,
        to: SocketAddrV4,
        by: Question,
    ) -> Result<(Self, Started)> {
        let vif = settings.vif;
        Self::prepare(
            machine,
            settings,
            plain(),
            |_| (),
            |path| machine.start(vif.as_ref(), to, by, &["create", path]),
        )
    }

    /// Brings what it takes, and has it started by `start` with the domain's file.
    fn prepare<T>(
        machine: &'m Machine,
        settings: &Settings<'_>,
        decode: Decode,
        on_line: impl FnMut(&str) + Send + 'static,
        start: impl FnOnce(&str) -> Result<T>,
    ) -> Result<(Self, T)> {
        let name = settings.name;
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
        ensure!(
            !name.is_empty() && name.bytes().all(is_plain),
            "{name:?} is no name for a guest: letters, digits and hyphens are allowed"
        );
        machine.check_room(name, settings.size())?;
        let folder = format!("/domains/{name}");
        let file = file(settings, &folder)?;
        machine.write(&format!("{folder}/kernel"), settings.kernel)?;
        if let Some(ramdisk) = settings.ramdisk {
            machine.write(&format!("{folder}/ramdisk"), ramdisk)?;
        }
        let path = format!("{folder}/domain");
        machine.write(&path, file)?;
        // xenconsoled appends to what an earlier guest of this name has left.
        let log = format!("/var/log/xen/console/guest-{name}.log");
        machine.write(&log, "")?;
        let (logs, of) = machine.logs();
        let copy = logs.join(format!("{of}-{name}.log"));
        let console = Console::follow(machine, &log, &copy, decode, on_line)?;
        // Dropped if it does not start, which destroys what there is of it.
        let domain = Self { machine, name: name.into(), console };
        match start(&path) {
            Ok(started) => Ok((domain, started)),
            Err(error) => {
                let words = domain.last_words();
                Err(error.context(format!("cannot start the guest {name}; {words}")))
            }
        }
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What it writes.
    pub fn console(&self) -> &Console<'m> {
        &self.console
    }

    /// Waits for a line on its console for which `wanted` holds, from line number `from` on.
    ///
    /// # Errors
    /// There is none within `limit`, or the guest ends before: with the last lines that it wrote.
    pub fn wait_for_line(
        &self,
        from: usize,
        limit: Duration,
        wanted: impl Fn(&str) -> bool,
    ) -> Result<String> {
        let deadline = Instant::now() + limit;
        loop {
            if let Some(line) = self.console.wait_for_line(from, TICK, &wanted) {
                return Ok(line);
            }
            let ended = self.ended()?;
            if ended.is_none() && Instant::now() < deadline {
                continue;
            }
            // What it wrote last may be on its way, or wait for its decoder.
            self.console.wait_until_decoded();
            if let Some(line) = self.console.wait_for_line(from, TICK * 5, &wanted) {
                return Ok(line);
            }
            let how = ended.map_or_else(|| format!("not within {limit:?}"), |how| how.to_string());
            bail!("{how}; {}", self.last_words());
        }
    }

    /// How it ended, if it has. A guest that is started again has not.
    ///
    /// # Errors
    /// dom0 does not answer.
    pub fn ended(&self) -> Result<Option<Ended>> {
        // xl leaves a process behind that waits for the end of the guest, and this is its log.
        Ok(ended(&self.log_of_xl()?))
    }

    /// What xl's process writes, which it leaves behind to wait for the end of the guest.
    fn log_of_xl(&self) -> Result<String> {
        let log = self.machine.read(&format!("/var/log/xen/xl-{}.log", self.name))?;
        Ok(String::from_utf8_lossy(&log).into_owned())
    }

    /// What it wrote last, and what Xen wrote about it, for an error.
    pub fn last_words(&self) -> String {
        let last = |lines: &[String]| lines[lines.len().saturating_sub(LAST_LINES)..].join("\n");
        let lines = self.console.lines();
        let mut words = match &lines[..] {
            [] => "it has written nothing on its console".into(),
            lines => format!("the last lines of its console:\n{}", last(lines)),
        };
        let of_xen = self.log_of_xl().ok().and_then(|log| self.machine.lines_about(id(&log)?).ok());
        if let Some(lines) = of_xen.filter(|lines| !lines.is_empty()) {
            words += "\nthe last lines of Xen about it:\n";
            words += &last(&lines);
        }
        words
    }

    /// Tells it to switch itself off (`xl shutdown`), and waits until nothing of it is left.
    ///
    /// # Errors
    /// It does not within a minute.
    pub fn shutdown(self) -> Result<Ended> {
        self.machine.succeed("xl", &["shutdown", &self.name])?;
        self.wait_until_ended(END_WITHIN)
    }

    /// Waits until it has ended and nothing of it is left.
    ///
    /// # Errors
    /// It does not within `limit`.
    pub fn wait_until_ended(&self, limit: Duration) -> Result<Ended> {
        let deadline = Instant::now() + limit;
        loop {
            if let Some(how) = self.ended()?
                && !self.is_there()?
            {
                return Ok(how);
            }
            let late =
                || format!("{} is not gone after {limit:?}; {}", self.name, self.last_words());
            ensure!(Instant::now() < deadline, late());
            thread::sleep(TICK);
        }
    }

    /// Tells it to start again (`xl reboot`), and waits until it is another domain.
    ///
    /// # Errors
    /// It does not within a minute, or its settings do not let it.
    pub fn reboot(&self) -> Result<()> {
        let before = self.id()?.context("it has ended")?;
        self.machine.succeed("xl", &["reboot", &self.name])?;
        let deadline = Instant::now() + END_WITHIN;
        while self.id()?.is_none_or(|id| id == before) {
            let late = || format!("{} does not start again; {}", self.name, self.last_words());
            ensure!(Instant::now() < deadline, late());
            thread::sleep(TICK);
        }
        Ok(())
    }

    /// Ends it at once (`xl destroy`).
    ///
    /// # Errors
    /// `xl` says no.
    pub fn destroy(self) -> Result<()> {
        self.machine.succeed("xl", &["destroy", &self.name])?;
        Ok(())
    }

    /// The number of the domain; none if there is none of this name.
    ///
    /// # Errors
    /// dom0 does not answer.
    pub fn id(&self) -> Result<Option<u32>> {
        let ran = self.machine.run("xl", &["domid", &self.name])?;
        Ok(ran.stdout.trim().parse().ok())
    }

    /// Gives it a network interface, as its first.
    ///
    /// # Errors
    /// `xl` says no.
    pub fn attach_network(&self, vif: &Vif) -> Result<()> {
        let vif = vif.to_string();
        let mut args = vec!["network-attach", &self.name];
        args.extend(vif.split(','));
        self.machine.succeed("xl", &args).map(drop)
    }

    /// Takes its first network interface away.
    ///
    /// # Errors
    /// `xl` says no.
    pub fn detach_network(&self) -> Result<()> {
        self.machine.succeed("xl", &["network-detach", &self.name, "0"]).map(drop)
    }

    fn is_there(&self) -> Result<bool> {
        Ok(self.id()?.is_some())
    }
}

impl Drop for Domain<'_> {
    fn drop(&mut self) {
        // Whoever wants to know how it ended asks. It may be gone.
        let _ = self.machine.run("xl", &["destroy", &self.name]);
    }
}

/// The number of the domain that xl's process waited for last.
fn id(log: &str) -> Option<u32> {
    let (_, id) = log.rsplit_once("(domid ")?;
    id.split_once(')')?.0.parse().ok()
}

/// What the log of xl's process says about the end of the guest.
fn ended(log: &str) -> Option<Ended> {
    let mut ended = None;
    for line in log.lines() {
        if let Some((_, reason)) = line.split_once("has shut down, reason code ") {
            let reason = reason.split(' ').next().and_then(|number| number.parse().ok());
            ended = match reason? {
                0 => Some(Ended::Poweroff),
                1 => Some(Ended::Reboot),
                3 => Some(Ended::Crash),
                other => Some(Ended::Other(other)),
            };
        } else if line.contains("reason code 1 is restart") {
            // The next domain has lines of its own when it ends.
            ended = None;
        } else if line.contains("has been destroyed") {
            ended = ended.or(Some(Ended::Destroyed));
        }
    }
    ended
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_times_of_a_start_are_read() {
        let (created, replied) = (Duration::from_millis(1500), Duration::from_secs(2));
        assert_eq!(Started::read("1500000 2000000\n"), Some(Started { created, replied }));
        assert_eq!(Started::read("xl: no"), None);
    }

    #[test]
    fn the_log_of_xl_says_how_a_guest_ended() {
        let said = |reason| format!("Domain 3 has shut down, reason code {reason} 0x{reason:x}\n");
        let restart = said(1) + "Action for shutdown reason code 1 is restart\n";
        let destroy = said(1) + "Action for shutdown reason code 1 is destroy\n";
        let start = "Waiting for domain echo (domid 3) to die [pid 71]\n";
        for (log, expected) in [
            (start.to_owned(), None),
            (start.to_owned() + &said(0), Some(Ended::Poweroff)),
            (restart.clone(), None),
            (restart + &said(3), Some(Ended::Crash)),
            (destroy, Some(Ended::Reboot)),
            (said(4), Some(Ended::Other(4))),
            ("Domain 3 has been destroyed.\n".into(), Some(Ended::Destroyed)),
        ] {
            assert_eq!(ended(&log), expected, "{log}");
        }
        assert_eq!(id(start), Some(3));
        assert_eq!(id(&(start.to_owned() + &start.replace('3', "4"))), Some(4));
        assert_eq!(id(""), None);
    }
}
