//! Redirects (RFC 4861 8). picoTCP #269 to #274 believe too much of them.

use super::*;
use crate::MAX_REDIRECTS;

/// A host whose first hop to other links is the router.
fn with_router(test: impl FnOnce(&mut Host<'_>)) {
    with_host(|host| {
        host.hears(&advertises(ROUTER, GATE, 1800, &[]));
        assert_eq!(host.sends(FAR, 1), [carries(ROUTER, 1)]);
        host.hears(&says(ROUTER, GATE, ip(US), R | S | O));
        test(host);
    });
}

/// RFC 4861 8.3 (v6LC.2.3.4).
#[test]
fn a_redirect_leads_a_destination_to_another_router() {
    with_router(|host| {
        let mut sends = redirects(GATE, ip(US), "fe80::fd", FAR);
        sends.message.extend(link(2, OTHER));
        assert_eq!(host.hears(&sends), [""; 0]);
        assert_eq!(host.sends(FAR, 2), [carries(OTHER, 2)]);
        assert_eq!(host.sends("2001:db8:ffff::2", 2), [carries(ROUTER, 2)], "that one alone");
        // The other router is none any more.
        host.hears(&says(OTHER, "fe80::fd", ip(US), S | O));
        assert_eq!(host.sends(FAR, 3), [carries(ROUTER, 3)]);
    });
}

/// RFC 4861 8.3 (v6LC.2.3.1): the destination is a neighbour. Without its link-layer address it is asked for.
#[test]
fn a_redirect_says_that_a_destination_is_on_the_link() {
    with_router(|host| {
        assert_eq!(host.hears(&redirects(GATE, ip(US), FAR, FAR)), [""; 0]);
        let local = format!("{}", host.link_local());
        assert_eq!(host.sends(FAR, 2), [solicits(&local, FAR)]);
        assert_eq!(host.hears(&says(OTHER, FAR, ip(US), S | O)), [carries(OTHER, 2)]);
        // RFC 4861 7.3.3: one that does not answer any more goes by way of the router again.
        host.lives(60_000);
        assert_eq!(host.sends(FAR, 3), [carries(OTHER, 3)]);
        host.lives(9000);
        assert_eq!(host.sends(FAR, 4), [carries(ROUTER, 4)]);
    });
}

/// RFC 4861 8.1: only the present first hop redirects (v6LC.2.3.2, 2.3.3).
#[test]
fn a_redirect_of_another_station_is_not_believed() {
    with_router(|host| {
        for (source, destination) in [
            // Not a router; the router, for a neighbour; for ourselves.
            ("fe80::9", FAR),
            (GATE, THEM),
            (GATE, US),
        ] {
            let mut sends = redirects(source, ip(US), "fe80::fd", destination);
            sends.message.extend(link(2, OTHER));
            assert_eq!(host.hears(&sends), [""; 0]);
        }
        let mut to_us = redirects(GATE, ip(US), US, US);
        to_us.message.extend(link(2, OTHER));
        host.hears(&to_us);
        // By way of ourselves.
        let local = format!("{}", host.link_local());
        host.hears(&redirects(GATE, ip(US), &local, FAR));
        assert_eq!((host.stats().bad_redirects, host.stats().learnt), (5, 1));
        assert_eq!(host.sends(FAR, 2), [carries(ROUTER, 2)]);
        // From another link.
        let sends = Sends { hop_limit: 254, ..redirects(GATE, ip(US), "fe80::fd", FAR) };
        host.hears(&sends);
        assert_eq!((host.stats().forwarded, host.stats().redirects_rx), (1, 5));
        // After a redirect the former router is not the first hop any more, and the new one is.
        host.hears(&redirects(GATE, ip(US), "fe80::fd", FAR));
        host.hears(&redirects(GATE, ip(US), "fe80::fc", FAR));
        assert_eq!(host.stats().bad_redirects, 6);
        host.hears(&redirects("fe80::fd", ip(US), "fe80::fc", FAR));
        assert_eq!(host.stats().bad_redirects, 6);
    });
}

/// RFC 4861 6.3.5: what a router said of others ends with it.
#[test]
fn redirects_by_way_of_a_router_end_with_it() {
    with_router(|host| {
        host.hears(&advertises(OTHER, "fe80::fd", 60, &[]));
        host.hears(&redirects(GATE, ip(US), "fe80::fd", FAR));
        assert_eq!(host.sends(FAR, 2), [carries(OTHER, 2)]);
        host.hears(&says(OTHER, "fe80::fd", ip(US), R | S | O));
        host.lives(61_000);
        assert_eq!(host.sends(FAR, 3), [carries(ROUTER, 3)]);
    });
}

#[test]
fn a_flood_of_redirects_is_bounded() {
    with_router(|host| {
        for number in 1..=1000 {
            let destination = format!("2001:db8:ffff::{number:x}");
            let mut sends = redirects(GATE, ip(US), "fe80::fd", &destination);
            sends.message.extend(link(2, OTHER));
            assert_eq!(host.hears(&sends), [""; 0]);
        }
        // The last ones are known.
        for (number, mac) in
            [(1000, OTHER), (1001 - MAX_REDIRECTS, OTHER), (1000 - MAX_REDIRECTS, ROUTER)]
        {
            let destination = format!("2001:db8:ffff::{number:x}");
            assert_eq!(host.sends(&destination, 2), [carries(mac, 2)], "{number}");
        }
    });
}
