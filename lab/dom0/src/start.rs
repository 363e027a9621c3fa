//! How long a guest takes to serve: starts it and asks meanwhile.

use std::{
    net::{SocketAddrV4, UdpSocket},
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};

/// How often it is asked.
const TICK: Duration = Duration::from_millis(5);
/// How long it may take from the start to the first reply.
const WITHIN: Duration = Duration::from_secs(170);
/// What it is asked, and has to reply.
const REQUEST: &[u8] = b"are you there?";

/// Runs a program that starts a guest, and asks UDP port `to` from then on until there is a reply. Prints when the
/// program had ended and when the reply came, in microseconds from the start.
pub(crate) fn serve(to: &str, program: &str, args: &[&str]) -> Result<()> {
    let to: SocketAddrV4 = to.parse().with_context(|| format!("{to:?} is no ADDRESS:PORT"))?;
    let socket = UdpSocket::bind(("0.0.0.0", 0)).context("cannot open a UDP socket")?;
    socket.connect(to).with_context(|| format!("cannot ask {to}"))?;
    socket.set_read_timeout(Some(TICK))?;
    let start = Instant::now();
    let mut child = Command::new(program)
        .args(args)
        .stdin(Stdio::null())
        // What is printed here is for whoever reads the times.
        .stdout(Stdio::null())
        .spawn()
        .with_context(|| format!("cannot run {program}"))?;
    let (mut created, mut replied, mut buffer) = (None, None, [0; 64]);
    while created.is_none() || replied.is_none() {
        ensure!(start.elapsed() < WITHIN, "no reply from {to} within {WITHIN:?}");
        if created.is_none()
            && let Some(status) = child.try_wait()?
        {
            ensure!(status.success(), "{program}: {status}");
            created = Some(start.elapsed());
        }
        if replied.is_some() {
            thread::sleep(TICK);
            continue;
        }
        // The guest may be there and the service not yet, or neither: an error says which, and it makes no
        // difference.
        let asked = socket.send(REQUEST).and_then(|_| socket.recv(&mut buffer));
        match asked {
            Ok(length) if buffer[..length] == *REQUEST => replied = Some(start.elapsed()),
            Ok(_) => {}
            Err(_) => thread::sleep(TICK),
        }
    }
    let micros = |time: Option<Duration>| time.unwrap_or_default().as_micros();
    println!("{} {}", micros(created), micros(replied));
    Ok(())
}
