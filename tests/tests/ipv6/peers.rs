//! Linux as the peer: datagrams, pings, streams.

use std::{
    io::{ErrorKind, Read as _, Write as _},
    net::{Ipv6Addr, SocketAddr, TcpStream, UdpSocket},
    path::Path,
    process::{Command, Stdio},
    time::Duration,
};

use lab::{Lab, Network, Service};

use crate::program::program;

pub(crate) const HOST: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1);
pub(crate) const SERVICE: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 2);
pub(crate) const ARGUMENT: &str = "--ipv6=2001:db8::2/64";

/// Calls `test` in a network of its own, in which Linux has the address [`HOST`], with the program of `echo`.
pub(crate) fn in_lab(test: impl FnOnce(&Lab, &Path) + Send) {
    let echo = program("echo", &["ipv6", "tcp", "dhcp"]);
    lab::in_namespace(Network::default(), |lab| {
        ip(&format!("-6 address add {HOST}/64 dev tap0 nodad"));
        test(lab, &echo);
    })
    .unwrap_or_else(|error| panic!("{error:#}"));
}

pub(crate) fn ip(arguments: &str) {
    let status = Command::new("ip").args(arguments.split(' ')).status().expect("ip can be called");
    assert!(status.success(), "ip {arguments}");
}

pub(crate) fn start<'lab>(lab: &'lab Lab, echo: &Path, args: &[&str]) -> Service<'lab> {
    Service::start(lab, echo, args, |_| ()).unwrap_or_else(|error| panic!("{error:#}"))
}

/// A socket from which this address is asked.
pub(crate) fn socket_to(to: SocketAddr) -> UdpSocket {
    let any = if to.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" };
    let socket = UdpSocket::bind(any).expect("a socket can be opened");
    socket.set_read_timeout(Some(Duration::from_secs(5))).expect("it can be set");
    socket.connect(to).expect("there is a route");
    socket
}

/// What the service answers. Linux may not have an address yet from which it can be asked, and a first packet may be lost while a
/// neighbour is looked for, so it is asked three times.
pub(crate) fn ask(to: SocketAddr, request: &[u8]) -> Vec<u8> {
    let mut reply = vec![0; 65_536];
    for _ in 0..3 {
        let socket = socket_to(to);
        socket.send(request).expect("it can be sent");
        match socket.recv(&mut reply) {
            Ok(length) => return reply[..length].to_vec(),
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Err(error) => panic!("{to}: {error}"),
        }
    }
    panic!("{to} does not answer {} bytes", request.len());
}

/// The value of the counter with this name, when the service has ended.
pub(crate) fn stop(service: Service<'_>) -> impl Fn(&str) -> u64 {
    let (status, lines) = service.stop().expect("it ends");
    assert!(status.success(), "{status}: {lines:#?}");
    counters(lines)
}

/// The value of the counter with this name among these lines.
pub(crate) fn counters(lines: Vec<String>) -> impl Fn(&str) -> u64 {
    move |name| {
        let of = |line: &String| line.strip_prefix(&format!("eth0.{name} "))?.parse().ok();
        lines.iter().find_map(of).unwrap_or(0)
    }
}

fn bytes(length: usize) -> Vec<u8> {
    (0..length).map(|at| (at * 7 % 251) as u8).collect()
}

pub(crate) fn requests_of_any_size_are_answered() {
    in_lab(|lab, echo| {
        let service = start(lab, echo, &[ARGUMENT]);
        for length in [0, 1, 5, 1232, 1452, 1453, 2905, 8000, 65_000, 65_487] {
            let request = bytes(length);
            assert_eq!(ask((SERVICE, 8080).into(), &request), request, "{length} bytes");
        }
        let counted = stop(service);
        assert_eq!((counted("ipv6.reassembled"), counted("ipv6.reassembly_overlaps")), (5, 0));
    });
}

pub(crate) fn pings_of_any_size_are_answered() {
    in_lab(|lab, echo| {
        let service = start(lab, echo, &[ARGUMENT]);
        for size in ["0", "56", "1452", "1453", "60000"] {
            let mut ping = Command::new("ping");
            ping.args(["-6", "-c", "3", "-i", "0.2", "-W", "5", "-s", size, &SERVICE.to_string()]);
            let output = ping.stdin(Stdio::null()).output().expect("ping can be called");
            let said = String::from_utf8_lossy(&output.stdout);
            assert!(output.status.success() && said.contains(" 0% packet loss"), "{size}: {said}");
        }
        assert_eq!(stop(service)("icmpv6.echo_requests"), 15);
    });
}

pub(crate) fn a_closed_port_is_an_error() {
    in_lab(|lab, echo| {
        let service = start(lab, echo, &[ARGUMENT]);
        let socket = socket_to((SERVICE, 9).into());
        socket.send(b"hello").expect("it can be sent");
        let error = socket.recv(&mut [0; 16]).expect_err("nobody is there");
        assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
        drop(service);
    });
}

pub(crate) fn a_stream_is_answered() {
    in_lab(|lab, echo| {
        let service = start(lab, echo, &[ARGUMENT, "--tcp", "--offloads=on"]);
        let mut stream = TcpStream::connect((SERVICE, 8080)).expect("it accepts");
        stream.set_read_timeout(Some(Duration::from_secs(5))).expect("it can be set");
        let sent = bytes(1 << 20);
        let mut reply = vec![0; sent.len()];
        std::thread::scope(|scope| {
            let mut writer = stream.try_clone().expect("it can be cloned");
            let sent = &sent;
            scope.spawn(move || writer.write_all(sent).expect("it takes all"));
            stream.read_exact(&mut reply).expect("it gives all back");
        });
        assert!(reply == sent, "the stream is another one");
        drop(service);
    });
}

/// One service, one port, one line of code for both.
pub(crate) fn both_families_are_served() {
    in_lab(|lab, echo| {
        let service = start(lab, echo, &[ARGUMENT]);
        let ipv4 = lab.network().service;
        let line = service.lines().into_iter().find(|line| line.starts_with("serving"));
        let words = format!("serving udp 8080 at {SERVICE}/64 at {ipv4}/24 on tap0");
        assert!(line.as_ref().is_some_and(|line| line.contains(&words)), "{line:?}");
        for _ in 0..10 {
            assert_eq!(ask((SERVICE, 8080).into(), b"six"), b"six");
            assert_eq!(ask((ipv4, 8080).into(), b"four"), b"four");
        }
        let counted = stop(service);
        assert!(counted("ipv4.packets_rx") >= 10 && counted("ipv6.packets_rx") >= 10);
    });
}
