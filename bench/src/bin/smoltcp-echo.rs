//! The echo service on smoltcp with its own TAP device, as its examples write it.

#![forbid(unsafe_code)]

use std::os::fd::AsRawFd;

use anyhow::{Result, anyhow};
use bench::Arguments;
use clap::Parser;
use smoltcp::{
    iface::{Config, Interface, PollResult, SocketSet},
    phy::{Device, Medium, TunTapInterface, wait},
    socket::udp::{PacketBuffer, PacketMetadata, Socket},
    time::Instant,
    wire::{EthernetAddress, IpAddress, IpCidr},
};

/// Datagrams that may wait: more than any load has outstanding.
const DATAGRAMS: usize = 128;
/// The bytes that may wait: 64 of the longest datagrams.
const BYTES: usize = 64 * 65_536;
/// IPv4 and UDP, in bytes.
const HEADERS: usize = 20 + 8;

fn main() -> Result<()> {
    let arguments = Arguments::parse();
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
    let buffer = || PacketBuffer::new(vec![PacketMetadata::EMPTY; DATAGRAMS], vec![0; BYTES]);
    let mut sockets = SocketSet::new(vec![]);
    let handle = sockets.add(Socket::new(buffer(), buffer()));
    let bound = sockets.get_mut::<Socket<'_>>(handle).bind(arguments.port);
    bound.map_err(|error| anyhow!("cannot bind port {}: {error}", arguments.port))?;
    let mut request = vec![0; 65_536];
    let longest_packet = device.capabilities().ip_mtu();
    eprintln!("serving");
    loop {
        let polled = interface.poll(Instant::now(), &mut device, &mut sockets);
        let mut echoed = false;
        loop {
            let socket = sockets.get_mut::<Socket<'_>>(handle);
            let Ok((length, from)) = socket.recv_slice(&mut request) else { break };
            // What finds no room is lost, as a datagram may be.
            let _ = socket.send_slice(&request[..length], from.endpoint);
            echoed = true;
            // smoltcp has one place for a datagram that goes out in fragments; the next large one would
            // push it out.
            if length + HEADERS > longest_packet {
                send_all(&mut interface, &mut device, &mut sockets);
            }
        }
        if !echoed && polled == PollResult::None {
            let delay = interface.poll_delay(Instant::now(), &sockets);
            wait(descriptor, delay)?;
        }
    }
}

/// Sends all that waits, the fragments of a datagram included.
fn send_all(interface: &mut Interface, device: &mut impl Device, sockets: &mut SocketSet<'_>) {
    let now = Instant::now();
    loop {
        let result = interface.poll_egress(now, device, sockets);
        let more = interface.poll_at(now, sockets).is_some_and(|at| at <= now);
        if result == PollResult::None && !more {
            return;
        }
    }
}
