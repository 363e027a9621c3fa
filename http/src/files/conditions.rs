//! What the conditions and the range of a request ask for (RFC 9110 13.2.2, 14.2).

use crate::{
    Headers,
    text::{list, number},
};

/// What is to be answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Condition {
    /// The whole file.
    Whole,
    /// The bytes from the first number to before the second.
    Part(usize, usize),
    /// Status 304.
    NotModified,
    /// Status 412.
    Failed,
    /// Status 416: the file has no such range.
    NoPart,
}

/// Reads the headers of a request for a file of `length` bytes with this entity tag, in the order of RFC 9110 13.2.2. Dates are not
/// looked at, because a file has none.
pub(super) fn check(headers: Headers<'_>, etag: &[u8], length: usize, is_get: bool) -> Condition {
    let names = |header, weak| {
        let mut tags = headers.all(header).flat_map(list);
        tags.any(|tag| tag == b"*" || tag == etag || weak && tag.strip_prefix(b"W/") == Some(etag))
    };
    if headers.get("If-Match").is_some() && !names("If-Match", false) {
        return Condition::Failed;
    }
    if names("If-None-Match", true) {
        return Condition::NotModified;
    }
    match headers.get("Range") {
        Some(range) if is_get && headers.get("If-Range").is_none_or(|tag| tag == etag) => {
            part(range, length)
        }
        _ => Condition::Whole,
    }
}

/// A range that is malformed, of another unit, or one of several, is as if it was not there (RFC 9110 14.2).
fn part(range: &[u8], length: usize) -> Condition {
    let Some((unit, range)) = range.split_at_checked(6) else { return Condition::Whole };
    let Some(dash) = range.iter().position(|byte| *byte == b'-') else { return Condition::Whole };
    if !unit.eq_ignore_ascii_case(b"bytes=") {
        return Condition::Whole;
    }
    let at = |text| number(text).map(|number| usize::try_from(number).unwrap_or(usize::MAX));
    let (first, last) = (&range[..dash], &range[dash + 1..]);
    let (start, end) = match (at(first), at(last)) {
        (Some(first), Some(last)) if first <= last => (first, last.saturating_add(1).min(length)),
        (Some(first), None) if last.is_empty() => (first, length),
        (None, Some(suffix)) if first.is_empty() => (length - suffix.min(length), length),
        _ => return Condition::Whole,
    };
    if start < end { Condition::Part(start, end) } else { Condition::NoPart }
}

#[cfg(test)]
mod tests {
    use httparse::Header;

    use super::*;

    const ETAG: &str = "\"0123\"";

    fn answer(headers: &[(&str, &str)], is_get: bool) -> Condition {
        let fields: std::vec::Vec<_> =
            headers.iter().map(|(name, value)| Header { name, value: value.as_bytes() }).collect();
        check(Headers(&fields), ETAG.as_bytes(), 10, is_get)
    }

    /// RFC 9110 14.1.2, 14.2.
    #[test]
    fn ranges() {
        for (range, expected) in [
            ("bytes=0-0", Condition::Part(0, 1)),
            ("bytes=0-9", Condition::Part(0, 10)),
            ("bytes=0-10", Condition::Part(0, 10)),
            ("BYTES=3-5", Condition::Part(3, 6)),
            ("bytes=9-", Condition::Part(9, 10)),
            ("bytes=-1", Condition::Part(9, 10)),
            ("bytes=-99", Condition::Part(0, 10)),
            ("bytes=5-99999999999999999999", Condition::Whole),
            ("bytes=5-18446744073709551615", Condition::Part(5, 10)),
            ("bytes=10-", Condition::NoPart),
            ("bytes=10-20", Condition::NoPart),
            ("bytes=-0", Condition::NoPart),
            ("bytes=5-4", Condition::Whole),
            ("bytes=-", Condition::Whole),
            ("bytes=", Condition::Whole),
            ("bytes=a-b", Condition::Whole),
            ("bytes=1-2x", Condition::Whole),
            ("bytes=--1", Condition::Whole),
            ("bytes=0-1,3-4", Condition::Whole),
            ("lines=0-1", Condition::Whole),
            ("", Condition::Whole),
        ] {
            assert_eq!(answer(&[("Range", range)], true), expected, "{range}");
            assert_eq!(answer(&[("Range", range)], false), Condition::Whole);
        }
    }

    #[test]
    fn an_empty_file_has_no_range() {
        assert_eq!(part(b"bytes=0-", 0), Condition::NoPart);
        assert_eq!(part(b"bytes=-5", 0), Condition::NoPart);
    }

    /// RFC 9110 13.1.1, 13.1.2, 13.1.5.
    #[test]
    fn conditions_come_in_their_order() {
        let range = ("Range", "bytes=0-0");
        let part = Condition::Part(0, 1);
        for (headers, expected) in [
            (&[("If-None-Match", ETAG)][..], Condition::NotModified),
            (&[("If-None-Match", "W/\"0123\"")], Condition::NotModified),
            (&[("If-None-Match", "\"a\", \"0123\"")], Condition::NotModified),
            (&[("If-None-Match", "*")], Condition::NotModified),
            (&[("If-None-Match", "\"a\""), ("if-none-match", ETAG)], Condition::NotModified),
            (&[("If-None-Match", "\"a\"")], Condition::Whole),
            (&[("If-None-Match", "0123")], Condition::Whole),
            (&[("If-None-Match", ETAG), range], Condition::NotModified),
            (&[("If-None-Match", "\"a\""), range], part),
            (&[("If-Match", ETAG)], Condition::Whole),
            (&[("If-Match", "*")], Condition::Whole),
            (&[("If-Match", "W/\"0123\"")], Condition::Failed),
            (&[("If-Match", "\"a\""), ("If-None-Match", ETAG)], Condition::Failed),
            (&[("If-Match", "")], Condition::Failed),
            (&[("If-Range", ETAG), range], part),
            (&[("If-Range", "\"a\""), range], Condition::Whole),
            (&[("If-Range", "W/\"0123\""), range], Condition::Whole),
            (&[("If-Range", "Sun, 06 Nov 1994 08:49:37 GMT"), range], Condition::Whole),
        ] {
            assert_eq!(answer(headers, true), expected, "{headers:?}");
        }
    }
}
