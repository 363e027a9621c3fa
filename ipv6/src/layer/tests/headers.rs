//! Extension headers (RFC 8200 4), with the names of the tests of IPv6 Ready where they have one.

use super::*;

/// Destination options: padding of 6 bytes.
const PADDED: [u8; 8] = [17, 0, 1, 4, 0, 0, 0, 0];

/// An options header with one option of `kind`, of 6 bytes, before UDP.
fn with_option(kind: u8) -> [u8; 8] {
    [17, 0, kind, 4, 0, 0, 0, 0]
}

/// The headers one after the other, each with its number before it; UDP follows. The first number, and their bytes.
fn chain_of(headers: &[(u8, &[u8])]) -> (u8, Vec<u8>) {
    let mut bytes = Vec::new();
    for (index, (_, header)) in headers.iter().enumerate() {
        let at = bytes.len();
        bytes.extend_from_slice(header);
        bytes[at] = headers.get(index + 1).map_or(17, |(number, _)| *number);
    }
    (headers[0].0, bytes)
}

/// RFC 8200 4.1: headers of known kinds in any order are accepted, and belong to the header.
#[test]
fn headers_in_any_order_are_accepted() {
    let (routing, atomic) = ([0; 8], [0, 0, 0, 0, 0, 0, 0, 1]);
    let long =
        [&[0, 2, 1, 5, 0, 0, 0, 0, 0][..], &[5, 2, 0, 0], &[0x1e, 3, 1, 2, 3], &[1, 4, 0, 0, 0, 0]]
            .concat();
    assert_eq!(long.len(), 24);
    for headers in [
        &[(60, &PADDED[..])][..],
        &[(0, &PADDED)],
        &[(0, &long)],
        &[(0, &PADDED), (60, &PADDED), (43, &routing), (44, &atomic), (60, &PADDED)],
        &[(60, &long), (43, &routing), (60, &PADDED), (60, &long)],
        &[(44, &atomic), (43, &routing), (44, &atomic)],
    ] {
        with_host(|wire, mut host, region| {
            let (next, chain) = chain_of(headers);
            let bytes = chained(next, &chain, b"12345678");
            let packet = receive(&mut host, wire, OUR_MAC, &bytes, region).unwrap();
            assert_eq!((packet.protocol, packet.payload), (Protocol::UDP, &b"12345678"[..]));
            assert_eq!(packet.header, &bytes[..40 + chain.len()]);
            let last = headers.last().unwrap().1.len();
            assert_eq!(packet.protocol_at(), 40 + chain.len() - last);
            assert_eq!(counters(&host), [("packets_rx", 1)]);
        });
    }
}

/// v6LC.1.1.8, v6LC.1.2.3 (Unrecognized Next Header): an unknown next header is handed up, so that who knows ICMP can tell its sender where it is named.
#[test]
fn an_unknown_next_header_is_handed_up_as_a_protocol() {
    with_host(|wire, mut host, region| {
        // AH and ESP are unknown as well.
        for (next, chain, named_at) in
            [(143, &[][..], 6), (51, &[][..], 6), (50, &[50, 0, 1, 4, 0, 0, 0, 0][..], 40)]
        {
            let first = if chain.is_empty() { next } else { 60 };
            let bytes = chained(first, chain, b"whatever");
            let packet = receive(&mut host, wire, OUR_MAC, &bytes, region).unwrap();
            assert_eq!((packet.protocol, packet.protocol_at()), (Protocol(next), named_at));
        }
    });
}

/// v6LC.1.2.1 (Next Header Zero), RFC 8200 4: hop-by-hop options anywhere but first are an unrecognized next header.
#[test]
fn hop_by_hop_options_come_first_or_not_at_all() {
    with_host(|wire, mut host, region| {
        for first in [60, 0] {
            let (next, chain) = chain_of(&[(first, &PADDED), (0, &PADDED)]);
            let bytes = chained(next, &chain, b"12345678");
            let (problem, packet) = rejected(&mut host, wire, &bytes, region).unwrap();
            assert_eq!(problem, Problem::ProtocolUnreachable);
            assert_eq!((packet.protocol, packet.protocol_at()), (Protocol(0), 40));
            assert_eq!([packet.header, packet.payload].concat(), bytes);
        }
        assert_eq!(counters(&host), [("bad_headers", 2)]);
    });
}

/// v6LC.1.1.7, v6LC.1.2.2 (No Next Header), RFC 8200 4.7: nothing follows, and what does all the same is ignored.
#[test]
fn no_next_header_is_dropped_silently() {
    with_host(|wire, mut host, region| {
        for (next, chain) in [(59, &[][..]), (60, &[59, 0, 1, 4, 0, 0, 0, 0][..])] {
            let bytes = chained(next, chain, &[17; 8]);
            assert!(hear(&mut host, wire, Instant::ZERO, OUR_MAC, &bytes, region).is_none());
        }
        assert_eq!(counters(&host), [("no_next_header", 2)]);
    });
}

/// v6LC.1.2.6, v6LC.1.2.8 (Options Processing), RFC 8200 4.2: what the two highest bits of an unknown option say, in both kinds of header, and for a
/// packet to one host or to a group.
#[test]
fn unknown_options_do_what_their_highest_bits_say() {
    for (number, to_group) in [(0, false), (60, false), (0, true), (60, true)] {
        with_host(|wire, mut host, region| {
            let destination = if to_group { ALL_NODES } else { OURS };
            let mut outcome = |kind| {
                let fields = Fields { destination, next_header: Protocol(number), ..fields() };
                let bytes = packet(&fields, &[&with_option(kind)[..], b"12345678"].concat());
                let mac = if to_group { multicast_mac(ALL_NODES) } else { OUR_MAC };
                match hear(&mut host, wire, Instant::ZERO, mac, &bytes, region) {
                    Some(Delivery::Packet(packet)) => {
                        assert_eq!(packet.payload, b"12345678");
                        "accepted"
                    }
                    Some(Delivery::Rejected(packet, problem)) => {
                        assert_eq!(problem, Problem::UnknownOption(42));
                        assert_eq!((packet.broadcast, packet.protocol), (to_group, Protocol::UDP));
                        assert_eq!([packet.header, packet.payload].concat(), bytes);
                        "rejected"
                    }
                    Some(other) => panic!("{other:?}"),
                    None => "dropped",
                }
            };
            let unless_to_group = if to_group { "dropped" } else { "rejected" };
            // 5 is the router alert, 4 the limit of encapsulations, 0xc2 the length of a jumbogram, 0xc9 a home address.
            for (kind, expected) in [
                (0x1f, "accepted"),
                (4, "accepted"),
                (5, "accepted"),
                (0x5f, "dropped"),
                (0x9f, "rejected"),
                (0xdf, unless_to_group),
                (0xc2, unless_to_group),
                (0xc9, unless_to_group),
            ] {
                assert_eq!(outcome(kind), expected, "{number} {kind:#x} {to_group}");
            }
        });
    }
}

/// v6LC.1.2.5 (Option Processing Order): options are processed in their order, so the first that ends it decides.
#[test]
fn options_are_processed_in_their_order() {
    with_host(|wire, mut host, region| {
        for (kinds, expected) in [
            ([0x07, 0x47, 0x87], None),
            ([0x07, 0x87, 0x47], Some(Problem::UnknownOption(46))),
            ([0xc7, 0x87, 0x47], Some(Problem::UnknownOption(42))),
        ] {
            let mut options = vec![17, 1];
            kinds.iter().for_each(|&kind| options.extend([kind, 2, 0, 0]));
            options.extend([1, 0]);
            let bytes = chained(60, &options, b"12345678");
            let problem = rejected(&mut host, wire, &bytes, region).map(|(problem, _)| problem);
            assert_eq!(problem, expected, "{kinds:?}");
        }
        assert_eq!(counters(&host), [("bad_headers", 2), ("unknown_options", 1)]);
    });
}

/// RFC 4443 3.4: a field with which the packet cannot be processed. Here the length of an option that leaves its header.
#[test]
fn an_option_that_leaves_its_header_is_reported() {
    with_host(|wire, mut host, region| {
        for (header, octet) in [
            ([17, 0, 1, 5, 0, 0, 0, 0], 43),
            ([17, 0, 1, 3, 0, 0, 0, 1], 47),
            ([17, 0, 0x1f, 0, 0x1f, 255, 0, 0], 45),
        ] {
            let bytes = chained(60, &header, b"12345678");
            let (problem, packet) = rejected(&mut host, wire, &bytes, region).unwrap();
            assert_eq!((problem, packet.header.len()), (Problem::Parameter(octet), 48));
        }
    });
}

/// RFC 8504 5.3: what is more than a sender needs is a load.
#[test]
fn too_many_headers_options_or_padding_are_dropped_silently() {
    with_host(|wire, mut host, region| {
        let mut accepts = |headers: &[(u8, &[u8])]| {
            let (next, chain) = chain_of(headers);
            let bytes = chained(next, &chain, b"12345678");
            hear(&mut host, wire, Instant::ZERO, OUR_MAC, &bytes, region).is_some()
        };
        let one = (60, &PADDED[..]);
        assert!(accepts(&[one; 8]) && !accepts(&[one; 9]));
        let options = |count: usize| {
            let mut header = vec![0, 0];
            (0..count).for_each(|_| header.extend([0x1e, 0]));
            header.resize(header.len().next_multiple_of(8), 0);
            header[1] = (header.len() / 8 - 1) as u8;
            header
        };
        assert!(accepts(&[(60, &options(8))]) && !accepts(&[(60, &options(9))]));
        // Padding, and an option with the rest.
        let padding = |bytes: &[u8]| {
            let rest = 12 - bytes.len();
            [&[0, 1][..], bytes, &[0x1e, rest as u8], &vec![0; rest]].concat()
        };
        assert!(accepts(&[(0, &padding(&[0; 7]))]) && !accepts(&[(0, &padding(&[0; 8]))]));
        assert!(accepts(&[(0, &padding(&[1, 5, 0, 0, 0, 0, 0]))]));
        assert!(!accepts(&[(0, &padding(&[1, 5, 0, 0, 0, 0, 0, 0]))]));
        assert_eq!(host.stats().long_chains, 4);
    });
}

/// v6LC.1.2.9 (Unrecognized Routing Type), RFC 8200 4.4: a type that is not known is skipped if no segments are left. Type 0 is one of them (RFC 5095 3).
#[test]
fn routing_headers_end_here_or_are_reported() {
    with_host(|wire, mut host, region| {
        for kind in [0, 2, 3, 4, 33, 253] {
            let header = |left| [&[17, 2, kind, left, 0, 0, 0, 0][..], &PEER.octets()].concat();
            let bytes = chained(43, &header(0), b"12345678");
            let packet = receive(&mut host, wire, OUR_MAC, &bytes, region).unwrap();
            assert_eq!((packet.header.len(), packet.payload), (64, &b"12345678"[..]));
            for left in [1, 255] {
                let bytes = chained(43, &header(left), b"12345678");
                let (problem, packet) = rejected(&mut host, wire, &bytes, region).unwrap();
                assert_eq!((problem, packet.protocol), (Problem::Parameter(42), Protocol::UDP));
            }
        }
        assert!(sent(wire).is_empty(), "nothing is forwarded");
    });
}

/// A header that says more than there is.
#[test]
fn a_chain_that_leaves_the_packet_is_dropped() {
    with_host(|wire, mut host, region| {
        for (next, chain) in [
            (60, &[17, 1, 1, 4, 0, 0, 0, 0][..]),
            (0, &[17]),
            (0, &[]),
            (43, &[17, 255, 0, 0, 0, 0, 0, 0]),
            (44, &[17, 0, 0, 0, 0, 0, 0]),
        ] {
            let bytes = chained(next, chain, &[]);
            assert!(hear(&mut host, wire, Instant::ZERO, OUR_MAC, &bytes, region).is_none());
        }
        assert_eq!(counters(&host), [("bad_length", 5)]);
    });
}

/// RFC 4443 2.4 (e.1): whether an error may be sent depends on what the packet carries, however many headers are before it.
#[test]
fn what_a_rejected_packet_carries_is_behind_its_chain() {
    with_host(|wire, mut host, region| {
        let (next, mut chain) =
            chain_of(&[(60, &with_option(0x9f)[..]), (43, &[0; 8]), (60, &PADDED)]);
        chain[16] = 58;
        let error = [1, 4, 0, 0, 0, 0, 0, 0];
        let bytes = chained(next, &chain, &error);
        let (problem, packet) = rejected(&mut host, wire, &bytes, region).unwrap();
        assert_eq!(problem, Problem::UnknownOption(42));
        assert_eq!((packet.protocol, packet.payload), (Protocol::ICMPV6, &error[..]));
    });
}

/// v6LC.1.2.4 (Extension Header Processing Order): the first header with an error decides.
#[test]
fn headers_are_processed_in_their_order() {
    with_host(|wire, mut host, region| {
        let unknown = with_option(0x87);
        let fragment = |more: u8| [0, 0, 0, more, 0, 0, 0, 7];
        // Each payload has 13 bytes, which is no length for a fragment that others follow.
        for (headers, expected) in [
            ([(60, &unknown[..]), (44, &fragment(1))], Problem::UnknownOption(50)),
            ([(60, &PADDED), (44, &fragment(1))], Problem::Parameter(4)),
            ([(44, &fragment(1)), (60, &unknown)], Problem::Parameter(4)),
            ([(44, &fragment(0)), (60, &unknown)], Problem::UnknownOption(58)),
        ] {
            let (next, chain) = chain_of(&[(0, &PADDED), headers[0], headers[1]]);
            let bytes = chained(next, &chain, &[9; 13]);
            let (problem, packet) = rejected(&mut host, wire, &bytes, region).unwrap();
            assert_eq!(problem, expected);
            assert_eq!((packet.protocol, packet.payload), (Protocol::UDP, &[9; 13][..]));
        }
    });
}
