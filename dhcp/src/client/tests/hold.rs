//! An address that is held: renewed, lost, given back.

use super::*;

const HOUR: Duration = Duration::from_secs(3600);

/// RFC 2131 4.4.5: T1 is half of the lease, T2 seven eighths, with some randomness.
#[test]
fn the_server_is_asked_after_half_of_the_lease_and_any_server_later() {
    let mut bench = Bench::bound();
    let begin = bench.now;
    bench.passes(1740);
    assert_eq!(bench.said(), []);
    bench.passes(70);
    let (at, first) = bench.sent[0];
    assert!((1743..=1800).contains(&at.since(begin).as_secs()));
    assert_eq!(
        (first.kind(), first.source, first.destination),
        (MessageType::REQUEST, GRANTED, SERVER)
    );
    bench.passes(1350);
    let (at, first) =
        *bench.sent.iter().find(|(_, one)| one.destination == Ipv4Addr::BROADCAST).unwrap();
    assert!((3100..=3150).contains(&at.since(begin).as_secs()));
    assert_eq!(
        (first.kind(), first.source, bench.client.state()),
        (MessageType::REQUEST, GRANTED, State::Rebinding)
    );
}

#[test]
fn t1_and_t2_of_the_server_count() {
    let mut bench = Bench::bound_with(|reply| {
        let reply = reply.with(options::RENEWAL_TIME, &300_u32.to_be_bytes());
        reply.with(options::REBINDING_TIME, &600_u32.to_be_bytes())
    });
    bench.passes(301);
    assert_eq!(bench.client.state(), State::Renewing);
    bench.passes(300);
    assert_eq!(bench.client.state(), State::Rebinding);
}

#[test]
fn clients_do_not_renew_at_the_same_time() {
    let times: std::collections::BTreeSet<u64> = (0..100)
        .map(|secret| {
            let mut bench = Bench::new(Client::new(MAC, secret));
            bench.hears(&bench.reply(MessageType::OFFER)).unwrap();
            bench.hears(&bench.reply(MessageType::ACK)).unwrap();
            bench.confirm();
            bench.client.next_deadline().unwrap().since(bench.now).as_secs()
        })
        .collect();
    assert!(times.len() > 30 && times.iter().all(|time| (1743..=1800).contains(time)), "{times:?}");
}

/// RFC 2131 4.4.5: after half of the time that is left, but not within a minute.
#[test]
fn requests_for_more_time_are_repeated_after_half_of_what_is_left() {
    let mut bench = Bench::bound();
    bench.passes(3599);
    let gaps: Vec<u64> = bench.gaps().iter().map(|gap| *gap as u64).collect();
    assert!(gaps.len() > 6, "{gaps:?}");
    let (unicast, broadcast): (Vec<(Instant, Request)>, Vec<_>) =
        bench.sent.iter().copied().partition(|(_, one)| one.destination == SERVER);
    // Half of some 1,350 seconds, half of the rest, and so on.
    assert!((650..700).contains(&gaps[0]) && (320..350).contains(&gaps[1]), "{gaps:?}");
    assert!((4..=6).contains(&unicast.len()) && (3..=6).contains(&broadcast.len()), "{gaps:?}");
    for pair in [unicast, broadcast].iter().flat_map(|all| all.windows(2)) {
        assert!(pair[1].0.since(pair[0].0) >= RENEWAL_INTERVAL, "{gaps:?}");
    }
    // Each is a transaction of its own.
    let xids: std::collections::BTreeSet<u32> =
        bench.sent.iter().map(|(_, one)| one.header().xid.get()).collect();
    assert_eq!(xids.len(), bench.sent.len());
}

/// RFC 2131 4.4.5: the lease goes on from the sending of the request.
#[test]
fn a_lease_begins_when_it_was_asked_for() {
    let mut bench = Bench::renewing();
    let asked = bench.client.asked;
    bench.passes(30);
    bench.hears(&bench.reply(MessageType::ACK)).unwrap();
    assert_eq!(bench.client.expires_at(), Some(asked + HOUR));
    // The first of four requests counts, whichever was answered.
    let mut bench = Bench::requesting();
    let asked = bench.now;
    bench.passes(20);
    bench.hears(&bench.reply(MessageType::ACK)).unwrap();
    assert_eq!(bench.client.expires_at(), Some(asked + HOUR));
}

#[test]
fn a_lease_that_is_renewed_changes_nothing_else() {
    for mut bench in [Bench::renewing(), Bench::rebinding()] {
        bench.hears(&bench.reply(MessageType::ACK)).unwrap();
        assert_eq!((bench.client.state(), bench.news.len()), (State::Bound, 0));
        bench.passes(1801);
        assert_eq!(bench.client.state(), State::Renewing);
    }
}

#[test]
fn what_a_renewal_changes_is_said() {
    let mut bench = Bench::renewing();
    let reply = bench.reply(MessageType::ACK).with(options::DNS_SERVERS, &[9, 9, 9, 9]);
    bench.hears(&reply).unwrap();
    assert_eq!(bench.news, [Some(Changes { dns: true, ..Changes::default() })]);
    assert_eq!((bench.client.state(), bench.client.lease().unwrap().dns.len()), (State::Bound, 1));
}

/// With another prefix it is another network, and whether the address is ours in it is asked again.
#[test]
fn another_prefix_is_another_address() {
    let mut bench = Bench::renewing();
    let reply = bench.reply(MessageType::ACK).with(options::SUBNET_MASK, &[255, 255, 0, 0]);
    bench.hears(&reply).unwrap();
    assert!(bench.news[0].unwrap().address && bench.client.state() == State::Checking);
    bench.confirm();
    assert!(bench.client.is_bound());
}

/// RFC 2131 4.4.5: at the end the client stops at once, and begins again.
#[test]
fn a_lease_that_ends_is_lost() {
    let mut bench = Bench::bound();
    let begin = bench.now;
    bench.passes(3599);
    assert_eq!((bench.news.len(), bench.client.is_bound()), (0, true));
    bench.said();
    bench.passes(1);
    assert_eq!((&bench.news[..], bench.client.lease()), (&[None][..], None));
    assert_eq!((bench.now, bench.client.state()), (begin + HOUR, State::Selecting));
    // The address that it had is asked for.
    assert_eq!(option(bench.last(), options::REQUESTED_ADDRESS).unwrap(), GRANTED.octets());
    assert_eq!(bench.said().pop(), Some(MessageType::DISCOVER));
}

#[test]
fn a_lease_may_end_before_it_is_known_whose_the_address_is() {
    let mut bench = Bench::requesting();
    bench.hears(&bench.reply(MessageType::ACK)).unwrap();
    bench.news.clear();
    bench.passes(3600);
    assert_eq!((&bench.news[..], bench.client.state()), (&[None][..], State::Selecting));
}

#[test]
fn a_grant_that_has_already_ended_is_none() {
    let mut bench = Bench::requesting();
    bench.passes(20);
    let reply = bench.reply(MessageType::ACK).with(options::LEASE_TIME, &15_u32.to_be_bytes());
    assert_eq!(bench.hears(&reply), Err(Ignored::Expired));
    assert_eq!((bench.client.state(), bench.client.lease()), (State::Requesting, None));
}

#[test]
fn a_lease_for_ever_is_never_renewed() {
    let mut bench = Bench::bound_with(|reply| reply.with(options::LEASE_TIME, &[255; 4]));
    assert_eq!((bench.client.next_deadline(), bench.client.expires_at()), (None, None));
    bench.passes(100_000_000);
    assert!(bench.sent.is_empty() && bench.client.is_bound());
}

#[test]
fn the_longest_lease_that_ends_does_no_harm() {
    let longest = (u32::MAX - 1).to_be_bytes();
    let mut bench = Bench::bound_with(|reply| reply.with(options::LEASE_TIME, &longest));
    bench.passes(u64::from(u32::MAX));
    assert_eq!(bench.news, [None]);
}

/// RFC 2131 4.4.5: a denial ends the lease at once.
#[test]
fn a_denial_ends_the_lease() {
    for mut bench in [Bench::renewing(), Bench::rebinding()] {
        bench.hears(&bench.reply(MessageType::NAK)).unwrap();
        assert_eq!((&bench.news[..], bench.client.lease()), (&[None][..], None));
        bench.passes(1);
        assert_eq!(bench.client.state(), State::Selecting);
    }
}

/// Zephyr #50868: the denial of another server was obeyed.
#[test]
fn another_server_neither_renews_nor_denies_what_this_one_was_asked() {
    for kind in [MessageType::NAK, MessageType::ACK] {
        let mut bench = Bench::renewing();
        let answer = bench.hears(&bench.reply(kind).from(OTHER));
        assert_eq!(
            (answer, bench.client.state()),
            (Err(Ignored::OtherServer(OTHER)), State::Renewing)
        );
    }
}

#[test]
fn any_server_renews_what_all_were_asked() {
    let mut bench = Bench::rebinding();
    bench.hears(&bench.reply(MessageType::ACK).from(OTHER)).unwrap();
    assert_eq!(bench.client.lease().unwrap().server, OTHER);
    // From now on it is the one to ask.
    bench.passes(1801);
    assert_eq!((bench.client.state(), bench.last().destination), (State::Renewing, OTHER));
}

#[test]
fn a_grant_of_another_address_is_not_taken() {
    for mut bench in [Bench::requesting(), Bench::renewing(), Bench::rebinding()] {
        let state = bench.client.state();
        let answer = bench.hears(&bench.reply(MessageType::ACK).granting(OTHER));
        assert_eq!((answer, bench.client.state()), (Err(Ignored::OtherAddress(OTHER)), state));
    }
}

/// RFC 5227 2.4 (b): whoever configured the address is told, and RFC 2131 has a word for it.
#[test]
fn an_address_that_another_station_takes_is_declined() {
    for mut bench in [Bench::bound(), Bench::renewing(), Bench::rebinding()] {
        bench.client.conflict(bench.now);
        bench.turn();
        assert_eq!((bench.said(), &bench.news[..]), ([MessageType::DECLINE].into(), &[None][..]));
    }
    // Without an address there is no conflict about it.
    let mut bench = Bench::selecting();
    bench.client.conflict(bench.now);
    assert_eq!(bench.client.state(), State::Selecting);
}

/// RFC 2131 3.7: after a disconnection the address is verified, and stays ours meanwhile.
#[test]
fn when_the_link_is_back_the_address_is_verified() {
    let mut bench = Bench::bound();
    let end = bench.client.expires_at();
    bench.client.verify(bench.now);
    bench.passes(4);
    assert_eq!((bench.client.state(), bench.client.is_bound()), (State::Rebooting, true));
    assert_eq!(
        (bench.last().source, bench.last().header().ciaddr),
        (Ipv4Addr::UNSPECIFIED, [0; 4])
    );
    bench.passes(5);
    bench.hears(&bench.reply(MessageType::ACK)).unwrap();
    assert_eq!((bench.client.state(), bench.news.len()), (State::Bound, 0));
    assert!(bench.client.expires_at() > end || bench.client.expires_at() == end);
}

/// RFC 2131 3.2.3: without an answer the rest of the lease may be used.
#[test]
fn without_an_answer_the_lease_goes_on() {
    let mut bench = Bench::bound();
    let end = bench.client.expires_at();
    bench.client.verify(bench.now);
    bench.passes(20);
    assert_eq!((bench.client.state(), bench.client.expires_at()), (State::Bound, end));
    bench.passes(1800);
    assert_eq!(bench.client.state(), State::Renewing);
}

#[test]
fn on_another_network_the_address_is_denied() {
    let mut bench = Bench::bound();
    bench.client.verify(bench.now);
    bench.passes(4);
    bench.hears(&bench.reply(MessageType::NAK).from(OTHER)).unwrap();
    assert_eq!((&bench.news[..], bench.client.is_bound()), (&[None][..], false));
}

/// However often the link comes back, no message follows another within the time of a first retransmission.
#[test]
fn a_link_that_flaps_does_not_make_the_client_send_more() {
    for mut bench in [Bench::selecting(), Bench::requesting(), Bench::bound(), Bench::renewing()] {
        bench.passes(3);
        bench.said();
        for _ in 0..40 {
            bench.client.verify(bench.now);
            bench.passes(1);
        }
        let sent = bench.said().len();
        assert!((9..=11).contains(&sent), "{sent} messages in 40 s: {:?}", bench.client.state());
    }
}

/// RFC 2131 4.4.6.
#[test]
fn an_address_is_given_back() {
    for mut bench in [Bench::bound(), Bench::renewing(), Bench::rebinding()] {
        bench.client.release(bench.now);
        bench.turn();
        assert_eq!((bench.last().kind(), bench.last().destination), (MessageType::RELEASE, SERVER));
        // It is not asked for again, whatever is asked.
        bench.client.release(bench.now);
        bench.client.verify(bench.now);
        bench.passes(100_000);
        assert_eq!((bench.said(), &bench.news[..]), ([MessageType::RELEASE].into(), &[None][..]));
        assert_eq!((bench.client.state(), bench.client.next_deadline()), (State::Released, None));
    }
    let mut bench = Bench::selecting();
    bench.client.release(bench.now);
    bench.said();
    bench.passes(1000);
    assert!(bench.said().is_empty() && bench.news.is_empty());
}

#[test]
fn the_end_of_time_does_no_harm() {
    let end = Instant::from_nanos(u64::MAX);
    for mut bench in [Bench::selecting(), Bench::requesting(), Bench::bound(), Bench::renewing()] {
        bench.now = end;
        for _ in 0..3 {
            // Nothing is due for ever, which would be a loop without end.
            let mut outputs = 0;
            while bench.client.due(end).is_some() {
                outputs += 1;
                assert!(outputs < 10);
            }
        }
    }
}
