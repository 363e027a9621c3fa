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
const ALL: Offloads = Offloads { checksum: true, tcp_segmentation: true, ..Offloads::NONE };

fn host(offered: u64) -> Host {
    open(Registers { offered, ..Registers::default() }, true).unwrap()
}

fn tcp(size: u16) -> TxOffload {
    let checksum = Some(PartialChecksum { start: 34, ..PartialChecksum::TCP });
    TxOffload { checksum, segment_size: NonZeroU16::new(size) }
}

const UDP: TxOffload = TxOffload {
    checksum: Some(PartialChecksum { start: 34, ..PartialChecksum::UDP }),
    segment_size: None,
};

/// A frame with a TCP header of 20 bytes after 34.
fn segment(length: usize) -> Vec<u8> {
    let mut bytes = frame(length, 1);
    bytes[46] = 0x50;
    bytes
}

/// The header before a frame with a checksum at this place, which is cut into segments of this size if it is not 0.
fn header(size: u16, offset: u8) -> [u8; 12] {
    let [low, high] = size.to_le_bytes();
    let is_cut = u8::from(size > 0);
    [1, is_cut, 54 * is_cut, 0, low, high, 34, 0, offset, 0, 0, 0]
}

/// A frame that was joined, as Linux gives it.
fn joined(length: usize, gso_size: u16) -> Delivery {
    Delivery { bytes: frame(length, length), flags: 1, gso_type: 1, gso_size }
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
    for (left_out, offloads) in [
        (0, ALL),
        (feature::HOST_TSO4, checksum),
        (feature::CSUM, Offloads::NONE),
        (feature::CSUM | feature::HOST_TSO4, Offloads::NONE),
        (feature::MRG_RXBUF, ALL),
    ] {
        let mut host = host(feature::ALL & !left_out);
        assert_eq!(host.netif.offloads(), offloads);
        let accepted = host.device.borrow().registers.borrow().accepted;
        let takes_joined = accepted & feature::GUEST_TSO4 != 0;
        assert_eq!(takes_joined, left_out & feature::MRG_RXBUF == 0, "each buffer is a page");
        host.netif.transmit(&segment(9000)[..], tcp(1448)).unwrap();
        host.netif.transmit(&frame(100, 2)[..], UDP).unwrap();
        host.settle();
        let sent = usize::from(offloads.tcp_segmentation) + usize::from(offloads.checksum);
        assert_eq!(host.sent().len(), sent);
        assert_eq!(host.counter("tx_bad_length"), 2 - sent as u64);
        host.end();
    }
}

#[test]
fn a_long_segment_goes_in_one_piece_to_be_cut() {
    let mut host = host(feature::ALL);
    // On the borders of pages, and the longest.
    for length in [1519, 2036, 2037, 4084, 4085, 8180, 40_000, 65_524, 65_525, LONGEST] {
        host.netif.transmit(&segment(length)[..], tcp(1448)).unwrap();
        host.settle();
        let expected = Sent { header: header(1448, 16), bytes: segment(length) };
        assert!(host.sent() == [expected], "{length}");
    }
    // One byte more, one that is not to be cut, and those of another protocol are not sent.
    let whole = TxOffload { segment_size: None, ..tcp(1) };
    let udp = TxOffload { segment_size: NonZeroU16::new(1480), ..UDP };
    let complete = TxOffload { checksum: None, ..tcp(1448) };
    for (length, offload) in
        [(LONGEST + 1, tcp(1448)), (1533, whole), (9000, udp), (9000, complete)]
    {
        host.netif.transmit(&segment(length)[..], offload).unwrap();
    }
    host.settle();
    assert_eq!((host.sent().len(), host.counter("tx_bad_length")), (0, 4));
    host.end();
}

#[test]
fn checksums_are_left_to_the_device() {
    let mut host = host(feature::ALL);
    let whole = TxOffload { segment_size: None, ..tcp(1) };
    for (offload, expected) in
        [(UDP, header(0, 6)), (whole, header(0, 16)), (TxOffload::NONE, [0; 12])]
    {
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
        for _ in 0..20 {
            host.device.borrow_mut().to_guest.push_back(joined(length, size));
            receive(&mut host, |received| {
                assert!(received.bytes == frame(length, length), "{length}");
                assert_eq!(received.checksums, Checksums::Blank);
                assert_eq!(received.segment_size, NonZeroU16::new(size));
            });
        }
    }
    // Segments that are longer than the MTU cannot have been joined.
    host.device.borrow_mut().to_guest.push_back(joined(9000, 1501));
    assert_eq!((host.settle(), host.counter("rx_too_long")), (vec![], 1));
    host.end();
}

#[test]
fn a_joined_frame_of_no_size_or_of_another_kind_is_a_violation() {
    for (gso_type, gso_size) in [(1, 0), (3, 1448), (4, 1448), (5, 1448), (0x81, 1448)] {
        let mut host = host(feature::ALL);
        let delivery = Delivery { gso_type, gso_size, ..joined(9000, 1) };
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
        for _ in 0..100 {
            host.device.borrow_mut().to_guest.push_back(joined(LONGEST, 1448));
            receive(&mut host, |received| assert_eq!(received.bytes.len(), LONGEST));
            host.packet.reset();
            host.netif.transmit(&segment(LONGEST)[..], tcp(1448)).unwrap();
            host.settle();
            assert_eq!(host.sent().len(), 1, "{pages} {size}");
        }
        assert_eq!(host.counter("tx_queue_full"), 0);
        host.end();
    }
}
