//! A connection of the host to a server that is attacked, and who looks on.

use std::{
    io::{Read, Write},
    net::{Ipv4Addr, SocketAddr, SocketAddrV4, TcpStream},
    time::Duration,
};

use lab::soak::{attacks::tcp::Flow, frames::Mac, puppet::Puppet, tcp::Segment, wire::Wire};

/// The addresses of the attacker, which are nobody's.
pub(crate) const EVIL_MAC: Mac = [2, 0xbd, 0, 0, 0, 1];
pub(crate) const EVIL: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 66);
/// How long something may take that happens.
pub(crate) const SOON: Duration = Duration::from_secs(5);
/// How long nothing happens before that counts.
pub(crate) const SILENCE: Duration = Duration::from_millis(300);

/// A connection of the host, and who saw its segments.
pub(crate) struct Watched {
    pub(crate) stream: TcpStream,
    pub(crate) puppet: Puppet,
    pub(crate) flow: Flow,
}

impl Watched {
    /// Connects to the server behind `interface`, and looks on.
    pub(crate) fn open(interface: &str, (victim_mac, victim): (Mac, SocketAddrV4)) -> Self {
        let puppet = Puppet::open(interface, EVIL_MAC, EVIL).expect("it may");
        let stream = TcpStream::connect(victim).expect("the server listens");
        stream.set_read_timeout(Some(SOON)).expect("a timeout can be set");
        stream.set_nodelay(true).expect("it can be set");
        let SocketAddr::V4(peer) = stream.local_addr().expect("it has one") else {
            panic!("this is IPv4")
        };
        let mac = Wire::open(interface).expect("the interface is there").mac();
        Self { stream, puppet, flow: Flow { victim_mac, victim, peer, mac } }
    }

    /// Says something, and hears it again. Returns the segment that it was in: what comes behind it is what the server
    /// expects next, and its acknowledgment is what the server has sent.
    pub(crate) fn talk(&mut self, words: &str) -> Result<Segment, String> {
        self.puppet.forget().expect("the interface stays");
        self.stream.write_all(words.as_bytes()).map_err(|error| error.to_string())?;
        let mut heard = vec![0; words.len()];
        self.stream.read_exact(&mut heard).map_err(|error| error.to_string())?;
        assert_eq!(heard, words.as_bytes());
        let peer = self.flow.peer;
        let said = self.puppet.find(SOON, |segment| segment.source == peer);
        let (segment, payload) = said.expect("the interface stays").expect("it was sent");
        assert_eq!(payload, words.as_bytes());
        Ok(segment)
    }

    /// Whether the server sends a segment to its peer now.
    pub(crate) fn is_answered(&mut self) -> bool {
        let Flow { victim, peer, .. } = self.flow;
        let between = |segment: &Segment| segment.source == victim && segment.destination == peer;
        self.puppet.find(SILENCE, between).expect("the interface stays").is_some()
    }

    /// Sends frames that somebody made up.
    pub(crate) fn attack(&mut self, frames: &[Vec<u8>]) {
        self.puppet.forget().expect("the interface stays");
        frames.iter().for_each(|frame| self.puppet.wire().send(frame).expect("it is sent"));
    }
}
