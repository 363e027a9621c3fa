use std::{format, string::String};

use rt_regions::Finite;

use super::*;

/// The answer to a service that allows 2 to 100, a refusal as its text.
fn read(request: &[u8]) -> Result<u32, String> {
    let mut room = Finite::<512>::new();
    let region = room.region("packet");
    number("test", request, 2..=100, &region).map_err(|failure| format!("{failure}"))
}

#[test]
fn numbers_in_the_range_are_read() {
    let spellings = [("2", 2), ("100", 100), ("7\n", 7), (" \t42\r\n", 42), ("+9", 9), ("007", 7)];
    for (request, value) in spellings {
        assert_eq!(read(request.as_bytes()), Ok(value), "{request:?}");
    }
}

#[test]
fn a_refusal_says_what_is_wrong_and_what_is_allowed() {
    for (request, wrong) in [
        (&b""[..], "the request is empty"),
        (b" \r\n", "the request is empty"),
        (b"abc", "\"abc\" is not a number"),
        (b"1 2\n", "\"1 2\" is not a number"),
        (b"3.5", "\"3.5\" is not a number"),
        (b"-", "\"-\" is not a number"),
        (b"\xff\xfe", "\"\\xff\\xfe\" is not a number"),
        (b"1", "\"1\" is too small"),
        (b"-7", "\"-7\" is too small"),
        (b"-9223372036854775809", "\"-9223372036854775809\" is too small"),
        (b"101", "\"101\" is too large"),
        // One that fits in i64 but not in the number's type, and one that fits in neither.
        (b"4294967298", "\"4294967298\" is too large"),
        (b"9223372036854775808", "\"9223372036854775808\" is too large"),
    ] {
        assert_eq!(read(request), Err(format!("test: {wrong}: 2 to 100 is allowed")));
    }
}

#[test]
fn the_longest_request_makes_a_short_refusal() {
    let refusal = read(&[b'9'; 65_507]).unwrap_err();
    let quoted = "9".repeat(32);
    assert_eq!(refusal, format!("test: \"{quoted}\"... is too large: 2 to 100 is allowed"));
}

#[test]
fn without_room_for_the_text_the_region_is_exhausted() {
    let mut room = Finite::<8>::new();
    let region = room.region("packet");
    let failure = number("test", b"x", 0..=1, &region).unwrap_err();
    assert!(matches!(failure, Failure::Exhausted(exhausted) if exhausted.region == "packet"));
}

#[test]
fn all_of_i64_can_be_allowed() {
    let mut room = Finite::<8>::new();
    let region = room.region("packet");
    for value in [i64::MIN, -1, 0, i64::MAX] {
        let spelled = format!("{value}");
        assert_eq!(number("test", spelled.as_bytes(), i64::MIN..=i64::MAX, &region), Ok(value));
    }
}
