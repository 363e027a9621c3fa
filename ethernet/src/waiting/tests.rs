use std::{vec, vec::Vec};

use ::testkit::with_pool;

use super::*;

const NOW: Instant = Instant::from_millis(1);

fn host(last: u8) -> Ipv4Addr {
    Ipv4Addr::new(10, 0, 0, last)
}

/// Runs `test` on empty queues over a pool of `pages` pages.
fn with_waiting(pages: usize, test: impl FnOnce(&mut Waiting<'_, Ipv4Addr>, &Pool<'_>)) {
    with_pool(pages, |pool| {
        let mut waiting = Waiting::new(Some(pool));
        test(&mut waiting, pool);
        waiting.clear();
        assert_eq!(pool.free_pages(), pool.pages());
    });
}

/// The first bytes of the packets that wait for `address`.
fn first_bytes(waiting: &mut Waiting<'_, Ipv4Addr>, address: Ipv4Addr) -> Vec<u8> {
    let queue = waiting.take(address);
    queue.map_or(vec![], |queue| packets(&queue).map(|(_, packet, _)| packet[0]).collect())
}

#[test]
fn a_datagram_of_65507_bytes_waits_whole_at_any_mtu() {
    with_waiting(64, |waiting, _| {
        for mtu in (68..=9000).step_by(4).chain([65_535]) {
            let fragment = (mtu - 20) / 8 * 8;
            let (mut left, mut count) = (65_507 + 8, 0);
            while left > 0 {
                let length = left.min(fragment);
                let packet = vec![count as u8; 20 + length];
                let dropped =
                    waiting.keep(NOW, host(1), EtherType::IPV4, &&packet[..], TxOffload::NONE);
                assert_eq!(dropped, 0, "MTU {mtu}, fragment {count}");
                (left, count) = (left - length, count + 1);
            }
            let queue = waiting.take(host(1)).unwrap();
            assert!(packets(&queue).enumerate().all(|(number, (_, p, _))| p[0] == number as u8));
            assert_eq!(queue.iter().count(), count);
            if mtu == 1500 {
                assert_eq!(count, 45);
            }
        }
    });
}

#[test]
fn packets_keep_their_order_and_their_ethertype() {
    with_waiting(64, |waiting, _| {
        for (ethertype, byte) in [(EtherType::IPV4, 1), (EtherType(0x88cc), 2)] {
            assert_eq!(
                waiting.keep(NOW, host(1), ethertype, &([byte], [0; 20]), TxOffload::NONE),
                0
            );
        }
        assert_eq!(waiting.keep(NOW, host(2), EtherType::IPV4, &[3; 20], TxOffload::NONE), 0);
        let queue = waiting.take(host(1)).unwrap();
        let seen: Vec<_> =
            packets(&queue).map(|(number, packet, _)| (number.0, packet[0])).collect();
        assert_eq!(seen, [(0x0800, 1), (0x88cc, 2)]);
        assert!(waiting.take(host(1)).is_none());
        assert_eq!(waiting.discard(host(2)), 1);
    });
}

#[test]
fn what_was_left_undone_in_a_packet_is_kept_with_it() {
    with_waiting(64, |waiting, _| {
        let checksum = Some(PartialChecksum { start: 20, ..PartialChecksum::UDP });
        let segment_size = NonZeroU16::new(1480);
        let offloads = [
            TxOffload::NONE,
            TxOffload { checksum, segment_size: None },
            TxOffload { checksum: None, segment_size },
            TxOffload { checksum, segment_size },
        ];
        for (byte, offload) in (0..).zip(offloads) {
            assert_eq!(waiting.keep(NOW, host(1), EtherType::IPV4, &[byte; 20], offload), 0);
        }
        let queue = waiting.take(host(1)).unwrap();
        let seen: Vec<_> =
            packets(&queue).map(|(_, packet, offload)| (packet[0], offload)).collect();
        assert_eq!(seen, (0..).zip(offloads).collect::<Vec<_>>());
    });
}

#[test]
fn a_full_queue_keeps_what_it_has() {
    with_waiting(1024, |waiting, _| {
        let dropped: Vec<_> = (0..200u8)
            .map(|byte| waiting.keep(NOW, host(1), EtherType::IPV4, &[byte; 1500], TxOffload::NONE))
            .collect();
        let kept = dropped.iter().filter(|&&dropped| dropped == 0).count();
        assert!(kept * 1500 <= MAX_WAITING_BYTES && kept >= 45, "{kept}");
        assert!(dropped[..kept].iter().all(|&dropped| dropped == 0));
        let expected: Vec<_> = (0..kept as u8).collect();
        assert_eq!(first_bytes(waiting, host(1)), expected);
    });
}

#[test]
fn the_neighbour_that_has_waited_longest_makes_room() {
    with_waiting(1024, |waiting, _| {
        for last in 0..MAX_WAITING as u8 {
            let now = NOW + core::time::Duration::from_secs(last.into());
            assert_eq!(
                waiting.keep(now, host(last), EtherType::IPV4, &[last; 20], TxOffload::NONE),
                0
            );
            assert_eq!(
                waiting.keep(now, host(last), EtherType::IPV4, &[last; 20], TxOffload::NONE),
                0
            );
        }
        let now = NOW + core::time::Duration::from_secs(99);
        assert_eq!(waiting.keep(now, host(100), EtherType::IPV4, &[9; 20], TxOffload::NONE), 2);
        assert_eq!(first_bytes(waiting, host(0)), []);
        assert_eq!(first_bytes(waiting, host(1)), [1, 1]);
        assert_eq!(first_bytes(waiting, host(100)), [9]);
    });
}

#[test]
fn all_queues_together_take_an_eighth_of_the_pool() {
    with_waiting(512, |waiting, pool| {
        let (mut kept, mut dropped) = (0, 0);
        for round in 0..3000u64 {
            let now = NOW + core::time::Duration::from_millis(round);
            dropped += waiting.keep(
                now,
                host((round / 40) as u8),
                EtherType::IPV4,
                &[7; 1500],
                TxOffload::NONE,
            );
            kept += 1;
            assert!(pool.pages() - pool.free_pages() <= pool.pages() / 8);
        }
        assert_eq!(kept - dropped, waiting.clear());
        assert!(dropped > 2000);
    });
}

#[test]
fn a_packet_that_can_never_fit_drops_no_other() {
    with_waiting(256, |waiting, _| {
        assert_eq!(waiting.keep(NOW, host(1), EtherType::IPV4, &[1; 20], TxOffload::NONE), 0);
        let large = vec![2; MAX_WAITING_BYTES + 1];
        for last in [1, 2] {
            assert_eq!(
                waiting.keep(NOW, host(last), EtherType::IPV4, &&large[..], TxOffload::NONE),
                1
            );
        }
        assert_eq!(first_bytes(waiting, host(1)), [1]);
    });
}

#[test]
fn an_empty_pool_drops_packets_and_leaves_nothing_behind() {
    with_waiting(4, |waiting, pool| {
        let others = Region::new(pool, "others");
        for _ in 0..pool.free_pages() - 1 {
            others.alloc([0u8; PAGE_SIZE]).unwrap();
        }
        // One page holds the queue, and not the packet.
        assert_eq!(waiting.keep(NOW, host(1), EtherType::IPV4, &[1; 4000], TxOffload::NONE), 0);
        assert_eq!(waiting.keep(NOW, host(1), EtherType::IPV4, &[2; 4000], TxOffload::NONE), 1);
        assert_eq!(waiting.discard(host(1)), 1);
        assert_eq!(waiting.keep(NOW, host(1), EtherType::IPV4, &[1; 4090], TxOffload::NONE), 1);
        assert_eq!(pool.free_pages(), 1);
    });
}

#[test]
fn without_a_pool_nothing_waits() {
    let mut waiting = Waiting::<Ipv4Addr>::new(None);
    assert_eq!(waiting.keep(NOW, host(1), EtherType::IPV4, &[1; 20], TxOffload::NONE), 1);
    assert_eq!(waiting.clear(), 0);
}
