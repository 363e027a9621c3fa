//! The input is a message to an authority, or the text of a zone. An answer can be read, is an answer to a query, and no longer than its
//! client takes; what is short by its nature is no longer than the query. Each text is a zone or is refused, and each name of a zone is
//! found in it.

use ::dns::{
    authority::{Action, Authority, Kind, MAX_MESSAGE, MIN_TRANSFER, Transport, server_failure},
    wire::{CLASS_IN, Flags, Message, MessageWriter, RecordType},
    zone::{Zone, ZoneError},
};
use rt_regions::Region;
use testkit::with_pool;

use super::Input;

/// The zone that is asked, and what a text of a zone begins with.
const ZONE: &str = include_str!("../../../apps/dns/zones/example.org.zone");
const TOP: &str = "$ORIGIN a.\n$TTL 1\n@ SOA b b 1 2 3 4 5\n NS b\nb A 192.0.2.1\n";

/// The first byte of an input: how a message comes, or that a text does.
pub(crate) const DATAGRAM: u8 = 0;
pub(crate) const LIMITED: u8 = 1;
pub(crate) const STREAM: u8 = 2;
pub(crate) const TRANSFERS: u8 = 3;
pub(crate) const TEXT: u8 = 4;

pub(crate) fn run(input: &[u8]) {
    let mut input = Input::new(input);
    let transport = match input.byte() % (TEXT + 1) {
        DATAGRAM => Transport::Datagram,
        LIMITED => Transport::LimitedDatagram,
        STREAM => Transport::Stream { may_transfer: false },
        TRANSFERS => Transport::Stream { may_transfer: true },
        _ => {
            // In a transfer, each name is seen.
            let text = TOP.to_owned() + &String::from_utf8_lossy(input.rest());
            return with_zone(&text, |zone| {
                if let Ok(zone) = zone {
                    ask(&zone, &query(&zone), Transport::Stream { may_transfer: true });
                }
            });
        }
    };
    with_zone(ZONE, |zone| ask(&zone.unwrap(), input.rest(), transport));
}

fn with_zone(text: &str, work: impl FnOnce(Result<Zone<'_>, ZoneError<'_>>)) {
    with_pool(64, |pool| {
        let region = Region::new(pool, "zone");
        let zone = Zone::parse(text, &region);
        if let Err(error) = &zone {
            assert!(error.line as usize <= text.lines().count() + 1, "{error}");
        }
        work(zone);
    });
}

/// A query for the whole zone.
fn query(zone: &Zone<'_>) -> Vec<u8> {
    let mut buffer = [0; 512];
    let mut writer = MessageWriter::new(&mut buffer, 1, Flags(0)).unwrap();
    writer.question(zone.origin().view(), RecordType::AXFR, CLASS_IN).unwrap();
    writer.finish().to_vec()
}

fn ask(zone: &Zone<'_>, query: &[u8], transport: Transport) {
    let zones = [*zone];
    let authority = Authority::new(&zones);
    let mut buffer = vec![0; MAX_MESSAGE];
    let is_stream = matches!(transport, Transport::Stream { .. });
    match authority.act(query, transport, &mut buffer) {
        Action::Ignore => assert!(server_failure(query).is_none(), "a query is ignored"),
        Action::Grow => panic!("an answer is longer than any may be"),
        Action::Send(answer, kind) => {
            let message = Message::parse(answer).expect("an answer can be read");
            assert!(message.flags().has(Flags::RESPONSE) && query[2] & 0x80 == 0);
            assert_eq!(answer[..2], query[..2]);
            let edns = Message::parse(query).ok().and_then(|query| query.edns_payload());
            let most = edns.map_or(512, |payload| payload.clamp(512, 1232));
            assert!(is_stream || answer.len() <= most.into(), "{} of {most}", answer.len());
            let is_short = matches!(
                kind,
                Kind::Truncated | Kind::Refused | Kind::Malformed | Kind::NotImplemented
            );
            assert!(!is_short || answer.len() <= query.len());
        }
        Action::Transfer(mut transfer) => {
            let (mut records, mut messages) = (0, 0);
            while let Some(message) = transfer.next(&mut buffer[..MIN_TRANSFER]) {
                let message = Message::parse(message).expect("a message of a transfer can be read");
                for record in message.records().filter(|record| record.kind != RecordType::OPT) {
                    records += 1;
                    if messages < 2 {
                        found(&authority, &record);
                    }
                }
                messages += 1;
            }
            assert!(transfer.is_done());
            assert_eq!(records, zone.len() + 1);
        }
    }
}

/// Asks for a record of a transfer: it is there, or belongs to another zone.
fn found(authority: &Authority<'_>, record: &::dns::wire::Record<'_>) {
    let (mut question, mut buffer) = ([0; 512], vec![0; MAX_MESSAGE]);
    let mut writer = MessageWriter::new(&mut question, 2, Flags(0)).unwrap();
    writer.question(record.name, record.kind, CLASS_IN).unwrap();
    let transport = Transport::Stream { may_transfer: false };
    let Action::Send(answer, kind) = authority.act(writer.finish(), transport, &mut buffer) else {
        panic!("no answer for {}", record.name);
    };
    let answer = Message::parse(answer).expect("an answer can be read");
    let is_there = answer.records().any(|one| one.name == record.name && one.data == record.data);
    assert!(is_there || kind == Kind::Referral, "{} {}", record.name, record.kind);
}
