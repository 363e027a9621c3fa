//! A whole host, from Ethernet to UDP, on literal packets: what it answers, and what it does not.

#![forbid(unsafe_code)]

use std::time::Duration;

use layer::{Instant, Layer};
use rt_regions::Region;
use testkit::with_pool;

#[path = "host/support.rs"]
mod support;

use support::{
    ALL, Host, ICMP, OUR_MAC, TO_ECHO, TO_NOBODY, UDP, error, icmp, ip, ip_with, sent, with_host,
};

#[test]
fn errors_quote_the_packet_as_it_came() {
    with_host(|host| {
        let datagram = ip(UDP, &[], &TO_NOBODY);
        assert_eq!(host.answer(&datagram), error([3, 3, 0, 0, 0, 0, 0, 0], &datagram));
        let sctp = ip(132, &[], b"nobody speaks this");
        assert_eq!(host.answer(&sctp), error([3, 2, 0, 0, 0, 0, 0, 0], &sctp));
        // With its options, and without what Ethernet filled up.
        let alert = ip(UDP, &[148, 4, 0, 0], &TO_NOBODY);
        let padded = [&alert[..], &[0xee; 9]].concat();
        assert_eq!(host.answer(&padded), error([3, 3, 0, 0, 0, 0, 0, 0], &alert));
    });
}

#[test]
fn an_impossible_option_is_a_parameter_problem() {
    with_host(|host| {
        let packet = ip(UDP, &[1, 7, 40, 4], &TO_ECHO);
        assert_eq!(host.answer(&packet), error([12, 0, 0, 0, 22, 0, 0, 0], &packet));
        assert_eq!(host.host.counter("ipv4", "bad_options"), 1);
        assert_eq!(host.host.counter("udp", "datagrams_rx"), 0);
    });
}

#[test]
fn a_source_route_that_goes_on_fails_and_one_that_ends_is_served() {
    with_host(|host| {
        let on = ip(UDP, &[131, 7, 4, 10, 0, 0, 9, 0], &TO_ECHO);
        assert_eq!(host.answer(&on), error([3, 5, 0, 0, 0, 0, 0, 0], &on));
        let ended = ip(UDP, &[131, 7, 8, 10, 0, 0, 9, 0], &TO_ECHO);
        let reply = host.answer(&ended);
        // By the ordinary route: the reply has no options.
        assert_eq!((reply[0], &reply[28..]), (0x45, &b"hello"[..]));
        // No error about an error.
        let message = icmp([3, 3, 0, 0, 0, 0, 0, 0], &sent(UDP, &TO_ECHO));
        let error_on = ip(ICMP, &[131, 7, 4, 10, 0, 0, 9, 0], &message);
        assert_eq!(host.hears(OUR_MAC, &error_on), [[0; 0]; 0]);
    });
}

#[test]
fn no_error_is_sent_about_what_was_not_sent_to_us_alone() {
    with_host(|host| {
        let packet = ip(UDP, &[], &TO_NOBODY);
        assert_eq!(host.hears(ALL, &packet), [[0; 0]; 0], "a broadcast of the link");
        for (name, destination) in
            [("limited", [255; 4]), ("of the network", [10, 0, 0, 255]), ("group", [224, 0, 0, 1])]
        {
            for (protocol, options) in [(UDP, &[][..]), (132, &[]), (UDP, &[7, 0, 0, 0])] {
                let packet = ip_with(protocol, options, &TO_NOBODY, |header| {
                    header[16..20].copy_from_slice(&destination);
                });
                let mac = if destination[0] == 224 { [1, 0, 0x5e, 0, 0, 1] } else { ALL };
                assert_eq!(host.hears(mac, &packet), [[0; 0]; 0], "{name} {options:?}");
            }
        }
        for source in
            [[0; 4], [127, 0, 0, 1], [255; 4], [10, 0, 0, 255], [224, 0, 0, 1], [240, 0, 0, 1]]
        {
            let packet = ip_with(UDP, &[], &TO_NOBODY, |header| {
                header[12..16].copy_from_slice(&source);
            });
            assert_eq!(host.hears(OUR_MAC, &packet), [[0; 0]; 0], "{source:?}");
        }
        let later = ip_with(UDP, &[7, 0, 0, 0], &TO_NOBODY, |header| header[7] = 1);
        assert_eq!(host.hears(OUR_MAC, &later), [[0; 0]; 0], "a fragment other than the first");
        assert_eq!(host.host.counter("icmp", "errors_tx"), 0);
    });
}

#[test]
fn a_fragment_that_stays_alone_is_told_of() {
    with_host(|host| {
        let first = ip_with(UDP, &[], &[7; 16], |header| header[6] = 0x20);
        assert_eq!(host.hears(OUR_MAC, &first), [[0; 0]; 0]);
        assert_eq!(
            host.passes(Duration::from_secs(30)),
            [error([11, 1, 0, 0, 0, 0, 0, 0], &first[..28])]
        );
        let later = ip_with(UDP, &[], &[7; 16], |header| header[7] = 2);
        assert_eq!(host.hears(OUR_MAC, &later), [[0; 0]; 0]);
        assert_eq!(host.passes(Duration::from_secs(30)), [[0; 0]; 0]);
    });
}

#[test]
fn an_echo_request_comes_back() {
    with_host(|host| {
        let request = icmp([8, 0, 0, 0, 0x12, 0x34, 0, 1], b"ping!");
        let reply = sent(ICMP, &icmp([0, 0, 0, 0, 0x12, 0x34, 0, 1], b"ping!"));
        assert_eq!(host.answer(&ip(ICMP, &[], &request)), reply);
        // With TTL 1, and with options, which are not sent back.
        let far = ip_with(ICMP, &[7, 7, 8, 10, 0, 0, 9, 0], &request, |header| header[8] = 1);
        assert_eq!(host.answer(&far), reply);
        let all = ip_with(ICMP, &[], &request, |header| header[16..20].fill(255));
        assert_eq!(host.hears(ALL, &all), [[0; 0]; 0]);
    });
}

/// Source quench, redirect, router advertisement, timestamp, information and address mask requests, a
/// type that nobody has.
#[test]
fn what_icmp_does_not_do_here_is_not_answered() {
    with_host(|host| {
        let ours = sent(UDP, &TO_ECHO);
        for message_type in [4, 5, 9, 10, 13, 15, 17, 42, 255] {
            let message = icmp([message_type, 0, 0, 0, 10, 0, 0, 9], &ours);
            assert_eq!(host.hears(OUR_MAC, &ip(ICMP, &[], &message)), [[0; 0]; 0]);
        }
        // The redirect changed nothing: the reply goes the way it went before.
        assert_eq!(host.answer(&ip(UDP, &[], &TO_ECHO))[28..], *b"hello");
    });
}

/// Net, host and source route unreachable may pass (RFC 1122 3.2.2.1); the others are forged as easily.
#[test]
fn an_unreachable_is_a_hint_and_stops_nothing() {
    with_host(|host| {
        let request = ip(UDP, &[], &TO_ECHO);
        let reply = host.answer(&request);
        for code in [0, 1, 2, 3, 5, 13] {
            let message = icmp([3, code, 0, 0, 0, 0, 0, 0], &reply[..28]);
            assert_eq!(host.hears(OUR_MAC, &ip(ICMP, &[], &message)), [[0; 0]; 0]);
            assert_eq!(host.answer(&request), reply);
        }
        assert_eq!(host.host.counter("udp", "icmp_errors"), 6);
    });
}

#[test]
fn the_path_only_ever_gets_smaller() {
    with_host(|host| {
        let datagram = [&[0x13, 0x88, 0x1f, 0x90, 3, 0xf0, 0, 0][..], &[7; 1000]].concat();
        let request = ip(UDP, &[], &datagram);
        let whole = host.answer(&request);
        assert_eq!(whole[6..8], [0x40, 0]);
        for (mtu, pieces) in [(600u16, 2), (1400, 2), (67, 2), (300, 2), (600, 2)] {
            let [high, low] = mtu.to_be_bytes();
            let too_big = icmp([3, 4, 0, 0, 0, 0, high, low], &whole[..28]);
            assert_eq!(host.hears(OUR_MAC, &ip(ICMP, &[], &too_big)), [[0; 0]; 0]);
            let sent = host.hears(OUR_MAC, &request);
            assert_eq!(sent.len(), pieces, "MTU {mtu}");
            assert!(sent.iter().all(|piece| piece.len() <= 600 && piece[6] & 0x40 == 0));
        }
        // Below 552 a router may make the pieces: DF is clear in what goes whole, too.
        assert_eq!(host.answer(&ip(UDP, &[], &TO_ECHO))[6..8], [0, 0]);
        assert_eq!(host.host.counter("ipv4", "small_mtus"), 1);
        host.host.clock().advance(Duration::from_secs(600));
        assert_eq!(host.hears(OUR_MAC, &request).len(), 1);
    });
}

/// RFC 1191 3: what nobody here can have sent says nothing of a path.
#[test]
fn a_path_mtu_is_believed_of_what_was_sent_alone() {
    with_host(|host| {
        let datagram = [&[0x13, 0x88, 0x1f, 0x90, 3, 0xf0, 0, 0][..], &[7; 1000]].concat();
        let request = ip(UDP, &[], &datagram);
        let whole = host.answer(&request);
        let with = |at: usize, byte: u8| {
            let mut quote = whole[..28].to_vec();
            quote[at] = byte;
            quote
        };
        for (name, quote, mtu) in [
            ("of a protocol that is not spoken", with(9, 6), 600),
            ("of a ping", with(9, ICMP), 600),
            ("of a port that is not bound", with(21, 0x91), 600),
            ("of a packet without DF", with(6, 0), 600),
            ("of a packet that fits", whole[..28].to_vec(), 1028),
            ("of a packet of another", with(15, 9), 600),
        ] {
            let [high, low] = u16::to_be_bytes(mtu);
            let too_big = icmp([3, 4, 0, 0, 0, 0, high, low], &quote);
            assert_eq!(host.hears(OUR_MAC, &ip(ICMP, &[], &too_big)), [[0; 0]; 0]);
            assert_eq!(host.answer(&request), whole, "{name}");
        }
        assert_eq!(host.host.counter("icmp", "unwanted_errors"), 2);
        assert_eq!(host.host.counter("icmp", "bad_mtus"), 2);
        assert_eq!(host.host.counter("icmp", "errors_not_ours"), 1);
        assert_eq!(host.host.counter("udp", "paths_unconfirmed"), 1);
    });
}

/// A router with a link of 1,400 bytes: what does not fit and may be fragmented passes in pieces, and of what
/// may not its sender is told. Says whether the packet arrives.
fn passes_router(host: &mut Host<'_>, packet: &[u8]) -> bool {
    let (fits, dont_fragment) = (packet.len() <= 1400, packet[6] & 0x40 != 0);
    if !fits && dont_fragment {
        let too_big = icmp([3, 4, 0, 0, 0, 0, 5, 0x78], &packet[..28]);
        assert_eq!(host.hears(OUR_MAC, &ip(ICMP, &[], &too_big)), [[0; 0]; 0]);
    }
    fits || !dont_fragment
}

/// Each client asks twice at most, for the first reply may be the one that finds what its path takes, in turn.
#[test]
fn many_clients_behind_a_smaller_link_all_get_replies() {
    for clients in [17, 10_000] {
        with_host(|host| {
            let datagram = [&[0x13, 0x88, 0x1f, 0x90, 5, 0xb2, 0, 0][..], &[7; 1450]].concat();
            let mut rounds = [0; 3];
            for replies in &mut rounds {
                for client in 0..clients {
                    let [high, low] = u16::to_be_bytes(client);
                    let request = ip_with(UDP, &[], &datagram, |header| {
                        header[12..16].copy_from_slice(&[192, 0, high, low]);
                    });
                    let reply = host.hears(OUR_MAC, &request);
                    assert!(!reply.is_empty());
                    // Not all pieces have to be told of.
                    let passed = reply.iter().filter(|piece| passes_router(host, piece)).count();
                    *replies += usize::from(passed == reply.len());
                }
            }
            assert_eq!(rounds[1..], [usize::from(clients); 2]);
        });
    }
}

#[test]
fn an_address_that_is_probed_for_is_silent_until_it_is_ours() {
    with_pool(256, |pool| {
        let memory = Region::new(pool, "memory");
        let mut host = Host::new(&memory, true);
        host.turn();
        let request = ip(UDP, &[], &TO_ECHO);
        assert_eq!(host.hears(OUR_MAC, &request), [[0; 0]; 0]);
        let mut seconds = 0;
        while host.hears(OUR_MAC, &request).is_empty() {
            // The loop that runs the tower sleeps until the deadline.
            let now = host.host.now();
            let deadline = host.host.tower.next_deadline().unwrap();
            host.host.clock().advance_to(deadline.max(now + Duration::from_millis(100)));
            seconds = host.host.now().since(Instant::ZERO).as_secs();
        }
        assert!((4..=7).contains(&seconds), "{seconds}");
        // Somebody else insists on the address.
        let theirs = [
            0, 1, 8, 0, 6, 4, 0, 1, // Ethernet, IPv4, 6 and 4 bytes, request
            2, 0, 10, 0, 0, 9, 10, 0, 0, 2, // sender
            0, 0, 0, 0, 0, 0, 10, 0, 0, 2, // target
        ];
        let announcement = [&ALL[..], &[2, 0, 10, 0, 0, 9, 8, 6], &theirs].concat();
        host.wire.push(announcement.clone());
        assert_eq!(host.answer(&request)[28..], *b"hello");
        host.wire.push(announcement);
        assert_eq!(host.hears(OUR_MAC, &request), [[0; 0]; 0]);
        let counts =
            ["conflicts", "defences", "given_up"].map(|name| host.host.counter("arp", name));
        assert_eq!(counts, [2, 1, 1]);
    });
}
