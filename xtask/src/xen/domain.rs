//! A guest.

use std::{
    fmt::{self, Write as _},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail, ensure};

use super::{
    console::{Console, Decode},
    initramfs::VIF_SCRIPT,
    machine::Machine,
};

/// How often it is asked whether a guest has ended.
const TICK: Duration = Duration::from_millis(200);
/// How long a guest may take to end when it is told to, with all that dom0 keeps of it.
const END_WITHIN: Duration = Duration::from_secs(60);

/// What a guest is made of.
#[derive(Clone, Debug)]
pub struct Settings<'a> {
    /// Its name: letters, digits and hyphens.
    pub name: &'a str,
    /// Its kernel, an ELF file or a bzImage.
    pub kernel: &'a [u8],
    /// Its initramfs, if it has one.
    pub ramdisk: Option<&'a [u8]>,
    /// Its command line.
    pub command_line: &'a str,
    /// Its memory, in MiB.
    pub memory: u32,
    /// Its network interface, if it has one.
    pub vif: Option<Vif>,
}

/// A network interface on dom0's bridge. dom0 has the address 10.0.0.1/24 there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Vif {
    /// Its hardware address.
    pub mac: [u8; 6],
    /// The largest payload of a frame, in bytes; Linux's own choice (1500) if none is given.
    pub mtu: Option<u16>,
}

impl Default for Vif {
    /// The first address of those that are Xen's.
    fn default() -> Self {
        Self { mac: [0, 0x16, 0x3e, 0, 0, 1], mtu: None }
    }
}

impl fmt::Display for Vif {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mac = self.mac.map(|byte| format!("{byte:02x}")).join(":");
        write!(f, "bridge=xenbr0,mac={mac},script={VIF_SCRIPT}")?;
        self.mtu.map_or(Ok(()), |mtu| write!(f, ",mtu={mtu}"))
    }
}

/// How a guest ended, as it told Xen (`SHUTDOWN_*` of `sched.h`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// It switched itself off.
    Poweroff,
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
        let name = settings.name;
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
        ensure!(
            !name.is_empty() && name.bytes().all(is_plain),
            "{name:?} is no name for a guest: letters, digits and hyphens are allowed"
        );
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
        machine.succeed("xl", &["create", &path]).with_context(|| {
            format!("cannot start the guest {name}; it wrote: {}", console.lines().join("\n"))
        })?;
        Ok(Self { machine, name: name.into(), console })
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
            // What it wrote last may be on its way.
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
        let log = self.machine.read(&format!("/var/log/xen/xl-{}.log", self.name))?;
        Ok(ended(&String::from_utf8_lossy(&log)))
    }

    /// What it wrote last, for an error.
    pub fn last_words(&self) -> String {
        let lines = self.console.lines();
        if lines.is_empty() {
            return "it has written nothing".into();
        }
        format!("the last that it wrote:\n{}", lines[lines.len().saturating_sub(20)..].join("\n"))
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
    /// It does not within a minute.
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

/// The file that `xl create` reads (xl.cfg(5)).
fn file(settings: &Settings<'_>, folder: &str) -> Result<String> {
    let mut file = String::new();
    writeln!(file, "name=\"{}\"\ntype=\"pvh\"\nkernel=\"{folder}/kernel\"", settings.name)?;
    if settings.ramdisk.is_some() {
        writeln!(file, "ramdisk=\"{folder}/ramdisk\"")?;
    }
    writeln!(file, "cmdline={}", quoted(settings.command_line)?)?;
    writeln!(file, "memory={}\nvcpus=1", settings.memory)?;
    if let Some(vif) = &settings.vif {
        writeln!(file, "vif=[\"{vif}\"]")?;
    }
    Ok(file)
}

/// A string as xl's files have it, in one kind of quotes or the other: within a string no quote of its
/// own kind may stand, not even after a backslash, and what xl does with numbers there is wrong.
fn quoted(text: &str) -> Result<String> {
    ensure!(
        !text.contains(|c: char| c.is_control()),
        "{text:?} is no command line for a guest: it has control characters"
    );
    let quote = if text.contains('"') { '\'' } else { '"' };
    ensure!(
        !text.contains(quote),
        "{text:?} is no command line for a guest: xl cannot read both kinds of quotes"
    );
    Ok(format!("{quote}{}{quote}", text.replace('\\', "\\\\")))
}

/// What the log of xl's process says about the end of the guest.
fn ended(log: &str) -> Option<Ended> {
    let mut ended = None;
    for line in log.lines() {
        if let Some((_, reason)) = line.split_once("has shut down, reason code ") {
            let reason = reason.split(' ').next().and_then(|number| number.parse().ok());
            ended = match reason? {
                0 => Some(Ended::Poweroff),
                // It is started again; the next domain has a line of its own when it ends.
                1 => None,
                3 => Some(Ended::Crash),
                other => Some(Ended::Other(other)),
            };
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
    fn the_file_says_what_was_set() {
        let settings = Settings {
            name: "echo",
            kernel: &[],
            ramdisk: None,
            command_line: "--ipv4=10.0.0.2/24 a\\\"b",
            memory: 2,
            vif: Some(Vif { mtu: Some(9000), ..Vif::default() }),
        };
        assert_eq!(
            file(&settings, "/domains/echo").unwrap(),
            "name=\"echo\"\ntype=\"pvh\"\nkernel=\"/domains/echo/kernel\"\n\
             cmdline='--ipv4=10.0.0.2/24 a\\\\\"b'\nmemory=2\nvcpus=1\n\
             vif=[\"bridge=xenbr0,mac=00:16:3e:00:00:01,script=/etc/xen/vif,mtu=9000\"]\n"
        );
        assert_eq!(quoted("it's").unwrap(), "\"it's\"");
        assert!(quoted("one\ntwo").is_err());
        assert!(quoted("'\"").is_err());
    }

    #[test]
    fn the_log_of_xl_says_how_a_guest_ended() {
        let said = |reason| format!("Domain 3 has shut down, reason code {reason} 0x{reason:x}\n");
        let start = "Waiting for domain echo (domid 3) to die [pid 71]\n";
        for (log, expected) in [
            (start.to_owned(), None),
            (start.to_owned() + &said(0), Some(Ended::Poweroff)),
            (said(1), None),
            (said(1) + &said(3), Some(Ended::Crash)),
            (said(4), Some(Ended::Other(4))),
            ("Domain 3 has been destroyed.\n".into(), Some(Ended::Destroyed)),
        ] {
            assert_eq!(ended(&log), expected, "{log}");
        }
    }
}
