//! Kisses (RFC 5905 7.4).

use super::*;

/// A kiss that answers this question.
fn kiss(sending: &Sending, code: &[u8; 4]) -> Header {
    Header {
        flags: flags(3, 4, MODE_SERVER),
        stratum: 0,
        reference_id: *code,
        // They mean nothing.
        receive: u64::MAX.into(),
        transmit: u64::MAX.into(),
        ..reply(sending, BEGIN, 0)
    }
}

#[test]
fn a_server_that_denies_us_is_never_asked_again() {
    for code in [b"DENY", b"RSTR"] {
        let mut world = World::new(2);
        let (first, second) = (world.question(), world.question());
        assert_eq!(world.hear(first.server, &kiss(&first, code)), Ok(Heard::Kiss(*code)));
        assert_eq!(*world.client.servers(), [second.server]);
        let asked = world.pass(86_400 * SECOND);
        assert!(asked.len() > 50 && asked.iter().all(|(_, server)| *server == second.server));
        // Not either if a lease names it again.
        world.client.set_servers(world.now, &[first.server, address(3)].into_iter().collect());
        assert_eq!(*world.client.servers(), [address(3)]);
        assert!(world.pass(86_400 * SECOND).iter().all(|(_, server)| *server == address(3)));
    }
}

#[test]
fn where_all_deny_us_nobody_is_asked() {
    let mut world = World::new(2);
    for _ in 0..2 {
        let sending = world.question();
        let heard = world.hear(sending.server, &kiss(&sending, b"DENY"));
        assert_eq!(heard, Ok(Heard::Kiss(*b"DENY")));
    }
    assert_eq!((world.due(), world.client.next_deadline()), (None, None));
}

#[test]
fn eight_that_deny_us_are_remembered() {
    let mut world = World::new(0);
    for last in 1..=9 {
        world.client.set_servers(world.now, &[address(last)].into_iter().collect());
        let sending = world.question();
        world.hear(sending.server, &kiss(&sending, b"RSTR")).unwrap();
    }
    for last in 2..=9 {
        world.client.set_servers(world.now, &[address(last)].into_iter().collect());
        assert!(world.client.servers().is_empty(), "{last}");
    }
}

/// RFC 5905 7.4 b: each time the interval doubles, and it does not get shorter again.
#[test]
fn a_server_that_is_asked_too_often_is_asked_less() {
    let mut world = World::new(1);
    let mut sending = world.question();
    for exponent in [6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 17] {
        let sent = world.now;
        assert_eq!(world.hear(sending.server, &kiss(&sending, b"RATE")), Ok(Heard::Kiss(*b"RATE")));
        sending = world.question();
        let (interval, expected) = (world.now.since(sent), (1 << exponent) * SECOND);
        assert!((expected..=expected + expected / 8).contains(&interval), "{interval:?}");
    }
    // Answers do not change that, whatever they say.
    for ahead in [0, 0, 5_000, 10_000] {
        let sent = world.now;
        world.answer_ahead(&sending, ahead);
        sending = world.question();
        assert!(world.now.since(sent) >= (1 << 17) * SECOND);
    }
}

#[test]
fn answers_go_on_from_the_interval_that_a_kiss_has_demanded() {
    let mut world = World::new(1);
    world.converse(4);
    let sending = world.question();
    world.hear(sending.server, &kiss(&sending, b"RATE")).unwrap();
    let mut ahead = 0;
    for _ in 0..8 {
        let sending = world.question();
        let sent = world.now;
        ahead += 300;
        world.answer_ahead(&sending, ahead);
        world.question();
        let interval = world.now.since(sent);
        assert!((128 * SECOND..=144 * SECOND).contains(&interval), "{interval:?}");
        world.client.servers.iter_mut().flatten().for_each(|server| server.take_back());
    }
}

/// RFC 5905 7.4 c and d.
#[test]
fn other_kisses_say_that_there_is_no_time_and_no_more() {
    for code in [b"INIT", b"STEP", b"XABC", b"\0\0\0\0", b"deny", b"RSTD"] {
        let mut world = World::new(1);
        let sending = world.question();
        let sent = world.now;
        assert_eq!(world.hear(sending.server, &kiss(&sending, code)), Ok(Heard::Kiss(*code)));
        assert_eq!((world.set.len(), world.client.offset(world.now)), (0, None));
        // As after no answer.
        let sending = world.question();
        assert!((8 * SECOND..=16 * SECOND).contains(&world.now.since(sent)));
        world.answer(&sending);
        assert_eq!(world.set.len(), 1);
    }
}

#[test]
fn kisses_of_strangers_are_nothing() {
    let mut world = World::new(1);
    let sending = world.question();
    for code in [b"DENY", b"RSTR", b"RATE", b"INIT"] {
        let kiss = kiss(&sending, code);
        for stranger in [address(2), SocketAddr::from(([10, 0, 0, 1], 124))] {
            assert_eq!(world.hear(stranger, &kiss), Err(Ignored::NotAsked));
        }
        for bit in 0..64 {
            let origin = (sending.question.transmit.get() ^ 1 << bit).into();
            let guessed = Header { origin, ..kiss };
            assert_eq!(world.hear(sending.server, &guessed), Err(Ignored::Origin));
        }
    }
    assert!(world.client.is_waiting(address(1)));
    world.answer(&sending);
    // And none comes unasked.
    assert_eq!(world.hear(sending.server, &kiss(&sending, b"DENY")), Err(Ignored::NotAsked));
    assert_eq!(*world.client.servers(), [address(1)]);
}
