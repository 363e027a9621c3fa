//! Packets that come in fragments (RFC 8200 4.5).

use super::*;

/// Each fragment in turn, at time 0; the packets that are handed up.
fn all<'r>(
    host: &mut Host<'_>,
    wire: &Wire,
    pieces: &[Vec<u8>],
    region: &'r Region<'_>,
) -> Vec<Packet<'r>> {
    pieces.iter().filter_map(|piece| receive(host, wire, OUR_MAC, piece, region)).collect()
}

/// IPv6 Ready v6LC.1.3.1 (Fragment Reassembly): fragments in any order are put together.
#[test]
fn fragments_in_any_order_are_put_together() {
    let payload: Vec<u8> = (0..300u16).map(|place| place as u8).collect();
    let bytes = |at: usize| {
        let end = (at + 104).min(300);
        piece_of(&fields(), 7, at, &payload[at..end], end < 300)
    };
    for order in [[0, 104, 208], [208, 104, 0], [104, 0, 208], [104, 208, 0], [0, 208, 104]] {
        with_host(|wire, mut host, region| {
            let whole = all(&mut host, wire, &order.map(bytes), region);
            let [packet] = &whole[..] else { panic!("{order:?}: {whole:?}") };
            assert_eq!((packet.protocol, packet.payload), (Protocol::UDP, &payload[..]));
            // The packet as it was before it was cut.
            let uncut = super::packet(&fields(), &payload);
            assert_eq!([packet.header, packet.payload].concat(), uncut);
            assert!(packet.verify_checksum);
            let expected = [("packets_rx", 1), ("fragments_rx", 3), ("reassembled", 1)];
            assert_eq!(counters(&host), expected);
            assert_eq!(host.next_deadline(), None);
        });
    }
}

/// v6LC.1.3.1: another source, destination or identification is another packet.
#[test]
fn fragments_of_different_packets_are_never_mixed() {
    with_host(|wire, mut host, region| {
        let first = piece(7, 0, 16, true);
        assert!(receive(&mut host, wire, OUR_MAC, &first, region).is_none());
        let other = Fields { source: FAR, ..fields() };
        let link = Fields { destination: LINK_OURS, ..fields() };
        for last in [
            piece(8, 16, 8, false),
            piece_of(&other, 7, 16, &[9; 8], false),
            piece_of(&link, 7, 16, &[9; 8], false),
        ] {
            assert!(receive(&mut host, wire, OUR_MAC, &last, region).is_none());
        }
        assert!(receive(&mut host, wire, OUR_MAC, &piece(7, 16, 8, false), region).is_some());
    });
}

/// RFC 8200 4.5: the next header of other fragments may differ, and that of the first one counts. So do its headers.
#[test]
fn headers_are_those_of_the_first_fragment() {
    with_host(|wire, mut host, region| {
        // Options and a routing header before the Fragment header, and options behind it.
        let header = FragmentHeader::new(Protocol(60), 7, 0, true);
        let before = [43, 0, 1, 4, 0, 0, 0, 0, 44, 0, 0, 0, 0, 0, 0, 0];
        let part = [17, 0, 0x1f, 4, 0, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8];
        let next_header = Protocol(60);
        let of_first = Fields { traffic_class: 0x28, hop_limit: 9, next_header, ..fields() };
        let first = packet(&of_first, &[&before[..], header.as_bytes(), &part].concat());
        let of_last = Fields { next_header: Protocol::TCP, ..fields() };
        let last = piece_of(&of_last, 7, 16, &[9; 5], false);
        for pieces in [[&first, &last], [&last, &first]] {
            let whole = all(&mut host, wire, &pieces.map(Clone::clone), region);
            let [packet] = &whole[..] else { panic!("{whole:?}") };
            assert_eq!((packet.protocol, packet.ttl, packet.tos), (Protocol::UDP, 9, 0x28));
            assert_eq!(packet.payload, [1, 2, 3, 4, 5, 6, 7, 8, 9, 9, 9, 9, 9]);
            // The Fragment header goes, and what it named is named before it.
            let mut expected = [&first[..56], &part[..8]].concat();
            (expected[48], expected[5]) = (60, 37);
            assert_eq!((packet.header, packet.protocol_at()), (&expected[..], 56));
        }
    });
}

/// v6LC.1.3.3 (Fragment Header M-Bit Set, Payload Length Invalid), RFC 8200 4.5: a fragment that others follow has a multiple of 8 bytes.
#[test]
fn a_length_that_is_no_multiple_of_8_is_reported() {
    with_host(|wire, mut host, region| {
        for (offset, length) in [(0, 21), (8, 1), (16, 23)] {
            let bytes = piece(7, offset, length, true);
            let (problem, packet) = rejected(&mut host, wire, &bytes, region).unwrap();
            assert_eq!(problem, Problem::Parameter(4));
            assert_eq!([packet.header, packet.payload].concat(), bytes);
            let protocol = if offset == 0 { Protocol::UDP } else { Protocol(44) };
            assert_eq!(packet.protocol, protocol, "what a later fragment carries is not known");
        }
        // The last one may have any length.
        assert!(receive(&mut host, wire, OUR_MAC, &piece(7, 16, 3, false), region).is_none());
        assert!(receive(&mut host, wire, OUR_MAC, &piece(7, 0, 16, true), region).is_some());
    });
}

/// RFC 8200 4.5: the payload of the whole would be longer than 65,535 bytes. The extension headers are part of it.
#[test]
fn a_fragment_beyond_65_535_bytes_is_reported() {
    with_host(|wire, mut host, region| {
        let mut problem = |chain: &[u8], offset, length| {
            let header = FragmentHeader::new(Protocol::UDP, 7, offset, false);
            let next = if chain.is_empty() { 44 } else { 60 };
            let bytes = chained(next, &[chain, header.as_bytes()].concat(), &vec![9; length]);
            rejected(&mut host, wire, &bytes, region).map(|(problem, _)| problem)
        };
        let options = [44, 0, 1, 4, 0, 0, 0, 0];
        assert_eq!(problem(&[], 65_528, 8), Some(Problem::Parameter(42)));
        assert_eq!(problem(&[], 65_528, 7), None);
        assert_eq!(problem(&options, 65_520, 8), Some(Problem::Parameter(50)));
        assert_eq!(problem(&options, 65_528, 1), Some(Problem::Parameter(50)));
    });
}

/// The headers of the first fragment are longer than those of the one that came before it, so that the whole is too long.
#[test]
fn a_whole_that_is_too_long_with_its_headers_is_dropped() {
    with_mtu(40_000, |wire, mut host, region| {
        let (step, most, options) = (32_768, 65_528, [44, 0, 1, 4, 0, 0, 0, 0]);
        let pieces = |with: &[u8]| {
            let header = FragmentHeader::new(Protocol::UDP, 7, 0, true);
            let next = if with.is_empty() { 44 } else { 60 };
            [
                piece(7, step, most - step, true),
                piece(7, most, 7, false),
                chained(next, &[with, header.as_bytes()].concat(), &vec![9; step]),
            ]
        };
        let lengths = |packets: Vec<Packet<'_>>| -> Vec<usize> {
            packets.iter().map(|packet| packet.payload.len()).collect()
        };
        assert_eq!(lengths(all(&mut host, wire, &pieces(&[]), region)), [65_535]);
        assert!(all(&mut host, wire, &pieces(&options), region).is_empty());
        assert_eq!(host.stats().fragments_malformed, 1);
    });
}

/// v6LC.1.3.4 (Stub Fragment Header), RFC 6946 4: a packet in one fragment is none that waits for others, and is not mixed with those that do.
#[test]
fn an_atomic_fragment_is_a_packet_of_its_own() {
    with_host(|wire, mut host, region| {
        assert!(receive(&mut host, wire, OUR_MAC, &piece(7, 0, 16, true), region).is_none());
        let atomic = piece_of(&fields(), 7, 0, b"12345678", false);
        let packet = receive(&mut host, wire, OUR_MAC, &atomic, region).unwrap();
        assert_eq!((packet.protocol, packet.payload), (Protocol::UDP, &b"12345678"[..]));
        assert_eq!((packet.header, packet.protocol_at()), (&atomic[..48], 40));
        // The others are not disturbed.
        let whole = receive(&mut host, wire, OUR_MAC, &piece(7, 16, 8, false), region).unwrap();
        assert_eq!(whole.payload, [9; 24]);
        assert_eq!(host.stats().fragments_rx, 2);
    });
}

/// RFC 5722 4, RFC 8200 4.5: a fragment that overlaps ends its packet, silently, with those that still come.
#[test]
fn an_overlap_drops_all_silently_and_what_comes_later() {
    for (offset, length, more) in [(8, 16, true), (8, 8, false), (0, 24, true), (8, 8, true)] {
        with_host(|wire, mut host, region| {
            let mut is_heard = |seconds: u64, bytes: &[u8]| {
                let now = Instant::from_millis(seconds * 1000);
                hear(&mut host, wire, now, OUR_MAC, bytes, region).is_some()
            };
            assert!(!is_heard(0, &piece(7, 0, 16, true)));
            assert!(!is_heard(1, &piece(7, offset, length, more)), "{offset} {length}");
            // All of it again: the packet stays refused for as long as it would have waited.
            assert!(!is_heard(2, &piece(7, 0, 16, true)) && !is_heard(3, &piece(7, 16, 8, false)));
            assert!(!is_heard(59, &piece(7, 0, 16, true)));
            assert_eq!((host.stats().reassembly_overlaps, host.stats().fragments_refused), (1, 3));
            // Nobody is told, then or at its end.
            let now = Instant::from_millis(60_000);
            assert_eq!(host.next_deadline(), Some(now));
            assert!(matches!(host.receive(now, region), Ok(Rx::Handled)));
            assert_eq!((host.next_deadline(), host.stats().reassembly_timeouts), (None, 0));
            let pieces = [piece(7, 0, 16, true), piece(7, 16, 8, false)];
            assert_eq!(all(&mut host, wire, &pieces, region).len(), 1);
        });
    }
}

/// RFC 8200 4.5: exact duplicates may be ignored.
#[test]
fn exact_duplicates_are_ignored() {
    with_host(|wire, mut host, region| {
        let pieces = [
            piece(7, 0, 16, true),
            piece(7, 0, 16, true),
            piece(7, 16, 16, true),
            piece(7, 0, 16, true),
            piece(7, 16, 16, true),
            piece(7, 32, 3, false),
        ];
        let whole = all(&mut host, wire, &pieces, region);
        assert_eq!(whole.iter().map(|packet| packet.payload.len()).collect::<Vec<_>>(), [35]);
        assert_eq!(host.stats().fragments_duplicate, 3);
    });
}

/// IPv6 Ready v6LC.1.3.2 (Reassembly Time Exceeded), RFC 8200 4.5: 60 s after the fragment that came first; an error only if the first fragment is there.
#[test]
fn a_packet_that_times_out_is_reported_if_its_beginning_had_come() {
    with_host(|wire, mut host, region| {
        let first = piece(1, 0, 1400, true);
        assert!(receive(&mut host, wire, OUR_MAC, &first, region).is_none());
        assert!(receive(&mut host, wire, OUR_MAC, &piece(2, 16, 16, true), region).is_none());
        let group = Fields { destination: ALL_NODES, ..fields() };
        let to_group = piece_of(&group, 3, 0, &[9; 16], true);
        assert!(receive(&mut host, wire, multicast_mac(ALL_NODES), &to_group, region).is_none());
        let limit = Instant::from_millis(60_000);
        assert_eq!(host.next_deadline(), Some(limit));
        // A later fragment does not make it longer.
        let later = Instant::from_millis(59_999);
        let second = piece(1, 1400, 8, true);
        assert!(hear(&mut host, wire, later, OUR_MAC, &second, region).is_none());
        assert!(matches!(host.receive(later, region), Ok(Rx::Idle)));
        let mut reports = 0;
        loop {
            let (packet, problem) = match host.receive(limit, region).unwrap() {
                Rx::Item(Delivery::Rejected(packet, problem)) => (packet, problem),
                Rx::Item(other) => panic!("{other:?}"),
                Rx::Handled => continue,
                Rx::Idle => break,
            };
            assert_eq!(problem, Problem::ReassemblyTimedOut);
            assert_eq!((packet.source, packet.protocol), (PEER.into(), Protocol::UDP));
            // As it came, as much as fits 1,280 bytes with the headers of an error.
            assert_eq!([packet.header, packet.payload].concat(), first[..1232]);
            assert_eq!(packet.header.len(), 48);
            reports += 1;
        }
        assert_eq!((reports, host.stats().reassembly_timeouts), (1, 3));
        assert_eq!(host.next_deadline(), None);
    });
}

/// RFC 7112 5: the first fragment has all headers, that of the transport included. Others of its packet are not touched.
#[test]
fn a_first_fragment_without_the_whole_chain_is_reported() {
    with_host(|wire, mut host, region| {
        let mut problem = |next: u8, payload: &[u8]| {
            let fields = Fields { next_header: Protocol(next), ..fields() };
            let bytes = piece_of(&fields, 7, 0, payload, true);
            rejected(&mut host, wire, &bytes, region).map(|(problem, packet)| {
                assert_eq!([packet.header, packet.payload].concat(), bytes);
                problem
            })
        };
        let incomplete = Some(Problem::IncompleteChain);
        // Destination options that are cut off, UDP and ICMPv6 cut off behind them, TCP cut, AH cut, UDP missing.
        assert_eq!(problem(60, &[17, 1, 1, 4, 0, 0, 0, 0]), incomplete);
        assert_eq!(problem(60, &[17, 0, 1, 4, 0, 0, 0, 0]), incomplete);
        assert_eq!(problem(60, &[58, 0, 1, 4, 0, 0, 0, 0]), incomplete);
        assert_eq!(problem(6, &[0; 16]), incomplete);
        assert_eq!(problem(51, &[17, 4, 0, 0, 0, 0, 0, 0]), incomplete);
        assert_eq!(problem(17, &[]), incomplete);
        assert_eq!(problem(6, &[0; 24]), None);
        assert_eq!(counters(&host), [("fragments_rx", 7), ("incomplete_chains", 6)]);
    });
}

/// A fragment inside of a fragment: nobody sends one, and it would not end.
#[test]
fn a_fragment_within_a_fragment_is_dropped() {
    with_host(|wire, mut host, region| {
        let inner = FragmentHeader::new(Protocol::UDP, 9, 0, true);
        let part = [inner.as_bytes(), &[9; 16]].concat();
        let nested = Fields { next_header: Protocol(44), ..fields() };
        for piece in [
            // In the fragmented part of two.
            piece_of(&nested, 7, 0, &part, true),
            piece_of(&nested, 7, 24, &[9; 8], false),
            // Behind one that is atomic.
            piece_of(&nested, 8, 0, &part, false),
        ] {
            assert!(hear(&mut host, wire, Instant::ZERO, OUR_MAC, &piece, region).is_none());
        }
        assert_eq!((host.stats().fragments_malformed, host.next_deadline()), (2, None));
    });
}

/// RFC 8200 4.5: options in the fragmented part are processed when it is whole, and the octet is that of the whole.
#[test]
fn options_in_the_fragmented_part_are_processed_in_the_whole() {
    with_host(|wire, mut host, region| {
        let fields = Fields { next_header: Protocol(60), ..fields() };
        let part = [17, 0, 0x9f, 4, 0, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8];
        assert!(rejected(&mut host, wire, &piece_of(&fields, 7, 0, &part, true), region).is_none());
        let last = piece_of(&fields, 7, 16, b"x", false);
        let (problem, packet) = rejected(&mut host, wire, &last, region).unwrap();
        assert_eq!((problem, packet.protocol), (Problem::UnknownOption(42), Protocol::UDP));
        let whole = super::packet(&fields, &[&part[..], b"x"].concat());
        assert_eq!([packet.header, packet.payload].concat(), whole);
    });
}

/// smoltcp #1207: the second fragment of a packet is never taken for a packet of its own, nor for an unknown header.
#[test]
fn a_lone_fragment_is_never_handed_up() {
    with_host(|wire, mut host, region| {
        let bytes = piece(7, 1448, 8, false);
        assert!(hear(&mut host, wire, Instant::ZERO, OUR_MAC, &bytes, region).is_none());
        assert_eq!(counters(&host), [("fragments_rx", 1)]);
    });
}

#[test]
fn an_empty_fragment_is_malformed() {
    with_host(|wire, mut host, region| {
        for more in [true, false] {
            let bytes = piece(7, 8, 0, more);
            assert!(hear(&mut host, wire, Instant::ZERO, OUR_MAC, &bytes, region).is_none());
        }
        assert_eq!((host.stats().fragments_malformed, host.next_deadline()), (2, None));
    });
}

#[test]
fn a_packet_region_without_room_loses_the_packet_only() {
    with_host(|wire, mut host, region| {
        let pool = region.pool().unwrap();
        for at in (0..60_000).step_by(1448) {
            let length = 1448.min(60_000 - at);
            let bytes = piece(7, at, length, at + length < 60_000);
            let small = Region::new(pool, "small").with_cap(4096);
            assert!(receive(&mut host, wire, OUR_MAC, &bytes, &small).is_none());
        }
        assert_eq!(host.stats().reassembly_exhausted, 1);
        assert!(receive(&mut host, wire, OUR_MAC, &packet(&fields(), b"x"), region).is_some());
    });
}

/// Whatever a device says of a fragment, it has not seen the whole: a damaged one must not pass.
#[test]
fn a_packet_in_fragments_is_verified_whatever_is_said_of_them() {
    const ALL: [Checksums; 3] = [Checksums::NotChecked, Checksums::Verified, Checksums::Blank];
    for (first, last) in ALL.iter().flat_map(|first| ALL.map(|last| (*first, last))) {
        let said = |link: &mut Everybody| link.said = [first, last].into();
        with_link(1500, said, |wire, mut host, region| {
            let pieces = [piece(7, 0, 8, true), piece(7, 8, 8, false)];
            let whole = all(&mut host, wire, &pieces, region);
            assert!(whole[0].verify_checksum, "{first:?} {last:?}");
        });
    }
}

/// RFC 3168 5.3: the four codepoints of ECN on the first and on the last of two fragments.
#[test]
fn congestion_is_handed_up_unless_a_fragment_cannot_know_of_it() {
    for (first, last) in (0..16).map(|both| (both / 4, both % 4)) {
        with_host(|wire, mut host, region| {
            let with = |ecn| Fields { traffic_class: 0xb8 | ecn, ..fields() };
            let one = piece_of(&with(first), 7, 0, &[9; 8], true);
            assert!(receive(&mut host, wire, OUR_MAC, &one, region).is_none());
            let other = piece_of(&with(last), 7, 8, &[9; 8], false);
            let tos = receive(&mut host, wire, OUR_MAC, &other, region).map(|packet| packet.tos);
            let expected = match (first, last) {
                (3, 0) | (0, 3) => None,
                (3, _) | (_, 3) => Some(0xbb),
                (first, _) => Some(0xb8 | first),
            };
            assert_eq!(tos, expected, "{first} {last}");
            assert_eq!(host.stats().fragments_malformed, u64::from(expected.is_none()));
        });
    }
}
