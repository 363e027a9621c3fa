//! All frames that pass an interface of the host, in either direction.

use std::{
    os::fd::{AsFd, AsRawFd, OwnedFd},
    time::Instant,
};

use anyhow::{Context, Result};
use nix::{
    errno::Errno,
    poll::{PollFd, PollFlags, PollTimeout, poll},
    sys::socket::{
        AddressFamily, MsgFlags, SockFlag, SockProtocol, SockType, bind, recv, setsockopt, socket,
        sockopt,
    },
};

use crate::wire::link;

/// The longest frame that is read, in bytes.
const LONGEST: usize = 65_536 + 14;
/// What may wait to be read, in bytes.
const WAITING: usize = 32 << 20;

/// A packet socket (packet(7)) that hears everything at one interface.
#[derive(Debug)]
pub struct Ear {
    socket: OwnedFd,
    bytes: Vec<u8>,
}

impl Ear {
    /// Listens at `interface`, in the network namespace of this thread.
    ///
    /// # Errors
    /// There is no such interface, or no right to receive frames.
    pub fn open(interface: &str) -> Result<Self> {
        let (kind, flags) = (SockType::Raw, SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK);
        let socket = socket(AddressFamily::Packet, kind, flags, SockProtocol::EthAll)
            .context("cannot open a packet socket")?;
        bind(socket.as_raw_fd(), &link(interface)?)
            .with_context(|| format!("cannot bind a packet socket to {interface}"))?;
        // Where it is refused, what comes fast is lost.
        let _ = setsockopt(&socket, sockopt::RcvBufForce, &WAITING);
        Ok(Self { socket, bytes: vec![0; LONGEST] })
    }

    /// The next frame; none if there is none in time.
    ///
    /// # Errors
    /// The interface is gone.
    pub fn hear(&mut self, deadline: Instant) -> Result<Option<Vec<u8>>> {
        loop {
            match recv(self.socket.as_raw_fd(), &mut self.bytes, MsgFlags::empty()) {
                Ok(length) => return Ok(Some(self.bytes[..length].to_vec())),
                Err(Errno::EAGAIN | Errno::EINTR) => {
                    let left = deadline.saturating_duration_since(Instant::now());
                    if left.is_zero() {
                        return Ok(None);
                    }
                    let left = PollTimeout::try_from(left.as_millis() + 1);
                    let mut readable = [PollFd::new(self.socket.as_fd(), PollFlags::POLLIN)];
                    let _ = poll(&mut readable, left.unwrap_or(PollTimeout::MAX));
                }
                Err(errno) => return Err(errno).context("cannot receive frames"),
            }
        }
    }
}
