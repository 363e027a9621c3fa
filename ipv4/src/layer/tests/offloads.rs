//! What is left to the interface, and what is not.

use core::num::NonZeroU16;

use layer::PartialChecksum;
use network::Checksum;

use super::*;

const ALL: Offloads = Offloads {
    checksum: true,
    udp_fragmentation: true,
    tcp_segmentation: true,
    tcp_segmentation_ipv6: true,
};
const CHECKSUM: Offloads = Offloads { checksum: true, ..Offloads::NONE };

/// The checksum of a payload, as UDP has it.
const IN_PAYLOAD: PartialChecksum = PartialChecksum::UDP;
/// And where it is in a packet.
const IN_PACKET: PartialChecksum = PartialChecksum { start: 14 + 20, ..PartialChecksum::UDP };

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

/// A packet with a partial checksum.
fn partial(destination: Ipv4Addr, protocol: Protocol) -> Outgoing {
    Outgoing { checksum: Some(IN_PAYLOAD), ..Outgoing::new(destination.into(), protocol) }
}

#[test]
fn a_long_datagram_goes_in_one_piece_that_is_to_be_cut() {
    with_offloads(ALL, |wire, mut host| {
        for destination in [PEER, FAR] {
            let outgoing = partial(destination, Protocol::UDP);
            assert_eq!(host.send(Instant::ZERO, &outgoing, [7; 8200]), Ok(Sent::Queued));
            let [(frame, offload)] = &wire.drain_offloaded()[..] else { panic!("one packet") };
            let size = NonZeroU16::new(1480);
            assert_eq!(*offload, TxOffload { checksum: Some(IN_PACKET), segment_size: size });
            let header = Ipv4Header::parse(&frame[14..]).unwrap().header;
            assert_eq!(header.total_length.get(), 8220);
            assert!(!header.dont_fragment() && !header.is_fragment());
            assert_ne!(header.identification.get(), 0, "fragments have to be told apart");
        }
        assert_eq!((host.stats().fragmented, host.stats().packets_tx), (0, 2));
    });
}

#[test]
fn what_fits_is_atomic_and_its_checksum_is_left_where_it_is() {
    for offloads in [ALL, CHECKSUM] {
        with_offloads(offloads, |wire, mut host| {
            let outgoing = partial(PEER, Protocol::UDP);
            assert_eq!(host.send(Instant::ZERO, &outgoing, [7; 1480]), Ok(Sent::Queued));
            let [(frame, offload)] = &wire.drain_offloaded()[..] else { panic!("one packet") };
            assert_eq!(*offload, TxOffload { checksum: Some(IN_PACKET), segment_size: None });
            assert_eq!(frame[34..], [7; 1480]);
            let header = Ipv4Header::parse(&frame[14..]).unwrap().header;
            assert!(header.dont_fragment() && header.identification.get() == 0);
        });
    }
}

#[test]
fn what_goes_to_many_is_left_to_the_interface_too() {
    with_offloads(ALL, |wire, mut host| {
        for (destination, length) in [(GROUP, 100), (Ipv4Addr::BROADCAST, 100), (GROUP, 8200)] {
            let outgoing = partial(destination, Protocol::UDP);
            let sent = host.send(Instant::ZERO, &outgoing, &[7; 8200][..length]);
            assert_eq!(sent, Ok(Sent::Queued));
            let [(_, offload)] = &wire.drain_offloaded()[..] else { panic!("one packet") };
            let segment_size = NonZeroU16::new(1480).filter(|_| length > 1480);
            assert_eq!(*offload, TxOffload { checksum: Some(IN_PACKET), segment_size });
        }
    });
}

/// What other protocols send, for interfaces that do not cut, over paths with an MTU that the interface knows nothing
/// of, or with a checksum that is there already, is cut here: what was left undone is done.
#[test]
fn what_is_cut_here_is_complete() {
    let complete = Outgoing { checksum: None, ..partial(PEER, Protocol::UDP) };
    for (offloads, outgoing) in [
        (ALL, partial(PEER, Protocol::ICMP)),
        (CHECKSUM, partial(PEER, Protocol::UDP)),
        (ALL, partial(FAR, Protocol::UDP)),
        (ALL, complete),
    ] {
        with_offloads(offloads, |wire, mut host| {
            host.packet_too_big(Instant::ZERO, FAR.into(), Protocol::UDP, 600);
            let mut payload = [7; 8200];
            payload[6..8].copy_from_slice(&[1, 2]);
            assert_eq!(host.send(Instant::ZERO, &outgoing, &payload[..]), Ok(Sent::Queued));
            let mut whole = Vec::new();
            for (frame, offload) in wire.drain_offloaded() {
                assert_eq!(offload, TxOffload::NONE);
                whole.extend_from_slice(Ipv4Header::parse(&frame[14..]).unwrap().payload);
            }
            if outgoing.checksum.is_some() {
                let sum = Checksum::new().add(&payload).finish();
                payload[6..8].copy_from_slice(&sum.to_be_bytes());
            }
            assert!(whole == payload, "{outgoing:?}");
            assert_eq!(host.stats().fragmented, 1);
        });
    }
}

#[test]
fn a_packet_that_must_not_be_cut_is_refused_as_before() {
    with_offloads(ALL, |wire, mut host| {
        let whole = Outgoing { dont_fragment: true, ..partial(PEER, Protocol::UDP) };
        let refused = SendError::TooLong { length: 1481, most: 1480 };
        assert_eq!(host.send(Instant::ZERO, &whole, [0; 1481]), Ok(Sent::NotSent(refused)));
        assert!(sent(wire).is_empty());
    });
}
