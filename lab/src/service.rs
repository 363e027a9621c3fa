//! A service that runs in a lab.

mod not_serving;
mod request;

use std::{
    ffi::OsStr,
    io::{self, ErrorKind, Read},
    marker::PhantomData,
    path::Path,
    process::{Child, Command, ExitStatus, Stdio},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail, ensure};
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};

pub use self::{
    not_serving::NotServing,
    request::{LONGEST_REQUEST, check_length, request},
};
use crate::{
    Lab,
    decode::{Decode, plain},
    interrupt,
    lines::Lines,
    namespace,
};

/// How long it may take to be ready.
pub(crate) const READY_WITHIN: Duration = Duration::from_secs(10);
/// How long it may take to end when it is told to.
pub(crate) const END_WITHIN: Duration = Duration::from_secs(5);
/// How long lines may take to be decoded: as long as their decoder may take to be built.
const DECODED_WITHIN: Duration = Duration::from_secs(300);
/// How long it may take until a line that was written is read.
const SETTLED_AFTER: Duration = Duration::from_millis(20);
/// How often it is looked at in the meantime.
const TICK: Duration = Duration::from_millis(5);

/// How long a reply may take.
pub const REPLY_WITHIN: Duration = Duration::from_secs(10);
/// How often something else is looked at while a reply is waited for.
const LOOK: Duration = Duration::from_millis(50);

/// Whether `line` is the one that a program writes when it serves: the word `serving`, and behind it where, if it says that.
pub fn is_serving(line: &str) -> bool {
    line.strip_prefix("serving").is_some_and(|rest| rest.is_empty() || rest.starts_with(' '))
}

/// A running service. Dropping it ends it: `SIGTERM`, and `SIGKILL` if that does not help.
#[derive(Debug)]
pub struct Service<'lab> {
    child: Child,
    output: Arc<Lines>,
    /// Whether what it has written is being decoded, which takes long where the decoder has to be built.
    decoding: Arc<AtomicBool>,
    reader: Option<JoinHandle<()>>,
    /// How long a reply may take; any time, while somebody looks at the service with a debugger.
    reply_within: Option<Duration>,
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
    ///
    /// # Errors
    /// Those of [`start`](Self::start).
    pub fn start_command(
        lab: &'lab Lab,
        command: Command,
        on_line: impl FnMut(&str) + Send + 'static,
    ) -> Result<Self> {
        Self::start_decoded(lab, command, Some(READY_WITHIN), plain(), on_line)
    }

    /// Starts the command of a program in a lab, and waits until it serves, within `limit`; without one, for as long as it
    /// takes, as for its replies. `decode` makes lines of what it writes to standard error.
    pub(crate) fn start_decoded(
        lab: &'lab Lab,
        command: Command,
        limit: Option<Duration>,
        decode: Decode,
        on_line: impl FnMut(&str) + Send + 'static,
    ) -> Result<Self> {
        Self::spawn(lab, command, limit, decode, on_line)?.until_serving(limit)
    }

    /// Starts it as [`start_decoded`](Self::start_decoded) does, and does not wait.
    pub(crate) fn spawn(
        _: &'lab Lab,
        mut command: Command,
        limit: Option<Duration>,
        decode: Decode,
        on_line: impl FnMut(&str) + Send + 'static,
    ) -> Result<Self> {
        let mut child = command
            .stdin(Stdio::null())
            .stdout(io::stderr())
            .stderr(Stdio::piped())
            .spawn()
            .context("cannot start the service")?;
        let output = Arc::<Lines>::default();
        let decoding = Arc::<AtomicBool>::default();
        let reader = child.stderr.take().map(|stderr| {
            let (output, decoding) = (Arc::clone(&output), Arc::clone(&decoding));
            thread::spawn(move || read(stderr, &output, &decoding, decode, on_line))
        });
        let reply_within = limit.map(|_| REPLY_WITHIN);
        Ok(Self { child, output, decoding, reader, reply_within, in_lab: PhantomData })
    }

    /// Waits until it serves, within `limit`; without one, for as long as it takes.
    pub(crate) fn until_serving(mut self, limit: Option<Duration>) -> Result<Self> {
        let deadline = limit.map(|limit| Instant::now() + limit);
        while self.wait_for_line(0, LOOK, is_serving).is_none() {
            let is_late = deadline.is_some_and(|deadline| Instant::now() >= deadline);
            ensure!(!interrupt::pressed(), "interrupted");
            if is_late || self.ended()?.is_some() {
                return self.fail(limit.unwrap_or_default());
            }
        }
        Ok(self)
    }

    /// Waits until it has made this file, and returns whether it has before it ended.
    pub(crate) fn makes(&mut self, file: &Path) -> Result<bool> {
        let deadline = Instant::now() + READY_WITHIN;
        while !file.exists() {
            ensure!(!interrupt::pressed(), "interrupted");
            if self.ended()?.is_some() {
                return Ok(false);
            }
            ensure!(
                Instant::now() < deadline,
                "{} is not there after {} seconds",
                file.display(),
                READY_WITHIN.as_secs()
            );
            thread::sleep(TICK);
        }
        Ok(true)
    }

    /// The error of one that does not serve within `limit`, or has ended: with what it said.
    fn fail(mut self, limit: Duration) -> Result<Self> {
        // The pipe closes a moment before the process has ended.
        let how = match self.ended_within(TICK * 20)? {
            Some(status) => {
                self.wait_until_read();
                format!("the service ended before it served ({status})")
            }
            None => format!("the service does not serve after {} seconds", limit.as_secs()),
        };
        Err(NotServing { how, said: self.lines() }.into())
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

    /// How long a reply of it may take, if not any time.
    pub fn reply_within(&self) -> Option<Duration> {
        self.reply_within
    }

    /// The lines that it has written to standard error until now.
    pub fn lines(&self) -> Vec<String> {
        self.output.all()
    }

    /// Those lines, and those that it will write.
    #[cfg(feature = "soak")]
    pub(crate) fn output(&self) -> Arc<Lines> {
        Arc::clone(&self.output)
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
        let deadline = self.reply_within.map(|limit| Instant::now() + limit);
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
                deadline.is_none_or(|deadline| Instant::now() < deadline),
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
        self.wait_until_read();
        status.with_context(|| {
            format!("the service did not end on SIGTERM within {} seconds", END_WITHIN.as_secs())
        })
    }

    /// Waits until what it has written is decoded and shown, though it may write more.
    pub fn wait_until_decoded(&self) {
        let deadline = Instant::now() + DECODED_WITHIN;
        // What it has just written is being read in the meantime.
        thread::sleep(SETTLED_AFTER);
        while self.decoding.load(Ordering::Acquire) && Instant::now() < deadline {
            thread::sleep(SETTLED_AFTER);
        }
    }

    /// Waits until all that it has written is read and decoded. It has ended.
    fn wait_until_read(&mut self) {
        if let Some(reader) = self.reader.take() {
            // It panics only if `on_line` or what decodes does, which has said so.
            let _ = reader.join();
        }
    }

    /// Its status, if it ends within `limit`.
    pub(crate) fn ended_within(&mut self, limit: Duration) -> Result<Option<ExitStatus>> {
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
fn read(
    mut from: impl Read,
    lines: &Lines,
    decoding: &AtomicBool,
    mut decode: Decode,
    mut on_line: impl FnMut(&str),
) {
    let mut take = |bytes: &[u8]| {
        decoding.store(true, Ordering::Release);
        decode(bytes, &mut |line| {
            on_line(line);
            lines.push(line.to_owned());
        });
        decoding.store(false, Ordering::Release);
    };
    let (mut room, mut last) = ([0; 4096], b'\n');
    loop {
        let bytes = match from.read(&mut room) {
            Ok(length) => room.get(..length).unwrap_or_default(),
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            Err(_) => break,
        };
        take(bytes);
        match bytes.last() {
            Some(byte) => last = *byte,
            None => break,
        }
    }
    if last != b'\n' {
        take(b"\n");
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
