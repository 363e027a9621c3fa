//! One attack, or all of them, and what is left of it.

use lab::soak::{
    attacks::{self, Attack},
    listing::Memory,
    site::Site,
};

use super::held::{free, held};
use crate::{cores::program_for, site};

/// Calls `test` with a service on so many cores that nobody else asks, which then has to end well.
pub(crate) fn with_site(cores: usize, test: impl FnOnce(&Site) + Send) {
    site::with_site(&program_for(cores, "echo", &[]), cores, &[], |_, site| test(site));
}

/// What the regions hold, in a state that does not depend on what was before.
pub(crate) fn settled(site: &Site) -> Memory {
    site.settle().unwrap_or_else(|error| panic!("{error:#}"));
    site.memory().unwrap_or_else(|error| panic!("{error:#}"))
}

pub(crate) fn assert_same(before: &Memory, after: &Memory, what: &str) {
    assert_eq!(held(before), held(after), "{what} changed what the regions hold");
    assert_eq!(free(before), free(after), "{what} changed how many pages are free");
}

/// What waits for others, or is kept of them, is bounded (the READMEs of arp and ipv4), and most of the
/// pool is free for whoever comes next.
pub(crate) fn assert_bounded(memory: &Memory, what: &str) {
    for memory in memory.of_cores() {
        let pages = memory.pages;
        for (region, share) in [("ipv4.reassembly", 4), ("arp-waiting", 8), ("packet", 8)] {
            let most = memory.region(region).most;
            assert!(most <= pages / share, "{what}: {region} held {most} of {pages} pages");
        }
        let names = memory.regions.keys().any(|name| name == "(others)");
        assert!(!names && memory.regions.len() < 12, "{what} made new regions: {memory:#?}");
    }
}

/// The attack moves the counters that it should, and nothing else stays of it.
pub(crate) fn leaves_nothing(cores: usize, attack: &Attack) {
    with_site(cores, |site| {
        let served = |seed| site.serve_good_client(seed).unwrap_or_else(|e| panic!("{e:#}"));
        served(1);
        let before = settled(site);
        let complaints = site.attack(attack, 1).unwrap_or_else(|error| panic!("{error:#}"));
        assert!(complaints.is_empty(), "{complaints:#?}");
        let during = site.memory().unwrap_or_else(|error| panic!("{error:#}"));
        assert_bounded(&during, attack.name);
        served(2);
        let after = settled(site);
        assert_same(&before, &after, attack.name);
    });
}

/// All attacks on one service, in turn: what one leaves behind, another might trip over.
pub(crate) fn all_at_once(cores: usize) {
    with_site(cores, |site| {
        let served = |seed| site.serve_good_client(seed).unwrap_or_else(|e| panic!("{e:#}"));
        served(1);
        let before = settled(site);
        for attack in attacks::all() {
            site.attack(&attack, 2).unwrap_or_else(|error| panic!("{}: {error:#}", attack.name));
            served(3);
        }
        let after = settled(site);
        assert_bounded(&after, "all attacks");
        assert_same(&before, &after, "all attacks");
    });
}
