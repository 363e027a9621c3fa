//! The input is what happens to a client of SNTP: answers (right, with any fields, of any bytes), kisses, strangers, time, other
//! servers. The client sends no more than it may, each time another number; it believes only who repeats the number, and only
//! what it may be; it hears no more of who denies it. The clock that it sets never goes back by less than a second.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::SocketAddr,
    time::Duration,
};

use ::sntp::{
    Client, Clock, Servers,
    client::{Heard, Output, Sending},
    wire::{HEADER_LEN, Header, MODE_SERVER, Timestamp, flags},
};
use layer::Instant;
use zerocopy::{FromBytes, IntoBytes};

use super::Input;

/// The steps, by the first byte of each.
pub(crate) const ANSWER: u8 = 0;
pub(crate) const FIELDS: u8 = 1;
pub(crate) const KISS: u8 = 2;
pub(crate) const ANY_BYTES: u8 = 3;
pub(crate) const TIME: u8 = 4;
pub(crate) const LOST: u8 = 5;
pub(crate) const SERVERS: u8 = 6;
const STEPS: usize = SERVERS as usize + 1;

/// The codes of kisses.
const CODES: [&[u8; 4]; 5] = [b"DENY", b"RSTR", b"RATE", b"INIT", b"XYZ\0"];

const BEGIN: Instant = Instant::from_millis(7);
const TRUE: Duration = Duration::from_secs(1_784_111_777);

struct Bench {
    client: Client,
    clock: Clock,
    now: Instant,
    /// The questions whose answers may be waited for, by their servers.
    questions: BTreeMap<SocketAddr, Sending>,
    numbers: BTreeSet<u64>,
    denied: BTreeSet<SocketAddr>,
    sent: u64,
    /// How many lists of servers there were.
    lists: u64,
    shown: Duration,
}

/// The input is a byte of settings and steps.
pub(crate) fn run(input: &[u8]) {
    let mut input = Input::new(input);
    let settings = input.byte();
    let mut bench = Bench {
        client: Client::new(settings.into()),
        clock: Clock::new(BEGIN, Some(TRUE)),
        now: BEGIN,
        questions: BTreeMap::new(),
        numbers: BTreeSet::new(),
        denied: BTreeSet::new(),
        sent: 0,
        lists: 0,
        shown: TRUE,
    };
    bench.name_servers(settings);
    while !input.is_empty() {
        bench.step(&mut input);
        bench.turn();
    }
}

fn address(last: u8) -> SocketAddr {
    SocketAddr::from(([10, 0, 0, 1 + last % 6], 123))
}

impl Bench {
    /// Names up to four servers of six.
    fn name_servers(&mut self, bits: u8) {
        let servers: Servers = (0..6).filter(|last| bits >> last & 1 == 1).map(address).collect();
        self.client.set_servers(self.now, &servers);
        self.lists += 1;
        self.questions.retain(|server, _| servers.contains(server));
        self.turn();
    }

    /// Does what is due.
    fn turn(&mut self) {
        while let Some(output) = self.client.due(self.now) {
            match output {
                Output::Set(offset) => {
                    let right = offset.wall(self.now);
                    self.clock.set(self.now, offset);
                    let shown = self.clock.read(self.now).expect("it is set");
                    let is_back = shown < self.shown;
                    assert!(!is_back || self.shown - right > Duration::from_secs(1));
                    assert!(shown == right || shown == self.shown);
                    self.shown = shown;
                }
                Output::Send(sending) => {
                    self.sent += 1;
                    assert!(self.now < sending.until && self.client.is_waiting(sending.server));
                    assert!(!self.denied.contains(&sending.server));
                    assert!(self.numbers.insert(sending.question.transmit.get()));
                    self.questions.insert(sending.server, sending);
                }
            }
        }
        // Four servers of each list at once, and then each once in four seconds.
        let passed = self.now.since(BEGIN).as_secs();
        assert!(self.sent <= 4 * (self.lists + passed / 4), "{} questions", self.sent);
        if let Some(next) = self.client.next_deadline() {
            assert!(next > self.now);
        }
    }

    fn step(&mut self, input: &mut Input<'_>) {
        let step = input.below(STEPS) as u8;
        match step {
            TIME => {
                let time = Duration::from_millis(u64::from(input.word()) << (input.byte() % 8));
                // No further than to what is due next, as a loop does.
                let end = self.now + time;
                self.now = self.client.next_deadline().map_or(end, |next| next.min(end));
                let shown = self.clock.read(self.now).expect("the platform knows the time");
                assert!(shown >= self.shown);
                self.shown = shown;
            }
            SERVERS => {
                let bits = input.byte();
                self.name_servers(bits);
            }
            ANY_BYTES => {
                let (source, length) = (address(input.byte()), input.byte());
                let bytes = input.take(length.into());
                self.hear(source, bytes);
            }
            _ => {
                let server = address(input.byte());
                let Some(question) = self.questions.get(&server).copied() else { return };
                match step {
                    LOST => {
                        self.client.fail(self.now, server);
                        self.questions.remove(&server);
                    }
                    ANSWER => {
                        let (ahead, late) = (input.word(), input.byte());
                        let answer = self.answer(&question, ahead, late);
                        self.hear(question.server, answer.as_bytes());
                    }
                    KISS => {
                        let code = CODES[input.below(CODES.len())];
                        let answer = self.answer(&question, 0, 0);
                        let kiss = Header { stratum: 0, reference_id: *code, ..answer };
                        self.hear(question.server, kiss.as_bytes());
                    }
                    FIELDS => {
                        // Any fields but the number.
                        let mut answer = self.answer(&question, 0, 0);
                        for _ in 0..input.below(6) {
                            let at = input.below(HEADER_LEN);
                            let change = input.byte();
                            if !(24..32).contains(&at) {
                                answer.as_mut_bytes()[at] ^= change;
                            }
                        }
                        self.hear(question.server, answer.as_bytes());
                    }
                    _ => {}
                }
            }
        }
    }

    /// An answer by a clock that is so many milliseconds ahead, or, beyond 2^15, behind by the rest.
    fn answer(&self, question: &Sending, ahead: u16, late: u8) -> Header {
        let true_time = TRUE + self.now.since(BEGIN);
        let apart = Duration::from_millis(u64::from(ahead & 0x7fff));
        let time = if ahead >> 15 == 0 { true_time + apart } else { true_time - apart };
        let receive = Timestamp::from_1970(time - Duration::from_millis(late.into())).0.into();
        let transmit = Timestamp::from_1970(time).0.into();
        Header {
            flags: flags(0, 4, MODE_SERVER),
            stratum: 2,
            precision: -18,
            origin: question.question.transmit,
            receive,
            transmit,
            ..Header::question(0)
        }
    }

    fn hear(&mut self, source: SocketAddr, bytes: &[u8]) {
        let heard = self.client.input(self.now, source, bytes);
        let Ok(heard) = heard else { return };
        let (header, _) = Header::read_from_prefix(bytes).expect("what is taken has a header");
        let question = self.questions.remove(&source).expect("only who was asked is believed");
        assert_eq!(question.question.transmit, header.origin);
        assert!(header.mode() == MODE_SERVER && matches!(header.version(), 3 | 4));
        match heard {
            Heard::Time => {
                assert!(header.leap() < 3 && (1..16).contains(&header.stratum));
                assert!(header.transmit.get() != 0 && header.receive.get() != 0);
            }
            Heard::Kiss(code) => {
                assert!(header.stratum == 0 && header.reference_id == code);
                if matches!(&code, b"DENY" | b"RSTR") {
                    self.denied.insert(source);
                    assert!(!self.client.servers().contains(&source));
                }
            }
        }
    }
}
