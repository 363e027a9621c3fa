//! The service on one host and a client on another one, in memory and in virtual time.

mod net;

use std::time::Duration;

use http::Method;

use crate::site::FILES;
use net::{Net, ask, get, post};

#[test]
fn hello_is_thirteen_bytes() {
    let mut net = Net::new(1024);
    let reply = net.talk(async move |client, region| get(client, "/hello", region).await);
    assert_eq!(reply, (200, "hello, world\n".into()));
}

#[test]
fn each_file_of_the_site_is_there() {
    let mut net = Net::new(1024);
    for file in &FILES {
        let found = net.talk(async move |client, region| {
            let reply = client.get(file.path(), region).await.unwrap();
            assert_eq!(reply.header("Content-Type"), Some(file.media_type()));
            assert_ne!(file.media_type(), "application/octet-stream");
            let tag = reply.header("ETag").unwrap().to_owned();
            assert_eq!(reply.read_all(1 << 16).await.unwrap(), file.bytes());
            let request = client.request(Method::Get, file.path(), region).await.unwrap();
            let reply = request.header("If-None-Match", &tag).send(b"").await.unwrap();
            reply.status()
        });
        assert_eq!(found, 304, "{}", file.path());
    }
    let start = net.talk(async move |client, region| get(client, "/", region).await);
    assert!(start.1.contains("This page comes from a unikernel."));
}

/// What a page names that is of this server.
#[test]
fn no_link_of_the_site_is_dead() {
    let mut net = Net::new(1024);
    for file in FILES.iter().filter(|file| file.path().ends_with(".html")) {
        let text = str::from_utf8(file.bytes()).unwrap();
        let mut links = 0;
        for link in text.split(['"', '\'']).filter(|word| word.starts_with('/')) {
            let (status, _) = net.talk(async move |client, region| get(client, link, region).await);
            assert_eq!(status, 200, "{link} in {}", file.path());
            links += 1;
        }
        assert!(links > 5, "{} in {}", links, file.path());
        assert!(!text.contains("http://") || text.contains("curl http://"), "{}", file.path());
        assert!(!text.contains("https://"), "a page of others in {}", file.path());
    }
}

#[test]
fn fibonacci_numbers_are_json() {
    let mut net = Net::new(1024);
    for (path, expected) in [
        ("/fib/0", "{\"n\": 0, \"fibonacci\": \"0\"}\n"),
        ("/fib/90", "{\"n\": 90, \"fibonacci\": \"2880067194370816120\"}\n"),
    ] {
        let reply = net.talk(async move |client, region| get(client, path, region).await);
        assert_eq!(reply, (200, expected.into()));
    }
    let (status, largest) =
        net.talk(async move |client, region| get(client, "/fib/300000", region).await);
    assert_eq!(
        (status, largest.len()),
        (200, 62_696 + r#"{"n": 300000, "fibonacci": ""}"#.len() + 1)
    );
    for path in ["/fib/x", "/fib/-1", "/fib/300001", "/fib/1e3", "/fib/007"] {
        let (status, text) = net.talk(async move |client, region| get(client, path, region).await);
        let expected = "the index is not a number from 0 to 300000: ask for /fib/2000\n";
        assert_eq!((status, &*text), (400, expected), "{path}");
    }
}

#[test]
fn arrays_are_sorted() {
    let mut net = Net::new(1024);
    for (body, expected) in [
        ("[3, -1.5, 2e6]", (200, "[-1.5,3,2e6]\n")),
        ("[3, x]", (400, "byte 4: expected a number, such as 3, -1.5 or 2e6\n")),
        ("", (400, "byte 0: expected an array of numbers, such as [3, -1.5, 2e6]\n")),
    ] {
        let reply = net
            .talk(async move |client, region| post(client, "/sort", body.as_bytes(), region).await);
        assert_eq!(reply, (expected.0, expected.1.into()), "{body}");
    }
    const LONG: &[u8] = &[b'1'; (64 << 10) + 1];
    let (status, _) =
        net.talk(async move |client, region| post(client, "/sort", LONG, region).await);
    assert_eq!(status, 413);
}

#[test]
fn bytes_are_a_pattern() {
    let mut net = Net::new(1024);
    for length in [0, 1, 256, 16_384, 16_385, 300_000] {
        let received = net.talk(async move |client, region| {
            let path = format!("/bytes/{length}");
            let mut reply = client.get(&path, region).await.unwrap();
            assert_eq!((reply.status(), reply.body_length()), (200, Some(length)));
            let (mut received, mut buffer) = (0_u64, [0; 1_000]);
            loop {
                let count = reply.read(&mut buffer).await.unwrap();
                for byte in &buffer[..count] {
                    assert_eq!(*byte, received as u8);
                    received += 1;
                }
                if count == 0 {
                    return received;
                }
            }
        });
        assert_eq!(received, length);
    }
    let head = net.talk(async move |client, region| {
        let request = client.request(Method::Head, "/bytes/1099511627776", region).await.unwrap();
        let reply = request.send(b"").await.unwrap();
        (reply.status(), reply.header("Content-Length").map(str::to_owned))
    });
    assert_eq!(head, (200, Some("1099511627776".into())));
    let more =
        net.talk(async move |client, region| get(client, "/bytes/1099511627777", region).await);
    assert_eq!(more.0, 400);
}

#[test]
fn bodies_are_summed_up() {
    let mut net = Net::new(1024);
    let body: Vec<u8> = (0..400_000_u32).map(|at| (at.wrapping_mul(at) >> 5) as u8).collect();
    let body: &'static [u8] = body.leak();
    // A sum of its own, of all bytes at once.
    let low = body.iter().fold(1, |low, byte| (low + u64::from(*byte)) % 65_521);
    let high = (1..=body.len()).zip(body.iter().rev());
    let high =
        high.fold(body.len() as u64, |high, (times, byte)| high + times as u64 * u64::from(*byte));
    let sum = ((high % 65_521) << 16) | low;
    let expected = format!("{{\"bytes\": 400000, \"adler32\": {sum}}}\n");
    let reply = net.talk(async move |client, region| post(client, "/sum", body, region).await);
    assert_eq!(reply, (200, expected.clone()));
    let in_chunks = net.talk(async move |client, region| {
        let request = client.request(Method::Post, "/sum", region).await.unwrap();
        let mut upload = request.stream().unwrap();
        for chunk in body.chunks(7_777) {
            upload.send(chunk).await.unwrap();
        }
        ask(upload.finish().await.unwrap()).await
    });
    assert_eq!(in_chunks, (200, expected));
    let empty = net.talk(async move |client, region| post(client, "/sum", b"", region).await);
    assert_eq!(empty, (200, "{\"bytes\": 0, \"adler32\": 1}\n".into()));
    for (length, expected) in [(0, "0\n"), (400_000, "400000\n")] {
        let body = &body[..length];
        let reply = net.talk(async move |client, region| post(client, "/sink", body, region).await);
        assert_eq!(reply, (200, expected.into()));
    }
}

#[test]
fn what_is_not_there_is_said_to_be_so() {
    let mut net = Net::new(1024);
    for (method, path, expected, allowed) in [
        (Method::Get, "/nothing", 404, None),
        (Method::Get, "/fib", 404, None),
        (Method::Post, "/hello", 405, Some("GET, HEAD")),
        (Method::Get, "/sum", 405, Some("POST")),
        (Method::Delete, "/index.html", 405, Some("GET, HEAD")),
        (Method::Delete, "/nothing", 404, None),
    ] {
        let reply = net.talk(async move |client, region| {
            let request = client.request(method, path, region).await.unwrap();
            let reply = request.send(b"").await.unwrap();
            (reply.status(), reply.header("Allow").map(str::to_owned))
        });
        assert_eq!(reply, (expected, allowed.map(str::to_owned)), "{} {path}", method.name());
    }
}

#[test]
fn too_many_computations_are_refused_and_what_they_took_comes_back() {
    // About as many pages as a guest of 4 MiB has.
    let mut net = Net::new(700);
    let mut free = [0; 3];
    for free in &mut free {
        let statuses = net.talk_all(12, async move |client, region| {
            let (status, _) = get(client, "/fib/300000", region).await;
            if status == 503 {
                // The connection is still of use.
                let hello = get(client, "/hello", region).await;
                assert_eq!(hello, (200, "hello, world\n".into()));
            }
            status
        });
        let served = statuses.iter().filter(|status| **status == 200).count();
        assert!((3..12).contains(&served), "{statuses:?}");
        assert!(statuses.iter().all(|status| matches!(status, 200 | 503)), "{statuses:?}");
        net.run(Duration::from_secs(120), || false);
        *free = net.free_pages();
    }
    // What the first connections take once, for places in tables, is kept.
    assert_eq!(free, [free[0]; 3]);
}
