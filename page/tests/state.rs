//! The numbers of the page are those of the program.

mod mock;

use std::time::Duration;

use layer::Layer as _;
use serde_json::Value;

use crate::mock::Mock;

/// A program that has served for so many seconds.
fn served(seconds: u64, connections: usize) -> Mock {
    let mut mock = Mock::new(connections);
    mock.run(Duration::from_secs(seconds));
    mock
}

fn state(mock: &mut Mock, query: &str) -> Value {
    let answer = mock.answer("GET", &format!("/state.json{query}"), None);
    assert_eq!(answer.status, 200);
    serde_json::from_str(&answer.body).unwrap_or_else(|error| panic!("{error}: {}", answer.body))
}

fn number(value: &Value) -> u64 {
    value.as_u64().unwrap_or_else(|| panic!("{value}: no number"))
}

#[test]
fn every_counter_is_there_with_its_value() {
    let mut mock = served(3, 0);
    let state = state(&mut mock, "");
    let (mut count, mut sum) = (0, 0);
    mock.service.tower.counters(&mut |counter| {
        count += 1;
        sum += counter.value;
        let shown = number(&state["counters"][counter.layer][counter.name]);
        // The task that answers is polled once more.
        let later = u64::from(counter.layer == "tasks") * 3;
        assert!((shown..=shown + later).contains(&counter.value), "{counter}, not {shown}");
    });
    let layers = state["counters"].as_object().unwrap();
    let all: usize = layers.values().map(|layer| layer.as_object().unwrap().len()).sum();
    assert_eq!(all, count);
    assert!(sum > 1_000, "there was traffic");
    // The lowest layer first, as it stands in the text.
    let body = mock.answer("GET", "/state.json", None).body;
    let place = |layer: &str| body.find(&format!("\"{layer}\":{{")).unwrap();
    let layers = ["cable", "ethernet", "arp", "ipv4", "icmp", "tcp", "udp", "tasks", "sockets"];
    assert!(layers.is_sorted_by_key(|layer| place(layer)));
}

#[test]
fn the_pool_and_the_regions_are_those_of_the_program() {
    let mut mock = served(3, 0);
    let state = state(&mut mock, "");
    assert_eq!(number(&state["pool"]["pages"]), mock.pool.pages() as u64);
    let regions = state["regions"].as_array().unwrap();
    for (label, region) in mock.pool.labels().zip(regions) {
        assert_eq!(region["name"], label.name());
        let place = label.place().unwrap();
        assert_eq!(region["place"], format!("{}:{}", place.file(), place.line()));
        // That of the request itself is closed meanwhile.
        if !["page.request", "page.scratch", "packet"].contains(&label.name()) {
            assert_eq!(number(&region["pages"]), label.pages() as u64, "{label}");
            assert_eq!(number(&region["opened"]), label.opened(), "{label}");
        }
    }
    assert_eq!(regions.len(), mock.pool.labels().count());
    assert_eq!(state["name"], "mock");
    let serving = state["serving"].as_str().unwrap();
    assert!(serving.starts_with("udp 8080 8081 8082 tcp 80 443 9090 at 10.0.0.2/24"), "{serving}");
}

#[test]
fn the_history_has_a_sample_for_each_second_of_the_last_five_minutes() {
    let mut mock = served(310, 0);
    let state = state(&mut mock, "");
    let samples = state["history"]["samples"].as_array().unwrap();
    let next = number(&state["history"]["next"]);
    assert_eq!((samples.len(), next), (300, 311));
    let times: Vec<_> = samples.iter().map(|sample| number(&sample[0])).collect();
    assert!(times.windows(2).all(|pair| pair[1] - pair[0] == 1_000_000), "{times:?}");
    let names: Vec<_> =
        state["regions"].as_array().unwrap().iter().map(|region| region["name"].as_str()).collect();
    let halves = names.iter().position(|name| *name == Some("halves")).unwrap();
    for sample in samples {
        let [items, busy, idle] = [1, 2, 4].map(|at| number(&sample[at]));
        assert!(items > 10 && busy > 0 && idle > 500_000, "{sample}");
        assert!(number(&sample[5]) > 3_000 && number(&sample[6]) > 3_000, "{sample}");
        // It is opened and closed within a request, and seen.
        assert!(number(&sample[7 + halves]) > 0, "{sample}");
    }
    let rest = |from: u64| {
        let query = format!("?history={from}");
        let state = self::state(&mut mock, &query);
        state["history"]["samples"].as_array().unwrap().len()
    };
    assert_eq!([next - 1, next, 0].map(rest), [1, 0, 300]);
}

#[test]
fn the_map_has_every_page_and_agrees_with_the_regions() {
    let mut mock = served(3, 0);
    assert_eq!(state(&mut mock, "")["map"], Value::Null);
    let state = state(&mut mock, "?map=1");
    let per_cell = number(&state["map"]["per_cell"]);
    let runs = state["map"]["runs"].as_array().unwrap();
    let cells: u64 = runs.iter().map(|run| number(&run[2])).sum();
    assert_eq!(cells, (mock.pool.pages() as u64).div_ceil(per_cell));
    let used: u64 = runs.iter().map(|run| number(&run[1]) * number(&run[2])).sum();
    // While it was made, the map itself and the first page of the answer were in use too.
    let pages: u64 = state["regions"].as_array().unwrap().iter().map(|r| number(&r["pages"])).sum();
    assert!(pages >= used && pages <= used + 64, "{used} on the map, {pages} in the regions");
    let regions = state["regions"].as_array().unwrap();
    assert!(runs.iter().all(|run| number(&run[0]) < regions.len() as u64));
}

#[test]
fn the_log_is_what_was_said_from_a_line_on() {
    let mut mock = served(60, 0);
    mock.process.say(mock.service.now(), "the \"last\"\tline \\ \u{1f}");
    let state = state(&mut mock, "");
    let lines = state["log"]["lines"].as_array().unwrap();
    assert_eq!(lines.last().unwrap()[2], "the \"last\"\tline \\ \u{1f}");
    let next = number(&state["log"]["next"]);
    assert_eq!(number(&lines.last().unwrap()[0]), next - 1);
    let last = self::state(&mut mock, &format!("?log={}", next - 1));
    assert_eq!(last["log"]["lines"].as_array().unwrap().len(), 1);
    let none = self::state(&mut mock, &format!("?log={next}"));
    assert_eq!(none["log"]["lines"].as_array().unwrap().len(), 0);
}

#[test]
fn the_connections_are_those_of_tcp_and_of_many_those_that_move_the_most() {
    let none = state(&mut served(1, 0), "");
    assert_eq!(none["connections"], serde_json::json!({"total": 0, "rows": []}));
    let mut mock = served(5, 130);
    let state = state(&mut mock, "");
    assert_eq!(number(&state["connections"]["total"]), 130);
    let rows = state["connections"]["rows"].as_array().unwrap();
    assert_eq!(rows.len(), 100);
    let mut sent = 0;
    for row in rows {
        assert!(row["remote"].as_str().unwrap().starts_with("10.0.0.1:"), "{row}");
        assert!(["10.0.0.2:80", "10.0.0.2:443"].contains(&row["local"].as_str().unwrap()), "{row}");
        assert_eq!(row["state"], "ESTABLISHED");
        assert!(number(&row["received"]) > 0 && number(&row["window"]) > 0, "{row}");
        assert!(number(&row["congestion_window"]) > 0 && row["retransmitted"].is_u64(), "{row}");
        sent += number(&row["sent"]);
    }
    assert!(sent > 100_000, "{sent}");
}

#[test]
fn what_is_not_there_or_not_allowed_is_refused_in_words() {
    let mut mock = served(1, 0);
    for (method, target, host, status) in [
        ("GET", "/", None, 200),
        ("HEAD", "/?x", Some("10.0.0.2:9090"), 200),
        ("GET", "/state.json", Some("web.local"), 200),
        ("GET", "/metrics", Some("web.example.com"), 200),
        ("GET", "/state.json", Some("web.example.com"), 421),
        ("GET", "/", Some("web.example.com:9090"), 421),
        ("GET", "/state.json/", None, 404),
        ("GET", "", None, 404),
        ("GET", "/../metrics", None, 404),
        ("POST", "/", None, 405),
        ("DELETE", "/metrics", None, 405),
        ("get", "/", None, 405),
    ] {
        let answer = mock.answer(method, target, host);
        assert_eq!(answer.status, status, "{method} {target} {host:?}: {}", answer.body);
        assert_eq!(answer.headers.iter().any(|(name, _)| *name == "Allow"), status == 405);
        assert!(answer.headers.contains(&("X-Content-Type-Options", "nosniff")));
    }
    assert_eq!(mock.answer("GET", "/", None).body, page::PAGE);
}

#[test]
fn an_answer_leaves_no_page_behind() {
    let mut mock = served(2, 50);
    let mut free = Vec::new();
    for _ in 0..50 {
        for target in ["/", "/state.json?map=1", "/metrics", "/x"] {
            mock.answer("GET", target, None);
        }
        free.push(mock.pool.free_pages());
    }
    assert!(free[1..].iter().all(|pages| *pages == free[1]), "{free:?}");
}
