//! A service as a Linux process.

use std::ffi::OsStr;

use anyhow::{Context, Result, ensure};
use lab::{
    Lab, Network, Service,
    cargo::{self, Profile},
    check_length,
};

use super::{Answer, serve};

/// Builds the service `app` with this profile and runs it in a network of its own as a Linux process with these
/// arguments. With a request: sends it to `port` and writes the reply, and nothing else, to standard
/// output. Without: serves the terminal, until its input ends or Ctrl-C. [`lab::prepare`] comes first.
///
/// # Errors
/// There is no such service, the request is too long for a datagram, the network cannot be made,
/// the service does not start or does not end well, or there is no reply: with the reason.
pub(crate) fn on_unix(
    app: &str,
    profile: Profile,
    port: u16,
    args: &[&OsStr],
    request: Option<&[u8]>,
) -> Result<()> {
    cargo::check_app(app)?;
    if let Some(request) = request {
        check_length(request)?;
    }
    // The log takes more crates than all the rest: only who wants to read it builds it.
    let logs = args.iter().any(|arg| arg.to_string_lossy().starts_with("--log"));
    let programs = cargo::build_as(profile, &[app], if logs { &["defmt"] } else { &[] })?;
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
        self.service.ask(self.lab, port, request)
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
