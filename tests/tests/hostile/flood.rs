//! Legitimate datagrams while a flood of fragments runs.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration, Instant},
};

use lab::soak::{self, attacks::Target, site::Site, wire::Wire};
use testkit::Random;

use super::attack::{assert_bounded, assert_same, settled, with_site};

/// How long a reply may take before it counts as lost.
const REPLY_TIMEOUT: Duration = Duration::from_millis(500);
/// How many frames are sent at once by a flood that keeps to a rate: no more than the queue of a TAP
/// device holds beside a datagram.
const BURST: usize = 20;

/// How many requests had their right reply, and how many frames the flood sent in a second.
struct Served {
    replies: usize,
    flood: f64,
}

/// What is lost is lost in the queue of the TAP device, which the flood fills too; nothing is lost in the
/// table of reassembly, where the oldest gives way: what completes quickly completes.
pub(crate) fn large_datagrams_complete(cores: usize) {
    with_site(cores, |site| {
        site.serve_good_client(1).expect("nobody disturbs");
        let before = settled(site);
        for (rate, size, requests, least) in [
            (Some(10_000), 8192, 200, 190),
            (Some(10_000), 60_000, 100, 95),
            (Some(50_000), 8192, 200, 180),
            (Some(50_000), 60_000, 100, 85),
            (None, 8192, 200, 160),
            (None, 60_000, 100, 60),
        ] {
            let Served { replies, flood } = under_flood(site, rate, size, requests);
            let said = format!(
                "{replies} of {requests} datagrams of {size} bytes came back while {flood:.0} first \
                 fragments of others came in a second"
            );
            println!("{said}");
            assert!(replies >= least, "{said}; {least} should have");
        }
        assert_bounded(&site.memory().expect("it tells"), "the flood");
        site.serve_good_client(2).expect("the flood is over");
        assert_same(&before, &settled(site), "the flood");
    });
}

/// Asks so many times, one after the other, while first fragments of so many hosts in a second come in
/// between, none of which is ever finished.
fn under_flood(site: &Site, rate: Option<usize>, size: usize, requests: usize) -> Served {
    let (over, target) = (AtomicBool::new(false), *site.target());
    thread::scope(|scope| {
        let flood = scope.spawn(|| flood(&target, rate, &over));
        let socket = site.connect(target.port).expect("a socket can be opened");
        socket.set_read_timeout(Some(REPLY_TIMEOUT)).expect("a timeout can be set");
        let (mut random, mut came, mut replies) = (Random::new(7), vec![0; 1 << 16], 0);
        let start = Instant::now();
        for _ in 0..requests {
            let request = random.bytes(size);
            socket.send(&request).expect("a request can be sent");
            // A late reply to an earlier request is none to this one.
            let mut next = || socket.recv(&mut came).map(|length| came[..length] == request);
            replies += usize::from(std::iter::from_fn(|| next().ok()).any(|right| right));
        }
        let time = start.elapsed();
        over.store(true, Ordering::Relaxed);
        let sent = flood.join().expect("the flood does not panic");
        Served { replies, flood: sent as f64 / time.as_secs_f64() }
    })
}

/// Sends until it is over; says how many frames there was room for.
fn flood(target: &Target, rate: Option<usize>, over: &AtomicBool) -> usize {
    let wire = Wire::open(&soak::place().interface).expect("the interface is there");
    let (mut sent, start) = (0, Instant::now());
    let mut number = 0;
    while !over.load(Ordering::Relaxed) {
        if let Some(rate) = rate {
            let due = Duration::from_secs_f64(sent as f64 / rate as f64);
            thread::sleep(due.saturating_sub(start.elapsed()));
        }
        for _ in 0..BURST {
            number += 1;
            let frame = target.first_fragment(target.stranger(number % 50_000), 7, 1480);
            sent += usize::from(wire.try_send(&frame).expect("the interface stays"));
        }
    }
    sent
}
