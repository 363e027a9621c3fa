//! Which server is asked when, and how.

use std::string::{String, ToString};

use super::*;

const ROWS: [Row<'static>; 1] =
    [(Section::Answer, "a.example", 60, RecordType::A, Data::A(ANSWER))];

/// RFC 1035 4.2.1.
#[test]
fn each_server_is_asked_before_one_is_asked_again_and_at_growing_times() {
    let mut bench = Bench::new("a.example", 2);
    let begin = bench.now;
    let mut asked = Vec::new();
    while let Due::Send(sending) = bench.query.due(bench.now) {
        let at = bench.now.since(begin).as_secs();
        asked.push((at, sending.server.ip().to_string()));
        bench.silence();
    }
    let [one, two] = ["10.0.0.1", "10.0.0.2"].map(String::from);
    let expected = [
        (0, one.clone()),
        (2, two.clone()),
        (4, one.clone()),
        (8, two.clone()),
        (12, one),
        (20, two),
    ];
    assert_eq!(asked, expected);
    // The patience ends before the last wait does.
    assert_eq!(bench.now.since(begin), PATIENCE);
    assert_eq!(bench.failed(), (ResolveError::TimedOut(servers(2)[1]), Some(5)));
}

#[test]
fn one_server_alone_is_asked_three_times() {
    let mut bench = Bench::new("a.example", 1);
    let begin = bench.now;
    for wait in [2, 4, 8] {
        let sent = bench.sent();
        assert_eq!(sent.sending.until, bench.now + wait * SECOND);
        bench.silence();
    }
    assert_eq!(bench.failed(), (ResolveError::TimedOut(servers(1)[0]), Some(5)));
    assert_eq!(bench.now.since(begin), 14 * SECOND);
}

#[test]
fn the_server_that_is_named_is_asked_first() {
    let now = Instant::ZERO;
    let query = Query::new(now, name("a.example"), RecordType::A, servers(3), 2, 7);
    let mut bench = Bench { query, now };
    let mut asked = Vec::new();
    for _ in 0..4 {
        asked.push(bench.sent().sending.server);
        bench.silence();
    }
    let all = servers(3);
    assert_eq!(asked, [all[2], all[0], all[1], all[2]]);
    // One that is not there is another one.
    let query = Query::new(now, name("a.example"), RecordType::A, servers(3), 7, 7);
    assert_eq!(Bench { query, now }.sent().sending.server, all[1]);
}

#[test]
fn a_server_that_fails_is_left_at_once_and_not_asked_again() {
    for rcode in [Rcode::SERVER_FAILURE, Rcode::REFUSED, Rcode(9)] {
        let mut bench = Bench::new("a.example", 2);
        let first = bench.sent();
        bench.refuse(&first, rcode);
        for _ in 0..3 {
            assert_eq!(bench.sent().sending.server, servers(2)[1]);
            bench.silence();
        }
        assert_eq!(bench.failed().0, ResolveError::TimedOut(servers(2)[1]));
    }
}

#[test]
fn where_all_servers_fail_the_query_ends_at_once() {
    let mut bench = Bench::new("a.example", 3);
    for server in servers(3).iter() {
        let sent = bench.sent();
        assert_eq!(sent.sending.server, *server);
        bench.refuse(&sent, Rcode::SERVER_FAILURE);
    }
    let last = ResolveError::Failed(servers(3)[2], Rcode::SERVER_FAILURE);
    // For 5 minutes at most (RFC 2308 7.1), and a second at least (RFC 9520 3.2).
    assert_eq!(bench.failed(), (last, Some(5)));
    assert_eq!(last.to_string(), "the server of names 10.0.0.3:53 answers SERVFAIL");
}

#[test]
fn a_server_that_cannot_be_reached_is_left_at_once() {
    let mut bench = Bench::new("a.example", 2);
    bench.sent();
    bench.query.server_failed(ServerFailure::Unreachable);
    let sent = bench.sent();
    assert_eq!(sent.sending.server, servers(2)[1]);
    bench.query.server_failed(ServerFailure::Unreachable);
    assert_eq!(bench.failed().0, ResolveError::Unreachable(servers(2)[1]));
    // A late word changes nothing.
    bench.query.server_failed(ServerFailure::Unreachable);
    assert_eq!(bench.failed().0, ResolveError::Unreachable(servers(2)[1]));
}

#[test]
fn a_server_that_refers_to_others_is_left() {
    let mut bench = Bench::new("a.example", 2);
    let first = bench.sent();
    let ns = name("ns.example");
    let referral = (Section::Authority, "example", 60, RecordType::NS, Data::Ns(ns.view()));
    bench.respond(&first, Flags::RESPONSE, &[referral]);
    let second = bench.sent();
    bench.respond(&second, RESPONSE, &ROWS);
    assert_eq!(bench.found().0, [ANSWER]);
    // Alone, it is the reason.
    let mut bench = Bench::new("a.example", 1);
    let sent = bench.sent();
    bench.respond(&sent, Flags::RESPONSE, &[referral]);
    assert_eq!(bench.failed().0, ResolveError::NotRecursive(servers(1)[0]));
}

/// RFC 6891 6.2.2 and 7.
#[test]
fn a_server_that_does_not_know_edns_is_asked_without_it() {
    for rcode in [Rcode::FORMAT_ERROR, Rcode::NOT_IMPLEMENTED] {
        let mut bench = Bench::new("a.example", 2);
        let first = bench.sent();
        bench.refuse(&first, rcode);
        let second = bench.sent();
        assert_eq!((first.edns, second.edns), (Some(1232), None));
        assert_eq!(second.sending.server, first.sending.server);
        assert_ne!(second.id, first.id);
        bench.respond(&second, RESPONSE, &ROWS);
        assert_eq!(bench.found().0, [ANSWER]);
    }
}

/// RFC 6891 6.1.3.
#[test]
fn a_server_with_another_version_of_edns_is_asked_without_it() {
    let mut bench = Bench::new("a.example", 1);
    let sent = bench.sent();
    let upper = (Section::Additional, ".", 0x0100_0000, RecordType::OPT, Data::Other(&[]));
    bench.respond(&sent, RESPONSE, &[upper]);
    assert_eq!(bench.sent().edns, None);
}

#[test]
fn a_server_that_cannot_read_the_query_without_edns_either_has_failed() {
    let mut bench = Bench::new("a.example", 2);
    for _ in 0..2 {
        let sent = bench.sent();
        assert_eq!(sent.sending.server, servers(2)[0]);
        bench.refuse(&sent, Rcode::FORMAT_ERROR);
    }
    let next = bench.sent();
    // The next one may know it.
    assert_eq!((next.sending.server, next.edns), (servers(2)[1], Some(1232)));
}

#[test]
fn a_server_that_has_no_answer_need_not_repeat_the_question() {
    let header = |sent: &Sent, rcode: Rcode| {
        let mut buffer = [0; 12];
        let flags = Flags(RESPONSE | rcode.0);
        MessageWriter::new(&mut buffer, sent.id, flags).unwrap().finish().to_vec()
    };
    let mut bench = Bench::new("a.example", 1);
    let sent = bench.sent();
    let server = sent.sending.server;
    for rcode in [Rcode::NO_ERROR, Rcode::NAME_ERROR] {
        let bytes = header(&sent, rcode);
        assert_eq!(bench.query.input(server, &bytes), Err(Ignored::OtherQuestion));
    }
    bench.query.input(server, &header(&sent, Rcode::FORMAT_ERROR)).unwrap();
    let sent = bench.sent();
    assert_eq!(sent.edns, None);
    // As unbound 1.17 refuses.
    bench.query.input(server, &header(&sent, Rcode::REFUSED)).unwrap();
    let failed = bench.query.result().unwrap_err();
    assert_eq!(failed.error, ResolveError::Failed(server, Rcode::REFUSED));
}

/// RFC 7766 5; RFC 2181 9.
#[test]
fn an_answer_that_was_cut_off_is_asked_for_by_tcp() {
    let mut bench = Bench::new("a.example", 2);
    let first = bench.sent();
    // What is there is not used.
    bench.respond(
        &first,
        RESPONSE | Flags::TRUNCATED,
        &[a("a.example", 60, [203, 0, 113, 66].into())],
    );
    let second = bench.sent();
    assert_eq!(
        (second.sending.server, second.sending.transport),
        (first.sending.server, Transport::Tcp)
    );
    assert_eq!(second.sending.until, bench.now + 5 * SECOND);
    assert_ne!(second.id, first.id);
    bench.respond(&second, RESPONSE, &ROWS);
    assert_eq!(bench.found().0, [ANSWER]);
}

#[test]
fn a_server_that_has_no_tcp_is_left() {
    for is_silent in [false, true] {
        let mut bench = Bench::new("a.example", 2);
        let first = bench.sent();
        bench.respond(&first, RESPONSE | Flags::TRUNCATED, &[]);
        bench.sent();
        if is_silent {
            bench.silence();
        } else {
            bench.query.server_failed(ServerFailure::NoTcp);
        }
        let next = bench.sent();
        assert_eq!((next.sending.server, next.sending.transport), (servers(2)[1], Transport::Udp));
    }
    // Nor is one asked again that cuts off there too.
    let mut bench = Bench::new("a.example", 1);
    for _ in 0..2 {
        let sent = bench.sent();
        bench.respond(&sent, RESPONSE | Flags::TRUNCATED, &ROWS);
    }
    assert_eq!(bench.failed().0, ResolveError::NoTcp(servers(1)[0]));
}
