//! More requests for connections than anybody could serve.

use std::time::{Duration, Instant};

use lab::soak::attacks::tcp::syn_flood;
use testkit::Random;

use super::bed::{LIMIT, ask_web, with_web};

/// How many requests of nobody come, and how many at once.
const REQUESTS: usize = 100_000;
const AT_ONCE: usize = 200;

pub(crate) fn a_good_client_is_served(cores: usize) {
    with_web(cores, &[], |victim| {
        let (_, to) = victim.place();
        ask_web(to);
        victim.site.settle().expect("it answers");
        let (target, before) = (victim.site.target(), victim.free());
        let flood = || {
            let (mut random, start) = (Random::new(1), Instant::now());
            for _ in 0..REQUESTS / AT_ONCE {
                // As fast as the service takes them.
                let frames = syn_flood(target, target.port, AT_ONCE, &mut random);
                victim.site.send(&frames).expect("the interface stays");
            }
            start.elapsed()
        };
        let (time, slowest) = victim.serve_while(ask_web, flood);
        let (cookies, no_room) = (victim.counter("tcp.cookies_tx"), victim.counter("tcp.no_room"));
        println!(
            "{REQUESTS} requests of nobody in {time:.1?}, {cookies} cookies; the slowest answer: {slowest:.1?}"
        );
        assert!(cookies > REQUESTS as u64 / 2, "the flood did not arrive");
        assert_eq!(no_room, 0);
        assert!(slowest < LIMIT, "a good client waited {slowest:?}");
        // What waited for the addresses of strangers gives up.
        victim.site.settle().expect("it answers");
        victim.assert_free(before, Duration::from_secs(20));
    });
}
