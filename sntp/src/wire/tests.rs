use std::{format, string::ToString, vec, vec::Vec};

use proptest::prelude::*;

use super::*;

/// An answer of a server of stratum 2, as it is on the wire.
const ANSWER: [u8; 48] = [
    0x24, 2, 6, 0xe9, // no leap, version 4, server; stratum; poll; precision
    0, 0, 0x08, 0, // 31.25 ms
    0, 0, 0x04, 0, // 15.625 ms
    192, 0, 2, 1, // reference
    0xee, 0x79, 0x8e, 0x71, 0x40, 0, 0, 0, // its clock was set
    1, 2, 3, 4, 5, 6, 7, 8, // what we sent
    0xee, 0x79, 0x8e, 0x80, 0x80, 0, 0, 0, // it came
    0xee, 0x79, 0x8e, 0x80, 0x80, 0, 0, 1, // it left
];

#[test]
fn parse() {
    let header = Header::parse(&ANSWER).unwrap();
    assert_eq!((header.leap(), header.version(), header.mode()), (0, 4, MODE_SERVER));
    assert_eq!((header.stratum, header.poll, header.precision), (2, 6, -23));
    assert_eq!(short(header.root_delay), Duration::from_micros(31_250));
    assert_eq!(short(header.root_dispersion), Duration::from_micros(15_625));
    assert_eq!((header.reference_id, header.origin.get()), ([192, 0, 2, 1], 0x0102_0304_0506_0708));
    let transmit = Timestamp(header.transmit.get());
    assert_eq!(transmit.since_1970(), Duration::from_millis(1_791_954_944_500));
    assert_eq!(transmit.since(Timestamp(header.receive.get())), Some(Duration::ZERO));
    let reference = Timestamp(header.reference.get());
    assert_eq!(transmit.since(reference), Some(Duration::from_millis(15_250)));
    assert_eq!(header.as_bytes(), ANSWER);
}

/// RFC 8633 5.1: it says nothing about who asks.
#[test]
fn a_question_is_zero_but_for_its_kind_and_its_number() {
    let question = Header::question(0x0102_0304_0506_0708);
    let mut expected = [0; 48];
    expected[0] = 0x23;
    expected[40..].copy_from_slice(&[1, 2, 3, 4, 5, 6, 7, 8]);
    assert_eq!(question.as_bytes(), expected);
    assert_eq!((question.version(), question.mode()), (VERSION, MODE_CLIENT));
}

#[test]
fn what_has_another_length_is_no_message() {
    for length in (0..48).chain([49, 50, 51, 67]) {
        let message = vec![0x24; length];
        assert_eq!(Header::parse(&message), Err(ParseError::Length(length)));
    }
    // Extensions and digests are whole words, and are not read.
    for length in [48, 52, 68, 1_472] {
        let message: Vec<u8> = ANSWER.into_iter().chain([0xff; 1_424]).take(length).collect();
        assert_eq!(Header::parse(&message).unwrap().as_bytes(), ANSWER);
    }
    assert_eq!(ParseError::Length(47).to_string(), "47 bytes: expected 48, or whole words more");
}

#[test]
fn versions_three_and_four_are_read() {
    for version in 0..8 {
        let mut message = ANSWER;
        message[0] = flags(1, version, MODE_SERVER);
        let parsed = Header::parse(&message).map(|header| (header.leap(), header.version()));
        match version {
            3 | 4 => assert_eq!(parsed, Ok((1, version))),
            _ => assert_eq!(parsed, Err(ParseError::Version(version))),
        }
    }
    assert_eq!(ParseError::Version(7).to_string(), "version 7: expected 3 or 4");
}

/// RFC 5905 figure 4.
#[test]
fn dates_of_the_first_and_the_second_era() {
    for (raw, seconds) in [
        (2_208_988_800 << 32, 0),
        // 1 January 1972 and 31 December 1999.
        (2_272_060_800 << 32, 63_072_000),
        (3_155_587_200 << 32, 946_598_400),
        // The last second of the first era and the first one of the next, on 7 February 2036.
        (0xffff_ffff << 32, 2_085_978_495),
        (0, 2_085_978_496),
        // 8 February 2036.
        (63_104 << 32, 2_086_041_600),
        // The last second that is told from one before 1970, on 7 February 2106.
        (2_208_988_799 << 32, 4_294_967_295),
    ] {
        let (timestamp, time) = (Timestamp(raw), Duration::from_secs(seconds));
        assert_eq!(timestamp.since_1970(), time, "{seconds}");
        assert_eq!(Timestamp::from_1970(time), timestamp, "{seconds}");
    }
}

#[test]
fn times_between_eras_are_as_long_as_others() {
    let second = Duration::from_secs(1);
    let (last, first) = (Timestamp(0xffff_ffff << 32 | 1 << 31), Timestamp(1 << 31));
    assert_eq!((first.since(last), last.since(first)), (Some(second), None));
    assert_eq!(first.since(first), Some(Duration::ZERO));
    assert_eq!(Timestamp(u64::MAX).since(Timestamp(0)), None);
    // 2^31 seconds are 68 years.
    assert_eq!(Timestamp((1 << 63) - 1).since(Timestamp(0)), Some(second * (1 << 31)));
    assert_eq!(Timestamp(1 << 63).since(Timestamp(0)), None);
}

proptest! {
    /// A nanosecond is more than four units of a timestamp.
    #[test]
    fn a_time_is_the_same_again(nanos in 0..4_294_967_296_000_000_000_u64) {
        let time = Duration::from_nanos(nanos);
        prop_assert_eq!(Timestamp::from_1970(time).since_1970(), time);
    }

    #[test]
    fn the_times_between_are_those_of_durations(start: u64, nanos in 0..2_147_483_647_000_000_000_u64) {
        let start = Timestamp(start);
        let time = start.since_1970();
        prop_assume!(time.as_secs() < 2_100_000_000);
        let end = Timestamp::from_1970(time + Duration::from_nanos(nanos));
        let between = end.since(start).unwrap_or_default().as_nanos();
        prop_assert!(between.abs_diff(nanos.into()) <= 1, "{} and {}", between, nanos);
        prop_assert!(nanos == 0 || start.since(end).is_none());
    }

    #[test]
    fn any_bytes_are_read_without_a_panic(bytes: Vec<u8>) {
        if let Ok(header) = Header::parse(&bytes) {
            prop_assert_eq!(header.as_bytes(), &bytes[..48]);
            let words = format!("{header:?} {:?}", short(header.root_delay));
            prop_assert!(!words.is_empty());
        }
    }
}
