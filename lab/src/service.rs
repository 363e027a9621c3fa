//! A service that runs in a lab.

use std::{
    ffi::OsStr,
    fs,
    io::{self, BufRead, BufReader, ErrorKind, Read},
    marker::PhantomData,
    os::unix::ffi::OsStrExt as _,
    path::Path,
    process::{Child, Command, ExitStatus, Stdio},
    sync::Arc,
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail, ensure};
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};

use crate::{Lab, interrupt, lines::Lines, namespace};

/// How long it may take to be ready.
const READY_WITHIN: Duration = Duration::from_secs(10);
/// How long it may take to end when it is told to.
const END_WITHIN: Duration = Duration::from_secs(5);
/// How often it is looked at in the meantime.
const TICK: Duration = Duration::from_millis(5);

/// The most that a UDP datagram carries over IPv4, in bytes: 65,535 without the two headers.
pub const LONGEST_REQUEST: usize = 65_507;
/// How long a reply may take.
pub const REPLY_WITHIN: Duration = Duration::from_secs(10);
/// How often something else is looked at while a reply is waited for.
const LOOK: Duration = Duration::from_millis(50);

/// The request that was asked for: a text, or the content of a file, as it is; none if it was neither.
///
/// # Errors
/// The file cannot be read.
pub fn request(text: Option<&OsStr>, file: Option<&Path>) -> Result<Option<Vec<u8>>> {
    match (text, file) {
        (Some(text), _) => Ok(Some(text.as_bytes().to_vec())),
        (None, Some(file)) => fs::read(file)
            .with_context(|| format!("cannot read the request {}", file.display()))
            .map(Some),
        (None, None) => Ok(None),
    }
}

/// Whether `line` is the one that a program writes when it serves: the word `serving`, and behind it where, if it says that.
pub fn is_serving(line: &str) -> bool {
    line.strip_prefix("serving").is_some_and(|rest| rest.is_empty() || rest.starts_with(' '))
}

/// Checks that a request fits a datagram.
///
/// # Errors
/// It does not: with its length.
pub fn check_length(request: &[u8]) -> Result<()> {
    ensure!(
        request.len() <= LONGEST_REQUEST,
        "the request has {} bytes; a UDP datagram carries {LONGEST_REQUEST} at most",
        request.len()
    );
    Ok(())
}

/// A running service. Dropping it ends it: `SIGTERM`, and `SIGKILL` if that does not help.
#[derive(Debug)]
pub struct Service<'lab> {
    child: Child,
    output: Arc<Lines>,
    reader: Option<JoinHandle<()>>,
    /// Without its lab it cannot be reached.
    in_lab: PhantomData<&'lab Lab>,
}

impl<'lab> Service<'lab> {
    /// Starts `program` in `lab` (see [`Lab::command`] for its arguments) and waits until it can be
    /// reached.
    /// Each line that it writes to standard error is shown to `on_line`, on another thread. What it
    /// writes to standard output goes to our standard error.
    ///
    /// # Errors
    /// It cannot be started, or ends, or does not serve within 10 seconds: with what it said.
    pub fn start(
        lab: &'lab Lab,
        program: impl AsRef<OsStr>,
        args: impl IntoIterator<Item = impl AsRef<OsStr>>,
        on_line: impl FnMut(&str) + Send + 'static,
    ) -> Result<Self> {
        let service = Self::start_elsewhere(lab, program, args, on_line)?;
        lab.network().wait_until_up()?;
        Ok(service)
    }

    /// Starts a program that does not serve on the lab's TAP device, and waits until it serves.
    ///
    /// # Errors
    /// Those of [`start`](Self::start).
    pub fn start_elsewhere(
        lab: &'lab Lab,
        program: impl AsRef<OsStr>,
        args: impl IntoIterator<Item = impl AsRef<OsStr>>,
        on_line: impl FnMut(&str) + Send + 'static,
    ) -> Result<Self> {
        Self::start_command(lab, lab.command(program, args), on_line)
    }

    /// Starts the command of a program in a lab, and waits until it serves.
    pub(crate) fn start_command(
        _: &'lab Lab,
        mut command: Command,
        on_line: impl FnMut(&str) + Send + 'static,
    ) -> Result<Self> {
        let mut child = command
            .stdin(Stdio::null())
            .stdout(io::stderr())
            .stderr(Stdio::piped())
            .spawn()
            .context("cannot start the service")?;
        let output = Arc::<Lines>::default();
        let reader = child.stderr.take().map(|stderr| {
            let output = Arc::clone(&output);
            thread::spawn(move || read(stderr, &output, on_line))
        });
        let mut service = Self { child, output, reader, in_lab: PhantomData };
        if service.wait_for_line(0, READY_WITHIN, is_serving).is_some() {
            return Ok(service);
        }
        // The pipe closes a moment before the process has ended.
        let how = match service.ended_within(TICK * 20)? {
            Some(status) => format!("the service ended before it served ({status})"),
            None => format!("the service does not serve after {} seconds", READY_WITHIN.as_secs()),
        };
        let said = service.lines();
        ensure!(said.is_empty(), "{how}; it said: {}", said.join("\n"));
        bail!(how)
    }

    /// What to type on another terminal, as the same user, before a command that is to run in the
    /// network of this service: `nsenter …`.
    pub fn way_in(&self) -> String {
        namespace::way_into(self.child.id())
    }

    /// The number of its process.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// The lines that it has written to standard error until now.
    pub fn lines(&self) -> Vec<String> {
        self.output.all()
    }

    /// Waits until `wanted` holds for a line from number `from` on, and returns that line; none if
    /// there is none within `limit`, or before the service ends.
    pub fn wait_for_line(
        &self,
        from: usize,
        limit: Duration,
        wanted: impl Fn(&str) -> bool,
    ) -> Option<String> {
        self.output.wait_for(from, limit, wanted)
    }

    /// Sends it a signal.
    ///
    /// # Errors
    /// It has ended.
    pub fn signal(&mut self, signal: Signal) -> Result<()> {
        // Once its status is taken, its number may be that of another process.
        if let Some(status) = self.ended()? {
            bail!("the service has ended ({status})");
        }
        let id = Pid::from_raw(self.child.id().try_into().context("no process has such a number")?);
        kill(id, signal).with_context(|| format!("cannot send {signal} to the service"))
    }

    /// Its status, if it has ended.
    ///
    /// # Errors
    /// Those of the operating system.
    pub fn ended(&mut self) -> Result<Option<ExitStatus>> {
        self.child.try_wait().context("cannot ask for the status of the service")
    }

    /// Ends it with `SIGTERM` and returns its status and all that it wrote to standard error.
    ///
    /// # Errors
    /// It did not end within 5 seconds (and was killed).
    pub fn stop(mut self) -> Result<(ExitStatus, Vec<String>)> {
        let status = self.end()?;
        Ok((status, self.lines()))
    }

    /// Sends one request in one datagram and returns the reply.
    ///
    /// # Errors
    /// The request is too long; there is no reply within [`REPLY_WITHIN`]; nobody listens on the port; the service
    /// ended; Ctrl-C was pressed.
    pub fn ask(&mut self, lab: &Lab, port: u16, request: &[u8]) -> Result<Vec<u8>> {
        check_length(request)?;
        // A port of its own for each request: a late reply to an earlier one cannot be taken for this one.
        let socket = lab.connect(port).context("cannot open a UDP socket")?;
        socket.set_read_timeout(Some(LOOK))?;
        socket.send(request).context("cannot send the request")?;
        let deadline = Instant::now() + REPLY_WITHIN;
        let mut reply = vec![0; LONGEST_REQUEST];
        loop {
            let error = match socket.recv(&mut reply) {
                Ok(length) => {
                    reply.truncate(length);
                    return Ok(reply);
                }
                Err(error) => error,
            };
            if let Some(status) = self.ended()? {
                bail!("no reply: the service ended ({status})");
            }
            match error.kind() {
                ErrorKind::ConnectionRefused => {
                    bail!("connection refused: nothing is bound to port {port}")
                }
                ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted => {}
                ErrorKind::HostUnreachable => {
                    bail!("no reply: nobody answers for the address {}", lab.network().service)
                }
                _ => bail!("no reply: {error}"),
            }
            ensure!(!interrupt::pressed(), "no reply: interrupted");
            ensure!(
                Instant::now() < deadline,
                "no reply within {} seconds, though the service is running",
                REPLY_WITHIN.as_secs()
            );
        }
    }

    fn end(&mut self) -> Result<ExitStatus> {
        let status = match self.ended()? {
            Some(status) => Some(status),
            None => {
                self.signal(Signal::SIGTERM)?;
                self.ended_within(END_WITHIN)?
            }
        };
        if status.is_none() {
            self.child.kill().context("cannot kill the service")?;
            self.child.wait().context("cannot wait for the service")?;
        }
        if let Some(reader) = self.reader.take() {
            // It panics only if `on_line` does, which has said so.
            let _ = reader.join();
        }
        status.with_context(|| {
            format!("the service did not end on SIGTERM within {} seconds", END_WITHIN.as_secs())
        })
    }

    fn ended_within(&mut self, limit: Duration) -> Result<Option<ExitStatus>> {
        let deadline = Instant::now() + limit;
        loop {
            let status = self.ended()?;
            if status.is_some() || Instant::now() >= deadline {
                return Ok(status);
            }
            thread::sleep(TICK);
        }
    }
}

/// Keeps what the service writes to standard error.
fn read(from: impl Read, lines: &Lines, mut on_line: impl FnMut(&str)) {
    let mut from = BufReader::new(from);
    let mut line = Vec::new();
    while matches!(from.read_until(b'\n', &mut line), Ok(1..)) {
        let text = String::from_utf8_lossy(line.trim_ascii_end()).into_owned();
        on_line(&text);
        lines.push(text);
        line.clear();
    }
    lines.end();
}

impl Drop for Service<'_> {
    fn drop(&mut self) {
        // Whoever wants to know how it ended calls `stop`.
        let _ = self.end();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_word_alone_or_with_a_place_behind_it() {
        let place = " udp 8080 at 10.0.0.2/24 on tap0 02:00:0a:00:00:02";
        assert!(is_serving("serving") && is_serving(&format!("serving{place}")));
        for other in ["", "servin", "servings", "not serving", "serving: no"] {
            assert!(!is_serving(other), "{other}");
        }
    }
}
