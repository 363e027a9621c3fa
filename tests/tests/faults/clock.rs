//! A clock that jumps: a machine that was suspended, a guest that was paused.

use std::time::Duration;

use layer::{Instant, Layer};
use testkit::{Wire, with_pool};

use super::server::{
    ECHO, LONGEST_WAIT, Server, client, globals, mac, payload, request_frames, unexpected,
};

const HOUR: Duration = Duration::from_secs(3600);

/// However long the jump: what waited is over, nothing is made up for, and the next client is served.
#[test]
fn a_jump_ends_what_waits_and_disturbs_nothing_else() {
    for jump in [Duration::from_secs(1), HOUR, 24 * HOUR, 24 * 365 * 100 * HOUR] {
        with_pool(512, |pool| {
            let global = globals(pool);
            let mut server = Server::new(Wire::new(mac()), &global).unwrap();
            for round in 1..4 {
                assert_eq!(unexpected(&server.converse(round)), [0; 0], "{jump:?}, round {round}");
                // A datagram is half there, a reply waits for a neighbour who does not answer.
                let mut half = request_frames(3, ECHO, round + 100, &payload(4000));
                half.pop();
                server.hears(half);
                server.hears(request_frames(4, ECHO, 0, b"asked, and gone"));
                let sent = server.waits(jump);
                assert!(sent.len() <= 4, "{jump:?}: {} frames at once", sent.len());
                // A deadline that has passed is not due for ever: the service would never sleep.
                server.resolve(sent);
                let due = server.host.tower.next_deadline();
                assert!(due.is_none_or(|due| due > server.host.now()), "{jump:?}: due at {due:?}");
                // After a short jump it is not over yet.
                server.rests(LONGEST_WAIT);
            }
            server.rests(24 * HOUR);
            assert_eq!(unexpected(&server.converse(9)), [0; 0], "after {jump:?}");
            for name in ["ipv4.reassembly", "arp-waiting"] {
                let label = pool.labels().find(|label| label.name() == name).unwrap();
                assert_eq!((label.live(), label.pages()), (0, 0), "{jump:?}: {label}");
            }
        });
    }
}

/// The last moment that there is: no deadline lies behind it, and nothing overflows.
#[test]
fn the_end_of_time_is_served_too() {
    with_pool(512, |pool| {
        let global = globals(pool);
        let mut server = Server::new(Wire::new(mac()), &global).unwrap();
        assert_eq!(unexpected(&server.converse(1)), [0; 0]);
        server.host.clock().advance_to(Instant::from_nanos(u64::MAX));
        let request = request_frames(0, ECHO, 0, b"hello");
        // The neighbour has been forgotten, so it is asked for.
        let asked = server.hears(request);
        let for_client = |frame: &Vec<u8>| frame[38..42] == client(0).1.octets();
        assert!(asked.iter().any(for_client), "{asked:?}");
    });
}
