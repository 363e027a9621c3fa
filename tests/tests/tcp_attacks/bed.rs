//! Linux as a server in the far namespace, and who attacks it in the near one.

use std::{
    fs,
    io::{Read, Write},
    net::{SocketAddrV4, TcpListener},
    sync::mpsc::{Receiver, channel},
    thread,
};

use lab::{
    Network,
    bad_network::{self, BadNetwork, Conditions, Link},
    soak::{frames::Mac, wire::Wire},
};

/// The interface of the attacker.
pub(crate) const NEAR: &str = "near0";
/// The port of the server.
pub(crate) const PORT: u16 = 8080;

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

/// A counter of Linux' TCP in the namespace of this thread (`TcpExt` in `/proc/net/netstat`).
pub(crate) fn counter(name: &str) -> u64 {
    let text = fs::read_to_string("/proc/thread-self/net/netstat").expect("it can be read");
    let mut lines = text.lines().filter_map(|line| line.strip_prefix("TcpExt: "));
    let (names, values) = (lines.next().expect("names"), lines.next().expect("values"));
    let at = names.split(' ').position(|one| one == name);
    let at = at.unwrap_or_else(|| panic!("there is no counter {name}"));
    values.split(' ').nth(at).and_then(|value| value.parse().ok()).expect("a number")
}
