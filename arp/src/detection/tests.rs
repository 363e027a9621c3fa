use std::{format, vec, vec::Vec};

use ::testkit::with_pool;
use ethernet::{EtherType, EthernetHeader, Neighbours as _};
use layer::{Cidr, Layer as _, Setup, TxOffload};
use rt_regions::Region;
use zerocopy::IntoBytes;

use super::*;
use crate::{AddressInUse, host::*};

const ANNOUNCEMENT: &str = "ff:ff:ff:ff:ff:ff < 10.0.0.2 (02:00:0a:00:00:02) asks for 10.0.0.2";
const PROBE: &str = "ff:ff:ff:ff:ff:ff < 0.0.0.0 (02:00:0a:00:00:02) asks for 10.0.0.2";

const IN_USE: AddressInUse = AddressInUse { address: Ipv4Addr::new(10, 0, 0, 2), by: OTHER };

const START: Instant = Instant::from_millis(1_000_000);

/// Runs `detection` from `now` until nothing is due any more; says when what was sent.
fn run(detection: &mut Detection, mut now: Instant) -> Vec<(Instant, Step)> {
    let mut sent = Vec::new();
    loop {
        while let Some(step) = detection.due(now) {
            sent.push((now, step));
        }
        match detection.next() {
            NEVER => return sent,
            deadline => now = now.max(deadline),
        }
    }
}

/// A host that probes, and has only just been started.
fn with_probing(test: impl FnOnce(&mut Host<'_>)) {
    with_pool(64, |pool| {
        let region = Region::new(pool, "memory");
        let mut host = Host::probing(&region);
        assert_eq!(host.turn(), []);
        test(&mut host);
    });
}

/// A host that has probed for its address and announced it.
fn with_own_address(test: impl FnOnce(&mut Host<'_>)) {
    with_probing(|host| {
        host.passes(10);
        assert!(host.has_address());
        test(host);
    });
}

/// A detection that probes.
fn probing(secret: u128) -> Detection {
    let mut detection = Detection::new(secret, true);
    detection.probe();
    detection
}

#[test]
fn three_probes_go_out_a_random_time_apart_and_then_two_announcements() {
    let mut firsts = Vec::new();
    for secret in 0..200 {
        let mut detection = probing(secret);
        assert!(!detection.is_ours());
        let sent = run(&mut detection, START);
        assert!(detection.is_ours());
        let steps: Vec<_> = sent.iter().map(|&(_, step)| step).collect();
        assert_eq!(steps[..3], [Step::Probe; 3]);
        assert_eq!(steps[3..], [Step::Announce; 2]);
        let waits: Vec<_> = sent.windows(2).map(|pair| pair[1].0.since(pair[0].0)).collect();
        let first = sent[0].0.since(START);
        assert!(first < Duration::from_secs(1));
        for wait in &waits[..2] {
            assert!((Duration::from_secs(1)..Duration::from_secs(2)).contains(wait));
        }
        assert_eq!(waits[2..], [Duration::from_secs(2); 2]);
        firsts.extend([first, waits[0] - PROBE_MIN, waits[1] - PROBE_MIN]);
    }
    // Uniform: a tenth of them in each tenth of a second, more or less.
    for tenth in 0..10 {
        let range = Duration::from_millis(tenth * 100)..Duration::from_millis(tenth * 100 + 100);
        let count = firsts.iter().filter(|wait| range.contains(wait)).count();
        assert!((35..90).contains(&count), "{tenth}: {count}");
    }
}

#[test]
fn without_probing_the_address_is_ours_at_once() {
    let mut detection = Detection::new(7, true);
    assert!(detection.is_ours() && !detection.is_probing());
    let later = START + ANNOUNCE_INTERVAL;
    assert_eq!(run(&mut detection, START), [(START, Step::Announce), (later, Step::Announce)]);
}

#[test]
fn after_ten_conflicts_there_is_one_attempt_a_minute() {
    let mut detection = probing(7);
    let (mut now, mut attempts) = (START, Vec::new());
    for _ in 0..15 {
        assert_eq!(detection.due(now), None);
        attempts.push(now);
        assert_eq!(detection.conflict(now, IN_USE), Verdict::GiveUp);
        assert_eq!(detection.conflict(now, IN_USE), Verdict::NotOurs);
        let until = detection.next();
        assert_eq!(detection.due(Instant::from_nanos(until.as_nanos() - 1)), None);
        now = until;
    }
    let waits: Vec<_> = attempts.windows(2).map(|pair| pair[1].since(pair[0])).collect();
    assert_eq!(waits[..9], [Duration::from_secs(10); 9]);
    assert_eq!(waits[9..], [Duration::from_secs(60); 5]);
    // Another address does not make it forget them.
    detection.restart(true);
    assert_eq!(detection.conflict(now, IN_USE), Verdict::GiveUp);
    assert_eq!(detection.next(), now + RATE_LIMIT_INTERVAL);
}

#[test]
fn a_probe_is_sent_as_it_should_be() {
    with_probing(|host| {
        host.now = host.arp.next_deadline().unwrap();
        host.turn();
        let mut probe = vec![
            0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2, 0, 10, 0, 0, 2, 8, 6, // Ethernet
            0, 1, 8, 0, 6, 4, 0, 1, // Ethernet, IPv4, 6 and 4 bytes, request
            2, 0, 10, 0, 0, 2, 0, 0, 0, 0, // sender, without an address
            0, 0, 0, 0, 0, 0, 10, 0, 0, 2, // target
        ];
        probe.resize(60, 0);
        assert_eq!(host.wire.drain(), [probe]);
    });
}

#[test]
fn until_the_address_is_ours_it_is_neither_used_nor_answered_for() {
    with_probing(|host| {
        let packet = EthernetHeader::new(OURS, PEER, EtherType::IPV4);
        let packet = [packet.as_bytes(), &[0x45; 46]].concat();
        assert_eq!(host.hears(request(PEER, THEM)), [""; 0]);
        assert_eq!(host.sends(THEM, 1), [""; 0]);
        assert_eq!(host.arp.address(), Cidr::UNSPECIFIED);
        let stats = host.stats();
        assert_eq!((stats.no_address_tx, stats.learnt), (1, 0));
        // Other protocols have addresses of their own.
        ethernet::Link::send(
            &mut host.arp,
            host.now,
            ALL,
            EtherType(0x88cc),
            [7; 20],
            TxOffload::NONE,
        )
        .unwrap();
        assert_eq!(host.sent(), ["ff:ff:ff:ff:ff:ff < 0x88cc 7"]);

        let sent = host.passes(10);
        assert_eq!(sent, [PROBE, PROBE, PROBE, ANNOUNCEMENT, ANNOUNCEMENT]);
        assert!(host.has_address());
        assert_eq!((host.stats().probes_tx, host.stats().announcements_tx), (3, 2));
        host.meets();
        host.wire.push(packet);
        assert_eq!(host.turn(), [EtherType::IPV4]);
        // Nobody is asked again as a matter of course.
        assert!(host.passes(3600).iter().all(|sent| sent != PROBE));
    });
}

#[test]
fn whatever_names_our_address_while_we_probe_is_a_conflict() {
    for (name, conflicting) in [
        ("reply", reply(OTHER, US)),
        ("request", frame(ALL, REQUEST, (OTHER, US), (NONE, THEM))),
        ("announcement", announcement(OTHER, US)),
        ("probe", probe(OTHER)),
    ] {
        // Before the first probe, between two, and in the two seconds after the last.
        for seconds in [0, 2, 4] {
            with_probing(|host| {
                host.passes(seconds);
                assert_eq!(host.hears(conflicting.clone()), [""; 0], "{name}");
                assert_eq!((host.stats().conflicts, host.stats().given_up), (1, 1), "{name}");
                assert!(!host.has_address());
                assert_eq!(host.passes(9), [""; 0], "{name}");
                // Then it is tried again.
                let sent = host.passes(10);
                assert_eq!(sent, [PROBE, PROBE, PROBE, ANNOUNCEMENT, ANNOUNCEMENT]);
            });
        }
    }
}

/// A host that probes at the start alone.
fn with_server(test: impl FnOnce(&mut Host<'_>)) {
    with_pool(64, |pool| {
        let region = Region::new(pool, "memory");
        let Host { arp, wire, now, pool } = Host::new(&region);
        let mut host = Host { arp: arp.with_probing_at_start(true), wire, now, pool };
        assert_eq!(host.turn(), []);
        test(&mut host);
    });
}

#[test]
fn a_server_gives_up_where_its_address_is_anothers() {
    for (station, conflicting) in [(OTHER, reply(OTHER, US)), (PEER, probe(PEER))] {
        with_server(|host| {
            assert_eq!(host.ready(), Ok(false));
            host.passes(2);
            host.hears(conflicting.clone());
            let words = format!("the address 10.0.0.2 is in use by the station {station}");
            assert_eq!(host.ready(), Err(words));
        });
    }
}

#[test]
fn a_server_keeps_the_address_that_was_free() {
    with_server(|host| {
        let sent = host.passes(10);
        assert_eq!(sent, [PROBE, PROBE, PROBE, ANNOUNCEMENT, ANNOUNCEMENT]);
        assert_eq!(host.ready(), Ok(true));
        assert_eq!(host.hears(announcement(OTHER, US)), [ANNOUNCEMENT]);
        // Another host would give it up here.
        assert_eq!(host.hears(announcement(OTHER, US)), [""; 0]);
        assert_eq!((host.ready(), host.stats().given_up), (Ok(true), 0));
        assert_eq!(host.hears(request(PEER, THEM)).len(), 1);
    });
    // Without probing it is ours at once, until the layer is told to probe.
    with_pool(64, |pool| {
        let region = Region::new(pool, "memory");
        let mut arp = Host::new(&region).arp.with_probing_at_start(false);
        assert!(matches!(arp.ready(), Ok(true)));
        let mut setup = Setup::default();
        setup.probe_at_start = true;
        arp.configure(&mut setup);
        assert_eq!(setup, Setup::default());
        assert!(matches!(arp.ready(), Ok(false)));
    });
}

/// Some hubs send a station what it sent (RFC 5227, 2.1.1).
#[test]
fn our_own_probe_is_no_conflict() {
    with_probing(|host| {
        host.passes(2);
        let mut echo = probe(OURS);
        // From another station, so that Ethernet does not drop it.
        echo[6..12].copy_from_slice(&OTHER.0);
        assert_eq!(host.hears(echo), [""; 0]);
        assert_eq!((host.stats().conflicts, host.stats().bad_sender), (0, 1));
        // A probe for somebody else's address is nothing to us.
        let other = frame(ALL, REQUEST, (OTHER, [0; 4]), (NONE, [10, 0, 0, 77]));
        host.hears(other);
        assert_eq!(host.stats().conflicts, 0);
    });
}

#[test]
fn probes_for_our_address_are_answered_once_it_is_ours() {
    with_own_address(|host| {
        let sent = host.hears(probe(PEER));
        assert_eq!(sent, ["02:00:0a:00:00:01 < 10.0.0.2 is at 02:00:0a:00:00:02"]);
        assert_eq!(host.stats().conflicts, 0);
    });
}

#[test]
fn who_probes_defends_its_address_once_and_then_gives_it_up() {
    with_own_address(|host| {
        assert_eq!(host.hears(announcement(OTHER, US)), [ANNOUNCEMENT]);
        // Ten seconds later is another matter.
        host.passes(10);
        assert_eq!(host.hears(announcement(OTHER, US)), [ANNOUNCEMENT]);
        host.passes(9);
        host.hears(request(PEER, THEM));
        host.sends([10, 0, 0, 7], 1);
        let free = host.pool.free_pages();
        assert_eq!(host.hears(announcement(OTHER, US)), [""; 0]);
        let stats = host.stats();
        assert_eq!((stats.conflicts, stats.defences, stats.given_up), (3, 2, 1));
        // What waited would have gone out under an address that is another's now.
        assert_eq!((stats.abandoned, host.pool.free_pages()), (1, free + 1));
        assert!(!host.has_address());
        assert_eq!(host.hears(reply(PEER, [10, 0, 0, 7])), [""; 0]);
        assert_eq!(host.hears(request(PEER, THEM)), [""; 0]);
        assert_eq!(host.hears(probe(PEER)), [""; 0]);
        assert_eq!(host.hears(announcement(OTHER, US)), [""; 0]);
        assert_eq!(host.sends(THEM, 1), [""; 0]);
        assert_eq!(host.passes(9), [""; 0]);
        assert_eq!(host.passes(10), [PROBE, PROBE, PROBE, ANNOUNCEMENT, ANNOUNCEMENT]);
        assert_eq!(host.hears(request(PEER, THEM)).len(), 1);
    });
}

#[test]
fn while_the_address_is_anothers_it_is_tried_again_and_again() {
    with_probing(|host| {
        for round in 1..=12 {
            // The other station answers each probe.
            let mut probes = 0;
            while probes == 0 {
                probes = host.passes(1).iter().filter(|sent| *sent == PROBE).count();
            }
            assert_eq!(host.hears(reply(OTHER, US)), [""; 0]);
            assert_eq!(host.stats().given_up, round);
        }
        assert_eq!((host.stats().probes_tx, host.stats().announcements_tx), (12, 0));
        assert_eq!(host.passes(59), [""; 0]);
        assert_eq!(host.passes(10).len(), 5);
    });
}
