//! The client: what it sends, what it takes for a reply, and whole exchanges with the server of this crate.

mod common;

use std::time::Duration;

use common::{Ended, Event, Fake, block_on, join, pair, with_region};
use http::{Client, ClientError, Config, Limits, Method};

/// The status and the body of the reply to `GET /`, of which these bytes come, in pieces of `size`.
fn get(input: &[u8], size: usize) -> Result<(u16, Vec<u8>, bool), ClientError> {
    let fake = Fake::pieces(input, size);
    with_region(32, |region| {
        block_on(async {
            let limits = Limits::new();
            let mut client = Client::new(&fake, "h", &limits);
            let reply = client.get("/", region).await?;
            let status = reply.status();
            let body = reply.read_all(1 << 16).await?.to_vec();
            Ok((status, body, client.is_open()))
        })
    })
}

fn get_all(input: &[u8]) -> Result<(u16, Vec<u8>, bool), ClientError> {
    let whole = get(input, input.len());
    for size in 1..input.len().min(80) {
        assert_eq!(get(input, size), whole, "by {size}");
    }
    whole
}

fn fine(status: u16, body: &str, is_open: bool) -> Result<(u16, Vec<u8>, bool), ClientError> {
    Ok((status, body.into(), is_open))
}

/// RFC 9112 6.3.
#[test]
fn a_reply_has_a_body_of_one_length() {
    for (input, expected) in [
        ("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", fine(200, "hello", true)),
        ("HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n", fine(200, "", true)),
        (
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n",
            fine(200, "hello", true),
        ),
        (
            "HTTP/1.1 404 No\r\nContent-Length: 2\r\nConnection: close\r\n\r\nno",
            fine(404, "no", false),
        ),
        ("HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok", fine(200, "ok", false)),
        (
            "HTTP/1.0 200 OK\r\nContent-Length: 2\r\nConnection: keep-alive\r\n\r\nok",
            fine(200, "ok", true),
        ),
        // Until the end of the connection.
        ("HTTP/1.1 200 OK\r\n\r\nhello", fine(200, "hello", false)),
        ("HTTP/1.0 200 OK\r\n\r\n", fine(200, "", false)),
        // RFC 9110 15.2.
        (
            "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early\r\nLink: x\r\n\r\nHTTP/1.1 204 None\r\n\r\n",
            fine(204, "", true),
        ),
        ("HTTP/1.1 304 Not\r\nContent-Length: 5\r\n\r\n", fine(304, "", true)),
    ] {
        assert_eq!(get_all(input.as_bytes()), expected, "{input}");
    }
}

#[test]
fn a_reply_that_is_not_valid_is_refused() {
    let malformed = |input: &str| match get_all(input.as_bytes()) {
        Err(ClientError::Malformed(text)) => text,
        other => panic!("{input}: {other:?}"),
    };
    for input in [
        "200 OK\r\n\r\n",
        "HTTP/1.1 OK\r\n\r\n",
        "HTTP/1.1 20 OK\r\n\r\n",
        "HTTP/1.1 099 OK\r\n\r\n",
        "HTTP/2.0 200 OK\r\n\r\n",
        "HTTP/1.1 200 OK\nContent-Length: 0\n\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\nhello",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nhello",
        "HTTP/1.1 200 OK\r\nX: y\r\n folded\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhell",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
        "HTTP/1.1 101 Switching\r\nUpgrade: x\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-",
    ] {
        assert!(!malformed(input).is_empty());
    }
    let interim = "HTTP/1.1 100 Continue\r\n\r\n".repeat(99);
    assert_eq!(malformed(&interim), "it has too many interim responses");
    assert_eq!(get_all(b""), Err(ClientError::Closed));
    let large = format!("HTTP/1.1 200 OK\r\nX: {}\r\n\r\n", "x".repeat(17_000));
    assert_eq!(get(large.as_bytes(), 999), Err(ClientError::TooLarge));
    let large = "HTTP/1.1 200 OK\r\nContent-Length: 65537\r\n\r\n";
    assert_eq!(get(large.as_bytes(), 999), Err(ClientError::TooLarge));
}

#[test]
fn a_server_that_is_slow_or_gone_is_told_apart() {
    let wait = Event::Wait(Duration::from_secs(1_000));
    let head = Event::Bytes(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhel".into());
    for (events, expected) in [
        (vec![wait.clone()], ClientError::TooSlow),
        (vec![head.clone(), wait], ClientError::TooSlow),
        (vec![Event::Reset], ClientError::Closed),
        (vec![head, Event::Reset], ClientError::Closed),
    ] {
        let fake = Fake::new(events);
        let error = with_region(8, |region| {
            block_on(async {
                let limits = Limits::new();
                let mut client = Client::new(&fake, "h", &limits);
                let reply = client.get("/", region).await?;
                let read = reply.read_all(100).await.map(<[u8]>::len);
                assert!(!client.is_open());
                read
            })
        });
        assert_eq!(error, Err(expected));
    }
}

#[test]
fn requests_are_sent_as_they_should_be() {
    let reply = b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc";
    let fake = Fake::pieces(&reply.repeat(5), 50);
    with_region(8, |region| {
        block_on(async {
            let limits = Limits::new();
            let mut client = Client::new(&fake, "h:8080", &limits);
            // Of the first two, the bodies are not read.
            let _ = client.get("/a?b", region).await?;
            let _ = client.post("/", "text/plain", b"hello", region).await?;
            let mut request =
                client.request(Method::Put, "/c", region).await?.header("X", "y").stream()?;
            request.send(b"he").await?;
            request.send(b"llo").await?;
            let mut reply = request.finish().await?;
            let mut buffer = [0; 2];
            assert_eq!((reply.read(&mut buffer).await?, buffer), (2, *b"ab"));
            assert_eq!((reply.body_length(), reply.header("content-length")), (Some(1), Some("3")));
            let delete = client.request(Method::Delete, "/d", region).await?.send(b"").await?;
            assert_eq!((delete.headers().len(), delete.read_all(3).await?), (1, &b"abc"[..]));
            client
                .request(Method::Head, "/e", region)
                .await?
                .send(b"")
                .await
                .map(|reply| assert_eq!(reply.body_length(), Some(0)))
        })
    })
    .unwrap();
    let sent = fake.sent.take().into_iter().map(|one| String::from_utf8(one).unwrap());
    assert_eq!(
        sent.collect::<Vec<_>>(),
        [
            "GET /a?b HTTP/1.1\r\nHost: h:8080\r\n\r\n",
            "POST / HTTP/1.1\r\nHost: h:8080\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n\r\nhello",
            "PUT /c HTTP/1.1\r\nHost: h:8080\r\nX: y\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n",
            "3\r\nllo\r\n",
            "0\r\n\r\n",
            "DELETE /d HTTP/1.1\r\nHost: h:8080\r\nContent-Length: 0\r\n\r\n",
            "HEAD /e HTTP/1.1\r\nHost: h:8080\r\n\r\n",
        ]
    );
    assert_eq!(fake.ended.get(), Ended::Open);
}

#[test]
fn what_would_be_another_request_is_not_sent() {
    let fake = Fake::pieces(b"", 1);
    with_region(8, |region| {
        block_on(async {
            let limits = Limits::new();
            for (host, target) in [
                ("h", "/ HTTP/1.1\r\nX: y"),
                ("h", "/a b"),
                ("h", ""),
                ("h\r\nX: y", "/"),
                ("h h", "/"),
            ] {
                let mut client = Client::new(&fake, host, &limits);
                let error = client.get(target, region).await.map(|_| ());
                assert_eq!(error, Err(ClientError::InvalidRequest), "{host:?} {target:?}");
            }
            let mut client = Client::new(&fake, "h", &limits);
            let request = client.request(Method::Get, "/", region).await.unwrap();
            let error = request.header("X", "y\r\nZ: z").send(b"").await.map(|_| ());
            assert_eq!(error, Err(ClientError::InvalidRequest));
        });
    });
    assert_eq!(fake.output(), b"");
}

#[test]
fn a_connection_that_was_closed_is_not_used_again() {
    let fake =
        Fake::pieces(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n", 9);
    with_region(8, |region| {
        block_on(async {
            let limits = Limits::new();
            let mut client = Client::new(&fake, "h", &limits);
            assert_eq!(client.get("/", region).await.map(|reply| reply.status()), Ok(200));
            assert_eq!(client.get("/", region).await.map(|_| ()), Err(ClientError::Closed));
        });
    });
}

/// Both sides of this crate, with bodies of all kinds in both directions.
#[test]
fn a_client_and_a_server_understand_each_other() {
    let [near, far] = pair();
    with_region(128, |region| {
        let config = Config::new();
        let server = http::serve(&far, region, &config, async |request, response| {
            let mut buffer = [0; 1_000];
            let mut body = match request.parameter("chunks") {
                Some(_) => response.stream()?,
                None => response.stream_of(request.body_length().unwrap_or(0))?,
            };
            loop {
                match request.read(&mut buffer).await? {
                    0 => break body.finish().await,
                    length => body.send(&buffer[..length]).await?,
                }
            }
        });
        let client = async {
            let limits = Limits::new();
            let mut client = Client::new(&near, "h", &limits);
            let mut room = region.child("reply");
            for length in [0, 1, 699, 700, 701, 20_000, 100_000] {
                let bytes: Vec<u8> = (0..length).map(|at| (at % 251) as u8).collect();
                for target in ["/", "/?chunks"] {
                    let reply = client.post(target, "x/y", &*bytes, &room).await.unwrap();
                    assert_eq!(reply.read_all(length).await.unwrap(), bytes);
                    room.reset();
                    let request = client.request(Method::Put, "/?chunks", &room).await.unwrap();
                    let mut request = request.stream().unwrap();
                    for piece in bytes.chunks(999) {
                        request.send(piece).await.unwrap();
                    }
                    let reply = request.finish().await.unwrap();
                    assert_eq!(reply.read_all(length).await.unwrap(), bytes);
                    room.reset();
                }
            }
            assert!(client.is_open());
            http::ByteStream::shutdown(&near);
        };
        block_on(join(client, server));
    });
}
