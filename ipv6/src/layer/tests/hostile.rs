//! Whatever arrives: nothing panics, the work is bounded, and what is handed up is part of what came.

use testkit::Random;

use super::*;

/// A packet with a chain of random headers, most of which make sense, and some bytes of it changed.
fn chain(random: &mut Random) -> Vec<u8> {
    const NUMBERS: [u8; 12] = [0, 60, 60, 60, 43, 44, 44, 51, 59, 6, 17, 58];
    let pick = |random: &mut Random| NUMBERS[random.below(NUMBERS.len())];
    let first = pick(random);
    let mut next = first;
    let mut bytes = Vec::new();
    for _ in 0..random.below(12) {
        let units = if next == 44 { 1 } else { 1 + random.below(4) };
        let at = bytes.len();
        next = pick(random);
        bytes.extend([next, (units - 1) as u8]);
        while bytes.len() < at + units * 8 {
            let left = at + units * 8 - bytes.len();
            match random.below(3) {
                0 if left >= 2 => {
                    let length = random.below(left - 1);
                    bytes.extend([random.bits() as u8, length as u8]);
                    bytes.extend(vec![0; length]);
                }
                1 if left >= 2 => {
                    bytes.extend([1, (left - 2) as u8]);
                    bytes.extend(vec![0; left - 2]);
                }
                _ => bytes.push(random.below(4) as u8),
            }
        }
    }
    bytes.extend(vec![7; random.below(40)]);
    let destination = if random.below(4) == 0 { ALL_NODES } else { OURS };
    let fields = Fields { destination, next_header: Protocol(first), ..fields() };
    let mut packet = packet(&fields, &bytes);
    for _ in 0..random.below(4) {
        let at = random.below(packet.len());
        packet[at] = random.bits() as u8;
    }
    packet
}

#[test]
fn random_chains_are_handed_up_dropped_or_rejected() {
    let mut random = Random::new(7);
    let (mut packets, mut rejections, mut dropped) = (0, 0, 0);
    with_pool(512, |pool| {
        let global = Region::new(pool, "global");
        let (wire, end) = Wire::new(OUR_MAC);
        let mut link = Everybody::new(end);
        link.link.join(multicast_mac(ALL_NODES)).unwrap();
        let mut host = Ipv6::new(link, 1, &global).unwrap();
        for step in 0..40_000u64 {
            let bytes = chain(&mut random);
            let region = Region::new(pool, "packet");
            let mac = match Ipv6Header::parse(&bytes) {
                Ok(parsed) if parsed.header.destination().is_multicast() => {
                    multicast_mac(ALL_NODES)
                }
                _ => OUR_MAC,
            };
            wire.push(frame(mac, &bytes));
            let now = Instant::from_millis(step * 10);
            while let Some(deadline) = host.next_deadline().filter(|deadline| *deadline <= now) {
                assert!(deadline <= now && !matches!(host.receive(now, &region), Ok(Rx::Idle)));
            }
            match host.receive(now, &region).unwrap() {
                Rx::Item(Delivery::Packet(packet)) => {
                    packets += 1;
                    let whole = [packet.header, packet.payload].concat();
                    assert!(packet.header.len() >= 40 && packet.header.len() % 8 == 0);
                    assert_eq!(whole[packet.protocol_at()], packet.protocol.0);
                    let again = Ipv6Header::parse(&whole).unwrap();
                    assert_eq!(again.payload.len(), whole.len() - 40);
                }
                Rx::Item(Delivery::Rejected(packet, problem)) => {
                    rejections += 1;
                    let length = packet.header.len() + packet.payload.len();
                    if let Problem::Parameter(octet) | Problem::UnknownOption(octet) = problem {
                        assert!((octet as usize) < length, "{problem:?}");
                    }
                    // RFC 4443 2.4 (e.3): about a packet to a group, this is the only one that is allowed here.
                    let _ = packet.broadcast;
                }
                Rx::Item(other) => panic!("{other:?}"),
                Rx::Handled | Rx::Idle => dropped += 1,
            }
        }
        assert!(sent(&wire).is_empty());
    });
    assert!(
        packets > 2_000 && rejections > 2_000 && dropped > 2_000,
        "{packets} {rejections} {dropped}"
    );
}

/// Whatever its length, random bytes behind a good header do no harm.
#[test]
fn random_bytes_do_no_harm() {
    let mut random = Random::new(3);
    with_host(|wire, mut host, region| {
        for length in (0..200).cycle().take(20_000) {
            let mut bytes =
                packet(&fields(), &(0..length).map(|_| random.bits() as u8).collect::<Vec<_>>());
            bytes[6] = [0, 43, 44, 60, random.bits() as u8][random.below(5)];
            let scratch = Region::new(region.pool().unwrap(), "scratch");
            let _ = hear(&mut host, wire, Instant::ZERO, OUR_MAC, &bytes, &scratch);
        }
        assert!(host.stats().packets_rx > 0 && host.stats().bad_headers > 0);
    });
}
