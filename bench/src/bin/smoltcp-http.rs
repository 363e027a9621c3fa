//! The HTTP service on smoltcp with its own TAP device, as its examples write it: so many sockets listen at one port.

#![forbid(unsafe_code)]

use std::os::fd::AsRawFd;

use anyhow::{Result, anyhow};
use bench::{Arguments, http::Conversation};
use clap::Parser;
use smoltcp::{
    iface::{Config, Interface, PollResult, SocketHandle, SocketSet},
    phy::{Medium, TunTapInterface, wait},
    socket::tcp::{CongestionControl, Socket, SocketBuffer, State},
    time::Instant,
    wire::{EthernetAddress, IpAddress, IpCidr},
};

#[derive(Parser)]
struct Line {
    #[command(flatten)]
    arguments: Arguments,
    /// How many connections there are at most
    #[arg(long, default_value_t = 128)]
    connections: usize,
    /// The size of each of their two buffers in bytes
    #[arg(long, default_value_t = 1 << 16)]
    buffer: usize,
}

fn main() -> Result<()> {
    let Line { arguments, connections, buffer } = Line::parse();
    let mut device = TunTapInterface::new(&arguments.interface, Medium::Ethernet)?;
    let descriptor = device.as_raw_fd();
    let mac = EthernetAddress([2, 0, 0, 0, 0, 2]);
    let mut interface = Interface::new(Config::new(mac.into()), &mut device, Instant::now());
    let address = IpAddress::Ipv4(arguments.ipv4.address());
    let cidr = IpCidr::new(address, arguments.ipv4.prefix());
    let mut full = false;
    interface.update_ip_addrs(|addresses| full = addresses.push(cidr).is_err());
    if full {
        return Err(anyhow!("smoltcp has no place for an address"));
    }
    let mut sockets = SocketSet::new(vec![]);
    let mut talks: Vec<(SocketHandle, Conversation)> = (0..connections)
        .map(|_| {
            let bytes = || SocketBuffer::new(vec![0; buffer]);
            let mut socket = Socket::new(bytes(), bytes());
            socket.set_nagle_enabled(false);
            socket.set_congestion_control(CongestionControl::Cubic);
            (sockets.add(socket), Conversation::default())
        })
        .collect();
    eprintln!("serving");
    loop {
        let polled = interface.poll(Instant::now(), &mut device, &mut sockets);
        let mut moved = false;
        for (handle, conversation) in &mut talks {
            let socket = sockets.get_mut::<Socket<'_>>(*handle);
            moved |= go_on(socket, conversation, arguments.port);
        }
        if !moved && polled == PollResult::None {
            let delay = interface.poll_delay(Instant::now(), &sockets);
            wait(descriptor, delay)?;
        }
    }
}

/// Receives and sends what can be; says whether anything was.
fn go_on(socket: &mut Socket<'_>, conversation: &mut Conversation, port: u16) -> bool {
    match socket.state() {
        State::Closed => {
            *conversation = Conversation::default();
            // A port other than 0 is always taken.
            return socket.listen(port).is_ok();
        }
        // It waits for 10 s, in which nobody else could have the socket.
        State::TimeWait => {
            socket.abort();
            return true;
        }
        State::Listen => return false,
        _ => {}
    }
    let mut moved = false;
    while socket.can_recv() {
        let received = socket.recv(|bytes| (bytes.len(), conversation.receive(bytes)));
        moved = true;
        if !matches!(received, Ok(Ok(()))) {
            socket.abort();
            return true;
        }
    }
    while socket.can_send() && !conversation.to_send().is_empty() {
        let Ok(length) = socket.send_slice(conversation.to_send()) else { break };
        moved = true;
        if conversation.sent(length).is_err() {
            socket.abort();
            return true;
        }
    }
    let is_over = conversation.closes() && conversation.to_send().is_empty();
    if socket.may_send() && (is_over || !socket.may_recv() && socket.state() == State::CloseWait) {
        socket.close();
        moved = true;
    }
    moved
}
