//! Names with servers that answer.

use std::{collections::BTreeSet, format, string::ToString, vec::Vec};

use testkit::Random;

use super::net::*;
use crate::{Families, Name, NameError, ResolveError, wire::RecordType};

#[test]
fn a_name_is_resolved_and_known_for_as_long_as_it_holds() {
    let mut net = Net::new("10.0.0.1");
    assert_eq!(net.addresses("a.example"), "192.0.2.7");
    let asked = net.asked();
    assert_eq!((asked.len(), &*asked[0].name, asked[0].kind), (1, "a.example", RecordType::A));
    net.pass(30 * SECOND);
    assert_eq!(net.addresses("A.Example."), "192.0.2.7");
    assert_eq!(net.asked(), []);
    net.pass(40 * SECOND);
    assert_eq!(net.addresses("a.example"), "192.0.2.7");
    assert_eq!(net.asked().len(), 1);
    let counters = net.resolver.stats();
    assert_eq!((counters.lookups, counters.cached, counters.found), (3, 1, 2));
    assert_eq!((counters.queries_udp, counters.queries_tcp, counters.ignored), (2, 0, 0));
}

/// RFC 5452 9.2: each query has a port and an identification that nobody can predict.
#[test]
fn each_query_comes_from_another_port_with_another_identification() {
    let mut net = Net::new("10.0.0.1");
    for index in 0..500 {
        net.addresses(&format!("{index}.a.example"));
    }
    let asked = net.asked();
    let ports: BTreeSet<_> = asked.iter().map(|asked| asked.port).collect();
    let ids: BTreeSet<_> = asked.iter().map(|asked| asked.id).collect();
    assert!(asked.len() == 500 && asked.iter().all(|asked| asked.port >= 1_024));
    assert!(ports.len() > 490 && ids.len() > 490, "{} ports, {} ids", ports.len(), ids.len());
    // Of the whole range.
    assert!(*ports.first().unwrap() < 2_500 && *ports.last().unwrap() > 64_000);
    assert!(*ids.first().unwrap() < 1_500 && *ids.last().unwrap() > 64_000);
    // The ports are free again.
    assert_eq!(net.tasks.len(), 0);
}

#[test]
fn an_answer_that_is_too_long_comes_by_tcp() {
    let mut net = Net::new("10.0.0.1");
    assert_eq!(net.resolve("long.example").unwrap().len(), 16);
    let asked: Vec<_> = net.asked().into_iter().map(|asked| asked.is_tcp).collect();
    assert_eq!(asked, [false, true]);
    assert_eq!((net.resolver.stats().queries_udp, net.resolver.stats().queries_tcp), (1, 1));
    // The answer is kept as any other.
    net.resolve("long.example").unwrap();
    assert_eq!(net.asked(), []);
}

#[test]
fn an_alias_is_followed() {
    let mut net = Net::new("10.0.0.1");
    assert_eq!(net.addresses("alias.example"), "192.0.2.7");
    let asked: Vec<_> = net.asked().into_iter().map(|asked| asked.name).collect();
    assert_eq!(asked, ["alias.example", "a.example"]);
    net.addresses("alias.example");
    assert_eq!(net.asked(), []);
    // What it is an alias of was not asked for by anybody, so it is not kept under that name.
    net.addresses("a.example");
    assert_eq!(net.asked().len(), 1);
}

#[test]
fn a_name_that_does_not_exist_is_known_not_to() {
    let mut net = Net::new("10.0.0.1");
    for _ in 0..3 {
        assert_eq!(net.resolve("none.example"), Err(ResolveError::NoSuchName));
        assert_eq!(net.resolve("v6.example"), Err(ResolveError::NoAddress));
    }
    assert_eq!(net.asked().len(), 2);
    net.pass(60 * SECOND);
    assert_eq!(net.resolve("none.example"), Err(ResolveError::NoSuchName));
    assert_eq!(net.asked().len(), 1);
    assert_eq!(net.resolver.stats().negative, 3);
}

#[test]
fn both_families_are_asked_for_at_once() {
    let mut net = Net::with("10.0.0.1", Families::Both, &GOOD);
    assert_eq!(net.addresses("a.example"), "2001:db8::7 192.0.2.7");
    let asked: Vec<_> = net.asked().into_iter().map(|asked| asked.kind).collect();
    assert_eq!(asked, [RecordType::AAAA, RecordType::A]);
    assert_eq!(net.addresses("v4.example"), "192.0.2.7");
    assert_eq!(net.addresses("v6.example"), "2001:db8::7");
    assert_eq!(net.resolve("none.example"), Err(ResolveError::NoSuchName));
    // Of each family half, if there are more than fit.
    let long = net.resolve("long.example").unwrap();
    assert_eq!((long.len(), long.iter().filter(|address| address.is_ipv6()).count()), (16, 8));
    let mut net = Net::with("10.0.0.1", Families::V6, &GOOD);
    assert_eq!(net.addresses("a.example"), "2001:db8::7");
    assert_eq!(net.resolve("v4.example"), Err(ResolveError::NoAddress));
}

/// RFC 1123 2.1; RFC 6761 6.3 and 6.4.
#[test]
fn addresses_and_special_names_are_asked_of_nobody() {
    let mut net = Net::with("10.0.0.1", Families::Both, &GOOD);
    for (name, addresses) in [
        ("192.0.2.7", "192.0.2.7"),
        ("2001:db8::7", "2001:db8::7"),
        ("localhost", "::1 127.0.0.1"),
        ("a.LocalHost.", "::1 127.0.0.1"),
    ] {
        assert_eq!(net.addresses(name), addresses);
    }
    assert_eq!(net.resolve("a.invalid"), Err(ResolveError::NoSuchName));
    for (name, error) in [
        ("192.0.2", NameError::Number),
        ("192.0.2.7.8", NameError::Number),
        ("256.0.2.7", NameError::Number),
        ("", NameError::Empty),
        ("a..b", NameError::EmptyLabel),
        ("a b", NameError::Character(' ')),
    ] {
        assert_eq!(net.resolve(name), Err(ResolveError::Name(error)), "{name}");
    }
    assert_eq!(net.asked(), []);
}

#[test]
fn tasks_that_ask_for_the_same_wait_for_one_query() {
    let mut net = Net::new("10.0.0.1");
    let results = Results::default();
    for index in 0..100 {
        net.spawn(["a.example", "A.EXAMPLE"][index % 2], &results);
    }
    net.run(SECOND, &results, 100);
    assert_eq!(results.borrow().len(), 100);
    assert!(results.borrow().iter().all(Result::is_ok));
    assert_eq!(net.asked().len(), 1);
}

#[test]
fn more_searches_than_may_be_under_way_wait_for_each_other() {
    let mut net = Net::new("10.0.0.1");
    let results = Results::default();
    for index in 0..150 {
        net.spawn(&format!("{index}.a.example"), &results);
    }
    net.run(10 * SECOND, &results, 150);
    assert_eq!(results.borrow().len(), 150);
    assert!(results.borrow().iter().all(Result::is_ok));
    assert_eq!(net.asked().len(), 150);
}

#[test]
fn on_a_bad_network_names_are_resolved_all_the_same() {
    // Of a query and its answer, about one in five is lost.
    let bad = Badness { lost: 20, window: 3, doubled: 5 };
    let mut net = Net::with("10.0.0.1,10.0.0.1:53", Families::V4, &bad);
    let (mut resolved, mut failed) = (0, 0);
    let mut random = Random::new(3);
    for index in 0..200 {
        let name = match random.below(4) {
            0 => "long.example".to_string(),
            1 => "alias.example".to_string(),
            _ => format!("{index}.a.example"),
        };
        match net.resolve(&name) {
            Ok(addresses) => {
                assert_eq!(addresses[0].to_string(), "192.0.2.7");
                resolved += 1;
            }
            Err(error) => {
                assert!(error.is_temporary(), "{error}");
                failed += 1;
            }
        }
        net.pass(70 * SECOND);
    }
    assert!(resolved >= 195, "{resolved} resolved, {failed} failed");
    assert!(net.asked().len() > 200);
    assert_eq!(net.tasks.len(), 0);
}

/// The future of `resolve` takes less than a page, also with both families.
#[test]
fn a_task_that_resolves_is_small() {
    let net = Net::with("10.0.0.1", Families::Both, &GOOD);
    let name: Name = "a.example".parse().unwrap();
    let search = net.resolver.lookup(&name, RecordType::A);
    let (search, all) = (size_of_val(&search), size_of_val(&net.resolver.resolve("a.example")));
    assert!(search < 1_800 && all < 4_000, "{search} and {all} bytes");
}
