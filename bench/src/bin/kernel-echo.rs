//! The echo service on the kernel's own UDP, behind a pair of virtual Ethernet interfaces.
//!
//! Makes the pair (`--interface` is the host's end), and a network namespace of its own for the other.

#![forbid(unsafe_code)]

use std::{
    io::{IoSlice, IoSliceMut},
    net::UdpSocket,
    os::fd::AsRawFd,
    process::{Command, Stdio},
    sync::mpsc,
    thread,
};

use anyhow::{Context, Result, anyhow, ensure};
use bench::Arguments;
use clap::Parser;
use nix::{
    errno::Errno,
    sched::{CloneFlags, unshare},
    sys::socket::{MsgFlags, MultiHeaders, SockaddrIn, recvmmsg, sendmmsg},
    unistd::gettid,
};

/// The most datagrams that one system call takes.
const BATCH: usize = 64;
/// What may wait in the socket, in bytes.
const WAITING: usize = 16 << 20;
/// The name of the service's end of the pair.
const INSIDE: &str = "inside";

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let (interface, prefix) = (&arguments.interface, arguments.ipv4.prefix());
    // One that ended a moment ago may have left its own: the kernel cleans a namespace up in its own time.
    let _ = Command::new("ip").args(["link", "delete", interface]).stderr(Stdio::null()).status();
    ip(&["link", "add", interface, "type", "veth", "peer", "name", INSIDE])?;
    ip(&["address", "add", &format!("{}/{prefix}", arguments.ipv4_gateway), "dev", interface])?;
    ip(&["link", "set", "dev", interface, "up"])?;
    let (namespace, entered) = mpsc::channel();
    let (moved, inside) = mpsc::channel();
    // A namespace can be that of one thread, whose number stands for it.
    let server = thread::spawn(move || -> Result<()> {
        unshare(CloneFlags::CLONE_NEWNET).context("cannot make a network namespace")?;
        namespace.send(gettid())?;
        inside.recv().context("the interface was not moved")?;
        ip(&["address", "add", &arguments.ipv4.to_string(), "dev", INSIDE])?;
        ip(&["link", "set", "dev", INSIDE, "up"])?;
        serve(&UdpSocket::bind((arguments.ipv4.address(), arguments.port))?)
    });
    if let Ok(thread) = entered.recv() {
        ip(&["link", "set", "dev", INSIDE, "netns", &thread.to_string()])?;
        moved.send(())?;
    }
    server.join().map_err(|_| anyhow!("the server panicked"))?
}

fn ip(arguments: &[&str]) -> Result<()> {
    let status = Command::new("ip").args(arguments).status().context("cannot start ip")?;
    ensure!(status.success(), "ip {}: {status}", arguments.join(" "));
    Ok(())
}

fn serve(socket: &UdpSocket) -> Result<()> {
    bench::set_buffers(socket, WAITING).context("cannot set the buffers")?;
    let descriptor = socket.as_raw_fd();
    let mut buffers = vec![vec![0; 65_536]; BATCH];
    let mut received = MultiHeaders::<SockaddrIn>::preallocate(BATCH, None);
    let mut replies = MultiHeaders::<SockaddrIn>::preallocate(BATCH, None);
    eprintln!("serving");
    loop {
        let mut rooms: Vec<_> = buffers.iter_mut().map(|b| [IoSliceMut::new(b)]).collect();
        let flags = MsgFlags::MSG_WAITFORONE;
        let requests = match recvmmsg(descriptor, &mut received, &mut rooms, flags, None) {
            Ok(requests) => requests.map(|request| (request.address, request.bytes)),
            Err(Errno::EINTR) => continue,
            Err(errno) => return Err(errno.into()),
        };
        let (clients, lengths): (Vec<_>, Vec<_>) = requests.unzip();
        let messages = buffers.iter().zip(&lengths).map(|(b, l)| [IoSlice::new(&b[..*l])]);
        let messages: Vec<_> = messages.collect();
        let none: [nix::sys::socket::ControlMessage<'_>; 0] = [];
        match sendmmsg(descriptor, &mut replies, &messages, &clients, none, MsgFlags::empty()) {
            // What was not sent is lost, as a datagram may be.
            Ok(_) | Err(Errno::EINTR | Errno::ENOBUFS) => {}
            Err(errno) => return Err(errno.into()),
        }
    }
}
