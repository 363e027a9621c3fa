//! A station that says it has the address of a client, and is believed: RFC 4861 7.2.5 lets an advertisement with Override replace
//! what is known (RFC 3756 4.1.1).

use std::time::{Duration, Instant};

use lab::soak::frames::ipv6::{TARGET_MAC, mac_option, targeted};

use super::{
    bed::{ARGUMENT, HOST, SERVICE, assert_comes_back, settled, with_service},
    client::served,
};

/// The delay of 5 s before a station is asked whether it is there, and three questions a second apart.
const ASKED: Duration = Duration::from_secs(8);
/// The longest time that a neighbour is held to be reachable after an answer (RFC 4861 6.3.2).
const REACHABLE: Duration = Duration::from_secs(45);
/// The client asks three times, a second apart.
const MORE: Duration = Duration::from_secs(6);

/// The station of the liar does not answer for the address: the client is looked for again.
pub(crate) fn a_client_that_was_taken_away_comes_back(cores: usize) {
    with_service(cores, &[ARGUMENT], |_, site, target| {
        served(SERVICE, 1).expect("nobody disturbs");
        let before = settled(site, target);
        // What looks like an answer is believed for as long as one.
        for (flags, limit) in [(0x20, ASKED + MORE), (0x60, REACHABLE + ASKED + MORE)] {
            let rest = targeted(flags, HOST, &mac_option(TARGET_MAC, target.evil()));
            let packet = lab::soak::frames::ipv6::discovery(HOST, SERVICE, 136, &rest);
            let frame = target.frame(target.evil(), &packet);
            let changed = || site.counters().expect("it tells")["ndp.changed"];
            let count = changed();
            site.send(&[frame]).expect("it is sent");
            let start = Instant::now();
            let was_taken = changed() > count;
            while served(SERVICE, 2).is_err() {
                assert!(start.elapsed() < limit, "{flags:#x}: it does not come back");
            }
            println!(
                "flags {flags:#x}: taken away: {was_taken}, served again after {} ms",
                start.elapsed().as_millis()
            );
        }
        assert_comes_back(site, target, &before, "a forged advertisement");
    });
}
