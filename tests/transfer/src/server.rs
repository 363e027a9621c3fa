//! The server on the sockets of Linux.

use std::{
    io::{self, ErrorKind, Read, Write},
    net::{Ipv4Addr, Shutdown, TcpListener, TcpStream},
    thread,
};

use anyhow::{Context, Result};

use crate::{
    Content, Digest, REQUEST_LEN, Request, SINK, SOURCE,
    client::{PIECE, set_congestion_control},
};

/// Serves on both ports of `address` until the process ends, in the network namespace of this thread, on other
/// threads. Connections have this congestion control (`cubic`, `bbr`).
///
/// # Errors
/// The ports are not free.
pub fn serve(address: Ipv4Addr, congestion_control: &str) -> Result<()> {
    for (port, one) in [(SINK, sink as fn(TcpStream) -> io::Result<()>), (SOURCE, source)] {
        let listener = TcpListener::bind((address, port))
            .with_context(|| format!("cannot listen on port {port} of {address}"))?;
        // Connections have it from the socket that they come from.
        set_congestion_control(&listener, congestion_control)
            .with_context(|| format!("cannot take {congestion_control}"))?;
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                // Who is served sees how it ended.
                thread::spawn(move || one(stream));
            }
        });
    }
    Ok(())
}

fn sink(mut stream: TcpStream) -> io::Result<()> {
    let (mut digest, mut piece) = (Digest::new(), vec![0; PIECE]);
    loop {
        match stream.read(&mut piece) {
            Ok(0) => break,
            Ok(length) => digest.add(&piece[..length]),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    stream.write_all(&digest.receipt().bytes())
}

fn source(mut stream: TcpStream) -> io::Result<()> {
    let mut request = [0; REQUEST_LEN];
    stream.read_exact(&mut request)?;
    let Some(Request { length, seed }) = Request::read(&request) else { return Ok(()) };
    let (mut content, mut piece, mut left) = (Content::new(seed), vec![0; PIECE], length);
    while left > 0 {
        let size = piece.len().min(usize::try_from(left).unwrap_or(usize::MAX));
        content.fill(&mut piece[..size]);
        stream.write_all(&piece[..size])?;
        left -= size as u64;
    }
    stream.shutdown(Shutdown::Write)
}
