//! Linux as a server in the far namespace, and who attacks it in the near one.

use std::{
    fs,
    io::{Read, Write},
    net::{Ipv4Addr, SocketAddrV4, TcpListener, TcpStream},
    sync::mpsc::{Receiver, channel},
    thread,
    time::Duration,
};

use lab::{
    Network,
    bad_network::{self, BadNetwork, Conditions, Link},
    soak::{attacks::tcp::Flow, frames::Mac, puppet::Puppet, tcp::Segment, wire::Wire},
};

/// The interface of the attacker.
pub(crate) const NEAR: &str = "near0";
/// Its addresses, which are nobody's.
pub(crate) const EVIL_MAC: Mac = [2, 0xbd, 0, 0, 0, 1];
pub(crate) const EVIL: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 66);
/// The port of the server.
pub(crate) const PORT: u16 = 8080;
/// How long something may take that happens.
pub(crate) const SOON: Duration = Duration::from_secs(5);
/// How long nothing happens before that counts.
pub(crate) const SILENCE: Duration = Duration::from_millis(300);

/// Calls `test` in the far namespace of a network with these conditions.
pub(crate) fn with<T: Send>(
    conditions: Conditions,
    test: impl FnOnce(&BadNetwork) -> T + Send,
) -> T {
    let link = Link::Frames { conditions: [conditions; 2], seed: 1 };
    let network = Network { prefix: 16, ..Network::default() };
    bad_network::between(network, link, test).unwrap_or_else(|error| panic!("{error:#}"))
}

/// Where the server is.
pub(crate) fn server(bad: &BadNetwork) -> (Mac, SocketAddrV4) {
    let bridge = Wire::open("bridge0").expect("the bridge is there");
    (bridge.mac(), SocketAddrV4::new(bad.linux(), PORT))
}

/// Listens, and answers each connection with what it says. What comes is told too, one read after the other, and in the
/// end how a connection ended.
pub(crate) fn echo(to: SocketAddrV4) -> Receiver<Result<Vec<u8>, String>> {
    let (tell, told) = channel();
    let listener = TcpListener::bind(to).expect("the port is free");
    thread::spawn(move || {
        for mut stream in listener.incoming().map_while(Result::ok) {
            let tell = tell.clone();
            thread::spawn(move || {
                let mut bytes = [0; 4096];
                loop {
                    let read = stream.read(&mut bytes).map(|length| bytes[..length].to_vec());
                    match read {
                        Ok(read) if read.is_empty() => break,
                        Ok(read) => {
                            let echoed = stream.write_all(&read).is_ok();
                            if tell.send(Ok(read)).is_err() || !echoed {
                                break;
                            }
                        }
                        Err(error) => {
                            let _ = tell.send(Err(error.kind().to_string()));
                            break;
                        }
                    }
                }
            });
        }
    });
    told
}

/// A connection of the host in the near namespace, and who saw its segments.
pub(crate) struct Watched {
    pub(crate) stream: TcpStream,
    pub(crate) puppet: Puppet,
    pub(crate) flow: Flow,
}

impl Watched {
    /// Connects to the server, and looks on.
    pub(crate) fn open((victim_mac, victim): (Mac, SocketAddrV4)) -> Self {
        let puppet = Puppet::open(NEAR, EVIL_MAC, EVIL).expect("it may");
        let stream = TcpStream::connect(victim).expect("the server listens");
        stream.set_read_timeout(Some(SOON)).expect("a timeout can be set");
        stream.set_nodelay(true).expect("it can be set");
        let std::net::SocketAddr::V4(peer) = stream.local_addr().expect("it has one") else {
            panic!("this is IPv4")
        };
        let mac = Wire::open(NEAR).expect("the interface is there").mac();
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

/// A counter of Linux' TCP in the namespace of this thread (`TcpExt` in `/proc/net/netstat`).
pub(crate) fn counter(name: &str) -> u64 {
    let text = fs::read_to_string("/proc/thread-self/net/netstat").expect("it can be read");
    let mut lines = text.lines().filter_map(|line| line.strip_prefix("TcpExt: "));
    let (names, values) = (lines.next().expect("names"), lines.next().expect("values"));
    let at = names.split(' ').position(|one| one == name);
    let at = at.unwrap_or_else(|| panic!("there is no counter {name}"));
    values.split(' ').nth(at).and_then(|value| value.parse().ok()).expect("a number")
}
