//! Files of a table, as browsers and caches ask for them (RFC 9110 13, 14).

mod common;

use common::{Fake, serve_with};
use http::{Config, File};

const FILES: &[File] = &[
    File::new("/index.html", b"<!DOCTYPE html><title>Hello</title>"),
    File::new("/data.bin", &[7; 70_000]).with_cache_control("max-age=60"),
    File::new("/note", b"0123456789").with_media_type("text/plain"),
];

/// The head and the body of the response to a request with this first line and these headers.
fn get(line: &str, headers: &str) -> (String, String) {
    let input = format!("{line} HTTP/1.1\r\nHost: h\r\n{headers}\r\n");
    let fake = Fake::pieces(input.as_bytes(), input.len());
    serve_with(&fake, &Config::new(), async |request, response| {
        http::files(FILES, request, response).await
    });
    let text = fake.text();
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    (head.into(), body.into())
}

#[test]
fn a_file_comes_whole_with_what_caches_need() {
    let (head, body) = get("GET /index.html", "");
    let etag = FILES[0].etag();
    assert_eq!(
        head,
        format!(
            "HTTP/1.1 200 OK\r\nContent-Length: 35\r\nETag: {etag}\r\nCache-Control: no-cache\r\n\
             Accept-Ranges: bytes\r\nContent-Type: text/html; charset=utf-8"
        )
    );
    assert_eq!(body.as_bytes(), FILES[0].bytes());
    assert_eq!(get("GET /", ""), (head.clone(), body));
    assert_eq!(get("HEAD /?x", ""), (head, "".into()));
    let (head, body) = get("GET /data.bin", "");
    assert!(head.contains("Cache-Control: max-age=60\r\n"), "{head}");
    assert!(head.ends_with("Content-Type: application/octet-stream"), "{head}");
    assert_eq!(body.len(), 70_000);
}

#[test]
fn a_file_that_has_not_changed_is_not_sent_again() {
    let etag = FILES[0].etag();
    for (header, status) in [
        (format!("If-None-Match: {etag}\r\n"), "304 Not Modified"),
        (format!("If-None-Match: \"a\", W/{etag}\r\n"), "304 Not Modified"),
        ("If-None-Match: \"a\"\r\n".into(), "200 OK"),
        (format!("If-None-Match: {etag}\r\nRange: bytes=0-1\r\n"), "304 Not Modified"),
        (format!("If-Match: {etag}\r\n"), "200 OK"),
        ("If-Match: \"a\"\r\n".into(), "412 Precondition Failed"),
    ] {
        let (head, body) = get("GET /", &header);
        assert!(head.starts_with(&format!("HTTP/1.1 {status}\r\n")), "{header}: {head}");
        assert!(head.contains(&format!("ETag: {etag}\r\n")), "{head}");
        assert_eq!(body.is_empty(), status != "200 OK");
    }
    let (head, _) = get("GET /", &format!("If-None-Match: {etag}\r\n"));
    assert!(!head.contains("Content-Length"), "{head}");
}

#[test]
fn a_part_of_a_file_is_sent() {
    let etag = FILES[2].etag();
    for (headers, status, content_range, expected) in [
        ("Range: bytes=0-0\r\n".into(), 206, "bytes 0-0/10", "0"),
        ("Range: bytes=3-5\r\n".into(), 206, "bytes 3-5/10", "345"),
        ("Range: bytes=8-\r\n".into(), 206, "bytes 8-9/10", "89"),
        ("Range: bytes=-3\r\n".into(), 206, "bytes 7-9/10", "789"),
        (format!("Range: bytes=1-1\r\nIf-Range: {etag}\r\n"), 206, "bytes 1-1/10", "1"),
        ("Range: bytes=1-1\r\nIf-Range: \"a\"\r\n".into(), 200, "", "0123456789"),
        ("Range: bytes=0-1,3-4\r\n".into(), 200, "", "0123456789"),
        ("Range: bytes=10-\r\n".into(), 416, "bytes */10", ""),
    ] {
        let (head, body) = get("GET /note", &headers);
        let found =
            head.lines().find_map(|line| line.strip_prefix("Content-Range: ")).unwrap_or("");
        assert_eq!((&head[9..12], found), (&*status.to_string(), content_range), "{headers}");
        assert!(head.contains(&format!("Content-Length: {}\r\n", expected.len())), "{head}");
        assert_eq!(body, expected);
    }
    // RFC 9110 14.2: only for GET.
    assert!(get("HEAD /note", "Range: bytes=0-0\r\n").0.contains("Content-Length: 10\r\n"));
}

#[test]
fn what_is_not_there_and_what_cannot_be_done_is_told() {
    assert!(get("GET /none", "").0.starts_with("HTTP/1.1 404 Not Found\r\n"));
    assert!(get("GET /../etc/passwd", "").0.starts_with("HTTP/1.1 404 "));
    let (head, _) = get("DELETE /note", "");
    assert!(
        head.starts_with("HTTP/1.1 405 ") && head.contains("\r\nAllow: GET, HEAD\r\n"),
        "{head}"
    );
}
