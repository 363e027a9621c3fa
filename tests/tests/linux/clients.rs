//! Whom a service answers, and what is left of two that answer each other.

use std::{
    io::ErrorKind,
    net::UdpSocket,
    time::{Duration, Instant},
};

use super::support::{PORT, ask_text, connect, with_service};

/// How long it takes to be sure that nothing comes.
const SILENCE: Duration = Duration::from_millis(500);

/// Whether an answer to a request comes.
fn is_answered(socket: &UdpSocket) -> bool {
    socket.set_read_timeout(Some(SILENCE)).expect("a timeout can be set");
    socket.send(b"hello").expect("a request can be sent");
    match socket.recv(&mut [0; 1500]) {
        Ok(_) => true,
        Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => false,
        Err(error) => panic!("{error}"),
    }
}

pub(crate) fn only_those_that_were_named_are_answered() {
    let elsewhere = ["--clients=192.0.2.0/24,198.51.100.0/24", "--stats-port=9100"];
    with_service("echo", &elsewhere, |lab, _| {
        // A closed port is not refused either.
        for port in [PORT, 9100, 9] {
            assert!(!is_answered(&connect(lab, port)), "port {port} answered");
        }
    });
    let host = ["--clients", "192.0.2.0/24,10.0.0.1/32", "--stats-port=9100"];
    with_service("echo", &host, |lab, _| {
        assert_eq!(ask_text(&connect(lab, PORT), "hello"), "hello");
        assert_eq!(
            ask_text(&connect(lab, 9100), "eth0.udp.not_allowed"),
            "eth0.udp.not_allowed 0\n"
        );
    });
}

pub(crate) fn ports_of_services_and_broadcasts_are_not_answered() {
    with_service("echo", &["--stats-port=9100"], |lab, _| {
        let service = lab.network().service;
        for source in [7, 53, 5060, PORT, 9100] {
            let socket = UdpSocket::bind((lab.network().host, source)).expect("it is free");
            socket.connect((service, PORT)).expect("it can be reached");
            assert!(!is_answered(&socket), "port {source} was answered");
        }
        let counters = connect(lab, 9100);
        let count = |name: &str| ask_text(&counters, format!("eth0.udp.{name} "));
        assert_eq!(count("service_ports"), "eth0.udp.service_ports 5\n");
        let socket = UdpSocket::bind((lab.network().host, 0)).expect("a socket");
        socket.set_broadcast(true).expect("it may");
        for port in [PORT, 9100] {
            socket.send_to(b"who is there?", ("10.0.0.255", port)).expect("it can be sent");
        }
        socket.set_read_timeout(Some(SILENCE)).expect("a timeout can be set");
        assert!(socket.recv(&mut [0; 1500]).is_err(), "a broadcast was answered");
        assert_eq!(count("broadcasts"), "eth0.udp.broadcasts 2\n");
    });
}

/// What is left: an echo of another host, with a time to live of its own, at a port that nobody knows as a
/// service's. It goes on for as long as that host answers. Prints how fast.
pub(crate) fn an_echo_at_an_unknown_port_is_answered_as_long_as_it_answers() {
    with_service("echo", &[], |lab, _| {
        let stranger = UdpSocket::bind((lab.network().host, 9999)).expect("it is free");
        stranger.connect((lab.network().service, PORT)).expect("it can be reached");
        stranger.set_read_timeout(Some(SILENCE)).expect("a timeout can be set");
        stranger.send(b"hello").expect("a request can be sent");
        let (mut bounces, mut bytes, start) = (0, [0; 1500], Instant::now());
        while start.elapsed() < Duration::from_secs(2) {
            let length = stranger.recv(&mut bytes).expect("there is no end of it");
            stranger.send(&bytes[..length]).expect("a request can be sent");
            bounces += 1;
        }
        println!("{:.0} bounces in a second", f64::from(bounces) / start.elapsed().as_secs_f64());
        assert!(bounces > 100);
        while stranger.recv(&mut bytes).is_ok() {}
        assert!(is_answered(&stranger), "it is a client like others");
    });
}
