use std::{collections::BTreeMap, vec::Vec};

use super::*;

/// Entries as Xen would hand them over, but for what a predecessor left in them.
fn entries(count: usize) -> Vec<GrantEntry> {
    let entries: Vec<_> = core::iter::repeat_with(GrantEntry::default).take(count).collect();
    for entry in &entries {
        entry.flags.store(GTF_PERMIT_ACCESS, Ordering::Relaxed);
        entry.frame.store(u32::MAX, Ordering::Relaxed);
    }
    entries
}

/// What Xen reads of an entry.
fn seen(entry: &GrantEntry) -> (u16, u16, u32) {
    let GrantEntry { flags, domid, frame } = entry;
    let order = Ordering::Relaxed;
    (flags.load(order), domid.load(order), frame.load(order))
}

#[test]
fn xen_reads_what_was_granted() {
    let entries = entries(16);
    let grants = Grants::new(&entries);
    let one = grants.grant(DomainId(3), 0x1234, Access::Read).unwrap();
    let two = grants.grant(DomainId(0), 0x1235, Access::Write).unwrap();
    assert_eq!((one, two), (GrantRef(8), GrantRef(9)));
    assert_eq!(seen(&entries[8]), (5, 3, 0x1234));
    assert_eq!(seen(&entries[9]), (1, 0, 0x1235));
    assert_eq!(grants.end(one), Ok(()));
    assert_eq!(seen(&entries[8]).0, 0);
    let counts = GrantCounts { entries: 8, granted: 1, most: 2, refused: 0 };
    assert_eq!(grants.counts(), counts);
    let words = "grants 1 of 8 most 2 still in use at their end 0";
    assert_eq!(std::format!("{counts}"), words);
}

#[test]
fn the_first_entries_are_not_ours() {
    let entries = entries(RESERVED + 1);
    let grants = Grants::new(&entries);
    assert!(grants.grant(DomainId(0), 1, Access::Write).is_ok());
    for (number, entry) in entries[..RESERVED].iter().enumerate() {
        assert_eq!(grants.end(GrantRef(number as u32)), Ok(()));
        assert_eq!(seen(entry), (GTF_PERMIT_ACCESS, 0, u32::MAX));
    }
}

#[test]
fn a_full_table_is_an_error_and_no_table_is_full() {
    for count in [0, 1, RESERVED, RESERVED + 3] {
        let entries = entries(count);
        let grants = Grants::new(&entries);
        let all: Vec<_> =
            core::iter::from_fn(|| grants.grant(DomainId(0), 1, Access::Read).ok()).collect();
        assert_eq!(all.len(), count.saturating_sub(RESERVED));
        let full = Err(GrantError::Full(all.len()));
        assert_eq!(grants.grant(DomainId(0), 1, Access::Read), full);
        for grant in all {
            assert_eq!(grants.end(grant), Ok(()));
            assert!(grants.grant(DomainId(0), 1, Access::Read).is_ok());
        }
    }
}

#[test]
fn a_page_in_use_stays_granted_and_its_entry_taken() {
    let entries = entries(RESERVED + 2);
    let grants = Grants::new(&entries);
    for used in [GTF_READING, GTF_WRITING, GTF_READING | GTF_WRITING] {
        let grant = grants.grant(DomainId(0), 77, Access::Write).unwrap();
        let entry = &entries[grant.0 as usize];
        entry.flags.fetch_or(used, Ordering::Relaxed);
        let refused = grants.counts().refused;
        assert_eq!(grants.end(grant), Err(StillInUse));
        assert_eq!(seen(entry), (GTF_PERMIT_ACCESS | used, 0, 77));
        let other = grants.grant(DomainId(0), 78, Access::Write).unwrap();
        assert!(other != grant && grants.grant(DomainId(0), 79, Access::Write).is_err());
        // The other domain lets go in the end.
        entry.flags.fetch_and(!used, Ordering::Relaxed);
        assert_eq!((grants.end(grant), grants.end(other)), (Ok(()), Ok(())));
        assert_eq!(grants.counts().refused, refused + 1);
    }
}

#[test]
fn ending_twice_does_not_free_twice() {
    let entries = entries(RESERVED + 2);
    let grants = Grants::new(&entries);
    let grant = grants.grant(DomainId(0), 1, Access::Write).unwrap();
    assert_eq!((grants.end(grant), grants.end(grant)), (Ok(()), Ok(())));
    for number in [NONE, RESERVED as u32 + 2, u32::MAX] {
        assert_eq!(grants.end(GrantRef(number)), Ok(()));
    }
    let (one, two) = (grants.grant(DomainId(0), 1, Access::Write).unwrap(), 1);
    assert_ne!(grants.grant(DomainId(0), two, Access::Write), Ok(one));
    assert_eq!(grants.counts().granted, 2);
}

/// A million random steps against a map, Xen's flags coming and going.
#[test]
fn the_table_is_as_a_map_of_grants() {
    let entries = entries(64);
    let grants = Grants::new(&entries);
    let mut model = BTreeMap::new();
    let mut random = 0x9e37_79b9_7f4a_7c15_u64;
    for step in 0..1_000_000_u32 {
        random = random.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(0x1405_7b7e_f767_814f);
        let choice = (random >> 33) as u32;
        match choice % 4 {
            0 | 1 => match grants.grant(DomainId(step as u16), step, Access::Write) {
                Ok(grant) => assert_eq!(model.insert(grant.0, step), None),
                Err(full) => assert_eq!((full, model.len()), (GrantError::Full(56), 56)),
            },
            2 => {
                let number = choice / 4 % 64;
                let entry = &entries[number as usize];
                if model.contains_key(&number) {
                    entry.flags.fetch_xor(GTF_READING, Ordering::Relaxed);
                }
            }
            _ => {
                let number = choice / 4 % 64;
                let used = seen(&entries[number as usize]).0 & GTF_READING != 0;
                let ended = grants.end(GrantRef(number));
                assert_eq!(ended.is_err(), used && model.contains_key(&number));
                if ended.is_ok() {
                    model.remove(&number);
                }
            }
        }
        assert_eq!(grants.counts().granted as usize, model.len());
    }
    for (&number, &step) in &model {
        let (flags, domain, frame) = seen(&entries[number as usize]);
        assert_eq!((flags & 1, domain, frame), (1, step as u16, step));
    }
}
