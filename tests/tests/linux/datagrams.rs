//! Datagrams of every size through echo, many at once, and from hosts that are not there.

use std::{
    io::Write,
    net::{Ipv4Addr, SocketAddrV4},
    os::fd::{AsRawFd, OwnedFd},
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use lab::Lab;
use nix::sys::{
    socket::{
        AddressFamily, MsgFlags, SockFlag, SockProtocol, SockType, SockaddrIn, recv, sendto,
        setsockopt, socket, sockopt::ReceiveTimeout,
    },
    time::TimeVal,
};
use testkit::Random;
use tests::PI;

use super::support::{PORT, ask, connect, receive, with_service};

/// The SHA-256 of the digits of pi that echo is sent.
const PI_SHA256: &str = "2dc51c1b9c363027da790d19fef23af73865be36e0aa044e4a9d052776fc4bb1";
/// An address of the network that no host has.
const NOBODY: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 77);

pub(crate) fn pi_is_pi() {
    let mut sum = Command::new("sha256sum")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("sha256sum is there");
    // Closed when it has been written.
    sum.stdin.take().expect("its input is a pipe").write_all(PI).expect("it reads");
    let sum = sum.wait_with_output().expect("it ends");
    assert!(sum.stdout.starts_with(PI_SHA256.as_bytes()), "{sum:?}");
}

pub(crate) fn sixteen_large_replies_in_flight() {
    with_service("echo", &[], |lab, _| {
        let requests: Vec<_> =
            (0..16).map(|seed| (connect(lab, PORT), Random::new(seed).bytes(8192))).collect();
        // The first exchange finds the neighbours; the kernel keeps only some packets until then.
        ask(&requests[0].0, "hello");
        for (socket, request) in &requests {
            socket.send(request).expect("a request can be sent");
        }
        for (number, (socket, request)) in requests.iter().enumerate() {
            assert!(receive(socket) == *request, "reply {number} came back changed");
        }
    });
}

/// A reply to nobody must not hold up the replies to others.
pub(crate) fn a_host_that_is_not_there_delays_nobody() {
    with_service("echo", &[], |lab, _| {
        let socket = connect(lab, PORT);
        ask(&socket, "hello");
        let frames = frames();
        send_as(lab, NOBODY, b"is anybody there?");
        wait_for_request(&frames, NOBODY);
        let end = Instant::now() + Duration::from_secs(3);
        let mut slowest = Duration::ZERO;
        while Instant::now() < end {
            let asked = Instant::now();
            assert_eq!(ask(&socket, "here I am"), b"here I am");
            slowest = slowest.max(asked.elapsed());
            thread::sleep(Duration::from_millis(10));
        }
        assert!(slowest < Duration::from_millis(100), "a reply took {slowest:?}");
    });
}

/// Sends a UDP datagram to the service from `source`, which need not be an address of this host.
fn send_as(lab: &Lab, source: Ipv4Addr, payload: &[u8]) {
    let service = lab.network().service;
    let udp_length = 8 + payload.len() as u16;
    // RFC 791, section 3.1; Linux fills in what is 0: identification and checksum (raw(7)).
    let mut packet = vec![0x45, 0];
    packet.extend((20 + udp_length).to_be_bytes());
    packet.extend([0, 0, 0, 0, 64, 17, 0, 0]);
    packet.extend(source.octets());
    packet.extend(service.octets());
    // RFC 768, without a checksum.
    for field in [4000, PORT, udp_length, 0] {
        packet.extend(field.to_be_bytes());
    }
    packet.extend(payload);

    let raw = socket(AddressFamily::Inet, SockType::Raw, SockFlag::SOCK_CLOEXEC, SockProtocol::Raw)
        .expect("a raw socket can be opened");
    let to = SockaddrIn::from(SocketAddrV4::new(service, 0));
    let sent = sendto(raw.as_raw_fd(), &packet, &to, MsgFlags::empty());
    assert_eq!(sent, Ok(packet.len()));
}

/// A socket that hears every frame of the network from now on.
pub(super) fn frames() -> OwnedFd {
    let frames =
        socket(AddressFamily::Packet, SockType::Raw, SockFlag::SOCK_CLOEXEC, SockProtocol::EthAll)
            .expect("a packet socket can be opened");
    setsockopt(&frames, ReceiveTimeout, &TimeVal::new(5, 0)).expect("a timeout can be set");
    frames
}

/// Waits until the service asks for the hardware address of `target`.
fn wait_for_request(frames: &OwnedFd, target: Ipv4Addr) {
    let mut frame = [0; 1514];
    loop {
        let length = recv(frames.as_raw_fd(), &mut frame, MsgFlags::empty())
            .expect("the service looks for the host that a request came from");
        // RFC 826: type 0x0806, operation 1, the target's protocol address in the last four bytes.
        let is_request = length >= 42 && frame[12..14] == [8, 6] && frame[20..22] == [0, 1];
        if is_request && frame[38..42] == target.octets() {
            return;
        }
    }
}
