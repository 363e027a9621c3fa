//! Ports of this machine, 127.0.0.1, that lead to a service in a network of its own: on UDP, and on TCP.

use std::{
    io::{self, ErrorKind},
    net::{Ipv4Addr, Shutdown, SocketAddr, SocketAddrV4, TcpListener, TcpStream, UdpSocket},
    num::NonZeroU16,
    os::fd::AsFd as _,
    str::FromStr,
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::Duration,
};

use anyhow::{Context as _, Result};
use lab::LONGEST_REQUEST;
use nix::{
    errno::Errno,
    poll::{PollFd, PollFlags, PollTimeout, poll},
};

use super::transport::Transport;

/// How many clients of a port are known at a time. The one that has been silent for longest is forgotten for a new one.
const CLIENTS: usize = 64;
/// How often it is looked whether it is over, in milliseconds.
const TICK: u16 = 50;

/// A port of this machine, and the one of the service that it leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Forward {
    host: u16,
    service: u16,
}

impl FromStr for Forward {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let port = |text: &str| {
            text.parse().map(NonZeroU16::get).map_err(|_| {
                format!(
                    "{text:?} is no port: a number from 1 to 65535, or two, HERE:OF-THE-SERVICE"
                )
            })
        };
        let (host, service) = text.split_once(':').unwrap_or((text, text));
        Ok(Self { host: port(host)?, service: port(service)? })
    }
}

impl Forward {
    /// How the service is reached from this machine, if it has the port on this transport.
    pub(super) fn way_in(self, transport: Transport) -> String {
        let (Self { host, service }, name) = (self, transport.name());
        let command = transport.command(Ipv4Addr::LOCALHOST, host);
        format!("On this machine, {name} port {service} is port {host}: {command}")
    }

    /// The port of 127.0.0.1, and that of the service.
    pub(super) fn ports(self) -> (u16, u16) {
        (self.host, self.service)
    }
}

/// A port that is open in the network of this machine.
#[derive(Debug)]
pub(super) struct Door {
    pub(super) socket: UdpSocket,
    /// What takes connections, if we do.
    listener: Option<TcpListener>,
    /// The port of the service.
    pub(super) port: u16,
}

/// Opens the ports, in the network where this thread is: before it goes to that of the service. Those of TCP only if
/// `with_tcp`.
///
/// # Errors
/// Another program has one of them, or this user may not have it.
pub(super) fn open(forwards: &[Forward], with_tcp: bool) -> Result<Vec<Door>> {
    let open = |forward: &Forward| {
        let (host, service) = forward.ports();
        let failed = |name| {
            format!(
                "cannot open {name} port {host} of 127.0.0.1; for another one: -p OTHER:{service}"
            )
        };
        let at = (Ipv4Addr::LOCALHOST, host);
        let socket = UdpSocket::bind(at).with_context(|| failed("UDP"))?;
        socket.set_nonblocking(true)?;
        let listen = || -> io::Result<_> {
            let listener = TcpListener::bind(at)?;
            listener.set_nonblocking(true)?;
            Ok(listener)
        };
        let listener = with_tcp.then(listen).transpose().with_context(|| failed("TCP"))?;
        Ok(Door { socket, listener, port: service })
    };
    forwards.iter().map(open).collect()
}

/// Takes connections at this door until `is_over`, and carries bytes both ways between each and the service at `to`, in whose
/// network this thread is.
///
/// # Errors
/// The operating system cannot wait, or cannot take from the door.
pub(super) fn relay_connections(door: &Door, to: Ipv4Addr, is_over: &AtomicBool) -> Result<()> {
    let Some(listener) = &door.listener else { return Ok(()) };
    let to = SocketAddrV4::new(to, door.port);
    while !is_over.load(Ordering::Relaxed) {
        let mut ready = [PollFd::new(listener.as_fd(), PollFlags::POLLIN)];
        match poll(&mut ready, PollTimeout::from(TICK)) {
            Ok(_) | Err(Errno::EINTR) => {}
            Err(errno) => return Err(errno).context("cannot wait for connections"),
        }
        let client = match listener.accept() {
            Ok((client, _)) => client,
            Err(error) if error.kind() == ErrorKind::WouldBlock => continue,
            Err(error) => return Err(error).context("cannot take a connection at 127.0.0.1"),
        };
        client.set_nonblocking(false)?;
        // Without the service, the connection ends here.
        let Ok(service) = TcpStream::connect(to) else { continue };
        let ends = [(client.try_clone()?, service.try_clone()?), (service, client)];
        // They end with the connection, or with this process.
        for (from, to) in ends {
            thread::spawn(move || carry(from, to));
        }
    }
    Ok(())
}

/// Carries bytes one way until their end, and that too.
fn carry(mut from: TcpStream, mut to: TcpStream) {
    if io::copy(&mut from, &mut to).is_err() {
        let _ = from.shutdown(Shutdown::Both);
    }
    let _ = to.shutdown(Shutdown::Write);
}

/// Somebody at a door, and the socket that is theirs in the network of the service.
struct Client {
    address: SocketAddr,
    socket: UdpSocket,
}

/// Carries datagrams both ways between this door and the service at `to`, in whose network this thread is, until
/// `is_over`.
///
/// # Errors
/// The operating system cannot wait, or cannot take from the door.
pub(super) fn relay(door: &Door, to: Ipv4Addr, is_over: &AtomicBool) -> Result<()> {
    let to = SocketAddrV4::new(to, door.port);
    // The one that was heard of last is the last.
    let mut clients: Vec<Client> = Vec::new();
    let mut buffer = vec![0; LONGEST_REQUEST];
    while !is_over.load(Ordering::Relaxed) {
        let mut ready: Vec<_> = std::iter::once(&door.socket)
            .chain(clients.iter().map(|client| &client.socket))
            .map(|socket| PollFd::new(socket.as_fd(), PollFlags::POLLIN))
            .collect();
        match poll(&mut ready, PollTimeout::from(TICK)) {
            Ok(_) | Err(Errno::EINTR) => {}
            Err(errno) => return Err(errno).context("cannot wait for datagrams"),
        }
        let is_ready: Vec<bool> = ready.iter().map(|one| one.any().unwrap_or(false)).collect();
        for (client, _) in clients.iter().zip(is_ready.iter().skip(1)).filter(|(_, ready)| **ready)
        {
            // Also the news that nothing is bound to the port, which a datagram cannot carry.
            while let Ok(length) = client.socket.recv(&mut buffer) {
                // Who has gone away misses nothing.
                let _ = door.socket.send_to(&buffer[..length], client.address);
            }
        }
        if is_ready.first() == Some(&true) {
            take(door, to, &mut clients, &mut buffer)?;
        }
    }
    Ok(())
}

/// Takes what is at the door, and sends it to the service.
fn take(door: &Door, to: SocketAddrV4, clients: &mut Vec<Client>, buffer: &mut [u8]) -> Result<()> {
    loop {
        let (length, address) = match door.socket.recv_from(buffer) {
            Ok(came) => came,
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
            // Of a reply that nobody waited for any longer.
            Err(error) if error.kind() == ErrorKind::ConnectionRefused => continue,
            Err(error) => return Err(error).context("cannot receive at 127.0.0.1"),
        };
        let client = match clients.iter().position(|client| client.address == address) {
            Some(known) => clients.remove(known),
            None => {
                if clients.len() == CLIENTS {
                    clients.remove(0);
                }
                Client { address, socket: connect(to).context("cannot open a socket")? }
            }
        };
        // A datagram may be lost.
        let _ = client.socket.send(&buffer[..length]);
        clients.push(client);
    }
}

fn connect(to: SocketAddrV4) -> io::Result<UdpSocket> {
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0))?;
    socket.connect(to)?;
    socket.set_nonblocking(true)?;
    Ok(socket)
}

/// How long a worker waits for a datagram before it looks whether it is over.
pub(super) const LOOK: Duration = Duration::from_millis(TICK as u64);

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};

    use super::*;

    #[test]
    fn a_port_or_two() {
        let read = |text: &str| text.parse::<Forward>();
        assert_eq!(read("8080"), Ok(Forward { host: 8080, service: 8080 }));
        assert_eq!(read("1:65535"), Ok(Forward { host: 1, service: 65535 }));
        for text in ["", "0", "65536", "x", "1:", ":1", "1:2:3", "-1"] {
            assert!(read(text).is_err_and(|error| error.contains("no port")), "{text}");
        }
    }

    /// More clients than are known at a time, each with a request and its reply.
    #[test]
    fn each_client_gets_its_own_reply() {
        let service = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        service.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        let port = service.local_addr().unwrap().port();
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        socket.set_nonblocking(true).unwrap();
        let door = Door { socket, listener: None, port };
        let at = door.socket.local_addr().unwrap();
        let is_over = AtomicBool::new(false);
        thread::scope(|scope| {
            let relay = scope.spawn(|| relay(&door, Ipv4Addr::LOCALHOST, &is_over));
            let ask = |number: u32| {
                let client = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
                client.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
                client.send_to(&number.to_be_bytes(), at).unwrap();
                let mut request = [0; 8];
                let (length, from) = service.recv_from(&mut request).unwrap();
                service.send_to(&request[..length], from).unwrap();
                let mut reply = [0; 8];
                let length = client.recv(&mut reply).unwrap();
                assert_eq!(reply[..length], number.to_be_bytes());
            };
            (0..2 * CLIENTS as u32).for_each(ask);
            is_over.store(true, Ordering::Relaxed);
            relay.join().unwrap().unwrap();
        });
    }

    /// Connections at the same time, each with bytes and an end in both directions.
    #[test]
    fn connections_are_carried_both_ways() {
        let service = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = service.local_addr().unwrap().port();
        let door = open(&[Forward { host: 0, service: port }], true).unwrap().remove(0);
        let at = door.listener.as_ref().unwrap().local_addr().unwrap();
        let is_over = AtomicBool::new(false);
        thread::scope(|scope| {
            let relay = scope.spawn(|| relay_connections(&door, Ipv4Addr::LOCALHOST, &is_over));
            let mut clients = [0, 1].map(|_| TcpStream::connect(at).unwrap());
            for (number, client) in clients.iter_mut().enumerate() {
                client.write_all(&[number as u8; 100_000]).unwrap();
                client.shutdown(Shutdown::Write).unwrap();
            }
            for _ in 0..clients.len() {
                let (mut connection, _) = service.accept().unwrap();
                let mut request = Vec::new();
                connection.read_to_end(&mut request).unwrap();
                connection.write_all(&request[..50_000]).unwrap();
            }
            for (number, client) in clients.iter_mut().enumerate() {
                let mut reply = Vec::new();
                client.read_to_end(&mut reply).unwrap();
                assert_eq!(reply, [number as u8; 50_000]);
            }
            is_over.store(true, Ordering::Relaxed);
            relay.join().unwrap().unwrap();
        });
    }

    #[test]
    fn a_port_that_is_taken_is_named() {
        let udp = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let tcp = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        for (taken, name) in [(udp.local_addr(), "UDP"), (tcp.local_addr(), "TCP")] {
            let port = taken.unwrap().port();
            let error = open(&[Forward { host: port, service: 8080 }], true).unwrap_err();
            let error = format!("{error:#}");
            let words = format!("{name} port {port}");
            assert!(error.contains(&words) && error.contains("-p OTHER:8080"), "{error}");
        }
    }
}
