//! Memory that runs out: at each allocation in turn, and for a while.

use std::{collections::BTreeMap, time::Duration};

use layer::Instant;
use rt_regions::{Pool, Region};
use testkit::{Wire, with_pool};

use super::server::{Server, globals, mac, unexpected};

/// So long that every neighbour has been forgotten.
const HALF_AN_HOUR: Duration = Duration::from_secs(1800);

/// What a region of this name may hold when nothing is going on.
fn may_keep(name: &str) -> bool {
    matches!(name, "global" | "udp.service" | "packet")
}

/// Nobody who waits for something keeps a page, and the packets have the one that stays with them.
fn assert_returned(pool: &Pool<'_>, what: &str) {
    for label in pool.labels() {
        let most = match label.name() {
            "packet" => 1,
            name if may_keep(name) => usize::MAX,
            _ => 0,
        };
        assert!(label.pages() <= most, "{what}: pages were left behind: {label}");
    }
}

/// How many allocations the regions refused, by name.
fn refused(pool: &Pool<'_>) -> BTreeMap<&'static str, u64> {
    pool.labels().filter(|label| label.refused() > 0).map(|l| (l.name(), l.refused())).collect()
}

/// Refuses the allocation of each number in turn, until a whole conversation makes fewer. What is refused
/// costs one request at most; the next conversation is whole, and all pages come back.
#[test]
fn a_refusal_costs_one_request_wherever_it_is() {
    let mut costs: BTreeMap<(&str, String), usize> = BTreeMap::new();
    for number in 1.. {
        let mut done = false;
        with_pool(512, |pool| {
            let global = globals(pool);
            pool.refuse(number);
            let mut server = match Server::new(Wire::new(mac()), &global) {
                Ok(server) => server,
                // A service that has no room for its tables does not start, and says why.
                Err(error) => {
                    assert!(error.to_string().contains("no room for"), "{error}");
                    *costs.entry(("(at the start)", "it does not start".into())).or_default() += 1;
                    return;
                }
            };
            let answers = server.converse(1);
            done = pool.will_refuse();
            pool.refuse(0);
            let lost = unexpected(&answers);
            assert!(lost.len() <= usize::from(!done), "refusal {number} cost {lost:?}");
            for step in &lost {
                let answer = String::from_utf8_lossy(&answers[*step]);
                let told = answer.starts_with("out of memory: region ");
                assert!(answer.is_empty() || told, "refusal {number}, step {step}: {answer}");
            }
            let refused = refused(pool);
            assert_eq!(refused.values().sum::<u64>(), u64::from(!done), "{refused:?}");
            if let Some(region) = refused.keys().next() {
                let counted = server.counters().into_iter().map(|(name, _)| name);
                let why = ["exhausted", "overflowed"];
                let counted: Vec<_> =
                    counted.filter(|name| why.iter().any(|word| name.ends_with(word))).collect();
                let cost = format!("{} lost, counted by {counted:?}", lost.len());
                *costs.entry((region, cost)).or_default() += 1;
            }

            server.rests(HALF_AN_HOUR);
            let answers = server.converse(2);
            assert_eq!(unexpected(&answers), [0; 0], "after refusal {number}");
            assert_returned(pool, &format!("refusal {number}"));
        });
        if done {
            println!("{number} allocations were refused in turn: {costs:#?}");
            // Each of those that take memory was there: nothing was left out of the conversation.
            for region in ["packet", "half", "ipv4.reassembly", "arp-waiting", "(at the start)"] {
                assert!(costs.keys().any(|(name, _)| *name == region), "{region}: {costs:#?}");
            }
            return;
        }
    }
}

/// A pool that is used up for a while, down to every number of pages: requests are lost, nothing else is.
#[test]
fn when_the_pool_is_full_again_everything_is_served_again() {
    with_pool(512, |pool| {
        let global = globals(pool);
        let mut server = Server::new(Wire::new(mac()), &global).unwrap();
        let mut losses = Vec::new();
        for pages in 0.. {
            pool.keep_back(pool.free_pages() - pages);
            let answers = server.converse(1);
            pool.keep_back(0);
            losses.push(unexpected(&answers).len());
            server.rests(HALF_AN_HOUR);
            assert_eq!(unexpected(&server.converse(2)), [0; 0], "after {pages} pages");
            assert_returned(pool, &format!("{pages} pages"));
            server.rests(HALF_AN_HOUR);
            if losses.last() == Some(&0) {
                break;
            }
        }
        println!("requests lost with 0, 1, 2 … pages left: {losses:?}");
        assert!(losses[0] > 3, "with no page left, nearly all is lost: {losses:?}");
        assert!(losses.len() < 100, "a conversation needs less than 100 pages: {losses:?}");
    });
}

/// The table that is made first decides: with too little memory a service says so and does not start.
#[test]
fn too_little_memory_to_start_is_an_error_with_words() {
    let mut starts = 0;
    for pages in 1..64 {
        with_pool(pages, |pool| {
            let global = Region::new(pool, "global");
            match Server::new(Wire::new(mac()), &global) {
                Ok(mut server) => {
                    starts += 1;
                    server.rests(Instant::from_millis(1000).since(Instant::ZERO));
                }
                Err(error) => {
                    assert!(starts == 0, "it started with less: {pages} pages, {error}");
                    assert!(error.to_string().starts_with("region "), "{error}");
                }
            }
        });
    }
    assert!(starts > 0, "it never starts");
}
