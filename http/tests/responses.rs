//! What a handler can send, and what it cannot.

mod common;

use std::{cell::Cell, time::Duration};

use common::{Ended, Fake, serve_with};
use http::{Answer, Clock, Config, Failure, Method, Methods, Request, Response, Route};

const GET: &[u8] = b"GET / HTTP/1.1\r\nHost: h\r\n\r\n";

/// What one `handler` sends to a client that sends `input`.
fn sends<H>(input: &[u8], handler: H) -> (String, Ended)
where
    H: for<'r> AsyncFn(Request<'r, Fake>, Response<'r, Fake>) -> Answer,
{
    let fake = Fake::pieces(input, input.len());
    serve_with(&fake, &Config::new(), handler);
    (fake.text(), fake.ended.get())
}

#[test]
fn head_and_body_are_sent_together() {
    let fake = Fake::pieces(GET, GET.len());
    serve_with(&fake, &Config::new(), async |_, response| {
        response.status(201).header("Location", "/1").send((*b"a", &b"bc"[..])).await
    });
    let expected = b"HTTP/1.1 201 Created\r\nContent-Length: 3\r\nLocation: /1\r\n\r\nabc";
    assert_eq!(*fake.sent.borrow(), [expected.to_vec()]);
}

/// RFC 9110 6.4.1, 9.3.2, 15.3.5, 15.4.5.
#[test]
fn some_responses_have_no_body() {
    for (status, expected) in [
        (204, "HTTP/1.1 204 No Content\r\n\r\n"),
        (304, "HTTP/1.1 304 Not Modified\r\n\r\n"),
        (205, "HTTP/1.1 205 \r\nContent-Length: 4\r\n\r\nbody"),
        (299, "HTTP/1.1 299 \r\nContent-Length: 4\r\n\r\nbody"),
    ] {
        let (text, _) = sends(GET, async |_, response| response.status(status).send(b"body").await);
        assert_eq!(text, expected);
    }
    let head = b"HEAD / HTTP/1.1\r\nHost: h\r\n\r\n";
    let (text, _) = sends(head, async |_, response| response.send(b"body").await);
    assert_eq!(text, "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n");
    let (text, _) = sends(head, async |_, response| {
        let mut body = response.stream()?;
        body.send(b"body").await?;
        body.finish().await
    });
    assert_eq!(text, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
    let (text, _) = sends(head, async |_, response| response.stream_of(9)?.finish().await);
    assert_eq!(text, "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n");
    let (text, _) = sends(head, async |_, _| Err(Failure::Refused(404, "nothing here")));
    assert!(text.starts_with("HTTP/1.1 404 Not Found\r\nContent-Length: 13\r\n"), "{text}");
    assert!(text.ends_with("\r\n\r\n"), "{text}");
}

/// RFC 9112 7.1.
#[test]
fn a_body_of_unknown_length_comes_in_chunks() {
    let handler = async |_: Request<'_, Fake>, response: Response<'_, Fake>| {
        let mut body = response.header("X", "y").stream()?;
        body.send(b"").await?;
        body.send(b"0123456789").await?;
        body.send(b"").await?;
        body.send((*b"a", [b'b'; 16])).await?;
        body.finish().await
    };
    let (text, ended) = sends(GET, async |request, response| handler(request, response).await);
    assert_eq!(
        text,
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nX: y\r\n\r\n\
         a\r\n0123456789\r\n11\r\nabbbbbbbbbbbbbbbb\r\n0\r\n\r\n"
    );
    assert_eq!(ended, Ended::Shutdown);
    let old = b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\nGET / HTTP/1.0\r\n\r\n";
    let (text, ended) = sends(old, async |request, response| handler(request, response).await);
    assert_eq!(
        text,
        "HTTP/1.1 200 OK\r\nConnection: close\r\nX: y\r\n\r\n0123456789abbbbbbbbbbbbbbbb"
    );
    assert_eq!(ended, Ended::Shutdown);
    let (text, _) = sends(GET, async |_, response| response.stream()?.finish().await);
    assert_eq!(text, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n");
}

#[test]
fn a_body_of_known_length_has_it() {
    let send = |pieces: &'static [&'static [u8]]| {
        sends(GET, async |_, response| {
            let mut body = response.stream_of(4)?;
            for piece in pieces {
                body.send(*piece).await?;
            }
            body.finish().await
        })
    };
    let head = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n";
    assert_eq!(send(&[b"ab", b"cd"]), (format!("{head}abcd"), Ended::Shutdown));
    // Neither less nor more, and the client learns that it is not all.
    assert_eq!(send(&[b"abc"]), (format!("{head}abc"), Ended::Aborted));
    assert_eq!(send(&[b"ab", b"cde"]), (format!("{head}ab"), Ended::Aborted));
}

#[test]
fn a_response_that_is_not_finished_breaks_the_connection() {
    let two = GET.repeat(2);
    let (text, ended) = sends(&two, async |_, response| {
        response.stream()?.send(b"a").await?;
        Err(Failure::Refused(500, "too late"))
    });
    assert!(text.ends_with("\r\n\r\n1\r\na\r\n"), "{text}");
    assert_eq!(ended, Ended::Aborted);
}

/// What was made was not sent yet.
#[test]
fn a_response_of_which_nothing_was_sent_gives_way_to_the_failure() {
    let input = b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n";
    let (text, ended) = sends(input, async |request, response| {
        let mut body = response.stream()?;
        body.send(request.read_all(10).await?).await?;
        body.finish().await
    });
    assert!(text.starts_with("HTTP/1.1 400 Bad Request\r\n"), "{text}");
    assert_eq!(ended, Ended::Shutdown);
}

/// A value that a client has chosen cannot begin another header or another response.
#[test]
fn headers_that_are_not_valid_are_not_sent() {
    for (name, value) in [
        ("X", "a\r\nSet-Cookie: b"),
        ("X", "a\nb"),
        ("X", "a\r"),
        ("X", "\0"),
        ("X", "\x7f"),
        ("X\r\nY", "a"),
        ("X Y", "a"),
        ("X:", "a"),
        ("", "a"),
        ("Content-Length", "3"),
        ("transfer-encoding", "chunked"),
        ("Connection", "close"),
        ("Date", "now"),
    ] {
        let (text, ended) = sends(&GET.repeat(2), async |_, response| {
            response
                .header("Before", "a")
                .header(name, value)
                .header("After", "a")
                .send(b"body")
                .await
        });
        assert_eq!(text.matches("HTTP/1.1 500 Internal Server Error\r\n").count(), 2, "{text}");
        assert!(text.contains("the service has a header that is not valid\n"), "{text}");
        assert_eq!(ended, Ended::Shutdown);
    }
    for status in [0, 100, 199, 600, 65_535] {
        let (text, _) = sends(GET, async |_, response| response.status(status).send(b"").await);
        assert!(text.starts_with("HTTP/1.1 500 "), "{text}");
    }
    let (text, _) =
        sends(GET, async |_, response| response.header("X", "\t\u{fc} ~").send(b"").await);
    assert!(text.contains("\r\nX: \t\u{fc} ~\r\n"), "{text}");
}

#[test]
fn failures_are_told_in_a_line() {
    let (text, ended) = sends(&GET.repeat(2), async |_, _| Err(Failure::Refused(418, "only tea")));
    let one = "HTTP/1.1 418 \r\nContent-Length: 9\r\nContent-Type: text/plain; charset=utf-8\r\n\r\nonly tea\n";
    assert_eq!((text, ended), (one.repeat(2), Ended::Shutdown));
    let (text, _) = sends(GET, async |_, _| Err(Failure::Refused(200, "not an error")));
    assert!(text.starts_with("HTTP/1.1 500 "), "{text}");
    let allowed = Methods::NONE.and(Method::Get).and(Method::Delete);
    let (text, _) = sends(GET, async move |_, _| Err(Failure::NotAllowed(allowed)));
    assert!(text.starts_with("HTTP/1.1 405 Method Not Allowed\r\n"), "{text}");
    assert!(text.contains("\r\nAllow: GET, HEAD, DELETE\r\n"), "{text}");
    let (text, ended) = sends(GET, async |_, _| Err(Failure::Gone));
    assert_eq!((&*text, ended), ("", Ended::Aborted));
}

#[test]
fn a_handler_can_end_the_connection() {
    let (text, _) = sends(&GET.repeat(2), async |_, response| response.close().send(b"").await);
    assert_eq!(text, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
}

/// RFC 9110 6.6.1.
#[test]
fn a_server_has_a_date_if_it_has_a_clock() {
    let time = Cell::new(None);
    let wall = || time.get();
    let clock = Clock::new(&wall);
    let config = Config::new().with_clock(&clock);
    let date = |input: &[u8]| {
        let fake = Fake::pieces(input, input.len());
        serve_with(&fake, &config, async |_, response| response.send(b"").await);
        fake.text().lines().find_map(|line| line.strip_prefix("Date: ")).map(str::to_owned)
    };
    assert_eq!(date(GET), None);
    time.set(Some(Duration::from_secs(784_111_777)));
    assert_eq!(date(GET).as_deref(), Some("Sun, 06 Nov 1994 08:49:37 GMT"));
    assert_eq!(date(b"GET\r\n\r\n").as_deref(), Some("Sun, 06 Nov 1994 08:49:37 GMT"));
}

#[derive(Clone, Copy, Debug)]
enum Page {
    Home,
    Number,
    Pair,
}

const ROUTES: &[Route<Page>] = &[
    Route::get("/", Page::Home),
    Route::get("/number/{n}", Page::Number),
    Route::put("/number/{n}", Page::Number),
    Route::delete("/number/{n}", Page::Number),
    Route::post("/{a}/to/{b}", Page::Pair),
];

#[test]
fn routes_find_methods_and_paths() {
    for (line, expected) in [
        ("GET /", "200 Home [\"\", \"\"]"),
        ("HEAD /", "200 "),
        ("GET /?a", "200 Home [\"\", \"\"]"),
        ("GET /number/7?a", "200 Number [\"7\", \"\"]"),
        ("PUT /number/7", "200 Number [\"7\", \"\"]"),
        ("POST /x/to/y", "200 Pair [\"x\", \"y\"]"),
        ("GET /number/", "404 "),
        ("GET /none", "404 "),
        ("POST /none", "404 "),
        ("POST /", "405 GET, HEAD"),
        ("POST /number/7", "405 GET, HEAD, PUT, DELETE"),
        ("OPTIONS /", "405 GET, HEAD"),
        ("BREW /", "501 "),
        ("BREW /none", "501 "),
    ] {
        let input = format!("{line} HTTP/1.1\r\nHost: h\r\n\r\n");
        let (text, _) = sends(input.as_bytes(), async |request, response| {
            let (page, parameters) = request.route(ROUTES)?;
            let seen = request.region().format(format_args!("{page:?} {parameters:?}"))?;
            response.send(seen.as_bytes()).await
        });
        let allow = text.lines().find_map(|line| line.strip_prefix("Allow: ")).unwrap_or("");
        let seen = text.split_once("\r\n\r\n").map_or("", |(_, body)| body);
        let seen = if text.starts_with("HTTP/1.1 200") { seen } else { allow };
        assert_eq!(format!("{} {seen}", &text[9..12]), expected, "{line}");
    }
}
