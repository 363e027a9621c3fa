//! What is left to the interface, and what is not.

use layer::PartialChecksum;
use network::Checksum;

use super::*;

const ALL: Offloads = Offloads {
    checksum: true,
    udp_fragmentation: true,
    tcp_segmentation: true,
    tcp_segmentation_ipv6: true,
};
/// Where the checksum of UDP is in a frame.
const IN_FRAME: PartialChecksum = PartialChecksum { start: 14 + 40, ..PartialChecksum::UDP };

fn with_offloads(offloads: Offloads, test: impl FnOnce(&Wire, Host<'_>)) {
    with_pool(512, |pool| {
        let global = Region::new(pool, "global");
        let (wire, mut end) = Wire::new(OUR_MAC);
        end.offloads = offloads;
        test(&wire, Ipv6::new(Everybody::new(end), 1, &global).unwrap());
    });
}

#[test]
fn what_fits_leaves_its_checksum_where_it_is() {
    with_offloads(ALL, |wire, mut host| {
        let outgoing = Outgoing { checksum: Some(PartialChecksum::UDP), ..to(PEER) };
        assert_eq!(host.send(Instant::ZERO, &outgoing, [7; 1460]), Ok(Sent::Queued));
        let [(_, offload)] = &wire.drain_offloaded()[..] else { panic!("one packet") };
        assert_eq!(*offload, TxOffload { checksum: Some(IN_FRAME), segment_size: None });
    });
}

/// The interface may cut segments of IPv4 alone, of IPv6 alone, or of both; it cuts no datagrams of IPv6.
#[test]
fn what_the_interface_does_for_ipv6_is_told() {
    for checksum in [true, false] {
        for tcp_segmentation_ipv6 in [true, false] {
            with_offloads(Offloads { checksum, tcp_segmentation_ipv6, ..ALL }, |_, host| {
                let told = host.offloads(PEER.into());
                assert_eq!(told.checksum, checksum);
                assert_eq!(told.tcp_segmentation, tcp_segmentation_ipv6);
                assert!(!told.udp_fragmentation);
            });
        }
    }
}

#[test]
fn the_checksum_of_fragments_is_completed_here() {
    with_offloads(ALL, |wire, mut host| {
        let outgoing = Outgoing { checksum: Some(PartialChecksum::UDP), ..to(PEER) };
        assert_eq!(host.send(Instant::ZERO, &outgoing, [7; 3000]), Ok(Sent::Queued));
        let frames = wire.drain();
        let whole: Vec<u8> = frames.iter().flat_map(|frame| frame[14 + 48..].to_vec()).collect();
        let mut expected = [7; 3000];
        let checksum = Checksum::new().add(&expected).finish();
        expected[6..8].copy_from_slice(&checksum.to_be_bytes());
        assert_eq!(whole, expected);
    });
}
