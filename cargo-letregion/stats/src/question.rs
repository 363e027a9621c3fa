//! The question over UDP.

use std::{
    error, fmt,
    io::{self, ErrorKind},
    net::{Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket},
    time::{Duration, Instant},
};

use crate::{Listing, printable};

/// No datagram is longer.
const LONGEST_REPLY: usize = 1 << 16;
/// How much of a reply that is no listing is shown, in characters.
const SHOWN: usize = 200;

/// A question for counters. The reply is a listing whose lines begin with a prefix; all, if that is empty.
#[derive(Clone, Debug)]
pub struct Question {
    /// The service, and its `--stats-port`.
    pub service: SocketAddr,
    /// The beginning of the lines that are wanted: `eth0.udp`.
    pub prefix: String,
    /// How long to wait for a reply, in all.
    pub timeout: Duration,
    /// How often to ask meanwhile, because a datagram can be lost; 1 at least.
    pub tries: u32,
}

/// Why there is no listing.
#[derive(Debug)]
pub enum AskError {
    /// No reply came in time.
    Silent(Duration),
    /// The host says that nothing is bound to the port.
    Refused,
    /// The reply is none of a service at its `--stats-port`: its beginning.
    NoListing(String),
    /// No line begins with the prefix.
    NoSuchLine(String),
    /// The operating system cannot send or receive.
    System(io::Error),
}

impl fmt::Display for AskError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Silent(timeout) => write!(
                f,
                "no reply within {timeout:?}: is it running, with --stats-port, and may this host ask (--stats-from, \
                 --clients)?"
            ),
            Self::Refused => {
                f.write_str("connection refused: nothing answers at this port; see --stats-port")
            }
            Self::NoListing(text) => write!(f, "the reply is not a list of counters: {text}"),
            Self::NoSuchLine(prefix) => write!(f, "no line begins with {prefix:?}"),
            Self::System(error) => write!(f, "{error}"),
        }
    }
}

impl error::Error for AskError {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        match self {
            Self::System(error) => Some(error),
            _ => None,
        }
    }
}

impl From<io::Error> for AskError {
    fn from(error: io::Error) -> Self {
        Self::System(error)
    }
}

impl Question {
    /// Asks, again after each part of the timeout, and waits for the first reply. At least one of its lines can be read.
    ///
    /// # Errors
    /// [`AskError`].
    pub fn ask(&self) -> Result<Listing, AskError> {
        let socket = self.connect()?;
        let listing = Listing::new(&self.reply(&socket)?);
        if listing.readable() > 0 {
            Ok(listing)
        } else if listing.text().is_empty() && !self.prefix.is_empty() {
            Err(AskError::NoSuchLine(self.prefix.clone()))
        } else {
            let beginning: String = listing.text().trim_end().chars().take(SHOWN).collect();
            let shown = printable(&beginning).replace('\n', r"\n");
            Err(AskError::NoListing(if shown.is_empty() { "it is empty".into() } else { shown }))
        }
    }

    /// A socket that receives from the service alone.
    fn connect(&self) -> io::Result<UdpSocket> {
        let any: SocketAddr = match self.service {
            SocketAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
            SocketAddr::V6(_) => (Ipv6Addr::UNSPECIFIED, 0).into(),
        };
        let socket = UdpSocket::bind(any)?;
        socket.connect(self.service)?;
        Ok(socket)
    }

    fn reply(&self, socket: &UdpSocket) -> Result<Vec<u8>, AskError> {
        let start = Instant::now();
        let tries = self.tries.max(1);
        let mut reply = vec![0; LONGEST_REPLY];
        let mut is_refused = false;
        for number in 1..=tries {
            match socket.send(self.prefix.as_bytes()) {
                Ok(_) => {}
                // The word on the question before.
                Err(error) if error.kind() == ErrorKind::ConnectionRefused => is_refused = true,
                Err(error) => return Err(error.into()),
            }
            let end = self.timeout * number / tries;
            let left = || end.checked_sub(start.elapsed()).filter(|left| !left.is_zero());
            while let Some(left) = left() {
                socket.set_read_timeout(Some(left))?;
                match socket.recv(&mut reply) {
                    Ok(length) => {
                        reply.truncate(length);
                        return Ok(reply);
                    }
                    Err(error) => match error.kind() {
                        // A hint, which anybody can forge: it counts if nothing better comes.
                        ErrorKind::ConnectionRefused => is_refused = true,
                        ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted => {}
                        _ => return Err(error.into()),
                    },
                }
            }
        }
        Err(if is_refused { AskError::Refused } else { AskError::Silent(self.timeout) })
    }
}
