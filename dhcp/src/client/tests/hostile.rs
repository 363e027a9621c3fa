//! Servers that lie, and strangers that guess.

use super::*;

/// The messages that a client in any state may be sent.
const KINDS: [MessageType; 3] = [MessageType::OFFER, MessageType::ACK, MessageType::NAK];

/// Each state in which an answer is expected, and those in which none is.
fn benches() -> Vec<Bench> {
    let rebooting = Bench::new(Client::new(MAC, 7).with_address(GRANTED));
    let mut checking = Bench::requesting();
    checking.hears(&checking.reply(MessageType::ACK)).unwrap();
    let (mut declined, mut released) = (Bench::bound(), Bench::bound());
    declined.client.conflict(declined.now);
    declined.turn();
    released.client.release(released.now);
    released.passes(2);
    vec![
        Bench::selecting(),
        Bench::requesting(),
        rebooting,
        checking,
        Bench::bound(),
        Bench::renewing(),
        Bench::rebinding(),
        declined,
        released,
    ]
}

/// What a message must not change.
fn essence(bench: &Bench) -> (State, Option<Lease>, Option<Instant>, usize, usize) {
    let client = &bench.client;
    (client.state(), client.lease, client.next_deadline(), bench.sent.len(), bench.news.len())
}

/// Checks that no message of any kind, changed so, has an effect in any state.
fn assert_ignored(why: &str, change: impl Fn(Reply) -> Reply, expected: fn(Ignored) -> bool) {
    for mut bench in benches() {
        let before = essence(&bench);
        for kind in KINDS {
            let ignored = bench.hears(&change(bench.reply(kind))).unwrap_err();
            assert_eq!(essence(&bench), before, "{why}: {kind}");
            assert!(expected(ignored), "{why}: {kind} in {:?}: {ignored}", before.0);
        }
    }
}

/// RFC 2131 4.4.1: another xid is discarded.
#[test]
fn another_transaction_is_ignored() {
    for bit in 0..32 {
        let change = |mut reply: Reply| {
            reply.header.xid = (reply.header.xid.get() ^ 1 << bit).into();
            reply
        };
        assert_ignored("xid", change, |ignored| ignored == Ignored::NotForUs);
    }
}

#[test]
fn another_client_is_ignored() {
    let change = |mut reply: Reply| {
        reply.header.chaddr[5] ^= 1;
        reply
    };
    assert_ignored("chaddr", change, |ignored| ignored == Ignored::NotForUs);
    let change = |mut reply: Reply| {
        reply.header.htype = 6;
        reply
    };
    assert_ignored("htype", change, |ignored| ignored == Ignored::NotForUs);
}

/// RFC 6842 3.
#[test]
fn the_name_of_another_client_is_ignored() {
    let change = |reply: Reply| reply.with(options::CLIENT_ID, ClientId::hardware(MAC).bytes());
    assert_ignored("client identifier", change, |ignored| ignored == Ignored::NotForUs);
    // The name of ours is not.
    let mut bench = Bench::selecting();
    let reply = bench.reply(MessageType::OFFER).with(options::CLIENT_ID, ClientId::of(MAC).bytes());
    assert_eq!(bench.hears(&reply), Ok(MessageType::OFFER));
}

#[test]
fn a_message_to_servers_is_ignored() {
    let change = |mut reply: Reply| {
        reply.header.op = 1;
        reply
    };
    assert_ignored("op", change, |ignored| ignored == Ignored::NotAReply);
}

/// RFC 2131 table 3: the server identifier is in each of them.
#[test]
fn who_does_not_say_who_it_is_is_ignored() {
    let change = |reply: Reply| reply.without(options::SERVER_ID);
    assert_ignored("no server", change, |ignored| {
        matches!(ignored, Ignored::Refused(_) | Ignored::Unexpected(_) | Ignored::NotForUs)
    });
    let change = |reply: Reply| reply.from(Ipv4Addr::BROADCAST);
    assert_ignored("server", change, |ignored| {
        matches!(ignored, Ignored::Refused(_) | Ignored::Unexpected(_) | Ignored::NotForUs)
    });
}

/// In these states nothing is expected at all.
#[test]
fn nothing_is_taken_unasked() {
    for mut bench in benches() {
        let before = essence(&bench);
        for kind in 0..=20 {
            let kind = MessageType(kind);
            let expected = match before.0 {
                State::Selecting => kind == MessageType::OFFER,
                State::Requesting | State::Rebooting | State::Renewing | State::Rebinding => {
                    kind == MessageType::ACK || kind == MessageType::NAK
                }
                _ => false,
            };
            if !expected {
                bench.hears(&bench.reply(kind)).unwrap_err();
                assert_eq!(essence(&bench), before, "{kind} in {:?}", before.0);
            }
        }
    }
}

#[test]
fn a_grant_that_comes_twice_is_taken_once() {
    let mut bench = Bench::requesting();
    let ack = bench.reply(MessageType::ACK);
    bench.hears(&ack).unwrap();
    assert_eq!(bench.hears(&ack), Err(Ignored::Unexpected(MessageType::ACK)));
    bench.confirm();
    assert_eq!(bench.hears(&ack), Err(Ignored::Unexpected(MessageType::ACK)));
    // Nor does the offer that led to it come to anything later.
    let mut bench = Bench::renewing();
    assert_eq!(bench.hears(&ack), Err(Ignored::NotForUs));
}

/// A server that grants ten seconds at a time makes us ask every five, and no faster.
#[test]
fn the_shortest_lease_bounds_what_a_server_can_make_us_send() {
    let mut bench =
        Bench::bound_with(|reply| reply.with(options::LEASE_TIME, &10_u32.to_be_bytes()));
    for _ in 0..1000 {
        bench.passes(1);
        if bench.client.state() == State::Renewing {
            let reply =
                bench.reply(MessageType::ACK).with(options::LEASE_TIME, &10_u32.to_be_bytes());
            bench.hears(&reply).unwrap();
        }
    }
    assert!((150..=220).contains(&bench.sent.len()), "{}", bench.sent.len());
}

/// One of a hundred thousand messages, each right in most of what it says. Whatever they say, what the client has could be
/// true, and it sends no faster than it may.
#[test]
fn a_hundred_thousand_messages_lead_nowhere_impossible() {
    for secret in 0..10_u64 {
        let mut random = testkit::Random::new(secret);
        let mut bench = Bench::new(Client::new(MAC, secret.into()));
        let mut sent = 0;
        let begin = bench.now;
        for step in 0..10_000 {
            let kind = [2, 5, 6, 2, 5, 6, 5, 1, 3, 9][random.below(10)];
            let mut reply = bench.reply(MessageType(kind));
            for _ in 0..random.below(4) {
                let code = [1, 3, 6, 26, 42, 51, 52, 53, 54, 58, 59, 61, 121][random.below(13)];
                let length = random.below(12);
                reply = reply.with(code, &random.bytes(length));
            }
            if random.once_in(4) {
                let address = random.bytes(4);
                reply =
                    reply.granting(Ipv4Addr::new(address[0], address[1], address[2], address[3]));
            }
            let mut bytes = reply.bytes();
            if random.once_in(4) {
                let at = random.below(bytes.len());
                bytes[at] ^= 1 << random.below(8);
            }
            if random.once_in(8) {
                bytes.truncate(random.below(bytes.len()));
            }
            let _ = bench.client.input(bench.now, &bytes);
            bench.turn();
            match random.below(30) {
                0 => bench.client.conflict(bench.now),
                1 => bench.client.verify(bench.now),
                2..20 => bench.client.confirm(),
                _ => {}
            }
            bench.turn();
            bench.passes(random.below(40) as u64);
            sent += bench.sent.len();
            bench.sent.clear();
            check(&bench, step);
        }
        // On average no more than one message in three seconds, whatever the servers do.
        assert!(sent as u64 <= bench.now.since(begin).as_secs() / 3, "{sent}");
    }
}

fn check(bench: &Bench, step: usize) {
    let client = &bench.client;
    let has_lease = matches!(
        client.state(),
        State::Checking | State::Bound | State::Renewing | State::Rebinding | State::Releasing
    );
    let may_have = has_lease || client.state() == State::Rebooting;
    assert!(client.lease.is_some() || !has_lease, "{step}: {:?}", client.state());
    assert!(client.lease.is_none() || may_have, "{step}: {:?}", client.state());
    assert!(client.timers.end > bench.now, "{step}");
    assert!(!matches!(client.state(), State::Declining | State::Releasing | State::Released));
    if let Some(lease) = client.lease {
        assert!(lease.address.is_host() && layer::is_unicast(lease.server), "{step}: {lease:?}");
        assert!(lease.gateway.is_none_or(layer::is_unicast), "{step}: {lease:?}");
        assert!(client.timers.renewal <= client.timers.rebinding, "{step}");
        assert!(client.timers.rebinding <= client.timers.end, "{step}");
    }
}

proptest! {
    /// Any bytes in any state: no panic, and no effect unless the message is right.
    #[test]
    fn any_bytes_are_ignored(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        for mut bench in benches() {
            let before = essence(&bench);
            prop_assert!(bench.client.input(bench.now, &bytes).is_err());
            bench.turn();
            prop_assert_eq!(essence(&bench), before);
        }
    }
}
