//! Attacks on reassembly (RFC 8200 4.5, RFC 5722, RFC 7112).

use super::{
    super::{
        super::frames::{
            UDP,
            ipv6::{DESTINATION, Ipv6, options},
        },
        Moved::{AtLeast, Each, Not, Per},
    },
    Attack, Target,
};

/// A fragment of the host's packet with this number, of zeros.
fn piece(target: &Target, number: u32, at: (usize, bool), length: usize) -> Vec<u8> {
    let packet = target.header(0).fragment(UDP, number, at, &vec![0; length]);
    target.frame(target.host_mac, &packet)
}

pub(super) const ATTACKS: &[Attack] = &[
    Attack::new(
        "fragments_never_finished_over_ipv6",
        |target, _| (0..3000).map(|number| piece(target, number, (0, true), 1448)).collect(),
        &[("ipv6.fragments_rx", Each), ("ipv6.reassembly_evicted", AtLeast(2000))],
    ),
    Attack::new(
        "fragments_of_a_whole_prefix",
        |target, _| {
            let first = |number| {
                let header = Ipv6::new(target.stranger(number), target.address, 0);
                target.frame(target.evil(), &header.fragment(UDP, 7, (0, true), &[0; 1448]))
            };
            (0..3000).map(first).collect()
        },
        &[("ipv6.fragments_rx", Each), ("ipv6.reassembly_evicted", AtLeast(2000))],
    ),
    // All of a packet but its end, so that each one holds as much as it can.
    Attack::new(
        "fragments_of_large_packets",
        |target, _| {
            let packet = |number: u32| {
                let mut pieces = target.header(0).fragments(UDP, number, &[0; 44 * 1448], 1448);
                pieces.pop();
                pieces
            };
            let frame = |packet: Vec<u8>| target.frame(target.host_mac, &packet);
            (0..100).flat_map(packet).map(frame).collect()
        },
        &[("ipv6.fragments_rx", Each), ("ipv6.reassembled", Not)],
    ),
    Attack::new(
        "fragments_tiny_over_ipv6",
        |target, _| {
            // Every other 8 bytes of four packets.
            let tiny = |n: usize| piece(target, n as u32 / 500, (16 + n % 500 * 16, true), 8);
            (0..2000).map(tiny).collect()
        },
        &[("ipv6.fragments_rx", Each), ("ipv6.reassembled", Not)],
    ),
    Attack::new(
        "fragments_overlapping_over_ipv6",
        |target, _| {
            let both = |number| {
                [piece(target, number, (0, true), 64), piece(target, number, (56, true), 64)]
            };
            (0..1000).flat_map(both).collect()
        },
        &[("ipv6.reassembly_overlaps", Per(2)), ("ipv6.reassembled", Not)],
    ),
    Attack::new(
        "fragments_beyond_the_longest_packet",
        |target, _| (0..1000).map(|n| piece(target, n, (65_528, false), 1000)).collect(),
        &[("ipv6.fragments_malformed", Each), ("icmpv6.errors_limited", AtLeast(800))],
    ),
    // The headers would go on in the next fragment, and the packet may be an error: nobody is told (RFC 4443 2.4 (e.1)).
    Attack::new(
        "fragments_of_chains",
        |target, _| {
            let chain = options(DESTINATION, &[]).repeat(6);
            let first = |number| {
                let header = target.header(0);
                let packet = header.fragment(DESTINATION, number, (0, true), &chain);
                target.frame(target.host_mac, &packet)
            };
            (0..1000).map(first).collect()
        },
        &[("ipv6.incomplete_chains", Each), ("icmpv6.errors_forbidden", Each)],
    ),
    Attack::new(
        "fragments_that_are_whole",
        |target, _| (0..1000).map(|number| piece(target, number, (0, false), 0)).collect(),
        &[("ipv6.fragments_rx", Not), ("udp.short", Each)],
    ),
];
