//! RFC 791 3.2, RFC 815, RFC 5722, RFC 3168 5.3: datagrams in pieces.

use lab::soak::frames::{self, ICMP, Ipv4, MORE, UDP};
use testkit::Random;

use super::{
    Case, case,
    icmp::echo,
    udp::{carries, datagram},
};
use crate::differential_linux::frames::{
    CLOSED, IP, PEER, PORT, STRANGER, US, repair_header, to_us,
};

/// The pieces of a datagram.
struct Pieces {
    protocol: u8,
    bytes: Vec<u8>,
}

impl Pieces {
    /// A request of 40 bytes, header included.
    fn request() -> Self {
        Self { protocol: UDP, bytes: datagram(PORT, &Random::new(40).bytes(32)) }
    }

    /// The piece from `from` to `to`, in bytes.
    fn piece(&self, from: usize, to: usize) -> Vec<u8> {
        let more = if to < self.bytes.len() { MORE } else { 0 };
        self.with(from, more, &self.bytes[from..to])
    }

    /// A piece of any bytes at any place.
    fn with(&self, offset: usize, flags: u16, bytes: &[u8]) -> Vec<u8> {
        let mut header = Ipv4::new(PEER, US, self.protocol);
        header.identification = 0x1234;
        header.flags_offset = flags | (offset / 8) as u16;
        to_us(&header.packet(bytes))
    }

    /// Pieces of `step` bytes.
    fn cut(&self, step: usize) -> Vec<Vec<u8>> {
        let starts = (0..self.bytes.len()).step_by(step);
        starts.map(|from| self.piece(from, self.bytes.len().min(from + step))).collect()
    }
}

/// A piece with a header that was changed.
fn changed(mut frame: Vec<u8>, change: impl FnOnce(&mut [u8])) -> Vec<u8> {
    change(&mut frame[IP..]);
    repair_header(&mut frame);
    frame
}

pub(super) fn cases() -> Vec<Case> {
    let request = Pieces::request();
    let [first, second, last] =
        [(0, 16), (16, 24), (24, 40)].map(|(from, to)| request.piece(from, to));
    let mut cases = orders(&[&first, &second, &last]);
    let to_nobody = Pieces { protocol: UDP, bytes: datagram(CLOSED, &[7; 32]) };
    let unknown = Pieces { protocol: 253, bytes: vec![7; 40] };
    let mut damaged = Pieces::request();
    damaged.bytes[30] ^= 1;
    cases.extend([
        case("the first comes twice", [&first, &first, &second, &last].map(Vec::clone)),
        case("the last comes twice", [&last, &last, &second, &first].map(Vec::clone)),
        case("all come twice", [&first, &first, &second, &second, &last, &last].map(Vec::clone)),
        case("one in the middle comes twice", [&second, &second, &first, &last].map(Vec::clone)),
        case(
            "a datagram, and then its last again",
            [&first, &second, &last, &last].map(Vec::clone),
        ),
        case("one is missing", [&first, &last].map(Vec::clone)),
        case(
            "a fragment that overlaps the one before",
            [first.clone(), request.piece(8, 24), second.clone(), last.clone()],
        ),
        case(
            "a fragment that overlaps the one after",
            [second.clone(), request.piece(0, 24), last.clone()],
        ),
        case("a fragment in another", [request.piece(0, 24), request.piece(8, 16), last.clone()]),
        case(
            "a fragment around another",
            [request.piece(8, 16), request.piece(0, 24), last.clone()],
        ),
        case(
            "the same place, other bytes",
            [first.clone(), request.with(0, MORE, &[0xee; 16]), second.clone(), last.clone()],
        ),
        case(
            "a fragment that overlaps, and another datagram with its number",
            [&first, &request.piece(8, 24), &first, &second, &last].map(Vec::clone),
        ),
        case(
            "a fragment that is forged, and two datagrams with its number",
            [&request.piece(8, 24), &first, &first, &second, &last].map(Vec::clone),
        ),
        case("teardrop", [request.with(0, MORE, &[7; 24]), request.with(16, 0, &[7; 4])]),
        case(
            "two ends, the second further",
            [last.clone(), request.with(40, 0, &[7; 8]), first.clone(), second.clone()],
        ),
        case(
            "two ends, the second nearer",
            [last.clone(), request.with(16, 0, &[7; 8]), first.clone()],
        ),
        case(
            "bytes after the end",
            [last.clone(), request.with(40, MORE, &[7; 8]), first.clone(), second.clone()],
        ),
        case(
            "an end before what came",
            [request.with(16, MORE, &[7; 16]), request.with(16, 0, &[7; 8]), first.clone()],
        ),
        case(
            "an empty fragment",
            [first.clone(), request.with(16, MORE, &[]), second.clone(), last.clone()],
        ),
        case(
            "an empty last fragment",
            [request.with(0, MORE, &request.bytes), request.with(40, 0, &[])],
        ),
        case(
            "an empty first fragment",
            [request.with(0, MORE, &[]), first.clone(), second.clone(), last.clone()],
        ),
        case(
            "not a multiple of 8",
            [
                request.with(0, MORE, &request.bytes[..15]),
                first.clone(),
                second.clone(),
                last.clone(),
            ],
        ),
        case(
            "less than 8 bytes",
            [
                request.with(0, MORE, &request.bytes[..7]),
                first.clone(),
                second.clone(),
                last.clone(),
            ],
        ),
        case(
            "beyond the largest packet",
            [request.with(65_528, 0, &[7; 8]), first.clone(), second.clone(), last.clone()],
        ),
        case(
            "up to the largest packet and 20 bytes",
            [request.with(65_512, 0, &[7; 16]), first.clone()],
        ),
        case(
            "a whole packet with the number of pieces",
            [first.clone(), request.with(0, 0, &request.bytes), second.clone(), last.clone()],
        ),
        case("a checksum that is wrong", damaged.cut(16)),
        case("to nobody", to_nobody.cut(16)),
        case("to nobody, the last first", to_nobody.cut(16).into_iter().rev()),
        case("an unknown protocol", unknown.cut(16)),
        case(
            "pieces with DF",
            [first.clone(), second.clone(), last.clone()]
                .map(|piece| changed(piece, |header| header[6] |= 0x40)),
        ),
        case(
            "two protocols, one number",
            [
                first.clone(),
                changed(second.clone(), |header| header[9] = 253),
                second.clone(),
                last.clone(),
            ],
        ),
        case(
            "two hosts, one number",
            [
                first.clone(),
                changed(second.clone(), |header| {
                    header[12..16].copy_from_slice(&STRANGER.octets());
                }),
                second.clone(),
                last.clone(),
            ],
        ),
        case(
            "two numbers",
            [first.clone(), changed(second.clone(), |header| header[5] ^= 1), last.clone()],
        ),
        case(
            "the type of service is that of the first",
            [changed(first.clone(), |header| header[1] = 0xb8), second.clone(), last.clone()],
        ),
        case("the first alone", [first.clone()]).then_timeout(),
        case("the first and the last", [last.clone(), first.clone()]).then_timeout(),
        case("all but the first", [second.clone(), last.clone()]).then_timeout(),
        case(
            "the first of an error",
            [Pieces { protocol: ICMP, bytes: frames::icmp(3, 3, &[7; 36]) }.piece(0, 16)],
        )
        .then_timeout(),
        case(
            "the first with options",
            [first_with_options(&request), second.clone(), last.clone()],
        ),
        case(
            "a bad option in the first",
            [first_with(&request, &[7, 1, 0, 0]), second.clone(), last.clone()],
        ),
        case(
            "a bad option in a later one",
            [first.clone(), later_with(&request, &[7, 1, 0, 0]), last.clone()],
        ),
    ]);
    cases.extend(congestion());
    for length in [1473, 4096, 8192, 30_000, 65_507] {
        let data = Random::new(length as u64).bytes(length);
        for (name, protocol, bytes) in [
            ("an echo", UDP, datagram(PORT, &data)),
            ("a datagram to nobody", UDP, datagram(CLOSED, &data)),
            ("a ping", ICMP, echo(&data)),
        ] {
            let mut pieces = Pieces { protocol, bytes }.cut(1480);
            cases.push(case(format!("{name} of {length} bytes"), pieces.clone()));
            Random::new(7).shuffle(&mut pieces);
            cases.push(case(format!("{name} of {length} bytes, in disorder"), pieces));
        }
    }
    // In the end a host is as it was.
    for case in &mut cases {
        if !case.alone {
            case.steps.push(super::Step::Frame(carries(&datagram(PORT, b"hello"))));
        }
    }
    cases
}

/// Three pieces in each of their orders.
fn orders(pieces: &[&Vec<u8>; 3]) -> Vec<Case> {
    [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]]
        .map(|order| case(format!("pieces {order:?}"), order.map(|number| pieces[number].clone())))
        .into()
}

fn first_with_options(request: &Pieces) -> Vec<u8> {
    first_with(request, &[148, 4, 0, 0])
}

fn first_with(request: &Pieces, options: &[u8]) -> Vec<u8> {
    let mut header = Ipv4::new(PEER, US, UDP);
    (header.identification, header.flags_offset) = (0x1234, MORE);
    header.options = options.to_vec();
    to_us(&header.packet(&request.bytes[..16]))
}

fn later_with(request: &Pieces, options: &[u8]) -> Vec<u8> {
    let mut header = Ipv4::new(PEER, US, UDP);
    (header.identification, header.flags_offset) = (0x1234, MORE | 2);
    header.options = options.to_vec();
    to_us(&header.packet(&request.bytes[16..24]))
}

/// Two pieces of a ping with each pair of ECN codepoints, of which the reply tells what became.
fn congestion() -> Vec<Case> {
    let ping = Pieces { protocol: ICMP, bytes: echo(&[7; 24]) };
    let pieces = [ping.piece(0, 16), ping.piece(16, 32)];
    let pairs = (0..4_u8).flat_map(|one| (0..4_u8).map(move |other| (one, other)));
    let name = |one, other| format!("pieces with ECN {one} and {other}");
    pairs
        .map(|(one, other)| {
            let [first, last] = pieces.clone();
            case(
                name(one, other),
                [
                    changed(first, |header| header[1] = one),
                    changed(last, |header| header[1] = other),
                ],
            )
        })
        .collect()
}
