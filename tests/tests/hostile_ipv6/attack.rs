//! One attack, or all of them, and what is left of it.

use lab::soak::attacks::ipv6::{self, Attack};
use testkit::Random;

use super::{
    bed::{ARGUMENT, SERVICE, assert_bounded, assert_comes_back, memory, settled, with_service},
    client::{served, served_during},
};

/// The attack moves the counters that it should, the good client is served while it goes on and afterwards, and nothing else
/// stays of it.
pub(crate) fn leaves_nothing(cores: usize, attack: &Attack) {
    let &Attack { name, frames, counters } = attack;
    with_service(cores, &[ARGUMENT], |_, site, target| {
        served(SERVICE, 1).expect("nobody disturbs");
        let before = settled(site, target);
        let frames = frames(target, &mut Random::new(1));
        let complaints = site.strike(name, &frames, counters, false);
        let complaints = complaints.unwrap_or_else(|error| panic!("{error:#}"));
        assert!(complaints.is_empty(), "{complaints:#?}");
        served_during(SERVICE, &frames, name);
        assert_bounded(&memory(site), name);
        served(SERVICE, 2).unwrap_or_else(|error| panic!("after {name}: {error}"));
        assert_comes_back(site, target, &before, name);
    });
}

/// All attacks on one service, in turn: what one leaves behind, another might trip over.
pub(crate) fn all_at_once(cores: usize) {
    with_service(cores, &[ARGUMENT], |_, site, target| {
        served(SERVICE, 1).expect("nobody disturbs");
        let before = settled(site, target);
        for Attack { name, frames, .. } in ipv6::all() {
            let sent = site.strike(name, &frames(target, &mut Random::new(2)), &[], false);
            sent.unwrap_or_else(|error| panic!("{name}: {error:#}"));
            served(SERVICE, 3).unwrap_or_else(|error| panic!("after {name}: {error}"));
        }
        assert_bounded(&memory(site), "all attacks");
        assert_comes_back(site, target, &before, "all attacks");
    });
}
