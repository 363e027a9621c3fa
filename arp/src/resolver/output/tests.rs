//! What is sent when the cable was out.

use core::time::Duration;

use ::testkit::with_pool;
use layer::Layer as _;
use rt_regions::Region;

use crate::host::*;

const ANNOUNCEMENT: &str = "ff:ff:ff:ff:ff:ff < 10.0.0.2 (02:00:0a:00:00:02) asks for 10.0.0.2";
const PROBE: &str = "ff:ff:ff:ff:ff:ff < 0.0.0.0 (02:00:0a:00:00:02) asks for 10.0.0.2";
const SECOND: Duration = Duration::from_secs(1);

#[derive(Clone, Copy, Debug, PartialEq)]
enum Probing {
    Never,
    AtStart,
    Always,
}

/// A host that begins with the cable out; the interface tells when that changes, and one that does not.
fn unplugged(probing: Probing, test: impl Fn(&mut Host<'_>)) {
    for link_interval in [None, Some(SECOND)] {
        with_pool(64, |pool| {
            let region = Region::new(pool, "memory");
            let mut host = Host::on(&region, link_interval);
            host.arp = match probing {
                Probing::Never => host.arp,
                Probing::AtStart => host.arp.with_probing_at_start(true),
                Probing::Always => host.arp.with_probing(),
            };
            host.wire.set_link(false);
            assert_eq!(host.turn(), []);
            test(&mut host);
        });
    }
}

/// Puts the cable in or takes it out. An interface that tells wakes the host.
fn plug(host: &mut Host<'_>, link_up: bool) {
    host.wire.set_link(link_up);
    if host.arp.link().netif().link_interval.is_none() {
        assert_eq!(host.turn(), []);
    }
}

#[test]
fn silence_on_a_link_that_is_down_is_no_consent() {
    unplugged(Probing::AtStart, |host| {
        assert_eq!(host.lives(60_000), [""; 0]);
        assert_eq!((host.ready(), host.stats().probes_tx), (Ok(false), 0));
        plug(host, true);
        // The first probe may wait for a second.
        assert_eq!(host.lives(2000)[0], PROBE);
        host.hears(reply(OTHER, US));
        assert!(host.ready().is_err());
    });
}

#[test]
fn probing_begins_anew_when_the_link_comes_back() {
    unplugged(Probing::AtStart, |host| {
        plug(host, true);
        // Two probes are out, and the cable is for 1.5 seconds.
        while host.stats().probes_tx < 2 {
            host.lives(100);
        }
        plug(host, false);
        host.lives(1500);
        plug(host, true);
        let back = host.now;
        while host.ready() == Ok(false) {
            host.lives(100);
        }
        assert!(host.now.since(back) >= 4 * SECOND);
        assert_eq!((host.ready(), host.stats().probes_tx), (Ok(true), 5));
    });
}

#[test]
fn an_address_is_announced_when_the_link_comes_and_comes_back() {
    for probing in [Probing::Never, Probing::AtStart] {
        unplugged(probing, |host| {
            host.lives(60_000);
            assert_eq!(host.stats().announcements_tx, 0);
            plug(host, true);
            host.lives(1000);
            host.lives(20_000);
            assert_eq!(host.stats().announcements_tx, 2);
            let probes = host.stats().probes_tx;
            for _ in 0..3 {
                plug(host, false);
                assert_eq!(host.lives(5000), [""; 0]);
                plug(host, true);
                let sent = host.lives(1000);
                assert_eq!(sent, [ANNOUNCEMENT]);
                assert_eq!(host.lives(5000), [ANNOUNCEMENT]);
                assert_eq!(host.ready(), Ok(true));
            }
            // It is kept, not asked for again.
            assert_eq!(host.stats().probes_tx, probes);
        });
    }
}

#[test]
fn who_may_lose_its_address_probes_again_when_the_link_comes_back() {
    unplugged(Probing::Always, |host| {
        plug(host, true);
        host.lives(20_000);
        assert!(host.has_address());
        plug(host, false);
        host.lives(5000);
        plug(host, true);
        let sent = host.lives(20_000);
        assert_eq!(sent, [PROBE, PROBE, PROBE, ANNOUNCEMENT, ANNOUNCEMENT]);
    });
}

#[test]
fn a_host_without_a_link_sleeps() {
    for probing in [Probing::Never, Probing::AtStart, Probing::Always] {
        unplugged(probing, |host| {
            let interval = host.arp.link().netif().link_interval;
            let deadline = interval.map(|interval| host.now + interval);
            assert_eq!(host.arp.next_deadline(), deadline, "{probing:?}");
            // As before, when the cable has been in.
            plug(host, true);
            host.lives(20_000);
            plug(host, false);
            host.lives(1000);
            assert!(host.arp.next_deadline().is_none_or(|next| next > host.now));
            assert_eq!(host.arp.next_deadline().is_some(), interval.is_some());
        });
    }
}
