//! What a client may take: time, bytes and memory.

mod common;

use std::{cell::Cell, time::Duration};

use common::{Ended, Event, Fake, block_on, serve_with, with_region};
use http::{Config, Counters, Failure, Limits};
use layer::Instant;

const HEAD: &str = "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 100000\r\n\r\n";

fn bytes(text: impl AsRef<[u8]>) -> Event {
    Event::Bytes(text.as_ref().to_vec())
}

/// Serves these events with a handler that reads the whole body; returns the output, and how many seconds it took.
fn serve(events: impl IntoIterator<Item = Event>, limits: Limits) -> (Fake, u64, String) {
    let fake = Fake::new(events);
    let start = fake.now.get();
    serve_with(&fake, &Config::new().with_limits(limits), async |request, response| {
        let body = request.read_all(1 << 17).await?;
        assert_eq!(Some(0), request.body_length());
        response.send(body).await
    });
    let seconds = fake.now.get().since(start).as_secs();
    let text = fake.text();
    (fake, seconds, text)
}

fn drip(text: &str, every: Duration) -> impl Iterator<Item = Event> + use<> {
    let text = text.as_bytes().to_vec();
    text.into_iter().flat_map(move |byte| [Event::Wait(every), Event::Bytes(vec![byte])])
}

#[test]
fn an_idle_connection_is_closed_without_a_word() {
    let (fake, seconds, text) = serve([], Limits::new());
    assert_eq!((seconds, &*text), (62, ""));
    // It has not ended its side either.
    assert_eq!(fake.ended.get(), Ended::Aborted);
    let (_, seconds, text) = serve([bytes("GET / HTTP/1.1\r\nHost: h\r\n\r\n")], Limits::new());
    assert!(text.starts_with("HTTP/1.1 200 ") && seconds == 62);
    // Empty lines are no request.
    let (_, seconds, text) =
        serve([bytes("\r\n"), Event::Wait(Duration::from_secs(99))], Limits::new());
    assert_eq!((seconds, &*text), (12, ""));
}

/// Slowloris.
#[test]
fn a_head_that_drips_is_refused_after_its_time() {
    let head = "GET / HTTP/1.1\r\nHost: h\r\nX: ".to_owned() + &"x".repeat(1_000);
    let (fake, seconds, text) = serve(drip(&head, Duration::from_millis(200)), Limits::new());
    assert!(text.starts_with("HTTP/1.1 408 "), "{text}");
    assert!(text.contains("Connection: close\r\n") && text.ends_with("send it faster\n"), "{text}");
    assert_eq!(seconds, 12);
    assert_eq!(fake.ended.get(), Ended::Aborted);
}

#[test]
fn a_body_that_drips_is_refused_and_a_slow_one_is_not() {
    // A byte each second, for hours.
    let drips = [bytes(HEAD)].into_iter().chain(drip(&"x".repeat(100_000), Duration::from_secs(1)));
    let (_, seconds, text) = serve(drips, Limits::new());
    assert!(text.starts_with("HTTP/1.1 408 "), "{text}");
    assert_eq!(seconds, 12);
    // 2,000 bytes a second.
    let slow = (0..50).flat_map(|_| [Event::Wait(Duration::from_secs(1)), bytes([b'x'; 2_000])]);
    let (_, seconds, text) =
        serve([bytes(HEAD)].into_iter().chain(slow).chain([Event::End]), Limits::new());
    assert!(text.starts_with("HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n"), "{}", &text[..99]);
    assert_eq!(seconds, 50);
}

/// The time that a handler takes is not the client's.
#[test]
fn a_handler_that_is_slow_takes_nothing_from_the_time_of_the_client() {
    let body = (0..5).map(|_| bytes("x"));
    let head = "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\n";
    let fake = Fake::new([bytes(head)].into_iter().chain(body).chain([Event::End]));
    serve_with(&fake, &Config::new(), async |request, response| {
        let mut buffer = [0];
        while request.read(&mut buffer).await? > 0 {
            fake.now.set(fake.now.get() + Duration::from_secs(3_600));
        }
        response.send(b"").await
    });
    assert!(fake.text().starts_with("HTTP/1.1 200 "), "{}", fake.text());
}

#[test]
fn a_client_that_does_not_read_is_cut_off() {
    let fake = Fake::new([bytes("GET / HTTP/1.1\r\nHost: h\r\n\r\n")]);
    fake.window.set(1_000);
    let start = fake.now.get();
    let counters = Counters::default();
    let config = Config::new().with_counters(&counters);
    serve_with(&fake, &config, async |_, response| response.send([b'x'; 50_000]).await);
    // 10 seconds, and 50,000 bytes at 1,024 a second.
    assert_eq!(fake.now.get().since(start).as_secs(), 58);
    assert_eq!(fake.ended.get(), Ended::Aborted);
    assert_eq!(
        (counters.too_slow.get(), counters.broken.get(), counters.answered.get()),
        (1, 1, 0)
    );
}

#[test]
fn too_large_is_told_at_once() {
    let line = format!("GET /{} HTTP/1.1\r\n", "x".repeat(8_000));
    let header = format!("GET / HTTP/1.1\r\nHost: h\r\nX: {}\r\n\r\n", "x".repeat(17_000));
    let headers = format!("GET / HTTP/1.1\r\nHost: h\r\n{}\r\n", "X: y\r\n".repeat(100));
    let endless = "x".repeat(100_000);
    let length = "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1048577\r\n\r\n";
    let larger_than_the_path_takes = "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 131073\r\n\r\n";
    for (input, status) in [
        (&*line, 414),
        (&endless, 414),
        (&header, 431),
        (&headers, 431),
        (length, 413),
        (larger_than_the_path_takes, 413),
    ] {
        for size in [1_000, input.len()] {
            let pieces = input.as_bytes().chunks(size).map(bytes);
            let (_, seconds, text) = serve(pieces, Limits::new());
            assert!(text.starts_with(&format!("HTTP/1.1 {status} ")), "{text}");
            assert!(seconds <= 2, "{text}");
        }
    }
}

#[test]
fn a_body_in_chunks_is_bounded_too() {
    let mut limits = Limits::new();
    limits.body = 1_000;
    let head = "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n";
    let chunks = (0..1_000).map(|_| bytes("64\r\n".to_owned() + &"x".repeat(100) + "\r\n"));
    let (_, _, text) = serve([bytes(head)].into_iter().chain(chunks), limits);
    assert!(text.starts_with("HTTP/1.1 413 "), "{text}");
    // What claims to be a chunk of 2^60 bytes is read as far as it may be.
    let chunk = [bytes(head), bytes("1000000000000000\r\n"), bytes([b'x'; 2_000])];
    let (_, _, text) = serve(chunk, limits);
    assert!(text.starts_with("HTTP/1.1 413 "), "{text}");
}

/// RFC 9112 9.6: the client must be able to read the response although it still sends.
#[test]
fn what_still_comes_after_the_end_is_read_for_a_while() {
    let endless = || (0..1_000).map(|_| bytes([b'x'; 1_000]));
    let (fake, _, text) = serve(endless().chain([Event::End]), Limits::new());
    assert!(text.starts_with("HTTP/1.1 414 "), "{text}");
    assert_eq!(fake.ended.get(), Ended::Aborted);
    // Less, and then the end.
    let (fake, _, _) = serve(endless().take(40).chain([Event::End]), Limits::new());
    assert_eq!(fake.ended.get(), Ended::Shutdown);
}

/// One page holds a request with a small head, whatever the body is and however many requests there are.
#[test]
fn a_request_costs_a_page_and_a_body_that_is_streamed_none() {
    const BODY: usize = 1 << 20;
    let head = format!("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: {BODY}\r\n\r\n");
    let one = || {
        let body = (0..BODY / 1_024).map(|_| bytes([7; 1_024]));
        [bytes(&head)].into_iter().chain(body)
    };
    let fake = Fake::new((0..50).flat_map(|_| one()).chain([Event::End]));
    let (sum, most) = (Cell::new(0_u64), Cell::new(0));
    with_region(8, |region| {
        let config = Config::new();
        block_on(http::serve(&fake, region, &config, async |request, response| {
            let mut buffer = [0; 500];
            loop {
                let length = request.read(&mut buffer).await?;
                sum.set(
                    sum.get() + buffer[..length].iter().map(|byte| u64::from(*byte)).sum::<u64>(),
                );
                if length == 0 {
                    break;
                }
            }
            most.set(request.region().pages().max(most.get()));
            response.send(b"").await
        }));
    });
    assert_eq!((sum.get(), most.get()), (50 * 7 * BODY as u64, 1));
    assert_eq!(fake.text().matches("200 OK").count(), 50);
}

/// The region of a request is empty again when the next one comes, and holds no page while the connection is idle.
#[test]
fn the_memory_of_a_request_comes_back_each_time() {
    let requests = (0..100).flat_map(|_| {
        [Event::Wait(Duration::from_secs(1)), bytes("GET / HTTP/1.1\r\nHost: h\r\n\r\n")]
    });
    let fake = Fake::new(requests.chain([Event::End]));
    with_region(8, |region| {
        let pool = region.pool().unwrap();
        let free = pool.free_pages();
        let config = Config::new();
        block_on(http::serve(&fake, region, &config, async |request, response| {
            // Of what the request before has taken, nothing is left.
            assert_eq!(pool.free_pages(), free - 1);
            for _ in 0..7 {
                request.region().alloc_slice(&[0_u8; 4_000])?;
            }
            response.send(b"").await
        }));
        assert_eq!(pool.free_pages(), free);
    });
    assert_eq!(fake.text().matches("200 OK").count(), 100);
}

#[test]
fn a_request_without_memory_is_told_so_and_the_next_one_is_served() {
    let input = "GET / HTTP/1.1\r\nHost: h\r\n\r\n".repeat(2);
    let fake = Fake::pieces(input.as_bytes(), input.len());
    let counters = Counters::default();
    let first = Cell::new(true);
    with_region(4, |region| {
        let config = Config::new().with_counters(&counters);
        block_on(http::serve(&fake, region, &config, async |request, response| {
            if first.replace(false) {
                request.region().alloc_slice(&[0_u8; 40_000])?;
            }
            response.send(b"fine").await
        }));
    });
    let text = fake.text();
    assert!(text.starts_with("HTTP/1.1 503 Service Unavailable\r\n"), "{text}");
    assert!(text.contains("no memory for this request now: ask again later\n"), "{text}");
    assert!(text.ends_with("fine"), "{text}");
    let seen =
        [&counters.requests, &counters.server_errors, &counters.answered].map(|one| one.get());
    assert_eq!(seen, [2, 1, 1]);
}

/// No page is free at all: the head cannot be kept.
#[test]
fn a_head_without_memory_is_told_so() {
    let input = b"GET / HTTP/1.1\r\nHost: h\r\n\r\n";
    for size in [1, input.len()] {
        let fake = Fake::pieces(input, size);
        with_region(1, |region| {
            region.alloc_slice(&[0_u8; 4_000]).unwrap();
            block_on(http::serve(&fake, region, &Config::new(), async |_, response| {
                response.send(b"").await
            }));
        });
        assert!(fake.text().starts_with("HTTP/1.1 503 "), "{}", fake.text());
        assert_eq!(fake.ended.get(), Ended::Shutdown);
    }
}

#[test]
fn counters_tell_what_became_of_requests() {
    let input = "GET / HTTP/1.1\r\nHost: h\r\n\r\nGET /no HTTP/1.1\r\nHost: h\r\n\r\n\
        GET /broken HTTP/1.1\r\nHost: h\r\n\r\nGET\r\n\r\n";
    let fake = Fake::pieces(input.as_bytes(), 10);
    let counters = Counters::default();
    let config = Config::new().with_counters(&counters);
    serve_with(&fake, &config, async |request, response| match request.path() {
        "/no" => Err(Failure::Refused(404, "no such thing")),
        "/broken" => response.status(500).send(b"broken").await,
        _ => response.send(b"").await,
    });
    let Counters { connections, requests, answered, client_errors, server_errors, .. } = &counters;
    let seen = [connections, requests, answered, client_errors, server_errors].map(|one| one.get());
    assert_eq!(seen, [1, 3, 1, 2, 1]);
    assert_eq!(fake.now.get(), Instant::from_millis(1_000));
}

#[test]
fn a_connection_that_breaks_is_left() {
    for at in [0, 10, 52] {
        let input = "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 50\r\n\r\nhello world";
        let (fake, _, text) = serve([bytes(&input[..at]), Event::Reset], Limits::new());
        assert_eq!((fake.ended.get(), &*text), (Ended::Aborted, ""));
    }
}
