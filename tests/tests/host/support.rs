//! The host, and the packets that it hears and sends.

use std::time::Duration;

use arp::Arp;
use ethernet::Ethernet;
use icmp::Icmp;
use ipv4::Ipv4;
use layer::Instant;
use netif::MacAddr;
use network::Checksum;
use rt_regions::Region;
use testkit::{Clock, End, Wire, with_pool};
use udp::Udp;

pub(crate) const OUR_MAC: [u8; 6] = [2, 0, 10, 0, 0, 2];
const PEER_MAC: [u8; 6] = [2, 0, 10, 0, 0, 1];
pub(crate) const ALL: [u8; 6] = [0xff; 6];
pub(crate) const UDP: u8 = 17;
pub(crate) const ICMP: u8 = 1;

/// From port 5000 to port 9, where nobody is: `hello`, without a checksum.
pub(crate) const TO_NOBODY: [u8; 13] =
    [0x13, 0x88, 0, 9, 0, 13, 0, 0, b'h', b'e', b'l', b'l', b'o'];
/// From port 5000 to port 8080, where an echo is: `hello`, without a checksum.
pub(crate) const TO_ECHO: [u8; 13] =
    [0x13, 0x88, 0x1f, 0x90, 0, 13, 0, 0, b'h', b'e', b'l', b'l', b'o'];

type Tower<'g> = Udp<'g, Icmp<Ipv4<'g, Arp<'g, Ethernet<End>>>>>;

/// A host with the address 10.0.0.2/24, a gateway and an echo on port 8080.
pub(crate) struct Host<'g> {
    pub(crate) host: testkit::Host<'g, Tower<'g>>,
    pub(crate) wire: Wire,
}

impl<'g> Host<'g> {
    pub(crate) fn new(memory: &'g Region<'g>, probing: bool) -> Self {
        let (wire, end) = Wire::new(MacAddr(OUR_MAC));
        let cidr = "10.0.0.2/24".parse().unwrap();
        let mut arp = Arp::new(Ethernet::new(end), cidr, 7, memory).unwrap();
        arp.insert_static([10, 0, 0, 1].into(), MacAddr(PEER_MAC)).unwrap();
        let ipv4 = Ipv4::new(if probing { arp.with_probing() } else { arp }, 1, memory).unwrap();
        let ipv4 = ipv4.with_gateway(Some([10, 0, 0, 1].into()));
        let mut tower = Udp::new(Icmp::new(ipv4, 7), 7, memory).unwrap();
        tower.bind(8080, |request, _region| Ok(request)).unwrap();
        let clock = Clock::starting_at(Instant::from_millis(1));
        Self { host: testkit::Host::new(tower, clock, memory.pool().unwrap()), wire }
    }

    /// Lets the host do what is to be done; gives the IPv4 packets that it sent, without the frames'
    /// headers and padding.
    pub(crate) fn turn(&mut self) -> Vec<Vec<u8>> {
        self.host.turn();
        let frames = self.wire.drain().into_iter().filter(|frame| frame[12..14] == [8, 0]);
        let packet = |frame: Vec<u8>| {
            assert_eq!(frame[..12], [PEER_MAC, OUR_MAC].concat());
            let length = u16::from_be_bytes([frame[16], frame[17]]);
            without_number(frame[14..14 + usize::from(length)].to_vec())
        };
        frames.map(packet).collect()
    }

    /// Lets a packet arrive in a frame to `mac`; gives what the host sent then.
    pub(crate) fn hears(&mut self, mac: [u8; 6], packet: &[u8]) -> Vec<Vec<u8>> {
        self.wire.push([&mac[..], &PEER_MAC, &[8, 0], packet].concat());
        self.turn()
    }

    /// The one packet that the host sends when it hears `packet`.
    pub(crate) fn answer(&mut self, packet: &[u8]) -> Vec<u8> {
        let mut sent = self.hears(OUR_MAC, packet);
        assert_eq!(sent.len(), 1, "{sent:02x?}");
        sent.remove(0)
    }

    /// Lets time pass at once, as a clock that jumps does; gives what the host sent then.
    pub(crate) fn passes(&mut self, time: Duration) -> Vec<Vec<u8>> {
        self.host.clock().advance(time);
        self.turn()
    }
}

/// A packet, with identification 0 if it is a whole message of ICMP, which has one that nobody can predict.
fn without_number(mut packet: Vec<u8>) -> Vec<u8> {
    if packet[9] == ICMP && packet[6..8] == [0, 0] {
        packet[4..6].fill(0);
        packet[10..12].fill(0);
        let checksum = Checksum::new().add(&packet[..20]).finish();
        packet[10..12].copy_from_slice(&checksum.to_be_bytes());
    }
    packet
}

pub(crate) fn with_host(test: impl FnOnce(&mut Host<'_>)) {
    with_pool(256, |pool| {
        let memory = Region::new(pool, "memory");
        test(&mut Host::new(&memory, false));
    });
}

/// A packet from 10.0.0.1 to 10.0.0.2, its checksum made.
pub(crate) fn ip(protocol: u8, options: &[u8], payload: &[u8]) -> Vec<u8> {
    ip_with(protocol, options, payload, |_| {})
}

/// An IPv4 packet with `change` made to its header before the checksum is.
pub(crate) fn ip_with(
    protocol: u8,
    options: &[u8],
    payload: &[u8],
    change: impl FnOnce(&mut [u8]),
) -> Vec<u8> {
    let header = 20 + options.len();
    let [high, low] = ((header + payload.len()) as u16).to_be_bytes();
    let ihl = 0x40 + header as u8 / 4;
    let mut packet = [
        &[ihl, 0, high, low, 0x12, 0x34, 0, 0, 61, protocol, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2],
        options,
        payload,
    ]
    .concat();
    change(&mut packet);
    let checksum = Checksum::new().add(&packet[..header]).finish();
    packet[10..12].copy_from_slice(&checksum.to_be_bytes());
    packet
}

/// An ICMP message, its checksum made.
pub(crate) fn icmp(head: [u8; 8], rest: &[u8]) -> Vec<u8> {
    let mut message = [&head[..], rest].concat();
    let checksum = Checksum::new().add(&message).finish();
    message[2..4].copy_from_slice(&checksum.to_be_bytes());
    message
}

/// What the host sends: a packet of TTL 64 and TOS 0 in one piece, from 10.0.0.2 to 10.0.0.1, with DF if it is
/// not one of ICMP.
pub(crate) fn sent(protocol: u8, payload: &[u8]) -> Vec<u8> {
    let flags = if protocol == ICMP { 0 } else { 0x40 };
    ip_with(protocol, &[], payload, |header| {
        (header[4..9]).copy_from_slice(&[0, 0, flags, 0, 64]);
        (header[15], header[19]) = (2, 1);
    })
}

/// What the host says of `packet`.
pub(crate) fn error(head: [u8; 8], packet: &[u8]) -> Vec<u8> {
    sent(ICMP, &icmp(head, packet))
}
