//! What the host sends, read by etherparse: each frame, and each datagram that they carry together.

use std::{collections::BTreeMap, net::Ipv4Addr};

use etherparse::{
    ArpPacketSlice, Ethernet2Slice, Icmpv4Slice, Ipv4HeaderSlice, UdpHeader, UdpSlice,
};
use layer::{Cidr, Instant};

use super::OURS;
use crate::frames::{self, Mac};

/// How many errors `Icmp` sends at once, and in a second.
const ERRORS: (u64, u64) = (50, 100);
/// The longest packet for a path that is said to take less.
const FLOOR: usize = 552;
/// The shortest frame in bytes, without the check sequence (RFC 894).
const SHORTEST: usize = 60;

/// A datagram that was sent: to whom, from and to which port, what.
type Datagram = (Mac, Ipv4Addr, [u16; 2], Vec<u8>);

/// Pieces by their offset, and where the last one ends.
type Pieces = (BTreeMap<usize, Vec<u8>>, Option<usize>);

/// What is known of what was heard and sent.
#[derive(Debug)]
pub(super) struct Ledger {
    mtu: usize,
    cidr: Cidr,
    probing: bool,
    /// Whether a path was said to take less than packets are made for.
    pub(super) small_mtus: bool,
    /// Whether a path was forgotten before its time.
    pub(super) displaced: bool,
    /// The ports from which something was sent that nobody asked for: without DF, if no service was there.
    pub(super) spoke: Vec<u16>,
    /// The frame that was heard last.
    pub(super) heard: Vec<u8>,
    /// The packet that was sent last, for an error to quote.
    pub(super) packet: Vec<u8>,
    /// Whom the host asked for, and nobody has answered.
    pub(super) asked: Vec<Ipv4Addr>,
    /// Whom it told its address.
    pub(super) arp_replies: Vec<(Mac, Ipv4Addr)>,
    /// The datagrams since somebody last took them out.
    pub(super) datagrams: Vec<Datagram>,
    /// Datagrams of which not all fragments were sent: some of them wait, or were dropped.
    pieces: BTreeMap<(Ipv4Addr, u8, u16), Pieces>,
    errors: u64,
}

impl Ledger {
    pub(super) fn new(mtu: usize, cidr: Cidr, probing: bool) -> Self {
        Self {
            mtu,
            cidr,
            probing,
            small_mtus: false,
            displaced: false,
            spoke: Vec::new(),
            heard: Vec::new(),
            packet: Vec::new(),
            asked: Vec::new(),
            arp_replies: Vec::new(),
            datagrams: Vec::new(),
            pieces: BTreeMap::new(),
            errors: 0,
        }
    }

    /// Checks what was sent.
    pub(super) fn check(&mut self, now: Instant, frames: Vec<Vec<u8>>) {
        for frame in frames {
            assert!((SHORTEST..=14 + self.mtu.max(46)).contains(&frame.len()), "{}", frame.len());
            let ethernet = Ethernet2Slice::from_slice_without_fcs(&frame).expect("a frame");
            assert_eq!(ethernet.source(), OURS.0);
            assert_ne!(ethernet.destination(), OURS.0, "nobody sends to itself");
            let (to, payload) = (ethernet.destination(), ethernet.payload_slice());
            let used = match ethernet.ether_type().0 {
                0x0806 => self.arp(to, payload),
                0x0800 => self.ipv4(now, to, payload),
                other => panic!("nobody here speaks {other:#06x}"),
            };
            let padding = &payload[used..];
            assert!(padding.iter().all(|&byte| byte == 0), "memory was told: {padding:02x?}");
            assert!(padding.is_empty() || frame.len() == SHORTEST, "too much padding");
        }
    }

    fn arp(&mut self, to: Mac, packet: &[u8]) -> usize {
        let arp = ArpPacketSlice::from_slice(packet).expect("an ARP packet");
        assert_eq!((arp.hw_addr_type().0, arp.proto_addr_type().0), (1, 0x0800));
        assert_eq!((arp.hw_addr_size(), arp.proto_addr_size()), (6, 4));
        let mac = |bytes: &[u8]| Mac::try_from(bytes).expect("six bytes");
        let ip = |bytes: &[u8]| Ipv4Addr::from(<[u8; 4]>::try_from(bytes).expect("four bytes"));
        let (sender, target) = (ip(arp.sender_protocol_addr()), ip(arp.target_protocol_addr()));
        let target_mac = mac(arp.target_hw_addr());
        assert_eq!(mac(arp.sender_hw_addr()), OURS.0);
        match arp.operation().0 {
            1 => {
                assert_eq!(target_mac, [0; 6]);
                let is_probe = self.probing && sender.is_unspecified() && target == OURS.1;
                assert!(sender == OURS.1 || is_probe, "{sender} asks");
                assert!(self.is_host(target) || target == OURS.1, "nobody can be {target}");
                if target != OURS.1 {
                    self.asked.push(target);
                }
            }
            2 => {
                assert_eq!((sender, target_mac), (OURS.1, to));
                self.arp_replies.push((to, target));
            }
            other => panic!("ARP has no operation {other}"),
        }
        28
    }

    /// Whether one host that is not this one can have this address.
    fn is_host(&self, address: Ipv4Addr) -> bool {
        !(matches!(address.octets()[0], 0 | 127 | 224..)
            || address == OURS.1
            || self.cidr.broadcast() == Some(address)
            || self.cidr.network() == Some(address))
    }

    fn ipv4(&mut self, now: Instant, to: Mac, payload: &[u8]) -> usize {
        let header = Ipv4HeaderSlice::from_slice(payload).expect("an IPv4 packet");
        let length = usize::from(header.total_len());
        let packet = payload.get(..length).expect("its length is that of a packet in the frame");
        assert!(length <= self.mtu, "{length} bytes do not fit the link");
        assert_eq!(frames::checksum(header.slice()), 0, "a wrong checksum");
        assert_eq!(header.to_header().calc_header_checksum(), header.header_checksum());
        assert_eq!((header.source_addr(), header.slice().len()), (OURS.1, 20));
        assert!(header.ttl() > 0);
        let destination = header.destination_addr();
        let several = destination.is_broadcast()
            || destination.is_multicast()
            || self.cidr.broadcast() == Some(destination);
        assert!(several || self.is_host(destination), "to {destination}, which is nobody");
        assert_eq!(to[0] & 1 == 1, several, "a frame to {to:02x?} for {destination}");
        let (offset, more) =
            (usize::from(header.fragments_offset().value()) * 8, header.more_fragments());
        let is_fragment = more || offset > 0;
        assert!(!(header.dont_fragment() && is_fragment), "a fragment with DF");
        self.packet = packet.to_vec();
        let bytes = &packet[20..];
        if !is_fragment {
            if header.dont_fragment() {
                assert_eq!(header.identification(), 0, "what is whole is atomic (RFC 6864)");
            } else if header.protocol().0 != frames::ICMP {
                let may_be_less = self.small_mtus && length <= FLOOR || self.displaced;
                let port = u16::from_be_bytes([bytes[0], bytes[1]]);
                let allowed = may_be_less || self.spoke.contains(&port);
                assert!(allowed, "{length} bytes without DF from port {port}");
            }
            let is_icmp = header.protocol().0 == frames::ICMP;
            assert!(!(is_icmp && header.dont_fragment()), "nobody believes an error about it");
            self.whole(now, to, &header, bytes);
            return length;
        }
        assert!(!bytes.is_empty() && (!more || bytes.len() % 8 == 0), "a fragment of {length}");
        let key = (destination, header.protocol().0, header.identification());
        let (pieces, end) = self.pieces.entry(key).or_default();
        assert!(pieces.insert(offset, bytes.to_vec()).is_none(), "the same place twice");
        if !more {
            *end = Some(offset + bytes.len());
        }
        let come: usize = pieces.values().map(Vec::len).sum();
        if *end == Some(come) {
            let mut whole = Vec::new();
            for (offset, bytes) in self.pieces.remove(&key).unwrap_or_default().0 {
                assert_eq!(offset, whole.len(), "the fragments do not fit");
                whole.extend(bytes);
            }
            self.whole(now, to, &header, &whole);
        }
        length
    }

    fn whole(&mut self, now: Instant, to: Mac, header: &Ipv4HeaderSlice<'_>, bytes: &[u8]) {
        let destination = header.destination_addr();
        match header.protocol().0 {
            frames::UDP => {
                let udp = UdpSlice::from_slice(bytes).expect("a datagram");
                let right = UdpHeader::with_ipv4_checksum(
                    udp.source_port(),
                    udp.destination_port(),
                    &header.to_header(),
                    udp.payload(),
                );
                let right = right.expect("it is not too long");
                assert_eq!(usize::from(udp.length()), bytes.len());
                assert_eq!((udp.checksum(), udp.length()), (right.checksum, right.length));
                assert!(udp.checksum() != 0 && udp.destination_port() != 0);
                let ports = [udp.source_port(), udp.destination_port()];
                self.datagrams.push((to, destination, ports, udp.payload().to_vec()));
            }
            frames::ICMP => self.icmp(now, header, bytes),
            other => panic!("nobody here speaks protocol {other}"),
        }
    }

    fn icmp(&mut self, now: Instant, header: &Ipv4HeaderSlice<'_>, bytes: &[u8]) {
        let message = Icmpv4Slice::from_slice(bytes).expect("a message");
        let destination = header.destination_addr();
        assert_eq!(message.icmp_type().calc_checksum(message.payload()), message.checksum());
        assert!(self.is_host(destination), "a message to {destination}");
        match (message.type_u8(), message.code_u8()) {
            (0, 0) => return,
            (3, 2 | 3 | 5) | (11, 1) | (12, 0) => {}
            other => panic!("nobody here says {other:?}"),
        }
        self.errors += 1;
        let most = ERRORS.0 + 1 + ERRORS.1 * now.as_nanos() / 1_000_000_000;
        // An error takes one token, give or take one (`network::TokenBucket`): half as many again are beyond chance.
        assert!(self.errors <= most + most / 2, "{} errors", self.errors);
        assert!(20 + bytes.len() <= 576, "a long error");
        // RFC 1122 3.2.2: what it may be about.
        let about = Ipv4HeaderSlice::from_slice(&bytes[8..]).expect("it quotes a packet");
        assert_eq!((about.source_addr(), about.destination_addr()), (destination, OURS.1));
        assert_eq!(about.fragments_offset().value(), 0, "a later fragment");
        let quoted = &bytes[8 + about.slice().len()..];
        let about_query = quoted.first().is_some_and(|first| matches!(first, 0 | 8 | 13..=18));
        assert!(about.protocol().0 != frames::ICMP || about_query, "an error about an error");
    }
}
