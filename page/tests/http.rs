//! The page over HTTP and TCP, between two towers on a cable.

mod mock;

use std::time::Duration;

use crate::mock::Mock;

/// The head and the body of a response.
fn parts(response: &str) -> (&str, &str) {
    response.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no head: {response}"))
}

#[test]
fn it_is_served_with_the_numbers_of_the_moment() {
    let mut mock = Mock::new(3);
    mock.run(Duration::from_secs(2));
    let ask = |target: &str| {
        format!("GET {target} HTTP/1.1\r\nHost: 10.0.0.2:9090\r\nConnection: close\r\n\r\n")
    };
    let page = mock.exchange(9090, &ask("/"));
    let (head, body) = parts(&page);
    assert!(head.starts_with("HTTP/1.1 200 ") && body == page::PAGE, "{head}");
    assert!(head.contains("\r\nContent-Type: text/html; charset=utf-8\r\n"), "{head}");
    assert!(head.contains("\r\nContent-Security-Policy: default-src 'none';"), "{head}");
    let response = mock.exchange(9090, &ask("/state.json?map=1"));
    let (head, body) = parts(&response);
    assert!(head.contains("\r\nContent-Type: application/json\r\n"), "{head}");
    let state: serde_json::Value = serde_json::from_str(body).unwrap();
    // The connection of this very request is one of them.
    assert_eq!(state["connections"]["total"], 4);
    // It was looked at when the request came, not when the second began.
    let now = state["now"].as_u64().unwrap() * 1000;
    assert!(mock.service.now().as_nanos() - now < 500_000_000, "{now}");
    let response = mock.exchange(9090, &ask("/metrics"));
    assert!(parts(&response).1.ends_with("letregion_up 1\n"));
}

#[test]
fn it_is_read_only() {
    let mut mock = Mock::new(0);
    mock.run(Duration::from_secs(1));
    for (request, status) in [
        ("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n", "405"),
        ("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc", "413"),
        ("PUT /state.json HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n", "405"),
        ("GET /x HTTP/1.1\r\nHost: x\r\n\r\n", "404"),
        ("GET / HTTP/1.1\r\nHost: example.com\r\n\r\n", "421"),
        ("HEAD / HTTP/1.1\r\nHost: x\r\n\r\n", "200"),
        ("nonsense\r\n\r\n", "400"),
    ] {
        let request = request.replacen("\r\n", "\r\nConnection: close\r\n", 1);
        let response = mock.exchange(9090, &request);
        assert!(response.starts_with(&format!("HTTP/1.1 {status} ")), "{request}: {response}");
        if request.starts_with("HEAD") {
            let (head, body) = parts(&response);
            let length = format!("Content-Length: {}", page::PAGE.len());
            assert!(body.is_empty() && head.contains(&length), "{head}");
        }
    }
}

#[test]
fn a_host_of_another_network_is_reset() {
    let mut mock = Mock::with_own_network("10.0.1.2/24");
    assert_eq!(mock.exchange(9090, "GET / HTTP/1.1\r\nHost: x\r\n\r\n"), "");
    let mut mock = Mock::with_own_network("10.0.0.2/24");
    let response = mock.exchange(9090, "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    assert!(response.starts_with("HTTP/1.1 200 "), "{response}");
}

#[test]
fn requests_leave_no_memory_behind() {
    let mut mock = Mock::new(0);
    mock.run(Duration::from_secs(1));
    let ask =
        |target: &str| format!("GET {target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    let mut used = Vec::new();
    for _ in 0..10 {
        for target in ["/", "/state.json?map=1", "/metrics"] {
            mock.exchange(9090, &ask(target));
        }
        let pages = |name: &str| {
            mock.pool
                .labels()
                .filter(|label| label.name().starts_with(name))
                .map(|l| l.pages())
                .sum::<usize>()
        };
        used.push(["tcp", "page", "request"].map(pages));
    }
    assert!(used[2..].iter().all(|pages| *pages == used[2]), "{used:?}");
}
