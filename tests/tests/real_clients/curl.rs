//! curl.

use std::fs;

use super::bed::{
    CURL, Said, URL, client, feed, folder, pattern, run, site, succeed, sum, with_web,
};

fn curl(args: &[&str]) -> Said {
    succeed(client(&CURL).args(["--silent", "--show-error", "--max-time", "60"]).args(args))
}

/// The path of a URL.
fn at(path: &str) -> String {
    format!("{URL}{path}")
}

pub(crate) fn one_connection_for_many_requests() {
    with_web(&[CURL], &[], |_| {
        let said = curl(&["-w", "%{stderr}%{num_connects} %{http_code}\n", &at("/fib/[0-99]")]);
        let lines: Vec<_> = said.err.lines().collect();
        assert_eq!((lines.len(), lines[0]), (100, "1 200"), "{}", said.err);
        assert!(lines[1..].iter().all(|line| *line == "0 200"), "{}", said.err);
        let text = String::from_utf8(said.bytes).expect("it is JSON");
        let (mut a, mut b) = (0_u128, 1_u128);
        for (n, line) in text.lines().enumerate() {
            assert_eq!(line, format!("{{\"n\": {n}, \"fibonacci\": \"{a}\"}}"));
            (a, b) = (b, a + b);
        }
    });
}

pub(crate) fn many_connections_at_once() {
    with_web(&[CURL], &[], |_| {
        let (args, url) = (["--parallel", "--parallel-max", "50"], at("/bytes/[100001-100200]"));
        let said = curl(&[&args[..], &["-w", "%{stderr}<%{http_code}>", &url]].concat());
        // Between them it says how far it is.
        assert_eq!(said.err.matches("<200>").count(), 200, "{}", said.err);
        assert_eq!(said.bytes.len(), (100_001..=100_200).sum::<usize>());
    });
}

pub(crate) fn a_body_in_chunks() {
    with_web(&[CURL], &[], |_| {
        let body = pattern(5_000_000);
        let mut command = client(&CURL);
        command.args(["-sS", "-H", "Transfer-Encoding: chunked", "--data-binary", "@-"]);
        let said = feed(command.arg(at("/sum")), &body);
        assert_eq!(said.out(), sum(&body), "{}", said.err);
    });
}

/// RFC 9110 10.1.1.
pub(crate) fn a_body_that_waits_until_it_is_wanted() {
    with_web(&[CURL], &[], |_| {
        let (folder, body) = (folder(), pattern(3_000_000));
        let file = folder.path().join("body");
        fs::write(&file, &body).expect("it can be written");
        let data = format!("@{}", file.display());
        let args = ["-v", "-H", "Expect: 100-continue", "--expect100-timeout", "30"];
        let sizes = "%{size_upload} %{http_code} ";
        let post = ["-w", sizes, "--data-binary", &data];
        let said = curl(&[&args[..], &post, &[&at("/sum")]].concat());
        assert!(said.err.contains("< HTTP/1.1 100 Continue"), "{}", said.err);
        assert_eq!(said.out(), format!("{}{} 200 ", sum(&body), body.len()));
        // Of a body that is too large nothing is sent.
        let said = curl(&[&args[..], &post, &[&at("/sort")]].concat());
        assert!(!said.err.contains("100 Continue"), "{}", said.err);
        assert!(said.out().ends_with("0 413 "), "{}", said.out());
    });
}

/// RFC 9110 9.3.2: what GET would say, without the body, and the connection goes on.
pub(crate) fn heads_alone() {
    with_web(&[CURL], &[], |_| {
        let (index, large) = (at("/"), at("/bytes/1000000000"));
        let codes = "%{stderr}%{num_connects} %{http_code} ";
        let said = curl(&["--head", "-w", codes, &index, &large, &at("/nothing"), &index]);
        assert_eq!(said.err, "1 200 0 200 0 404 0 200 ");
        let length = |count: usize| format!("Content-Length: {count}\r\n");
        let text = said.out();
        assert_eq!(text.matches(&length(site()["index.html"].len())).count(), 2, "{text}");
        assert!(text.contains(&length(1_000_000_000)), "{text}");
    });
}

/// RFC 9110 14.
pub(crate) fn parts_of_files() {
    with_web(&[CURL], &[], |_| {
        let style = &site()["style.css"];
        let url = at("/style.css");
        for (range, expected) in [
            ("100-199", &style[100..200]),
            ("-50", &style[style.len() - 50..]),
            ("1000-", &style[1000..]),
        ] {
            let said = curl(&["-w", "%{stderr}%{http_code}", "--range", range, &url]);
            assert_eq!((&*said.err, &said.bytes[..]), ("206", expected), "{range}");
        }
        let said = curl(&["-w", "%{stderr}%{http_code}", "--range", "9999999-", &url]);
        assert_eq!(said.err, "416");
        // Several ranges may be answered with the whole.
        let said = curl(&["-w", "%{stderr}%{http_code}", "--range", "0-9,20-29", &url]);
        assert_eq!((&*said.err, &said.bytes), ("200", style));
        // A download that was broken off goes on where it was.
        let folder = folder();
        let file = folder.path().join("style.css");
        fs::write(&file, &style[..1234]).expect("it can be written");
        let path = file.display().to_string();
        curl(&["--continue-at", "-", "--output", &path, &url]);
        assert_eq!(&fs::read(&file).expect("it is there"), style);
    });
}

/// RFC 9110 13.
pub(crate) fn what_has_not_changed() {
    with_web(&[CURL], &[], |_| {
        let (folder, url) = (folder(), at("/try.js"));
        let tag = folder.path().join("tag").display().to_string();
        let said = curl(&["--etag-save", &tag, &url]);
        assert_eq!(said.bytes, site()["try.js"]);
        let said = curl(&["--etag-compare", &tag, "-w", "%{stderr}%{http_code}", &url]);
        assert_eq!((&*said.err, said.bytes.len()), ("304", 0));
    });
}

pub(crate) fn the_version_before() {
    with_web(&[CURL], &[], |_| {
        let url = at("/hello");
        let codes = "%{stderr}%{num_connects} %{http_code} ";
        let said = curl(&["--http1.0", "-w", codes, &url, &url]);
        assert_eq!((&*said.err, &*said.out()), ("1 200 1 200 ", "hello, world\nhello, world\n"));
        let kept = ["--http1.0", "-H", "Connection: keep-alive", "-w", codes];
        let said = curl(&[&kept[..], &[&url, &url]].concat());
        assert_eq!((&*said.err, &*said.out()), ("1 200 0 200 ", "hello, world\nhello, world\n"));
        // Of unknown length, it would end with the connection; of known length, it is as long as it says.
        let said = curl(&["--http1.0", &at("/bytes/300000")]);
        assert_eq!(said.bytes, pattern(300_000));
    });
}

/// A client that would take it compressed gets it as it is (RFC 9110 12.5.3); one that sends what is compressed is told
/// that it is no array.
pub(crate) fn nothing_is_compressed() {
    with_web(&[CURL], &[], |_| {
        let said = curl(&["--compressed", "-D", "/dev/stderr", &at("/tower.html")]);
        assert_eq!(said.bytes, site()["tower.html"]);
        assert!(!said.err.to_lowercase().contains("content-encoding"), "{}", said.err);
        let gzip = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3, 0x8b, 0x8e, 5, 0, 0xb5, 0x4f, 0x39, 0x29];
        let mut command = client(&CURL);
        command.args(["-sS", "-H", "Content-Encoding: gzip", "-w", "%{http_code}"]);
        let said = feed(command.args(["--data-binary", "@-", &at("/sort")]), &gzip);
        assert!(said.out().contains("expected an array") && said.out().ends_with("400"));
        // What is no HTTP at all is refused, and the next one served.
        let said = run(client(&CURL).args(["-sS", "--http2-prior-knowledge", &at("/hello")]));
        assert_ne!(said.status, Some(0));
        assert_eq!(curl(&[&at("/hello")]).out(), "hello, world\n");
    });
}
