use std::{collections::HashSet, net::IpAddr, vec, vec::Vec};

use ::tests::{End, Wire, with_pool};
use ethernet::{Ethernet, Frame, Link};
use netif::{Checksums, MacAddr, Payload};
use network::{Network, Outgoing, Problem, Protocol, Refusal, Sent};
use zerocopy::IntoBytes;

use super::*;
use crate::{Fields, Ipv4Header, JoinError, multicast_mac};

const OUR_MAC: MacAddr = MacAddr([2, 0, 10, 0, 0, 2]);
const PEER_MAC: MacAddr = MacAddr([2, 0, 10, 0, 0, 1]);
const OURS: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 2);
const PEER: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 1);
const FAR: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 7);
const GROUP: Ipv4Addr = Ipv4Addr::new(239, 1, 2, 3);

/// A link that knows every neighbour: 02:00 and then its IPv4 address.
struct Neighbours(Ethernet<End>);

impl Layer for Neighbours {
    type Error = <Ethernet<End> as Layer>::Error;
    type Event = ();
    type Item<'r> = Frame<'r>;

    fn event(&self) {}

    fn receive<'r>(
        &mut self,
        now: Instant,
        region: &'r Region<'_>,
    ) -> Result<Rx<Frame<'r>>, Self::Error> {
        self.0.receive(now, region)
    }

    fn refuse(&mut self, now: Instant, frame: Frame<'_>) -> Result<(), Self::Error> {
        self.0.refuse(now, frame)
    }

    fn next_deadline(&self) -> Option<Instant> {
        None
    }

    fn counters(&self, visit: &mut dyn FnMut(Counter)) {
        self.0.counters(visit);
    }

    fn set_log(&mut self, layer: &str, on: bool) -> bool {
        self.0.set_log(layer, on)
    }
}

impl Link for Neighbours {
    fn mac(&self) -> MacAddr {
        self.0.mac()
    }

    fn mtu(&self) -> usize {
        self.0.mtu()
    }

    fn join(&mut self, group: MacAddr) -> Result<(), ethernet::JoinError> {
        self.0.join(group)
    }

    fn leave(&mut self, group: MacAddr) {
        self.0.leave(group);
    }

    fn send(
        &mut self,
        now: Instant,
        destination: MacAddr,
        ethertype: EtherType,
        payload: impl Payload,
    ) -> Result<(), Self::Error> {
        self.0.send(now, destination, ethertype, payload)
    }
}

impl Resolve for Neighbours {
    fn send_to(
        &mut self,
        now: Instant,
        address: Ipv4Addr,
        ethertype: EtherType,
        payload: impl Payload,
    ) -> Result<(), Self::Error> {
        let [a, b, c, d] = address.octets();
        self.0.send(now, MacAddr([2, 0, a, b, c, d]), ethertype, payload)
    }
}

type Host<'g> = Ipv4<'g, Neighbours>;

fn with_mtu(mtu: usize, test: impl FnOnce(&Wire, Host<'_>, &Region<'_>)) {
    with_pool(512, |pool| {
        let global = Region::new(pool, "global");
        let packet = Region::new(pool, "packet");
        let (wire, end) = Wire::new(OUR_MAC);
        let link = Neighbours(Ethernet::new(end.with_mtu(mtu)));
        let cidr = Cidr::new(OURS, 24).unwrap();
        test(&wire, Ipv4::new(link, cidr, 1, &global).unwrap(), &packet);
    });
}

fn with_host(test: impl FnOnce(&Wire, Host<'_>, &Region<'_>)) {
    with_mtu(1500, test);
}

fn fields() -> Fields {
    Fields {
        source: PEER,
        destination: OURS,
        protocol: Protocol::UDP,
        ttl: 64,
        tos: 0,
        identification: 7,
        dont_fragment: false,
    }
}

fn frame(destination: MacAddr, packet: &[u8]) -> Vec<u8> {
    [&destination.0[..], &PEER_MAC.0, &[8, 0], packet].concat()
}

fn packet(fields: &Fields, payload: &[u8]) -> Vec<u8> {
    [Ipv4Header::new(fields, 0, payload.len(), false).as_bytes(), payload].concat()
}

/// The packet that `bytes` (of a frame to `mac`) are handed up as, or nothing.
fn receive<'r>(
    host: &mut Host<'_>,
    wire: &Wire,
    mac: MacAddr,
    bytes: &[u8],
    region: &'r Region<'_>,
) -> Option<network::Packet<'r>> {
    wire.push(frame(mac, bytes));
    match host.receive(Instant::ZERO, region).unwrap() {
        Rx::Item(Delivery::Packet(packet)) => Some(packet),
        Rx::Item(Delivery::Report(report)) => panic!("{report:?}"),
        Rx::Kept => None,
        Rx::Idle => panic!("the frame was there"),
    }
}

/// Every packet that was sent: destination MAC, header, payload.
fn sent(wire: &Wire) -> Vec<(MacAddr, Ipv4Header, Vec<u8>)> {
    let parse = |frame: Vec<u8>| {
        let mac = MacAddr(frame[..6].try_into().unwrap());
        let parsed = Ipv4Header::parse(&frame[14..]).unwrap();
        (mac, *parsed.header, parsed.payload.to_vec())
    };
    wire.drain().into_iter().map(parse).collect()
}

fn to(destination: Ipv4Addr) -> Outgoing {
    Outgoing::new(destination.into(), Protocol::UDP)
}

fn counters(host: &Host<'_>) -> Vec<(&'static str, u64)> {
    let mut all = Vec::new();
    host.counters(&mut |c| {
        if c.layer == "ipv4" && c.value > 0 {
            all.push((c.name, c.value));
        }
    });
    all
}

#[test]
fn a_packet_for_us_is_handed_up() {
    with_host(|wire, mut host, region| {
        let bytes = packet(&Fields { tos: 0x28, ttl: 1, ..fields() }, b"hello");
        let packet = receive(&mut host, wire, OUR_MAC, &bytes, region).unwrap();
        assert_eq!((packet.source, packet.destination), (IpAddr::V4(PEER), IpAddr::V4(OURS)));
        assert_eq!((packet.protocol, packet.ttl, packet.tos), (Protocol::UDP, 1, 0x28));
        assert_eq!((packet.header, packet.payload), (&bytes[..20], &b"hello"[..]));
        assert!(!packet.broadcast && packet.verify_checksum);
    });
}

#[test]
fn broadcasts_and_joined_groups_are_handed_up_as_such() {
    with_host(|wire, mut host, region| {
        for destination in [Ipv4Addr::BROADCAST, Ipv4Addr::new(10, 0, 0, 255)] {
            let bytes = packet(&Fields { destination, ..fields() }, b"x");
            let packet = receive(&mut host, wire, MacAddr::BROADCAST, &bytes, region).unwrap();
            assert!(packet.broadcast);
        }
        let bytes = packet(&Fields { destination: GROUP, ..fields() }, b"x");
        assert_eq!(multicast_mac(GROUP), MacAddr([1, 0, 0x5e, 1, 2, 3]));
        assert!(receive(&mut host, wire, multicast_mac(GROUP), &bytes, region).is_none());
        host.join(GROUP).unwrap();
        assert!(receive(&mut host, wire, multicast_mac(GROUP), &bytes, region).unwrap().broadcast);
        // 239.129.2.3 has the same hardware address, but is another group.
        let other = Fields { destination: Ipv4Addr::new(239, 129, 2, 3), ..fields() };
        assert!(
            receive(&mut host, wire, multicast_mac(GROUP), &packet(&other, b"x"), region).is_none()
        );
        host.leave(GROUP);
        assert!(receive(&mut host, wire, multicast_mac(GROUP), &bytes, region).is_none());
    });
}

#[test]
fn groups_that_share_a_hardware_address_leave_alone() {
    with_host(|wire, mut host, region| {
        let twin = Ipv4Addr::new(239, 129, 2, 3);
        host.join(GROUP).unwrap();
        host.join(twin).unwrap();
        host.leave(GROUP);
        let bytes = packet(&Fields { destination: twin, ..fields() }, b"x");
        assert!(receive(&mut host, wire, multicast_mac(twin), &bytes, region).is_some());
        assert_eq!(host.join(PEER), Err(JoinError::NotAGroup(PEER)));
    });
}

#[test]
fn packets_for_others_are_dropped() {
    with_host(|wire, mut host, region| {
        for destination in [PEER, FAR, GROUP, Ipv4Addr::UNSPECIFIED, Ipv4Addr::LOCALHOST] {
            let bytes = packet(&Fields { destination, ..fields() }, b"x");
            assert!(receive(&mut host, wire, OUR_MAC, &bytes, region).is_none());
        }
        assert_eq!(counters(&host), [("not_for_us", 5)]);
    });
}

#[test]
fn packets_from_nobody_are_dropped() {
    with_host(|wire, mut host, region| {
        for source in [
            [0, 0, 0, 0],
            [127, 0, 0, 1],
            [224, 0, 0, 1],
            [255; 4],
            [10, 0, 0, 255],
            [240, 0, 0, 1],
            OURS.octets(),
        ] {
            let bytes = packet(&Fields { source: source.into(), ..fields() }, b"x");
            assert!(receive(&mut host, wire, OUR_MAC, &bytes, region).is_none(), "{source:?}");
        }
        assert_eq!(counters(&host), [("bad_source", 7)]);
    });
}

#[test]
fn a_broadcast_frame_with_a_packet_for_one_host_is_dropped() {
    with_host(|wire, mut host, region| {
        let bytes = packet(&fields(), b"x");
        assert!(receive(&mut host, wire, MacAddr::BROADCAST, &bytes, region).is_none());
        assert_eq!(counters(&host), [("broadcast_frame", 1)]);
    });
}

#[test]
fn damaged_packets_are_counted_by_what_is_wrong() {
    with_host(|wire, mut host, region| {
        let good = packet(&fields(), b"x");
        let mut version = good.clone();
        version[0] = 0x65;
        let mut ihl = good.clone();
        ihl[0] = 0x44;
        let mut checksum = good.clone();
        checksum[10] ^= 1;
        for bytes in [&version[..], &ihl, &checksum, &good[..20], &good[..3]] {
            assert!(receive(&mut host, wire, OUR_MAC, bytes, region).is_none());
        }
        assert_eq!(counters(&host), [("bad_length", 3), ("bad_version", 1), ("bad_checksum", 1)]);
    });
}

#[test]
fn padding_is_cut_and_options_are_skipped() {
    with_host(|wire, mut host, region| {
        let mut bytes = packet(&fields(), b"x");
        bytes.extend([0xee; 25]);
        assert_eq!(receive(&mut host, wire, OUR_MAC, &bytes, region).unwrap().payload, b"x");
    });
}

#[test]
fn what_the_device_says_of_checksums_is_handed_up() {
    with_pool(64, |pool| {
        let global = Region::new(pool, "global");
        let (wire, mut end) = Wire::new(OUR_MAC);
        end.checksums = Checksums::Verified;
        let link = Neighbours(Ethernet::new(end));
        let mut host = Ipv4::new(link, Cidr::new(OURS, 24).unwrap(), 1, &global).unwrap();
        let bytes = packet(&fields(), b"x");
        let packet_region = Region::new(pool, "packet");
        let packet = receive(&mut host, &wire, OUR_MAC, &bytes, &packet_region).unwrap();
        assert!(!packet.verify_checksum);
    });
}

#[test]
fn other_ethertypes_go_back_down() {
    with_host(|wire, mut host, region| {
        wire.push([&OUR_MAC.0[..], &PEER_MAC.0, &[0x86, 0xdd, 1, 2]].concat());
        assert!(matches!(host.receive(Instant::ZERO, region), Ok(Rx::Kept)));
        assert_eq!(host.link().0.stats().unknown_ethertype, 1);
        assert!(matches!(host.receive(Instant::ZERO, region), Ok(Rx::Idle)));
    });
}

#[test]
fn a_whole_packet_is_atomic() {
    with_host(|wire, mut host, _| {
        assert_eq!(host.send(Instant::ZERO, to(PEER), b"hello"), Ok(Sent::Yes));
        let [(mac, header, payload)] = &sent(wire)[..] else { panic!("one packet") };
        assert_eq!((*mac, &payload[..]), (MacAddr([2, 0, 10, 0, 0, 1]), &b"hello"[..]));
        assert_eq!((header.source(), header.destination()), (OURS, PEER));
        assert_eq!((header.ttl, header.tos, header.identification.get()), (64, 0, 0));
        assert!(header.dont_fragment() && !header.is_fragment());
    });
}

/// The sizes of the Mirage tests: fragments at 0, 1, 2, 10, 100, 1000, 5000 and 10,000 bytes.
#[test]
fn payloads_of_any_size_are_sent_and_can_be_put_together() {
    with_host(|wire, mut host, region| {
        for size in [0usize, 1, 2, 10, 100, 1000, 1480, 1481, 5000, 10_000, 60_000, 65_515] {
            let bytes: Vec<u8> = (0..size).map(|i| (i % 251) as u8).collect();
            assert_eq!(host.send(Instant::ZERO, to(PEER), &bytes[..]), Ok(Sent::Yes));
            let frames = wire.drain();
            assert_eq!(frames.len(), size.div_ceil(1480).max(1));
            let mut back = None;
            for sent in frames {
                let parsed = Ipv4Header::parse(&sent[14..]).unwrap();
                let header = parsed.header;
                let back_to_us = Fields { identification: header.identification.get(), ..fields() };
                let more = header.more_fragments();
                let header =
                    Ipv4Header::new(&back_to_us, header.offset(), parsed.payload.len(), more);
                let packet = [header.as_bytes(), parsed.payload].concat();
                assert!(back.is_none());
                back = receive(&mut host, wire, OUR_MAC, &packet, region);
            }
            assert_eq!(back.unwrap().payload, bytes);
        }
    });
}

#[test]
fn a_payload_that_no_packet_can_carry_is_refused() {
    with_host(|wire, mut host, _| {
        assert_eq!(host.max_payload(), 65_515);
        let refused = Refusal::TooLong { length: 65_516, most: 65_515 };
        let long = vec![0; 65_516];
        assert_eq!(host.send(Instant::ZERO, to(PEER), &long[..]), Ok(Sent::Refused(refused)));
        let whole = Outgoing { dont_fragment: true, ..to(PEER) };
        let refused = Refusal::TooLong { length: 1481, most: 1480 };
        assert_eq!(host.send(Instant::ZERO, whole, [0; 1481]), Ok(Sent::Refused(refused)));
        assert!(sent(wire).is_empty());
    });
}

/// MTU 36 leaves 16 bytes a fragment: 1030 bytes are 65 fragments.
#[test]
fn the_smallest_mtu() {
    with_mtu(36, |wire, mut host, _| {
        assert_eq!(host.send(Instant::ZERO, to(PEER), [7; 1030]), Ok(Sent::Yes));
        let all = sent(wire);
        assert_eq!(all.len(), 65);
        let ids: HashSet<u16> = all.iter().map(|(_, h, _)| h.identification.get()).collect();
        assert_eq!(ids.len(), 1);
        assert!(all.iter().all(|(_, header, _)| !header.dont_fragment()));
        assert_eq!(all.iter().filter(|(_, header, _)| header.more_fragments()).count(), 64);
        assert_eq!(all[64].2.len(), 6);
    });
}

/// A link with an MTU that is no multiple of 8 still gets pieces that are.
#[test]
fn pieces_are_multiples_of_eight_bytes() {
    with_mtu(1005, |wire, mut host, _| {
        assert_eq!(host.send(Instant::ZERO, to(PEER), [7; 3000]), Ok(Sent::Yes));
        assert_eq!(
            sent(wire).iter().map(|(.., p)| p.len()).collect::<Vec<_>>(),
            [984, 984, 984, 48]
        );
    });
}

#[test]
fn datagrams_in_fragments_have_different_identifications() {
    with_host(|wire, mut host, _| {
        for _ in 0..100 {
            assert_eq!(host.send(Instant::ZERO, to(PEER), [7; 2000]), Ok(Sent::Yes));
        }
        let ids: HashSet<u16> = sent(wire).iter().map(|(_, h, _)| h.identification.get()).collect();
        assert_eq!(ids.len(), 100);
    });
}

#[test]
fn what_is_not_in_our_network_goes_to_the_gateway() {
    with_host(|wire, mut host, _| {
        let refused = Sent::Refused(Refusal::NoRoute(FAR.into()));
        assert_eq!(host.send(Instant::ZERO, to(FAR), b"x"), Ok(refused));
        let mut host = host.with_gateway(Some(PEER));
        assert_eq!(host.send(Instant::ZERO, to(FAR), b"x"), Ok(Sent::Yes));
        let [(mac, header, _)] = &sent(wire)[..] else { panic!("one packet") };
        assert_eq!((*mac, header.destination()), (MacAddr([2, 0, 10, 0, 0, 1]), FAR));
    });
}

#[test]
fn broadcasts_and_multicasts_need_no_neighbour() {
    with_host(|wire, mut host, _| {
        for (address, mac) in [
            (Ipv4Addr::BROADCAST, MacAddr::BROADCAST),
            (Ipv4Addr::new(10, 0, 0, 255), MacAddr::BROADCAST),
            (GROUP, multicast_mac(GROUP)),
        ] {
            assert_eq!(host.send(Instant::ZERO, to(address), b"x"), Ok(Sent::Yes));
            assert_eq!(sent(wire)[0].0, mac);
        }
    });
}

#[test]
fn nobody_sends_to_nobody() {
    with_host(|wire, mut host, _| {
        let nobody =
            [[0, 0, 0, 0], [127, 0, 0, 1], [10, 0, 0, 0], OURS.octets()].map(Ipv4Addr::from);
        for address in nobody {
            let refused = Sent::Refused(Refusal::BadAddress(address.into()));
            assert_eq!(host.send(Instant::ZERO, to(address), b"x"), Ok(refused));
        }
        let six = Outgoing::new("::1".parse().unwrap(), Protocol::UDP);
        assert!(matches!(host.send(Instant::ZERO, six, b"x"), Ok(Sent::Refused(_))));
        assert!(sent(wire).is_empty());
        assert_eq!(counters(&host), [("refused", 5)]);
    });
}

#[test]
fn ttl_zero_is_never_sent() {
    with_host(|wire, mut host, _| {
        let outgoing = Outgoing { ttl: 0, tos: 0xb8, ..to(PEER) };
        assert_eq!(host.send(Instant::ZERO, outgoing, b"x"), Ok(Sent::Yes));
        assert_eq!((sent(wire)[0].1.ttl, host.stats().packets_tx), (1, 1));
    });
}

#[test]
fn a_smaller_path_mtu_makes_fragments_without_df() {
    with_host(|wire, mut host, _| {
        host.packet_too_big(Instant::ZERO, PEER.into(), 600);
        assert_eq!(host.send(Instant::ZERO, to(PEER), [1; 1000]), Ok(Sent::Yes));
        let all = sent(wire);
        assert_eq!(all.iter().map(|(.., p)| p.len()).collect::<Vec<_>>(), [576, 424]);
        assert!(all.iter().all(|(_, header, _)| !header.dont_fragment()));
        let other = Ipv4Addr::new(10, 0, 0, 9);
        assert_eq!(host.send(Instant::ZERO, to(other), [1; 1000]), Ok(Sent::Yes));
        assert_eq!(sent(wire).len(), 1);
    });
}

#[test]
fn a_datagram_that_times_out_is_reported_if_its_beginning_had_come() {
    with_host(|wire, mut host, region| {
        let fragment = |id, offset, length, more| {
            let fields = Fields { identification: id, ..fields() };
            [Ipv4Header::new(&fields, offset, length, more).as_bytes(), &vec![9; length]].concat()
        };
        assert!(receive(&mut host, wire, OUR_MAC, &fragment(1, 0, 16, true), region).is_none());
        assert!(receive(&mut host, wire, OUR_MAC, &fragment(2, 16, 16, true), region).is_none());
        let limit = Instant::from_millis(30_000);
        assert_eq!(host.next_deadline(), Some(limit));
        let almost = Instant::from_millis(29_999);
        assert!(matches!(host.receive(almost, region), Ok(Rx::Idle)));
        let mut reports = 0;
        loop {
            let report = match host.receive(limit, region).unwrap() {
                Rx::Item(Delivery::Report(report)) => report,
                Rx::Item(Delivery::Packet(packet)) => panic!("{packet:?}"),
                Rx::Kept => continue,
                Rx::Idle => break,
            };
            assert_eq!(report.problem, Problem::ReassemblyTimeExceeded);
            assert_eq!(report.reporter, None);
            assert_eq!((report.packet.source, report.packet.payload), (PEER.into(), &[9; 8][..]));
            assert_eq!(report.packet.header, &fragment(1, 0, 16, true)[..20]);
            reports += 1;
        }
        assert_eq!((reports, host.stats().reassembly_timeouts), (1, 2));
        assert_eq!(host.next_deadline(), None);
    });
}

/// The second fragment of a datagram is never taken for a datagram of its own.
#[test]
fn a_lone_fragment_is_never_handed_up() {
    with_host(|wire, mut host, region| {
        let header = Ipv4Header::new(&fields(), 1480, 8, false);
        let bytes = [header.as_bytes(), &[0, 9, 0x1f, 0x90, 0, 8, 0, 0]].concat();
        assert!(receive(&mut host, wire, OUR_MAC, &bytes, region).is_none());
        assert_eq!(counters(&host), [("fragments_rx", 1)]);
    });
}

#[test]
fn a_packet_region_without_room_loses_the_datagram_only() {
    with_host(|wire, mut host, region| {
        let pool = region.pool().unwrap();
        for at in (0..60_000).step_by(1480) {
            let length = 1480.min(60_000 - at);
            let header = Ipv4Header::new(&fields(), at, length, at + length < 60_000);
            let bytes = [header.as_bytes(), &vec![1; length]].concat();
            let small = Region::new(pool, "small").with_cap(4096);
            assert!(receive(&mut host, wire, OUR_MAC, &bytes, &small).is_none());
        }
        assert_eq!(host.stats().reassembly_exhausted, 1);
        assert!(receive(&mut host, wire, OUR_MAC, &packet(&fields(), b"x"), region).is_some());
    });
}
