use std::vec::Vec;

use proptest::prelude::*;

use super::*;

const WALL: Duration = Duration::from_secs(1_784_111_777);

fn at(millis: u64) -> Instant {
    Instant::from_millis(millis)
}

fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// A clock that was right at 1 s, and is fast now by so many milliseconds.
fn fast(by: u64) -> Clock {
    Clock::new(at(1_000), Some(WALL + ms(by)))
}

/// Sets the clock to what is right.
fn correct(clock: &Clock) {
    clock.set(at(1_000), Offset::new(at(1_000), WALL));
}

#[test]
fn before_servers_say_more_it_is_the_platform_s() {
    let clock = fast(0);
    assert_eq!(clock.read(at(1_000)), Some(WALL));
    assert_eq!(clock.read(at(4_500)), Some(WALL + ms(3_500)));
    assert!(!clock.is_synchronised());
}

#[test]
fn without_a_platform_that_knows_the_time_it_shows_nothing_until_it_is_set() {
    let clock = Clock::new(at(1_000), None);
    assert_eq!(clock.read(at(2_000)), None);
    correct(&clock);
    assert_eq!(clock.read(at(3_000)), Some(WALL + ms(2_000)));
    assert!(clock.is_synchronised());
}

#[test]
fn it_is_set_forward_at_once() {
    for by in [1, 900, 86_400_000] {
        let clock = Clock::new(at(1_000), Some(WALL - ms(by)));
        correct(&clock);
        assert_eq!(clock.read(at(1_000)), Some(WALL));
    }
}

#[test]
fn one_that_is_fast_runs_slower_until_it_is_right() {
    let clock = fast(800);
    correct(&clock);
    assert_eq!(clock.read(at(1_000)), Some(WALL + ms(800)));
    assert_eq!(clock.read(at(1_400)), Some(WALL + ms(1_000)));
    assert_eq!(clock.read(at(2_598)), Some(WALL + ms(1_599)));
    assert_eq!(clock.read(at(2_600)), Some(WALL + ms(1_600)));
    assert_eq!(clock.read(at(9_000)), Some(WALL + ms(8_000)));
}

#[test]
fn one_that_is_fast_by_more_than_a_second_is_set_back_at_once() {
    let clock = fast(1_000);
    correct(&clock);
    assert_eq!(clock.read(at(1_000)), Some(WALL + ms(1_000)));
    let clock = fast(1_001);
    correct(&clock);
    assert_eq!(clock.read(at(1_000)), Some(WALL));
}

#[test]
fn a_correction_while_it_runs_slower_begins_with_what_it_shows() {
    let clock = fast(800);
    correct(&clock);
    // 400 ms are left, and it was 300 ms more.
    clock.set(at(1_800), Offset::new(at(1_800), WALL + ms(500)));
    assert_eq!(clock.read(at(1_800)), Some(WALL + ms(1_200)));
    assert_eq!(clock.read(at(3_200)), Some(WALL + ms(1_900)));
    assert_eq!(clock.read(at(3_300)), Some(WALL + ms(2_000)));
}

proptest! {
    /// It never goes back, but when it is set back by more than a second; and two seconds after it was set it is right.
    #[test]
    fn who_reads_it_sees_it_go_on(steps in proptest::collection::vec((0_u64..3_000, -1_500_i64..1_500), 1..40)) {
        let clock = fast(0);
        let (mut now, mut shown) = (at(1_000), WALL);
        for (pass, error) in steps {
            for _ in 0..4 {
                now += ms(pass) / 4;
                let next = clock.read(now).unwrap();
                prop_assert!(next >= shown);
                shown = next;
            }
            let right = Duration::from_millis(1_784_111_777_000_u64.saturating_add_signed(error)) + now.since(at(1_000));
            clock.set(now, Offset::new(now, right));
            let next = clock.read(now).unwrap();
            prop_assert!(next >= shown || shown - right > Duration::from_secs(1));
            prop_assert!(next == right || next == shown);
            prop_assert_eq!(clock.read(now + ms(2_000)), Some(right + ms(2_000)));
            shown = next;
        }
    }

    #[test]
    fn any_offset_is_shown_without_a_panic(offsets: Vec<(u64, u64, u64)>) {
        let clock = Clock::new(at(0), None);
        for (now, seconds, later) in offsets {
            let now = Instant::from_nanos(now);
            clock.set(now, Offset::new(now, Duration::from_secs(seconds)));
            prop_assert!(clock.read(Instant::from_nanos(later)).is_some());
        }
    }
}
