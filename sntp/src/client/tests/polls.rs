//! When servers are asked.

use super::*;

/// The interval from one question to the next.
fn interval(world: &mut World, answered: Option<i64>) -> Duration {
    let sending = world.question();
    let sent = world.now;
    match answered {
        Some(ahead) => world.answer_ahead(&sending, ahead),
        None => world.client.fail(world.now, sending.server),
    }
    world.question();
    let interval = world.now.since(sent);
    // As if it had not been sent: the next one begins here.
    world.client.servers.iter_mut().flatten().for_each(|server| server.take_back());
    interval
}

#[test]
fn the_first_question_is_asked_within_a_second() {
    let mut all = std::collections::BTreeSet::new();
    for secret in 0..100 {
        let mut world = World::with_secret(1, secret);
        world.question();
        let wait = world.now.since(BEGIN);
        assert!(wait <= SECOND, "{wait:?}");
        all.insert(wait.as_millis() / 100);
    }
    // At random, so that programs that start together do not ask together.
    assert_eq!(all.len(), 10);
}

#[test]
fn the_next_ones_come_after_4_to_8_seconds() {
    let mut world = World::new(1);
    for _ in 0..3 {
        let interval = interval(&mut world, Some(0));
        assert!((4 * SECOND..=8 * SECOND).contains(&interval), "{interval:?}");
    }
    let interval = interval(&mut world, Some(0));
    assert!((64 * SECOND..=72 * SECOND).contains(&interval), "{interval:?}");
}

#[test]
fn while_answers_agree_the_interval_doubles_up_to_1024_seconds() {
    let mut world = World::new(1);
    (0..4).for_each(|_| assert!(interval(&mut world, Some(0)) >= 4 * SECOND));
    for expected in [128, 256, 512, 1_024, 1_024, 1_024] {
        let interval = interval(&mut world, Some(0)).as_secs();
        assert!((expected..=expected + expected / 8).contains(&interval), "{interval}");
    }
}

#[test]
fn where_the_clocks_go_apart_the_interval_is_halved_down_to_64_seconds() {
    let mut world = World::new(1);
    (0..8).for_each(|_| assert!(interval(&mut world, Some(0)) >= 4 * SECOND));
    let mut ahead = 0;
    for expected in [512, 256, 128, 64, 64, 64] {
        ahead += 200;
        let interval = interval(&mut world, Some(ahead)).as_secs();
        assert!((expected..=expected + expected / 8).contains(&interval), "{interval}");
    }
}

/// RFC 5905 13.2: a server that is silent is asked less and less.
#[test]
fn a_server_that_is_silent_is_asked_after_twice_as_long_each_time() {
    let mut world = World::new(1);
    let asked = world.pass(86_400 * SECOND);
    let intervals: Vec<_> = asked.windows(2).map(|two| (two[1].0 - two[0].0).as_secs()).collect();
    for (at, interval) in intervals.iter().enumerate() {
        let expected = 1 << (3 + at).min(10);
        let spread = if expected < 64 { expected } else { expected / 8 };
        assert!((expected..=expected + spread).contains(interval), "{intervals:?}");
    }
    // In a day.
    assert!((75..=92).contains(&asked.len()), "{}", asked.len());
}

#[test]
fn a_server_that_answers_again_is_asked_more_often_again() {
    let mut world = World::new(1);
    world.pass(7_200 * SECOND);
    // It answers, but the clock has gone wrong more and more.
    let mut ahead = 0;
    let mut last = Duration::MAX;
    for _ in 0..12 {
        ahead += 500;
        last = interval(&mut world, Some(ahead));
    }
    assert!((64 * SECOND..=72 * SECOND).contains(&last), "{last:?}");
}

#[test]
fn four_servers_are_asked_no_more_than_four_times_as_often() {
    let mut world = World::new(4);
    let mut asked = 0;
    while world.now < BEGIN + 86_400 * SECOND {
        let sending = world.question();
        world.answer(&sending);
        asked += 1;
    }
    // In a day.
    assert!((4 * 75..=4 * 92).contains(&asked), "{asked}");
    assert!(world.set.iter().all(|ahead| ahead.abs() <= 1), "{:?}", world.set);
}
