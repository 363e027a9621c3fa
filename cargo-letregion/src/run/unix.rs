//! A service as a Linux process.

use std::{
    ffi::OsStr,
    net::SocketAddrV4,
    process::ExitStatus,
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::Instant,
};

use anyhow::{Result, anyhow, bail, ensure};
use lab::{
    Lab, Network, NotServing, Service,
    cargo::{self, Build, Platform, Profile},
    interrupt,
};

use super::{
    Answer, Options, Reply, forward,
    listen::Listener,
    serve,
    transport::{self, Transport},
};

/// Builds the service with this profile and runs it in a network of its own as a Linux process. With a request: sends it
/// and writes the reply, and nothing else, to standard output. Without: serves the terminal, until its input ends or
/// Ctrl-C. [`lab::prepare`] comes first.
///
/// # Errors
/// The request is too long for a datagram, the service does not build, the network cannot be made, a port of this
/// machine cannot be had, the service does not start or does not end well, or there is no reply: with the reason.
pub(crate) fn on_unix(service: &cargo::Service, profile: Profile, options: &Options) -> Result<()> {
    options.check()?;
    let build = Build { features: &options.features(), ..Build::new(Platform::Unix, profile) };
    // Another call may build the service meanwhile.
    let program = service.build_kept(&build)?;
    on_tap(
        service,
        options,
        Network::of_arguments(&options.args()),
        |lab, args, listener| Service::start(lab, &program, args, listener.show()),
        |service| service.stop(),
    )
}

/// How a service ended, and what it said.
type End = Result<(ExitStatus, Vec<String>)>;

/// Has `start` start the service with its arguments in a `network` of its own, serves, and has `end` end it.
pub(super) fn on_tap<S, E>(
    service: &cargo::Service,
    options: &Options,
    network: Network,
    start: S,
    end: E,
) -> Result<()>
where
    S: for<'lab> FnOnce(&'lab Lab, &[&OsStr], &Listener) -> Result<Service<'lab>> + Send,
    E: for<'lab> FnOnce(Service<'lab>) -> End + Send,
{
    let doors = forward::open(&options.forward, true)?;
    let args = options.args();
    lab::in_namespace(network, |lab| {
        let listener = Listener::new(true);
        let process = start(lab, &args, &listener).map_err(|error| match error.downcast() {
            // It was shown what it said.
            Ok(NotServing { how, .. }) => anyhow!(how),
            Err(error) => error,
        })?;
        let mut process = Process { lab, service: process };
        let is_over = AtomicBool::new(false);
        thread::scope(|scope| {
            let address = lab.network().service;
            for door in &doors {
                let is_over = &is_over;
                scope.spawn(move || {
                    if let Err(error) = forward::relay(door, address, is_over) {
                        eprintln!("UDP port {}: {error:#}", door.port);
                    }
                });
                scope.spawn(move || {
                    if let Err(error) = forward::relay_connections(door, address, is_over) {
                        eprintln!("TCP port {}: {error:#}", door.port);
                    }
                });
            }
            let served = serve(&mut process, service.name(), Some(service), options);
            is_over.store(true, Ordering::Relaxed);
            served
        })?;
        if options.logs() {
            process.service.wait_until_decoded();
        }
        listener.turn(options.counters);
        let said = process.service.lines().len();
        let (status, lines) = end(process.service)?;
        if !status.success() && !options.counters {
            lines.iter().skip(said).for_each(|line| eprintln!("{line}"));
        }
        ensure!(status.success(), "the service ended badly: {status}");
        Ok(())
    })?
}

struct Process<'lab> {
    lab: &'lab Lab,
    service: Service<'lab>,
}

impl Answer for Process<'_> {
    fn transport(&self, port: u16) -> Transport {
        Transport::of(port, &self.service.lines())
    }

    fn ask(&mut self, port: u16, request: &[u8]) -> Result<Reply> {
        let (address, sent) = (self.lab.network().service, Instant::now());
        if self.transport(port) == Transport::Udp {
            let bytes = self.service.ask(self.lab, port, request)?;
            return Ok(Reply::of_datagram(bytes, sent.elapsed()));
        }
        let message = transport::message(request, address);
        let (to, limit) = (SocketAddrV4::new(address, port), self.service.reply_within());
        let watch = || {
            if let Some(status) = self.service.ended()? {
                bail!("no reply: the service ended ({status})");
            }
            ensure!(!interrupt::pressed(), "no reply: interrupted");
            Ok(())
        };
        let bytes = transport::exchange(to, &message, limit, watch)?;
        Ok(Reply::of_connection(&bytes, sent.elapsed()))
    }

    fn has_ended(&mut self) -> Result<bool> {
        Ok(self.service.ended()?.is_some())
    }

    fn network(&self) -> &Network {
        self.lab.network()
    }

    fn way_in(&self, port: u16) -> String {
        let (enter, address) = (self.service.way_in(), self.lab.network().service);
        let transport = self.transport(port);
        let (name, command) = (transport.name(), transport.command(address, port));
        format!(
            "{address}, {name} port {port}, in a network of its own. From another terminal:\n  \
               {enter} ping {address}\n  \
               {enter} {command}"
        )
    }
}
