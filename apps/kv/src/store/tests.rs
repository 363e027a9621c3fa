//! The store against a model.

use std::{collections::HashMap, time::Duration};

use testkit::{Random, with_pool};

use super::*;

fn key(number: usize) -> Vec<u8> {
    format!("key-{number}").into_bytes()
}

#[test]
fn it_is_a_map_with_deadlines() {
    with_pool(512, |pool| {
        let slabs = Slabs::new(pool, "kv.entries");
        let mut store = Store::new(&slabs, 7);
        let mut model: HashMap<Vec<u8>, (Vec<u8>, Option<Instant>)> = HashMap::new();
        let mut random = Random::new(1);
        let mut now = Instant::from_millis(5);
        let (mut expired, mut found) = (0, 0);
        for _ in 0..100_000 {
            let key = key(random.below(500));
            let of_model = |model: &HashMap<_, (Vec<u8>, Option<Instant>)>| {
                let (value, deadline) = model.get(&key)?;
                deadline.is_none_or(|deadline| deadline > now).then(|| value.clone())
            };
            match random.below(8) {
                0..=2 => {
                    let length = random.below(40);
                    let value = random.bytes(length);
                    let time = Duration::from_millis(random.below(2_000) as u64 + 1);
                    let deadline = (!random.once_in(2)).then_some(now + time);
                    store.set(&key, &value, deadline).unwrap();
                    model.insert(key, (value, deadline));
                }
                3..=5 => {
                    let expected = of_model(&model);
                    found += usize::from(expected.is_some());
                    assert_eq!(store.get(&key, now), expected.as_deref());
                }
                6 => {
                    let was_there = of_model(&model).is_some();
                    assert_eq!(store.delete(&key, now), was_there);
                    model.remove(&key);
                }
                _ => {
                    now += Duration::from_millis(random.below(50) as u64);
                    let most = random.below(5);
                    let due = model.values().filter(|(_, at)| at.is_some_and(|at| at <= now));
                    let due = due.count();
                    let removed = store.expire(now, most);
                    assert_eq!(removed, due.min(most));
                    expired += removed;
                    // Those that went were due.
                    model.retain(|key, (_, at)| {
                        let is_there = store.entries.peek(&key[..]).is_some();
                        assert!(is_there || at.is_some_and(|at| at <= now));
                        is_there
                    });
                    assert_eq!(store.len(), model.len());
                }
            }
        }
        assert!(expired > 1_000 && found > 1_000, "{expired} expired, {found} were found");
        assert_eq!(store.evicted(), 0);
    });
}

#[test]
fn what_was_used_least_recently_goes() {
    with_pool(64, |pool| {
        let slabs = Slabs::new(pool, "kv.entries").with_cap(64 << 10);
        let mut store = Store::new(&slabs, 7);
        // The keys, those that were used last at the end.
        let mut used: Vec<usize> = Vec::new();
        let mut random = Random::new(2);
        let now = Instant::from_millis(5);
        for _ in 0..20_000 {
            let number = random.below(2_000);
            let is_used = if random.once_in(2) {
                store.set(&key(number), b"0123456789", None).unwrap();
                true
            } else {
                store.get(&key(number), now).is_some()
            };
            if is_used {
                used.retain(|&other| other != number);
                used.push(number);
            }
            // Those that are there are those that were used last.
            used.drain(..used.len() - store.len());
        }
        let there: Vec<_> =
            (0..2_000).filter(|&number| store.get(&key(number), now).is_some()).collect();
        used.sort_unstable();
        assert_eq!(there, used);
        assert!(there.len() > 400, "{} entries in 16 pages", there.len());
        assert!(store.evicted() > 5_000, "{} were evicted", store.evicted());
        assert_eq!(slabs.pages(), 16);
    });
}

/// Others have the memory that the cap would allow.
#[test]
fn without_memory_a_set_fails_and_the_next_one_does_not() {
    with_pool(8, |pool| {
        let slabs = Slabs::new(pool, "kv.entries");
        let mut store = Store::new(&slabs, 7);
        let mut others = rt_regions::Region::new(pool, "others");
        while others.alloc_slice(&[0_u8; 4096]).is_ok() {}
        let error = store.set(b"a", b"b", None).unwrap_err();
        assert_eq!(error.region, "kv.entries");
        others.release();
        store.set(b"a", b"b", None).unwrap();
        assert_eq!(store.get(b"a", Instant::ZERO), Some(&b"b"[..]));
    });
}
