use std::string::ToString;

use super::*;
use crate::wire::flags;

const MILLI: Duration = Duration::from_millis(1);

/// When the question was sent, by our clock, and when the answer came.
const SENT: Instant = Instant::from_millis(5_000);
const CAME: Instant = Instant::from_millis(5_100);

/// When the question came to the server, by its clock: 50 ms after it was sent, so that the answer takes 40 ms back.
const SERVER: Duration = Duration::from_millis(1_784_111_777_050);

/// An answer of a good server, on which it works for 10 ms.
fn answer() -> Header {
    let timestamp = |time| Timestamp::from_1970(time).0.into();
    Header {
        flags: flags(0, 4, MODE_SERVER),
        stratum: 2,
        precision: -20,
        root_delay: (20_u32 << 16).wrapping_div(1_000).into(),
        root_dispersion: (3_u32 << 16).wrapping_div(1_000).into(),
        reference: timestamp(SERVER - Duration::from_secs(30)),
        receive: timestamp(SERVER),
        transmit: timestamp(SERVER + 10 * MILLI),
        ..Header::question(0)
    }
}

fn read(change: impl FnOnce(&mut Header)) -> Result<Sample, SampleError> {
    let mut answer = answer();
    change(&mut answer);
    Sample::read(&answer, SENT, CAME)
}

fn timestamp(time: Duration) -> zerocopy::network_endian::U64 {
    Timestamp::from_1970(time).0.into()
}

/// RFC 5905 8: the offset from the four timestamps, and the delay.
#[test]
fn the_offset_is_in_the_middle_of_the_round_trip() {
    let sample = read(|_| {}).unwrap();
    // Both ways took 90 ms together, so the answer is thought to be on its way for 45 ms.
    let shown = sample.offset.wall(CAME);
    assert!(shown.abs_diff(SERVER + 55 * MILLI) < Duration::from_nanos(2), "{shown:?}");
    assert_eq!(sample.at, CAME);
    // Half of the delays to the server and from there on, its dispersion and its precision.
    let distance = sample.distance(CAME);
    assert!((57 * MILLI..59 * MILLI).contains(&distance), "{distance:?}");
    // What is true is within it: the answer took 40 ms.
    assert!(shown.abs_diff(SERVER + 50 * MILLI) < distance);
}

#[test]
fn a_sample_gets_worse_with_time_and_is_used_for_less_than_three_hours() {
    let sample = read(|_| {}).unwrap();
    let later = |seconds| CAME + Duration::from_secs(seconds);
    assert_eq!(sample.distance(later(1_000)), sample.distance(CAME) + 100 * MILLI);
    assert!(sample.is_usable(CAME) && sample.is_usable(later(9_000)));
    assert!(!sample.is_usable(later(10_000)));
}

/// RFC 5905 figures 9 and 11; `packet` in its appendix A.5.1.1.
#[test]
fn a_server_that_does_not_know_the_time_is_not_believed() {
    for leap in 0..3 {
        assert!(read(|answer| answer.flags = flags(leap, 4, MODE_SERVER)).is_ok(), "{leap}");
    }
    let unknown = read(|answer| answer.flags = flags(LEAP_UNKNOWN, 4, MODE_SERVER));
    assert_eq!(unknown, Err(SampleError::Unsynchronised));
    for stratum in 0..=u8::MAX {
        let read = read(|answer| answer.stratum = stratum);
        match stratum {
            1..=15 => assert!(read.is_ok(), "{stratum}"),
            _ => assert_eq!(read, Err(SampleError::Unsynchronised), "{stratum}"),
        }
    }
}

#[test]
fn only_a_server_is_believed() {
    for mode in (0..8).filter(|mode| *mode != MODE_SERVER) {
        let read = read(|answer| answer.flags = flags(0, 4, mode));
        assert_eq!(read, Err(SampleError::Mode(mode)));
    }
}

/// RFC 5905 8: invalid timestamps.
#[test]
fn an_answer_without_a_time_has_none() {
    assert_eq!(read(|answer| answer.transmit = 0.into()), Err(SampleError::NoTime));
    assert_eq!(read(|answer| answer.receive = 0.into()), Err(SampleError::NoTime));
}

#[test]
fn the_times_of_an_answer_are_in_order() {
    let early = read(|answer| answer.transmit = timestamp(SERVER - MILLI));
    assert_eq!(early, Err(SampleError::Order));
    // It cannot have worked longer on the answer than we waited for it, but for the steps of clocks.
    let long = read(|answer| answer.transmit = timestamp(SERVER + 111 * MILLI));
    assert_eq!(long, Err(SampleError::Order));
    let sample = read(|answer| answer.transmit = timestamp(SERVER + 105 * MILLI)).unwrap();
    assert!(sample.offset.wall(CAME).abs_diff(SERVER + 105 * MILLI) < Duration::from_nanos(2));
    let future = read(|answer| answer.reference = timestamp(SERVER + 11 * MILLI));
    assert_eq!(future, Err(SampleError::Future));
    // Some servers say nothing of it.
    assert!(read(|answer| answer.reference = 0.into()).is_ok());
}

/// RFC 5905 7.2 (MAXDIST) and `fit` in its appendix A.5.5.3.
#[test]
fn a_time_that_may_be_wrong_by_a_second_is_not_believed() {
    let distance = |change: fn(&mut Header)| match read(change) {
        Err(SampleError::Distance(distance)) => distance,
        other => panic!("{other:?}"),
    };
    assert!(distance(|answer| answer.root_delay = (2 << 16).into()) > Duration::from_secs(1));
    assert!(distance(|answer| answer.root_dispersion = (1 << 16).into()) > Duration::from_secs(1));
    assert!(distance(|answer| answer.root_delay = u32::MAX.into()) > Duration::from_secs(30_000));
    assert_eq!(distance(|answer| answer.precision = 0), MAX_DISTANCE);
    assert_eq!(distance(|answer| answer.precision = i8::MAX), MAX_DISTANCE);
    assert!(read(|answer| answer.precision = -1).is_ok());
    assert!(read(|answer| answer.precision = i8::MIN).is_ok());
    // An answer that was on its way for long.
    let late = Sample::read(&answer(), SENT, SENT + Duration::from_secs(2));
    assert!(matches!(late, Err(SampleError::Distance(_))), "{late:?}");
    assert_eq!(
        SampleError::Distance(Duration::from_millis(1_250)).to_string(),
        "the time may be wrong by 1250 ms"
    );
}

#[test]
fn an_answer_of_the_next_era_is_read() {
    let in_2036 = Duration::from_secs(2_085_978_496);
    let sample = read(|answer| {
        // The question came in the first era, and the answer leaves in the second.
        answer.reference = timestamp(in_2036 - Duration::from_secs(9));
        answer.receive = timestamp(in_2036 - 5 * MILLI);
        answer.transmit = timestamp(in_2036 + 5 * MILLI);
    });
    let shown = sample.unwrap().offset.wall(CAME);
    assert!(shown.abs_diff(in_2036 + 50 * MILLI) < Duration::from_nanos(2), "{shown:?}");
}

#[test]
fn samples_agree_if_both_can_be_right() {
    let at = |offset: Duration, root: u32| {
        let sample = read(|answer| {
            answer.receive = timestamp(SERVER + offset);
            answer.transmit = timestamp(SERVER + offset + 10 * MILLI);
            answer.root_dispersion = (root * (1 << 16) / 1_000).into();
        });
        sample.unwrap()
    };
    let (good, near, far) = (at(Duration::ZERO, 3), at(110 * MILLI, 3), at(130 * MILLI, 3));
    assert!(good.agrees(&near, CAME) && near.agrees(&good, CAME));
    assert!(!good.agrees(&far, CAME) && !far.agrees(&good, CAME));
    // One that says that it may be wrong agrees with more.
    assert!(good.agrees(&at(130 * MILLI, 50), CAME));
    // Later, both may be wrong by more.
    assert!(good.agrees(&far, CAME + Duration::from_secs(1_000)));
}
