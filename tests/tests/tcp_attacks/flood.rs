//! More requests for connections than anybody could serve.

use std::{
    net::{SocketAddrV4, TcpStream},
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration, Instant},
};

use lab::{
    bad_network::Conditions,
    soak::{
        attacks::{Target, tcp::syn_flood},
        wire::Wire,
    },
};
use testkit::Random;

use super::bed::{NEAR, PORT, counter, echo, server, with};

/// How long a client may wait that means well.
const LIMIT: Duration = Duration::from_secs(1);
/// How many it are, one after the other.
const CLIENTS: usize = 50;

pub(crate) fn a_good_client_is_served_in_a_flood() {
    with(Conditions::PERFECT, |bad| {
        let ((mac, to), host) = (server(bad), bad.lab().network().host);
        let _told = echo(to);
        let before = counter("SyncookiesSent");
        let (sent, slowest) = bad
            .near(|| {
                let wire = Wire::open(NEAR).expect("the interface is there");
                let target = Target {
                    mac,
                    address: *to.ip(),
                    prefix: 16,
                    port: PORT,
                    host_mac: wire.mac(),
                    host,
                };
                under_flood(&target, &wire, to)
            })
            .expect("the namespace is there");
        let cookies = counter("SyncookiesSent") - before;
        println!(
            "{sent} requests of nobody, {cookies} cookies; the slowest of {CLIENTS} clients: {slowest:?}"
        );
        assert!(cookies > 1000, "{cookies} cookies: the flood did not fill anything");
        assert!(slowest < LIMIT, "a good client waited {slowest:?}");
    });
}

/// Connects again and again while requests of nobody come; says how many these were, and how long the slowest
/// connection took.
fn under_flood(target: &Target, wire: &Wire, to: SocketAddrV4) -> (usize, Duration) {
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        let flood = scope.spawn(|| {
            let (mut random, mut sent) = (Random::new(1), 0);
            while !over.load(Ordering::Relaxed) {
                for frame in syn_flood(target, PORT, 100, &mut random) {
                    sent += usize::from(wire.try_send(&frame).expect("the interface stays"));
                }
                // 50,000 in a second at most, so that the link itself has room for others.
                thread::sleep(Duration::from_millis(2));
            }
            sent
        });
        thread::sleep(Duration::from_millis(200));
        let connect = |_| {
            let start = Instant::now();
            let stream = TcpStream::connect_timeout(&to.into(), 10 * LIMIT);
            drop(stream.expect("the server is there"));
            thread::sleep(Duration::from_millis(10));
            start.elapsed()
        };
        let slowest = (0..CLIENTS).map(connect).max().unwrap_or_default();
        over.store(true, Ordering::Relaxed);
        (flood.join().expect("the flood does not panic"), slowest)
    })
}
