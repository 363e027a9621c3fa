use std::{fmt::Write, thread};

use rt_regions::{PAGE_SIZE, Pool};

use super::*;

/// Runs `test` in the region of a packet; all its pages must come back.
fn in_region<T>(test: impl FnOnce(&Pool<'_>, &Region<'_>) -> T) -> T {
    let mut memory = Box::new_uninit_slice(4 << 20);
    let pool = Pool::new(&mut memory);
    let result = test(&pool, &Region::new(&pool, "packet"));
    assert_eq!(pool.free_pages(), pool.pages());
    result
}

/// The reply, a refusal as its text.
fn ask(request: &[u8]) -> String {
    in_region(|_, region| match sort(request, region) {
        Ok(reply) => str::from_utf8(reply).unwrap().into(),
        Err(failure) => format!("{failure}"),
    })
}

fn spelled(numbers: &[i64]) -> String {
    let words: Vec<_> = numbers.iter().map(i64::to_string).collect();
    words.join(" ")
}

/// Numbers that look random, the same for the same seed.
fn random(seed: u64) -> impl Iterator<Item = u64> {
    let mut state = seed;
    core::iter::repeat_with(move || {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        state ^ state >> 29
    })
}

/// 10,000 numbers in 29,202 bytes: 798 of one digit, 9,202 of two.
fn ten_thousand() -> String {
    let small = (0..798).map(|i| i % 10);
    let numbers: Vec<_> = small.chain((0..9202).map(|i| 10 + i * 37 % 90)).collect();
    let mut text = spelled(&numbers);
    text.push('\n');
    text
}

#[test]
fn numbers_come_back_in_order() {
    for (request, reply) in [
        ("", ""),
        (" \r\n", ""),
        ("7", "7"),
        ("2 7 1 8 2 8\n", "1 2 2 7 8 8"),
        ("3\n\t2\r\n  1 ", "1 2 3"),
        ("5 5 5", "5 5 5"),
        ("-1 1 -10 0 10", "-10 -1 0 1 10"),
        ("+007 -0", "0 7"),
        (
            "9223372036854775807 0 -9223372036854775808 -1",
            "-9223372036854775808 -1 0 9223372036854775807",
        ),
    ] {
        assert_eq!(ask(request.as_bytes()), reply, "{request:?}");
    }
}

#[test]
fn the_order_is_that_of_the_standard_library() {
    for length in (0..70).chain([255, 256, 257, 1000, 3001]) {
        // Of few values, with many duplicates; of all values.
        for shift in [60, 0] {
            let numbers = random(length as u64 + 1).map(|bits| bits as i64 >> shift);
            let mut numbers: Vec<_> = numbers.take(length).collect();
            let request = spelled(&numbers);
            numbers.sort_unstable();
            assert_eq!(ask(request.as_bytes()), spelled(&numbers));
            assert_eq!(ask(spelled(&numbers).as_bytes()), spelled(&numbers), "in order already");
            numbers.reverse();
            let request = spelled(&numbers);
            numbers.reverse();
            assert_eq!(ask(request.as_bytes()), spelled(&numbers), "in reverse order");
        }
    }
}

#[test]
fn a_word_that_is_no_number_is_refused_by_name() {
    let allowed = "-9223372036854775808 to 9223372036854775807 is allowed";
    for (request, wrong) in [
        ("1 two 3 four", "\"two\" is not a number"),
        ("1,2", "\"1,2\" is not a number"),
        ("1.5", "\"1.5\" is not a number"),
        ("4 9223372036854775808", "\"9223372036854775808\" is too large"),
        ("-9223372036854775809", "\"-9223372036854775809\" is too small"),
    ] {
        assert_eq!(ask(request.as_bytes()), format!("sort: {wrong}: {allowed}"));
    }
    let refusal = format!("sort: \"{}\"... is not a number: {allowed}", r"\xff".repeat(32));
    assert_eq!(ask(&[0xff; 65_507]), refusal);
}

#[test]
fn memory_is_three_lists() {
    in_region(|pool, region| {
        let request = ten_thousand();
        assert_eq!(request.len(), 29_202);
        let reply = sort(request.as_bytes(), region).unwrap();
        assert_eq!(reply.len(), 29_201);
        // A list of 10,000 cells of 16 bytes has 40 pages: the unsorted one, the halves, the sorted
        // one. When the text comes, only the last is left.
        assert_eq!(pool.most_pages_used(), 3 * 40);
        let most = |name| pool.labels().find(|label| label.name() == name).unwrap().most_pages();
        assert_eq!((most("unsorted"), most("sorted")), (40, 40));
        assert!(most("halves") <= 60, "{}", most("halves"));
        // The text doubles as it grows: runs of 1, 2, 4 and 8 pages.
        assert_eq!(region.pages(), 15);
    });
}

#[test]
fn the_largest_request_is_served_on_a_small_stack() {
    let sorted = thread::Builder::new().stack_size(64 << 10).spawn(|| {
        in_region(|pool, region| {
            let mut request = String::new();
            random(3).take(32_754).for_each(|bits| write!(request, "{} ", bits % 10).unwrap());
            request.truncate(65_507);
            let reply = sort(request.as_bytes(), region).unwrap();
            assert_eq!(pool.most_pages_used(), 3 * 128);
            (reply.len(), reply.split(|&byte| byte == b' ').is_sorted())
        })
    });
    assert_eq!(sorted.unwrap().join().unwrap(), (65_507, true));
}

#[test]
fn a_cap_that_is_too_small_is_an_ordinary_failure() {
    let request = ten_thousand();
    for (pages, name) in [(30, "unsorted"), (90, "halves"), (119, "sorted")] {
        in_region(|pool, _| {
            let region = Region::new(pool, "packet").with_cap(pages * PAGE_SIZE);
            match sort(request.as_bytes(), &region) {
                Err(Failure::Exhausted(error)) => assert_eq!(error.region, name),
                reply => panic!("{pages} pages: {} bytes", reply.unwrap().len()),
            }
            assert_eq!(region.pages(), 0);
            // The region still serves what fits.
            assert_eq!(sort(b"2 1", &region), Ok(&b"1 2"[..]));
        });
    }
}
