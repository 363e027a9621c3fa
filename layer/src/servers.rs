//! Lists of servers that a program asks: those of names, those of the time.

use core::{
    error::Error,
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    ops::Deref,
    str::FromStr,
};

use crate::{is_unicast, parse_ipv4, split::split};

const MOST: usize = 4;

const EXPECTED: &str = "1 to 4 addresses of servers: 192.0.2.1,192.0.2.2";

/// A list of servers of one protocol, whose port is `PORT` where a text does not say another one; the preferred server first,
/// 4 at most.
///
/// ```
/// let servers: layer::Servers<53> = "192.0.2.1,[2001:db8::1]:5353".parse()?;
/// assert_eq!(servers[0], "192.0.2.1:53".parse()?);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy)]
pub struct Servers<const PORT: u16> {
    list: [SocketAddr; MOST],
    length: usize,
}

impl<const PORT: u16> Servers<PORT> {
    /// How many servers a list has at most.
    pub const MOST: usize = MOST;

    /// What a text must be to be a list: the message for an argument of a program.
    pub const EXPECTED: &str = EXPECTED;

    /// No server.
    pub const NONE: Self =
        Self { list: [SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), 0); MOST], length: 0 };

    /// Adds a server at the end; returns whether it was added. That needs room, and the address and the port of a host.
    pub fn push(&mut self, server: SocketAddr) -> bool {
        let is_host = match server.ip() {
            IpAddr::V4(address) => is_unicast(address),
            IpAddr::V6(address) => !address.is_unspecified() && !address.is_multicast(),
        };
        match self.list.get_mut(self.length) {
            Some(place) if is_host && server.port() != 0 => *place = server,
            _ => return false,
        }
        self.length += 1;
        true
    }

    /// Parses `text` into this list, in place of what is in it; returns whether it is valid. If it is not, the list may
    /// have some of the servers.
    pub fn set(&mut self, text: &str) -> bool {
        *self = Self::NONE;
        split(text, b',').all(|server| parse(server, PORT).is_some_and(|server| self.push(server)))
            && self.length > 0
    }
}

/// An address, whose port is `port`, or an address with a port.
fn parse(text: &str, port: u16) -> Option<SocketAddr> {
    if let Some(address) = parse_ipv4(text) {
        return Some((address, port).into());
    }
    let with_port = || text.parse().ok();
    text.parse::<Ipv6Addr>().map_or_else(|_| with_port(), |address| Some((address, port).into()))
}

impl<const PORT: u16> Default for Servers<PORT> {
    fn default() -> Self {
        Self::NONE
    }
}

impl<const PORT: u16> Deref for Servers<PORT> {
    type Target = [SocketAddr];

    fn deref(&self) -> &[SocketAddr] {
        &self.list[..self.length]
    }
}

impl<const PORT: u16> FromIterator<SocketAddr> for Servers<PORT> {
    /// The first of `servers`, as many as there is room for.
    fn from_iter<T: IntoIterator<Item = SocketAddr>>(servers: T) -> Self {
        let mut list = Self::NONE;
        for server in servers {
            list.push(server);
        }
        list
    }
}

impl<const PORT: u16> FromStr for Servers<PORT> {
    type Err = ParseServersError;

    fn from_str(text: &str) -> Result<Self, ParseServersError> {
        let mut servers = Self::NONE;
        if servers.set(text) { Ok(servers) } else { Err(ParseServersError) }
    }
}

impl<const PORT: u16> PartialEq for Servers<PORT> {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl<const PORT: u16> Eq for Servers<PORT> {}

impl<const PORT: u16> fmt::Debug for Servers<PORT> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

/// A text is not a list of servers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ParseServersError;

impl fmt::Display for ParseServersError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "not a list of servers: expected {EXPECTED}")
    }
}

impl Error for ParseServersError {}

#[cfg(test)]
mod tests {
    use std::string::ToString;

    use super::*;

    #[test]
    fn a_list_has_one_to_four_servers_with_their_ports() {
        let servers: Servers<53> =
            "192.0.2.1,192.0.2.2:5353,2001:db8::1,[2001:db8::2]:54".parse().unwrap();
        let texts = ["192.0.2.1:53", "192.0.2.2:5353", "[2001:db8::1]:53", "[2001:db8::2]:54"];
        assert_eq!(*servers, texts.map(|text| text.parse().unwrap()));
        for text in [
            "",
            ",",
            "192.0.2.1,",
            "192.0.2.1:0",
            "192.0.2.1:65536",
            "0.0.0.0",
            "224.0.0.1",
            "255.255.255.255",
            "::",
            "ff02::1",
            "[2001:db8::1]",
            "example.org",
            "1.1.1.1,1.1.1.2,1.1.1.3,1.1.1.4,1.1.1.5",
        ] {
            let error = text.parse::<Servers<53>>().unwrap_err();
            assert!(error.to_string().contains(EXPECTED), "{text}");
        }
    }
}
