//! Arrays against the order of the standard library, and against what JSON permits.

use std::fmt::Write as _;

use embassy_futures::block_on;
use testkit::{Random, with_pool};

use super::*;

/// The reply to `text`, without the newline at its end; what is wrong with it as an error.
fn ask(text: &str) -> Result<String, String> {
    with_pool(400, |pool| {
        let region = Region::new(pool, "request");
        let numbers = parse::most_numbers(text.as_bytes());
        let reply = block_on(sorted(text.as_bytes(), numbers, &region)).unwrap();
        let (most, length) = (pool.most_pages_used(), text.len());
        assert!(most <= pages(numbers, length), "{length} bytes take {most} pages");
        let reply = reply.map_err(|wrong| wrong.to_string())?;
        Ok(str::from_utf8(reply).unwrap().strip_suffix('\n').unwrap().into())
    })
}

#[test]
fn numbers_come_back_in_order_and_as_they_came() {
    for (text, expected) in [
        ("[]", "[]"),
        (" [ ] \n", "[]"),
        ("[7]", "[7]"),
        ("[3, 1,2\t,\r\n0]", "[0,1,2,3]"),
        ("[1, -1, 10, -10, 0]", "[-10,-1,0,1,10]"),
        ("[0.5, 0.05, 0.45, 0.050001]", "[0.05,0.050001,0.45,0.5]"),
        ("[2e1, 3, 1E+2, 4e-1, 0.01e3]", "[4e-1,3,0.01e3,2e1,1E+2]"),
        ("[-1e1, -1e-1, -0.5, -20]", "[-20,-1e1,-0.5,-1e-1]"),
        // More exact, and larger, than a number of 64 bits.
        ("[9007199254740993, 9007199254740992.0]", "[9007199254740992.0,9007199254740993]"),
        ("[1e999999999, 1e-999999999, 1e400]", "[1e-999999999,1e400,1e999999999]"),
        ("[1e00000000000000000000005, 99999]", "[99999,1e00000000000000000000005]"),
        ("[0e999999999, -1, -0.000e5, 1]", "[-1,0e999999999,-0.000e5,1]"),
        // The order of equal ones is that of the text.
        ("[1.0, 10e-1, 1, 0.1e1, 100e-2]", "[1.0,10e-1,1,0.1e1,100e-2]"),
        ("[-2, -2.0, 0, -0, 0.0, -20e-1]", "[-2,-2.0,-20e-1,0,-0,0.0]"),
    ] {
        assert_eq!(ask(text).as_deref(), Ok(expected), "{text}");
    }
}

#[test]
fn the_order_is_that_of_the_standard_library() {
    let mut random = Random::new(7);
    for length in (0..40).chain([100, 257, 1_000]) {
        let mut numbers = Vec::new();
        for _ in 0..length {
            let whole = random.below(2_000_001) as f64 - 1_000_000.0;
            numbers.push(whole / [1.0, 8.0, 1e3, 1e9, 1e-7, 3e20][random.below(6)]);
        }
        let mut text = String::new();
        for number in &numbers {
            let before = if text.is_empty() { '[' } else { ',' };
            match random.below(3) {
                0 => write!(text, "{before}{number}"),
                1 => write!(text, "{before} {number:e}"),
                _ => write!(text, "{before}{number:.40}"),
            }
            .unwrap();
        }
        text.push_str(if length == 0 { "[]" } else { "]" });
        let sorted = ask(&text).unwrap();
        numbers.sort_unstable_by(f64::total_cmp);
        let found: Vec<f64> = match &sorted[1..sorted.len() - 1] {
            "" => Vec::new(),
            inside => inside.split(',').map(|number| number.parse().unwrap()).collect(),
        };
        assert!(found.iter().zip(&numbers).all(|(one, other)| one == other), "{length} numbers");
        assert_eq!(found.len(), length);
    }
}

#[test]
fn orders_that_are_hard_for_some() {
    for length in [1, 2, 3, 1_000, 10_000] {
        let rising: Vec<usize> = (0..length).collect();
        let array = |numbers: &mut dyn Iterator<Item = usize>| {
            let words: Vec<_> = numbers.map(|number| number.to_string()).collect();
            format!("[{}]", words.join(","))
        };
        let expected = array(&mut rising.iter().copied());
        assert_eq!(ask(&expected), Ok(expected.clone()));
        assert_eq!(ask(&array(&mut rising.iter().rev().copied())), Ok(expected.clone()));
        let halves = (0..length).step_by(2).chain((1..length).step_by(2));
        assert_eq!(ask(&array(&mut halves.into_iter())), Ok(expected));
        let equal = array(&mut std::iter::repeat_n(5, length));
        assert_eq!(ask(&equal), Ok(equal.clone()));
    }
}

#[test]
fn the_longest_text_has_room() {
    let zeros = format!("[{}0]", "0,".repeat(MOST / 2 - 2));
    assert_eq!(ask(&zeros), Ok(zeros.clone()));
    let long = format!("[0.{}1]", "0".repeat(MOST - 5));
    assert_eq!(ask(&long), Ok(long.clone()));
    let commas = format!("[{}", ",".repeat(MOST - 1));
    assert!(ask(&commas).is_err());
    assert_eq!(pages(MOST / 2, MOST), 128 + 32 + 2);
}

#[test]
fn what_is_no_array_of_numbers_is_refused_where_it_is_none() {
    const ARRAY: &str = "expected an array of numbers, such as [3, -1.5, 2e6]";
    const NUMBER: &str = "expected a number, such as 3, -1.5 or 2e6";
    const NEXT: &str = "expected a comma, or ] at the end";
    for (text, at, expected) in [
        ("", 0, ARRAY),
        ("  ", 2, ARRAY),
        ("1, 2", 0, ARRAY),
        ("{\"a\": 1}", 0, ARRAY),
        ("[", 1, NUMBER),
        ("[1", 2, NEXT),
        ("[1,", 3, NUMBER),
        ("[1,]", 3, NUMBER),
        ("[,1]", 1, NUMBER),
        ("[1 2]", 3, NEXT),
        ("[01]", 2, NUMBER),
        ("[-]", 2, NUMBER),
        ("[-01]", 3, NUMBER),
        ("[+1]", 1, NUMBER),
        ("[.5]", 1, NUMBER),
        ("[5.]", 3, NUMBER),
        ("[5.e1]", 3, NUMBER),
        ("[1e]", 3, NUMBER),
        ("[1e+]", 4, NUMBER),
        ("[1e1.5]", 4, NEXT),
        ("[0x10]", 2, NEXT),
        ("[NaN]", 1, NUMBER),
        ("[\"1\"]", 1, NUMBER),
        ("[[1]]", 1, NUMBER),
        ("[null]", 1, NUMBER),
        ("[1e1234567890]", 3, "expected an exponent of at most 9 digits"),
        ("[1e-01234567890]", 3, "expected an exponent of at most 9 digits"),
        ("[1] ]", 4, "expected nothing behind the array"),
        ("[1],", 3, "expected nothing behind the array"),
    ] {
        assert_eq!(ask(text), Err(format!("byte {at}: {expected}")), "{text}");
    }
}
