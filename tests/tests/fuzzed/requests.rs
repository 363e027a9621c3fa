//! Requests of the services: a number in a range, or many.

use request::{number, numbers};
use rt_regions::Finite;
use udp::Failure;

pub(crate) fn run(input: &[u8]) {
    let (which, request) = input.split_first().unwrap_or((&0, &[]));
    let mut room = Finite::<1024>::new();
    let region = room.region("packet");
    // The ranges of the services, and one of a type that has no room beside it.
    match which % 5 {
        0 => one(request, 0, 17_229, number("factorial", request, 0..=17_229_u32, &region)),
        1 => one(request, 0, 313_450, number("fibonacci", request, 0..=313_450_u32, &region)),
        2 => one(request, 1, 100_000_000, number("pi", request, 1..=100_000_000_u32, &region)),
        3 => one(request, -128, 127, number("i8", request, i8::MIN..=i8::MAX, &region)),
        _ => {
            let mut read = Vec::new();
            let result = numbers("sort", request, &region, |number| {
                read.push(number);
                Ok(())
            });
            let words = request.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
            let expected: Vec<_> = words.map(meant).collect();
            let right = |number: &Option<i128>| number.is_some_and(|n| i64::try_from(n).is_ok());
            let before: Vec<_> = expected
                .iter()
                .take_while(|number| right(number))
                .map(|n| n.unwrap_or(0))
                .collect();
            assert_eq!(read.iter().map(|&n| i128::from(n)).collect::<Vec<_>>(), before);
            assert_eq!(result.is_ok(), before.len() == expected.len());
            if let Err(failure) = result {
                refused("sort", &failure);
            }
        }
    }
}

/// The number that digits after at most one sign say, as far as it fits; none if it is something else.
fn meant(word: &[u8]) -> Option<i128> {
    let (sign, digits) = match word {
        [b'-', digits @ ..] => (-1, digits),
        [b'+', digits @ ..] => (1, digits),
        digits => (1, digits),
    };
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let value = digits
        .iter()
        .fold(0_i128, |value, digit| (value * 10 + i128::from(digit - b'0')).min(1 << 100));
    Some(sign * value)
}

fn one<T: Into<i64>>(request: &[u8], least: i128, most: i128, result: Result<T, Failure<'_>>) {
    let expected = meant(request.trim_ascii()).filter(|value| (least..=most).contains(value));
    match result {
        Ok(value) => assert_eq!(Some(i128::from(value.into())), expected),
        Err(failure) => {
            assert_eq!(expected, None, "{failure}");
            refused("", &failure);
        }
    }
}

/// A refusal is one short line that can be shown.
fn refused(service: &str, failure: &Failure<'_>) {
    let Failure::Refused(text) = failure else { panic!("{failure}: no room for the text") };
    assert!(text.starts_with(service) && text.len() < 512, "{text:?}");
    assert!(!text.contains(char::is_control), "{text:?}");
}
