//! TCP segments that are longer than the MTU: the interface cuts them, and joins them.

use core::num::NonZeroU16;

use layer::PartialChecksum;

use super::*;

const TCP: Offloads = Offloads { checksum: true, tcp_segmentation_ipv6: true, ..Offloads::NONE };
/// The longest payload that is cut.
const LONGEST: usize = Offloads::LONGEST_TCP_PACKET - HEADER_LEN;
/// The position of the checksum in a frame.
const IN_FRAME: PartialChecksum = PartialChecksum { start: 14 + 40, ..PartialChecksum::TCP };

fn with_offloads(offloads: Offloads, test: impl FnOnce(&Wire, Host<'_>)) {
    with_pool(512, |pool| {
        let global = Region::new(pool, "global");
        let (wire, mut end) = Wire::new(OUR_MAC);
        end.offloads = offloads;
        test(&wire, Ipv6::new(Everybody::new(end), 1, &global).unwrap());
    });
}

/// A segment that is to be cut into segments with `size` bytes of data.
fn segments(destination: Ipv6Addr, size: u16) -> Outgoing {
    Outgoing {
        checksum: Some(PartialChecksum::TCP),
        segment_size: NonZeroU16::new(size),
        ..Outgoing::new(destination.into(), Protocol::TCP)
    }
}

/// What was left undone in the one packet that was sent with `payload`, right after the fixed header.
fn one(wire: &Wire, payload: &[u8]) -> TxOffload {
    let [(frame, offload)] = &wire.drain_offloaded()[..] else { panic!("one packet") };
    let (header, rest) = Ipv6Header::ref_from_prefix(&frame[14..]).unwrap();
    assert_eq!(Protocol(header.next_header), Protocol::TCP);
    assert_eq!(frame[18..20], (payload.len() as u16).to_be_bytes());
    assert!(rest == payload);
    *offload
}

#[test]
fn a_long_segment_is_one_packet_that_is_to_be_cut() {
    with_offloads(TCP, |wire, mut host| {
        let payload = vec![7; LONGEST];
        for destination in [PEER, FAR] {
            for length in [payload.len(), 20 + 1441] {
                let outgoing = segments(destination, 1440);
                let sent = host.send(Instant::ZERO, &outgoing, &payload[..length]);
                assert_eq!(sent, Ok(Sent::Queued));
                let offload = one(wire, &payload[..length]);
                let segment_size = NonZeroU16::new(1440);
                assert_eq!(offload, TxOffload { checksum: Some(IN_FRAME), segment_size });
            }
        }
        assert_eq!((host.stats().fragmented, host.stats().packets_tx), (0, 4));
        // One that fits is not cut.
        assert_eq!(host.send(Instant::ZERO, &segments(PEER, 1440), [7; 1460]), Ok(Sent::Queued));
        let whole = TxOffload { checksum: Some(IN_FRAME), segment_size: None };
        assert_eq!(one(wire, &[7; 1460]), whole);
    });
}

/// The size is that of the path, which the interface does not know.
#[test]
fn a_small_path_mtu_is_that_of_each_segment() {
    with_offloads(TCP, |wire, mut host| {
        host.packet_too_big(Instant::ZERO, FAR.into(), Protocol::TCP, 1300);
        for dont_fragment in [false, true] {
            let outgoing = Outgoing { dont_fragment, ..segments(FAR, 1240) };
            assert_eq!(host.send(Instant::ZERO, &outgoing, [7; 8200]), Ok(Sent::Queued));
            assert_eq!(one(wire, &[7; 8200]).segment_size, NonZeroU16::new(1240));
        }
        // A sender that would not believe an error keeps to what every path carries.
        let unsure = Outgoing { routers_fragment: true, ..segments(PEER, 1220) };
        assert_eq!(host.send(Instant::ZERO, &unsure, [7; 1300]), Ok(Sent::Queued));
        assert_eq!(one(wire, &[7; 1300]).segment_size, NonZeroU16::new(1220));
    });
}

#[test]
fn segments_that_do_not_fit_the_path_are_refused() {
    with_offloads(TCP, |wire, mut host| {
        host.packet_too_big(Instant::ZERO, FAR.into(), Protocol::TCP, 1300);
        let too_long = |length, most| Ok(Sent::NotSent(SendError::TooLong { length, most }));
        for (destination, size, most) in
            [(PEER, 1441, 1460), (FAR, 1241, 1260), (PEER, 65_535, 1460)]
        {
            let sent = host.send(Instant::ZERO, &segments(destination, size), [7; 8200]);
            assert_eq!(sent, too_long(8200, most), "{size}");
        }
        let length = LONGEST + 1;
        let sent = host.send(Instant::ZERO, &segments(PEER, 1440), &vec![7; length][..]);
        assert_eq!(sent, too_long(length, length - 1));
        assert!(wire.drain().is_empty());
    });
}

/// What a transport must not ask for is still sent rightly: in fragments.
#[test]
fn what_is_no_segment_or_finds_no_help_is_fragmented() {
    let udp = Outgoing {
        protocol: Protocol::UDP,
        checksum: Some(PartialChecksum::UDP),
        ..segments(PEER, 1440)
    };
    let complete = Outgoing { checksum: None, ..segments(PEER, 1440) };
    let ipv4 = Offloads { tcp_segmentation: true, tcp_segmentation_ipv6: false, ..TCP };
    for (offloads, outgoing) in [
        (Offloads::NONE, segments(PEER, 1440)),
        (ipv4, segments(PEER, 1440)),
        (TCP, udp),
        (TCP, complete),
    ] {
        with_offloads(offloads, |wire, mut host| {
            assert_eq!(host.send(Instant::ZERO, &outgoing, [7; 3000]), Ok(Sent::Queued));
            let all = wire.drain_offloaded();
            assert_eq!(all.len(), 3);
            assert!(all.iter().all(|(_, offload)| *offload == TxOffload::NONE));
        });
    }
}

#[test]
fn a_joined_segment_goes_up_whole() {
    let size = NonZeroU16::new(1440);
    with_pool(512, |pool| {
        let (global, region) = (Region::new(pool, "global"), Region::new(pool, "packet"));
        let (wire, mut end) = Wire::new(OUR_MAC);
        (end.segment_size, end.checksums) = (size, Checksums::Blank);
        let mut host = Ipv6::new(Everybody::new(end), 1, &global).unwrap();
        let fields = Fields { next_header: Protocol::TCP, ..fields() };
        let payload = vec![9; 65_535];
        let bytes = packet(&fields, &payload);
        let received = receive(&mut host, &wire, OUR_MAC, &bytes, &region).unwrap();
        assert_eq!((received.segment_size, received.verify_checksum), (size, false));
        assert!(received.payload == payload);

        // Fragments are not joined segments, whatever the interface says.
        for (offset, more) in [(0, true), (24, false)] {
            let bytes = piece_of(&fields, 7, offset, &[9; 24], more);
            let received = receive(&mut host, &wire, OUR_MAC, &bytes, &region);
            assert_eq!(received.map(|packet| packet.segment_size), (!more).then_some(None));
        }
    });
}
