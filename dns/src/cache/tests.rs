use std::{format, net::Ipv4Addr};

use testkit::with_pool;

use super::*;
use crate::query::FAILURE_TTL;

const ADDRESS: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 7);
const SECOND: Duration = Duration::from_secs(1);
const START: Instant = Instant::from_millis(1_000);

fn name(text: &str) -> Name {
    text.parse().unwrap()
}

fn addresses() -> Addresses {
    [ADDRESS.into()].into_iter().collect()
}

fn found(seconds: u64) -> Result<Found, Failed> {
    Ok(Found { addresses: addresses(), ttl: Duration::from_secs(seconds) })
}

fn failed(error: ResolveError, seconds: Option<u64>) -> Result<Found, Failed> {
    Err(Failed { error, ttl: seconds.map(Duration::from_secs) })
}

fn timed_out() -> Result<Found, Failed> {
    let server = ([10, 0, 0, 1], 53).into();
    Err(Failed { error: ResolveError::TimedOut(server), ttl: Some(FAILURE_TTL) })
}

/// Runs `test` with an empty cache of so many bytes.
fn with_cache(bytes: usize, test: impl FnOnce(&mut Cache<'_>, &Slabs<'_>)) {
    with_pool(64, |pool| {
        let slabs = Slabs::new(pool, "dns.cache").with_cap(bytes);
        test(&mut Cache::new(&slabs, 7), &slabs);
    });
}

#[test]
fn addresses_hold_for_their_time() {
    with_cache(64 << 10, |cache, _| {
        let (one, kind) = (name("a.example"), RecordType::A);
        cache.insert(START, &one, kind, &found(60)).unwrap();
        let known = Some(Known::Fresh(Ok(addresses())));
        assert_eq!(cache.get(START, &one, kind), known);
        assert_eq!(cache.get(START + 59 * SECOND, &name("A.EXAMPLE"), kind), known);
        assert_eq!(cache.get(START, &one, RecordType::AAAA), None);
        assert_eq!(cache.get(START, &name("b.a.example"), kind), None);
        let stale = Some(Known::Stale { addresses: addresses(), is_due: true });
        assert_eq!(cache.get(START + 60 * SECOND, &one, kind), stale);
        let end = START + 60 * SECOND + MAX_STALE;
        assert_eq!(cache.get(Instant::from_nanos(end.as_nanos() - 1), &one, kind), stale);
        assert_eq!(cache.get(end, &one, kind), None);
    });
}

/// RFC 1035 3.2.1, RFC 2308 5.
#[test]
fn what_holds_for_no_time_is_not_kept() {
    with_cache(64 << 10, |cache, _| {
        let (one, kind) = (name("a.example"), RecordType::A);
        for result in [
            found(0),
            failed(ResolveError::NoSuchName, None),
            failed(ResolveError::NoAddress, Some(0)),
        ] {
            cache.insert(START, &one, kind, &result).unwrap();
            assert!(cache.is_empty());
            // And what was known before is so no more.
            cache.insert(START, &one, kind, &found(60)).unwrap();
            cache.insert(START, &one, kind, &result).unwrap();
            assert_eq!(cache.get(START, &one, kind), None);
        }
    });
}

#[test]
fn that_nothing_is_there_holds_for_its_time_and_is_never_stale() {
    with_cache(64 << 10, |cache, _| {
        let (one, kind) = (name("a.example"), RecordType::A);
        cache.insert(START, &one, kind, &found(60)).unwrap();
        cache.insert(START, &one, kind, &failed(ResolveError::NoSuchName, Some(10))).unwrap();
        let known = Some(Known::Fresh(Err(ResolveError::NoSuchName)));
        assert_eq!(cache.get(START + 9 * SECOND, &one, kind), known);
        assert_eq!(cache.get(START + 10 * SECOND, &one, kind), None);
    });
}

/// RFC 9520 3.2.
#[test]
fn that_the_servers_have_failed_is_known_for_five_seconds() {
    with_cache(64 << 10, |cache, _| {
        let (one, kind) = (name("a.example"), RecordType::A);
        cache.insert(START, &one, kind, &timed_out()).unwrap();
        let error = timed_out().unwrap_err().error;
        let known = Some(Known::Fresh(Err(error)));
        assert_eq!(cache.get(START + 4 * SECOND, &one, kind), known);
        assert_eq!(cache.get(START + 5 * SECOND, &one, kind), None);
        // When they answer, that is known.
        cache.insert(START + SECOND, &one, kind, &found(60)).unwrap();
        assert_eq!(cache.get(START + SECOND, &one, kind), Some(Known::Fresh(Ok(addresses()))));
    });
}

/// RFC 8767 5.
#[test]
fn where_the_servers_fail_stale_addresses_stay_and_they_are_asked_after_thirty_seconds() {
    with_cache(64 << 10, |cache, _| {
        let (one, kind) = (name("a.example"), RecordType::A);
        cache.insert(START, &one, kind, &found(60)).unwrap();
        let later = START + 100 * SECOND;
        cache.insert(later, &one, kind, &timed_out()).unwrap();
        let stale = |is_due| Some(Known::Stale { addresses: addresses(), is_due });
        assert_eq!(cache.get(later, &one, kind), stale(false));
        assert_eq!(cache.get(later + 29 * SECOND, &one, kind), stale(false));
        assert_eq!(cache.get(later + 30 * SECOND, &one, kind), stale(true));
        assert!(cache.defer(later + 30 * SECOND, &one, kind));
        assert_eq!(cache.get(later + 59 * SECOND, &one, kind), stale(false));
        // New addresses hold.
        cache.insert(later, &one, kind, &found(60)).unwrap();
        assert_eq!(cache.get(later, &one, kind), Some(Known::Fresh(Ok(addresses()))));
        assert!(!cache.defer(later, &name("b.example"), kind));
    });
}

#[test]
fn below_the_cap_what_was_not_used_goes_first() {
    with_cache(64 << 10, |cache, slabs| {
        let kind = RecordType::A;
        let used = name("used.example");
        cache.insert(START, &used, kind, &found(60)).unwrap();
        for index in 0..2_000 {
            let other = name(&format!("{index}.example"));
            cache.insert(START, &other, kind, &found(60)).unwrap();
            assert!(slabs.pages() <= 16, "{}", slabs.pages());
            assert!(cache.get(START, &used, kind).is_some(), "{index}");
            assert!(cache.get(START, &other, kind).is_some(), "{index}");
        }
        assert!((100..1_000).contains(&cache.len()), "{}", cache.len());
        assert_eq!(cache.get(START, &name("0.example"), kind), None);
    });
}

#[test]
fn what_is_no_longer_used_gives_its_memory_back() {
    with_cache(64 << 10, |cache, slabs| {
        let kind = RecordType::A;
        for index in 0..50 {
            let other = name(&format!("{index}.example"));
            cache.insert(START, &other, kind, &failed(ResolveError::NoSuchName, Some(60))).unwrap();
        }
        let (before, pages) = (cache.len(), slabs.pages());
        assert_eq!(before, 50);
        let later = START + 60 * SECOND;
        for _ in 0..10 {
            cache.insert(later, &name("last.example"), kind, &found(60)).unwrap();
        }
        assert_eq!(cache.len(), 1);
        assert!(slabs.pages() < pages);
    });
}

#[test]
fn without_memory_nothing_is_kept_and_nothing_breaks() {
    with_pool(32, |pool| {
        let slabs = Slabs::new(pool, "dns.cache").with_cap(64 << 10);
        let mut cache = Cache::new(&slabs, 7);
        let hog = rt_regions::Region::new(pool, "hog");
        while hog.alloc([0_u8; 4000]).is_ok() {}
        let kind = RecordType::A;
        assert!(cache.insert(START, &name("a.example"), kind, &found(60)).is_err());
        assert_eq!(cache.get(START, &name("a.example"), kind), None);
        drop(hog);
        cache.insert(START, &name("a.example"), kind, &found(60)).unwrap();
        assert_eq!(cache.len(), 1);
    });
}
