//! A service as a guest of a real Xen.

use std::{
    ffi::OsStr,
    net::SocketAddrV4,
    path::PathBuf,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail, ensure};
use lab::{
    Network, REPLY_WITHIN, cargo, check_length, interrupt, is_given, is_serving,
    xen::{
        Ask, Decode, Domain, Ended, Linux, Machine, Settings, Trouble, Vif, plain, with_log,
        with_places,
    },
};

use super::{Answer, serve};

/// The name of the Linux guest.
const LINUX: &str = "linux";
/// How long it may take to be ready. A Linux guest takes 20 seconds on a busy machine, all emulated.
const READY_WITHIN: Duration = Duration::from_secs(120);
/// How often the guest itself is looked at while a reply is waited for.
const LOOK: Duration = Duration::from_millis(500);

/// What the guest is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Guest {
    /// A service, a folder of `apps`, built with its feature `xen`.
    App(String),
    /// A Linux guest that echoes: what the services are compared with.
    Linux,
}

impl Guest {
    /// By the name that is typed.
    pub(crate) fn named(name: String) -> Self {
        if name == LINUX { Self::Linux } else { Self::App(name) }
    }

    fn name(&self) -> &str {
        match self {
            Self::App(name) => name,
            Self::Linux => LINUX,
        }
    }
}

/// How the guest is run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct GuestOptions {
    /// The UDP port that requests go to.
    pub(crate) port: u16,
    /// The memory of the guest, in MiB. The Linux guest takes what it needs.
    pub(crate) memory: u32,
    /// Whether what it writes on its console is shown on standard error.
    pub(crate) console: bool,
}

/// Builds the guest, boots a Xen in QEMU, starts the guest there with these arguments, and sends it
/// requests from dom0. With a request: writes the reply, and nothing else, to standard output. Without:
/// serves the terminal, until its input ends or Ctrl-C.
///
/// # Errors
/// There is no such service, the request is too long for a datagram, what Xen takes cannot be had, the
/// guest does not start or does not end well, or there is no reply: with the reason.
pub(crate) fn on_xen(
    guest: &Guest,
    options: &GuestOptions,
    args: &[&OsStr],
    request: Option<&[u8]>,
) -> Result<()> {
    if let Some(request) = request {
        check_length(request)?;
    }
    let network = Network::of_arguments(args);
    let command_line = command_line(&network, args)?;
    let program = match guest {
        Guest::App(app) => {
            cargo::check_app(app)?;
            Some(build(app, args)?)
        }
        Guest::Linux => None,
    };
    // From here on there is something to clean up.
    interrupt::listen()?;
    let machine = Machine::boot(|progress| eprintln!("{progress}"))?;
    if network != Network::default() {
        machine.set_address(network.host, network.prefix)?;
    }
    let start = |settings: &Settings<'_>, decode: Decode| {
        let is_shown = options.console;
        let show = move |line: &str| {
            if is_shown {
                eprintln!("{line}");
            }
        };
        Domain::create(&machine, settings, decode, show)
    };
    let name = guest.name();
    eprintln!("starting the guest {name}");
    let domain = match &program {
        Some(program) => {
            let kernel = std::fs::read(program)
                .with_context(|| format!("cannot read {}", program.display()))?;
            let settings = Settings {
                name,
                kernel: &kernel,
                ramdisk: None,
                command_line: &command_line,
                memory: options.memory,
                vif: Some(Vif::default()),
                restart: false,
                more: "",
            };
            let decode = if logs(args) { with_log(program) } else { plain() };
            start(&settings, with_places(program, decode))?
        }
        None => start(&Linux::new(&machine, &command_line)?.settings(name), plain())?,
    };
    domain.wait_for_line(0, READY_WITHIN, is_serving).context("the guest does not serve")?;
    let mut service = Running { machine: &machine, domain, network };
    serve(&mut service, name, options.port, request)?;
    let Running { domain, .. } = service;
    // Who is interrupted does not wait for the guest to end well.
    if !interrupt::pressed() {
        let ended = domain.shutdown()?;
        ensure!(ended == Ended::Poweroff, "the guest ended badly: {ended}");
    }
    Ok(())
}

/// What the guest is told: its addresses, as far as they were not typed, and then what was typed.
fn command_line(network: &Network, args: &[&OsStr]) -> Result<String> {
    let Network { service, prefix, host, .. } = network;
    let mut line =
        [format!("--ipv4={service}/{prefix}"), format!("--ipv4-gateway={host}")].to_vec();
    line.retain(|argument| !is_given(argument, args));
    for arg in args {
        let shown = arg.to_string_lossy();
        let arg = arg.to_str().with_context(|| format!("the argument {shown} is no UTF-8"))?;
        // A guest has a command line, not arguments: it splits at blanks.
        ensure!(
            !arg.is_empty() && !arg.contains(char::is_whitespace),
            "the argument {arg:?} cannot be passed to a guest of Xen: it is empty or has a blank in it"
        );
        line.push(arg.into());
    }
    Ok(line.join(" "))
}

/// Builds a service for Xen.
fn build(app: &str, args: &[&OsStr]) -> Result<PathBuf> {
    let programs = cargo::build_xen(&[app], if logs(args) { &["defmt"] } else { &[] })?;
    programs.get(app).cloned().with_context(|| format!("{app} has no program"))
}

/// Whether somebody wants to read the log: it makes an image larger, and is left out of it otherwise.
fn logs(args: &[&OsStr]) -> bool {
    args.iter().any(|arg| arg.to_string_lossy().starts_with("--log"))
}

struct Running<'m> {
    machine: &'m Machine,
    domain: Domain<'m>,
    network: Network,
}

impl Answer for Running<'_> {
    fn ask(&mut self, port: u16, request: &[u8]) -> Result<Vec<u8>> {
        check_length(request)?;
        let address = self.network.service;
        let ask = Ask {
            to: SocketAddrV4::new(address, port),
            times: 1,
            window: 1,
            limit: REPLY_WITHIN,
            expected: false,
            length: request.len(),
        };
        let mut looked = Instant::now();
        let watch = || {
            if looked.elapsed() < LOOK {
                return Ok(());
            }
            looked = Instant::now();
            match self.domain.ended()? {
                Some(how) => bail!("no reply: {how}; {}", self.domain.last_words()),
                None => Ok(()),
            }
        };
        let (asked, reply) = self.machine.ask_watching(&ask, request, None, watch)?;
        match asked.trouble {
            None if asked.lost == 0 => Ok(reply),
            None => bail!(
                "no reply within {} seconds, though the guest is running; {}",
                REPLY_WITHIN.as_secs(),
                self.domain.last_words()
            ),
            Some(Trouble::Refused) => bail!("connection refused: nothing is bound to port {port}"),
            Some(Trouble::Unreachable) => {
                bail!("no reply: nobody answers for the address {address}")
            }
            Some(Trouble::Other(reason)) => bail!("no reply: {reason}"),
        }
    }

    fn has_ended(&mut self) -> Result<bool> {
        Ok(self.domain.ended()?.is_some())
    }

    fn way_in(&self, port: u16) -> String {
        format!(
            "{}, UDP port {port}, as a guest of Xen. From another terminal, what the guest writes, and \
             what Xen and dom0 do:\n  \
               tail -F {}\n  \
               tail -F {}",
            self.network.service,
            self.domain.console().file().display(),
            self.machine.log().display()
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(args: &[&str]) -> Result<String> {
        let args: Vec<_> = args.iter().map(OsStr::new).collect();
        command_line(&Network::of_arguments(&args), &args)
    }

    #[test]
    fn the_command_line_has_the_addresses_and_what_was_typed() {
        assert_eq!(line(&[]).unwrap(), "--ipv4=10.0.0.2/24 --ipv4-gateway=10.0.0.1");
        assert_eq!(
            line(&["--memory=1M", "--ipv4=10.9.0.7/16"]).unwrap(),
            "--ipv4-gateway=10.9.0.1 --memory=1M --ipv4=10.9.0.7/16"
        );
        assert!(line(&["one two"]).is_err());
        assert!(line(&[""]).is_err());
    }
}
