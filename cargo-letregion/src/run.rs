//! `cargo letregion run`: a service in a network of its own, and requests to it.

mod forward;
mod kvm;
mod listen;
mod prompt;
mod summary;
mod transport;
mod unix;
mod xen;

use std::{
    ffi::{OsStr, OsString},
    io::{self, IsTerminal as _, Write as _},
    time::Duration,
};

use anyhow::{Context as _, Result};
use lab::{Network, cargo::Service, check_length};

pub(crate) use self::{
    forward::Forward,
    kvm::{KvmOptions, on_kvm},
    unix::on_unix,
    xen::{Guest, GuestOptions, LINUX, on_xen},
};
use self::{prompt::Lines, transport::Transport};

/// What is done with a service, wherever it runs.
#[derive(Debug)]
pub(crate) struct Options {
    /// The port that requests go to.
    pub(crate) port: u16,
    /// The one request; without it, the terminal is served.
    pub(crate) request: Option<Vec<u8>>,
    /// The ports of this machine that lead to the service.
    pub(crate) forward: Vec<Forward>,
    /// Whether what it prints at its end is shown.
    pub(crate) counters: bool,
    /// The features that it is built with, beside that of its platform.
    pub(crate) features: Vec<String>,
    /// Its arguments, after those that fit its network.
    pub(crate) args: Vec<OsString>,
}

impl Options {
    /// The arguments of the service.
    fn args(&self) -> Vec<&OsStr> {
        self.args.iter().map(OsString::as_os_str).collect()
    }

    /// Whether somebody wants to read the log. It takes more crates than all the rest, and makes an image larger, so it
    /// is left out otherwise.
    fn logs(&self) -> bool {
        self.args.iter().any(|arg| arg.to_string_lossy().starts_with("--log"))
    }

    /// The features that the service is built with.
    fn features(&self) -> Vec<&str> {
        let log = self.logs().then_some("log");
        self.features.iter().map(String::as_str).chain(log).collect()
    }

    /// Checks that the request is not too long: on TCP too, there are better ways to send more than fits a datagram.
    fn check(&self) -> Result<()> {
        self.request.as_deref().map_or(Ok(()), check_length)
    }
}

/// What came back, and when.
#[derive(Debug)]
struct Reply {
    bytes: Vec<u8>,
    /// The line of status before it, if it came over HTTP.
    status: Option<String>,
    /// From the request to the end of the reply.
    after: Duration,
}

impl Reply {
    /// One that came in a datagram.
    fn of_datagram(bytes: Vec<u8>, after: Duration) -> Self {
        Self { bytes, status: None, after }
    }

    /// One that came on a connection.
    fn of_connection(bytes: &[u8], after: Duration) -> Self {
        let (status, body) = transport::split(bytes);
        Self { bytes: body.to_vec(), status, after }
    }

    /// Says its status to people, unless that is 200.
    fn tell_status(&self) {
        if let Some(status) = self.status.as_deref().filter(|status| !status.contains(" 200")) {
            eprintln!("{status}");
        }
    }
}

/// A running service, wherever it runs.
trait Answer {
    /// Over what it serves this port.
    fn transport(&self, port: u16) -> Transport;

    /// Sends one request to a port, in one datagram or on a connection of its own, and returns the reply. The error says
    /// why there is none.
    fn ask(&mut self, port: u16, request: &[u8]) -> Result<Reply>;

    /// Whether it has ended.
    fn has_ended(&mut self) -> Result<bool>;

    /// The network that it is in.
    fn network(&self) -> &Network;

    /// Where it serves this port, and how to look at it from another terminal.
    fn way_in(&self, port: u16) -> String;
}

/// Sends the service the request and writes the reply, and nothing else, to standard output; without a
/// request, serves the terminal. If standard output is a terminal, a line says what came of each request.
fn serve(
    answer: &mut impl Answer,
    name: &str,
    service: Option<&Service>,
    options: &Options,
) -> Result<()> {
    let Some(request) = &options.request else { return converse(answer, name, service, options) };
    let reply = answer.ask(options.port, request)?;
    reply.tell_status();
    let mut out = io::stdout().lock();
    let mut write = || {
        out.write_all(&reply.bytes)?;
        if out.is_terminal() && !reply.bytes.ends_with(b"\n") {
            out.write_all(b"\n")?;
        }
        out.flush()
    };
    write().context("cannot write the reply")?;
    tell(answer, options.port, request, &reply);
    Ok(())
}

/// Says what came of a request, to people.
fn tell(answer: &impl Answer, port: u16, request: &[u8], reply: &Reply) {
    if io::stdout().is_terminal() {
        let in_datagrams = answer.transport(port) == Transport::Udp;
        let network = in_datagrams.then(|| answer.network());
        eprintln!("{}", summary::of(network, request, reply));
    }
}

/// Says how to reach the service, and sends it what is typed, line by line.
fn converse(
    answer: &mut impl Answer,
    name: &str,
    service: Option<&Service>,
    options: &Options,
) -> Result<()> {
    eprintln!("\n{name} serves at {}", answer.way_in(options.port));
    for forward in &options.forward {
        let (_, port) = forward.ports();
        eprintln!("{}", forward.way_in(answer.transport(port)));
    }
    let help = answer.transport(options.port).help();
    eprintln!("Here, {help}; end with Ctrl-D or Ctrl-C.\n");
    let lines = Lines::open(name, service)?;
    let mut out = io::stdout().lock();
    while let Some(request) = lines.next() {
        match answer.ask(options.port, &request) {
            Ok(reply) => {
                reply.tell_status();
                out.write_all(&reply.bytes)?;
                if !reply.bytes.ends_with(b"\n") {
                    out.write_all(b"\n")?;
                }
                out.flush()?;
                tell(answer, options.port, &request, &reply);
            }
            Err(error) if answer.has_ended()? => return Err(error),
            Err(error) => eprintln!("{error:#}"),
        }
    }
    Ok(())
}
