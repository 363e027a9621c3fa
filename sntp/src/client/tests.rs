//! Scripts in virtual time. The true time of day is that of the client's clock and [`TRUE`].

mod hostile;
mod kisses;
mod polls;

use std::{net::SocketAddr, string::ToString, time::Duration, vec::Vec};

use zerocopy::IntoBytes;

use super::*;
use crate::wire::{MODE_SERVER, Timestamp, flags};

const BEGIN: Instant = Instant::from_millis(90_000);

/// The true time of day at [`BEGIN`].
const TRUE: Duration = Duration::from_secs(1_784_111_777);

const SECOND: Duration = Duration::from_secs(1);

/// The client, and the time.
struct World {
    client: Client,
    now: Instant,
    /// The offsets that were to be set, as milliseconds ahead of the true time.
    set: Vec<i64>,
}

fn address(last: u8) -> SocketAddr {
    SocketAddr::from(([10, 0, 0, last], 123))
}

fn truth(now: Instant) -> Duration {
    TRUE + now.since(BEGIN)
}

impl World {
    /// A client of so many servers: 10.0.0.1 and so on.
    fn new(count: u8) -> Self {
        Self::with_secret(count, 7)
    }

    fn with_secret(count: u8, secret: u128) -> Self {
        let mut client = Client::new(secret);
        client.set_servers(BEGIN, &(1..=count).map(address).collect());
        Self { client, now: BEGIN, set: Vec::new() }
    }

    /// What is due now, until there is something to be sent.
    fn due(&mut self) -> Option<Sending> {
        loop {
            match self.client.due(self.now)? {
                Output::Send(sending) => return Some(sending),
                Output::Set(offset) => {
                    let (shown, truth) = (offset.wall(self.now), truth(self.now));
                    let apart = shown.abs_diff(truth).as_micros().div_ceil(1_000) as i64;
                    self.set.push(if shown < truth { -apart } else { apart });
                }
            }
        }
    }

    /// The next question; the time passes until then.
    fn question(&mut self) -> Sending {
        loop {
            if let Some(sending) = self.due() {
                return sending;
            }
            let next = self.client.next_deadline().expect("there is a server");
            assert!(next > self.now, "the deadline {next} is never met");
            self.now = next;
        }
    }

    /// Lets time pass, in which nothing answers; returns when which servers were asked.
    fn pass(&mut self, time: Duration) -> Vec<(Duration, SocketAddr)> {
        let (begin, end) = (self.now, self.now + time);
        let mut asked = Vec::new();
        while let Some(next) = self.client.next_deadline().filter(|next| *next <= end) {
            self.now = self.now.max(next);
            while let Some(sending) = self.due() {
                asked.push((self.now.since(begin), sending.server));
            }
        }
        self.now = end;
        asked
    }

    /// The answer of a server that is right comes 20 ms after the question.
    fn answer(&mut self, sending: &Sending) {
        self.answer_ahead(sending, 0);
    }

    /// That of a server whose clock is ahead by so many milliseconds.
    fn answer_ahead(&mut self, sending: &Sending, ahead: i64) {
        let answer = reply(sending, self.now + Duration::from_millis(10), ahead);
        self.now += Duration::from_millis(20);
        assert_eq!(self.hear(sending.server, &answer), Ok(Heard::Time));
    }

    fn hear(&mut self, source: SocketAddr, message: &Header) -> Result<Heard, Ignored> {
        let heard = self.client.input(self.now, source, message.as_bytes());
        // What is due at once is not a question.
        assert_eq!(self.due(), None);
        heard
    }

    /// Asks and answers so many times.
    fn converse(&mut self, times: usize) {
        for _ in 0..times {
            let sending = self.question();
            self.answer(&sending);
        }
    }
}

/// The answer that leaves a good server at `now`; its clock is ahead by so many milliseconds.
fn reply(sending: &Sending, now: Instant, ahead: i64) -> Header {
    let millis = truth(now).as_millis() as u64;
    let time = Duration::from_millis(millis.saturating_add_signed(ahead));
    let timestamp = |time| Timestamp::from_1970(time).0.into();
    Header {
        flags: flags(0, 4, MODE_SERVER),
        stratum: 2,
        precision: -20,
        root_delay: 0x200.into(),
        root_dispersion: 0x100.into(),
        reference: timestamp(time - 17 * SECOND),
        origin: sending.question.transmit,
        receive: timestamp(time),
        transmit: timestamp(time),
        ..Header::question(0)
    }
}

#[test]
fn an_answer_sets_the_clock() {
    let mut world = World::new(1);
    assert_eq!(world.client.offset(world.now), None);
    let sending = world.question();
    assert_eq!(sending.server, address(1));
    assert!(world.client.is_waiting(address(1)) && sending.until == world.now + WAIT);
    world.answer(&sending);
    assert!(!world.client.is_waiting(address(1)));
    assert!(world.set.len() == 1 && world.set[0].abs() <= 1, "{:?}", world.set);
    let offset = world.client.offset(world.now).expect("the time is known");
    assert!(offset.wall(world.now).abs_diff(truth(world.now)) < Duration::from_micros(2));
    // An hour later it still is.
    assert!(world.client.offset(world.now + 3_600 * SECOND).is_some());
    assert_eq!(world.client.offset(world.now + 10_000 * SECOND), None);
}

/// RFC 5905 8: the answer repeats the number of the question, and counts once.
#[test]
fn each_question_has_another_number_and_one_answer() {
    let mut world = World::new(1);
    let mut numbers = std::collections::BTreeSet::new();
    for _ in 0..100 {
        let sending = world.question();
        assert_eq!(sending.question, Header::question(sending.question.transmit.get()));
        assert!(numbers.insert(sending.question.transmit.get()));
        world.answer(&sending);
        let again = reply(&sending, world.now, 5_000);
        assert_eq!(world.hear(sending.server, &again), Err(Ignored::NotAsked));
    }
    // Bits that a clock would have in common.
    for bit in 0..64 {
        let ones = numbers.iter().filter(|number| *number >> bit & 1 == 1).count();
        assert!((25..=75).contains(&ones), "bit {bit}: {ones}");
    }
}

#[test]
fn no_server_is_believed_before_the_others_had_their_say() {
    let mut world = World::new(2);
    let first = world.question();
    world.answer(&first);
    assert_eq!((world.set.len(), world.client.offset(world.now)), (0, None));
    // The other one is silent: its time is over 2 seconds after it was asked.
    let second = world.question();
    assert!(second.server != first.server && second.until.since(BEGIN) <= 3 * SECOND);
    world.now = second.until;
    assert_eq!(world.due(), None);
    assert_eq!(world.set.len(), 1);
}

#[test]
fn a_liar_among_three_is_not_believed() {
    let mut world = World::new(3);
    for _ in 0..3 {
        let sending = world.question();
        let ahead = if sending.server == address(2) { 86_400_000 } else { 0 };
        world.answer_ahead(&sending, ahead);
    }
    assert!(world.set.len() == 1 && world.set[0].abs() <= 1, "{:?}", world.set);
}

#[test]
fn two_that_contradict_each_other_set_nothing() {
    let mut world = World::new(2);
    for _ in 0..20 {
        let sending = world.question();
        let ahead = if sending.server == address(2) { 5_000 } else { 0 };
        world.answer_ahead(&sending, ahead);
    }
    assert_eq!((world.set.len(), world.client.offset(world.now)), (0, None));
}

#[test]
fn an_answer_that_took_long_does_not_replace_a_better_one() {
    let mut world = World::new(1);
    world.converse(1);
    let sending = world.question();
    // 1 ms there and 800 ms back: the time seems to be 400 ms less.
    let answer = reply(&sending, world.now + Duration::from_millis(1), 0);
    world.now += Duration::from_millis(801);
    assert_eq!(world.hear(sending.server, &answer), Ok(Heard::Time));
    assert!(world.set.iter().all(|ahead| ahead.abs() <= 1), "{:?}", world.set);
}

#[test]
fn an_answer_that_contradicts_an_earlier_one_replaces_it() {
    let mut world = World::new(1);
    world.converse(1);
    let sending = world.question();
    // The server's clock was set.
    let answer = reply(&sending, world.now + Duration::from_millis(100), 3_600_000);
    world.now += Duration::from_millis(200);
    assert_eq!(world.hear(sending.server, &answer), Ok(Heard::Time));
    assert!((3_599_999..=3_600_001).contains(&world.set[1]), "{:?}", world.set);
}

#[test]
fn other_servers_are_asked_and_known_ones_stay_known() {
    let mut world = World::new(2);
    world.converse(2);
    let before = world.set.len();
    let servers = [address(2), address(3), address(2)].into_iter().collect();
    world.client.set_servers(world.now, &servers);
    assert_eq!(*world.client.servers(), [address(2), address(3)]);
    // What the second one has said holds when the third one was asked.
    assert_eq!((world.due(), world.client.offset(world.now)), (None, None));
    let sending = world.question();
    assert_eq!(sending.server, address(3));
    world.now = sending.until;
    assert_eq!(world.due(), None);
    assert_eq!(world.set.len(), before + 1);
    world.client.set_servers(world.now, &Servers::NONE);
    assert_eq!((world.due(), world.client.next_deadline()), (None, None));
    assert_eq!(world.client.offset(world.now), None);
}

#[test]
fn words_of_errors() {
    let errors = [Ignored::NotAsked, Ignored::Origin, Ignored::Parse(ParseError::Length(3))];
    let words = errors.map(|error| error.to_string());
    assert_eq!(words[0], "it is not expected from its sender");
    assert_eq!(words[1], "it answers another question");
    assert_eq!(words[2], "3 bytes: expected 48, or whole words more");
    assert!(errors[2].source().is_some() && errors[0].source().is_none());
}
