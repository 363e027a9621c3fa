//! Attacks on reassembly (RFC 791 3.2, RFC 1858, RFC 5722).

use super::{
    super::frames::{Ipv4, MORE, UDP},
    Attack,
    Moved::{AtLeast, Each, Not, Per},
    Target,
};

/// A piece of a datagram: the offset in units of 8 bytes, the bytes, whether others follow.
type Piece = (u16, usize, bool);

pub(super) const ATTACKS: &[Attack] = &[
    Attack::new(
        "fragments_never_finished",
        |target, _| {
            let first = |number| target.first_fragment(target.host, number, 1480);
            (0..3000).map(first).collect()
        },
        &[("ipv4.fragments_rx", Each), ("ipv4.reassembly_evicted", AtLeast(2000))],
    ),
    Attack::new(
        "fragments_of_many_sources",
        |target, _| {
            let first = |number| target.first_fragment(target.stranger(number), 7, 1480);
            (0..3000).map(first).collect()
        },
        &[("ipv4.fragments_rx", Each), ("ipv4.reassembly_evicted", AtLeast(2000))],
    ),
    // All of a datagram but its end, so that each one holds as much as it can.
    Attack::new(
        "fragments_of_large_datagrams",
        |target, _| {
            let datagram = |number: u16| {
                let header = Ipv4 { identification: number, ..target.ipv4(UDP) };
                let mut pieces = header.fragments(&[0; 44 * 1480], 1480);
                pieces.pop();
                pieces
            };
            (0..100).flat_map(datagram).map(|packet| target.frame(&packet)).collect()
        },
        &[("ipv4.fragments_rx", Each), ("ipv4.reassembled", Not)],
    ),
    Attack::new(
        "fragments_tiny",
        |target, _| {
            // Every other 8 bytes of four datagrams.
            (0..2000).map(|n| one(target, n / 500, (n % 500 * 2, 8, true))).collect()
        },
        &[("ipv4.fragments_rx", Each), ("ipv4.reassembled", Not)],
    ),
    // The second lies inside the first.
    Attack::new(
        "fragments_teardrop",
        |target, _| many(target, &[(0, 40, true), (3, 4, false)]),
        &[("ipv4.reassembly_overlaps", Per(2)), ("ipv4.reassembled", Not)],
    ),
    // The second begins inside the first and goes beyond it.
    Attack::new(
        "fragments_overlapping",
        |target, _| many(target, &[(0, 1480, true), (100, 1480, true)]),
        &[("ipv4.reassembly_overlaps", Per(2)), ("ipv4.reassembled", Not)],
    ),
    // The second would write the UDP header that a filter has seen anew (RFC 1858 4).
    Attack::new(
        "fragments_header_overwritten",
        |target, _| many(target, &[(0, 16, true), (0, 8, true)]),
        &[("ipv4.reassembly_overlaps", Per(2)), ("ipv4.reassembled", Not)],
    ),
    Attack::new(
        "fragments_with_two_ends",
        |target, _| many(target, &[(10, 8, false), (20, 8, false)]),
        &[("ipv4.reassembly_overlaps", Per(2)), ("ipv4.reassembled", Not)],
    ),
    // The ping of death.
    Attack::new(
        "fragments_beyond_65535",
        |target, random| {
            let mut piece = |number| (8191 - random.below(100) as u16, 1480, number % 2 == 0);
            (0..500).map(|n| one(target, n, piece(n))).collect()
        },
        &[("ipv4.fragments_malformed", Each)],
    ),
    Attack::new(
        "fragments_uneven",
        |target, random| {
            let uneven = |number: u16| 1 + random.below(184) * 8 + usize::from(number % 7);
            (0..500)
                .map(uneven)
                .enumerate()
                .map(|(n, length)| one(target, n as u16, (1, length, true)))
                .collect()
        },
        &[("ipv4.fragments_malformed", Each)],
    ),
    Attack::new(
        "fragments_empty",
        |target, _| (0..500).map(|n| one(target, n, (n, 0, n % 2 == 0))).collect(),
        &[("ipv4.fragments_malformed", Each)],
    ),
    Attack::new(
        "fragments_again_and_again",
        |target, _| (0..500).map(|_| one(target, 7, (2, 800, true))).collect(),
        &[("ipv4.fragments_rx", Each), ("ipv4.fragments_duplicate", AtLeast(499))],
    ),
    // Whole, and then not what a datagram should be.
    Attack::new(
        "fragments_of_bad_checksums",
        |target, _| {
            let mut request = target.silent_request(&[7; 2000]);
            request[6] ^= 0x55;
            let pieces = |identification| {
                Ipv4 { identification, ..target.ipv4(UDP) }.fragments(&request, 1480)
            };
            (0..300).flat_map(pieces).map(|packet| target.frame(&packet)).collect()
        },
        &[("ipv4.reassembled", Per(2)), ("udp.bad_checksum", Per(2))],
    ),
];

/// One fragment of the datagram `identification`.
fn one(target: &Target, identification: u16, (offset, length, more): Piece) -> Vec<u8> {
    let flags_offset = offset | if more { MORE } else { 0 };
    let header = Ipv4 { identification, flags_offset, ..target.ipv4(UDP) };
    target.frame(&header.packet(&vec![0; length]))
}

/// These pieces of each of 300 datagrams.
fn many(target: &Target, pieces: &[Piece]) -> Vec<Vec<u8>> {
    (0..300)
        .flat_map(|number| pieces.iter().map(move |piece| one(target, number, *piece)))
        .collect()
}
