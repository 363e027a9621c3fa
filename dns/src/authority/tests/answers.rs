//! What is answered (RFC 1034 4.3.2).

use super::*;

const SOA: &str = "ns example.org 300 SOA ns1.example.org hostmaster.example.org 2026112901 300";

/// RFC 1034 4.3.2, step 3a.
#[test]
fn a_name_with_such_records_is_answered_by_them() {
    assert_eq!(
        ask("www.example.org", RecordType::A),
        ["NOERROR aa", "an www.example.org 3600 A 192.0.2.7"]
    );
    assert_eq!(
        ask("www.example.org", RecordType::AAAA),
        ["NOERROR aa", "an www.example.org 3600 AAAA 2001:db8::7"]
    );
    assert_eq!(
        ask("www.example.org", RecordType::TXT),
        ["NOERROR aa", r"an www.example.org 3600 TXT \x06a site"]
    );
    assert_eq!(
        ask("example.org", RecordType::SOA),
        ["NOERROR aa", &SOA.replace("ns example.org 300", "an example.org 3600")]
    );
}

/// The whole message, with all its pointers (RFC 1035 4.1.4).
#[test]
fn an_answer_is_these_bytes() {
    let (message, kind) = send(&query("www.example.org", RecordType::A), Transport::Datagram);
    let literal = b"\x12\x34\x85\0\0\x01\0\x01\0\0\0\0\x03www\x07example\x03org\0\0\x01\0\x01\
        \xc0\x0c\0\x01\0\x01\0\0\x0e\x10\0\x04\xc0\0\x02\x07";
    assert_eq!(
        (message.escape_ascii().to_string(), kind),
        (literal.escape_ascii().to_string(), Kind::Answer)
    );
    let (message, _) = send(&query("example.org", RecordType::MX), Transport::Datagram);
    let literal = b"\x12\x34\x85\0\0\x01\0\x01\0\0\0\x01\x07example\x03org\0\0\x0f\0\x01\
        \xc0\x0c\0\x0f\0\x01\0\0\x0e\x10\0\x09\0\x0a\x04mail\xc0\x0c\
        \xc0\x2b\0\x01\0\x01\0\0\x0e\x10\0\x04\xc0\0\x02\x02";
    assert_eq!(message.escape_ascii().to_string(), literal.escape_ascii().to_string());
}

/// RFC 4343 3, 4.1: the name of the question comes back as it was written.
#[test]
fn upper_and_lower_case_are_equal() {
    let all = ask("wWw.EXAMPLE.org", RecordType::A);
    assert_eq!(all, ["NOERROR aa", "an wWw.EXAMPLE.org 3600 A 192.0.2.7"]);
}

/// RFC 1034 4.3.2, step 6: addresses of the names in an answer.
#[test]
fn addresses_of_servers_are_added() {
    assert_eq!(
        ask("example.org", RecordType::NS),
        [
            "NOERROR aa",
            "an example.org 3600 NS ns.example.net",
            "an example.org 3600 NS ns1.example.org",
            "ar ns1.example.org 3600 A 192.0.2.1",
            "ar ns1.example.org 3600 AAAA 2001:db8::1",
        ]
    );
}

/// RFC 1034 4.3.2, step 3a; RFC 1034 3.6.2.
#[test]
fn aliases_are_followed_within_the_zone() {
    assert_eq!(
        ask("web.example.org", RecordType::A),
        [
            "NOERROR aa",
            "an web.example.org 3600 CNAME www.example.org",
            "an www.example.org 3600 A 192.0.2.7",
        ]
    );
    let of = |kind| ask("first.example.org", kind).len();
    assert_eq!((of(RecordType::A), of(RecordType::CNAME)), (5, 2));
    assert_eq!(
        ask("far.example.org", RecordType::A),
        ["NOERROR aa", "an far.example.org 3600 CNAME www.example.net",]
    );
}

/// RFC 2308 2.1, 2.2: with aliases, the status is about the last name.
#[test]
fn an_alias_may_lead_to_nothing() {
    assert_eq!(
        ask("gone.example.org", RecordType::A),
        ["NXDOMAIN aa", "an gone.example.org 3600 CNAME nothing.example.org", SOA,]
    );
    assert_eq!(
        ask("web.example.org", RecordType::MX),
        ["NOERROR aa", "an web.example.org 3600 CNAME www.example.org", SOA,]
    );
}

/// RFC 2308 2, 3: with the start of the zone, for the shorter of its two times.
#[test]
fn what_does_not_exist_is_said_with_the_start_of_the_zone() {
    assert_eq!(ask("nothing.example.org", RecordType::A), ["NXDOMAIN aa", SOA]);
    assert_eq!(ask("below.www.example.org", RecordType::A), ["NXDOMAIN aa", SOA]);
    assert_eq!(ask("www.example.org", RecordType::MX), ["NOERROR aa", SOA]);
    assert_eq!(ask("www.example.org", RecordType(65)), ["NOERROR aa", SOA]);
    let of = |text, kind| send(&query(text, kind), Transport::Datagram).1;
    assert_eq!(of("nothing.example.org", RecordType::A), Kind::NameError);
    assert_eq!(of("www.example.org", RecordType::MX), Kind::NoData);
}

/// RFC 4592 2.2.2, RFC 8020 2.
#[test]
fn a_name_exists_if_there_is_one_below_it() {
    for text in ["b.c.example.org", "c.example.org"] {
        assert_eq!(ask(text, RecordType::A), ["NOERROR aa", SOA], "{text}");
    }
    assert_eq!(ask("x.c.example.org", RecordType::A), ["NXDOMAIN aa", SOA]);
}

/// RFC 4592 2.2.1, 3.3.
#[test]
fn a_wildcard_stands_for_names_that_do_not_exist() {
    for text in ["x.wild.example.org", "a.b.c.wild.example.org"] {
        let record = format!("an {text} 3600 A 192.0.2.8");
        assert_eq!(ask(text, RecordType::A), ["NOERROR aa", &record]);
    }
    assert_eq!(
        ask("x.wild.example.org", RecordType::MX)[1],
        "an x.wild.example.org 3600 MX 20 mail.example.org"
    );
    // No such type.
    assert_eq!(ask("x.wild.example.org", RecordType::TXT), ["NOERROR aa", SOA]);
    // The names exist, and so do names between them and the wildcard.
    assert_eq!(ask("here.wild.example.org", RecordType::A), ["NOERROR aa", SOA]);
    assert_eq!(ask("below.here.wild.example.org", RecordType::A), ["NXDOMAIN aa", SOA]);
    assert_eq!(ask("wild.example.org", RecordType::A), ["NOERROR aa", SOA]);
    // It can be asked for itself.
    assert_eq!(
        ask("*.wild.example.org", RecordType::A)[1],
        "an *.wild.example.org 3600 A 192.0.2.8"
    );
}

/// RFC 4592 3.3.1, 4.4.
#[test]
fn a_wildcard_may_be_an_alias() {
    assert_eq!(
        ask("x.to.example.org", RecordType::A),
        [
            "NOERROR aa",
            "an x.to.example.org 3600 CNAME www.example.org",
            "an www.example.org 3600 A 192.0.2.7",
        ]
    );
}

/// RFC 1034 4.3.2, step 3b; RFC 9471 3.1: addresses that nobody else has are there.
#[test]
fn other_servers_are_named_for_a_zone_below() {
    let referral = [
        "NOERROR",
        "ns sub.example.org 3600 NS ns.sub.example.org",
        "ns sub.example.org 3600 NS ns.example.net",
        "ns sub.example.org 3600 NS ns1.example.org",
        "ar ns.sub.example.org 3600 A 192.0.2.11",
        "ar ns1.example.org 3600 A 192.0.2.1",
        "ar ns1.example.org 3600 AAAA 2001:db8::1",
    ];
    let asked =
        ["sub.example.org", "x.sub.example.org", "ns.sub.example.org", "a.b.Sub.example.org"];
    for text in asked {
        let mut answer = ask(text, RecordType::A);
        answer
            .sort_by_key(|line| referral.iter().position(|known| known.eq_ignore_ascii_case(line)));
        assert_eq!(answer.len(), referral.len());
        assert!(
            answer.iter().zip(referral).all(|(one, other)| one.eq_ignore_ascii_case(other)),
            "{answer:?}"
        );
        assert_eq!(send(&query(text, RecordType::NS), Transport::Datagram).1, Kind::Referral);
    }
    // The alias is ours, and where it leads to is not.
    let answer = ask("down.example.org", RecordType::A);
    assert_eq!(answer[..2], ["NOERROR aa", "an down.example.org 3600 CNAME host.sub.example.org"]);
    assert_eq!(answer.len(), 2 + 6);
    // RFC 4035 3.1.4.1: the keys of a zone below are the business of the one above.
    assert_eq!(ask("sub.example.org", RecordType::DS), ["NOERROR aa", SOA]);
    assert_eq!(ask("x.sub.example.org", RecordType::DS)[0], "NOERROR");
}

/// RFC 1034 4.3.2, step 2.
#[test]
fn the_zone_that_begins_furthest_down_answers() {
    assert_eq!(
        ask("x.deep.wild.example.org", RecordType::A)[1],
        "an x.deep.wild.example.org 7 A 192.0.2.99"
    );
    assert_eq!(ask("y.deep.wild.example.org", RecordType::A)[0], "NXDOMAIN aa");
    for text in ["example.net", "org", ".", "example.org.net", "notexample.org"] {
        assert_eq!(ask(text, RecordType::A), ["REFUSED"], "{text}");
    }
}

/// RFC 8482 4.1: one set of records.
#[test]
fn any_type_is_answered_by_one() {
    assert_eq!(
        ask("www.example.org", RecordType::ANY),
        ["NOERROR aa", "an www.example.org 3600 A 192.0.2.7"]
    );
    assert_eq!(
        ask("web.example.org", RecordType::ANY),
        ["NOERROR aa", "an web.example.org 3600 CNAME www.example.org"]
    );
    assert_eq!(ask("c.example.org", RecordType::ANY), ["NOERROR aa", SOA]);
    assert_eq!(ask("nothing.example.org", RecordType::ANY), ["NXDOMAIN aa", SOA]);
    let (message, _) = send(&query("example.org", RecordType::ANY), NO_TRANSFER);
    assert_eq!(lines(&message).len(), 1 + 2 + 2);
}
