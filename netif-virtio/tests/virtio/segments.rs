//! TCP segments beyond the MTU, both ways, and checksums that are left to the device.

use std::num::NonZeroU16;

use layer::{Offloads, PartialChecksum, Rx, TxOffload};
use netif::{Checksums, Netif, RxFrame};
use netif_virtio::ProtocolViolation;

use crate::{
    simulated::{
        device::{Delivery, Sent},
        transport::{Registers, feature},
    },
    support::{Host, PAGES, frame, open, open_in},
};

/// The longest frame, in bytes.
const LONGEST: usize = 65_535;
const ALL: Offloads = Offloads {
    checksum: true,
    tcp_segmentation: true,
    tcp_segmentation_ipv6: true,
    ..Offloads::NONE
};
/// The family of a packet: where TCP begins in a frame, and the `gso_type` of its segments.
#[derive(Clone, Copy, Debug)]
struct Family {
    tcp: u8,
    gso_type: u8,
}
const IPV4: Family = Family { tcp: 34, gso_type: 1 };
const IPV6: Family = Family { tcp: 54, gso_type: 4 };

fn host(offered: u64) -> Host {
    open(Registers { offered, ..Registers::default() }, true).unwrap()
}

fn tcp(family: Family, size: u16) -> TxOffload {
    let checksum = Some(PartialChecksum { start: family.tcp.into(), ..PartialChecksum::TCP });
    TxOffload { checksum, segment_size: NonZeroU16::new(size) }
}

const UDP: TxOffload = TxOffload {
    checksum: Some(PartialChecksum { start: 34, ..PartialChecksum::UDP }),
    segment_size: None,
};

/// A frame with a TCP header of 20 bytes.
fn segment(family: Family, length: usize) -> Vec<u8> {
    let mut bytes = frame(length, 1);
    bytes[usize::from(family.tcp) + 12] = 0x50;
    let ethertype = if family.gso_type == IPV6.gso_type { [0x86, 0xdd] } else { [8, 0] };
    bytes[12..14].copy_from_slice(&ethertype);
    bytes
}

/// The header before a frame of a family with a checksum at this place, which is cut into segments of this size if it is
/// not 0.
fn header(family: Family, size: u16, offset: u8) -> [u8; 12] {
    let ([low, high], Family { tcp, gso_type }) = (size.to_le_bytes(), family);
    let is_cut = u8::from(size > 0);
    [1, gso_type * is_cut, (tcp + 20) * is_cut, 0, low, high, tcp, 0, offset, 0, 0, 0]
}

/// A frame that was joined, as Linux gives it.
fn joined(family: Family, length: usize, gso_size: u16) -> Delivery {
    Delivery { bytes: frame(length, length), flags: 1, gso_type: family.gso_type, gso_size }
}

/// Receives one frame.
fn receive(host: &mut Host, test: impl FnOnce(RxFrame<'_>)) {
    host.turn();
    for _ in 0..1000 {
        host.packet.reset();
        if let Rx::Item(frame) = host.netif.receive(&host.packet).unwrap() {
            return test(frame);
        }
    }
    panic!("nothing came");
}

#[test]
fn a_device_that_does_less_is_asked_for_less() {
    let checksum = Offloads { checksum: true, ..Offloads::NONE };
    let all_guest = feature::GUEST_TSO4 | feature::GUEST_TSO6;
    for (left_out, offloads) in [
        (0, ALL),
        (feature::HOST_TSO4, Offloads { tcp_segmentation: false, ..ALL }),
        (feature::HOST_TSO6, Offloads { tcp_segmentation_ipv6: false, ..ALL }),
        (feature::HOST_TSO4 | feature::HOST_TSO6, checksum),
        (feature::CSUM, Offloads::NONE),
        (feature::CSUM | feature::HOST_TSO4 | feature::HOST_TSO6, Offloads::NONE),
        (feature::MRG_RXBUF, ALL),
    ] {
        let mut host = host(feature::ALL & !left_out);
        assert_eq!(host.netif.offloads(), offloads);
        let accepted = host.device.borrow().registers.borrow().accepted;
        let takes_joined = accepted & all_guest == all_guest;
        assert_eq!(takes_joined, left_out & feature::MRG_RXBUF == 0, "each buffer is a page");
        host.netif.transmit(&segment(IPV4, 9000)[..], tcp(IPV4, 1448)).unwrap();
        host.netif.transmit(&segment(IPV6, 9000)[..], tcp(IPV6, 1428)).unwrap();
        host.netif.transmit(&frame(100, 2)[..], UDP).unwrap();
        host.settle();
        let does = [offloads.tcp_segmentation, offloads.tcp_segmentation_ipv6, offloads.checksum];
        let sent = does.into_iter().filter(|does| *does).count();
        assert_eq!(host.sent().len(), sent);
        assert_eq!(host.counter("tx_bad_length"), 3 - sent as u64);
        host.end();
    }
}

#[test]
fn a_long_segment_goes_in_one_piece_to_be_cut() {
    for family in [IPV4, IPV6] {
        let mut host = host(feature::ALL);
        // On the borders of pages, and the longest.
        for length in [1519, 2036, 2037, 4084, 4085, 8180, 40_000, 65_524, 65_525, LONGEST] {
            host.netif.transmit(&segment(family, length)[..], tcp(family, 1448)).unwrap();
            host.settle();
            let bytes = segment(family, length);
            let expected = Sent { header: header(family, 1448, 16), bytes };
            assert!(host.sent() == [expected], "{length}");
        }
        // One byte more, one that is not to be cut, and those of another protocol are not sent.
        let whole = TxOffload { segment_size: None, ..tcp(family, 1) };
        let udp = TxOffload { segment_size: NonZeroU16::new(1480), ..UDP };
        let complete = TxOffload { checksum: None, ..tcp(family, 1448) };
        for (length, offload) in
            [(LONGEST + 1, tcp(family, 1448)), (1533, whole), (9000, udp), (9000, complete)]
        {
            host.netif.transmit(&segment(family, length)[..], offload).unwrap();
        }
        host.settle();
        assert_eq!((host.sent().len(), host.counter("tx_bad_length")), (0, 4));
        host.end();
    }
}

#[test]
fn checksums_are_left_to_the_device() {
    let mut host = host(feature::ALL);
    let whole = |family| TxOffload { segment_size: None, ..tcp(family, 1) };
    for (offload, expected) in [
        (UDP, header(IPV4, 0, 6)),
        (whole(IPV4), header(IPV4, 0, 16)),
        (whole(IPV6), header(IPV6, 0, 16)),
        (TxOffload::NONE, [0; 12]),
    ] {
        host.netif.transmit(&frame(1514, 1)[..], offload).unwrap();
        host.settle();
        assert_eq!(host.sent(), [Sent { header: expected, bytes: frame(1514, 1) }]);
    }
    host.end();
}

#[test]
fn a_joined_frame_goes_up_whole_with_the_size_of_its_segments() {
    let mut host = host(feature::ALL);
    for (length, size) in
        [(66, 1), (2962, 1448), (4084, 1460), (4085, 1460), (30_000, 536), (LONGEST, 1448)]
    {
        for number in 0..20 {
            let family = [IPV4, IPV6][number % 2];
            host.device.borrow_mut().to_guest.push_back(joined(family, length, size));
            receive(&mut host, |received| {
                assert!(received.bytes == frame(length, length), "{length}");
                assert_eq!(received.checksums, Checksums::Blank);
                assert_eq!(received.segment_size, NonZeroU16::new(size));
            });
        }
    }
    // Segments that are longer than the MTU cannot have been joined.
    for family in [IPV4, IPV6] {
        host.device.borrow_mut().to_guest.push_back(joined(family, 9000, 1501));
    }
    assert_eq!((host.settle(), host.counter("rx_too_long")), (vec![], 2));
    host.end();
}

#[test]
fn a_joined_frame_of_no_size_or_of_another_kind_is_a_violation() {
    let all = feature::ALL;
    for (offered, gso_type, gso_size) in [
        (all, 1, 0),
        (all, 4, 0),
        (all, 3, 1448),
        (all, 5, 1448),
        (all, 0x81, 1448),
        (all, 0x84, 1448),
        // One of a family that was not agreed on.
        (all & !feature::GUEST_TSO4, 1, 1448),
        (all & !feature::GUEST_TSO6, 4, 1448),
    ] {
        let mut host = host(offered);
        let delivery = Delivery { gso_type, gso_size, ..joined(IPV4, 9000, 1) };
        host.device.borrow_mut().to_guest.push_back(delivery);
        assert_eq!(host.settle(), []);
        assert_eq!(host.netif.last_violation(), Some(ProtocolViolation::Segments(gso_type)));
        host.end();
    }
}

/// In the smallest guest and with the smallest queue, too.
#[test]
fn the_longest_fits_everywhere() {
    for (pages, size) in [(130, 32), (130, 256), (PAGES, 32), (PAGES, 1024)] {
        let registers =
            Registers { offered: feature::ALL, sizes: [size; 2], ..Registers::default() };
        let mut host = open_in(pages, registers, true, None).unwrap();
        for number in 0..100 {
            let family = [IPV4, IPV6][number % 2];
            host.device.borrow_mut().to_guest.push_back(joined(family, LONGEST, 1448));
            receive(&mut host, |received| assert_eq!(received.bytes.len(), LONGEST));
            host.packet.reset();
            host.netif.transmit(&segment(family, LONGEST)[..], tcp(family, 1448)).unwrap();
            host.settle();
            assert_eq!(host.sent().len(), 1, "{pages} {size}");
        }
        assert_eq!(host.counter("tx_queue_full"), 0);
        host.end();
    }
}
