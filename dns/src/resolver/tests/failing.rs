//! Servers that fail, strangers that lie, and tasks that give up.

use std::{string::ToString, vec::Vec};

use rt_regions::Region;

use super::net::*;
use crate::{
    ResolveError,
    wire::{Flags, Message, MessageWriter, RecordType},
};

#[test]
fn a_server_that_is_silent_is_asked_three_times() {
    let mut net = Net::new("10.0.0.1");
    net.world.mode.set(Mode::Silent);
    let begin = net.now();
    let error = net.resolve("a.example").unwrap_err();
    assert_eq!(error, ResolveError::TimedOut(([10, 0, 0, 1], 53).into()));
    assert_eq!(error.to_string(), "no server of names answers, 10.0.0.1:53 neither");
    assert_eq!(net.now().since(begin), 14 * SECOND);
    let asked = net.asked();
    assert_eq!(asked.len(), 3);
    // RFC 5452 9.2: each time from another port, with another identification.
    assert!(asked[0].port != asked[1].port && asked[1].port != asked[2].port);
    assert!(asked[0].id != asked[1].id && asked[1].id != asked[2].id);
    // That is known for five seconds.
    assert_eq!(net.resolve("a.example"), Err(error));
    assert_eq!(net.asked(), []);
    net.world.mode.set(Mode::Answers);
    net.pass(5 * SECOND);
    assert_eq!(net.addresses("a.example"), "192.0.2.7");
}

#[test]
fn another_server_is_asked_at_once_where_there_is_none() {
    // An ICMP error says that nobody serves at the first.
    let mut net = Net::new("10.0.0.1:5353,10.0.0.1");
    let begin = net.now();
    assert_eq!(net.addresses("a.example"), "192.0.2.7");
    assert!(net.now().since(begin) < SECOND);
    assert_eq!(net.resolver.stats().queries_udp, 2);
    // And the one that has answered is asked first from now on.
    assert_eq!(net.addresses("b.example"), "192.0.2.7");
    assert_eq!(net.resolver.stats().queries_udp, 3);
}

#[test]
fn another_server_is_asked_where_a_host_is_silent() {
    // There is no such host, so after some requests of ARP it cannot be reached.
    let mut net = Net::new("10.0.0.77,10.0.0.1");
    let begin = net.now();
    assert_eq!(net.addresses("a.example"), "192.0.2.7");
    assert!(net.now().since(begin) <= 2 * SECOND + SECOND / 2);
}

#[test]
fn where_no_server_serves_the_error_says_so() {
    let mut net = Net::new("10.0.0.1:5353,10.0.0.1:5354");
    let error = net.resolve("a.example").unwrap_err();
    assert_eq!(error, ResolveError::Unreachable(([10, 0, 0, 1], 5354).into()));
}

#[test]
fn a_server_without_tcp_is_left() {
    let mut net = Net::new("10.0.0.1");
    net.server.tower.unbind(53);
    let begin = net.now();
    let error = net.resolve("long.example").unwrap_err();
    assert_eq!(error, ResolveError::NoTcp(([10, 0, 0, 1], 53).into()));
    assert!(net.now().since(begin) < SECOND);
    // One that answers something else there, nothing, or a part.
    for answer in [&b"\0\x0c\x12\x34\x81\x80\0\0\0\0\0\0\0\0"[..], b"\0\0", b"\0\x0c\x12"] {
        let mut net = Net::new("10.0.0.1");
        net.server.tower.unbind(53);
        let bound = net.server.tower.bind(53, async move |stream, _| {
            stream.read_exact(&mut [0; 2]).await?;
            stream.send(answer).await?;
            Ok(())
        });
        bound.unwrap();
        let begin = net.now();
        let error = net.resolve("long.example").unwrap_err();
        assert_eq!(error, ResolveError::NoTcp(([10, 0, 0, 1], 53).into()));
        assert!(net.now().since(begin) < SECOND);
    }
    // And one that is silent there.
    let mut net = Net::new("10.0.0.1");
    net.server.tower.unbind(53);
    let bound = net.server.tower.bind(53, async |stream, _| {
        stream.sleep(60 * SECOND).await;
        Ok(())
    });
    bound.unwrap();
    let begin = net.now();
    let error = net.resolve("long.example").unwrap_err();
    assert_eq!(error, ResolveError::NoTcp(([10, 0, 0, 1], 53).into()));
    assert!(net.now().since(begin) < 24 * SECOND);
}

/// RFC 8767 5: a first answer after 1.8 seconds, no attempt within 30, new data as soon as there is.
#[test]
fn stale_addresses_are_used_where_no_server_answers() {
    let mut net = Net::new("10.0.0.1");
    net.addresses("a.example");
    net.world.mode.set(Mode::Silent);
    net.pass(100 * SECOND);
    net.asked();
    let begin = net.now();
    assert_eq!(net.addresses("a.example"), "192.0.2.7");
    assert_eq!(net.now().since(begin), super::super::STALE_PATIENCE);
    assert_eq!(net.asked().len(), 1);
    for _ in 0..10 {
        let begin = net.now();
        assert_eq!(net.addresses("a.example"), "192.0.2.7");
        assert_eq!(net.now(), begin);
    }
    assert_eq!(net.asked(), []);
    net.pass(30 * SECOND);
    net.world.mode.set(Mode::Fails);
    let begin = net.now();
    assert_eq!(net.addresses("a.example"), "192.0.2.7");
    assert!(net.now().since(begin) < SECOND);
    assert_eq!((net.asked().len(), net.resolver.stats().stale), (1, 12));
    net.pass(30 * SECOND);
    net.world.mode.set(Mode::Answers);
    net.addresses("a.example");
    net.addresses("a.example");
    assert_eq!((net.asked().len(), net.resolver.stats().stale), (1, 12));
    // After a day they are gone.
    net.pass(25 * 3600 * SECOND);
    net.world.mode.set(Mode::Fails);
    assert!(net.resolve("a.example").is_err_and(|error| error.is_temporary()));
}

#[test]
fn what_strangers_send_is_not_the_answer() {
    let mut net = Net::new("10.0.0.1");
    net.world.mode.set(Mode::Silent);
    let results = Results::default();
    net.spawn("a.example", &results);
    net.run(SECOND, &results, 1);
    let asked = net.asked().remove(0);
    // The answer, with another address.
    let mut buffer = [0; 128];
    let mut writer = MessageWriter::new(&mut buffer, asked.id, Flags(0x100)).unwrap();
    writer.question(asked.name.parse::<crate::Name>().unwrap().view(), RecordType::A, 1).unwrap();
    let query = writer.finish().to_vec();
    let query = Message::parse(&query).unwrap();
    let good = answer(&query, "a.example", false, None);
    let mut evil = good.clone();
    let at = evil.len() - 4;
    evil[at..].copy_from_slice(&[203, 0, 113, 66]);
    // From another port, to another port, and with another identification.
    net.send(54, asked.port, &evil);
    net.send(53, asked.port ^ 1, &evil);
    let mut other = evil.clone();
    other[1] ^= 1;
    net.send(53, asked.port, &other);
    net.send(53, asked.port, b"");
    assert!(results.borrow().is_empty());
    assert_eq!(net.resolver.stats().ignored, 3);
    net.send(53, asked.port, &good);
    assert_eq!(results.borrow()[0].unwrap().to_string(), "192.0.2.7");
    // The port is closed.
    net.send(53, asked.port, &good);
    assert_eq!(net.client.counter("udp", "no_service"), 2);
}

#[test]
fn a_task_that_gives_up_leaves_nothing_and_others_go_on() {
    let mut net = Net::new("10.0.0.1");
    net.world.mode.set(Mode::Silent);
    let results = Results::default();
    let first = net.spawn("a.example", &results);
    for _ in 0..3 {
        net.spawn("a.example", &results);
    }
    net.run(SECOND, &results, 1);
    assert_eq!(net.asked().len(), 1);
    net.tasks.cancel(first);
    net.world.mode.set(Mode::Answers);
    // One of the others asks anew, at once.
    let begin = net.now();
    net.run(60 * SECOND, &results, 3);
    assert_eq!((results.borrow().len(), net.now().since(begin) < SECOND), (3, true));
    assert_eq!((net.asked().len(), net.tasks.len()), (1, 0));
    for region in net.pool().open_regions() {
        assert!(region.name() != "dns.response" || region.pages() == 0, "{region:?}");
    }
}

#[test]
fn without_memory_there_is_an_error_and_afterwards_an_answer() {
    let mut net = Net::new("10.0.0.1");
    assert_eq!(net.addresses("a.example"), "192.0.2.7");
    let results = Results::default();
    net.spawn("b.example", &results);
    let hog = Region::new(net.pool(), "hog");
    while hog.alloc([0_u8; 4_000]).is_ok() {}
    net.run(60 * SECOND, &results, 1);
    assert!(results.borrow()[0].is_err_and(|error| error.is_temporary()));
    drop(hog);
    net.pass(10 * SECOND);
    assert_eq!(net.addresses("b.example"), "192.0.2.7");
}

#[test]
fn without_a_server_there_is_an_error() {
    let net = Net::new("10.0.0.1");
    let sockets = net.client.tower.network().sockets();
    let connections = net.client.tower.connections();
    let nobody = crate::Servers::NONE;
    let resolver = crate::Resolver::new(sockets, connections, nobody, 7).unwrap();
    let mut net = Net { resolver, ..net };
    let error = net.resolve("a.example").unwrap_err();
    assert!(error == ResolveError::NoServer && error.to_string().contains("--dns=ADDRESS"));
    assert_eq!(net.addresses("192.0.2.9"), "192.0.2.9");
    let all: Vec<_> = net.asked();
    assert_eq!(all, []);
}
