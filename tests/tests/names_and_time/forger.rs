//! A host beside the path that forges answers of the server of names.

use std::{
    cell::RefCell,
    net::{Ipv4Addr, SocketAddrV4},
    os::fd::{AsRawFd as _, OwnedFd},
    thread,
    time::Duration,
};

use nix::sys::socket::{
    AddressFamily, MsgFlags, SockFlag, SockProtocol, SockType, SockaddrIn, sendto, socket,
};
use testkit::Random;

/// Whose answers it forges, and what they say.
const SERVER: [u8; 4] = [10, 0, 0, 1];
const FORGED: [u8; 4] = [203, 0, 113, 66];

/// How many answers are sent at once, and how long it waits then: no more than the service takes.
const BURST: usize = 100;
const PAUSE: Duration = Duration::from_millis(5);

/// A socket that sends packets with any source.
pub(crate) struct Forger {
    socket: OwnedFd,
    service: Ipv4Addr,
    random: RefCell<Random>,
}

impl Forger {
    pub(crate) fn open(service: Ipv4Addr) -> Self {
        let socket =
            socket(AddressFamily::Inet, SockType::Raw, SockFlag::SOCK_CLOEXEC, SockProtocol::Raw);
        let socket = socket.expect("the namespace is ours");
        Self { socket, service, random: RefCell::new(Random::new(5452)) }
    }

    /// Sends a burst of answers to a question for the addresses of this name, with random numbers, to random ports; returns how many
    /// were sent.
    pub(crate) fn flood(&self, name: &str) -> usize {
        let to = SockaddrIn::from(SocketAddrV4::new(self.service, 0));
        let mut random = self.random.borrow_mut();
        for _ in 0..BURST {
            let (id, port) = (random.bits() as u16, 1024 + random.below(64_512) as u16);
            let packet = self.packet(id, port, name);
            // What the queue has no room for is lost.
            let _ = sendto(self.socket.as_raw_fd(), &packet, &to, MsgFlags::empty());
        }
        thread::sleep(PAUSE);
        BURST
    }

    /// A packet of IPv4 (Linux fills in what is 0) with a datagram without a checksum, with an answer (RFC 1035 4.1).
    fn packet(&self, id: u16, port: u16, name: &str) -> Vec<u8> {
        let mut message = [&id.to_be_bytes()[..], &[0x81, 0x80, 0, 1, 0, 1, 0, 0, 0, 0]].concat();
        for label in name.split('.') {
            message.push(label.len() as u8);
            message.extend(label.bytes());
        }
        message.extend([0, 0, 1, 0, 1]);
        message.extend([0xc0, 12, 0, 1, 0, 1, 0, 1, 0x51, 0x80, 0, 4]);
        message.extend(FORGED);
        let length = 8 + message.len() as u16;
        let mut packet = vec![0x45, 0];
        packet.extend((20 + length).to_be_bytes());
        packet.extend([0, 0, 0, 0, 64, 17, 0, 0]);
        packet.extend(SERVER);
        packet.extend(self.service.octets());
        for field in [53, port, length, 0] {
            packet.extend(field.to_be_bytes());
        }
        packet.extend(message);
        packet
    }
}
