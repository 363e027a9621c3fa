//! Requests that another reader would cut at another place. None of them reaches a handler, and none leaves the connection
//! open: what follows is not read as a request (RFC 9112 11.2).

mod common;

use std::cell::RefCell;

use common::{Ended, Fake, serve_with};
use http::Config;

/// What follows each attempt, hidden in it or after it.
const HIDDEN: &str = "GET /hidden HTTP/1.1\r\nHost: h\r\n\r\n";

/// Each attempt: what it relies on, its headers and what comes after the empty line, and the status it gets.
const ATTEMPTS: &[(&str, &str, &str, u16)] = &[
    ("CL.TE", "Content-Length: 6\r\nTransfer-Encoding: chunked", "0\r\n\r\nG", 400),
    ("TE.CL", "Transfer-Encoding: chunked\r\nContent-Length: 4", "5c\r\n", 400),
    (
        "CL.TE, names in other cases",
        "content-length: 6\r\ntRANSFER-eNCODING: chunked",
        "0\r\n\r\n",
        400,
    ),
    ("two lengths", "Content-Length: 0\r\nContent-Length: 34", "", 400),
    ("two equal lengths", "Content-Length: 34\r\nContent-Length: 34", "", 400),
    ("a list of lengths", "Content-Length: 0, 34", "", 400),
    ("a list of equal lengths", "Content-Length: 34, 34", "", 400),
    ("a sign", "Content-Length: +0", "", 400),
    ("a negative length", "Content-Length: -1", "", 400),
    ("a hexadecimal length", "Content-Length: 0x22", "", 400),
    ("a length with a point", "Content-Length: 34.0", "", 400),
    ("a length with a space inside", "Content-Length: 3 4", "", 400),
    ("a length of 2^64", "Content-Length: 18446744073709551616", "", 400),
    ("a length of 2^64 + 34", "Content-Length: 18446744073709551650", "", 400),
    ("an empty length", "Content-Length:", "", 400),
    ("a length in other digits", "Content-Length: \u{0663}", "", 400),
    ("a space before the colon", "Content-Length : 34", "", 400),
    ("a tab before the colon", "Transfer-Encoding\t: chunked", "0\r\n\r\n", 400),
    ("a line that begins with a space", "X: y\r\n Content-Length: 34", "", 400),
    ("a folded coding", "Transfer-Encoding:\r\n chunked", "0\r\n\r\n", 400),
    ("a folded length", "Content-Length: 3\r\n\t4", "", 400),
    ("a space before the first header", " Content-Length: 34", "", 400),
    ("a bare LF", "X: y\nContent-Length: 34", "", 400),
    ("a bare CR", "X: y\rContent-Length: 34", "", 400),
    ("CR CR LF", "X: y\r\r\nContent-Length: 34", "", 400),
    ("a NUL in a value", "X: \0\r\nContent-Length: 34", "", 400),
    ("a NUL in a name", "Content-Length\0: 34", "", 400),
    ("a header without a colon", "Content-Length\r\nX: y", "", 400),
    ("a header without a name", ": y", "", 400),
    ("a name in quotes", "\"Content-Length\": 34", "", 400),
    ("another coding", "Transfer-Encoding: identity", "", 400),
    ("a coding that begins like it", "Transfer-Encoding: chunkedx", "0\r\n\r\n", 400),
    ("a coding with a vertical tab", "Transfer-Encoding: \x0bchunked", "0\r\n\r\n", 400),
    ("a coding with a form feed", "Transfer-Encoding: chunked\x0c", "0\r\n\r\n", 400),
    ("a coding in quotes", "Transfer-Encoding: \"chunked\"", "0\r\n\r\n", 400),
    ("a coding with a parameter", "Transfer-Encoding: chunked;q=1", "0\r\n\r\n", 400),
    ("an empty coding", "Transfer-Encoding:", "", 400),
    ("an empty coding, and a length", "Transfer-Encoding:\r\nContent-Length: 34", "", 400),
    ("chunked twice", "Transfer-Encoding: chunked, chunked", "0\r\n\r\n", 400),
    (
        "chunked in two headers",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
        "0\r\n\r\n",
        400,
    ),
    (
        "chunked and another in two headers",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: x",
        "0\r\n\r\n",
        400,
    ),
    ("chunked is not the last", "Transfer-Encoding: chunked, identity", "0\r\n\r\n", 400),
    ("another before chunked", "Transfer-Encoding: gzip, chunked", "0\r\n\r\n", 501),
    ("a space in a chunk size", "Transfer-Encoding: chunked", " 22\r\n", 400),
    ("a space behind a chunk size", "Transfer-Encoding: chunked", "22 \r\n", 400),
    ("a chunk size of 0x", "Transfer-Encoding: chunked", "0x0\r\n\r\n", 400),
    ("a signed chunk size", "Transfer-Encoding: chunked", "+0\r\n\r\n", 400),
    ("an underscore in a chunk size", "Transfer-Encoding: chunked", "2_2\r\n", 400),
    ("a chunk size of 2^64", "Transfer-Encoding: chunked", "10000000000000000\r\n", 400),
    ("a chunk size of 2^64 + 0x22", "Transfer-Encoding: chunked", "10000000000000022\r\n", 400),
    ("a chunk size of 17 zeros", "Transfer-Encoding: chunked", "00000000000000000\r\n\r\n", 400),
    ("an empty chunk size", "Transfer-Encoding: chunked", "\r\n\r\n", 400),
    ("a chunk size that ends with LF", "Transfer-Encoding: chunked", "0\n\n", 400),
    ("a chunk size that ends with CR", "Transfer-Encoding: chunked", "0\r0\r\n\r\n", 400),
    ("a LF in an extension", "Transfer-Encoding: chunked", "1;\nx\r\n0\r\n\r\n", 400),
    ("a CR in an extension", "Transfer-Encoding: chunked", "1;\rx\r\n0\r\n\r\n", 400),
    ("a NUL in an extension", "Transfer-Encoding: chunked", "1;\0\r\nx\r\n0\r\n\r\n", 400),
    ("a chunk that ends with LF", "Transfer-Encoding: chunked", "1\r\nx\n0\r\n\r\n", 400),
    ("a chunk that is longer", "Transfer-Encoding: chunked", "1\r\nxy\r\n0\r\n\r\n", 400),
    (
        "a chunk that ends with two other bytes",
        "Transfer-Encoding: chunked",
        "1\r\nxyz0\r\n\r\n",
        400,
    ),
    ("a body that ends with LF", "Transfer-Encoding: chunked", "0\r\n\n", 400),
    ("a folded trailer", "Transfer-Encoding: chunked", "0\r\nX: y\r\n z\r\n\r\n", 400),
    ("a trailer that ends with LF", "Transfer-Encoding: chunked", "0\r\nX: y\n\r\n", 400),
    ("a trailer without a colon", "Transfer-Encoding: chunked", "0\r\nX\r\n\r\n", 400),
    ("two hosts", "Host: other", "", 400),
];

#[test]
fn no_attempt_reaches_a_handler_or_leaves_the_connection_open() {
    for (what, headers, body, status) in ATTEMPTS {
        let input = format!("POST / HTTP/1.1\r\nHost: h\r\n{headers}\r\n\r\n{body}{HIDDEN}");
        for size in [1, 2, 3, input.len()] {
            let fake = Fake::pieces(input.as_bytes(), size);
            let served = RefCell::new(Vec::new());
            serve_with(&fake, &Config::new(), async |request, response| {
                request.read_all(1_000).await?;
                served.borrow_mut().push(request.target().to_owned());
                response.send(b"").await
            });
            let output = fake.text();
            assert_eq!(*served.borrow(), [""; 0], "{what}");
            assert!(output.starts_with(&format!("HTTP/1.1 {status} ")), "{what}: {output}");
            assert_eq!(output.matches("HTTP/1.1 ").count(), 1, "{what}: {output}");
            assert!(output.contains("\r\nConnection: close\r\n"), "{what}: {output}");
            assert_eq!(fake.ended.get(), Ended::Shutdown, "{what}");
        }
    }
}

/// HTTP/1.0 has no `Transfer-Encoding` (RFC 9112 6.1).
#[test]
fn a_coding_of_another_version_is_refused() {
    let input = format!(
        "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\nConnection: keep-alive\r\n\r\n0\r\n\r\n{HIDDEN}"
    );
    let fake = Fake::pieces(input.as_bytes(), 9);
    serve_with(&fake, &Config::new(), async |_, response| response.send(b"").await);
    assert!(fake.text().starts_with("HTTP/1.1 400 "));
    assert_eq!(fake.text().matches("HTTP/1.1 ").count(), 1);
}

/// A handler that answers before it has read the body, or that reads only a part of it.
#[test]
fn a_broken_body_ends_the_connection_also_if_nobody_reads_it() {
    for read in [0, 3] {
        let input = format!(
            "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\nx\r\n{HIDDEN}"
        );
        let fake = Fake::pieces(input.as_bytes(), 5);
        serve_with(&fake, &Config::new(), async |request, response| {
            let mut buffer = [0; 3];
            let mut filled = 0;
            while filled < read {
                filled += request.read(&mut buffer[filled..read]).await?;
            }
            assert_eq!(buffer[..read], b"hel"[..read]);
            response.send(b"").await
        });
        assert_eq!(fake.text().matches("HTTP/1.1 ").count(), 1, "{}", fake.text());
        assert_eq!(fake.ended.get(), Ended::Shutdown);
    }
}
