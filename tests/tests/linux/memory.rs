//! Memory stays constant over the running time, and running out costs one request only.

use std::{
    thread,
    time::{Duration, Instant},
};

use lab::{Service, Signal};
use tests::{Exchange, apps, exchanges, shortest};

use super::{
    process::assert_ends,
    support::{FACTORIAL, ask, ask_text, connect, in_lab, program, with_service},
};

pub(crate) fn a_thousand_requests_take_no_more_pages() {
    let table = exchanges();
    let long: Vec<_> = table.iter().filter(|exchange| exchange.times > 1).collect();
    assert!(!long.is_empty(), "the table asks nothing many times");
    for exchange in long {
        with_service(exchange.app, &[], |lab, service| {
            let socket = connect(lab, exchange.port);
            constant_pages(service, exchange.times, || {
                assert!(exchange.reply.is(&ask(&socket, &exchange.request)), "{}", exchange.app);
            });
        });
    }
}

/// A pool in which the factorial with the longest reply has no room.
pub(crate) fn a_request_that_runs_out_is_told_so() {
    with_service("facfib", &["--memory=128K"], |lab, service| {
        let socket = connect(lab, FACTORIAL);
        assert_eq!(ask_text(&socket, "10"), "3628800");
        let before = free_pages(service);
        for _ in 0..100 {
            let reply = ask_text(&socket, "17229");
            // Lines that say why there is no reply are limited to about 100 a second.
            thread::sleep(Duration::from_millis(20));
            let is_one_line = !reply.contains('\n') && reply.len() < 200;
            assert!(reply.starts_with("out of memory: region ") && is_one_line, "{reply}");
        }
        assert_eq!(ask_text(&socket, "10"), "3628800");
        assert_eq!(free_pages(service), before);
    });
}

/// The pool that `--memory` says is the least.
const LEAST: &str = "--memory=128K";

/// Every service starts with it, whatever else it has to do, and serves a small request.
pub(crate) fn the_least_pool_serves() {
    for app in apps() {
        let args = [LEAST, "--stats-port=9100", "--offloads=on", "--probe"];
        with_service(app, &args, |lab, _| {
            let Exchange { port, request, reply, .. } = shortest(app);
            let came = ask(&connect(lab, port), &request);
            assert!(reply.is(&came), "{app}: {}", String::from_utf8_lossy(&came));
            let all = ask_text(&connect(lab, 9100), "pool ");
            assert!(all.starts_with("pool pages 31 "), "{app}: {all}");
        });
        in_lab(|lab| {
            let words = "128K at least";
            assert_ends(lab, program(app), "--memory=127K", 2, words);
        });
    }
}

/// The words before `most used` of the line of the pool.
pub(crate) fn free_pages(service: &mut Service<'_>) -> String {
    let pool = pages(service).swap_remove(0);
    pool.split_once(" most").expect("the line ends with the most that was used").0.into()
}

/// Calls `ask` so many times. What the regions hold, and the most that they ever held, must be the
/// same after the second request, which finds what is kept of the first, and after the last.
fn constant_pages(service: &mut Service<'_>, times: usize, mut ask: impl FnMut()) {
    for _ in 0..2 {
        ask();
    }
    let second = pages(service);
    for _ in 2..times {
        ask();
    }
    assert_eq!(pages(service), second);
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
