//! Frames, both ways, with every device that there may be.

use layer::{Offloads, TxOffload};
use netif::{Checksums, Netif};
use rt_regions::{Page, Pool, Region};

use crate::{
    simulated::{
        device::Delivery,
        transport::{Registers, feature},
    },
    support::{Host, MAC, PAGES, frame, offers, open, open_in},
};

#[test]
fn frames_of_every_length_go_both_ways_whatever_the_device_offers() {
    for offered in offers() {
        let mut host = Host::offering(offered);
        assert_eq!((host.netif.mac(), host.netif.mtu()), (MAC, 1500));
        assert_eq!(host.netif.offloads(), Offloads::NONE);
        assert!(host.netif.link_up() && host.netif.is_ready());
        for length in [14, 15, 60, 61, 590, 1514, 1518] {
            host.send_to_guest(&frame(length, length));
            host.netif.transmit(&frame(length, 1)[..], TxOffload::NONE).unwrap();
            let expected = [(frame(length, length), Checksums::NotChecked)];
            assert_eq!(host.settle(), expected, "{offered:#x}: {length}");
            assert_eq!(host.frames_sent(), [frame(length, 1)], "{offered:#x}: {length}");
        }
        assert_eq!((host.counter("frames_rx"), host.counter("frames_tx")), (7, 7));
        host.end();
    }
}

/// The rings go round many times, and their indices once.
#[test]
fn a_hundred_thousand_frames_are_neither_lost_nor_mixed_up() {
    for left_out in [0, feature::EVENT_IDX] {
        let mut host = Host::offering(feature::ALL & !left_out);
        let (mut sent, mut expected) = (0_u32, 0_u32);
        while sent < 70_000 {
            let burst = 1 + sent % 37;
            for number in sent..sent + burst {
                host.send_to_guest(&[&number.to_le_bytes()[..], &[7; 60]].concat());
                let bytes = (number.to_le_bytes(), [9; 60]);
                host.netif.transmit(bytes, TxOffload::NONE).unwrap();
            }
            sent += burst;
            let (frames, taken) = (host.settle(), host.frames_sent());
            assert_eq!((frames.len(), taken.len()), (burst as usize, burst as usize));
            for ((came, _), went) in frames.iter().zip(&taken) {
                let number = expected.to_le_bytes();
                assert!(came[..4] == number && went[..4] == number, "{expected}");
                expected += 1;
            }
        }
        // A burst is one notification, not many, and costs no interrupt for each frame.
        assert!(host.counter("notifications") < u64::from(sent) / 4);
        host.end();
    }
}

/// A page that was received into is the region's, and is the device's no more.
#[test]
fn a_received_page_becomes_the_regions() {
    let mut host = Host::new();
    host.send_to_guest(&frame(1514, 1));
    host.turn();
    host.packet.reset();
    let received = host.netif.receive(&host.packet).unwrap().item().unwrap();
    assert_eq!(received.bytes, frame(1514, 1));
    assert_eq!(host.packet.pages(), 1, "it was not copied");
    host.end();
}

/// A region of another pool cannot take a page over.
#[test]
fn a_frame_for_a_region_of_another_pool_is_copied() {
    let mut host = Host::new();
    testkit::with_pool(10, |pool| {
        let region = Region::new(pool, "packet");
        host.send_to_guest(&frame(1514, 1));
        host.turn();
        let received = host.netif.receive(&region).unwrap().item().unwrap();
        assert_eq!(received.bytes, frame(1514, 1));
    });
    host.end();
}

#[test]
fn a_long_frame_is_put_together_from_many_buffers() {
    let mut registers = Registers { offered: feature::ALL, ..Registers::default() };
    registers.set_mtu(65_517);
    let mut host = open(registers, false).unwrap();
    assert_eq!(host.netif.mtu(), 65_517);
    for length in [4083, 4084, 4085, 8180, 8181, 9018, 40_000, 65_534, 65_535] {
        host.send_to_guest(&frame(length, 2));
        host.netif.transmit(&frame(length, 3)[..], TxOffload::NONE).unwrap();
        let frames = host.settle();
        assert!(frames == [(frame(length, 2), Checksums::NotChecked)], "{length}");
        assert!(host.frames_sent() == [frame(length, 3)], "{length}");
    }
    host.end();
}

/// Without `MRG_RXBUF` a frame is in one buffer.
#[test]
fn without_spread_frames_the_mtu_is_what_a_page_holds() {
    let offered = feature::ALL & !feature::MRG_RXBUF;
    for (mtu, expected, agreed) in
        [(68, 68, true), (1280, 1280, true), (4066, 4066, true), (4067, 4066, false)]
    {
        let mut registers = Registers { offered, ..Registers::default() };
        registers.set_mtu(mtu);
        let mut host = open(registers, true).unwrap();
        assert_eq!(host.netif.mtu(), expected);
        let has_agreed = host.device.borrow().registers.borrow().has(feature::MTU);
        assert_eq!(has_agreed, agreed, "{mtu}");
        let longest = frame(expected + 18, 1);
        host.send_to_guest(&longest);
        host.netif.transmit(&longest[..], TxOffload::NONE).unwrap();
        assert!(host.settle() == [(longest.clone(), Checksums::NotChecked)]);
        assert!(host.frames_sent() == [longest]);
        host.end();
    }
}

#[test]
fn what_is_too_long_or_too_short_is_counted_and_dropped() {
    for offered in offers() {
        let mut host = Host::offering(offered);
        for length in [0, 1, 13, 1519, 4000, 9000] {
            host.send_to_guest(&frame(length, 1));
            host.netif.transmit(&frame(length, 1)[..], TxOffload::NONE).unwrap();
        }
        assert_eq!(host.settle(), []);
        assert_eq!(host.frames_sent(), [] as [Vec<u8>; 0]);
        // A device that does not spread frames has lost the longest itself.
        let too_long = 2 + u64::from(offered & feature::MRG_RXBUF != 0);
        let counted = ["rx_too_short", "rx_too_long", "tx_bad_length"].map(|it| host.counter(it));
        assert_eq!(counted, [3, too_long, 6]);
        assert_eq!(host.counter("device_violations"), 0);
        host.end();
    }
}

#[test]
fn what_the_device_knows_of_checksums_goes_up() {
    for offered in [feature::ALL, feature::ALL & !feature::GUEST_CSUM] {
        let mut host = Host::offering(offered);
        let agreed = offered & feature::GUEST_CSUM != 0;
        for (flags, known) in
            [(0, Checksums::NotChecked), (1, Checksums::Blank), (2, Checksums::Verified)]
        {
            let delivery = Delivery { bytes: frame(60, 1), flags, ..Delivery::default() };
            host.device.borrow_mut().to_guest.push_back(delivery);
            let known = if agreed { known } else { Checksums::NotChecked };
            assert_eq!(host.settle(), [(frame(60, 1), known)]);
        }
        host.end();
    }
}

/// Takes pages until so many are left.
fn leave<'p>(pool: &'p Pool<'p>, pages: usize) -> Vec<Page<'p>> {
    let mut taken = Vec::new();
    while pool.free_pages() > pages {
        taken.push(pool.page("taken").unwrap());
    }
    taken
}

#[test]
fn without_memory_a_frame_is_lost_and_the_ring_stays_full() {
    use netif_virtio::Guest as _;
    let mut registers = Registers { offered: feature::ALL, ..Registers::default() };
    registers.set_mtu(9000);
    let mut host = open(registers, false).unwrap();
    let world = host.world.clone();
    // The region keeps a page of its own when it is reset.
    host.packet.alloc_slice(&[1]).unwrap();
    let taken = leave(world.pool(), 0);
    let shared = world.shared_pages();
    for number in 0..300 {
        host.send_to_guest(&frame(if number % 2 == 0 { 60 } else { 9000 }, number));
        assert_eq!(host.settle(), []);
    }
    assert_eq!(host.counter("rx_no_room"), 300);
    assert_eq!(world.shared_pages(), shared);
    drop(taken);
    host.send_to_guest(&frame(9000, 1));
    assert_eq!(host.settle().len(), 1);
    host.end();
}

#[test]
fn a_guest_of_any_size_works() {
    for pages in [120, 200, PAGES, 3000] {
        let mut host = open_in(pages, Registers::default(), true, None).unwrap();
        for number in 0..1000 {
            host.send_to_guest(&frame(1514, number));
            host.netif.transmit(&frame(1514, number)[..], TxOffload::NONE).unwrap();
            if number % 8 == 7 {
                assert_eq!(host.settle().len(), 8, "{pages}");
                assert_eq!(host.frames_sent().len(), 8, "{pages}");
            }
        }
        host.end();
    }
}
