//! `cargo xtask run`: a service in a network of its own, and requests to it.

mod unix;
mod xen;

use std::{
    io::{self, BufRead, IsTerminal, Write},
    sync::mpsc::{self, RecvTimeoutError},
    thread,
    time::Duration,
};

use anyhow::{Context, Result};
use lab::interrupt;

pub(crate) use self::{
    unix::on_unix,
    xen::{Guest, GuestOptions, on_xen},
};

/// How often something else is looked at while waiting.
const TICK: Duration = Duration::from_millis(50);

/// A running service, wherever it runs.
trait Answer {
    /// Sends one request to a port in one datagram and returns the reply. The error says why there is
    /// none.
    fn ask(&mut self, port: u16, request: &[u8]) -> Result<Vec<u8>>;

    /// Whether it has ended.
    fn has_ended(&mut self) -> Result<bool>;

    /// Where it serves this port, and how to look at it from another terminal.
    fn way_in(&self, port: u16) -> String;
}

/// Sends the service the request and writes the reply, and nothing else, to standard output; without a
/// request, serves the terminal.
fn serve(service: &mut impl Answer, app: &str, port: u16, request: Option<&[u8]>) -> Result<()> {
    let Some(request) = request else { return converse(service, app, port) };
    let reply = service.ask(port, request)?;
    let mut out = io::stdout().lock();
    out.write_all(&reply).and_then(|()| out.flush()).context("cannot write the reply")
}

/// What happens while a service waits for people.
enum Event {
    Line(Vec<u8>),
    End,
}

/// Says how to reach the service, and sends it what is typed, line by line.
fn converse(service: &mut impl Answer, app: &str, port: u16) -> Result<()> {
    interrupt::listen()?;
    eprintln!(
        "\n{app} serves at {}\n\
         Here, each line is a request; end with Ctrl-D or Ctrl-C.\n",
        service.way_in(port)
    );
    let events = events();
    let is_terminal = io::stdin().is_terminal();
    let mut out = io::stdout().lock();
    loop {
        if is_terminal {
            eprint!("{app}> ");
        }
        let Event::Line(request) = next(&events) else { break };
        match service.ask(port, &request) {
            Ok(reply) => {
                out.write_all(&reply)?;
                if !reply.ends_with(b"\n") {
                    out.write_all(b"\n")?;
                }
                out.flush()?;
            }
            Err(error) if service.has_ended()? => return Err(error),
            Err(error) => eprintln!("{error:#}"),
        }
    }
    if is_terminal {
        eprintln!();
    }
    Ok(())
}

/// The lines of standard input, then the end.
fn events() -> mpsc::Receiver<Event> {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        for line in io::stdin().lock().split(b'\n').map_while(Result::ok) {
            if sender.send(Event::Line(line)).is_err() {
                return;
            }
        }
        // Nobody listens any more when everything is ending already.
        let _ = sender.send(Event::End);
    });
    receiver
}

/// The next event; the end as soon as Ctrl-C is pressed.
fn next(events: &mpsc::Receiver<Event>) -> Event {
    while !interrupt::pressed() {
        match events.recv_timeout(TICK) {
            Ok(event) => return event,
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => break,
        }
    }
    Event::End
}
