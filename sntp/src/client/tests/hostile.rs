//! What is not believed.

use std::format;

use testkit::Random;

use super::*;

#[test]
fn what_comes_from_others_is_no_answer() {
    let mut world = World::new(2);
    let first = world.question();
    let good = reply(&first, world.now, 0);
    let v6: SocketAddr = "[2001:db8::1]:123".parse().unwrap();
    for stranger in [address(3), SocketAddr::from(([10, 0, 0, 1], 1_123)), v6] {
        assert_eq!(world.hear(stranger, &good), Err(Ignored::NotAsked));
    }
    let second = world.question();
    // One server does not know what the other one was asked.
    let other = reply(&first, world.now, 0);
    assert_eq!(world.hear(second.server, &other), Err(Ignored::Origin));
    world.answer(&second);
}

#[test]
fn an_answer_to_an_earlier_question_is_none() {
    let mut world = World::new(1);
    let old = world.question();
    world.now = old.until;
    let new = world.question();
    assert_ne!(old.question, new.question);
    assert_eq!(world.hear(old.server, &reply(&old, world.now, 0)), Err(Ignored::Origin));
    assert!(world.client.is_waiting(address(1)));
    world.answer(&new);
    for replayed in [&old, &new] {
        let replayed = reply(replayed, world.now, 0);
        assert_eq!(world.hear(new.server, &replayed), Err(Ignored::NotAsked));
    }
    // Nor is it the answer to the next one.
    let next = world.question();
    let replayed = reply(&new, world.now, 0);
    assert_eq!(world.hear(next.server, &replayed), Err(Ignored::Origin));
    assert_eq!(world.set.len(), 1);
}

#[test]
fn an_answer_has_all_bits_of_the_number_and_the_mode_of_a_server() {
    let mut world = World::new(1);
    let sending = world.question();
    let good = reply(&sending, world.now, 0);
    for bit in 0..64 {
        let origin = (sending.question.transmit.get() ^ 1 << bit).into();
        let forged = Header { origin, ..good };
        assert_eq!(world.hear(sending.server, &forged), Err(Ignored::Origin));
    }
    let zero = Header { origin: 0.into(), ..good };
    assert_eq!(world.hear(sending.server, &zero), Err(Ignored::Origin));
    for mode in (0..8).filter(|mode| *mode != MODE_SERVER) {
        let forged = Header { flags: flags(0, 4, mode), ..good };
        let error = Ignored::Sample(SampleError::Mode(mode));
        assert_eq!(world.hear(sending.server, &forged), Err(error));
    }
    // A reflection of the question.
    let error = Ignored::Sample(SampleError::Mode(3));
    assert_eq!(world.hear(sending.server, &sending.question), Err(error));
    for version in [0, 1, 2, 5, 6, 7] {
        let forged = Header { flags: flags(0, version, MODE_SERVER), ..good };
        let error = Ignored::Parse(ParseError::Version(version));
        assert_eq!(world.hear(sending.server, &forged), Err(error));
    }
    // All of that was not the answer, which is still expected.
    assert!(world.client.is_waiting(address(1)));
    world.answer(&sending);
}

/// The answer of the server that was asked, which says nothing that can be used: it counts as none, and ends the wait.
#[test]
fn an_answer_that_says_nothing_useful_is_not_believed() {
    type Change = fn(&mut Header);
    let changes: [(Change, SampleError); 9] = [
        (|answer| answer.flags = flags(3, 4, MODE_SERVER), SampleError::Unsynchronised),
        (|answer| answer.stratum = 16, SampleError::Unsynchronised),
        (|answer| answer.stratum = 255, SampleError::Unsynchronised),
        (|answer| answer.transmit = 0.into(), SampleError::NoTime),
        (|answer| answer.receive = 0.into(), SampleError::NoTime),
        (|answer| answer.receive = (answer.transmit.get() + (1 << 32)).into(), SampleError::Order),
        (|answer| answer.transmit = (answer.receive.get() + (1 << 32)).into(), SampleError::Order),
        (|answer| answer.reference = (answer.transmit.get() + 1).into(), SampleError::Future),
        (|answer| answer.precision = 127, SampleError::Distance(SECOND)),
    ];
    for (change, error) in changes {
        let mut world = World::new(1);
        let sending = world.question();
        let sent = world.now;
        let mut answer = reply(&sending, world.now, 0);
        change(&mut answer);
        let heard = world.hear(sending.server, &answer);
        assert_eq!(heard, Err(Ignored::Sample(error)), "{error}");
        assert!(!world.client.is_waiting(address(1)) && world.set.is_empty());
        let next = world.question();
        assert!(world.now.since(sent) >= 8 * SECOND);
        world.answer(&next);
        assert_eq!(world.set.len(), 1);
    }
}

#[test]
fn a_hundred_thousand_messages_of_who_guesses_change_nothing() {
    let mut world = World::new(4);
    let mut random = Random::new(1);
    let sending = world.question();
    let good = reply(&sending, world.now, 0);
    for _ in 0..100_000 {
        let length = random.below(3) * 2 + 44 + random.below(9);
        let mut message = random.bytes(length);
        if !random.once_in(3) {
            // All but the number, which nobody knows.
            let from = random.below(2) * 16;
            for at in from..message.len().min(48) {
                if !(24..32).contains(&at) {
                    message[at] = good.as_bytes()[at];
                }
            }
        }
        let source = address(random.below(6) as u8);
        let before = format!("{:?}", world.client);
        let heard = world.client.input(world.now, source, &message);
        assert!(heard.is_err(), "{message:?}");
        assert_eq!(format!("{:?}", world.client), before);
    }
    world.answer(&sending);
}
