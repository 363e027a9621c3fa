//! TCP segments that are longer than the MTU: the interface cuts them, and joins them.

use core::num::NonZeroU16;

use layer::PartialChecksum;

use super::*;

const TCP: Offloads = Offloads { checksum: true, tcp_segmentation: true, ..Offloads::NONE };
/// The longest payload that is cut.
const LONGEST: usize = Offloads::LONGEST_TCP_PACKET - HEADER_LEN;
/// The position of the checksum in a frame.
const IN_FRAME: PartialChecksum = PartialChecksum { start: 14 + 20, ..PartialChecksum::TCP };

fn with_offloads(offloads: Offloads, test: impl FnOnce(&Wire, Host<'_>)) {
    with_pool(512, |pool| {
        let global = Region::new(pool, "global");
        let (wire, mut end) = Wire::new(OUR_MAC);
        end.offloads = offloads;
        let link = Everybody::new(end, Cidr::new(OURS, 24).unwrap());
        let host = Ipv4::new(link, 1, &global).unwrap();
        test(&wire, host.with_gateway(Some(PEER)));
    });
}

/// A segment that is to be cut into segments with `size` bytes of data.
fn segments(destination: Ipv4Addr, size: u16) -> Outgoing {
    Outgoing {
        checksum: Some(PartialChecksum::TCP),
        segment_size: NonZeroU16::new(size),
        ..Outgoing::new(destination.into(), Protocol::TCP)
    }
}

/// The header and the offload of the one packet that was sent with `payload`.
fn one(wire: &Wire, payload: &[u8]) -> (Ipv4Header, TxOffload) {
    let [(frame, offload)] = &wire.drain_offloaded()[..] else { panic!("one packet") };
    let parsed = Ipv4Header::parse(&frame[14..]).unwrap();
    assert!(parsed.payload == payload);
    (*parsed.header, *offload)
}

#[test]
fn a_long_segment_is_one_packet_with_df_that_is_to_be_cut() {
    with_offloads(TCP, |wire, mut host| {
        let payload = vec![7; LONGEST];
        for destination in [PEER, FAR] {
            let mut numbers = Vec::new();
            // 45 segments, then 2, then as many again.
            for length in [payload.len(), 20 + 1461, 20 + 1461] {
                let outgoing = segments(destination, 1460);
                let sent = host.send(Instant::ZERO, &outgoing, &payload[..length]);
                assert_eq!(sent, Ok(Sent::Queued));
                let (header, offload) = one(wire, &payload[..length]);
                let segment_size = NonZeroU16::new(1460);
                assert_eq!(offload, TxOffload { checksum: Some(IN_FRAME), segment_size });
                assert!(header.dont_fragment() && !header.is_fragment());
                numbers.push(header.identification.get());
            }
            // The packets that the interface makes have numbers that go on.
            let steps = [0, 1].map(|at| numbers[at + 1].wrapping_sub(numbers[at]));
            assert_eq!(steps, [45, 2]);
        }
        assert_eq!((host.stats().fragmented, host.stats().packets_tx), (0, 6));
    });
}

#[test]
fn a_segment_that_fits_is_atomic() {
    with_offloads(TCP, |wire, mut host| {
        assert_eq!(host.send(Instant::ZERO, &segments(PEER, 1460), [7; 1480]), Ok(Sent::Queued));
        let (header, offload) = one(wire, &[7; 1480]);
        assert_eq!(offload, TxOffload { checksum: Some(IN_FRAME), segment_size: None });
        assert!(header.dont_fragment() && header.identification.get() == 0);
    });
}

/// The size is that of the path, which the interface does not know. On a path whose MTU is smaller than is believed,
/// routers fragment what came of the segment.
#[test]
fn a_small_path_mtu_is_that_of_each_segment() {
    with_offloads(TCP, |wire, mut host| {
        for (mtu, size, dont_fragment) in [(600, 560, true), (68, 512, false)] {
            host.packet_too_big(Instant::ZERO, FAR.into(), Protocol::TCP, mtu);
            let sent = host.send(Instant::ZERO, &segments(FAR, size), [7; 8200]);
            assert_eq!(sent, Ok(Sent::Queued));
            let (header, offload) = one(wire, &[7; 8200]);
            assert_eq!(offload.segment_size, NonZeroU16::new(size));
            assert_eq!((header.dont_fragment(), header.is_fragment()), (dont_fragment, false));
        }
        let whole = Outgoing { dont_fragment: true, ..segments(FAR, 512) };
        assert_eq!(host.send(Instant::ZERO, &whole, [7; 8200]), Ok(Sent::Queued));
        assert!(one(wire, &[7; 8200]).0.dont_fragment());
    });
}

#[test]
fn segments_that_do_not_fit_the_path_are_refused() {
    with_offloads(TCP, |wire, mut host| {
        host.packet_too_big(Instant::ZERO, FAR.into(), Protocol::TCP, 600);
        let too_long = |length, most| Ok(Sent::NotSent(SendError::TooLong { length, most }));
        for (destination, size, most) in [(PEER, 1461, 1480), (FAR, 561, 580), (PEER, 65_535, 1480)]
        {
            let sent = host.send(Instant::ZERO, &segments(destination, size), [7; 8200]);
            assert_eq!(sent, too_long(8200, most), "{size}");
        }
        let length = LONGEST + 1;
        let sent = host.send(Instant::ZERO, &segments(PEER, 1460), &vec![7; length][..]);
        assert_eq!(sent, too_long(length, length - 1));
        assert!(wire.drain().is_empty());
    });
    // A link that claims less than any link has.
    with_pool(64, |pool| {
        let (global, (_, mut end)) = (Region::new(pool, "global"), Wire::new(OUR_MAC));
        end.offloads = TCP;
        let link = Everybody::new(end.with_mtu(20), Cidr::new(OURS, 24).unwrap());
        let mut host = Ipv4::new(link, 1, &global).unwrap();
        let refused = SendError::TooLong { length: 9, most: 8 };
        assert_eq!(
            host.send(Instant::ZERO, &segments(PEER, 1), [7; 9]),
            Ok(Sent::NotSent(refused))
        );
    });
}

/// What a transport must not ask for is still sent rightly: in fragments.
#[test]
fn what_is_no_segment_or_finds_no_help_is_fragmented() {
    let udp = Outgoing {
        protocol: Protocol::UDP,
        checksum: Some(PartialChecksum::UDP),
        ..segments(PEER, 1460)
    };
    let complete = Outgoing { checksum: None, ..segments(PEER, 1460) };
    let checksum = Offloads { tcp_segmentation: false, ..TCP };
    for (offloads, outgoing) in [
        (Offloads::NONE, segments(PEER, 1460)),
        (checksum, segments(PEER, 1460)),
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
    let size = NonZeroU16::new(1460);
    with_pool(512, |pool| {
        let (global, region) = (Region::new(pool, "global"), Region::new(pool, "packet"));
        let (wire, mut end) = Wire::new(OUR_MAC);
        (end.segment_size, end.checksums) = (size, Checksums::Blank);
        let link = Everybody::new(end, Cidr::new(OURS, 24).unwrap());
        let mut host = Ipv4::new(link, 1, &global).unwrap();
        let fields = Fields { protocol: Protocol::TCP, dont_fragment: true, ..fields() };
        let payload = vec![9; MAX_PACKET_LEN - HEADER_LEN];
        let bytes = packet(&fields, &payload);
        let received = receive(&mut host, &wire, OUR_MAC, &bytes, &region).unwrap();
        assert_eq!((received.segment_size, received.verify_checksum), (size, false));
        assert!(received.payload == payload);

        // Fragments are not joined segments, whatever the interface says.
        let fields = Fields { dont_fragment: false, ..fields };
        for (offset, more) in [(0, true), (8, false)] {
            let header = Ipv4Header::new(&fields, offset, 8, more);
            let bytes = [header.as_bytes(), &[9; 8]].concat();
            let received = receive(&mut host, &wire, OUR_MAC, &bytes, &region);
            assert_eq!(received.map(|packet| packet.segment_size), (!more).then_some(None));
        }
    });
}
