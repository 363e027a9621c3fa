//! What clients send to an HTTP server, sound and not.

/// By name; each begins with the size of the pieces in which it comes.
pub(super) fn seeds() -> Vec<(&'static str, Vec<u8>)> {
    let seeds: [(_, &[u8]); 17] = [
        ("get", b"\x20GET / HTTP/1.1\r\nHost: h\r\n\r\n"),
        ("get_by_byte", b"\0GET /a?b HTTP/1.1\r\nHost: h\r\nX: \t y \r\n\r\n"),
        ("pipelined", b"\x40GET / HTTP/1.1\r\nHost: h\r\n\r\n\r\nHEAD /b HTTP/1.1\r\nHost: h\r\n\r\n"),
        ("absolute", b"\x08GET http://o:8/a?b HTTP/1.1\r\nHost: h\r\n\r\n"),
        ("asterisk", b"\x08OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n"),
        ("connect", b"\x08CONNECT o:8 HTTP/1.1\r\nHost: h\r\n\r\n"),
        ("old", b"\x30GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\nGET / HTTP/1.0\r\n\r\n"),
        ("newer", b"\x30PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
        ("length", b"\x07POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhelloGET / HTTP/1.1\r\nHost: h\r\n\r\n"),
        ("chunked", b"\x05POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\nA;e=\"f\"\r\n0123456789\r\n0\r\nT: u\r\n\r\n"),
        ("expects", b"\x09POST / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\nx"),
        ("closing", b"\x50GET / HTTP/1.1\r\nHost: h\r\nConnection: x, close\r\n\r\nGET / HTTP/1.1\r\n\r\n"),
        ("both_lengths", b"\x04POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nG"),
        ("other_coding", b"\x04POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n"),
        ("folded", b"\x04GET / HTTP/1.1\r\nHost: h\r\nX: y\r\n z\r\n\r\n"),
        ("bare_newline", b"\x04GET / HTTP/1.1\nHost: h\n\n"),
        ("tls", b"\x03\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03"),
    ];
    seeds.into_iter().map(|(name, input)| (name, input.to_vec())).collect()
}
