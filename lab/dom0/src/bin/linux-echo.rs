//! `linux-echo PORT`: the service of the Linux guest that ours are compared with. Says `serving`, and every
//! datagram that comes to this UDP port is its own reply.

#![forbid(unsafe_code)]

use std::{env, io::ErrorKind, net::UdpSocket, process::ExitCode};

use anyhow::{Context, Result};

/// Serves this port until the process is ended.
fn serve(port: u16) -> Result<()> {
    let socket = UdpSocket::bind(("0.0.0.0", port))
        .with_context(|| format!("cannot serve UDP port {port}"))?;
    println!("serving");
    let mut datagram = vec![0; 1 << 16];
    loop {
        match socket.recv_from(&mut datagram) {
            // A reply that cannot be sent is one that was lost on its way.
            Ok((length, from)) => _ = socket.send_to(&datagram[..length], from),
            // A client that is gone says so here.
            Err(error)
                if matches!(
                    error.kind(),
                    ErrorKind::ConnectionRefused | ErrorKind::Interrupted
                ) => {}
            Err(error) => return Err(error).context("cannot receive"),
        }
    }
}

fn main() -> ExitCode {
    let port = env::args().nth(1).and_then(|port| port.parse().ok());
    let Some(port) = port else {
        eprintln!("usage: linux-echo PORT");
        return ExitCode::from(2);
    };
    match serve(port) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("linux-echo: {error:#}");
            ExitCode::FAILURE
        }
    }
}
