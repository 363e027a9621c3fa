//! Which messages are answered, and how long answers are.

use super::*;

const HEADER_ONLY: usize = HEADER_LEN;

fn rcode(message: &[u8]) -> Rcode {
    Message::parse(message).unwrap().rcode()
}

/// What is not a query is not answered: two servers would answer each other for ever.
#[test]
fn responses_and_what_is_no_message_are_ignored() {
    let mut buffer = [0; 1232];
    let mut response = query("www.example.org", RecordType::A);
    response[2] |= 0x80;
    for message in [&response[..], b"", b"\x12\x34\0\0\0\x01\0\0\0\0\0"] {
        let action = authority().act(message, Transport::Datagram, &mut buffer);
        assert!(matches!(action, Action::Ignore), "{action:?}");
    }
}

/// RFC 1035 4.1.1: status 1.
#[test]
fn a_query_that_cannot_be_read_is_a_format_error() {
    let good = query("www.example.org", RecordType::A);
    let two = {
        let mut two = good.clone();
        two[5] = 2;
        two.extend_from_slice(&good[HEADER_LEN..]);
        two
    };
    let none = b"\x12\x34\x01\0\0\0\0\0\0\0\0\0".to_vec();
    for message in [good[..good.len() - 1].to_vec(), two, none] {
        let (answer, kind) = send(&message, Transport::Datagram);
        assert_eq!(answer, b"\x12\x34\x81\x01\0\0\0\0\0\0\0\0");
        assert_eq!((answer.len(), kind), (HEADER_ONLY, Kind::Malformed));
    }
    for kind in [0, 41, 252] {
        let (answer, _) = send(&query("example.org", RecordType(kind)), Transport::Datagram);
        assert_eq!(rcode(&answer), Rcode::FORMAT_ERROR, "{kind}");
    }
}

/// RFC 1035 4.1.1: status 2.
#[test]
fn without_memory_the_header_says_so() {
    let mut message = query("www.example.org", RecordType::A);
    assert_eq!(server_failure(&message), Some([0x12, 0x34, 0x81, 2, 0, 0, 0, 0, 0, 0, 0, 0]));
    message[2] |= 0x80;
    assert_eq!((server_failure(&message), server_failure(b"\x12\x34")), (None, None));
}

/// RFC 1035 4.1.1: status 4.
#[test]
fn other_kinds_of_queries_are_not_implemented() {
    for opcode in 1..16 {
        let mut message = query("www.example.org", RecordType::A);
        message[2] |= opcode << 3;
        let (answer, kind) = send(&message, Transport::Datagram);
        assert_eq!(answer, [0x12, 0x34, 0x81 | opcode << 3, 4, 0, 0, 0, 0, 0, 0, 0, 0]);
        assert_eq!(kind, Kind::NotImplemented);
    }
    for kind in [128, 249, 250, 253, 254] {
        let (answer, _) = send(&query("example.org", RecordType(kind)), Transport::Datagram);
        assert_eq!(rcode(&answer), Rcode::NOT_IMPLEMENTED, "{kind}");
    }
}

#[test]
fn other_classes_are_refused() {
    for class in [3, 4, 254, 255] {
        let mut message = query("www.example.org", RecordType::A);
        let last = message.len() - 1;
        message[last] = class;
        assert_eq!(rcode(&send(&message, Transport::Datagram).0), Rcode::REFUSED, "{class}");
    }
}

/// RFC 1035 4.1.1: what is repeated of the query, and what is not.
#[test]
fn the_header_repeats_what_it_has_to() {
    let mut message = query("www.example.org", RecordType::A);
    (message[2], message[3]) = (0x07, 0xf0);
    let (answer, _) = send(&message, Transport::Datagram);
    assert_eq!(answer[..4], [0x12, 0x34, 0x85, 0x00]);
    message[2] = 0;
    assert_eq!(send(&message, Transport::Datagram).0[..4], [0x12, 0x34, 0x84, 0x00]);
}

/// RFC 6891 6.1.1, 6.1.2, 6.2.5; RFC 3225 3.
#[test]
fn edns_is_answered_by_edns() {
    let plain = query("www.example.org", RecordType::A);
    assert_eq!(Message::parse(&send(&plain, Transport::Datagram).0).unwrap().edns(), None);
    let asks = Edns { payload: 4096, version: 0, flags: 0xffff };
    let (answer, _) = send(&with_edns(plain.clone(), asks), Transport::Datagram);
    let says = Edns { payload: 1232, version: 0, flags: Edns::DNSSEC_OK };
    assert_eq!(Message::parse(&answer).unwrap().edns(), Some(says));
    assert!(answer.ends_with(b"\0\0\x29\x04\xd0\0\0\x80\0\0\0"));
    // Also if there is no answer, and by TCP.
    let other = with_edns(query("example.net", RecordType::A), EDNS);
    for transport in [Transport::Datagram, NO_TRANSFER] {
        let (answer, _) = send(&other, transport);
        assert_eq!(Message::parse(&answer).unwrap().edns_payload(), Some(1232));
        assert_eq!(rcode(&answer), Rcode::REFUSED);
    }
}

/// RFC 6891 6.1.3.
#[test]
fn another_version_of_edns_is_refused_with_ours() {
    let asks = Edns { payload: 4096, version: 1, flags: 0 };
    let (answer, kind) =
        send(&with_edns(query("www.example.org", RecordType::A), asks), Transport::Datagram);
    assert_eq!((rcode(&answer), kind), (Rcode::BAD_VERSION, Kind::BadVersion));
    assert_eq!(Message::parse(&answer).unwrap().edns().unwrap().version, 0);
    assert_eq!(lines(&answer), ["BADVERS"]);
}

/// RFC 1035 2.3.4, 4.2.1; RFC 6891 6.2.3, 6.2.4; RFC 2181 9.
#[test]
fn what_does_not_fit_into_a_datagram_is_truncated() {
    let many = query("many.long.example", RecordType::A);
    let (answer, kind) = send(&many, Transport::Datagram);
    assert_eq!((lines(&answer), kind), (vec!["NOERROR tc".into()], Kind::Truncated));
    assert_eq!(answer.len(), many.len());
    // 40 addresses have 675 bytes, and EDNS 11.
    for (payload, count) in
        [(0, 0), (511, 0), (512, 0), (685, 0), (686, 40), (1232, 40), (65_535, 40)]
    {
        let asks = Edns { payload, ..EDNS };
        let (answer, _) = send(&with_edns(many.clone(), asks), Transport::Datagram);
        let answers = Message::parse(&answer).unwrap().section(Section::Answer).count();
        assert_eq!(answers, count, "{payload}");
        assert!(answer.len() <= usize::from(payload).max(512));
    }
    // 100 have 1,635: no datagram is longer than 1,232.
    let more = with_edns(query("more.long.example", RecordType::A), EDNS);
    assert_eq!(send(&more, Transport::Datagram).1, Kind::Truncated);
    let (answer, _) = send(&more, NO_TRANSFER);
    assert_eq!(Message::parse(&answer).unwrap().section(Section::Answer).count(), 100);
}

/// RFC 9471 3.1, 3.2: addresses that nobody else has are there, or the answer is truncated.
#[test]
fn a_referral_without_the_addresses_that_it_needs_is_truncated() {
    let asks = with_edns(query("x.sub.long.example", RecordType::A), EDNS);
    assert_eq!(send(&asks, Transport::Datagram).1, Kind::Truncated);
    let (answer, kind) = send(&asks, NO_TRANSFER);
    assert_eq!((kind, lines(&answer).len()), (Kind::Referral, 1 + 60 + 60));
}

/// RFC 2181 9: what is there beside may be left out.
#[test]
fn what_is_there_beside_is_left_out_where_it_does_not_fit() {
    let (answer, kind) = send(&query("mail.long.example", RecordType::MX), Transport::Datagram);
    assert_eq!(kind, Kind::Truncated);
    let asks = with_edns(query("mail.long.example", RecordType::MX), Edns { payload: 900, ..EDNS });
    let (longer, kind) = send(&asks, Transport::Datagram);
    let message = Message::parse(&longer).unwrap();
    let count = |section| message.section(section).count();
    assert_eq!((kind, count(Section::Answer)), (Kind::Answer, 30));
    assert!((2..16).contains(&count(Section::Additional)), "{}", count(Section::Additional));
    assert!(longer.len() <= 900 && longer.len() > 900 - 32 && answer.len() < 512);
}

/// A buffer that is too short is said to be so.
#[test]
fn by_tcp_an_answer_is_never_truncated() {
    let asks = query("more.long.example", RecordType::A);
    let mut buffer = [0; 1600];
    assert!(matches!(authority().act(&asks, NO_TRANSFER, &mut buffer), Action::Grow));
    let mut buffer = [0; 1700];
    assert!(matches!(
        authority().act(&asks, NO_TRANSFER, &mut buffer),
        Action::Send(_, Kind::Answer)
    ));
}

/// The answer over the limit is no longer than the query.
#[test]
fn over_the_limit_the_client_may_come_by_tcp() {
    let plain = query("www.example.org", RecordType::A);
    for asks in [plain.clone(), with_edns(plain, EDNS)] {
        let (answer, kind) = send(&asks, Transport::LimitedDatagram);
        assert_eq!((lines(&answer), kind), (vec!["NOERROR tc".into()], Kind::Truncated));
        assert_eq!(answer.len(), asks.len());
    }
}
