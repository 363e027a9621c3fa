//! Memory stays constant over the running time, and running out costs one request only.

use std::{
    thread,
    time::{Duration, Instant},
};

use xtask::lab::{Service, Signal};

use super::support::{FACTORIAL, FIBONACCI, PORT, ask_text, connect, next, with_service};

/// How many requests in a row.
const REQUESTS: usize = 1000;

pub(crate) fn a_thousand_numbers_take_no_more_pages() {
    let expected = fibonacci(2000);
    with_service("facfib", &[], |lab, service| {
        let socket = connect(lab, FIBONACCI);
        constant_pages(service, || assert_eq!(ask_text(&socket, "2000"), expected));
    });
}

pub(crate) fn a_thousand_sorts_take_no_more_pages() {
    let mut numbers = numbers();
    let request = join(&numbers);
    assert_eq!((numbers.len(), request.len()), (10_000, 29_202));
    numbers.sort_unstable();
    let expected = join(&numbers);
    with_service("sort", &[], |lab, service| {
        let socket = connect(lab, PORT);
        constant_pages(service, || {
            assert!(ask_text(&socket, &request) == expected, "the reply is not the sorted numbers");
        });
    });
}

/// A pool in which the factorial with the longest reply has no room.
pub(crate) fn a_request_that_runs_out_is_told_so() {
    with_service("facfib", &["--memory=128K"], |lab, service| {
        let socket = connect(lab, FACTORIAL);
        assert_eq!(ask_text(&socket, "10"), "3628800");
        let before = free_pages(service);
        for _ in 0..100 {
            let reply = ask_text(&socket, "17229");
            let is_one_line = !reply.contains('\n') && reply.len() < 200;
            assert!(reply.starts_with("out of memory: region ") && is_one_line, "{reply}");
        }
        assert_eq!(ask_text(&socket, "10"), "3628800");
        assert_eq!(free_pages(service), before);
    });
}

/// The words before `most used` of the line of the pool.
fn free_pages(service: &mut Service<'_>) -> String {
    let pool = pages(service).swap_remove(0);
    pool.split_once(" most").expect("the line ends with the most that was used").0.into()
}

/// Calls `ask` a thousand times. What the regions hold, and the most that they ever held, must be the
/// same after the first request and after the last.
fn constant_pages(service: &mut Service<'_>, mut ask: impl FnMut()) {
    ask();
    let first = pages(service);
    for _ in 1..REQUESTS {
        ask();
    }
    assert_eq!(pages(service), first);
}

/// The statistics of the pool and of each region that say how many pages they take, asked for with
/// `SIGUSR1`: `pool pages N free N most used N`, `region NAME opened N live N pages N most N …`.
fn pages(service: &mut Service<'_>) -> Vec<String> {
    // The first report may come while the packet that was just answered still has its region; once
    // it is there, the service has gone on to wait for the next packet.
    report(service);
    let report = report(service);
    let pool = report.iter().filter(|line| line.starts_with("pool "));
    let regions = report.iter().filter_map(|line| {
        let words: Vec<_> = line.strip_prefix("region ")?.split_whitespace().collect();
        let number = |name| {
            let at = words.iter().position(|word| *word == name)?;
            words.get(at + 1)
        };
        let (live, pages, most) = (number("live")?, number("pages")?, number("most")?);
        Some(format!("{}: live {live} pages {pages} most {most}", words[0]))
    });
    let pages: Vec<_> = pool.cloned().chain(regions).collect();
    assert!(pages.len() > 1, "no statistics in {report:#?}");
    pages
}

/// The lines of a report.
fn report(service: &mut Service<'_>) -> Vec<String> {
    let from = service.lines().len();
    service.signal(Signal::SIGUSR1).expect("the service runs");
    service
        .wait_for_line(from, Duration::from_secs(5), |line| line.starts_with("region packet "))
        .expect("the service reports its regions");
    settled(service).split_off(from)
}

/// All lines, once no new one has come for a while.
fn settled(service: &Service<'_>) -> Vec<String> {
    let end = Instant::now() + Duration::from_secs(5);
    let mut lines = service.lines();
    loop {
        thread::sleep(Duration::from_millis(200));
        let now = service.lines();
        if now.len() == lines.len() || Instant::now() > end {
            return now;
        }
        lines = now;
    }
}

/// F(n) by addition of decimal digits, the lowest first.
fn fibonacci(n: usize) -> String {
    let (mut this, mut following) = (vec![0_u8], vec![1_u8]);
    for _ in 0..n {
        let mut carry = 0;
        let mut sum = Vec::with_capacity(following.len() + 1);
        for (at, digit) in following.iter().enumerate() {
            let digits = digit + this.get(at).unwrap_or(&0) + carry;
            sum.push(digits % 10);
            carry = digits / 10;
        }
        if carry > 0 {
            sum.push(carry);
        }
        (this, following) = (following, sum);
    }
    this.iter().rev().map(|digit| char::from(b'0' + digit)).collect()
}

/// 10,000 numbers, 797 of them of one digit and 9,203 of two, in no order.
fn numbers() -> Vec<u64> {
    let mut state = 2024;
    (0..10_000)
        .map(|number| {
            let random = next(&mut state) >> 33;
            // 797 times in 10,000, evenly spread, the multiple of 797 goes over a multiple of 10,000.
            if number * 797 % 10_000 < 797 { random % 10 } else { 10 + random % 90 }
        })
        .collect()
}

fn join(numbers: &[u64]) -> String {
    numbers.iter().map(u64::to_string).collect::<Vec<_>>().join(" ")
}
