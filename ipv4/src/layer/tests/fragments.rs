//! Datagrams that come in fragments.

use super::*;

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
            let (packet, problem) = match host.receive(limit, region).unwrap() {
                Rx::Item(Delivery::Rejected(packet, problem)) => (packet, problem),
                Rx::Item(other) => panic!("{other:?}"),
                Rx::Handled => continue,
                Rx::Idle => break,
            };
            assert_eq!(problem, Problem::ReassemblyTimedOut);
            assert_eq!((packet.source, packet.payload), (PEER.into(), &[9; 8][..]));
            assert_eq!(packet.header, &fragment(1, 0, 16, true)[..20]);
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

fn piece(fields: &Fields, offset: usize, length: usize, more: bool) -> Vec<u8> {
    [Ipv4Header::new(fields, offset, length, more).as_bytes(), &vec![9; length]].concat()
}

/// RFC 5722 4: with the fragments that were there go those that are still to come.
#[test]
fn what_still_comes_of_a_refused_datagram_is_dropped_for_a_second() {
    with_host(|wire, mut host, region| {
        let mut hear = |milliseconds, offset, length, more| {
            wire.push(frame(OUR_MAC, &piece(&fields(), offset, length, more)));
            let received = host.receive(Instant::from_millis(milliseconds), region).unwrap();
            (received.item().is_some(), host.next_deadline().is_some())
        };
        assert_eq!(hear(0, 0, 16, true), (false, true));
        // Nothing of it takes memory any more.
        assert_eq!(hear(10, 8, 16, true), (false, false));
        assert_eq!(hear(20, 24, 16, true), (false, false));
        assert_eq!(hear(1009, 40, 8, false), (false, false));
        assert_eq!(hear(1010, 16, 8, false), (false, true));
        assert_eq!(hear(1011, 0, 16, true), (true, false));
        assert_eq!(
            counters(&host),
            [
                ("packets_rx", 1),
                ("fragments_rx", 6),
                ("reassembled", 1),
                ("fragments_refused", 2),
                ("reassembly_overlaps", 1)
            ]
        );
    });
}

/// A sender with one identification for all its datagrams loses those that are mixed with the one of which a
/// fragment was lost, and no others.
#[test]
fn a_constant_identification_costs_what_was_mixed() {
    with_host(|wire, mut host, region| {
        let mut hear = |offset, length, more| {
            receive(&mut host, wire, OUR_MAC, &piece(&fields(), offset, length, more), region)
                .map(|packet| packet.payload.len())
        };
        // Of 56 bytes; the last fragment is lost.
        assert_eq!((hear(0, 24, true), hear(24, 24, true)), (None, None));
        // Of 40: its second fragment is another than the one that is there. What follows is still of it.
        assert_eq!((hear(0, 24, true), hear(24, 8, true), hear(32, 8, false)), (None, None, None));
        for _ in 0..3 {
            assert_eq!((hear(0, 24, true), hear(24, 16, false)), (None, Some(40)));
        }
        assert_eq!((host.stats().reassembly_overlaps, host.stats().fragments_refused), (1, 1));
    });
}

/// A forged fragment costs the datagram that it overlaps, and not those that follow with its number.
#[test]
fn a_forged_fragment_costs_one_datagram() {
    with_host(|wire, mut host, region| {
        let mut hear = |offset, length, more| {
            receive(&mut host, wire, OUR_MAC, &piece(&fields(), offset, length, more), region)
                .map(|packet| packet.payload.len())
        };
        assert_eq!(hear(8, 24, true), None);
        assert_eq!((hear(0, 16, true), hear(16, 16, true), hear(32, 8, false)), (None, None, None));
        for _ in 0..3 {
            assert_eq!((hear(0, 16, true), hear(16, 16, true)), (None, None));
            assert_eq!(hear(32, 8, false), Some(40));
        }
    });
}

/// Whatever a device says of a fragment, it has not seen the whole: a damaged one must not pass.
#[test]
fn a_datagram_in_fragments_is_verified_whatever_is_said_of_them() {
    const ALL: [Checksums; 3] = [Checksums::NotChecked, Checksums::Verified, Checksums::Blank];
    for (first, last) in ALL.iter().flat_map(|first| ALL.map(|last| (*first, last))) {
        with_pool(64, |pool| {
            let (global, region) = (Region::new(pool, "global"), Region::new(pool, "packet"));
            let (wire, end) = Wire::new(OUR_MAC);
            let flags = [first, last].into();
            let link =
                Everybody { said: flags, ..Everybody::new(end, Cidr::new(OURS, 24).unwrap()) };
            let mut host = Ipv4::new(link, 1, &global).unwrap();
            assert!(
                receive(&mut host, &wire, OUR_MAC, &piece(&fields(), 0, 8, true), &region)
                    .is_none()
            );
            let packet =
                receive(&mut host, &wire, OUR_MAC, &piece(&fields(), 8, 8, false), &region)
                    .unwrap();
            assert!(packet.verify_checksum, "{first:?} {last:?}");
        });
    }
}

/// RFC 3168 5.3: the four codepoints of ECN on the first and on the last of two fragments.
#[test]
fn congestion_is_handed_up_unless_a_fragment_cannot_know_of_it() {
    for first in 0..4 {
        for last in 0..4 {
            with_host(|wire, mut host, region| {
                let (one, other) =
                    (Fields { tos: first, ..fields() }, Fields { tos: last, ..fields() });
                assert!(
                    receive(&mut host, wire, OUR_MAC, &piece(&one, 0, 8, true), region).is_none()
                );
                let bytes = piece(&other, 8, 8, false);
                let tos =
                    receive(&mut host, wire, OUR_MAC, &bytes, region).map(|packet| packet.tos);
                let expected = match (first, last) {
                    (3, 0) | (0, 3) => None,
                    (3, _) | (_, 3) => Some(3),
                    (first, _) => Some(first),
                };
                assert_eq!(tos, expected, "{first} {last}");
                let malformed = u64::from(expected.is_none());
                assert_eq!(host.stats().fragments_malformed, malformed);
            });
        }
    }
}

/// TOS, TTL, options: what is handed up of a datagram is the first fragment's, whichever came last.
#[test]
fn the_header_is_that_of_the_first_fragment() {
    with_host(|wire, mut host, region| {
        let first = Fields { tos: 0x28, ttl: 9, ..fields() };
        let bytes = piece(&first, 0, 8, true);
        assert!(
            receive(&mut host, wire, OUR_MAC, &piece(&fields(), 8, 8, false), region).is_none()
        );
        let packet = receive(&mut host, wire, OUR_MAC, &bytes, region).unwrap();
        assert_eq!((packet.tos, packet.ttl, packet.header), (0x28, 9, &bytes[..20]));
        assert_eq!(packet.payload, [9; 16]);
    });
}
