//! Queries in virtual time: what servers say is written by hand.

mod aliases;
mod hostile;
mod negative;
mod servers;
mod truth;

use std::{net::Ipv4Addr, vec::Vec};

use super::*;
use crate::wire::{Data, Message, Rcode, Section, Soa};

const SECOND: Duration = Duration::from_secs(1);
const ANSWER: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 7);

/// The flags of a response of a server that finds answers itself.
const RESPONSE: u16 = Flags::RESPONSE | Flags::RECURSION_DESIRED | Flags::RECURSION_AVAILABLE;

fn name(text: &str) -> Name {
    text.parse().unwrap()
}

/// The servers 10.0.0.1, 10.0.0.2 and so on.
fn servers(count: u8) -> Servers {
    (1..=count).map(|last| SocketAddr::from(([10, 0, 0, last], 53))).collect()
}

/// A message that was sent.
#[derive(Clone, Copy, Debug)]
struct Sent {
    sending: Sending,
    id: u16,
    name: Name,
    kind: RecordType,
    edns: Option<u16>,
}

/// A record of a response.
type Row<'r> = (Section, &'r str, u32, RecordType, Data<'r>);

fn a(owner: &str, ttl: u32, address: Ipv4Addr) -> Row<'_> {
    (Section::Answer, owner, ttl, RecordType::A, Data::A(address))
}

/// The response to what was sent.
fn response(sent: &Sent, flags: u16, rows: &[Row<'_>]) -> Vec<u8> {
    let mut buffer = [0; 4096];
    let mut writer = MessageWriter::new(&mut buffer, sent.id, Flags(flags)).unwrap();
    writer.question(sent.name.view(), sent.kind, CLASS_IN).unwrap();
    for &(section, owner, ttl, kind, data) in rows {
        let owner = name(owner);
        writer.record(section, owner.view(), (kind, CLASS_IN), ttl, data).unwrap();
    }
    writer.finish().to_vec()
}

/// A query, and the clock.
struct Bench {
    query: Query,
    now: Instant,
}

impl Bench {
    fn new(text: &str, count: u8) -> Self {
        let now = Instant::from_millis(1);
        let query = Query::new(now, name(text), RecordType::A, servers(count), 0, 7);
        Self { query, now }
    }

    /// The message that is to be sent now.
    #[track_caller]
    fn sent(&mut self) -> Sent {
        let Due::Send(sending) = self.query.due(self.now) else {
            panic!("nothing is to be sent: {:?}", self.query.due(self.now))
        };
        let mut buffer = [0; MAX_QUERY];
        let message = Message::parse(self.query.message(&mut buffer)).unwrap();
        let question = message.question().unwrap();
        assert_eq!(question.class, CLASS_IN);
        Sent {
            sending,
            id: message.header.id.get(),
            name: question.name.to_name(),
            kind: question.kind,
            edns: message.edns_payload(),
        }
    }

    /// The server that was asked responds so.
    #[track_caller]
    fn respond(&mut self, sent: &Sent, flags: u16, rows: &[Row<'_>]) {
        let bytes = response(sent, flags, rows);
        self.query.input(sent.sending.server, &bytes).unwrap();
    }

    /// What was sent is answered with this status, and with nothing else.
    #[track_caller]
    fn refuse(&mut self, sent: &Sent, rcode: Rcode) {
        self.respond(sent, RESPONSE | rcode.0, &[]);
    }

    /// Nothing comes until the query has waited long enough.
    #[track_caller]
    fn silence(&mut self) {
        let Due::Wait(until) = self.query.due(self.now) else { panic!("nothing is waited for") };
        self.now = until;
    }

    #[track_caller]
    fn result(&mut self) -> Result<Found, Failed> {
        match self.query.due(self.now) {
            Due::Done => self.query.result(),
            other => panic!("there is no result yet: {other:?}"),
        }
    }

    #[track_caller]
    fn found(&mut self) -> (Vec<std::net::IpAddr>, u64) {
        let found = self.result().unwrap();
        (found.addresses.to_vec(), found.ttl.as_secs())
    }

    #[track_caller]
    fn failed(&mut self) -> (ResolveError, Option<u64>) {
        let failed = self.result().unwrap_err();
        (failed.error, failed.ttl.map(|ttl| ttl.as_secs()))
    }
}

#[test]
fn a_query_is_one_question_with_edns() {
    let mut bench = Bench::new("www.example.org", 1);
    let sent = bench.sent();
    assert_eq!(
        (sent.name, sent.kind, sent.edns),
        (name("www.example.org"), RecordType::A, Some(1232))
    );
    let mut buffer = [0; MAX_QUERY];
    let bytes = bench.query.message(&mut buffer);
    let message = Message::parse(bytes).unwrap();
    assert_eq!(message.flags(), Flags(Flags::RECURSION_DESIRED));
    assert_eq!((message.records().count(), bytes.len()), (1, 12 + 17 + 4 + 11));
    assert_eq!(sent.sending.transport, Transport::Udp);
    assert_eq!(sent.sending.until, bench.now + 2 * SECOND);
}

#[test]
fn the_longest_name_can_be_asked_for() {
    let label = "a".repeat(63);
    let text = [&label[..], &label, &label, &label[..61]].join(".");
    let mut bench = Bench::new(&text, 1);
    let sent = bench.sent();
    assert_eq!((sent.name, sent.edns), (name(&text), Some(1232)));
    assert_eq!(bench.query.message(&mut [0; MAX_QUERY]).len(), MAX_QUERY);
}

#[test]
fn an_answer_is_taken() {
    let mut bench = Bench::new("www.example.org", 1);
    let sent = bench.sent();
    let other = Ipv4Addr::new(192, 0, 2, 8);
    bench.respond(
        &sent,
        RESPONSE,
        &[a("www.example.org", 60, ANSWER), a("www.example.org", 50, other)],
    );
    // In the order of the server, for as long as the shortest holds.
    assert_eq!(bench.found(), ([ANSWER, other].map(Into::into).to_vec(), 50));
}

#[test]
fn ipv6_addresses_are_found() {
    let now = Instant::ZERO;
    let query = Query::new(now, name("a.example"), RecordType::AAAA, servers(1), 0, 7);
    let mut bench = Bench { query, now };
    let sent = bench.sent();
    let address = "2001:db8::7".parse().unwrap();
    let row = (Section::Answer, "a.example", 60, RecordType::AAAA, Data::Aaaa(address));
    bench.respond(&sent, RESPONSE, &[a("a.example", 10, ANSWER), row]);
    assert_eq!(bench.found(), ([address.into()].to_vec(), 60));
}

#[test]
fn sixteen_addresses_are_kept_each_once() {
    let mut bench = Bench::new("a.example", 1);
    let sent = bench.sent();
    let addresses = (0..40).map(|index| Ipv4Addr::new(192, 0, 2, index / 2));
    let rows: Vec<_> = addresses.map(|address| a("a.example", 60, address)).collect();
    bench.respond(&sent, RESPONSE, &rows);
    let expected: Vec<std::net::IpAddr> = (0..16).map(|index| [192, 0, 2, index].into()).collect();
    assert_eq!(bench.found().0, expected);
}

#[test]
fn a_ttl_is_seven_days_at_most() {
    for (ttl, kept) in [(0, 0), (1, 1), (604_800, 604_800), (604_801, 604_800), (u32::MAX, 604_800)]
    {
        let mut bench = Bench::new("a.example", 1);
        let sent = bench.sent();
        bench.respond(&sent, RESPONSE, &[a("a.example", ttl, ANSWER)]);
        assert_eq!(bench.found().1, kept);
    }
}

#[test]
fn without_a_server_there_is_an_error() {
    assert_eq!(Bench::new("a.example", 0).failed(), (ResolveError::NoServer, None));
}

/// The start of a zone.
fn soa(owner: &str, ttl: u32, minimum: u32) -> (Section, &str, u32, RecordType, Data<'static>) {
    let root: &'static Name = &Name::ROOT;
    let data = Soa {
        server: root.view(),
        mailbox: root.view(),
        serial: 1,
        refresh: 2,
        retry: 3,
        expire: 4,
        minimum,
    };
    (Section::Authority, owner, ttl, RecordType::SOA, Data::Soa(data))
}
