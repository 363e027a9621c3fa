//! From nothing to an address.

use super::*;

#[test]
fn an_address_comes_in_four_messages() {
    let mut bench = Bench::selecting();
    assert_eq!(
        (bench.client.state(), bench.said()),
        (State::Selecting, [MessageType::DISCOVER].into())
    );
    bench.hears(&bench.reply(MessageType::OFFER)).unwrap();
    assert_eq!(
        (bench.client.state(), bench.said()),
        (State::Requesting, [MessageType::REQUEST].into())
    );
    assert!(bench.client.lease().is_none() && bench.news.is_empty());
    bench.hears(&bench.reply(MessageType::ACK)).unwrap();
    assert_eq!((bench.client.state(), bench.said()), (State::Checking, vec![]));
    assert!(bench.news[0].unwrap().address && !bench.client.is_bound());
    bench.confirm();
    assert_eq!((bench.client.state(), bench.said()), (State::Bound, vec![]));
    assert_eq!(bench.client.lease().unwrap().address.address(), GRANTED);
}

/// RFC 2131 4.1: 4, 8, 16, 32, 64 seconds, each a second less or more at random.
#[test]
fn discovers_are_repeated_at_times_that_double_up_to_64_seconds() {
    let mut bench = Bench::selecting();
    bench.passes(500);
    let gaps = bench.gaps();
    for (gap, expected) in gaps.iter().zip([4.0, 8.0, 16.0, 32.0, 64.0, 64.0, 64.0]) {
        assert!((gap - expected).abs() <= 1.0, "{gaps:?}");
    }
    assert!(gaps.len() >= 9 && bench.said().iter().all(|kind| *kind == MessageType::DISCOVER));
    // Another client has other times.
    let mut other = Bench::new(Client::new(MAC, 8));
    other.passes(500);
    assert!(gaps.iter().zip(other.gaps()).all(|(one, other)| *one != other));
}

#[test]
fn the_random_second_is_spread_evenly() {
    let firsts: Vec<f64> = (0..1000)
        .map(|secret| {
            let mut bench = Bench::new(Client::new(MAC, secret));
            bench.passes(6);
            bench.gaps()[0]
        })
        .collect();
    assert!(firsts.iter().all(|gap| (3.0..=5.0).contains(gap)));
    for quarter in 0..4 {
        let from = 3.0 + f64::from(quarter) / 2.0;
        let count = firsts.iter().filter(|gap| (from..from + 0.5).contains(*gap)).count();
        assert!((180..320).contains(&count), "{count} from {from}");
    }
}

/// RFC 2131 4.1: the xid minimises the chance of identical ones; nobody else can know it.
#[test]
fn transactions_have_numbers_that_nobody_knows() {
    let xids: std::collections::BTreeSet<u32> =
        (0..1000).map(|secret| Bench::new(Client::new(MAC, secret)).client.xid).collect();
    assert_eq!(xids.len(), 1000);
    // One transaction from the offer to the grant, and another after it failed.
    let mut bench = Bench::requesting();
    bench.passes(120);
    let xids: Vec<u32> = bench.sent.iter().map(|(_, one)| one.header().xid.get()).collect();
    assert!(xids[..5].iter().all(|xid| *xid == xids[0]) && xids[5] != xids[0], "{xids:x?}");
}

/// RFC 2131 3.1.5: retransmissions over 60 seconds, and then from the beginning.
#[test]
fn a_server_that_offers_and_says_no_more_is_asked_four_times() {
    let mut bench = Bench::requesting();
    let _ = bench.sent.remove(0);
    bench.passes(66);
    let (requests, later) = bench.sent.split_at(4);
    assert!(requests.iter().all(|(_, one)| one.kind() == MessageType::REQUEST));
    assert!(later.iter().all(|(_, one)| one.kind() == MessageType::DISCOVER) && !later.is_empty());
    let waited = later[0].0.since(requests[0].0).as_secs_f64();
    assert!((56.0..=65.0).contains(&waited), "{waited}");
}

/// RFC 2131 4.4.1: the seconds of the request are those of the discover.
#[test]
fn a_request_has_the_seconds_of_its_discover() {
    let mut bench = Bench::selecting();
    assert_eq!(bench.last().header().secs.get(), 0);
    bench.passes(14);
    let secs = bench.last().header().secs.get();
    assert!((10..=14).contains(&secs), "{secs}");
    bench.passes(2);
    bench.hears(&bench.reply(MessageType::OFFER)).unwrap();
    bench.passes(10);
    let requests = bench.sent.iter().filter(|(_, one)| one.kind() == MessageType::REQUEST);
    assert!(requests.clone().count() >= 2);
    assert!(requests.clone().all(|(_, one)| one.header().secs.get() == secs));
}

/// RFC 2131 3.1.3, 4.4.1: one offer is chosen. The request says whose.
#[test]
fn the_first_offer_that_can_be_accepted_is_chosen() {
    let mut bench = Bench::selecting();
    let bad = bench.reply(MessageType::OFFER).granting(Ipv4Addr::new(127, 0, 0, 1));
    assert!(matches!(bench.hears(&bad), Err(Ignored::Refused(_))));
    bench.hears(&bench.reply(MessageType::OFFER).from(OTHER)).unwrap();
    assert_eq!(option(bench.last(), options::SERVER_ID).unwrap(), OTHER.octets());
    // The second one comes too late, and its grant too.
    let late = bench.hears(&bench.reply(MessageType::OFFER));
    assert_eq!(late, Err(Ignored::Unexpected(MessageType::OFFER)));
    let late = bench.hears(&bench.reply(MessageType::ACK));
    assert_eq!(
        (late, bench.client.state()),
        (Err(Ignored::OtherServer(SERVER)), State::Requesting)
    );
    bench.hears(&bench.reply(MessageType::ACK).from(OTHER)).unwrap();
    assert_eq!(bench.client.state(), State::Checking);
}

/// RFC 2131 3.1.5. Zephyr #50974: the denial was ignored.
#[test]
fn after_a_denial_the_client_begins_again() {
    let mut bench = Bench::requesting();
    bench.said();
    bench.hears(&bench.reply(MessageType::NAK)).unwrap();
    assert_eq!((bench.client.state(), bench.said()), (State::Init, vec![]));
    bench.passes(1);
    assert_eq!(
        (bench.client.state(), bench.said()),
        (State::Selecting, [MessageType::DISCOVER].into())
    );
}

/// systemd #2450: a storm of denials.
#[test]
fn a_server_that_always_denies_is_asked_ever_less_often() {
    let mut bench = Bench::selecting();
    let mut asked = 0;
    let end = bench.now + Duration::from_secs(3600);
    while bench.now < end {
        if bench.client.state() == State::Selecting && bench.client.tries == 1 {
            asked += 1;
            bench.hears(&bench.reply(MessageType::OFFER)).unwrap();
            bench.hears(&bench.reply(MessageType::NAK)).unwrap();
        }
        bench.passes(1);
    }
    assert!((50..70).contains(&asked), "{asked} in an hour");
}

/// RFC 2131 3.1.5, 4.4.1: an address in use is declined, and ten seconds pass.
#[test]
fn an_address_in_use_is_declined() {
    let mut bench = Bench::requesting();
    bench.hears(&bench.reply(MessageType::ACK)).unwrap();
    (bench.sent, bench.news) = (vec![], vec![]);
    bench.client.conflict(bench.now);
    bench.turn();
    assert_eq!((bench.client.state(), bench.client.lease()), (State::Init, None));
    let decline = *bench.last();
    assert_eq!((decline.kind(), &bench.news[..]), (MessageType::DECLINE, &[None][..]));
    assert_eq!(option(&decline, options::REQUESTED_ADDRESS).unwrap(), GRANTED.octets());
    assert_eq!(option(&decline, options::SERVER_ID).unwrap(), SERVER.octets());
    bench.said();
    bench.passes(9);
    assert_eq!(bench.said(), []);
    bench.passes(1);
    assert_eq!(option(bench.last(), options::REQUESTED_ADDRESS), None);
    assert_eq!(bench.said(), [MessageType::DISCOVER]);
}

/// RFC 5227 2.1.1: after ten conflicts, one attempt a minute.
#[test]
fn after_ten_conflicts_there_is_one_attempt_a_minute() {
    let mut bench = Bench::selecting();
    let mut at = vec![];
    for _ in 0..15 {
        bench.hears(&bench.reply(MessageType::OFFER)).unwrap();
        bench.hears(&bench.reply(MessageType::ACK)).unwrap();
        at.push(bench.now);
        bench.client.conflict(bench.now);
        bench.turn();
        while bench.client.state() != State::Selecting {
            bench.passes(1);
        }
    }
    let gaps: Vec<u64> = at.windows(2).map(|pair| pair[1].since(pair[0]).as_secs()).collect();
    assert_eq!(gaps, [10, 10, 10, 10, 10, 10, 10, 10, 10, 60, 60, 60, 60, 60]);
}

/// RFC 2131 3.2: an address from before is asked for first, and an answer of any server counts.
#[test]
fn an_address_from_before_is_asked_for_first() {
    let mut bench = Bench::new(Client::new(MAC, 7).with_address(GRANTED));
    assert_eq!(
        (bench.client.state(), bench.last().kind()),
        (State::Rebooting, MessageType::REQUEST)
    );
    bench.hears(&bench.reply(MessageType::ACK).from(OTHER)).unwrap();
    bench.confirm();
    assert_eq!((bench.client.state(), bench.client.lease().unwrap().server), (State::Bound, OTHER));
}

#[test]
fn an_address_from_before_that_is_denied_is_forgotten() {
    let mut bench = Bench::new(Client::new(MAC, 7).with_address(GRANTED));
    bench.hears(&bench.reply(MessageType::NAK)).unwrap();
    assert!(bench.news.is_empty(), "it was not used yet");
    bench.said();
    bench.passes(1);
    assert_eq!(option(bench.last(), options::REQUESTED_ADDRESS), None);
    assert_eq!(bench.said(), [MessageType::DISCOVER]);
}

/// RFC 2131 3.2.3: without an answer the client begins from the beginning, and may say what it would like.
#[test]
fn without_an_answer_any_address_will_do() {
    let mut bench = Bench::new(Client::new(MAC, 7).with_address(GRANTED));
    bench.passes(14);
    let wish = option(bench.last(), options::REQUESTED_ADDRESS).unwrap();
    assert_eq!(wish, GRANTED.octets());
    assert_eq!(bench.said(), [MessageType::REQUEST, MessageType::REQUEST, MessageType::DISCOVER]);
}

#[test]
fn an_answer_before_the_question_is_none() {
    for client in [Client::new(MAC, 7), Client::new(MAC, 7).with_address(GRANTED)] {
        let mut client = client;
        for kind in [MessageType::OFFER, MessageType::ACK, MessageType::NAK] {
            let bytes = Reply::new(kind, MAC, 0).bytes();
            assert_eq!(client.input(Instant::ZERO, &bytes), Err(Ignored::Unexpected(kind)));
        }
    }
}

/// A link that comes up is asked at once, not up to a minute later.
#[test]
fn when_the_link_comes_up_the_client_begins_again() {
    let mut bench = Bench::selecting();
    bench.passes(70);
    bench.said();
    bench.client.verify(bench.now);
    bench.turn();
    assert_eq!(bench.said(), [MessageType::DISCOVER]);
}
