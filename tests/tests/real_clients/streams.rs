//! Streams of bytes both ways: `nc` and `socat`.

use lab::tools::Tool;

use super::bed::{ADDRESS, PORT, client, feed, pattern, tool, with_echo, with_web};

const NETCAT: Tool = tool("nc", "netcat-openbsd");
const SOCAT: Tool = tool("socat", "socat");

/// It shuts its side down at the end of its input (`-N`), and hears the rest.
pub(crate) fn netcat_says_when_it_has_said_all() {
    with_echo(&[NETCAT], |_| {
        for length in [0, 1, 100_000, 10_000_000] {
            let bytes = pattern(length);
            let mut command = client(&NETCAT);
            let said = feed(command.args(["-N", ADDRESS, &PORT.to_string()]), &bytes);
            assert_eq!(said.status, Some(0), "{}", said.err);
            assert!(said.bytes == bytes, "{} of {length} bytes came back", said.bytes.len());
        }
    });
}

/// Pipelining (RFC 9112 9.3.2): all answers come, in the order of the requests; the last one says that it is the last.
pub(crate) fn netcat_asks_all_at_once() {
    with_web(&[NETCAT], &[], |_| {
        let mut text = String::new();
        for n in 0..90 {
            text += &format!("GET /fib/{n} HTTP/1.1\r\nHost: a\r\n\r\n");
            text += &format!("POST /sum HTTP/1.1\r\nHost: a\r\nContent-Length: {n}\r\n\r\n");
            text += &"x".repeat(n);
        }
        text += "GET /hello HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
        let mut command = client(&NETCAT);
        let said = feed(command.args([ADDRESS, &PORT.to_string()]), text.as_bytes());
        let replies = String::from_utf8(said.bytes).expect("it is text");
        assert_eq!(replies.matches("HTTP/1.1 200 OK\r\n").count(), 181, "{replies}");
        let places: Vec<_> = (0..90)
            .flat_map(|n| [format!("{{\"n\": {n}, "), format!("{{\"bytes\": {n}, ")])
            .map(|part| replies.find(&part).unwrap_or_else(|| panic!("no {part} in {replies}")))
            .collect();
        assert!(places.is_sorted(), "{replies}");
        assert!(replies.ends_with("\r\n\r\nhello, world\n"), "{replies}");
    });
}

/// A long stream both ways at once.
pub(crate) fn socat_both_ways() {
    with_echo(&[SOCAT], |_| {
        let bytes = pattern(50_000_000);
        let mut command = client(&SOCAT);
        command.args(["-t", "60", "-b", "65536", "-", &format!("TCP4:{ADDRESS}:{PORT}")]);
        let said = feed(&mut command, &bytes);
        assert_eq!((said.status, &*said.err), (Some(0), ""));
        assert!(said.bytes == bytes, "{} bytes came back", said.bytes.len());
    });
}
