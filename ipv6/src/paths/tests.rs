use std::{vec, vec::Vec};

use layer::KeyedHash;

use super::*;

const fn host(last: u16) -> Ipv6Addr {
    Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 9, last)
}

/// A host far away.
fn far(number: u32) -> Ipv6Addr {
    Ipv6Addr::from_bits(0x2001_0db8_ffff << 80 | u128::from(number))
}

/// What is sent to a host without an entry, while it may be one that had one.
const FORGOTTEN: usize = IPV6_MIN_MTU;

fn with_places(places: usize, test: impl FnOnce(&mut Paths<'_>)) {
    let (hash, mut rows) = (TableHash::new(KeyedHash::new(7)), vec![Row::EMPTY; places]);
    test(&mut Paths::with_rows(hash, &mut rows));
}

fn mtu(paths: &Paths<'_>, now: Instant, destination: Ipv6Addr) -> usize {
    paths.mtu(now, destination, Protocol::UDP, 1500)
}

fn note(paths: &mut Paths<'_>, now: Instant, destination: Ipv6Addr, mtu: usize) -> Noted {
    paths.note(now, destination, Protocol::UDP, mtu)
}

/// RFC 8201 4: an increase is not tried within 5 minutes; here within 10.
#[test]
fn a_path_is_remembered_for_a_while() {
    with_places(64, |paths| {
        note(paths, Instant::ZERO, host(1), 1400);
        assert_eq!(mtu(paths, Instant::ZERO, host(1)), 1400);
        assert_eq!(mtu(paths, Instant::ZERO, host(2)), 1500);
        let end = Instant::ZERO + HOLDS;
        assert_eq!(mtu(paths, Instant::from_nanos(end.as_nanos() - 1), host(1)), 1400);
        assert_eq!(mtu(paths, end, host(1)), 1500);
    });
}

/// RFC 8201 4: a report below the smallest MTU of a link is discarded.
#[test]
fn less_than_1_280_bytes_is_not_believed() {
    with_places(64, |paths| {
        for (number, (noted, too_small, known)) in [
            (0, true, 1500),
            (1279, true, 1500),
            (1400, false, 1400),
            (1279, true, 1400),
            (1280, false, 1280),
            // What was believed stays, and no longer than before.
            (1400, false, 1280),
            (1 << 20 | 100, false, 1280),
        ]
        .into_iter()
        .enumerate()
        {
            let expected = Noted { too_small, displaced: false };
            assert_eq!(note(paths, Instant::ZERO, host(1), noted), expected, "{number}");
            assert_eq!(mtu(paths, Instant::ZERO, host(1)), known, "{number}");
        }
        assert_eq!(mtu(paths, Instant::ZERO + HOLDS, host(1)), 1500);
    });
}

#[test]
fn a_path_never_grows_before_its_time_is_over() {
    with_places(64, |paths| {
        note(paths, Instant::ZERO, host(1), 1300);
        let later = Instant::from_millis(300_000);
        note(paths, later, host(1), 1400);
        assert_eq!(mtu(paths, later, host(1)), 1300);
        let end = Instant::ZERO + HOLDS;
        assert_eq!(mtu(paths, end, host(1)), 1500, "nor does it hold longer");
        note(paths, later, host(1), 1290);
        note(paths, later + HOLDS, host(1), 1400);
        assert_eq!(mtu(paths, later + HOLDS, host(1)), 1400);
    });
}

#[test]
fn a_link_that_takes_less_counts() {
    with_places(64, |paths| {
        note(paths, Instant::ZERO, host(1), 1400);
        assert_eq!(paths.mtu(Instant::ZERO, host(1), Protocol::UDP, 1350), 1350);
    });
}

/// As many paths as there are hosts: each is known, or what goes there fits every link.
#[test]
fn no_path_is_forgotten_without_consequence() {
    for (places, hosts) in [(32, 9), (64, 64), (64, 10_000), (2048, 2048), (2048, 10_000)] {
        with_places(places, |paths| {
            let displaced = (0..hosts)
                .filter(|&number| note(paths, Instant::ZERO, far(number), 1400).displaced)
                .count();
            let seen: Vec<_> =
                (0..hosts).map(|number| mtu(paths, Instant::ZERO, far(number))).collect();
            assert!(seen.iter().all(|&path| path == 1400 || path == FORGOTTEN));
            let known = seen.iter().filter(|&&path| path == 1400).count();
            assert_eq!((known, known <= places), (hosts as usize - displaced, true));
            // Of one host nothing was ever said.
            let other = if displaced > 0 { FORGOTTEN } else { 1500 };
            assert_eq!(mtu(paths, Instant::ZERO, host(1)), other);
            let of_tcp = paths.mtu(Instant::ZERO, host(1), Protocol::TCP, 1500);
            assert_eq!(of_tcp, 1500, "what others displace does not slow TCP down");
            let end = Instant::ZERO + HOLDS;
            assert_eq!(mtu(paths, end, host(1)), 1500, "for as long as they would have");
        });
    }
}

#[test]
fn what_gives_way_is_over_first_and_its_consequence_ends_with_it() {
    with_places(2 * WAYS, |paths| {
        let second = |number: u32| Instant::from_millis(u64::from(number) * 1000);
        for number in 0..WAYS as u32 {
            assert!(!note(paths, second(number), far(number), 1400).displaced);
        }
        assert_eq!(mtu(paths, second(10), host(1)), 1500);
        assert!(note(paths, second(10), far(100), 1400).displaced);
        assert_eq!(mtu(paths, second(10), far(0)), FORGOTTEN);
        assert!((1..WAYS as u32).all(|number| mtu(paths, second(10), far(number)) == 1400));
        assert_eq!(mtu(paths, second(599), host(1)), FORGOTTEN);
        assert_eq!(mtu(paths, second(600), host(1)), 1500);
        // Where a time is over, nobody gives way.
        assert!(!note(paths, second(601), far(101), 1400).displaced);
    });
}

#[test]
fn without_places_nothing_is_known() {
    with_places(0, |paths| {
        assert_eq!(note(paths, Instant::ZERO, host(1), 1300), Noted::default());
        assert_eq!(mtu(paths, Instant::ZERO, host(1)), 1500);
    });
}

/// What anybody can forge of UDP is not believed of TCP, and takes no place away from it; nor the other way round.
#[test]
fn tcp_has_paths_of_its_own() {
    with_places(64, |paths| {
        let seen = |paths: &Paths<'_>, host: Ipv6Addr| {
            [Protocol::UDP, Protocol::ICMPV6, Protocol::TCP]
                .map(|protocol| paths.mtu(Instant::ZERO, host, protocol, 1500))
        };
        paths.note(Instant::ZERO, host(1), Protocol::UDP, 1300);
        assert_eq!(seen(paths, host(1)), [1300, 1300, 1500]);
        paths.note(Instant::ZERO, host(1), Protocol::TCP, 1400);
        assert_eq!(seen(paths, host(1)), [1300, 1300, 1400]);
        paths.note(Instant::ZERO, host(2), Protocol::TCP, 1350);
        assert_eq!(seen(paths, host(2)), [1500, 1500, 1350]);
        for number in 0..10_000 {
            paths.note(Instant::ZERO, far(number), Protocol::UDP, 1300);
        }
        assert_eq!([seen(paths, host(1))[2], seen(paths, host(2))[2]], [1400, 1350]);
    });
}

/// Addresses that differ in one bit, wherever it is, are spread over the sets: a network of neighbours does not share one.
#[test]
fn hosts_of_one_network_are_spread_over_the_table() {
    with_places(2048, |paths| {
        let sets: std::collections::HashSet<usize> = (0..128)
            .map(|bit| Ipv6Addr::from_bits(host(1).to_bits() ^ 1 << bit))
            .map(|address| paths.find(address, Protocol::UDP) / WAYS)
            .collect();
        // 128 addresses in 128 sets: chance fills about 81.
        assert!(sets.len() > 60, "{}", sets.len());
    });
}
