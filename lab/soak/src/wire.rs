//! Frames of any content into the network of a service, from the host's side of its interface.

use std::{
    io::IoSlice,
    os::fd::{AsRawFd, OwnedFd},
    thread,
    time::Duration,
};

use anyhow::{Context, Result};
use nix::{
    errno::Errno,
    ifaddrs::getifaddrs,
    sys::socket::{AddressFamily, LinkAddr, MsgFlags, SockFlag, SockType, bind, sendmsg, socket},
};

use crate::frames::Mac;

/// How long a queue that is full is left alone.
const PAUSE: Duration = Duration::from_micros(100);

/// A packet socket (packet(7)) that sends through one interface, and receives nothing.
#[derive(Debug)]
pub struct Wire {
    socket: OwnedFd,
    mac: Mac,
}

impl Wire {
    /// Opens the wire through `interface`, in the network namespace of this thread.
    ///
    /// # Errors
    /// There is no such interface, or no right to send frames.
    pub fn open(interface: &str) -> Result<Self> {
        let address = link(interface)?;
        let mac = address.addr().context("the interface has no hardware address")?;
        // Without a protocol it is given no frame.
        let socket = socket(AddressFamily::Packet, SockType::Raw, SockFlag::SOCK_CLOEXEC, None)
            .context("cannot open a packet socket")?;
        bind(socket.as_raw_fd(), &address)
            .with_context(|| format!("cannot bind a packet socket to {interface}"))?;
        Ok(Self { socket, mac })
    }

    /// The hardware address of the host at this interface.
    pub fn mac(&self) -> Mac {
        self.mac
    }

    /// Sends a frame; says whether there was room for it in the interface's queue. Frames that are
    /// sent faster than the service takes them are lost further on, unseen.
    ///
    /// # Errors
    /// The kernel refuses the frame, or the interface is gone.
    pub fn try_send(&self, frame: &[u8]) -> Result<bool> {
        let parts = [IoSlice::new(frame)];
        let sent =
            sendmsg::<LinkAddr>(self.socket.as_raw_fd(), &parts, &[], MsgFlags::empty(), None);
        match sent {
            Ok(_) => Ok(true),
            Err(Errno::ENOBUFS | Errno::EAGAIN | Errno::EINTR) => Ok(false),
            Err(errno) => Err(errno).with_context(|| format!("cannot send {} bytes", frame.len())),
        }
    }

    /// Sends a frame, and waits for room where there is none.
    ///
    /// # Errors
    /// As [`try_send`](Self::try_send).
    pub fn send(&self, frame: &[u8]) -> Result<()> {
        while !self.try_send(frame)? {
            thread::sleep(PAUSE);
        }
        Ok(())
    }
}

/// The address of an interface of this thread's network namespace, for packet sockets.
pub(crate) fn link(interface: &str) -> Result<LinkAddr> {
    let mut addresses = getifaddrs()
        .context("cannot list the interfaces")?
        .filter(|one| one.interface_name == interface);
    addresses
        .find_map(|one| one.address?.as_link_addr().copied())
        .with_context(|| format!("there is no interface {interface}"))
}
