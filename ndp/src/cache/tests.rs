use std::{string::String, vec::Vec};

use super::*;
use crate::host::*;

/// The time of the tests.
const NOW: Instant = Instant::from_millis(1_000_000);

fn later(milliseconds: u64) -> Instant {
    NOW + Duration::from_millis(milliseconds)
}

/// An advertisement with the flags `R`, `S`, `O`.
fn advertisement(link_address: Option<MacAddr>, flags: &str) -> Advertisement {
    Advertisement {
        link_address,
        is_router: flags.contains('R'),
        is_solicited: flags.contains('S'),
        overrides: flags.contains('O'),
    }
}

/// A cache with one set.
fn small() -> Cache<'static> {
    Cache::new(vec![Entry::FREE; 8].leak(), 7)
}

/// Asks for a neighbour.
fn ask(cache: &mut Cache<'_>, now: Instant, address: &str) -> Resolution {
    cache.resolve(now, ip(address))
}

/// Asks for a neighbour, which answers.
fn meet(cache: &mut Cache<'_>, now: Instant, address: Ipv6Addr) -> bool {
    let answer = advertisement(Some(PEER), "SO");
    let is_asked = matches!(cache.resolve(now, address), Resolution::Ask { .. });
    is_asked && cache.advertised(now, address, &answer).is_some()
}

/// All the work that is due.
fn due(cache: &mut Cache<'_>, now: Instant) -> Vec<Due> {
    core::iter::from_fn(|| cache.due(now)).collect()
}

/// A cache that has the neighbour in this state at [`NOW`].
fn cache(state: State) -> Cache<'static> {
    let (mut cache, address) = (small(), ip(THEM));
    match state {
        State::Free => {}
        State::Incomplete => {
            assert_eq!(ask(&mut cache, NOW, THEM), Resolution::Ask { displaced: None });
        }
        State::Failed => {
            let _ = ask(&mut cache, Instant::from_millis(997_000), THEM);
            for time in [998_000, 999_000, 1_000_000] {
                let _ = due(&mut cache, Instant::from_millis(time));
            }
        }
        State::Stale | State::Delay => {
            assert!(cache.heard(NOW, address, PEER, true).added);
            if state == State::Delay {
                assert_eq!(ask(&mut cache, NOW, THEM), Resolution::Known(PEER));
            }
        }
        State::Probe => {
            let before = Instant::from_millis(995_000);
            let _ = cache.heard(before, address, PEER, true);
            let _ = ask(&mut cache, before, THEM);
            assert_eq!(due(&mut cache, NOW), [Due::Probe(address, PEER)]);
        }
        State::Reachable => assert!(meet(&mut cache, NOW, address)),
    }
    assert_eq!(seen(&cache).0, state);
    cache
}

/// The state of the neighbour, and its station.
fn seen(cache: &Cache<'_>) -> (State, MacAddr) {
    let index = cache.find(ip(THEM));
    index.map_or((State::Free, MacAddr::UNSPECIFIED), |index| {
        let entry = &cache.entries[index];
        (entry.state, entry.mac)
    })
}

/// RFC 4861 7.2.5, Appendix C: what each advertisement makes of each state (v6LC.2.1.16 to 2.1.20).
#[test]
fn each_advertisement_has_its_effect_in_each_state() {
    use State::{Delay, Failed, Free, Incomplete, Probe, Reachable, Stale};
    const NONE: MacAddr = MacAddr::UNSPECIFIED;
    // The flags, the link-layer address, and what comes of it.
    let table = |state: State| -> Vec<(&str, Option<MacAddr>, (State, MacAddr))> {
        match state {
            Free | Failed => vec![("SO", Some(PEER), (state, NONE))],
            Incomplete => vec![
                ("SO", None, (Incomplete, NONE)),
                ("", None, (Incomplete, NONE)),
                ("S", Some(PEER), (Reachable, PEER)),
                ("SO", Some(PEER), (Reachable, PEER)),
                ("", Some(PEER), (Stale, PEER)),
                ("O", Some(PEER), (Stale, PEER)),
            ],
            _ => vec![
                ("", Some(PEER), (state, PEER)),
                ("O", Some(PEER), (state, PEER)),
                ("", None, (state, PEER)),
                ("O", None, (state, PEER)),
                ("S", None, (Reachable, PEER)),
                ("S", Some(PEER), (Reachable, PEER)),
                ("SO", Some(PEER), (Reachable, PEER)),
                ("", Some(OTHER), (if state == Reachable { Stale } else { state }, PEER)),
                ("S", Some(OTHER), (if state == Reachable { Stale } else { state }, PEER)),
                ("O", Some(OTHER), (Stale, OTHER)),
                ("SO", Some(OTHER), (Reachable, OTHER)),
            ],
        }
    };
    for state in [Free, Failed, Incomplete, Stale, Delay, Probe, Reachable] {
        for (flags, mac, expected) in table(state) {
            let mut cache = cache(state);
            let advertised = cache.advertised(NOW, ip(THEM), &advertisement(mac, flags));
            assert_eq!(seen(&cache), expected, "{state:?} {flags} {mac:?}");
            let is_unknown = matches!(state, Free | Failed) || expected.0 == Incomplete;
            assert_eq!(advertised.is_none(), is_unknown, "{state:?} {flags} {mac:?}");
            let answered = advertised.and_then(|advertised| advertised.answered);
            assert_eq!(answered.is_some(), state == Incomplete && mac.is_some());
        }
    }
}

/// RFC 4861 7.3.1, Appendix C. Without a packet to the station that it has now, word of what arrives is about another one.
#[test]
fn what_upper_layers_know_confirms_a_neighbour_that_was_sent_to() {
    use State::{Delay, Failed, Free, Incomplete, Probe, Reachable, Stale};
    for state in [Free, Failed, Incomplete, Stale] {
        let mut cache = cache(state);
        assert!(!cache.confirm(NOW, ip(THEM)));
        assert_eq!(seen(&cache).0, state);
    }
    for state in [Delay, Probe, Reachable] {
        let mut cache = cache(state);
        // What was on its way when the station changed is no word about the new one.
        assert_eq!(cache.confirm(later(999), ip(THEM)), state != Delay);
        assert!(cache.confirm(later(1000), ip(THEM)));
        assert_eq!(seen(&cache), (Reachable, PEER));
        assert_eq!(due(&mut cache, later(15_000)), [], "{state:?}");
        assert_eq!(cache.lookup(later(15_000), ip(THEM)), Some(PEER));
        // For as long as after an answer, and no longer.
        assert!(cache.confirm(later(15_000), ip(THEM)));
        assert_eq!(cache.lookup(later(30_000), ip(THEM)), Some(PEER));
        assert_eq!(cache.lookup(later(60_000), ip(THEM)), None);
        assert!(!cache.confirm(later(60_000), ip(THEM)));
    }
}

/// A host that forges the station of a busy neighbour is not confirmed by what the neighbour has acknowledged just before.
#[test]
fn another_station_is_not_confirmed_by_what_the_first_one_acknowledged() {
    let mut cache = cache(State::Reachable);
    assert!(cache.confirm(NOW, ip(THEM)));
    assert!(cache.heard(later(10), ip(THEM), OTHER, true).changed);
    assert!(!cache.confirm(later(11), ip(THEM)));
    assert_eq!(ask(&mut cache, later(12), THEM), Resolution::Known(OTHER));
    assert!(!cache.confirm(later(500), ip(THEM)));
    // Nothing is acknowledged any more, so it is asked.
    assert_eq!(due(&mut cache, later(5012)), [Due::Probe(ip(THEM), OTHER)]);
}

/// RFC 4861 7.2.5 (v6LC.2.1.21).
#[test]
fn who_is_no_router_any_more_is_noticed_once() {
    let mut cache = cache(State::Reachable);
    cache.set_router(ip(THEM));
    for (flags, was_router) in [("SR", false), ("S", true), ("S", false), ("R", false), ("", true)]
    {
        let advertised = cache.advertised(NOW, ip(THEM), &advertisement(None, flags)).unwrap();
        assert_eq!(advertised.was_router, was_router, "{flags}");
    }
    // Where the address is not believed, the flag is not either.
    cache.set_router(ip(THEM));
    let advertised = cache.advertised(NOW, ip(THEM), &advertisement(Some(OTHER), "")).unwrap();
    assert!(!advertised.was_router);
}

/// RFC 4861 7.2.3, Appendix C: what a solicitation, an advertisement of a router or a redirect says by the way (v6LC.2.1.8 to 2.1.12).
#[test]
fn what_is_said_by_the_way_makes_a_neighbour_stale() {
    for state in [State::Stale, State::Delay, State::Probe, State::Reachable] {
        let mut cache = cache(state);
        assert_eq!(cache.heard(NOW, ip(THEM), PEER, true), Heard::default());
        assert_eq!(seen(&cache), (state, PEER), "the same address changes nothing");
        assert!(cache.heard(NOW, ip(THEM), OTHER, true).changed);
        assert_eq!(seen(&cache), (State::Stale, OTHER));
    }
    let mut asked = cache(State::Incomplete);
    assert!(asked.heard(NOW, ip(THEM), PEER, true).answered);
    assert_eq!(seen(&asked), (State::Stale, PEER));
    let mut none = cache(State::Free);
    assert_eq!(none.heard(NOW, ip(THEM), PEER, false), Heard::default());
    assert_eq!(seen(&none).0, State::Free);
    assert!(none.heard(NOW, ip(THEM), PEER, true).added);
    assert_eq!(seen(&none), (State::Stale, PEER));
}

/// RFC 4861 7.2.2: three solicitations, a second apart; then it has failed. It is asked for again a second later (v6LC.2.1.5).
#[test]
fn a_neighbour_is_asked_for_three_times() {
    let mut cache = cache(State::Incomplete);
    assert_eq!(cache.wake(), later(1000));
    assert_eq!(due(&mut cache, later(999)), []);
    assert_eq!(ask(&mut cache, later(999), THEM), Resolution::Asked);
    assert_eq!(due(&mut cache, later(1000)), [Due::Ask(ip(THEM))]);
    assert_eq!(due(&mut cache, later(2000)), [Due::Ask(ip(THEM))]);
    assert_eq!(due(&mut cache, later(3000)), [Due::Failed(ip(THEM))]);
    assert_eq!(ask(&mut cache, later(3999), THEM), Resolution::Failed);
    assert_eq!(ask(&mut cache, later(4000), THEM), Resolution::Ask { displaced: None });
}

/// A thousand neighbours that are asked for do not cost a thousand searches of the table a second.
#[test]
fn the_table_is_searched_ten_times_a_second_at_most() {
    let mut cache = cache(State::Incomplete);
    assert_eq!(cache.resolve(later(10), neighbour(7)), Resolution::Ask { displaced: None });
    assert_eq!(due(&mut cache, later(1000)), [Due::Ask(ip(THEM))]);
    assert_eq!(cache.wake(), later(1100));
    assert_eq!(due(&mut cache, later(1100)), [Due::Ask(neighbour(7))]);
}

/// RFC 4861 7.3.3: after 5 seconds three probes by unicast, a second apart; then it is forgotten (v6LC.2.1.6).
#[test]
fn a_stale_neighbour_in_use_is_probed_and_forgotten() {
    let mut cache = cache(State::Delay);
    let probe = Due::Probe(ip(THEM), PEER);
    assert_eq!(due(&mut cache, later(4999)), []);
    assert_eq!(cache.lookup(later(4999), ip(THEM)), Some(PEER));
    for time in [5000, 6000, 7000] {
        assert_eq!(due(&mut cache, later(time)), [probe]);
        assert_eq!(cache.lookup(later(time), ip(THEM)), Some(PEER));
    }
    assert_eq!(due(&mut cache, later(8000)), [Due::Lost(ip(THEM))]);
    assert_eq!(ask(&mut cache, later(8000), THEM), Resolution::Ask { displaced: None });
}

/// One that has moved meanwhile is given as much time as another.
#[test]
fn a_neighbour_that_moves_while_it_is_probed_is_probed_anew() {
    let mut cache = cache(State::Probe);
    let probed = [1000, 2000].map(|time| due(&mut cache, later(time)).len());
    assert_eq!(probed, [1, 1]);
    let moved = cache.advertised(later(2500), ip(THEM), &advertisement(Some(OTHER), "O"));
    assert!(moved.unwrap().changed);
    assert_eq!(ask(&mut cache, later(2500), THEM), Resolution::Known(OTHER));
    for time in [7500, 8500, 9500] {
        assert_eq!(due(&mut cache, later(time)), [Due::Probe(ip(THEM), OTHER)]);
    }
    assert_eq!(due(&mut cache, later(10_500)), [Due::Lost(ip(THEM))]);
}

/// RFC 4861 7.3.3: without a packet nobody asks.
#[test]
fn a_neighbour_that_is_not_used_is_not_probed() {
    for state in [State::Stale, State::Reachable] {
        let mut cache = cache(state);
        assert_eq!(due(&mut cache, later(3_600_000)), []);
        assert_eq!(cache.station(ip(THEM)), Some(PEER));
    }
}

/// RFC 4861 7.3.3: between 15 and 45 seconds after its answer a neighbour is doubted.
#[test]
fn a_neighbour_is_reachable_for_a_while() {
    let mut cache = cache(State::Reachable);
    assert_eq!(cache.lookup(later(14_999), ip(THEM)), Some(PEER));
    assert_eq!(cache.lookup(later(45_000), ip(THEM)), None);
    assert_eq!(ask(&mut cache, later(45_000), THEM), Resolution::Known(PEER));
    assert_eq!(due(&mut cache, later(50_000)), [Due::Probe(ip(THEM), PEER)]);
    let _ = cache.advertised(later(50_001), ip(THEM), &advertisement(None, "S"));
    assert_eq!(seen(&cache), (State::Reachable, PEER));
    assert_eq!(due(&mut cache, later(60_000)), []);
}

#[test]
fn a_link_that_was_down_leaves_nobody_reachable() {
    let mut cache = cache(State::Reachable);
    cache.doubt();
    assert_eq!(seen(&cache), (State::Stale, PEER));
}

fn neighbour(number: u64) -> Ipv6Addr {
    Ipv6Addr::from_bits(ip("2001:db8::").to_bits() | u128::from(number) << 16 | 1)
}

/// A neighbour that has spoken to us, and that we have answered for less than the 5 s after which it is asked whether it is there, keeps
/// its place while we ask for any number of strangers.
#[test]
fn a_flood_of_destinations_displaces_nobody_in_use() {
    let mut cache = small();
    let client = ip(THEM);
    assert!(cache.heard(NOW, client, PEER, true).added);
    assert_eq!(cache.resolve(NOW, client), Resolution::Known(PEER));
    for number in 0..100 {
        let _ = cache.resolve(later(300), neighbour(number));
        assert_eq!(cache.lookup(later(300), client), Some(PEER), "after {number} strangers");
    }
    // Another client that speaks to us has a place too.
    let heard = cache.heard(later(600), neighbour(200), OTHER, true);
    assert!(heard.added && heard.displaced.is_some_and(|address| address != client));
    assert_eq!(cache.resolve(later(600), neighbour(200)), Resolution::Known(OTHER));
    for number in 300..400 {
        let _ = cache.resolve(later(900), neighbour(number));
        let known = [client, neighbour(200)].map(|address| cache.lookup(later(900), address));
        assert_eq!(known, [Some(PEER), Some(OTHER)], "after {number} strangers");
    }
}

/// RFC 6583: a link has 2^64 addresses. Strangers take one place of each set from neighbours that have answered, and no more.
#[test]
fn a_flood_of_strangers_displaces_no_known_neighbours() {
    let mut cache = Cache::new(vec![Entry::FREE; 1024].leak(), 7);
    let known: Vec<_> = (0..700).map(neighbour).filter(|&it| meet(&mut cache, NOW, it)).collect();
    assert!(known.len() > 600);
    for number in 0..100_000 {
        let stranger = neighbour(1 << 40 | number);
        let heard = cache.heard(later(number), stranger, OTHER, true);
        assert!(heard.added || heard.full);
        let _ = cache.resolve(later(number), neighbour(1 << 41 | number));
        let _ = due(&mut cache, later(number));
    }
    let left = known.iter().filter(|&&it| cache.station(it) == Some(PEER)).count();
    assert!(left + 1024 / 8 >= known.len(), "{left} of {}", known.len());
    assert!(left * 10 > known.len() * 9, "{left} of {}", known.len());
}

/// Work for each packet and for each deadline is bounded by the size of the table, and so are the solicitations.
#[test]
fn a_flood_of_destinations_causes_as_many_solicitations_as_there_are_places() {
    let mut cache = Cache::new(vec![Entry::FREE; 1024].leak(), 7);
    let asked = (0..100_000)
        .filter(|&number| matches!(cache.resolve(NOW, neighbour(number)), Resolution::Ask { .. }))
        .count();
    assert_eq!(asked, 1024);
    assert_eq!(due(&mut cache, later(1000)).len(), 1024);
    assert_eq!(due(&mut cache, later(1099)), []);
    assert_eq!(cache.wake(), later(2000));
}

/// A neighbour that we ask for does not lose its place to others that we ask for.
#[test]
fn who_is_asked_for_keeps_its_place_until_it_has_failed() {
    let mut cache = small();
    for number in 0..8 {
        let _ = cache.resolve(NOW, neighbour(number));
    }
    assert_eq!(cache.resolve(NOW, neighbour(9)), Resolution::Full);
    let heard = cache.heard(NOW, neighbour(10), PEER, true);
    assert!(heard.added && heard.displaced.is_some(), "who speaks to us has its place");
    for time in [1000, 2000, 3000] {
        let _ = due(&mut cache, later(time));
    }
    assert!(matches!(cache.resolve(later(3000), neighbour(9)), Resolution::Ask { .. }));
}

#[test]
fn where_all_are_known_the_least_recently_used_goes() {
    let mut cache = small();
    for number in 0..8 {
        assert!(meet(&mut cache, later(number * 1000), neighbour(number)));
    }
    assert_eq!(cache.lookup(later(9000), neighbour(0)), Some(PEER));
    let displaced = Some(neighbour(1));
    assert_eq!(cache.resolve(later(10_000), neighbour(9)), Resolution::Ask { displaced });
    // The next stranger takes the place of the last one, as soon as that has failed.
    assert_eq!(cache.resolve(later(10_000), neighbour(10)), Resolution::Full);
}

/// It goes before one that is in use, though that has not answered yet.
#[test]
fn a_known_neighbour_that_is_not_used_for_ten_minutes_makes_room() {
    let mut cache = small();
    for number in 0..7 {
        assert!(meet(&mut cache, NOW, neighbour(number)));
    }
    for number in 1..7 {
        assert_eq!(cache.lookup(later(10_000), neighbour(number)), Some(PEER));
    }
    assert!(cache.heard(later(604_000), neighbour(7), PEER, true).added);
    assert_eq!(cache.resolve(later(604_000), neighbour(7)), Resolution::Known(PEER));
    assert_eq!(cache.heard(later(605_000), neighbour(9), PEER, true).displaced, Some(neighbour(0)));
}

#[test]
fn any_storage_is_a_cache() {
    for places in [0, 1, 2, 7, 8, 9, 16, 100] {
        let mut cache = Cache::new(vec![Entry::FREE; places].leak(), 7);
        for number in 0..50 {
            let now = later(number * 10_000);
            let _ = cache.heard(now, neighbour(number), PEER, true);
            let _ = cache.resolve(now, neighbour(number + 1));
            let _ = due(&mut cache, now);
        }
        let _: String = format!("{cache:?}");
    }
}
