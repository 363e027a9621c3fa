use std::{collections::HashMap, vec, vec::Vec};

use super::*;

const PEER: MacAddr = MacAddr([2, 0, 10, 0, 0, 1]);
const OTHER: MacAddr = MacAddr([2, 0, 10, 0, 0, 9]);
const THEM: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 1);
const NEW: Resolution = Resolution::Ask { displaced: None };

fn cache(storage: &mut [Entry]) -> Cache<'_> {
    Cache::new(storage, Timing::default(), 7)
}

fn at(seconds: u64) -> Instant {
    Instant::from_millis(seconds * 1000)
}

fn all_due(cache: &mut Cache<'_>, now: Instant) -> Vec<Due> {
    core::iter::from_fn(|| cache.due(now)).collect()
}

/// A neighbour that was asked for and answered at `now`.
fn meet(cache: &mut Cache<'_>, now: Instant, address: Ipv4Addr, mac: MacAddr) {
    assert!(matches!(cache.resolve(now, address), Resolution::Ask { .. }), "{address}");
    assert_eq!(cache.merge(now, address, mac, Claim::AnswersUs), Merged::Answered);
}

#[test]
fn an_unknown_neighbour_is_asked_once_and_found_after_its_answer() {
    let mut storage = [Entry::FREE; 1024];
    let cache = &mut cache(&mut storage);
    assert_eq!(cache.lookup(at(1), THEM), None);
    assert_eq!(cache.resolve(at(1), THEM), NEW);
    assert_eq!(cache.resolve(at(1), THEM), Resolution::Asked);
    assert_eq!(cache.merge(at(1), THEM, PEER, Claim::AnswersUs), Merged::Answered);
    assert_eq!(cache.lookup(at(1), THEM), Some(PEER));
}

#[test]
fn queries_are_repeated_each_second_before_timing_out() {
    let mut storage = [Entry::FREE; 1024];
    let cache = &mut cache(&mut storage);
    assert_eq!(cache.resolve(at(10), THEM), NEW);
    for second in 11..=14 {
        assert_eq!(cache.next_deadline(), Some(at(second)));
        assert_eq!(all_due(cache, Instant::from_millis(second * 1000 - 1)), []);
        assert_eq!(all_due(cache, at(second)), [Due::Ask(THEM)]);
        assert_eq!(cache.resolve(at(second), THEM), Resolution::Asked);
    }
    assert_eq!(all_due(cache, at(15)), [Due::Silent(THEM)]);
    assert_eq!(cache.next_deadline(), None);
    // Remembered for a while, and then tried again.
    assert_eq!(cache.resolve(at(19), THEM), Resolution::Silent);
    assert_eq!(cache.merge(at(19), THEM, PEER, Claim::AnswersUs), Merged::Unchanged);
    assert_eq!(cache.merge(at(19), THEM, PEER, Claim::Aside), Merged::Unchanged);
    assert_eq!(cache.resolve(at(20), THEM), NEW);
}

#[test]
fn a_silent_neighbour_that_asks_us_is_silent_no_more() {
    let mut storage = [Entry::FREE; 1024];
    let cache = &mut cache(&mut storage);
    assert_eq!(cache.resolve(at(10), THEM), NEW);
    (11..=15).for_each(|second| drop(all_due(cache, at(second))));
    assert_eq!(cache.resolve(at(16), THEM), Resolution::Silent);
    assert_eq!(cache.merge(at(16), THEM, PEER, Claim::AsksUs), Merged::Changed);
    assert_eq!(cache.lookup(at(16), THEM), Some(PEER));
}

#[test]
fn entries_expire() {
    let mut storage = [Entry::FREE; 1024];
    let cache = &mut cache(&mut storage);
    meet(cache, at(0), THEM, PEER);
    assert_eq!(cache.lookup(at(18 * 60), THEM), Some(PEER));
    assert_eq!(cache.lookup(at(20 * 60), THEM), None);
    // Nobody is asked about what is not believed any more.
    assert_eq!(cache.merge(at(20 * 60), THEM, OTHER, Claim::Aside), Merged::Unchanged);
    assert_eq!(cache.resolve(at(20 * 60), THEM), NEW);
}

#[test]
fn an_entry_in_use_is_polled_before_it_expires() {
    let mut storage = [Entry::FREE; 1024];
    let cache = &mut cache(&mut storage);
    meet(cache, at(0), THEM, PEER);
    let late = 19 * 60;
    assert_eq!(cache.lookup(at(late), THEM), None);
    assert_eq!(cache.resolve(at(late), THEM), Resolution::Stale(PEER));
    assert_eq!(cache.resolve(at(late), THEM), Resolution::Known(PEER));
    assert_eq!(all_due(cache, at(late + 1)), [Due::Poll(THEM, PEER)]);
    assert_eq!(cache.merge(at(late + 1), THEM, OTHER, Claim::AnswersUs), Merged::Unchanged);
    assert_eq!(cache.merge(at(late + 1), THEM, PEER, Claim::AnswersUs), Merged::Confirmed);
    assert_eq!(cache.lookup(at(late + 60), THEM), Some(PEER));
}

#[test]
fn a_neighbour_that_answers_no_poll_is_forgotten() {
    let mut storage = [Entry::FREE; 1024];
    let cache = &mut cache(&mut storage);
    meet(cache, at(0), THEM, PEER);
    assert_eq!(cache.resolve(at(1190), THEM), Resolution::Stale(PEER));
    assert_eq!(all_due(cache, at(1191)), [Due::Poll(THEM, PEER)]);
    assert_eq!(all_due(cache, at(1192)), [Due::Poll(THEM, PEER)]);
    assert_eq!(all_due(cache, at(1193)), [Due::Lost(THEM)]);
    assert_eq!(cache.resolve(at(1193), THEM), NEW);
}

#[test]
fn what_nobody_asked_for_neither_fills_nor_overwrites() {
    let mut storage = [Entry::FREE; 1024];
    let cache = &mut cache(&mut storage);
    for claim in [Claim::AnswersUs, Claim::Aside] {
        assert_eq!(cache.merge(at(1), THEM, PEER, claim), Merged::Unknown);
        assert_eq!(cache.find(THEM), None);
    }
    assert_eq!(cache.resolve(at(1), THEM), NEW);
    assert_eq!(cache.merge(at(1), THEM, OTHER, Claim::Aside), Merged::Unchanged);
    assert_eq!(cache.merge(at(1), THEM, PEER, Claim::AnswersUs), Merged::Answered);
    assert_eq!(cache.merge(at(1), THEM, OTHER, Claim::AnswersUs), Merged::Unchanged);
    assert_eq!(cache.lookup(at(2), THEM), Some(PEER));
}

#[test]
fn a_doubt_is_settled_by_the_station_itself_once_a_second() {
    let mut storage = [Entry::FREE; 1024];
    let cache = &mut cache(&mut storage);
    meet(cache, at(0), THEM, PEER);
    for second in 1..20 {
        let heard = cache.merge(at(second), THEM, OTHER, Claim::Aside);
        assert_eq!(heard, Merged::Doubted(PEER));
        assert_eq!(cache.merge(at(second), THEM, OTHER, Claim::Aside), Merged::Unchanged);
        assert_eq!(cache.merge(at(second), THEM, PEER, Claim::AnswersUs), Merged::Confirmed);
        assert_eq!(cache.merge(at(second), THEM, OTHER, Claim::Aside), Merged::Unchanged);
        assert_eq!(cache.lookup(at(second), THEM), Some(PEER));
    }
}

#[test]
fn what_was_never_used_and_is_contradicted_is_forgotten() {
    let mut storage = [Entry::FREE; 1024];
    let cache = &mut cache(&mut storage);
    assert_eq!(cache.add(at(1), THEM, PEER), Ok(None));
    assert_eq!(cache.merge(at(1), THEM, PEER, Claim::Aside), Merged::Unchanged);
    assert_eq!(cache.merge(at(1), THEM, OTHER, Claim::Aside), Merged::Forgotten);
    assert_eq!(cache.lookup(at(1), THEM), None);
}

#[test]
fn who_asks_us_changes_its_entry() {
    let mut storage = [Entry::FREE; 1024];
    let cache = &mut cache(&mut storage);
    meet(cache, at(0), THEM, PEER);
    assert_eq!(cache.merge(at(1000), THEM, PEER, Claim::AsksUs), Merged::Confirmed);
    assert_eq!(cache.lookup(at(1200), THEM), Some(PEER));
    assert_eq!(cache.merge(at(1201), THEM, OTHER, Claim::AsksUs), Merged::Changed);
    assert_eq!(cache.lookup(at(1201), THEM), Some(OTHER));
}

#[test]
fn static_entries_win() {
    let mut storage = [Entry::FREE; 1024];
    let cache = &mut cache(&mut storage);
    meet(cache, at(0), THEM, OTHER);
    assert_eq!(cache.insert_static(THEM, PEER), Ok(None));
    for claim in [Claim::AsksUs, Claim::AnswersUs, Claim::Aside] {
        assert_eq!(cache.merge(at(1), THEM, OTHER, claim), Merged::Unchanged);
    }
    assert_eq!(cache.lookup(at(1_000_000), THEM), Some(PEER));
    cache.clear(Ipv4Addr::UNSPECIFIED);
    assert_eq!(cache.lookup(at(1_000_000), THEM), Some(PEER));
    cache.clear(THEM);
    assert_eq!(cache.lookup(at(1_000_000), THEM), None);
}

#[test]
fn static_entries_leave_one_place_of_a_set() {
    let mut storage = [Entry::FREE; 8];
    let cache = &mut cache(&mut storage);
    let host = |last| Ipv4Addr::new(10, 0, 0, last);
    for last in 1..=7 {
        assert_eq!(cache.insert_static(host(last), PEER), Ok(None));
    }
    assert_eq!(cache.insert_static(host(8), PEER), Err(Full));
    assert_eq!(cache.insert_static(host(7), OTHER), Ok(None));
    meet(cache, at(1), host(9), OTHER);
    assert_eq!(cache.resolve(at(2), host(10)), Resolution::Ask { displaced: Some(host(9)) });
    assert_eq!(cache.lookup(at(2), host(7)), Some(OTHER));
}

/// A network of 1022 hosts has as many in each set as there are places.
#[test]
fn a_network_of_1022_hosts_fits_whole_whatever_the_secret() {
    for secret in 0..20 {
        let mut storage = vec![Entry::FREE; 1024];
        let cache = &mut Cache::new(&mut storage[..], Timing::default(), secret);
        let host = |number: u32| Ipv4Addr::from_bits(0x0a00_0000 + number);
        (1..=1022).for_each(|number| meet(cache, at(1), host(number), PEER));
        assert!((1..=1022).all(|number| cache.lookup(at(1), host(number)) == Some(PEER)));
    }
}

/// Who fills the set of a neighbour under one secret (here: by trying) does not under another.
#[test]
fn who_competes_for_a_place_follows_from_the_secret() {
    let host = |number: u32| Ipv4Addr::from_bits(0x0a00_0000 + number);
    let rivals = |secret: u128| -> Vec<u32> {
        let mut storage = vec![Entry::FREE; 1024];
        let cache = Cache::new(&mut storage[..], Timing::default(), secret);
        (2..65_534).filter(|&number| cache.set(host(number)) == cache.set(host(1))).collect()
    };
    let (one, other) = (rivals(1), rivals(2));
    assert!((400..620).contains(&one.len()), "{}", one.len());
    let both = one.iter().filter(|number| other.contains(number)).count();
    assert!(both < 20, "{both}");
}

#[test]
fn a_flood_of_askers_leaves_those_in_use() {
    let mut storage = vec![Entry::FREE; 1024];
    let cache = &mut cache(&mut storage);
    let host = |number: u32| Ipv4Addr::from_bits(0x0a00_0000 + number);
    let friends: Vec<_> = (1..=300).map(host).collect();
    friends.iter().for_each(|&friend| meet(cache, at(1), friend, PEER));
    cache.insert_static(host(301), PEER).unwrap();
    for stranger in 400..65_534 {
        if cache.merge(at(2), host(stranger), OTHER, Claim::AsksUs) == Merged::Unknown {
            cache.add(at(2), host(stranger), OTHER).unwrap();
        }
    }
    assert!(friends.iter().all(|&friend| cache.lookup(at(3), friend) == Some(PEER)));
    assert_eq!(cache.lookup(at(3), host(301)), Some(PEER));
}

#[test]
fn a_flood_of_unanswered_requests_leaves_those_in_use_and_asks_nobody_twice() {
    let mut storage = vec![Entry::FREE; 1024];
    let cache = &mut cache(&mut storage);
    let host = |number: u32| Ipv4Addr::from_bits(0x0a00_0000 + number);
    let friends: Vec<_> = (1..=300).map(host).collect();
    friends.iter().for_each(|&friend| meet(cache, at(1), friend, PEER));
    let mut asked = HashMap::new();
    for round in 0..3 {
        for stranger in 400..65_534 {
            let now = Instant::from_millis(2000 + 300 * round);
            if let Resolution::Ask { .. } = cache.resolve(now, host(stranger)) {
                *asked.entry(stranger).or_insert(0) += 1;
            }
        }
    }
    assert!(asked.values().all(|&times| times == 1) && asked.len() <= 1024 - 300);
    assert!(friends.iter().all(|&friend| cache.lookup(at(3), friend) == Some(PEER)));
    assert!(all_due(cache, at(4)).len() <= 1024);
}

#[test]
fn the_least_recently_used_goes_while_more_than_half_are_in_use() {
    let mut storage = [Entry::FREE; 8];
    let cache = &mut cache(&mut storage);
    let host = |last| Ipv4Addr::new(10, 0, 0, last);
    (1..=8).for_each(|last| meet(cache, at(1), host(last), PEER));
    (1..=8).filter(|&last| last != 3).for_each(|last| {
        assert_eq!(cache.lookup(at(2), host(last)), Some(PEER));
    });
    assert_eq!(cache.resolve(at(3), host(20)), Resolution::Ask { displaced: Some(host(3)) });
    let strangers = (21..=30).map(|last| cache.resolve(at(3), host(last)));
    assert_eq!(strangers.filter(|&answer| answer == Resolution::Full).count(), 7);
    let left = (1..=8).filter(|&last| cache.lookup(at(3), host(last)).is_some()).count();
    assert_eq!(left, 4);
    // Who asks us takes the place of somebody who has not answered.
    assert!(matches!(cache.add(at(3), host(40), OTHER), Ok(Some(gone)) if gone.octets()[3] >= 20));
}

#[test]
fn whose_time_is_over_goes_first_and_who_was_never_sent_to_next() {
    let mut storage = [Entry::FREE; 8];
    let cache = &mut cache(&mut storage);
    let host = |last| Ipv4Addr::new(10, 0, 0, last);
    (1..=6).for_each(|last| meet(cache, at(1), host(last), PEER));
    assert_eq!(cache.lookup(at(1100), host(6)), Some(PEER));
    for last in 1..=5 {
        assert_eq!(cache.merge(at(1100), host(last), PEER, Claim::AsksUs), Merged::Confirmed);
    }
    assert_eq!(cache.add(at(1201), host(7), PEER), Ok(None));
    assert_eq!(cache.add(at(1202), host(8), PEER), Ok(None));
    // Used more recently than the others, but not heard of for 20 minutes.
    assert_eq!(cache.add(at(1203), host(9), PEER), Ok(Some(host(6))));
    assert_eq!(cache.add(at(1204), host(10), PEER), Ok(Some(host(7))));
    assert_eq!(cache.resolve(at(1204), host(11)), Resolution::Ask { displaced: Some(host(8)) });
}

#[test]
fn nothing_is_due_after_all_is_forgotten() {
    let mut storage = [Entry::FREE; 1024];
    let cache = &mut cache(&mut storage);
    assert_eq!(cache.resolve(at(1), THEM), NEW);
    cache.clear(Ipv4Addr::UNSPECIFIED);
    assert_eq!(cache.next_deadline(), None);
    assert_eq!(cache.resolve(at(1), THEM), NEW);
}

#[test]
fn the_table_is_searched_ten_times_a_second_at_most() {
    let mut storage = vec![Entry::FREE; 1024];
    let cache = &mut cache(&mut storage);
    let host = |number: u64| Ipv4Addr::from_bits(0x0a00_0000 + number as u32);
    for number in 0..500 {
        let _ = cache.resolve(Instant::from_millis(number * 2), host(number));
    }
    let (mut searches, mut requests, mut now) = (0, 0, Instant::ZERO);
    while let Some(deadline) = cache.next_deadline() {
        assert!(deadline > now);
        now = deadline;
        searches += 1;
        requests += all_due(cache, now).iter().filter(|due| matches!(due, Due::Ask(_))).count();
    }
    assert_eq!(requests, 4 * 500);
    assert!(searches <= 70, "{searches}");
}

#[test]
fn storage_of_any_length_works() {
    for length in 0..40 {
        let mut storage = vec![Entry::FREE; length];
        let cache = &mut cache(&mut storage);
        for second in 0..200 {
            let host = Ipv4Addr::new(10, 0, 0, second as u8);
            match cache.resolve(at(second), host) {
                Resolution::Full => assert!(length < 2, "{length}"),
                _ => assert_ne!(length, 0),
            }
            let _ = cache.merge(at(second), host, PEER, Claim::AnswersUs);
            assert_eq!(cache.lookup(at(second), host).is_some(), length > 0);
            all_due(cache, at(second));
        }
        let fixed = cache.insert_static(THEM, PEER);
        assert_eq!(fixed.is_ok(), length > 1, "{length}");
    }
}

#[test]
fn times_below_a_second_are_a_second() {
    let mut storage = [Entry::FREE; 8];
    let timing = Timing { retry: Duration::ZERO, age: Duration::ZERO, ..Timing::default() };
    let cache = &mut Cache::new(&mut storage[..], timing, 7);
    meet(cache, at(1), THEM, PEER);
    assert_eq!(cache.lookup(Instant::from_millis(1900), THEM), Some(PEER));
    assert_eq!(cache.resolve(at(2), THEM), NEW);
    assert_eq!(all_due(cache, Instant::from_millis(2999)), []);
    let next = cache.next_deadline().unwrap();
    assert!(next >= at(3) && next < at(3) + GRANULARITY);
    assert_eq!(all_due(cache, next), [Due::Ask(THEM)]);
}
