//! Stations that move, that lie, and whose frames have another source than their packets.

use std::{
    net::{Ipv4Addr, UdpSocket},
    os::fd::{AsRawFd, OwnedFd},
    thread,
    time::{Duration, Instant},
};

use lab::{
    Lab,
    soak::{
        frames::{BROADCAST, Ipv4, Mac, UDP, arp, ethernet, udp},
        wire::Wire,
    },
};
use nix::sys::{
    socket::{MsgFlags, recv, setsockopt, sockopt::ReceiveTimeout},
    time::TimeVal,
};

use super::{
    datagrams::frames,
    process::ip,
    support::{PORT, ask, connect, with_service},
};

const SERVICE: Mac = [2, 0, 0, 0, 0, 2];
const ARGS: &[&str] = &["--mac=02:00:00:00:00:02"];
const ARP: u16 = 0x0806;
const IPV4: u16 = 0x0800;
const REQUEST: u16 = 1;
const REPLY: u16 = 2;
const UNKNOWN: Mac = [0; 6];
/// The address of a client that is no host of this machine's.
const CLIENT: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 9);
/// Its station, one that takes over from it, and a liar.
const OLD: Mac = [2, 0, 0, 0, 9, 1];
const NEW: Mac = [2, 0, 0, 0, 9, 2];
const EVIL: Mac = [2, 0xbd, 0, 0, 0, 1];

/// A station: where its packets say that it is, and where its frames come from.
#[derive(Clone, Copy)]
struct Station {
    mac: Mac,
    source: Mac,
    address: Ipv4Addr,
}

impl Station {
    fn new(mac: Mac, address: Ipv4Addr) -> Self {
        Self { mac, source: mac, address }
    }
}

/// The wire, with stations on it that only this test knows.
struct Net<'l> {
    lab: &'l Lab,
    wire: Wire,
    frames: OwnedFd,
}

impl<'l> Net<'l> {
    fn open(lab: &'l Lab) -> Self {
        let frames = frames();
        setsockopt(&frames, ReceiveTimeout, &TimeVal::new(0, 2000)).expect("a timeout can be set");
        let wire = Wire::open(&lab.network().interface).expect("the interface is there");
        Self { lab, wire, frames }
    }

    fn send(&self, frame: &[u8]) {
        self.wire.send(frame).expect("a frame can be sent");
    }

    /// The station asks for `target`, in a broadcast: for itself, it announces itself.
    fn ask_for(&self, station: Station, target: Ipv4Addr) {
        let packet = arp(REQUEST, (station.mac, station.address), (UNKNOWN, target));
        self.send(&ethernet(BROADCAST, station.source, ARP, &packet));
    }

    /// The station sends a request to the service.
    fn call(&self, station: Station) {
        let service = self.lab.network().service;
        let datagram = udp((station.address, 4000), (service, PORT), b"hello");
        let packet = Ipv4::new(station.address, service, UDP).packet(&datagram);
        self.send(&ethernet(SERVICE, station.source, IPV4, &packet));
    }

    /// Answers the questions for `stations` for so long, or until a datagram of the service is for one of them.
    fn live(&self, time: Duration, stations: &[Station]) -> bool {
        let end = Instant::now() + time;
        let mut frame = [0; 1514];
        while Instant::now() < end {
            let Ok(length) = recv(self.frames.as_raw_fd(), &mut frame, MsgFlags::empty()) else {
                continue;
            };
            if length < 42 || frame[6..12] != SERVICE {
                continue;
            }
            for station in stations {
                let mine = frame[..6] == station.mac;
                if mine && frame[12..14] == IPV4.to_be_bytes() {
                    return true;
                }
                // RFC 826: operation 1, the target's protocol address in the last four bytes.
                let asked = frame[12..14] == ARP.to_be_bytes()
                    && frame[20..22] == [0, 1]
                    && frame[38..42] == station.address.octets();
                if asked && (mine || frame[..6] == BROADCAST) {
                    let us = (SERVICE, self.lab.network().service);
                    let packet = arp(REPLY, (station.mac, station.address), us);
                    self.send(&ethernet(SERVICE, station.source, ARP, &packet));
                }
            }
        }
        false
    }

    /// Calls from a station until there is a reply; says how long that took.
    fn served(&self, station: Station, others: &[Station]) -> Duration {
        let (start, all) = (Instant::now(), [&[station], others].concat());
        while start.elapsed() < Duration::from_secs(60) {
            self.call(station);
            if self.live(Duration::from_millis(10), &all) {
                return start.elapsed();
            }
        }
        panic!("the station is not served within a minute");
    }
}

/// A request and its reply, again and again for three seconds while `evil` lives; says how long the client was not
/// served at most.
fn longest_silence(net: &Net<'_>, evil: &[Station]) -> Duration {
    let socket: UdpSocket = connect(net.lab, PORT);
    socket.set_nonblocking(true).expect("a socket need not wait");
    let (start, mut last, mut longest) = (Instant::now(), Instant::now(), Duration::ZERO);
    while start.elapsed() < Duration::from_secs(3) || last < start {
        assert!(start.elapsed() < Duration::from_secs(60), "not served within a minute");
        socket.send(b"hello").expect("a request can be sent");
        net.live(Duration::from_millis(5), evil);
        while socket.recv(&mut [0; 64]).is_ok() {
            last = Instant::now();
        }
        longest = longest.max(last.elapsed().min(start.elapsed()));
    }
    longest
}

/// The service, with a client that its host knows and that knows it, and asks for it no more.
fn with_client(test: impl FnOnce(&Net<'_>) + Send) {
    with_service("echo", ARGS, |lab, _| {
        let network = lab.network();
        let (service, interface) = (network.service, &network.interface);
        ip(&format!(
            "neigh replace {service} lladdr 02:00:00:00:00:02 dev {interface} nud permanent"
        ));
        test(&Net::open(lab));
    });
}

pub(crate) fn a_forgery_takes_no_client_away() {
    for answers in [false, true] {
        with_client(|net| {
            let network = net.lab.network();
            let evil = Station::new(EVIL, network.host);
            let stations = if answers { &[evil][..] } else { &[] };
            assert_eq!(ask(&connect(net.lab, PORT), "hello"), b"hello");
            thread::sleep(Duration::from_millis(500));
            for (name, target) in [("request", network.service), ("announcement", network.host)] {
                net.ask_for(evil, target);
                let silence = longest_silence(net, stations);
                println!("forged {name}, answered for: {answers}: not served for {silence:?}");
                assert!(silence < Duration::from_secs(2), "{silence:?}");
            }
        });
    }
}

/// The liar was there before the client.
pub(crate) fn a_forgery_in_advance_takes_no_client_away() {
    with_client(|net| {
        let network = net.lab.network();
        net.ask_for(Station::new(EVIL, network.host), network.service);
        let silence = longest_silence(net, &[]);
        println!("forged in advance: not served for {silence:?}");
        assert!(silence < Duration::from_secs(2), "{silence:?}");
    });
}

pub(crate) fn a_failover_takes_half_a_second() {
    with_service("echo", ARGS, |lab, _| {
        let net = Net::open(lab);
        let (old, new) = (Station::new(OLD, CLIENT), Station::new(NEW, CLIENT));
        for (from, to) in [(old, new), (new, old), (old, new)] {
            net.served(from, &[]);
            net.live(Duration::from_millis(500), &[from]);
            // The one station is gone, and the other says so, once.
            net.ask_for(to, CLIENT);
            let took = net.served(to, &[]);
            println!("failover: {took:?}");
            assert!(took < Duration::from_millis(500), "{took:?}");
        }
    });
}

/// As those of a router that shares its address with another are (VRRP, CARP), or of a cluster (NLB).
pub(crate) fn a_station_whose_frames_have_another_source_is_served() {
    with_service("echo", ARGS, |lab, _| {
        let net = Net::open(lab);
        let station = Station { mac: [0, 0, 0x5e, 0, 1, 7], source: OLD, address: CLIENT };
        let took = net.served(station, &[]);
        println!("a station whose frames have another source: {took:?}");
        assert!(took < Duration::from_secs(1), "{took:?}");
        // Its questions are answered too, to where its packets say that it is.
        net.ask_for(station, lab.network().service);
        let mut frame = [0; 1514];
        let end = Instant::now() + Duration::from_secs(5);
        loop {
            assert!(Instant::now() < end, "it is not answered");
            let Ok(length) = recv(net.frames.as_raw_fd(), &mut frame, MsgFlags::empty()) else {
                continue;
            };
            if length >= 42 && frame[6..14] == [&SERVICE[..], &[8, 6]].concat() && frame[21] == 2 {
                assert_eq!(frame[..6], station.mac);
                break;
            }
        }
    });
}
