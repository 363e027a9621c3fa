use std::{time::Duration, vec::Vec};

use proptest::prelude::*;

use super::*;
use crate::wire::{Header, MODE_SERVER, Timestamp, flags};

const NOW: Instant = Instant::from_millis(1_000);

/// The sample of a server whose clock is ahead of the true time by so many milliseconds, or behind it, and that says that it may
/// be wrong by so many more than 3.5.
fn sample(server: (i64, u32)) -> Sample {
    sample_at(NOW, server)
}

fn sample_at(now: Instant, (ahead, wrong): (i64, u32)) -> Sample {
    let time = Duration::from_millis(1_784_111_777_000_u64.saturating_add_signed(ahead));
    let time = Timestamp::from_1970(time + now.since(NOW));
    let answer = Header {
        flags: flags(0, 4, MODE_SERVER),
        stratum: 1,
        precision: -10,
        root_dispersion: (wrong * (1 << 16) / 1_000).into(),
        receive: time.0.into(),
        transmit: time.0.into(),
        ..Header::question(0)
    };
    Sample::read(&answer, now, now).unwrap()
}

/// By how much the one that is chosen is ahead.
fn chosen(samples: &[(i64, u32)]) -> Option<i64> {
    let all: Vec<_> = samples.iter().copied().map(sample).collect();
    let chosen = select(all.iter().copied(), NOW)?;
    let index = all.iter().position(|one| *one == chosen).unwrap();
    Some(samples[index].0)
}

#[test]
fn one_server_alone_is_believed() {
    assert_eq!(chosen(&[]), None);
    assert_eq!(chosen(&[(7, 10)]), Some(7));
}

#[test]
fn of_those_that_agree_the_one_that_is_least_wrong_is_believed() {
    assert_eq!(chosen(&[(7, 10), (4, 5)]), Some(4));
    assert_eq!(chosen(&[(7, 10), (4, 5), (-3, 2), (0, 9)]), Some(-3));
}

#[test]
fn of_two_that_contradict_each_other_none_is_believed() {
    assert_eq!(chosen(&[(0, 10), (1_000, 10)]), None);
    assert_eq!(chosen(&[(0, 10), (1, 10), (1_000, 10), (1_001, 10)]), None);
    assert_eq!(chosen(&[(0, 10), (500, 10), (1_000, 10)]), None);
}

#[test]
fn a_liar_is_outvoted_however_precise_it_says_it_is() {
    assert_eq!(chosen(&[(86_400_000, 0), (0, 20), (5, 30)]), Some(0));
    assert_eq!(chosen(&[(0, 20), (-86_400_000, 0), (5, 30), (3, 25)]), Some(0));
}

/// The one in the middle agrees with both, and they do not agree with each other.
#[test]
fn the_one_that_agrees_with_the_most_comes_first() {
    assert_eq!(chosen(&[(0, 10), (200, 1), (100, 150)]), Some(100));
}

#[test]
fn what_is_too_old_does_not_count() {
    let (old, other) = (sample((0, 10)), sample((1_000, 10)));
    assert_eq!(select([old, other].into_iter(), NOW), None);
    let later = NOW + Duration::from_secs(9_999);
    assert_eq!(select([old].into_iter(), later), None);
    let fresh = sample_at(later, (1_000, 10));
    assert_eq!(select([old, fresh].into_iter(), later), Some(fresh));
}

proptest! {
    /// If more than half of the servers are right, what is chosen is wrong by no more than it says itself, and twice what one
    /// that is right says of itself.
    #[test]
    fn a_majority_that_is_right_bounds_the_error(
        right in proptest::collection::vec((-1.0..1.0, 0_u32..400), 3..=4),
        liar in (-2_000_i64..2_000, 0_u32..400),
        place in 0_usize..4,
    ) {
        let mut samples: Vec<(i64, u32)> = right
            .into_iter()
            .map(|(part, wrong): (f64, u32)| ((part * f64::from(wrong)) as i64, wrong))
            .collect();
        samples.truncate(3);
        let worst = samples.iter().map(|one| sample(*one).distance(NOW)).max().unwrap();
        samples.insert(place.min(samples.len()), liar);
        let all: Vec<_> = samples.iter().copied().map(sample).collect();
        let chosen = select(all.iter().copied(), NOW).expect("three agree");
        let (ahead, _) = samples[all.iter().position(|one| *one == chosen).unwrap()];
        let error = Duration::from_millis(ahead.unsigned_abs());
        prop_assert!(error <= chosen.distance(NOW) + 2 * worst);
    }
}
