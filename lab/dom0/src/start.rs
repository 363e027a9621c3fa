//! How long a guest takes to serve: starts it and asks meanwhile.

use std::{
    io::{self, Read, Write},
    net::{SocketAddrV4, TcpStream, UdpSocket},
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};

/// How often it is asked.
const TICK: Duration = Duration::from_millis(5);
/// How long it may take from the start to the first reply.
const WITHIN: Duration = Duration::from_secs(170);
/// What it is asked by UDP, and has to reply.
const REQUEST: &[u8] = b"are you there?";
/// How long a connection may take, and then a reply: a guest that is busy with its start needs more than a tick.
const CONNECTED_WITHIN: Duration = Duration::from_millis(50);
const ANSWERED_WITHIN: Duration = Duration::from_secs(5);

/// Asks a UDP port that echoes; says whether there is a reply.
///
/// # Errors
/// There is no socket to ask from.
pub(crate) fn by_udp(to: SocketAddrV4) -> Result<impl FnMut() -> io::Result<bool>> {
    let socket = UdpSocket::bind(("0.0.0.0", 0)).context("cannot open a UDP socket")?;
    socket.connect(to).with_context(|| format!("cannot ask {to}"))?;
    socket.set_read_timeout(Some(TICK))?;
    let mut buffer = [0; 64];
    Ok(move || {
        socket.send(REQUEST)?;
        let length = socket.recv(&mut buffer)?;
        Ok(buffer[..length] == *REQUEST)
    })
}

/// Asks for a page over HTTP; says whether it is there.
///
/// # Errors
/// None.
pub(crate) fn by_http(to: SocketAddrV4) -> Result<impl FnMut() -> io::Result<bool>> {
    Ok(move || {
        let mut stream = TcpStream::connect_timeout(&to.into(), CONNECTED_WITHIN)?;
        stream.set_read_timeout(Some(ANSWERED_WITHIN))?;
        write!(stream, "GET /hello HTTP/1.1\r\nHost: {to}\r\nConnection: close\r\n\r\n")?;
        let mut reply = String::new();
        stream.read_to_string(&mut reply)?;
        Ok(reply.starts_with("HTTP/1.1 200 "))
    })
}

/// Runs a program that starts a guest, and asks `to` from then on, as `how` says, until there is a reply. Prints when the
/// program had ended and when the reply came, in microseconds from the start.
pub(crate) fn serve<A: FnMut() -> io::Result<bool>>(
    to: &str,
    how: impl FnOnce(SocketAddrV4) -> Result<A>,
    program: &str,
    args: &[&str],
) -> Result<()> {
    let to: SocketAddrV4 = to.parse().with_context(|| format!("{to:?} is no ADDRESS:PORT"))?;
    let mut ask = how(to)?;
    let start = Instant::now();
    let mut child = Command::new(program)
        .args(args)
        .stdin(Stdio::null())
        // What is printed here is for whoever reads the times.
        .stdout(Stdio::null())
        .spawn()
        .with_context(|| format!("cannot run {program}"))?;
    let (mut created, mut replied) = (None, None);
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
        match ask() {
            Ok(true) => replied = Some(start.elapsed()),
            Ok(false) => {}
            Err(_) => thread::sleep(TICK),
        }
    }
    let micros = |time: Option<Duration>| time.unwrap_or_default().as_micros();
    println!("{} {}", micros(created), micros(replied));
    Ok(())
}
