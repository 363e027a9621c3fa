//! `cargo xtask run`: a service in a network of its own, and requests to it.

use std::{
    ffi::OsStr,
    io::{self, BufRead, ErrorKind, IsTerminal, Write},
    sync::{
        atomic::{AtomicBool, Ordering},
        mpsc,
    },
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail, ensure};

use crate::{
    cargo,
    lab::{self, Lab, Network, Service},
};

/// The most that a UDP datagram carries over IPv4, in bytes: 65,535 without the two headers.
pub const LONGEST: usize = 65_507;
/// How long a reply may take.
const REPLY_WITHIN: Duration = Duration::from_secs(10);
/// How often something else is looked at while waiting for it.
const TICK: Duration = Duration::from_millis(50);

/// Somebody pressed Ctrl-C.
static INTERRUPTED: AtomicBool = AtomicBool::new(false);

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
        let mut service = Service::start(lab, program, args, |line| eprintln!("{line}"))?;
        match request {
            Some(request) => {
                let reply = ask(lab, &mut service, port, request)?;
                let mut out = io::stdout().lock();
                out.write_all(&reply)
                    .and_then(|()| out.flush())
                    .context("cannot write the reply")?;
            }
            None => converse(lab, &mut service, app, port)?,
        }
        let (status, _) = service.stop()?;
        ensure!(status.success(), "the service ended badly: {status}");
        Ok(())
    })?
}

/// Checks that there is a service of this name.
pub(crate) fn check_app(app: &str) -> Result<()> {
    let apps = cargo::apps()?;
    ensure!(
        apps.iter().any(|name| name == app),
        "there is no service {app}; there are: {}",
        apps.join(", ")
    );
    Ok(())
}

fn check_length(request: &[u8]) -> Result<()> {
    ensure!(
        request.len() <= LONGEST,
        "the request has {} bytes; a UDP datagram carries {LONGEST} at most",
        request.len()
    );
    Ok(())
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
        ensure!(!INTERRUPTED.load(Ordering::Relaxed), "no reply: interrupted");
        ensure!(
            Instant::now() < deadline,
            "no reply within {} seconds, though the service is running",
            REPLY_WITHIN.as_secs()
        );
    }
}

/// What happens while a service waits for people.
enum Event {
    Line(Vec<u8>),
    End,
}

/// Says how to reach the service, and sends it what is typed, line by line.
fn converse(lab: &Lab, service: &mut Service<'_>, app: &str, port: u16) -> Result<()> {
    let (enter, address) = (service.way_in(), lab.network().service);
    eprintln!(
        "\n{app} serves at {address}, UDP port {port}, in a network of its own. From another terminal:\n  \
           {enter} ping {address}\n  \
           {enter} nc -u {address} {port}\n\
         Here, each line is a request; end with Ctrl-D or Ctrl-C.\n"
    );
    let events = events()?;
    let is_terminal = io::stdin().is_terminal();
    let mut out = io::stdout().lock();
    loop {
        if is_terminal {
            eprint!("{app}> ");
        }
        let Ok(Event::Line(request)) = events.recv() else { break };
        match ask(lab, service, port, &request) {
            Ok(reply) => {
                out.write_all(&reply)?;
                if !reply.ends_with(b"\n") {
                    out.write_all(b"\n")?;
                }
                out.flush()?;
            }
            Err(error) if service.ended()?.is_some() => return Err(error),
            Err(error) => eprintln!("{error:#}"),
        }
    }
    if is_terminal {
        eprintln!();
    }
    Ok(())
}

/// The lines of standard input, then the end; or the end as soon as Ctrl-C is pressed.
fn events() -> Result<mpsc::Receiver<Event>> {
    let (sender, receiver) = mpsc::channel();
    let interrupt = sender.clone();
    ctrlc::set_handler(move || {
        INTERRUPTED.store(true, Ordering::Relaxed);
        // Nobody listens any more when everything is ending already.
        let _ = interrupt.send(Event::End);
    })
    .context("cannot listen for Ctrl-C")?;
    thread::spawn(move || {
        for line in io::stdin().lock().split(b'\n').map_while(Result::ok) {
            if sender.send(Event::Line(line)).is_err() {
                return;
            }
        }
        let _ = sender.send(Event::End);
    });
    Ok(receiver)
}
