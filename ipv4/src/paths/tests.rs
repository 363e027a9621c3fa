use std::{vec, vec::Vec};

use layer::KeyedHash;

use super::*;

const fn host(last: u8) -> Ipv4Addr {
    Ipv4Addr::new(10, 0, 9, last)
}

/// A host far away.
fn far(number: u32) -> Ipv4Addr {
    Ipv4Addr::from_bits(0xc000_0000 + number)
}

/// A path that takes packets of `mtu` bytes.
const fn takes(mtu: usize) -> PathMtu {
    PathMtu { mtu, routers_fragment: false }
}

/// A path that takes less than what is sent there.
const LESS: PathMtu = PathMtu { mtu: FLOOR as usize, routers_fragment: true };

/// A path of which nothing is known, while it may be one that was.
const FORGOTTEN: PathMtu = PathMtu { mtu: 1500, routers_fragment: true };

fn with_places(places: usize, test: impl FnOnce(&mut Paths<'_>)) {
    let (hash, mut rows) = (TableHash::new(KeyedHash::new(7)), vec![Row::EMPTY; places]);
    test(&mut Paths::with_rows(hash, &mut rows));
}

fn mtu(paths: &Paths<'_>, now: Instant, destination: Ipv4Addr) -> PathMtu {
    paths.mtu(now, destination, Protocol::UDP, 1500)
}

fn note(paths: &mut Paths<'_>, now: Instant, destination: Ipv4Addr, mtu: usize) -> Noted {
    paths.note(now, destination, Protocol::UDP, mtu)
}

#[test]
fn a_path_is_remembered_for_a_while() {
    with_places(64, |paths| {
        note(paths, Instant::ZERO, host(1), 1400);
        assert_eq!(mtu(paths, Instant::ZERO, host(1)), takes(1400));
        assert_eq!(mtu(paths, Instant::ZERO, host(2)), takes(1500));
        let end = Instant::ZERO + HOLDS;
        assert_eq!(mtu(paths, Instant::from_nanos(end.as_nanos() - 1), host(1)), takes(1400));
        assert_eq!(mtu(paths, end, host(1)), takes(1500));
    });
}

#[test]
fn packets_are_made_for_no_less_than_the_floor() {
    with_places(64, |paths| {
        for (number, (noted, below_floor, known)) in [
            (0, false, takes(1500)),
            (67, false, takes(1500)),
            (553, false, takes(553)),
            (552, false, takes(552)),
            (551, true, LESS),
            (68, true, LESS),
            // What was believed stays, and no longer than before.
            (552, false, LESS),
            (1400, false, LESS),
            (0, false, LESS),
            (1 << 20 | 100, false, LESS),
        ]
        .into_iter()
        .enumerate()
        {
            let expected = Noted { below_floor, displaced: false };
            assert_eq!(note(paths, Instant::ZERO, host(1), noted), expected, "{number}");
            assert_eq!(mtu(paths, Instant::ZERO, host(1)), known, "{number}");
        }
        let end = Instant::ZERO + HOLDS;
        assert_eq!(mtu(paths, end, host(1)), takes(1500));
        assert_eq!(note(paths, end, host(1), 552), Noted::default());
        assert_eq!(mtu(paths, end, host(1)), takes(552));
    });
}

#[test]
fn a_path_never_grows_before_its_time_is_over() {
    with_places(64, |paths| {
        note(paths, Instant::ZERO, host(1), 1000);
        let later = Instant::from_millis(300_000);
        note(paths, later, host(1), 1400);
        assert_eq!(mtu(paths, later, host(1)), takes(1000));
        let end = Instant::ZERO + HOLDS;
        assert_eq!(mtu(paths, end, host(1)), takes(1500), "nor does it hold longer");
        note(paths, later, host(1), 600);
        note(paths, later + HOLDS, host(1), 1400);
        assert_eq!(mtu(paths, later + HOLDS, host(1)), takes(1400));
    });
}

#[test]
fn a_link_that_takes_less_counts() {
    with_places(64, |paths| {
        let mtu = |paths: &Paths<'_>, link| paths.mtu(Instant::ZERO, host(1), Protocol::UDP, link);
        assert_eq!(mtu(paths, 1500), takes(1500));
        note(paths, Instant::ZERO, host(1), 1400);
        assert_eq!((mtu(paths, 1500), mtu(paths, 1000)), (takes(1400), takes(1000)));
        note(paths, Instant::ZERO, host(1), 68);
        assert_eq!(mtu(paths, 1500), LESS);
        assert_eq!(mtu(paths, 300), PathMtu { mtu: 300, routers_fragment: true });
    });
}

/// As many paths as there are hosts: each is known, or routers may fragment what goes there.
#[test]
fn no_path_is_forgotten_without_consequence() {
    for (places, hosts) in [(64, 17), (64, 64), (64, 10_000), (4096, 4096), (4096, 10_000)] {
        with_places(places, |paths| {
            let displaced = (0..hosts)
                .filter(|&number| note(paths, Instant::ZERO, far(number), 1400).displaced)
                .count();
            let seen: Vec<_> =
                (0..hosts).map(|number| mtu(paths, Instant::ZERO, far(number))).collect();
            assert!(seen.iter().all(|&path| path == takes(1400) || path == FORGOTTEN));
            let known = seen.iter().filter(|&&path| path == takes(1400)).count();
            assert_eq!((known, known <= places), (hosts as usize - displaced, true));
            // Of one host nothing was ever said.
            let other = if displaced > 0 { FORGOTTEN } else { takes(1500) };
            assert_eq!(mtu(paths, Instant::ZERO, host(1)), other);
            let end = Instant::ZERO + HOLDS;
            assert_eq!(mtu(paths, end, host(1)), takes(1500), "for as long as they would have");
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
        assert_eq!(mtu(paths, second(10), host(1)), takes(1500));
        assert!(note(paths, second(10), far(100), 1400).displaced);
        assert_eq!(mtu(paths, second(10), far(0)), FORGOTTEN);
        assert!((1..WAYS as u32).all(|number| mtu(paths, second(10), far(number)) == takes(1400)));
        // Others are still known then.
        assert_eq!(mtu(paths, second(599), host(1)), FORGOTTEN);
        assert_eq!(mtu(paths, second(600), host(1)), takes(1500));
        assert_eq!(mtu(paths, second(600), far(1)), takes(1400));
        // Where a time is over, nobody gives way.
        assert!(!note(paths, second(601), far(101), 1400).displaced);
    });
}

#[test]
fn without_places_nothing_is_known() {
    with_places(0, |paths| {
        assert_eq!(note(paths, Instant::ZERO, host(1), 1000), Noted::default());
        assert_eq!(mtu(paths, Instant::ZERO, host(1)), takes(1500));
    });
}

/// What anybody can forge of UDP is not believed of TCP, and takes no place away from it; nor the other way round.
#[test]
fn tcp_has_paths_of_its_own() {
    with_places(64, |paths| {
        let seen = |paths: &Paths<'_>, host: Ipv4Addr| {
            [Protocol::UDP, Protocol::ICMP, Protocol::TCP]
                .map(|protocol| paths.mtu(Instant::ZERO, host, protocol, 1500).mtu)
        };
        paths.note(Instant::ZERO, host(1), Protocol::UDP, 600);
        assert_eq!(seen(paths, host(1)), [600, 600, 1500]);
        paths.note(Instant::ZERO, host(1), Protocol::TCP, 1400);
        assert_eq!(seen(paths, host(1)), [600, 600, 1400]);
        paths.note(Instant::ZERO, host(2), Protocol::TCP, 700);
        assert_eq!(seen(paths, host(2)), [1500, 1500, 700]);
        for number in 0..10_000 {
            paths.note(Instant::ZERO, far(number), Protocol::UDP, 600);
        }
        assert_eq!([seen(paths, host(1))[2], seen(paths, host(2))[2]], [1400, 700]);
    });
}
