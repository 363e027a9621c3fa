use std::{collections::BTreeSet, vec, vec::Vec};

use proptest::{
    array::uniform32,
    collection::vec,
    prelude::{ProptestConfig, any},
    prop_assert, prop_assert_eq, proptest,
};

use super::*;

/// So many cores that two frames hardly ever come to the same one by chance.
const CORES: usize = 1 << 20;

fn core_of(frame: &[u8]) -> usize {
    Spread::new(7, CORES).core_of(frame)
}

fn frame(ethertype: u16, packet: &[u8]) -> Vec<u8> {
    [&[2; 12], &ethertype.to_be_bytes()[..], packet].concat()
}

/// A packet of IPv4 from 10.0.0.1 to 10.0.0.2 with `options`, whose length is a multiple of 4.
fn ipv4(protocol: u8, id: u16, flags_offset: u16, options: &[u8], payload: &[u8]) -> Vec<u8> {
    let mut packet = vec![0x45 + (options.len() / 4) as u8, 0, 0, 0];
    packet.extend(id.to_be_bytes());
    packet.extend(flags_offset.to_be_bytes());
    packet.extend([64, protocol, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2]);
    packet.extend(options);
    packet.extend(payload);
    frame(0x0800, &packet)
}

/// A packet of IPv6 from `fe80::1` to `fe80::2` with these headers, the first of which has the number `next`.
fn ipv6(next: u8, rest: &[u8]) -> Vec<u8> {
    let mut packet = vec![0x60, 0, 0, 0, 0, rest.len() as u8, next, 255];
    for last in [1, 2] {
        packet.extend([0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, last]);
    }
    packet.extend(rest);
    frame(0x86dd, &packet)
}

const PORTS: [u8; 8] = [0x10, 0, 0x1f, 0x90, 0, 9, 0, 0];

/// An extension header of 8 bytes before one with the number `next`.
fn option(next: u8) -> [u8; 8] {
    [next, 0, 1, 4, 0, 0, 0, 0]
}

#[test]
fn the_packets_of_a_flow_go_to_one_core() {
    let udp = core_of(&ipv4(17, 1, 0, &[], &PORTS));
    assert_ne!(udp, 0);
    // Neither the identification, nor options, nor what follows the ports, nor Don't Fragment, nor padding matters.
    assert_eq!(udp, core_of(&ipv4(17, 9, 0x4000, &[], &PORTS[..4])));
    assert_eq!(udp, core_of(&ipv4(17, 9, 0, &[1; 40], &[&PORTS[..], &[7; 40]].concat())));
    let udp6 = core_of(&ipv6(17, &PORTS));
    assert_ne!(udp6, 0);
    for numbers in [&[0][..], &[60], &[43], &[0, 60, 43, 60], &[60; 7]] {
        let headers = numbers.iter().skip(1).chain(&[17]).flat_map(|next| option(*next));
        let rest: Vec<u8> = headers.chain(PORTS).collect();
        assert_eq!(udp6, core_of(&ipv6(numbers[0], &rest)), "{numbers:?}");
    }
}

#[test]
fn flows_that_differ_go_to_different_cores() {
    let mut cores = BTreeSet::new();
    for protocol in [6, 17] {
        for port in 0..=255 {
            let ports = [port, 0, 0x1f, 0x90, 0, 9, 0, 0];
            let back = [0x1f, 0x90, port, 0, 0, 9, 0, 0];
            cores.extend([ports, back].map(|ports| core_of(&ipv4(protocol, 1, 0, &[], &ports))));
            cores.extend([ports, back].map(|ports| core_of(&ipv6(protocol, &ports))));
        }
    }
    // Of 2,048 among a million, two pairs meet by chance.
    assert!(cores.len() > 2040, "{}", cores.len());
    // Over few cores, they are spread evenly.
    let mut counts = [0; 4];
    for port in 0..4096_u16 {
        let [high, low] = port.to_be_bytes();
        let frame = ipv4(17, 1, 0, &[], &[high, low, 0, 53]);
        counts[Spread::new(7, 4).core_of(&frame)] += 1;
    }
    assert!(counts.iter().all(|count| (900..1150).contains(count)), "{counts:?}");
}

#[test]
fn the_fragments_of_a_datagram_go_to_one_core_first_and_later() {
    let of = |id, flags_offset| core_of(&ipv4(17, id, flags_offset, &[], &PORTS));
    let first = of(1, 0x2000);
    assert!(
        first != 0 && first == of(1, 0x20b9) && first == of(1, 0x0172) && first == of(1, 0x6000)
    );
    assert_ne!(first, of(2, 0x2000));
    assert_ne!(first, core_of(&ipv4(6, 1, 0x2000, &[], &PORTS)));
    // A later one begins with whatever bytes.
    assert_eq!(first, core_of(&ipv4(17, 1, 0x0172, &[1; 8], &[])));
    // ICMP, too.
    assert_ne!(core_of(&ipv4(1, 1, 0x2000, &[], &PORTS)), 0);

    let fragment = |id: u8, offset: u8| [[17, 0, offset, 1, 0, 0, 0, id], PORTS].concat();
    let of = |id, offset| core_of(&ipv6(44, &fragment(id, offset)));
    assert!(of(1, 0) != 0 && of(1, 0) == of(1, 5) && of(1, 0) != of(2, 0));
    let behind = [&option(44)[..], &fragment(1, 5)].concat();
    assert_eq!(core_of(&ipv6(60, &behind)), of(1, 0));
}

/// The hub asks for the core of a fragment only.
#[test]
fn a_fragment_is_never_passed_on() {
    let spread = Spread::new(7, CORES);
    let owner = |frame: &[u8]| {
        let ethertype = u16::from_be_bytes([frame[12], frame[13]]);
        spread.core_of_fragment(ethertype, &frame[14..])
    };
    for frame in [
        ipv4(17, 1, 0x2000, &[], &PORTS),
        ipv4(1, 1, 0x0172, &[1; 8], &[]),
        ipv6(44, &[58, 0, 0, 1, 0, 0, 0, 9]),
        ipv6(60, &[option(44), [17, 0, 5, 1, 0, 0, 0, 1]].concat()),
    ] {
        assert_eq!(owner(&frame), Some(core_of(&frame)), "{frame:x?}");
    }
    for frame in [ipv4(17, 1, 0, &[], &PORTS), ipv6(17, &PORTS), frame(0x0806, &[0; 28])] {
        assert_eq!(owner(&frame), None);
    }
}

#[test]
fn what_is_no_flow_is_for_the_first_core() {
    let echo = [8, 0, 0, 0, 0, 1, 0, 1];
    let chain: Vec<u8> = [60; 8].iter().flat_map(|next| option(*next)).chain(PORTS).collect();
    for (name, frame) in [
        ("ARP", frame(0x0806, &[0; 46])),
        ("ICMP", ipv4(1, 1, 0, &[], &echo)),
        ("IGMP", ipv4(2, 1, 0, &[0x94, 4, 0, 0], &echo)),
        ("SCTP", ipv4(132, 1, 0, &[], &PORTS)),
        ("an echo request of ICMPv6", ipv6(58, &[128, 0, 0, 0, 0, 0, 0, 1])),
        ("a neighbor solicitation", ipv6(58, &[[135, 0, 0, 0, 0, 0, 0, 0]; 3].concat())),
        ("a listener query", ipv6(0, &[option(58), [130, 0, 0, 0, 0, 0, 0, 0]].concat())),
        ("no next header", ipv6(59, &PORTS)),
        ("a chain without end", ipv6(60, &chain)),
        ("a chain that is cut", ipv6(60, &[17])),
        (
            "a VLAN tag",
            frame(0x8100, &[&[0, 7, 8, 0], &ipv4(17, 1, 0, &[], &PORTS)[14..]].concat()),
        ),
        ("two VLAN tags", frame(0x88a8, &[0, 7, 0x81, 0, 0, 7, 8, 0, 0x45])),
        ("LLDP", frame(0x88cc, &[0; 46])),
        ("a length of IEEE 802.3", frame(46, &ipv4(17, 1, 0, &[], &PORTS)[14..])),
        ("version 6 in IPv4", frame(0x0800, &ipv6(17, &PORTS)[14..])),
        ("version 4 in IPv6", frame(0x86dd, &[0x45; 60])),
        (
            "a header of 16 bytes",
            frame(
                0x0800,
                &[0x44, 0, 0, 28, 0, 0, 0, 0, 64, 17, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2, 1, 2, 3, 4],
            ),
        ),
        (
            "a header beyond the end",
            frame(0x0800, &[&[0x4f][..], &ipv4(17, 1, 0, &[], &PORTS)[15..]].concat()),
        ),
    ] {
        assert_eq!(core_of(&frame), 0, "{name}");
    }
}

#[test]
fn a_frame_that_is_cut_before_its_ports_is_for_the_first_core() {
    for (whole, headers) in [
        (ipv4(17, 1, 0, &[], &PORTS), 14 + 20 + 4),
        (ipv4(6, 1, 0, &[1; 12], &PORTS), 14 + 32 + 4),
        (ipv4(17, 1, 0x2000, &[], &PORTS), 14 + 20),
        (ipv6(17, &PORTS), 14 + 40 + 4),
        (ipv6(60, &[option(6), PORTS].concat()), 14 + 48 + 4),
        (ipv6(44, &[17, 0, 0, 1, 0, 0, 0, 9]), 14 + 40 + 8),
    ] {
        for length in 0..=whole.len() {
            let core = core_of(&whole[..length]);
            assert_eq!(core == 0, length < headers, "{length} of {whole:x?}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: if cfg!(miri) { 10 } else { 4096 }, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever the bytes are, there is an answer, it is a core, and hub and steering agree on fragments.
    #[test]
    fn any_bytes_have_a_core(
        seed in any::<u128>(),
        count in 1..=32_usize,
        ethertype in proptest::sample::select(vec![0x0800_u16, 0x86dd, 0x8100, 0x0806]),
        version in proptest::sample::select(vec![0x45_u8, 0x46, 0x4f, 0x60, 0x44]),
        addresses in uniform32(any::<u8>()),
        mut packet in vec(proptest::sample::select(vec![0_u8, 1, 6, 17, 43, 44, 58, 60, 255]), 0..120),
    ) {
        if let Some(first) = packet.first_mut() {
            *first = version;
        }
        for (byte, address) in packet.iter_mut().skip(8).zip(addresses).step_by(3) {
            *byte = address;
        }
        let spread = Spread::new(seed, count);
        let core = spread.core_of(&frame(ethertype, &packet));
        prop_assert!(core < count);
        if let Some(owner) = spread.core_of_fragment(ethertype, &packet) {
            prop_assert_eq!(owner, core);
        }
        let bare = spread.core_of(&packet);
        prop_assert!(bare < count);
    }
}
