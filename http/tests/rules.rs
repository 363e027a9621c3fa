//! What a server must do with a request, rule by rule of RFC 9112 and RFC 9110.

mod common;

use common::{Ended, Event, Fake, serve_with};
use http::{Config, Method};

const GET: &str = "GET / HTTP/1.1\r\nHost: h\r\n\r\n";

/// Serves `input`, and returns the statuses of the responses, the whole output, and how the connection ended.
fn serve(input: &str) -> (Vec<u16>, String, Ended) {
    let fake = Fake::pieces(input.as_bytes(), input.len());
    serve_with(&fake, &Config::new(), async |request, response| {
        let body = request.read_all(1_000).await?;
        let seen = request.region().format(format_args!(
            "[{} {} {:?} {} {}]",
            request.method_name(),
            request.path(),
            request.query(),
            request.host(),
            String::from_utf8_lossy(body)
        ))?;
        response.send(seen.as_bytes()).await
    });
    let output = fake.text();
    // A text may have the words "HTTP/1.1 and".
    let status = |text: &str| text.get(..3)?.parse().ok();
    let statuses = output.split("HTTP/1.1 ").filter_map(status).collect();
    (statuses, output, fake.ended.get())
}

fn statuses(input: &str) -> Vec<u16> {
    serve(input).0
}

/// The status of one request with this first line, and what the handler saw.
fn line(line: &str) -> (u16, String) {
    let (statuses, output, _) = serve(&format!("{line}\r\nHost: h\r\n\r\n"));
    assert_eq!(statuses.len(), 1, "{line}: {output}");
    let seen = output.split_once("\r\n\r\n").map_or("", |(_, body)| body);
    (statuses[0], seen.trim().into())
}

/// RFC 9112 3.
#[test]
fn the_request_line_has_one_form() {
    for (input, status) in [
        ("GET / HTTP/1.1", 200),
        ("GET / HTTP/1.0", 200),
        ("M-SEARCH / HTTP/1.1", 200),
        ("GET  / HTTP/1.1", 400),
        ("GET /  HTTP/1.1", 400),
        ("GET\t/ HTTP/1.1", 400),
        ("GET / HTTP/1.1 ", 400),
        ("GET /", 400),
        ("GET", 400),
        ("GET / http/1.1", 400),
        ("GET / HTTP/1.1x", 400),
        ("GET / HTTP/01.1", 400),
        ("GET /a b HTTP/1.1", 400),
        ("G(T / HTTP/1.1", 400),
        ("GET /\0 HTTP/1.1", 400),
        ("GET /\u{e9} HTTP/1.1", 400),
        ("GET /#part HTTP/1.1", 400),
        // RFC 9110 15.6.6.
        ("GET / HTTP/2.0", 505),
        ("GET / HTTP/0.9", 505),
        ("GET / HTTP/1.2", 505),
    ] {
        assert_eq!(line(input).0, status, "{input:?}");
    }
}

/// RFC 9112 3.2.
#[test]
fn a_target_has_four_forms() {
    for (input, seen) in [
        ("GET /a/b?c=d?e HTTP/1.1", r#"[GET /a/b Some("c=d?e") h ]"#),
        ("GET /? HTTP/1.1", r#"[GET / Some("") h ]"#),
        ("GET //a HTTP/1.1", "[GET //a None h ]"),
        ("GET http://o:8/a?b HTTP/1.1", r#"[GET /a Some("b") o:8 ]"#),
        ("GET HTTPS://o HTTP/1.1", "[GET / None o ]"),
        ("GET http://o?b HTTP/1.1", r#"[GET / Some("b") o ]"#),
        ("OPTIONS * HTTP/1.1", "[OPTIONS * None h ]"),
    ] {
        assert_eq!(line(input), (200, seen.into()), "{input}");
    }
    for (input, status) in [
        ("GET * HTTP/1.1", 400),
        ("GET a HTTP/1.1", 400),
        ("GET ftp://o/ HTTP/1.1", 400),
        ("GET http:/a HTTP/1.1", 400),
        // RFC 9110 4.2.1, 4.2.4.
        ("GET http:///a HTTP/1.1", 400),
        ("GET http://user@o/ HTTP/1.1", 400),
        ("CONNECT o:80 HTTP/1.1", 501),
    ] {
        assert_eq!(line(input).0, status, "{input}");
    }
}

/// RFC 9112 3.2, RFC 9110 7.2.
#[test]
fn the_host_is_there_once_and_valid() {
    for (headers, status) in [
        ("Host: example.org", 200),
        ("host:[2001:db8::1]:8080", 200),
        ("Host:", 200),
        ("X: y", 400),
        ("Host: a\r\nHost: a", 400),
        ("Host: a\r\nHOST: b", 400),
        ("Host: a b", 400),
        ("Host: a/b", 400),
        ("Host: a@b", 400),
        ("Host: a\u{e9}", 400),
    ] {
        assert_eq!(
            statuses(&format!("GET / HTTP/1.1\r\n{headers}\r\n\r\n")),
            [status],
            "{headers}"
        );
    }
    assert_eq!(statuses("GET / HTTP/1.0\r\n\r\n"), [200]);
    assert_eq!(statuses("GET http://o/ HTTP/1.1\r\n\r\n"), [400]);
}

/// RFC 9112 2.2.
#[test]
fn empty_lines_before_a_request_are_passed_over() {
    let request = "GET / HTTP/1.1\r\nHost: h\r\n\r\n";
    assert_eq!(statuses(&format!("\r\n\r\n{request}\r\n{request}")), [200, 200]);
    assert_eq!(statuses("\r\n"), [0; 0]);
    assert_eq!(statuses(""), [0; 0]);
}

/// RFC 9112 9.3, 9.6.
#[test]
fn a_connection_goes_on_or_ends() {
    for (version, connection, goes_on, said) in [
        ("1.1", "X: y", true, ""),
        ("1.1", "Connection: keep-alive", true, ""),
        ("1.1", "Connection: close", false, "Connection: close"),
        ("1.1", "Connection: x, Close", false, "Connection: close"),
        ("1.0", "X: y", false, "Connection: close"),
        ("1.0", "Connection: Keep-Alive", true, "Connection: keep-alive"),
        ("1.0", "Connection: Keep-Alive, close", false, "Connection: close"),
    ] {
        let request = format!("GET / HTTP/{version}\r\nHost: h\r\n{connection}\r\n\r\n");
        let (statuses, output, ended) = serve(&request.repeat(2));
        assert_eq!(statuses.len(), if goes_on { 2 } else { 1 }, "{request}");
        assert_eq!(output.contains("\r\nConnection: "), !said.is_empty(), "{output}");
        assert!(output.contains(said), "{output}");
        assert_eq!(ended, Ended::Shutdown);
    }
}

/// RFC 9110 10.1.1.
#[test]
fn a_client_that_waits_is_told_to_go_on_when_its_body_is_read() {
    let head = "POST / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n";
    let handlers_read = |reads: bool, input: &str| {
        let fake = Fake::pieces(input.as_bytes(), input.len());
        serve_with(&fake, &Config::new(), async |request, response| {
            if reads {
                request.read_all(10).await?;
            }
            response.send(b"!").await
        });
        fake.text()
    };
    let output = handlers_read(true, &format!("{head}xyGET / HTTP/1.1\r\nHost: h\r\n\r\n"));
    let expected = "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n!";
    assert!(output.starts_with(expected), "{output}");
    assert_eq!(output.matches("200 OK").count(), 2, "{output}");

    // Nobody knows whether what follows is the body or the next request.
    let output = handlers_read(false, &format!("{head}GET / HTTP/1.1\r\nHost: h\r\n\r\n"));
    assert_eq!(output, "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nConnection: close\r\n\r\n!");

    // A response in pieces is begun before the body is read; its head has not been sent then.
    let fake = Fake::pieces(format!("{head}xy{GET}").as_bytes(), 10);
    serve_with(&fake, &Config::new(), async |request, response| {
        let mut body = response.stream()?;
        body.send(request.read_all(10).await?).await?;
        body.finish().await
    });
    let expected = "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nxy\r\n0";
    assert!(fake.text().starts_with(expected), "{}", fake.text());
    assert_eq!(fake.text().matches("200 OK").count(), 2);
    // Here it has been.
    let fake = Fake::pieces(format!("{head}{GET}").as_bytes(), 10);
    serve_with(&fake, &Config::new(), async |_, response| {
        let mut body = response.stream()?;
        body.send(b"!").await?;
        body.finish().await
    });
    assert_eq!(fake.text().matches("HTTP/1.1 ").count(), 1, "{}", fake.text());

    // HTTP/1.0 has no such status, and there is nothing to wait for without a body.
    for input in [
        "POST / HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\nx",
        "GET / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\n\r\n",
    ] {
        assert!(!handlers_read(true, input).contains("100 Continue"), "{input}");
    }
    assert_eq!(statuses("GET / HTTP/1.1\r\nHost: h\r\nExpect: tea\r\n\r\n"), [417]);
}

/// RFC 9112 6.3, 9.3.2.
#[test]
fn a_body_that_the_handler_does_not_read_is_passed_over() {
    let next = "GET / HTTP/1.1\r\nHost: h\r\n\r\n";
    for body in [
        "Content-Length: 70\r\n\r\n".to_owned()
            + &"GET /smuggled HTTP/1.1\r\nHost: h\r\n\r\n".repeat(2),
        "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n".to_owned(),
    ] {
        let input = format!("POST / HTTP/1.1\r\nHost: h\r\n{body}{next}");
        let fake = Fake::pieces(input.as_bytes(), 11);
        serve_with(&fake, &Config::new(), async |request, response| {
            response.send(request.target().as_bytes()).await
        });
        let output = fake.text();
        assert_eq!(output.matches("200 OK").count(), 2, "{output}");
        assert!(!output.contains("smuggled"), "{output}");
    }
    // Too much to read for nothing: the client is told at once.
    let input = format!("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 100000\r\n\r\n{next}");
    let fake = Fake::new([Event::Bytes(input.into()), Event::End]);
    serve_with(&fake, &Config::new(), async |_, response| response.send(b"").await);
    assert_eq!(fake.text(), "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
}

/// RFC 9112 8.
#[test]
fn what_is_not_whole_is_no_request() {
    for input in [
        "GET / HTTP/1.1\r\nHost: h\r\n",
        "GET / HT",
        "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhell",
        "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
    ] {
        let (statuses, output, _) = serve(input);
        assert_eq!(statuses, [400], "{input}");
        assert!(output.contains("ends"), "{output}");
    }
}

/// The first bytes of TLS, of SSH and of a database are answered at once, and not after a timeout.
#[test]
fn other_protocols_are_refused_at_their_first_byte() {
    for input in
        [&b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"[..], b"\0\0\0\x08\x04\xd2\x16\x2f"]
    {
        let fake = Fake::new([Event::Bytes(input.into()), Event::End]);
        serve_with(&fake, &Config::new(), async |_, response| response.send(b"").await);
        assert!(fake.text().starts_with("HTTP/1.1 400 "), "{input:?}");
    }
}

/// RFC 9110 5.1, 5.5.
#[test]
fn headers_are_found_whatever_their_case() {
    let input = b"GET /?a=1&b&c=%20 HTTP/1.1\r\nHost: h\r\nX-One: 1\r\nx-list: a ,B\r\nX-LIST:c\r\nX-Bytes: \xff\r\n\r\n";
    let fake = Fake::pieces(input, 7);
    serve_with(&fake, &Config::new(), async |request, response| {
        assert_eq!(request.header("x-ONE"), Some("1"));
        assert_eq!(request.header("X-Two"), None);
        let headers = request.headers();
        assert!(headers.lists("x-list", "b") && headers.lists("X-List", "C"));
        assert!(!headers.lists("x-list", "d"));
        assert_eq!(headers.all("X-List").collect::<Vec<_>>(), [&b"a ,B"[..], b"c"]);
        assert_eq!((headers.text("X-Bytes"), headers.get("X-Bytes")), (None, Some(&b"\xff"[..])));
        assert_eq!((headers.len(), headers.iter().count()), (5, 5));
        assert_eq!(
            ["a", "b", "c", "d"].map(|name| request.parameter(name)),
            [Some("1"), Some(""), Some("%20"), None]
        );
        assert_eq!((request.method(), request.minor_version()), (Method::Get, 1));
        assert_eq!(request.peer().port(), 50_000);
        response.send(b"").await
    });
    assert!(fake.text().starts_with("HTTP/1.1 200 OK"));
}
