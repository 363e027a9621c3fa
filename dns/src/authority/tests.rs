mod answers;
mod hostile;
mod limits;
mod protocol;
mod transfers;

use std::{
    format,
    string::{String, ToString as _},
    vec,
    vec::Vec,
};

use testkit::program_memory;

use super::*;
use crate::{
    Name,
    wire::{Data, MessageWriter, Record, Section},
};

/// The zone of the tests.
const ZONE: &str = r#"
$ORIGIN example.org.
$TTL 1h
@        SOA   ns1 hostmaster (2026112901 1h 15m 1w 5m)
         NS    ns1
         NS    ns.example.net.
         MX    10 mail
ns1      A     192.0.2.1
         AAAA  2001:db8::1
mail     A     192.0.2.2
www      A     192.0.2.7
         AAAA  2001:db8::7
         TXT   "a site"
Web      CNAME www
far      CNAME www.example.net.
gone     CNAME nothing
down     CNAME host.sub
first    CNAME second
second   CNAME web
a.b.c    A     192.0.2.9
*.wild   A     192.0.2.8
         MX    20 mail
here.wild      TXT "no wildcard"
*.to     CNAME www
sub      NS    ns.sub
         NS    ns1
         NS    ns.example.net.
ns.sub   A     192.0.2.11
"#;

/// A zone with what is too long for datagrams: 40 addresses, and 60 servers with their addresses.
fn long_zone() -> String {
    let mut text = String::from(
        "$ORIGIN long.example.\n$TTL 1h\n@ SOA ns h 1 2 3 4 5\n NS ns\nns A 192.0.2.1\n",
    );
    for number in 0..40 {
        text += &format!("many A 198.51.100.{number}\n");
    }
    for number in 0..100 {
        text += &format!("more A 198.51.100.{number}\n");
    }
    for number in 0..60 {
        text += &format!("sub NS server{number}.sub\nserver{number}.sub A 192.0.2.{number}\n");
    }
    for number in 0..30 {
        text += &format!(
            "mail MX {number} server{number}.mail\nserver{number}.mail A 192.0.2.{number}\n"
        );
    }
    text
}

/// An authority for the zone of the tests, the long one, and one below another.
fn authority() -> Authority<'static> {
    let region = program_memory(256);
    let below =
        "$ORIGIN deep.wild.example.org.\n$TTL 7\n@ SOA . . 1 2 3 4 5\n NS ns.\nx A 192.0.2.99\n";
    let long = String::leak(long_zone());
    let zones = [ZONE, long, below]
        .map(|text| Zone::parse(text, region).unwrap_or_else(|error| panic!("{error}")));
    Authority::new(Vec::leak(zones.to_vec()))
}

const NO_TRANSFER: Transport = Transport::Stream { may_transfer: false };

fn name(text: &str) -> Name {
    crate::zone::name(text).unwrap_or_else(|| panic!("{text}"))
}

/// A query with recursion desired.
fn query(text: &str, kind: RecordType) -> Vec<u8> {
    let mut buffer = [0; 512];
    let flags = Flags(Flags::RECURSION_DESIRED);
    let mut writer = MessageWriter::new(&mut buffer, 0x1234, flags).unwrap();
    writer.question(name(text).view(), kind, CLASS_IN).unwrap();
    writer.finish().to_vec()
}

/// The query with a record of EDNS.
fn with_edns(mut query: Vec<u8>, edns: Edns) -> Vec<u8> {
    query[11] += 1;
    query.extend(edns.to_bytes(0));
    query
}

const EDNS: Edns = Edns { payload: 4096, version: 0, flags: 0 };

/// What is sent as an answer.
fn send(query: &[u8], transport: Transport) -> (Vec<u8>, Kind) {
    let mut buffer = vec![0; MAX_MESSAGE];
    match authority().act(query, transport, &mut buffer) {
        Action::Send(message, kind) => (message.to_vec(), kind),
        other => panic!("{other:?}"),
    }
}

/// A record in a line.
fn shown(record: &Record<'_>) -> String {
    let data = match record.data {
        Data::A(address) => address.to_string(),
        Data::Aaaa(address) => address.to_string(),
        Data::Cname(name) | Data::Ns(name) | Data::Ptr(name) => name.to_string(),
        Data::Mx(preference, name) => format!("{preference} {name}"),
        Data::Soa(soa) => format!("{} {} {} {}", soa.server, soa.mailbox, soa.serial, soa.minimum),
        Data::Txt(texts) => texts.as_bytes().escape_ascii().to_string(),
        _ => format!("{:?}", record.data),
    };
    format!("{} {} {} {data}", record.name, record.ttl, record.kind)
}

/// A message as lines: the status with `aa` and `tc`, and the records with a letter for their section.
fn lines(message: &[u8]) -> Vec<String> {
    let message = Message::parse(message).unwrap();
    let mut first = message.rcode().to_string();
    for (flag, shown) in [(Flags::AUTHORITATIVE, " aa"), (Flags::TRUNCATED, " tc")] {
        if message.flags().has(flag) {
            first += shown;
        }
    }
    let section = |section| match section {
        Section::Answer => "an",
        Section::Authority => "ns",
        Section::Additional => "ar",
    };
    let records = message.records().filter(|record| record.kind != RecordType::OPT);
    let records = records.map(|record| format!("{} {}", section(record.section), shown(&record)));
    [first].into_iter().chain(records).collect()
}

/// The answer to a question by UDP, without EDNS, as lines.
fn ask(text: &str, kind: RecordType) -> Vec<String> {
    lines(&send(&query(text, kind), Transport::Datagram).0)
}
