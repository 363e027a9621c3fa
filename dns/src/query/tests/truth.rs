//! What counts as the answer (RFC 5452 9), and what of it is believed.

use std::{collections::BTreeSet, string::ToString};

use super::*;

/// A response with one field that is not the query's.
fn misfits(sent: &Sent) -> Vec<(Vec<u8>, Ignored)> {
    let rows = [a("www.example.org", 60, Ipv4Addr::new(203, 0, 113, 66))];
    let of = |sent: &Sent| response(sent, RESPONSE, &rows);
    let name = "ww.wexample.org".parse().unwrap();
    let mut class = of(sent);
    class[12 + 17 + 3] = 3;
    let mut two = of(sent);
    two[5] = 2;
    let mut opcode = of(sent);
    opcode[2] |= 0x20;
    let mut query = of(sent);
    query[2] &= 0x7f;
    Vec::from([
        (of(&Sent { id: sent.id ^ 1, ..*sent }), Ignored::OtherId),
        (of(&Sent { id: sent.id ^ 0x8000, ..*sent }), Ignored::OtherId),
        (of(&Sent { name, ..*sent }), Ignored::OtherQuestion),
        (of(&Sent { kind: RecordType::AAAA, ..*sent }), Ignored::OtherQuestion),
        (class, Ignored::OtherQuestion),
        (query, Ignored::NotAResponse),
        (opcode, Ignored::NotAResponse),
        (two, Ignored::Malformed(crate::wire::ParseError::Short)),
    ])
}

#[test]
fn an_answer_has_the_identification_and_the_question_of_the_query() {
    for at in 0..8 {
        let mut bench = Bench::new("www.example.org", 2);
        let sent = bench.sent();
        let (bytes, why) = misfits(&sent).swap_remove(at);
        let ignored = bench.query.input(sent.sending.server, &bytes).unwrap_err();
        if !matches!(why, Ignored::Malformed(_)) {
            assert_eq!(ignored, why, "{at}");
        }
        assert!(!ignored.to_string().is_empty());
        // The query waits as before.
        assert_eq!(bench.query.due(bench.now), Due::Wait(sent.sending.until));
        bench.respond(&sent, RESPONSE, &[a("www.example.org", 60, ANSWER)]);
        assert_eq!(bench.found().0, [ANSWER]);
    }
}

#[test]
fn an_answer_comes_from_the_address_and_the_port_that_was_asked() {
    let mut bench = Bench::new("www.example.org", 2);
    let sent = bench.sent();
    let bytes = response(&sent, RESPONSE, &[a("www.example.org", 60, ANSWER)]);
    for source in ["10.0.0.2:53", "10.0.0.1:54", "10.0.0.3:53", "[::1]:53"] {
        let source = source.parse().unwrap();
        assert_eq!(bench.query.input(source, &bytes), Err(Ignored::Stranger(source)));
    }
    bench.query.input(sent.sending.server, &bytes).unwrap();
    assert_eq!(bench.found().0, [ANSWER]);
    // Nothing is taken twice, or before something was sent.
    assert_eq!(bench.query.input(sent.sending.server, &bytes), Err(Ignored::Unexpected));
    let mut early = Bench::new("www.example.org", 2);
    assert_eq!(early.query.input(sent.sending.server, &bytes), Err(Ignored::Unexpected));
}

#[test]
fn an_answer_to_an_earlier_message_is_none() {
    let mut bench = Bench::new("www.example.org", 1);
    let first = bench.sent();
    bench.silence();
    let second = bench.sent();
    assert_ne!(first.id, second.id);
    let late = response(&first, RESPONSE, &[a("www.example.org", 60, ANSWER)]);
    assert_eq!(bench.query.input(first.sending.server, &late), Err(Ignored::OtherId));
    bench.respond(&second, RESPONSE, &[a("www.example.org", 60, ANSWER)]);
    assert_eq!(bench.found().0, [ANSWER]);
}

#[test]
fn the_question_is_equal_in_upper_and_lower_case() {
    let mut bench = Bench::new("www.Example.org", 1);
    let sent = bench.sent();
    let loud = Sent { name: name("WWW.EXAMPLE.ORG"), ..sent };
    bench.respond(&loud, RESPONSE, &[a("wWw.eXample.oRg", 60, ANSWER)]);
    assert_eq!(bench.found().0, [ANSWER]);
}

/// RFC 5452 9.2: identifications that nobody can predict, of the whole range.
#[test]
fn identifications_are_of_the_whole_range_and_nobody_knows_them() {
    let mut seen = BTreeSet::new();
    let mut ones = [0; 16];
    let mut same_step = 0;
    let mut last = [0_u16; 2];
    for secret in 0..40_000_u32 {
        let now = Instant::ZERO;
        let query = Query::new(now, name("a"), RecordType::A, servers(1), 0, secret.into());
        let id = Bench { query, now }.sent().id;
        seen.insert(id);
        (0..16).for_each(|bit| ones[bit] += u32::from(id >> bit & 1));
        same_step += u32::from(id.wrapping_sub(last[1]) == last[1].wrapping_sub(last[0]));
        last = [last[1], id];
    }
    // Of 65,536, 40,000 random draws leave 54 of a hundred unseen.
    assert!((29_000..31_000).contains(&seen.len()), "{}", seen.len());
    assert!(ones.iter().all(|ones| (19_000..21_000).contains(ones)), "{ones:?}");
    assert!(same_step < 10, "{same_step}");
    assert!(*seen.first().unwrap() < 10 && *seen.last().unwrap() > 65_525);
}

#[test]
fn where_somebody_guesses_the_query_goes_on_by_tcp() {
    let mut bench = Bench::new("www.example.org", 1);
    let sent = bench.sent();
    let guess = |bench: &mut Bench, index: u16| {
        let guessed = Sent { id: sent.id.wrapping_add(index), ..sent };
        let bytes = response(&guessed, RESPONSE, &[a("www.example.org", 60, ANSWER)]);
        bench.query.input(sent.sending.server, &bytes).unwrap_err();
    };
    // Strangers do not count: whoever cannot send from the server's address cannot guess.
    for _ in 0..1_000 {
        bench.query.input(([203, 0, 113, 1], 53).into(), b"").unwrap_err();
    }
    for index in 1..16 {
        guess(&mut bench, index);
        assert!(bench.query.is_waiting());
    }
    guess(&mut bench, 16);
    let again = bench.sent();
    assert_eq!(
        (again.sending.server, again.sending.transport),
        (sent.sending.server, Transport::Tcp)
    );
    assert_ne!(again.id, sent.id);
    bench.respond(&again, RESPONSE, &[a("www.example.org", 60, ANSWER)]);
    assert_eq!(bench.found().0, [ANSWER]);
}

#[test]
fn only_records_about_the_name_are_believed() {
    let mut bench = Bench::new("www.example.org", 1);
    let sent = bench.sent();
    let evil = Ipv4Addr::new(203, 0, 113, 66);
    let (ns, other) = (name("ns.example.org"), name("www.example.net"));
    bench.respond(
        &sent,
        RESPONSE,
        &[
            a("www.example.net", 60, evil),
            (Section::Answer, "www.example.net", 60, RecordType::CNAME, Data::Cname(ns.view())),
            a("example.org", 60, evil),
            a("a.www.example.org", 60, evil),
            a("www.example.org", 60, ANSWER),
            (Section::Authority, "www.example.org", 1, RecordType::A, Data::A(evil)),
            (Section::Authority, "example.org", 60, RecordType::NS, Data::Ns(other.view())),
            (Section::Additional, "www.example.org", 1, RecordType::A, Data::A(evil)),
            (Section::Additional, "www.example.net", 60, RecordType::A, Data::A(evil)),
        ],
    );
    assert_eq!(bench.found(), ([ANSWER.into()].to_vec(), 60));
}

#[test]
fn records_of_another_class_are_not_believed() {
    let mut bench = Bench::new("a.example", 1);
    let sent = bench.sent();
    let mut bytes = response(&sent, RESPONSE, &[a("a.example", 60, ANSWER)]);
    // The class of the record: behind the header, the question, the name and the type.
    let at = 12 + (11 + 4) + 11 + 2;
    assert_eq!(bytes[at..at + 2], [0, 1]);
    bytes[at + 1] = 3;
    bench.query.input(sent.sending.server, &bytes).unwrap();
    assert_eq!(bench.failed(), (ResolveError::NoAddress, None));
}
