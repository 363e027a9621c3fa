//! What the service manager is told (`sd_notify(3)`): that the service is ready, that it is alive, that it ends.
//!
//! Each message is one datagram. The socket is connected before the sandbox begins, and `write` is allowed there, so
//! this needs no further system call. The crates for this protocol open a socket for each message, which the sandbox
//! forbids.

use std::{
    env,
    ffi::{OsStr, OsString},
    io,
    os::{
        linux::net::SocketAddrExt as _,
        unix::{
            ffi::OsStrExt as _,
            net::{SocketAddr, UnixDatagram},
        },
    },
    process,
    time::Duration,
};

use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    io::{Errno, write},
};

use crate::{runtime::now, signals::Signals, words::say};

/// How long a message that must not be lost waits for a manager that is busy.
const PATIENCE: Duration = Duration::from_secs(1);

/// The longest status in bytes.
const LONGEST_STATUS: usize = 1024;

/// The service manager, if the process has one that listens.
#[derive(Debug)]
pub(crate) struct Manager {
    socket: Option<UnixDatagram>,
    /// Whether it was told that the service is ready, and not yet that it ends.
    is_told: bool,
}

impl Manager {
    /// Connects to the socket that `NOTIFY_SOCKET` names, and starts the timer of the watchdog if `WATCHDOG_USEC`
    /// asks for it. Without these variables this does nothing. A value that is wrong causes a warning.
    pub(crate) fn connect(signals: &'static Signals) -> Self {
        let socket = match env::var_os("NOTIFY_SOCKET").filter(|value| !value.is_empty()) {
            Some(value) => {
                connect(&value).inspect_err(|error| warn("NOTIFY_SOCKET", &value, error)).ok()
            }
            None => None,
        };
        if socket.is_some() {
            start_watchdog(signals);
        }
        Self { socket, is_told: false }
    }

    /// Tells it that the service is ready, and where it serves.
    pub(crate) fn ready(&mut self, status: &str) {
        self.is_told = true;
        self.send(&format!("READY=1\nSTATUS={}", one_line(status)), PATIENCE);
    }

    /// Tells its watchdog that the loop is alive.
    #[cold]
    pub(crate) fn alive(&mut self) {
        // No packet waits for a manager that is busy: the next message comes in time.
        self.send("WATCHDOG=1", Duration::ZERO);
    }

    /// Tells it that the service ends; once.
    pub(crate) fn stopping(&mut self) {
        if self.is_told {
            self.is_told = false;
            self.send("STOPPING=1", PATIENCE);
        }
    }

    /// Sends a message, and waits for room for so long. After an error, nothing more is sent.
    fn send(&mut self, message: &str, patience: Duration) {
        let Some(socket) = &self.socket else { return };
        let end = now() + patience;
        loop {
            match write(socket, message.as_bytes()) {
                Ok(_) => return,
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => {
                    let left = end.since(now());
                    if left.is_zero() {
                        return;
                    }
                    let mut fds = [PollFd::new(socket, PollFlags::OUT)];
                    let _ = poll(&mut fds, Timespec::try_from(left).ok().as_ref());
                }
                Err(errno) => {
                    say(format_args!("warning: the service manager is told nothing more: {errno}"));
                    self.socket = None;
                    return;
                }
            }
        }
    }
}

/// A service that ends by an error, or whose loop is its own, tells it too.
impl Drop for Manager {
    fn drop(&mut self) {
        self.stopping();
    }
}

/// A socket that is connected to the manager's and never waits.
fn connect(value: &OsStr) -> io::Result<UnixDatagram> {
    let address = match value.as_bytes() {
        [b'/', ..] => SocketAddr::from_pathname(value)?,
        [b'@', name @ ..] => SocketAddr::from_abstract_name(name)?,
        _ => {
            return Err(io::Error::other(
                "expected a path that begins with '/', or '@' and a name",
            ));
        }
    };
    let socket = UnixDatagram::unbound()?;
    socket.set_nonblocking(true)?;
    socket.connect_addr(&address)?;
    Ok(socket)
}

/// Starts the timer of the watchdog if this process is to have one.
fn start_watchdog(signals: &'static Signals) {
    let Some(period) = env::var_os("WATCHDOG_USEC") else { return };
    let started = watchdog_period(&period, env::var_os("WATCHDOG_PID"), process::id())
        .and_then(|period| period.map_or(Ok(()), |period| signals.start_timer(period / 2)));
    if let Err(error) = started {
        warn("WATCHDOG_USEC", &period, &error);
    }
}

/// How often the manager expects to hear from the process `own`; `None` if it expects that of another process
/// (`sd_watchdog_enabled(3)`).
fn watchdog_period(
    period: &OsStr,
    process: Option<OsString>,
    own: u32,
) -> io::Result<Option<Duration>> {
    if process.is_some_and(|process| process.to_str() != Some(&own.to_string())) {
        return Ok(None);
    }
    let micros = period.to_str().and_then(|text| text.parse().ok());
    match micros {
        // Half of it is still a period that can be kept, and not more than the kernel's timers take.
        Some(micros @ 2_000..=0x7fff_ffff_ffff) => Ok(Some(Duration::from_micros(micros))),
        _ => Err(io::Error::other("expected microseconds, 2000 at least")),
    }
}

fn warn(name: &str, value: &OsStr, error: &io::Error) {
    let value = value.to_string_lossy();
    say(format_args!("warning: {name}={}: {error}", value.escape_debug()));
}

/// The text without control characters, which would begin another assignment, and not longer than a datagram
/// should be.
fn one_line(text: &str) -> String {
    let text = &text[..text.floor_char_boundary(LONGEST_STATUS)];
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}
