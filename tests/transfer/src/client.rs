//! The client on the sockets of Linux.

use std::{
    io::{self, Read, Write},
    net::{Ipv4Addr, Shutdown, SocketAddrV4, TcpStream},
    os::fd::AsFd,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use nix::sys::socket::{setsockopt, sockopt};

use crate::{Content, Digest, RECEIPT_LEN, Receipt, Request, SINK, SOURCE};

/// How many bytes are given to a socket at once.
pub(crate) const PIECE: usize = 1 << 16;
/// How long the handshake may take.
const CONNECT_WITHIN: Duration = Duration::from_secs(30);
/// How long nothing may happen.
const SILENCE: Duration = Duration::from_secs(60);

/// A transfer that came whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Transfer {
    /// How many bytes it carried.
    pub length: u64,
    /// From the first byte that was sent to the last one that came: the receipt's, or the content's.
    pub time: Duration,
}

impl Transfer {
    /// Megabytes (10^6 bytes) in a second.
    pub fn goodput(&self) -> f64 {
        self.length as f64 / 1e6 / self.time.as_secs_f64().max(1e-9)
    }
}

/// Sends `length` bytes, and compares the receipt with them.
///
/// # Errors
/// The connection fails, nothing moves for a minute, or other bytes came than were sent.
pub fn send(to: Ipv4Addr, length: u64, seed: u64, congestion_control: &str) -> Result<Transfer> {
    let mut stream = connect(to, SINK, congestion_control)?;
    let (mut content, mut piece, mut left) = (Content::new(seed), vec![0; PIECE], length);
    let start = Instant::now();
    while left > 0 {
        let size = piece.len().min(usize::try_from(left).unwrap_or(usize::MAX));
        content.fill(&mut piece[..size]);
        let sent = stream.write_all(&piece[..size]);
        sent.with_context(|| format!("cannot send, {left} bytes before the end"))?;
        left -= size as u64;
    }
    stream.shutdown(Shutdown::Write)?;
    let mut receipt = [0; RECEIPT_LEN];
    stream.read_exact(&mut receipt).context("there is no receipt")?;
    let time = start.elapsed();
    let more = stream.read(&mut [0; 1]).context("the connection does not end")?;
    ensure!(more == 0, "something comes after the receipt");
    let receipt = Receipt::read(&receipt).context("the receipt is short")?;
    check(receipt, length, seed)?;
    Ok(Transfer { length, time })
}

/// Asks for `length` bytes, and compares them with what they have to be.
///
/// # Errors
/// The connection fails, nothing moves for a minute, or other bytes came than were asked for.
pub fn receive(
    from: Ipv4Addr,
    length: u64,
    seed: u64,
    congestion_control: &str,
) -> Result<Transfer> {
    let mut stream = connect(from, SOURCE, congestion_control)?;
    let start = Instant::now();
    stream.write_all(&Request { length, seed }.bytes())?;
    let (mut digest, mut piece, mut time) = (Digest::new(), vec![0; PIECE], Duration::ZERO);
    loop {
        let came = stream.read(&mut piece).context("cannot receive")?;
        if came == 0 {
            break;
        }
        time = start.elapsed();
        digest.add(&piece[..came]);
    }
    check(digest.receipt(), length, seed)?;
    Ok(Transfer { length, time })
}

fn check(came: Receipt, length: u64, seed: u64) -> Result<()> {
    ensure!(came.length == length, "{} of {length} bytes came", came.length);
    let sent = Receipt::of(length, &mut Content::new(seed));
    ensure!(came == sent, "{length} bytes came, and are not those that were sent");
    Ok(())
}

fn connect(to: Ipv4Addr, port: u16, congestion_control: &str) -> Result<TcpStream> {
    let to = SocketAddrV4::new(to, port);
    let open = || -> io::Result<TcpStream> {
        let stream = TcpStream::connect_timeout(&to.into(), CONNECT_WITHIN)?;
        stream.set_read_timeout(Some(SILENCE))?;
        stream.set_write_timeout(Some(SILENCE))?;
        set_congestion_control(&stream, congestion_control)?;
        Ok(stream)
    };
    open().with_context(|| format!("cannot connect to {to}"))
}

/// Sets how a connection finds its rate.
pub(crate) fn set_congestion_control(stream: &impl AsFd, name: &str) -> io::Result<()> {
    Ok(setsockopt(stream, sockopt::TcpCongestion, &name.into())?)
}

#[cfg(test)]
mod tests {
    use std::{net::TcpListener, thread};

    use super::*;

    #[test]
    fn other_bytes_are_told() {
        let right = Receipt::of(10, &mut Content::new(1));
        assert!(check(right, 10, 1).is_ok());
        let error = |came, length, seed| check(came, length, seed).unwrap_err().to_string();
        assert_eq!(error(right, 11, 1), "10 of 11 bytes came");
        assert_eq!(error(right, 10, 2), "10 bytes came, and are not those that were sent");
    }

    #[test]
    fn nobody_listens() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        drop(listener);
        let told = thread::spawn(move || connect(Ipv4Addr::LOCALHOST, port, "cubic"));
        let error = format!("{:#}", told.join().unwrap().unwrap_err());
        assert!(error.starts_with(&format!("cannot connect to 127.0.0.1:{port}")), "{error}");
    }
}
