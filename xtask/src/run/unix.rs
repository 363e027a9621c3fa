//! A service as a Linux process.

use std::{ffi::OsStr, io::ErrorKind, time::Instant};

use anyhow::{Context, Result, bail, ensure};

use super::{Answer, LONGEST, REPLY_WITHIN, TICK, check_app, check_length, serve};
use crate::{
    cargo, interrupt,
    lab::{self, Lab, Network, Service},
};

/// Builds the service `app` and runs it in a network of its own as a Linux process with these
/// arguments. With a request: sends it to `port` and writes the reply, and nothing else, to standard
/// output. Without: serves the terminal, until its input ends or Ctrl-C. [`lab::prepare`] comes first.
///
/// # Errors
/// There is no such service, the request is too long for a datagram, the network cannot be made,
/// the service does not start or does not end well, or there is no reply: with the reason.
pub fn on_unix(app: &str, port: u16, args: &[&OsStr], request: Option<&[u8]>) -> Result<()> {
    check_app(app)?;
    if let Some(request) = request {
        check_length(request)?;
    }
    // The log takes more crates than all the rest: only who wants to read it builds it.
    let logs = args.iter().any(|arg| arg.to_string_lossy().starts_with("--log"));
    let programs = cargo::build(&[app], if logs { &["defmt"] } else { &[] })?;
    let program = programs.get(app).with_context(|| format!("{app} has no program"))?;
    lab::in_namespace(Network::of_arguments(args), |lab| {
        let service = Service::start(lab, program, args, |line| eprintln!("{line}"))?;
        let mut process = Process { lab, service };
        serve(&mut process, app, port, request)?;
        let (status, _) = process.service.stop()?;
        ensure!(status.success(), "the service ended badly: {status}");
        Ok(())
    })?
}

struct Process<'lab> {
    lab: &'lab Lab,
    service: Service<'lab>,
}

impl Answer for Process<'_> {
    fn ask(&mut self, port: u16, request: &[u8]) -> Result<Vec<u8>> {
        ask(self.lab, &mut self.service, port, request)
    }

    fn has_ended(&mut self) -> Result<bool> {
        Ok(self.service.ended()?.is_some())
    }

    fn way_in(&self, port: u16) -> String {
        let (enter, address) = (self.service.way_in(), self.lab.network().service);
        format!(
            "{address}, UDP port {port}, in a network of its own. From another terminal:\n  \
               {enter} ping {address}\n  \
               {enter} nc -u {address} {port}"
        )
    }
}

/// Sends one request in one datagram and returns the reply.
pub(crate) fn ask(
    lab: &Lab,
    service: &mut Service<'_>,
    port: u16,
    request: &[u8],
) -> Result<Vec<u8>> {
    check_length(request)?;
    // A port of its own for each request: a late reply to an earlier one cannot be taken for this one.
    let socket = lab.connect(port).context("cannot open a UDP socket")?;
    socket.set_read_timeout(Some(TICK))?;
    socket.send(request).context("cannot send the request")?;
    let deadline = Instant::now() + REPLY_WITHIN;
    let mut reply = vec![0; LONGEST];
    loop {
        let error = match socket.recv(&mut reply) {
            Ok(length) => {
                reply.truncate(length);
                return Ok(reply);
            }
            Err(error) => error,
        };
        if let Some(status) = service.ended()? {
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
