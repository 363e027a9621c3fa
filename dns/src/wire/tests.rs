use std::{net::Ipv4Addr, string::ToString, vec::Vec};

use proptest::prelude::*;

use super::*;
use crate::Name;

fn name(text: &str) -> Name {
    text.parse().unwrap()
}

/// A response as a server sends it, with names that are compressed.
const RESPONSE: &[u8] = b"\x12\x34\x81\x80\0\x01\0\x02\0\x01\0\x01\
    \x03www\x07example\x03org\0\0\x01\0\x01\
    \xc0\x0c\0\x05\0\x01\0\0\x0e\x10\0\x06\x03cdn\xc0\x10\
    \xc0\x2d\0\x01\0\x01\0\0\0\x3c\0\x04\xc0\0\x02\x07\
    \xc0\x10\0\x02\0\x01\0\0\x0e\x10\0\x05\x02ns\xc0\x10\
    \0\0\x29\x04\xd0\0\0\0\0\0\0";

#[test]
fn parse() {
    let message = Message::parse(RESPONSE).unwrap();
    assert_eq!((message.header.id.get(), message.flags()), (0x1234, Flags(0x8180)));
    assert!(message.flags().has(Flags::RESPONSE | Flags::RECURSION_AVAILABLE));
    assert!(!message.flags().has(Flags::TRUNCATED | Flags::RESPONSE));
    assert_eq!((message.rcode(), message.edns_payload()), (Rcode::NO_ERROR, Some(1232)));
    let question = message.question().unwrap();
    assert_eq!((question.kind, question.class), (RecordType::A, CLASS_IN));
    assert_eq!(question.name, name("WWW.example.org"));
    let records: Vec<_> = message.records().collect();
    assert_eq!(records.len(), 4);
    let (alias, address) = (name("cdn.example.org"), Ipv4Addr::new(192, 0, 2, 7));
    assert_eq!(records[0].data, Data::Cname(alias.view()));
    assert_eq!((records[0].ttl, records[1].ttl), (3600, 60));
    assert_eq!((records[1].name, records[1].data), (alias.view(), Data::A(address)));
    assert_eq!(records[2].data, Data::Ns(name("ns.example.org").view()));
    assert_eq!(records[3].section, Section::Additional);
    assert_eq!(message.section(Section::Authority).count(), 1);
}

#[test]
fn a_message_that_ends_too_early_is_refused() {
    for length in 0..RESPONSE.len() {
        assert!(Message::parse(&RESPONSE[..length]).is_err(), "{length}");
    }
}

#[test]
fn each_type_is_written_and_read() {
    let (one, other) = (name("a.example"), name("b.example"));
    let soa = Soa {
        server: one.view(),
        mailbox: other.view(),
        serial: 1,
        refresh: 2,
        retry: 3,
        expire: 4,
        minimum: 5,
    };
    let texts = Strings::parse(b"\x02ab\0\x01c").unwrap();
    let all = [
        (RecordType::A, Data::A(Ipv4Addr::new(192, 0, 2, 7))),
        (RecordType::AAAA, Data::Aaaa("2001:db8::7".parse().unwrap())),
        (RecordType::CNAME, Data::Cname(one.view())),
        (RecordType::NS, Data::Ns(one.view())),
        (RecordType::PTR, Data::Ptr(one.view())),
        (RecordType::MX, Data::Mx(10, one.view())),
        (RecordType::SOA, Data::Soa(soa)),
        (RecordType::TXT, Data::Txt(texts)),
        (RecordType(65), Data::Other(b"any")),
    ];
    let mut buffer = [0; 1024];
    let mut writer = MessageWriter::new(&mut buffer, 7, Flags(Flags::RESPONSE)).unwrap();
    for (kind, data) in all {
        writer.record(Section::Answer, one.view(), (kind, CLASS_IN), 9, data).unwrap();
    }
    writer.opt(1232).unwrap();
    let message = Message::parse(writer.finish()).unwrap();
    let read: Vec<_> = message.section(Section::Answer).collect();
    assert_eq!(read.len(), all.len());
    for (record, (kind, data)) in read.iter().zip(all) {
        assert_eq!((record.kind, record.data, record.ttl), (kind, data, 9));
        assert_eq!(record.name, one);
    }
    assert_eq!(texts.iter().collect::<Vec<_>>(), [&b"ab"[..], b"", b"c"]);
    assert!(message.question().is_none());
}

#[test]
fn data_has_the_length_of_its_type() {
    for (kind, data) in [
        (RecordType::A, &b"\x01\x02\x03"[..]),
        (RecordType::A, b"\x01\x02\x03\x04\x05"),
        (RecordType::AAAA, &[0; 15]),
        (RecordType::CNAME, b"\x01a\0\0"),
        (RecordType::CNAME, b""),
        (RecordType::CNAME, b"\x01a"),
        (RecordType::MX, b"\0\x01"),
        (RecordType::MX, b"\0\x01\0\0"),
        (RecordType::SOA, &[0; 21]),
        (RecordType::SOA, &[0; 23]),
        (RecordType::TXT, b""),
        (RecordType::TXT, b"\x02a"),
    ] {
        let mut buffer = [0; 128];
        let mut writer = MessageWriter::new(&mut buffer, 7, Flags(Flags::RESPONSE)).unwrap();
        let (root, class) = (Name::ROOT, CLASS_IN);
        writer.record(Section::Answer, root.view(), (kind, class), 0, Data::Other(data)).unwrap();
        // What follows is not taken for the rest of the data.
        let bytes = [writer.finish(), &[0; 30]].concat();
        let error = Message::parse(&bytes).unwrap_err();
        assert!(
            matches!(error, ParseError::Data(_) | ParseError::Short),
            "{kind} {data:?} {error}"
        );
    }
}

/// RFC 6891 6.1.1, 6.1.2, 6.1.3.
#[test]
fn there_is_one_record_of_edns_and_it_has_the_upper_bits_of_the_status() {
    let opt = |section: Section, owner: Name, ttl: u32, times: usize| {
        let mut buffer = [0; 128];
        let mut writer = MessageWriter::new(&mut buffer, 7, Flags(Flags::RESPONSE)).unwrap();
        for _ in 0..times {
            let kind = (RecordType::OPT, 512);
            writer.record(section, owner.view(), kind, ttl, Data::Other(&[])).unwrap();
        }
        Message::parse(writer.finish()).map(|message| (message.rcode(), message.edns_payload()))
    };
    let good = opt(Section::Additional, Name::ROOT, 0x0100_0000, 1);
    assert_eq!(good, Ok((Rcode::BAD_VERSION, Some(512))));
    assert_eq!(opt(Section::Additional, Name::ROOT, 0, 2), Err(ParseError::Opt));
    assert_eq!(opt(Section::Answer, Name::ROOT, 0, 1), Err(ParseError::Opt));
    assert_eq!(opt(Section::Additional, name("a"), 0, 1), Err(ParseError::Opt));
    assert_eq!(opt(Section::Additional, Name::ROOT, 0, 0), Ok((Rcode::NO_ERROR, None)));
}

#[test]
fn what_does_not_fit_is_not_written() {
    let long = name("a.long.name.example");
    let mut buffer = [0; 40];
    let mut writer = MessageWriter::new(&mut buffer, 7, Flags(0)).unwrap();
    assert_eq!(writer.question(long.view(), RecordType::A, CLASS_IN), Ok(()));
    assert_eq!(writer.opt(1232), Err(WriteError::NoRoom));
    let message = Message::parse(writer.finish()).unwrap();
    assert_eq!((message.edns_payload(), message.records().count()), (None, 0));
    assert_eq!(message.question().unwrap().name, long);
    assert_eq!(MessageWriter::new(&mut [0; 11], 7, Flags(0)).unwrap_err(), WriteError::NoRoom);
}

#[test]
fn sections_are_written_in_their_order() {
    let mut buffer = [0; 128];
    let mut writer = MessageWriter::new(&mut buffer, 7, Flags(0)).unwrap();
    writer.opt(1232).unwrap();
    let root = Name::ROOT;
    assert_eq!(writer.question(root.view(), RecordType::A, 1), Err(WriteError::Order));
    let kind = (RecordType(65), CLASS_IN);
    let written = writer.record(Section::Answer, root.view(), kind, 0, Data::Other(&[]));
    assert_eq!(written, Err(WriteError::Order));
}

#[test]
fn types_and_statuses_are_shown_in_words() {
    assert_eq!([RecordType::AAAA, RecordType(65)].map(|kind| kind.to_string()), ["AAAA", "TYPE65"]);
    assert_eq!(
        [Rcode::NAME_ERROR, Rcode(23)].map(|code| code.to_string()),
        ["NXDOMAIN", "status 23"]
    );
    assert_eq!(Flags(0x2800).opcode(), 5);
}

/// Reads everything that is in a message.
fn walk(bytes: &[u8]) -> usize {
    let Ok(message) = Message::parse(bytes) else { return 0 };
    let counts = [message.header.answers, message.header.authorities, message.header.additionals];
    let expected: usize = counts.iter().map(|count| usize::from(count.get())).sum();
    let mut seen = 0;
    for record in message.records() {
        seen += 1;
        assert!(record.name.to_string().len() <= 4 * 255);
        if let Data::Soa(soa) = record.data {
            assert!(soa.server.to_name().as_bytes().len() <= 255);
        }
    }
    assert_eq!(seen, expected);
    seen
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn any_bytes_are_a_message_or_are_refused(
        counts in prop::collection::vec(0_u8..4, 4),
        bytes in prop::collection::vec(prop_oneof![0_u8..4, 0xc0_u8..0xc1, any::<u8>()], 0..300),
    ) {
        let mut message = Vec::from([0, 1, 0x80, 0]);
        message.extend(counts.iter().flat_map(|count| [0, *count]));
        message.extend(bytes);
        walk(&message);
    }

    #[test]
    fn a_changed_message_is_a_message_or_is_refused(
        changes in prop::collection::vec((0..RESPONSE.len(), any::<u8>()), 1..6),
    ) {
        let mut message = RESPONSE.to_vec();
        for (at, byte) in changes {
            message[at] = byte;
        }
        walk(&message);
    }

    #[test]
    fn what_is_written_is_read(
        labels in prop::collection::vec("[a-z]{1,9}", 1..6),
        addresses in prop::collection::vec((any::<u32>(), any::<u32>()), 0..8),
        id in any::<u16>(),
        kind in any::<u16>(),
    ) {
        let owner = name(&labels.join("."));
        let mut buffer = [0; 1024];
        let mut writer = MessageWriter::new(&mut buffer, id, Flags(Flags::RESPONSE)).unwrap();
        writer.question(owner.view(), RecordType(kind), CLASS_IN).unwrap();
        for &(address, ttl) in &addresses {
            let data = Data::A(address.into());
            let kind = (RecordType::A, CLASS_IN);
            writer.record(Section::Answer, owner.view(), kind, ttl, data).unwrap();
        }
        let message = Message::parse(writer.finish()).unwrap();
        prop_assert_eq!(message.header.id.get(), id);
        prop_assert_eq!(message.question().unwrap().kind, RecordType(kind));
        prop_assert_eq!(message.question().unwrap().name, owner);
        let read: Vec<_> = message.records().map(|record| (record.data, record.ttl)).collect();
        let written: Vec<_> = addresses.iter().map(|&(a, ttl)| (Data::A(a.into()), ttl)).collect();
        prop_assert_eq!(read, written);
    }
}
