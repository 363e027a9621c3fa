//! Two hosts with all layers below: one asks for the time, the other is the server.

mod net;

use std::{collections::BTreeSet, time::Duration};

use network::{Problem, SendError};

use self::net::*;
use super::*;
use crate::wire::{Header, MODE_SERVER, flags};

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn a_clock_is_set_and_kept() {
    let mut net = Net::new("10.0.0.1");
    assert_eq!(net.sntp.wall_time(), Some(Duration::from_secs(1_000)));
    net.pass(2 * SECOND);
    assert!(net.sntp.clock().is_synchronised());
    assert!(net.error() < Duration::from_millis(1), "{:?}", net.error());
    net.pass(86_400 * SECOND);
    assert!(net.error() < Duration::from_millis(1), "{:?}", net.error());
    let stats = net.sntp.stats();
    assert!((75..100).contains(&stats.questions), "{stats:?}");
    assert_eq!((stats.answers, stats.ignored, stats.lost), (stats.questions, 0, 0));
    // The server's clock is set back by an hour, and the program's follows.
    net.world.ahead.set(-3_600_000);
    net.pass(2_400 * SECOND);
    assert!(net.error() < Duration::from_millis(1), "{:?}", net.error());
}

/// RFC 9109 3 and 5.
#[test]
fn each_question_comes_from_another_port_which_is_closed_with_it() {
    let mut net = Net::new("10.0.0.1");
    net.pass(86_400 * SECOND);
    let ports = net.world.ports.take();
    let different: BTreeSet<_> = ports.iter().copied().collect();
    assert!(ports.len() > 70 && different.len() + 1 >= ports.len(), "{ports:?}");
    assert!(different.iter().all(|port| *port >= 1_024));
    // What comes late finds nobody.
    let closed = net.client.counter("udp", "no_service");
    net.send(123, ports[0], &[0; 48]);
    assert_eq!(net.client.counter("udp", "no_service"), closed + 1);
    assert_eq!(net.sntp.stats().ignored, 0);
}

#[test]
fn what_others_send_is_not_the_answer() {
    let mut net = Net::new("10.0.0.1");
    net.world.mode.set(Mode::Silent);
    // Until the first question is on its way.
    while net.world.ports.borrow().is_empty() {
        net.pass(Duration::from_millis(10));
    }
    let port = net.world.ports.borrow()[0];
    let forged = Header { flags: flags(0, 4, MODE_SERVER), ..Header::question(7) };
    for from in [123, 124] {
        for bytes in [forged.as_bytes(), &forged.as_bytes()[..47], &[0xff; 1_400], &[]] {
            net.send(from, port, bytes);
        }
    }
    assert_eq!(net.sntp.stats().ignored, 8);
    assert!(!net.sntp.clock().is_synchronised());
    net.world.mode.set(Mode::Answers);
    net.pass(30 * SECOND);
    assert!(net.error() < Duration::from_millis(1), "{:?}", net.error());
}

/// An ICMP error says that nobody serves there, and nothing says it of a host that is not there. The third one answers.
#[test]
fn servers_that_are_not_there_do_not_keep_the_clock_from_being_set() {
    let mut net = Net::new("10.0.0.1:124,10.0.0.77,10.0.0.1");
    net.pass(3 * SECOND);
    assert!(net.error() < Duration::from_millis(1), "{:?}", net.error());
    let stats = net.sntp.stats();
    assert!(stats.lost >= 1 && stats.answers >= 1, "{stats:?}");
    let mut net = Net::new("10.0.0.1:124,192.0.2.1");
    net.pass(86_400 * SECOND);
    let stats = net.sntp.stats();
    assert_eq!((stats.lost, stats.answers), (stats.questions, 0));
    assert!((2 * 75..2 * 95).contains(&stats.questions), "{stats:?}");
    // The clock is still the platform's.
    let shown = net.sntp.clock().read(net.client.now());
    assert_eq!(shown, Some(Duration::from_secs(1_000 + 86_400)));
}

#[test]
fn a_server_that_denies_us_hears_no_more() {
    let mut net = Net::new("10.0.0.1");
    net.world.mode.set(Mode::Denies);
    net.pass(86_400 * SECOND);
    let stats = net.sntp.stats();
    assert_eq!((stats.questions, stats.kisses), (1, 1));
    assert_eq!(net.tasks.len(), 1);
}

#[test]
fn servers_can_come_and_go_while_the_task_runs() {
    let mut net = Net::new("");
    net.pass(100 * SECOND);
    assert_eq!(net.sntp.stats().questions, 0);
    net.sntp.set_servers("10.0.0.1".parse().unwrap());
    net.pass(2 * SECOND);
    assert!(net.error() < Duration::from_millis(1), "{:?}", net.error());
    let asked = net.sntp.stats().questions;
    assert!(asked >= 1);
    // The same list changes nothing.
    net.sntp.set_servers("10.0.0.1".parse().unwrap());
    net.sntp.set_servers(Servers::NONE);
    net.pass(10_000 * SECOND);
    assert_eq!(net.sntp.stats().questions, asked);
    assert!(net.error() < Duration::from_millis(1), "{:?}", net.error());
    assert!(net.sntp.servers().is_empty());
}

/// The lists change while both are asked, so that the second one gets the first place.
#[test]
fn a_server_that_stays_keeps_its_question() {
    let mut net = Net::new("10.0.0.77,10.0.0.1");
    net.world.mode.set(Mode::Silent);
    while net.world.ports.borrow().is_empty() {
        net.pass(Duration::from_millis(10));
    }
    let (port, closed) = (net.world.ports.borrow()[0], net.client.counter("udp", "no_service"));
    net.sntp.set_servers("10.0.0.1".parse().unwrap());
    net.pass(Duration::from_millis(10));
    // Its port is still open.
    net.send(123, port, &[0; 48]);
    assert_eq!(net.client.counter("udp", "no_service"), closed);
    assert_eq!(net.sntp.stats().ignored, 1);
}

#[test]
fn on_a_bad_network_the_clock_is_right_by_what_the_network_permits() {
    let bad = Badness { lost: 8, window: 3, doubled: 5 };
    let mut net = Net::with("10.0.0.1", &bad);
    net.pass(200 * SECOND);
    for _ in 0..500 {
        net.pass(400 * SECOND);
        assert!(net.error() < SECOND / 2, "{:?}", net.error());
    }
    let stats = net.sntp.stats();
    assert!(stats.answers > 50 && stats.answers < stats.questions, "{stats:?}");
}

#[test]
fn a_task_that_waits_holds_no_page_but_that_of_its_future() {
    let mut net = Net::new("10.0.0.1");
    net.pass(100 * SECOND);
    let free = net.tasks.pool().free_pages();
    net.pass(100_000 * SECOND);
    assert_eq!(net.tasks.pool().free_pages(), free);
    let size = size_of_val(&net.sntp.run(7, net.tasks.memory()));
    assert!(size < 2_500, "{size} bytes");
}

#[test]
fn without_memory_questions_are_lost_and_asked_again() {
    let mut net = Net::new("10.0.0.1");
    let taken = Region::new(net.tasks.pool(), "taken");
    while taken.alloc_slice(&[0; 1_024]).is_ok() {}
    net.pass(60 * SECOND);
    assert!(!net.sntp.clock().is_synchronised());
    drop(taken);
    net.pass(200 * SECOND);
    assert!(net.error() < Duration::from_millis(1), "{:?}", net.error());
}

#[test]
fn hard_errors_about_the_question_alone_are_final() {
    let server = SocketAddr::from(([10, 0, 0, 1], 123));
    let others = [([10, 0, 0, 1], 124), ([10, 0, 0, 2], 123)].map(SocketAddr::from);
    let about = |problem, destination| SocketError::Undelivered { problem, destination };
    for problem in
        [Problem::PortUnreachable, Problem::ProtocolUnreachable, Problem::NeighbourSilent]
    {
        assert!(is_final(about(problem, server), server));
        assert!(others.iter().all(|other| !is_final(about(problem, *other), server)));
    }
    for problem in [Problem::HostUnreachable, Problem::NetworkUnreachable, Problem::TtlExceeded] {
        assert!(!is_final(about(problem, server), server), "{problem}");
    }
    let not_sent = |destination| {
        let error = SendError::NoRoute(server.ip());
        SocketError::NotSent { error, destination }
    };
    assert!(is_final(not_sent(server), server) && !is_final(not_sent(others[0]), server));
}
