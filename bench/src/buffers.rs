//! The buffers of a socket.

use std::{io, net::UdpSocket};

use nix::sys::socket::{setsockopt, sockopt};

/// Lets `bytes` wait in a socket in either direction, or, for who is not root outside of all user
/// namespaces, as many of them as the system allows everybody.
///
/// # Errors
/// Those of the operating system.
pub fn set_buffers(socket: &UdpSocket, bytes: usize) -> io::Result<()> {
    setsockopt(socket, sockopt::RcvBufForce, &bytes)
        .or_else(|_| setsockopt(socket, sockopt::RcvBuf, &bytes))?;
    setsockopt(socket, sockopt::SndBufForce, &bytes)
        .or_else(|_| setsockopt(socket, sockopt::SndBuf, &bytes))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use nix::sys::socket::getsockopt;

    use super::*;

    #[test]
    fn the_buffers_grow() {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        setsockopt(&socket, sockopt::RcvBuf, &4096).unwrap();
        let before = getsockopt(&socket, sockopt::RcvBuf).unwrap();
        set_buffers(&socket, 1 << 20).unwrap();
        assert!(getsockopt(&socket, sockopt::RcvBuf).unwrap() > before);
    }
}
