//! The input is what happens to a query of DNS: messages (any bytes, or right in all that no stranger can know), time, servers
//! that cannot be reached. The query sends no more than it may and ends in time, takes only what RFC 5452 9.1 permits, and
//! what it finds could be true. Each message that is read is the same when it is written again. In the end an honest server
//! answers.

use std::{collections::BTreeSet, net::SocketAddr, time::Duration};

use ::dns::{
    Name, ResolveError, Servers,
    query::{Due, MAX_QUERY, MAX_TTL, MOST_ALIASES, PATIENCE, Query, Sending, ServerFailure},
    wire::{CLASS_IN, Data, Flags, Message, MessageWriter, RecordType, Section, Soa, Strings},
};
use layer::Instant;

use super::Input;

/// The steps, by the first byte of each.
pub(crate) const RESPONSE: u8 = 0;
pub(crate) const RECORDS: u8 = 1;
pub(crate) const ANY_BYTES: u8 = 2;
pub(crate) const TIME: u8 = 3;
pub(crate) const FAILURE: u8 = 4;
const STEPS: usize = FAILURE as usize + 1;

/// The names of records. The first is asked for at the beginning.
pub(crate) const NAMES: [&str; 5] =
    ["www.example.org", "cdn.example.org", "example.org", "org", "."];

/// The most messages of a query: each server three times, once more without EDNS and once by TCP, and one for each alias.
const MOST_SENT: usize = Servers::MOST * 3 * 4 + 2 * MOST_ALIASES;

/// A message that was sent.
struct Sent {
    sending: Sending,
    id: u16,
    name: Name,
    kind: RecordType,
}

struct Bench {
    query: Query,
    begin: Instant,
    now: Instant,
    sends: usize,
    ids: BTreeSet<u16>,
    /// The message whose answer is waited for.
    last: Option<Sent>,
}

/// The input is a byte of settings and steps.
pub(crate) fn run(input: &[u8]) {
    let mut input = Input::new(input);
    let settings = input.byte();
    let servers: Servers =
        (0..1 + settings % 4).map(|last| SocketAddr::from(([10, 0, 0, 1 + last], 53))).collect();
    let kind = if settings & 0x80 == 0 { RecordType::A } else { RecordType::AAAA };
    let begin = Instant::from_millis(1);
    let (name, first) = (name(0), usize::from(settings >> 2 & 3));
    let query = Query::new(begin, name, kind, servers, first, settings.into());
    let ids = BTreeSet::new();
    let mut bench = Bench { query, begin, now: begin, sends: 0, ids, last: None };
    bench.turn();
    while !input.is_empty() {
        bench.step(&mut input);
        bench.turn();
    }
    bench.end();
}

fn name(index: usize) -> Name {
    NAMES[index % NAMES.len()].parse().unwrap()
}

impl Bench {
    /// Sends what is to be sent.
    fn turn(&mut self) {
        match self.query.due(self.now) {
            Due::Send(sending) => {
                self.sends += 1;
                assert!(self.sends <= MOST_SENT, "{} messages", self.sends);
                assert!(self.now < sending.until && sending.until <= self.begin + PATIENCE);
                let mut buffer = [0; MAX_QUERY];
                let message = Message::parse(self.query.message(&mut buffer)).unwrap();
                let question = message.question().expect("there is a question");
                let id = message.header.id.get();
                self.ids.insert(id);
                let (name, kind) = (question.name.to_name(), question.kind);
                self.last = Some(Sent { sending, id, name, kind });
                assert!(matches!(self.query.due(self.now), Due::Wait(_)));
            }
            Due::Wait(until) => assert!(until > self.now),
            Due::Done => {
                self.last = None;
                match self.query.result() {
                    Ok(found) => assert!(!found.addresses.is_empty() && found.ttl <= MAX_TTL),
                    Err(failed) => {
                        assert!(failed.error != ResolveError::NoServer);
                        assert!(!failed.error.to_string().is_empty());
                    }
                }
            }
        }
    }

    fn step(&mut self, input: &mut Input<'_>) {
        let step = input.below(STEPS) as u8;
        let Some(sent) = &self.last else { return };
        let (server, mut buffer) = (sent.sending.server, vec![0; 4_096]);
        match step {
            RESPONSE => {
                let message = response(sent, input, &mut buffer);
                assert!(Message::parse(message).is_ok());
                self.hear(server, message);
            }
            RECORDS => {
                // The header and the question are right, and the records any bytes.
                let flags = Flags(input.word() | Flags::RESPONSE);
                let mut writer = MessageWriter::new(&mut buffer, sent.id, flags).unwrap();
                writer.question(sent.name.view(), sent.kind, CLASS_IN).unwrap();
                let mut message = writer.finish().to_vec();
                for count in [7, 9, 11] {
                    message[count] = input.byte() % 4;
                }
                let length = input.byte();
                message.extend(input.take(length.into()));
                self.hear(server, &message);
            }
            ANY_BYTES => {
                let (stranger, length) = (input.byte(), input.byte());
                let port = if stranger & 1 == 0 { server.port() } else { 54 };
                self.hear(SocketAddr::new(server.ip(), port), input.take(length.into()));
            }
            TIME => self.now += Duration::from_millis(input.word().into()),
            _ => self.query.server_failed(match input.byte() & 1 {
                0 => ServerFailure::Unreachable,
                _ => ServerFailure::NoTcp,
            }),
        }
    }

    fn hear(&mut self, source: SocketAddr, bytes: &[u8]) {
        let parsed = Message::parse(bytes);
        if let Ok(message) = &parsed {
            is_the_same_again(message);
        }
        let Some(sent) = &self.last else { return };
        if self.query.input(source, bytes).is_ok() {
            let message = parsed.expect("what is taken can be read");
            assert!(source == sent.sending.server && message.header.id.get() == sent.id);
            if let Some(question) = message.question() {
                assert!(question.name == sent.name && question.kind == sent.kind);
            }
        }
    }

    /// An honest server answers whatever is asked. In any case the query ends.
    fn end(mut self) {
        for _ in 0..2 * MOST_SENT {
            let Some(sent) = &self.last else { break };
            let mut buffer = [0; 512];
            let flags = Flags(Flags::RESPONSE | Flags::RECURSION_AVAILABLE);
            let mut writer = MessageWriter::new(&mut buffer, sent.id, flags).unwrap();
            writer.question(sent.name.view(), sent.kind, CLASS_IN).unwrap();
            let data = match sent.kind {
                RecordType::A => Data::A([192, 0, 2, 7].into()),
                _ => Data::Aaaa([7; 16].into()),
            };
            let kind = (sent.kind, CLASS_IN);
            writer.record(Section::Answer, sent.name.view(), kind, 60, data).unwrap();
            let server = sent.sending.server;
            let is_late = sent.sending.until <= self.now;
            self.query.input(server, writer.finish()).unwrap();
            assert!(self.query.result().is_ok() && !is_late);
            self.turn();
        }
        assert!(self.last.is_none() && self.query.due(self.now) == Due::Done);
        // Each message had an identification of its own, but for chance.
        assert!(self.ids.len() + 2 >= self.sends.min(MOST_SENT));
    }
}

/// A response with records that the input chooses.
fn response<'b>(sent: &Sent, input: &mut Input<'_>, buffer: &'b mut [u8]) -> &'b [u8] {
    let flags = Flags(input.word() | Flags::RESPONSE);
    let mut writer = MessageWriter::new(buffer, sent.id, flags).unwrap();
    writer.question(sent.name.view(), sent.kind, CLASS_IN).unwrap();
    for _ in 0..input.below(7) {
        let section = [Section::Answer, Section::Authority, Section::Additional][input.below(3)];
        let (owner, target) = (name(input.byte().into()), name(input.byte().into()));
        let (ttl, target) = (u32::from(input.word()) << (input.byte() % 17), target.view());
        let (kind, data) = match input.below(8) {
            0 => (RecordType::A, Data::A([192, 0, 2, input.byte()].into())),
            1 => (RecordType::AAAA, Data::Aaaa([input.byte(); 16].into())),
            2 => (RecordType::CNAME, Data::Cname(target)),
            3 => (RecordType::NS, Data::Ns(target)),
            4 => (RecordType::MX, Data::Mx(input.word(), target)),
            5 => {
                let [serial, refresh, retry, expire] = [1, 2, 3, 4];
                let minimum = input.word().into();
                let (server, mailbox) = (target, target);
                let soa = Soa { server, mailbox, serial, refresh, retry, expire, minimum };
                (RecordType::SOA, Data::Soa(soa))
            }
            6 => (RecordType::TXT, Data::Txt(Strings::parse(b"\x01a\0").unwrap())),
            _ => (RecordType(65), Data::Other(b"any")),
        };
        // One of an earlier section is left out.
        let _ = writer.record(section, owner.view(), (kind, CLASS_IN), ttl, data);
    }
    writer.finish()
}

/// What was read of a message is read again when it is written.
fn is_the_same_again(message: &Message<'_>) {
    let mut buffer = vec![0; 65_535];
    let id = message.header.id.get();
    let mut writer = MessageWriter::new(&mut buffer, id, message.flags()).unwrap();
    for record in message.records() {
        assert!(!format!("{record:?}").is_empty());
        let (owner, kind) = (record.name.to_name(), (record.kind, record.class));
        assert_eq!(owner.view(), record.name);
        // Names that are not compressed may be longer than a message.
        if writer.record(record.section, owner.view(), kind, record.ttl, record.data).is_err() {
            return;
        }
    }
    let again = Message::parse(writer.finish()).expect("what was written can be read");
    assert!(again.records().eq(message.records()));
    assert_eq!((again.rcode(), again.edns_payload()), (message.rcode(), message.edns_payload()));
}
