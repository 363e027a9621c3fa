use std::{
    boxed::Box,
    format,
    string::{String, ToString},
    vec::Vec,
};

use super::*;
use crate::{Finite, PAGE_SIZE};

/// Calls `test` with a pool to sample and with a region of another one.
fn with_profile(test: impl FnOnce(&Pool<'_>, &Region<'_>)) {
    let mut memory = Box::new_uninit_slice(66 * PAGE_SIZE);
    let mut notes = Box::new_uninit_slice(1 << 20);
    let (pool, apart) = (Pool::new(&mut memory), Pool::new(&mut notes));
    test(&pool, &Region::new(&apart, "profile"));
}

/// The CSV without the places, which are all in this file.
fn csv(profile: &Profile<'_>) -> String {
    let mut text = String::new();
    profile.write_csv(&mut text).unwrap();
    let without_place = |line: &str| {
        let (numbers, place) = line.rsplit_once(',').unwrap();
        assert!(place.is_empty() || place == "place" || place.contains("tests.rs:"), "{line}");
        format!("{numbers}\n")
    };
    text.lines().map(without_place).collect()
}

/// The ticks that there are samples of.
fn ticks(profile: &Profile<'_>) -> Vec<u64> {
    profile.moments[..profile.taken].iter().map(|moment| moment.tick).collect()
}

#[test]
fn samples_have_what_the_labels_said() {
    with_profile(|pool, region| {
        let mut profile = Profile::new(region, 8, 1).unwrap();
        profile.tick(pool, 10);
        let mut one = Region::new(pool, "one");
        profile.tick(pool, 20);
        one.alloc(1).unwrap();
        one.alloc_slice(&[0_u8; 5000]).unwrap();
        let two = Region::new(pool, "two, \"quoted\"");
        profile.tick(pool, 30);
        one.reset();
        profile.tick(pool, 40);
        drop((one, two));
        profile.tick(pool, 50);
        assert_eq!(
            csv(&profile),
            "tick,time_ns,region,pages,peak,most,used,waste,live\n\
             1,20,one,0,0,0,0,0,1\n\
             2,30,one,3,3,3,5000,3192,1\n2,30,\"two, \"\"quoted\"\"\",0,0,0,0,0,1\n\
             3,40,one,1,3,3,0,0,1\n3,40,\"two, \"\"quoted\"\"\",0,0,0,0,0,1\n\
             4,50,one,0,1,3,0,0,0\n4,50,\"two, \"\"quoted\"\"\",0,0,0,0,0,0\n"
        );
        assert_eq!((profile.ticks(), profile.samples(), profile.every()), (5, 5, 1));
    });
}

#[test]
fn a_sample_is_taken_every_so_many_ticks() {
    with_profile(|pool, region| {
        let mut profile = Profile::new(region, 8, 3).unwrap();
        (0..10).for_each(|_| profile.tick(pool, 0));
        assert_eq!(ticks(&profile), [0, 3, 6, 9]);
    });
}

#[test]
fn a_full_profile_covers_the_whole_run_evenly() {
    for (room, every) in [(2, 1), (7, 1), (8, 1), (10, 3)] {
        with_profile(|pool, region| {
            let mut profile = Profile::new(region, room, every).unwrap();
            let room = room.next_multiple_of(2);
            for tick in 0..1000 {
                profile.tick(pool, tick);
                let ticks = ticks(&profile);
                assert!(ticks.len() <= room, "{ticks:?}");
                let expected = (0..=tick).step_by(profile.every() as usize).collect::<Vec<_>>();
                assert_eq!(ticks, expected, "room for {room}, every {every}");
                if profile.every() > u64::from(every) {
                    assert!(ticks.len() >= room / 2, "{ticks:?}");
                }
            }
        });
    }
}

#[test]
fn what_is_dropped_is_the_sample_and_not_parts_of_it() {
    with_profile(|pool, region| {
        let mut profile = Profile::new(region, 4, 1).unwrap();
        let mut regions = Vec::new();
        for tick in 0..20_u64 {
            let name = ["a", "b", "c", "d"][tick as usize % 4];
            let region = Region::new(pool, name);
            region.alloc(tick).unwrap();
            regions.push(region);
            profile.tick(pool, tick * 100);
        }
        assert_eq!(ticks(&profile), [0, 8, 16]);
        let lines = csv(&profile);
        for tick in [0, 8, 16] {
            for (index, name) in ["a", "b", "c", "d"].into_iter().enumerate() {
                let pages = (tick + 4 - index) / 4;
                let line =
                    format!("\n{tick},{},{name},{pages},{pages},{pages},0,0,{pages}\n", tick * 100);
                assert_eq!(lines.contains(&line), pages > 0, "{line} in {lines}");
            }
        }
    });
}

/// However rarely samples are taken, and however many are dropped later.
#[test]
fn what_comes_and_goes_between_two_samples_is_in_the_next_peak() {
    for (room, every) in [(2, 1), (4, 1), (8, 3), (64, 1)] {
        with_profile(|pool, region| {
            let mut profile = Profile::new(region, room, every).unwrap();
            let pages = |tick: u64| (tick * 7 % 5) as u32 + u32::from(tick == 13) * 20;
            for tick in 0..60 {
                let packet = Region::new(pool, "packet");
                (0..pages(tick)).for_each(|_| assert!(packet.alloc([0_u8; PAGE_SIZE]).is_ok()));
                drop(packet);
                profile.tick(pool, tick);
            }
            let mut from = 0;
            for (moment, counts) in
                profile.moments[..profile.taken].iter().zip(profile.counts.chunks(LABELS))
            {
                let expected = (from..=moment.tick).map(pages).max().unwrap();
                assert_eq!((counts[0].peak, counts[0].pages), (expected, 0), "{moment:?}");
                from = moment.tick + 1;
            }
            assert_eq!(pool.labels().next().unwrap().most_pages(), 21);
        });
    }
}

#[test]
fn places_are_fields_too() {
    assert_eq!(Field("a/b.rs", Some(7)).to_string(), "a/b.rs:7");
    assert_eq!(Field("a,\"b\".rs", Some(7)).to_string(), "\"a,\"\"b\"\".rs:7\"");
    assert_eq!(Field("", None).to_string(), "");
}

#[test]
fn names_without_a_place_are_sampled_together() {
    with_profile(|pool, region| {
        let mut profile = Profile::new(region, 2, 1).unwrap();
        for number in 0..60 {
            Region::new(pool, format!("region {number}").leak());
        }
        profile.tick(pool, 0);
        assert_eq!(profile.moments[0].labels, LABELS);
        assert!(csv(&profile).ends_with("\n0,0,(others),0,0,0,0,0,0\n"));
    });
}

#[test]
fn sampling_takes_no_memory_and_no_room_is_an_error() {
    with_profile(|pool, region| {
        let mut profile = Profile::new(region, 100, 1).unwrap();
        let packet = Region::new(pool, "packet");
        packet.alloc(0).unwrap();
        let before = (region.pages(), pool.free_pages());
        (0..1000).for_each(|_| profile.tick(pool, 0));
        assert_eq!((region.pages(), pool.free_pages()), before);

        Profile::new(region, 10_000, 1).unwrap_err();
        Profile::new(region, usize::MAX, 1).unwrap_err();
        let mut finite = Finite::<4096>::new();
        Profile::new(&finite.region("finite"), 2, 1).unwrap();
    });
}
