//! Requests of many flows.

use std::{
    io::{Read as _, Write as _},
    net::{Ipv6Addr, Shutdown, SocketAddr, TcpStream},
    process::Command,
    thread,
    time::Duration,
};

use super::lab::{Report, with};
use crate::flows::{ask_all, flow};

const SOON: Duration = Duration::from_secs(5);

fn bytes(length: usize, seed: usize) -> Vec<u8> {
    (0..length).map(|at| (at * 7 + seed) as u8).collect()
}

/// Both cores have to find out who the peer is, and the answer to each comes to one of them.
pub(crate) fn the_first_request_of_each_flow_is_answered() {
    with("echo", &[], |lab, service| {
        let to: SocketAddr = (lab.network().service, 8080).into();
        let flows: Vec<_> = (0..64).map(|_| flow(to)).collect();
        let requests: Vec<_> = (0..64).map(|seed| bytes(40, seed)).collect();
        assert_eq!(ask_all(&flows, &requests, SOON), 64);
        let report = Report::of(service);
        assert_eq!(report.number("eth0.udp.datagrams_rx"), 64, "none was sent twice");
        assert!(report.number("eth0.hub.copied_tx") > 0, "{:#?}", report.0);
    });
}

pub(crate) fn requests_of_any_size_are_answered() {
    with("echo", &[], |lab, service| {
        let to: SocketAddr = (lab.network().service, 8080).into();
        for length in [0, 1, 1472, 1473, 8000, 60_000, 65_507] {
            let flows: Vec<_> = (0..8).map(|_| flow(to)).collect();
            let requests: Vec<_> = (0..8).map(|seed| bytes(length, seed)).collect();
            let (mut answered, mut rounds) = (0, 0);
            // Linux may drop what is too much for the queue of the device at once.
            for (flow, request) in flows.iter().zip(&requests) {
                answered +=
                    ask_all(std::slice::from_ref(flow), std::slice::from_ref(request), SOON);
                rounds += 1;
            }
            assert_eq!(answered, rounds, "{length} bytes");
        }
        drop(service);
    });
}

/// All fragments of a pair of hosts come to one queue, but each core puts datagrams together, and serves them.
pub(crate) fn large_requests_use_both_cores() {
    with("echo", &[], |lab, service| {
        let to: SocketAddr = (lab.network().service, 8080).into();
        let flows: Vec<_> = (0..4).map(|_| flow(to)).collect();
        for round in 0..50 {
            let requests: Vec<_> = (0..4).map(|seed| bytes(8000, seed + round)).collect();
            assert_eq!(ask_all(&flows, &requests, SOON), 4, "round {round}");
        }
        let report = Report::of(service);
        assert_eq!(report.number("eth0.ipv4.reassembled"), 200);
        // Half of the datagrams, of six fragments each, go to the other core.
        let passed = report.number("eth0.hub.fragments_tx");
        assert!((300..=900).contains(&passed), "{passed} of 1200 fragments");
    });
}

pub(crate) fn streams_are_answered() {
    with("echo", &["--tcp"], |lab, service| {
        let to: SocketAddr = (lab.network().service, 8080).into();
        thread::scope(|scope| {
            for seed in 0..16 {
                scope.spawn(move || {
                    let mut stream = TcpStream::connect_timeout(&to, SOON).expect("it is accepted");
                    stream.set_read_timeout(Some(SOON)).expect("it can be set");
                    let sent = bytes(200_000, seed);
                    let writing = stream.try_clone().expect("it can be shared");
                    thread::scope(|scope| {
                        scope.spawn(|| {
                            (&writing).write_all(&sent).expect("it is taken");
                            writing.shutdown(Shutdown::Write).expect("it can be ended");
                        });
                        let mut received = Vec::new();
                        stream.read_to_end(&mut received).expect("it is answered");
                        assert!(received == sent, "{} of {} bytes", received.len(), sent.len());
                    });
                });
            }
        });
        let report = Report::of(service);
        // No stream was reset, or it would not have been read to its end. An acknowledgment that comes after the end may be.
        assert_eq!(report.number("eth0.tcp.accepted"), 16, "{:#?}", report.0);
    });
}

pub(crate) fn ipv6_is_served() {
    with("echo", &["--ipv6=2001:db8::2/64"], |_lab, service| {
        let status = Command::new("ip")
            .args(["-6", "address", "add", "2001:db8::1/64", "dev", "tap0", "nodad"])
            .status()
            .expect("ip can be called");
        assert!(status.success());
        let to: SocketAddr = (Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 2), 8080).into();
        let flows: Vec<_> = (0..32).map(|_| flow(to)).collect();
        for length in [20, 4000] {
            let requests: Vec<_> = (0..32).map(|seed| bytes(length, seed)).collect();
            let mut answered = 0;
            for (flow, request) in flows.iter().zip(&requests) {
                answered +=
                    ask_all(std::slice::from_ref(flow), std::slice::from_ref(request), SOON);
            }
            assert_eq!(answered, 32, "{length} bytes");
        }
        let report = Report::of(service);
        assert_eq!(report.number("eth0.ipv6.reassembled"), 32);
    });
}
