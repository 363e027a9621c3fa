//! One attack, or all of them, and what is left of it.

use std::collections::BTreeMap;

use lab::soak::{
    attacks::{self, Attack},
    listing::Memory,
    site::Site,
};

use crate::{program::program, site};

/// Calls `test` with a service that nobody else asks, which then has to end well.
pub(crate) fn with_site(test: impl FnOnce(&Site) + Send) {
    site::with_site(&program("echo", &[]), &[], |_, site| test(site));
}

/// What the regions hold, in a state that does not depend on what was before.
pub(crate) fn settled(site: &Site) -> Memory {
    site.settle().unwrap_or_else(|error| panic!("{error:#}"));
    site.memory().unwrap_or_else(|error| panic!("{error:#}"))
}

/// The regions as they are now: what was the most is left out, because an attack may raise it.
fn held(memory: &Memory) -> BTreeMap<&str, (u64, u64)> {
    let regions = memory.regions.iter().map(|(name, held)| (&**name, (held.live, held.pages)));
    // A region that was never opened before is one that holds nothing.
    regions.filter(|(_, held)| *held != (0, 0)).collect()
}

pub(crate) fn assert_same(before: &Memory, after: &Memory, what: &str) {
    assert_eq!(held(before), held(after), "{what} changed what the regions hold");
    assert_eq!(before.free, after.free, "{what} changed how many pages are free");
}

/// What waits for others, or is kept of them, is bounded (the READMEs of arp and ipv4), and most of the
/// pool is free for whoever comes next.
pub(crate) fn assert_bounded(memory: &Memory, what: &str) {
    let pages = memory.pages;
    for (region, share) in [("ipv4.reassembly", 4), ("arp-waiting", 8), ("packet", 8)] {
        let most = memory.region(region).most;
        assert!(most <= pages / share, "{what}: {region} held {most} of {pages} pages");
    }
    let names = memory.regions.keys().any(|name| name == "(others)");
    assert!(!names && memory.regions.len() < 12, "{what} made new regions: {memory:#?}");
}

/// The attack moves the counters that it should, and nothing else stays of it.
pub(crate) fn leaves_nothing(attack: &Attack) {
    with_site(|site| {
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
pub(crate) fn all_at_once() {
    with_site(|site| {
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
