//! Random requests, sound and broken, against a reference that is written for clearness.

mod checked;
mod common;
mod reference;

use checked::check;

/// Numbers that repeat exactly.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 33) as usize) % limit
    }
}

/// First lines.
const LINES: &[&[u8]] = &[
    b"GET / HTTP/1.1\r\n",
    b"GET /a/b?c=d HTTP/1.1\r\n",
    b"HEAD / HTTP/1.1\r\n",
    b"POST / HTTP/1.1\r\n",
    b"POST / HTTP/1.0\r\n",
    b"OPTIONS * HTTP/1.1\r\n",
    b"GET http://b/c HTTP/1.1\r\n",
    b"GET HTTP://b HTTP/1.0\r\n",
    b"CONNECT a:1 HTTP/1.1\r\n",
    b"GET / HTTP/2.0\r\n",
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
];

/// Headers, sound ones first.
const HEADERS: &[&[u8]] = &[
    b"X: y\r\n",
    b"X:\t y \t\r\n",
    b"X: \xff\r\n",
    b"Connection: close\r\n",
    b"Connection: keep-alive\r\n",
    b"Expect: 100-continue\r\n",
    b"Content-Length: 5\r\n",
    b"Content-Length: 0\r\n",
    b"Content-Length: 05\r\n",
    b"content-length:5\r\n",
    b"Transfer-Encoding: chunked\r\n",
    b"Transfer-Encoding: chunked\r\n",
    b"Content-Length: 5,5\r\n",
    b"Transfer-Encoding: gzip, chunked\r\n",
    b"Transfer-Encoding: chunked, identity\r\n",
    b"Host: a b\r\n",
    b"Expect: tea\r\n",
    b"X : y\r\n",
    b" folded\r\n",
];

/// What may follow.
const BODIES: &[&[u8]] = &[
    b"hello",
    b"5\r\nhello\r\n",
    b"A;x=y\r\n0123456789\r\n",
    b"0\r\n\r\n",
    b"0\r\nT: u\r\n\r\n",
    b"\r\n",
];

/// What is wrong nearly everywhere.
const NOISE: &[&[u8]] = &[b"\n", b"\r", b"\0", b" ", b":", b"\r\n", b"x"];

/// Whole messages, to be broken.
const MESSAGES: &[&[u8]] = &[
    b"GET / HTTP/1.1\r\nHost: a\r\n\r\n",
    b"POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello",
    b"POST /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5;e=1\r\nhello\r\n1\r\n \r\n0\r\nT: u\r\n\r\n",
    b"POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\nx",
    b"GET http://c:1/d HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
];

#[test]
fn requests_of_random_parts() {
    let mut random = Random(1);
    let mut served = 0;
    for _ in 0..20_000 {
        let mut input = Vec::new();
        for _ in 0..1 + random.below(3) {
            let mut add = |part: &[u8], random: &mut Random| {
                input.extend_from_slice(part);
                if random.below(60) == 0 {
                    input.extend_from_slice(NOISE[random.below(NOISE.len())]);
                }
            };
            add(LINES[random.below(LINES.len())], &mut random);
            if random.below(20) > 0 {
                add(b"Host: a\r\n", &mut random);
            }
            let sound = 12 + random.below(2) * (HEADERS.len() - 12);
            for _ in 0..random.below(3) {
                add(HEADERS[random.below(sound)], &mut random);
            }
            add(b"\r\n", &mut random);
            for _ in 0..random.below(4) {
                add(BODIES[random.below(BODIES.len())], &mut random);
            }
        }
        served += check(&input, &[1 + random.below(20)]);
    }
    assert!(served > 5_000, "{served}");
}

#[test]
fn sound_messages_with_a_few_bytes_changed() {
    let mut random = Random(2);
    let mut served = 0;
    let bytes = b"\r\n\0\t :;,/0159aAfF#\x7f\x80\xffHX";
    for _ in 0..20_000 {
        let mut input = Vec::new();
        for _ in 0..1 + random.below(3) {
            input.extend_from_slice(MESSAGES[random.below(MESSAGES.len())]);
        }
        for _ in 0..random.below(4) {
            let (at, byte) = (random.below(input.len()), bytes[random.below(bytes.len())]);
            match random.below(3) {
                0 => input[at] = byte,
                1 => input.insert(at, byte),
                _ => _ = input.remove(at),
            }
        }
        served += check(&input, &[1 + random.below(30)]);
    }
    assert!(served > 15_000, "{served}");
}
