//! Many flows to one service.

use std::{
    io::ErrorKind,
    net::{SocketAddr, UdpSocket},
    time::{Duration, Instant},
};

/// A socket, and so a flow, to this address.
pub(crate) fn flow(to: SocketAddr) -> UdpSocket {
    let any = if to.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" };
    let socket = UdpSocket::bind(any).expect("a socket can be opened");
    socket.connect(to).expect("there is a route");
    socket
}

/// Sends a request of each flow, and returns how many replies are right within this time. No request is sent again.
pub(crate) fn ask_all(flows: &[UdpSocket], requests: &[Vec<u8>], within: Duration) -> usize {
    for (flow, request) in flows.iter().zip(requests) {
        flow.send(request).expect("it can be sent");
    }
    let until = Instant::now() + within;
    let mut reply = vec![0; 65_536];
    let mut answers = flows.iter().zip(requests).map(|(flow, request)| {
        let left = until.saturating_duration_since(Instant::now()).max(Duration::from_millis(1));
        flow.set_read_timeout(Some(left)).expect("it can be set");
        match flow.recv(&mut reply) {
            Ok(length) => {
                assert!(reply[..length] == **request, "{length} bytes for {}", request.len());
                1
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => 0,
            Err(error) => panic!("{error}"),
        }
    });
    answers.by_ref().sum()
}
