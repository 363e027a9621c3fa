//! Whatever comes, a query ends in time, sends no more than it may, and believes only what fits.

use testkit::Random;

use super::*;

/// The most messages of a query: each server three times, once more without EDNS and once by TCP, and one for each alias.
const MOST_SENT: usize = 4 * 3 * 4 + 2 * MOST_ALIASES;

/// A response of an honest server, with aliases, a start of a zone and EDNS.
fn honest(sent: &Sent) -> Vec<u8> {
    let target = name("b.example");
    let alias = (Section::Answer, "a.example", 60, RecordType::CNAME, Data::Cname(target.view()));
    let opt = (Section::Additional, ".", 0, RecordType::OPT, Data::Other(&[]));
    response(sent, RESPONSE, &[alias, a("b.example", 60, ANSWER), soa("example", 60, 60), opt])
}

/// Random bytes, or an honest response with changes, and with compressed names.
fn message(random: &mut Random, sent: &Sent) -> Vec<u8> {
    if random.once_in(4) {
        let length = random.below(200);
        return random.bytes(length);
    }
    let mut bytes = honest(sent);
    for _ in 0..random.below(6) {
        // Often behind the identification, so that it is read further.
        let from = if random.once_in(4) { 0 } else { 2 };
        let at = from + random.below(bytes.len() - from);
        bytes[at] = match random.below(3) {
            0 => 0xc0,
            1 => 12,
            _ => random.bits() as u8,
        };
    }
    if random.once_in(8) {
        bytes.truncate(random.below(bytes.len()));
    }
    bytes
}

#[test]
fn a_hundred_thousand_messages_change_nothing_that_they_may_not() {
    let mut random = Random::new(1);
    let (mut messages, mut queries, mut taken) = (0, 0_u64, 0);
    while messages < 100_000 {
        queries += 1;
        let begin = Instant::from_millis(queries);
        let count = 1 + random.below(4) as u8;
        let query = Query::new(
            begin,
            name("a.example"),
            RecordType::A,
            servers(count),
            random.below(5),
            queries.into(),
        );
        let mut bench = Bench { query, now: begin };
        let mut sends = 0;
        loop {
            match bench.query.due(bench.now) {
                Due::Done => {
                    if let Ok(found) = bench.query.result() {
                        assert!(!found.addresses.is_empty() && found.ttl <= MAX_TTL);
                    }
                    break;
                }
                Due::Send(sending) => {
                    sends += 1;
                    assert!(sends <= MOST_SENT, "{sends}");
                    assert!(sending.until <= begin + PATIENCE);
                    let mut buffer = [0; MAX_QUERY];
                    let parsed = Message::parse(bench.query.message(&mut buffer)).unwrap();
                    let question = parsed.question().unwrap();
                    let id = parsed.header.id.get();
                    let name = question.name.to_name();
                    let sent = Sent { sending, id, name, kind: question.kind, edns: None };
                    for _ in 0..random.below(20) {
                        messages += 1;
                        let bytes = message(&mut random, &sent);
                        let is_stranger = random.once_in(5);
                        let source = match is_stranger {
                            true => ([10, 0, 0, 9], 53).into(),
                            false => sending.server,
                        };
                        if bench.query.input(source, &bytes).is_ok() {
                            taken += 1;
                            // All that RFC 5452 9.1 lists is as it must be.
                            let message = Message::parse(&bytes).unwrap();
                            assert!(!is_stranger && message.header.id.get() == id);
                            if let Some(question) = message.question() {
                                assert!(question.name == name && question.kind == sent.kind);
                            }
                        }
                        if !bench.query.is_waiting() {
                            break;
                        }
                    }
                }
                Due::Wait(until) => bench.now = until,
            }
            assert!(bench.now <= begin + PATIENCE);
        }
    }
    // The messages are not so bad that none is read.
    assert!(taken > 5_000 && taken < messages, "{taken} of {messages}");
}

/// All identifications but one, from the server's address: the query does not wait for the last.
#[test]
fn who_guesses_all_identifications_meets_a_connection() {
    let mut bench = Bench::new("a.example", 1);
    let sent = bench.sent();
    let mut taken = 0;
    for id in 0..=u16::MAX {
        let bytes = response(
            &Sent { id, ..sent },
            RESPONSE,
            &[a("a.example", 60, [203, 0, 113, 66].into())],
        );
        taken += u32::from(bench.query.input(sent.sending.server, &bytes).is_ok());
    }
    // It had 16 attempts of 65,536.
    assert_eq!((taken, bench.sent().sending.transport), (0, Transport::Tcp));
}

/// A message of 64 KiB with names that are all pointers and labels: it is refused, or read in a bounded time.
#[test]
fn a_bomb_of_compressed_names_is_defused() {
    let mut bench = Bench::new("a.example", 1);
    let sent = bench.sent();
    let mut bytes = response(&sent, RESPONSE, &[]);
    // Names of one label that lead to the name before, so that the last ones have 127 labels.
    let first = bytes.len();
    let mut target = 12 + 9 + 1;
    let mut records = 0_u16;
    while bytes.len() + 16 < usize::from(u16::MAX) {
        let at = bytes.len();
        // Pointers reach 16 KiB; then it begins anew.
        bytes.extend([1, b'x']);
        bytes.extend((0xc000 | target as u16).to_be_bytes());
        target = if at < 0x3fff && records % 120 != 119 { at } else { 12 };
        bytes.extend([0, 5, 0, 1, 0, 0, 0, 60, 0, 2]);
        bytes.extend((0xc000 | first.min(0x3fff) as u16).to_be_bytes());
        records += 1;
    }
    bytes[6..8].copy_from_slice(&records.to_be_bytes());
    let begin = std::time::Instant::now();
    let taken = bench.query.input(sent.sending.server, &bytes);
    assert!(begin.elapsed() < 5 * SECOND, "{:?}", begin.elapsed());
    assert!(records > 4_000);
    if taken.is_ok() {
        assert_eq!(bench.failed(), (ResolveError::NoAddress, None));
    }
}
