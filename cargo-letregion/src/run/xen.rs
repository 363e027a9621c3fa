//! A service as a guest of a real Xen.

use std::{
    ffi::OsStr,
    net::{Ipv4Addr, SocketAddrV4},
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail, ensure};
use lab::{
    LONGEST_REQUEST, Network, REPLY_WITHIN,
    cargo::{Build, Platform, Profile, Service},
    check_length, cores_of,
    decode::{Decode, plain, with_log, with_places},
    interrupt, is_given, is_serving,
    xen::{Ask, Domain, End, Ended, HostPort, Linux, Machine, Settings, Trouble, Vif},
};

use super::{
    Answer, Options, Reply,
    forward::{self, Door, LOOK},
    listen::Listener,
    serve,
    transport::{self, Transport},
};

/// The name of the Linux guest.
pub(crate) const LINUX: &str = "linux";
/// How long it may take to be ready. A Linux guest takes 20 seconds on a busy machine, all emulated.
const READY_WITHIN: Duration = Duration::from_secs(120);
/// How often the guest itself is looked at while a reply is waited for.
const WATCH: Duration = Duration::from_millis(500);
/// The files of dom0 with a request on TCP and its reply.
const REQUEST: &str = "/tmp/request";
const REPLY: &str = "/tmp/reply";
/// How many requests that come to a port of this machine are in dom0 at a time.
const WORKERS: usize = 8;

/// What the guest is.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Guest<'a> {
    /// A service.
    Service(&'a Service),
    /// A Linux guest that echoes: what the services are compared with.
    Linux,
}

impl Guest<'_> {
    fn name(&self) -> &str {
        match self {
            Self::Service(service) => service.name(),
            Self::Linux => LINUX,
        }
    }

    fn service(&self) -> Option<&Service> {
        match self {
            Self::Service(service) => Some(service),
            Self::Linux => None,
        }
    }
}

/// How the guest is run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct GuestOptions {
    /// The memory of the guest, in MiB, if it is not what the service asks for. The Linux guest takes what it needs.
    pub(crate) memory: Option<u32>,
    /// Whether what it writes on its console is shown on standard error.
    pub(crate) console: bool,
}

/// Builds the guest, boots a Xen in QEMU, starts the guest there, and sends it requests from dom0. With a request:
/// writes the reply, and nothing else, to standard output. Without: serves the terminal, until its input ends or Ctrl-C.
///
/// # Errors
/// The request is too long for a datagram, the service does not build, what Xen takes or a port of this machine
/// cannot be had, the guest does not start or does not end well, or there is no reply: with the reason.
pub(crate) fn on_xen(guest: &Guest<'_>, how: &GuestOptions, options: &Options) -> Result<()> {
    options.check()?;
    let args = options.args();
    let network = Network::of_arguments(&args);
    let command_line = command_line(&network, &args)?;
    let doors = forward::open(&options.forward, false)?;
    for door in &doors {
        door.socket.set_nonblocking(false)?;
        door.socket.set_read_timeout(Some(LOOK))?;
    }
    let build =
        Build { features: &options.features(), ..Build::new(Platform::Xen, Profile::Guest) };
    let program = match guest.service() {
        Some(service) => {
            let memory = how.memory.map_or_else(|| service.memory(), Ok)?;
            Some((service.build_kept(&build)?, memory))
        }
        None => None,
    };
    // From here on there is something to clean up.
    interrupt::listen()?;
    // QEMU takes the connections.
    let ports = options.forward.iter().map(|forward| {
        let (host, port) = forward.ports();
        HostPort { host, guest: SocketAddrV4::new(network.service, port) }
    });
    let is_reached = network == Network::default();
    let ports: Vec<_> = ports.filter(|_| is_reached).collect();
    let machine =
        Machine::boot_with(&ports, cores_of(&command_line), |progress| eprintln!("{progress}"))?;
    if network != Network::default() {
        machine.set_address(network.host, network.prefix)?;
    }
    let listener = Listener::new(how.console);
    let start = |settings: &Settings<'_>, decode: Decode| {
        Domain::create(&machine, settings, decode, listener.show())
    };
    let name = guest.name();
    eprintln!("starting the guest {name}");
    let domain = match &program {
        Some((program, memory)) => {
            let kernel = std::fs::read(program)
                .with_context(|| format!("cannot read {}", program.display()))?;
            let settings = Settings {
                name,
                kernel: &kernel,
                ramdisk: None,
                command_line: &command_line,
                memory: *memory,
                vif: Some(Vif::default()),
                restart: false,
                more: "",
            };
            let decode = if options.logs() { with_log(program) } else { plain() };
            start(&settings, with_places(program, decode))?
        }
        None => start(&Linux::new(&machine, &command_line)?.settings(name), plain())?,
    };
    domain.wait_for_line(0, READY_WITHIN, is_serving).context("the guest does not serve")?;
    let mut running = Running { machine: &machine, domain, network };
    let is_over = AtomicBool::new(false);
    thread::scope(|scope| {
        let address = running.network.service;
        for door in &doors {
            for _ in 0..WORKERS {
                let (machine, is_over) = (&machine, &is_over);
                scope.spawn(move || relay(machine, door, address, is_over));
            }
        }
        let served = serve(&mut running, name, guest.service(), options);
        is_over.store(true, Ordering::Relaxed);
        served
    })?;
    let Running { domain, .. } = running;
    listener.turn(how.console || options.counters);
    // Who is interrupted does not wait for the guest to end well.
    if !interrupt::pressed() {
        let ended = domain.shutdown()?;
        ensure!(ended == Ended::Poweroff, "the guest ended badly: {ended}");
    }
    Ok(())
}

/// Has dom0 ask the guest what comes to this door, one request after the other, and sends back each reply, until
/// `is_over`. A request without a reply is waited for, so that several threads do this.
fn relay(machine: &Machine, door: &Door, address: Ipv4Addr, is_over: &AtomicBool) {
    let mut request = vec![0; LONGEST_REQUEST];
    while !is_over.load(Ordering::Relaxed) {
        // Nothing came in the meantime, or a reply went to somebody who has gone.
        let Ok((length, client)) = door.socket.recv_from(&mut request) else { continue };
        let watch = || {
            ensure!(!is_over.load(Ordering::Relaxed), "it is over");
            Ok(())
        };
        let ask = ask(SocketAddrV4::new(address, door.port), length);
        // A datagram may be lost, and so may its reply.
        if let Ok((asked, reply)) =
            machine.ask_watching(&ask, request.get(..length).unwrap_or_default(), None, watch)
            && asked.trouble.is_none()
            && asked.lost == 0
        {
            let _ = door.socket.send_to(&reply, client);
        }
    }
}

/// One request of this length.
fn ask(to: SocketAddrV4, length: usize) -> Ask {
    Ask {
        to: to.into(),
        times: 1,
        window: 1,
        limit: REPLY_WITHIN,
        expected: false,
        length,
        is_numbered: false,
    }
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

struct Running<'m> {
    machine: &'m Machine,
    domain: Domain<'m>,
    network: Network,
}

impl Running<'_> {
    /// Has dom0 send a message on a connection of its own, and returns all that comes until the end of that.
    fn exchange(&self, port: u16, message: Vec<u8>) -> Result<Reply> {
        let address = self.network.service;
        self.machine.write(REQUEST, message)?;
        let script = format!("nc {address} {port} <{REQUEST} >{REPLY}");
        let sent = Instant::now();
        let ran = self.machine.run_within("sh", &["-c", &script], REPLY_WITHIN)?;
        let after = sent.elapsed();
        match ran.end {
            End::Status(0) => Ok(Reply::of_connection(&self.machine.read(REPLY)?, after)),
            End::Limit => bail!(
                "the reply does not end within {} seconds; {}",
                REPLY_WITHIN.as_secs(),
                self.domain.last_words()
            ),
            _ => bail!("no reply: {}; {}", ran.stderr.trim(), self.domain.last_words()),
        }
    }
}

impl Answer for Running<'_> {
    fn transport(&self, port: u16) -> Transport {
        Transport::of(port, &self.domain.console().lines())
    }

    fn ask(&mut self, port: u16, request: &[u8]) -> Result<Reply> {
        check_length(request)?;
        let address = self.network.service;
        if self.transport(port) == Transport::Tcp {
            return self.exchange(port, transport::message(request, address));
        }
        let ask = ask(SocketAddrV4::new(address, port), request.len());
        let mut looked = Instant::now();
        let watch = || {
            if looked.elapsed() < WATCH {
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
            None if asked.lost == 0 => Ok(Reply::of_datagram(reply, asked.elapsed)),
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

    fn network(&self) -> &Network {
        &self.network
    }

    fn way_in(&self, port: u16) -> String {
        format!(
            "{}, {} port {port}, as a guest of Xen. From another terminal, what the guest writes, and \
             what Xen and dom0 do:\n  \
               tail -F {}\n  \
               tail -F {}",
            self.network.service,
            self.transport(port).name(),
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
