//! A service to compare ours with: every datagram is its own reply.

use std::{io::ErrorKind, net::UdpSocket};

use anyhow::{Context, Result};

/// Serves this port until the process is ended.
pub(crate) fn serve(port: u16) -> Result<()> {
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
