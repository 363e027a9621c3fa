//! Transfers of zones (RFC 5936).

use super::*;

const MAY: Transport = Transport::Stream { may_transfer: true };

/// The messages of a transfer, in a buffer of this length.
fn transfer(query: &[u8], length: usize) -> Vec<Vec<u8>> {
    let mut buffer = vec![0; MAX_MESSAGE];
    let Action::Transfer(mut transfer) = authority().act(query, MAY, &mut buffer) else {
        panic!("no transfer");
    };
    let mut messages = Vec::new();
    while let Some(message) = transfer.next(&mut buffer[..length]) {
        assert!(message.len() <= length);
        messages.push(message.to_vec());
    }
    assert!(transfer.is_done());
    messages
}

/// RFC 5936 2.2, 3.1 to 3.3: the start of the zone first and last, and each record once in between, also those that are below other
/// zones.
#[test]
fn a_zone_is_sent_between_its_start() {
    let messages = transfer(&query("example.org", RecordType::AXFR), MAX_MESSAGE);
    assert_eq!(messages.len(), 1);
    let all = lines(&messages[0]);
    assert_eq!(all[0], "NOERROR aa");
    let start = "an example.org 3600 SOA ns1.example.org hostmaster.example.org 2026112901 300";
    assert_eq!((&*all[1], &*all[all.len() - 1]), (start, start));
    let mut between = all[2..all.len() - 1].to_vec();
    assert_eq!(between.len(), ZONE.lines().count() - 4);
    between.sort();
    between.dedup();
    assert_eq!(between.len(), ZONE.lines().count() - 4);
    for record in [
        "an ns.sub.example.org 3600 A 192.0.2.11",
        "an *.wild.example.org 3600 A 192.0.2.8",
        // RFC 5936 3.4: as it was written.
        "an Web.example.org 3600 CNAME www.example.org",
        "an example.org 3600 NS ns1.example.org",
    ] {
        assert!(between.iter().any(|line| line == record), "{record}");
    }
}

/// RFC 5936 2.2: in several messages, of which the first has the question.
#[test]
fn a_long_zone_takes_several_messages() {
    let messages =
        transfer(&with_edns(query("LONG.example", RecordType::AXFR), EDNS), MIN_TRANSFER);
    assert!((2..10).contains(&messages.len()), "{}", messages.len());
    let mut records = Vec::new();
    for (index, message) in messages.iter().enumerate() {
        let parsed = Message::parse(message).unwrap();
        assert_eq!(parsed.header.id.get(), 0x1234);
        assert_eq!(
            parsed.flags(),
            Flags(Flags::RESPONSE | Flags::AUTHORITATIVE | Flags::RECURSION_DESIRED)
        );
        assert_eq!(parsed.question().is_some(), index == 0);
        assert_eq!(parsed.edns().is_some(), index == 0);
        records.extend(lines(message).into_iter().skip(1));
    }
    let zone = authority().zones[1].len();
    assert_eq!(records.len(), zone + 1);
    assert_eq!(records[0], records[zone]);
    records.pop();
    records.sort();
    records.dedup();
    assert_eq!(records.len(), zone);
}

/// RFC 1995 4: where what has changed is not known, the whole zone is sent; 2: by UDP, its start.
#[test]
fn what_has_changed_is_the_whole_zone() {
    let asks = query("example.org", RecordType::IXFR);
    assert_eq!(transfer(&asks, MAX_MESSAGE).len(), 1);
    assert_eq!(ask("example.org", RecordType::IXFR).len(), 2);
}

/// RFC 5936 5: nobody gets a zone who was not named.
#[test]
fn who_may_not_is_refused() {
    for kind in [RecordType::AXFR, RecordType::IXFR] {
        let (answer, kind) = send(&query("example.org", kind), NO_TRANSFER);
        assert_eq!((lines(&answer), kind), (vec!["REFUSED".into()], Kind::Refused));
    }
}

#[test]
fn where_there_are_too_many_the_header_says_so() {
    let mut buffer = vec![0; MAX_MESSAGE];
    let asks = query("example.org", RecordType::AXFR);
    let Action::Transfer(transfer) = authority().act(&asks, MAY, &mut buffer) else { panic!() };
    assert_eq!(transfer.refused(), [0x12, 0x34, 0x81, 2, 0, 0, 0, 0, 0, 0, 0, 0]);
}

/// RFC 5936 2.2.1.
#[test]
fn only_a_zone_can_be_transferred() {
    let (answer, kind) = send(&query("www.example.org", RecordType::AXFR), MAY);
    assert_eq!((lines(&answer), kind), (vec!["NOTAUTH".into()], Kind::NotAuthoritative));
    assert_eq!(send(&query("example.net", RecordType::AXFR), MAY).1, Kind::Refused);
}
