//! A server with all its layers, and clients that are only frames.

use std::{convert::Infallible, net::Ipv4Addr, time::Duration};

use arp::Arp;
use ethernet::Ethernet;
use icmp::Icmp;
use ipv4::Ipv4;
use lab::soak::frames::{self, Mac};
use layer::{Cidr, Instant, Layer, Networks};
use netif::{MacAddr, Netif};
use rt_regions::{Pool, Region};
use testkit::{Clock, Host, Wire};
use udp::Udp;

type Stack<'g, N> = Udp<'g, Icmp<Ipv4<'g, Arp<'g, Ethernet<N>>>>>;

pub(super) const SERVER: (Mac, Ipv4Addr) = ([2, 0, 0, 0, 0, 2], Ipv4Addr::new(10, 0, 0, 2));
/// How many clients there are.
pub(super) const CLIENTS: u8 = 5;
/// The echo service.
pub(super) const ECHO: u16 = 8080;
/// The service that allocates: it replies with its request twice.
pub(super) const TWICE: u16 = 8081;
/// The counters.
const COUNTERS: u16 = 9100;
/// The longest time that anything waits: a datagram that is never finished.
pub(super) const LONGEST_WAIT: Duration = Duration::from_secs(31);

/// Client number `number`.
pub(super) fn client(number: u8) -> (Mac, Ipv4Addr) {
    ([2, 0, 0, 0, 1, number], Ipv4Addr::new(10, 0, 0, 100 + number))
}

/// A server on `N`, with its region for packets.
pub(super) struct Server<'g, N> {
    pub(super) host: Host<'g, Stack<'g, N>>,
    wire: Wire,
}

/// The regions that outlive the server.
pub(super) fn globals<'p>(pool: &'p Pool<'p>) -> Region<'p> {
    Region::new(pool, "global")
}

pub(super) fn mac() -> MacAddr {
    MacAddr(SERVER.0)
}

impl<'g, N: Netif<Error = Infallible>> Server<'g, N> {
    /// As the `main` of a service makes it.
    pub(super) fn new(
        (wire, netif): (Wire, N),
        global: &'g Region<'g>,
    ) -> Result<Self, Box<dyn std::error::Error>> {
        let cidr = Cidr::new(SERVER.1, 24).ok_or("a prefix")?;
        let arp = Arp::new(Ethernet::new(netif), cidr, 7, global)?;
        let ipv4 = Ipv4::new(arp, 7, global)?;
        let mut stack = Udp::new(Icmp::new(ipv4, 7), 7, global)?;
        stack.bind(ECHO, |request, _| Ok(request))?;
        stack.bind(TWICE, |request, region| {
            let child = region.child("half");
            let half = child.alloc_slice(request)?;
            Ok(region.alloc_slice_with(2 * half.len(), |i| half[i % half.len()])?)
        })?;
        stack.serve_counters(Some(COUNTERS), Networks::default().and(cidr))?;
        let clock = Clock::starting_at(Instant::from_millis(1_000_000));
        Ok(Self { host: Host::new(stack, clock, global.require_pool()?), wire })
    }

    /// Lets frames arrive; gives those that leave.
    pub(super) fn hears(&mut self, frames: Vec<Vec<u8>>) -> Vec<Vec<u8>> {
        let mut sent = Vec::new();
        for frame in frames {
            self.wire.push(frame);
            self.host.turn();
            sent.extend(self.wire.drain());
        }
        assert!(
            sent.iter().all(|frame| (60..=1514).contains(&frame.len())),
            "no frame of Ethernet"
        );
        sent
    }

    /// Lets time pass; gives the frames that leave.
    pub(super) fn waits(&mut self, time: Duration) -> Vec<Vec<u8>> {
        self.host.clock().advance(time);
        self.host.turn();
        self.wire.drain()
    }

    /// Lets time pass, in which the clients answer what they are asked.
    pub(super) fn rests(&mut self, time: Duration) -> Vec<Vec<u8>> {
        let sent = self.waits(time);
        self.resolve(sent)
    }

    /// Every counter that is not zero, as `layer.name`.
    pub(super) fn counters(&self) -> Vec<(String, u64)> {
        let mut list = Vec::new();
        self.host.tower.counters(&mut |counter| {
            if counter.value > 0 {
                list.push((format!("{}.{}", counter.layer, counter.name), counter.value));
            }
        });
        list
    }

    /// A whole conversation, with everything that takes memory, in which every client is new or has been
    /// forgotten. Gives what each step was answered with, in the order of [`unexpected`].
    pub(super) fn converse(&mut self, number: u16) -> Vec<Vec<u8>> {
        let echo = |client, port, request: &[u8]| request_frames(client, port, number, request);
        let ping = {
            let message = frames::icmp(8, 0, &payload(3000));
            ipv4_frames(client(2), frames::ICMP, number, &message)
        };
        // All but the last piece of a datagram, which then times out.
        let mut unfinished = echo(3, ECHO, &payload(4000));
        unfinished.pop();
        let steps = [
            echo(0, ECHO, b"hello"),
            echo(1, ECHO, &payload(8192)),
            ping,
            echo(4, TWICE, &payload(10_000)),
            echo(0, COUNTERS, b"region "),
            echo(0, 9, b"is anybody there?"),
        ];
        let mut answers: Vec<_> = steps.into_iter().map(|step| self.ask(step)).collect();
        self.hears(unfinished);
        // Who has timed out is told so.
        answers.push(answer(&self.rests(LONGEST_WAIT)));
        answers
    }

    /// The payload of the answer to a request; empty if there is none.
    fn ask(&mut self, request: Vec<Vec<u8>>) -> Vec<u8> {
        let sent = self.hears(request);
        answer(&self.resolve(sent))
    }

    /// Answers the ARP requests among what was sent; what was sent, and what then followed.
    pub(super) fn resolve(&mut self, mut sent: Vec<Vec<u8>>) -> Vec<Vec<u8>> {
        for asked in sent.clone() {
            // RFC 826: operation 1; the last byte of the target's address tells which client it is.
            let is_request = asked[12..14] == [8, 6] && asked[20..22] == [0, 1];
            if is_request && (100..100 + CLIENTS).contains(&asked[41]) {
                let who = client(asked[41] - 100);
                let reply = frames::arp(2, who, SERVER);
                sent.extend(self.hears(vec![frames::ethernet(SERVER.0, who.0, 0x0806, &reply)]));
            }
        }
        sent
    }
}

/// The steps of [`Server::converse`] that were not answered as they are when nothing is wrong, by number.
pub(super) fn unexpected(answers: &[Vec<u8>]) -> Vec<usize> {
    let twice = [payload(10_000), payload(10_000)].concat();
    let pong = [vec![0, 0], payload(3000)].concat();
    let is_right = |(step, answer): (usize, &Vec<u8>)| match step {
        0 => answer == b"hello",
        1 => *answer == payload(8192),
        2 => *answer == pong,
        3 => *answer == twice,
        4 => answer.starts_with(b"region "),
        5 => answer.starts_with(&[3, 3]),
        _ => answer.starts_with(&[11, 1]),
    };
    (0..answers.len()).filter(|&step| !is_right((step, &answers[step]))).collect()
}

/// `length` bytes, all of one value in each 8, so that a piece in the wrong place is seen.
pub(super) fn payload(length: usize) -> Vec<u8> {
    (0..length).map(|at| (at / 8 * 7) as u8).collect()
}

/// The frames of a request from a client to a port, in pieces where it takes them.
pub(super) fn request_frames(number: u8, port: u16, id: u16, request: &[u8]) -> Vec<Vec<u8>> {
    let from = client(number);
    let datagram = frames::udp((from.1, 4000), (SERVER.1, port), request);
    ipv4_frames(from, frames::UDP, id, &datagram)
}

fn ipv4_frames(from: (Mac, Ipv4Addr), protocol: u8, id: u16, payload: &[u8]) -> Vec<Vec<u8>> {
    let header =
        frames::Ipv4 { identification: id, ..frames::Ipv4::new(from.1, SERVER.1, protocol) };
    let packets = header.fragments(payload, 1480);
    packets.iter().map(|packet| frames::ethernet(SERVER.0, from.0, 0x0800, packet)).collect()
}

/// What the IPv4 packets among these frames carry together: of UDP the payload, of ICMP the message without
/// its checksum. Empty if there are none, or if a piece is missing, as a client would see it.
pub(super) fn answer(sent: &[Vec<u8>]) -> Vec<u8> {
    let (mut whole, mut came, mut ended) = (Vec::new(), 0, false);
    for frame in sent.iter().filter(|frame| frame[12..14] == [8, 0]) {
        let length = usize::from(u16::from_be_bytes([frame[16], frame[17]]));
        let packet = &frame[14..14 + length];
        assert_eq!(frames::checksum(&packet[..20]), 0, "a header with a wrong checksum was sent");
        let offset = usize::from(u16::from_be_bytes([packet[6] & 0x1f, packet[7]])) * 8;
        let piece = &packet[20..];
        whole.resize(whole.len().max(offset + piece.len()), 0);
        whole[offset..offset + piece.len()].copy_from_slice(piece);
        came += piece.len();
        ended |= packet[6] & 0x20 == 0;
    }
    if came != whole.len() || !ended {
        return Vec::new();
    }
    match sent.iter().find(|frame| frame[12..14] == [8, 0]).map(|frame| frame[23]) {
        Some(frames::UDP) => drop(whole.drain(..8)),
        _ => drop(whole.drain(2..4)),
    }
    whole
}
