//! Aliases (RFC 1034 3.6.2), in one response and in several.

use std::format;

use super::*;

/// The names `0.example` to `9.example`, each but the last an alias of the next one.
fn names() -> Vec<(std::string::String, Name)> {
    (0..10)
        .map(|index| format!("{index}.example"))
        .map(|text| (text.clone(), name(&text)))
        .collect()
}

fn alias<'r>(owner: &'r str, target: &'r Name, ttl: u32) -> Row<'r> {
    (Section::Answer, owner, ttl, RecordType::CNAME, Data::Cname(target.view()))
}

#[test]
fn aliases_are_followed_in_any_order_of_the_records() {
    let names = names();
    let mut bench = Bench::new("0.example", 1);
    let sent = bench.sent();
    bench.respond(
        &sent,
        RESPONSE,
        &[
            a("2.example", 50, ANSWER),
            alias("1.example", &names[2].1, 40),
            alias("0.example", &names[1].1, 45),
        ],
    );
    // For as long as all that leads there holds.
    assert_eq!(bench.found(), ([ANSWER.into()].to_vec(), 40));
}

#[test]
fn an_alias_of_which_nothing_is_said_is_asked_for() {
    let names = names();
    let mut bench = Bench::new("0.example", 2);
    let first = bench.sent();
    bench.respond(&first, RESPONSE, &[alias("0.example", &names[1].1, 30)]);
    let second = bench.sent();
    assert_eq!((second.name, second.sending.server), (names[1].1, first.sending.server));
    assert_ne!(second.id, first.id);
    // Its question is the new one.
    let old = response(&Sent { id: second.id, ..first }, RESPONSE, &[a("0.example", 60, ANSWER)]);
    let ignored = bench.query.input(second.sending.server, &old);
    assert_eq!(ignored, Err(Ignored::OtherQuestion));
    bench.respond(&second, RESPONSE, &[a("1.example", 60, ANSWER)]);
    assert_eq!(bench.found(), ([ANSWER.into()].to_vec(), 30));
}

#[test]
fn eight_aliases_are_followed_and_no_more() {
    let names = names();
    for (count, in_one) in [(8, true), (9, true), (8, false), (9, false)] {
        let mut bench = Bench::new("0.example", 1);
        let rows: Vec<_> =
            (0..count).map(|index| alias(&names[index].0, &names[index + 1].1, 60)).collect();
        let end = a(&names[count].0, 60, ANSWER);
        if in_one {
            let sent = bench.sent();
            bench.respond(&sent, RESPONSE, &[&rows[..], &[end]].concat());
        } else {
            for row in &rows {
                let sent = bench.sent();
                bench.respond(&sent, RESPONSE, &[*row]);
            }
            if count == 8 {
                let sent = bench.sent();
                bench.respond(&sent, RESPONSE, &[end]);
            }
        }
        if count == 8 {
            assert_eq!(bench.found().0, [ANSWER]);
        } else {
            assert_eq!(bench.failed(), (ResolveError::TooManyAliases, Some(5)));
        }
    }
}

#[test]
fn aliases_in_a_circle_end() {
    let names = names();
    // Of itself, and of each other; in one response, and in one after the other.
    let mut bench = Bench::new("0.example", 1);
    let sent = bench.sent();
    bench.respond(&sent, RESPONSE, &[alias("0.example", &names[0].1, 60)]);
    assert_eq!(bench.failed().0, ResolveError::TooManyAliases);
    let mut bench = Bench::new("0.example", 1);
    let sent = bench.sent();
    let circle = [alias("0.example", &names[1].1, 60), alias("1.example", &names[0].1, 60)];
    bench.respond(&sent, RESPONSE, &circle);
    assert_eq!(bench.failed().0, ResolveError::TooManyAliases);
    let mut bench = Bench::new("0.example", 1);
    for turn in 0..=MOST_ALIASES {
        let sent = bench.sent();
        bench.respond(&sent, RESPONSE, &[circle[turn % 2]]);
    }
    assert_eq!(bench.failed().0, ResolveError::TooManyAliases);
}

#[test]
fn an_address_beside_an_alias_comes_first() {
    let names = names();
    let mut bench = Bench::new("0.example", 1);
    let sent = bench.sent();
    let other = Ipv4Addr::new(203, 0, 113, 66);
    bench.respond(
        &sent,
        RESPONSE,
        &[
            alias("0.example", &names[1].1, 60),
            a("0.example", 60, ANSWER),
            a("1.example", 60, other),
        ],
    );
    assert_eq!(bench.found().0, [ANSWER]);
}

#[test]
fn aliases_that_come_slowly_end_with_the_patience() {
    let names = names();
    let mut bench = Bench::new("0.example", 1);
    let sent = bench.sent();
    bench.respond(&sent, RESPONSE, &[alias("0.example", &names[1].1, 60)]);
    bench.now += PATIENCE;
    assert_eq!(bench.failed(), (ResolveError::TimedOut(servers(1)[0]), Some(5)));
}
