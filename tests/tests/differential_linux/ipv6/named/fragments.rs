//! Fragments (RFC 8200 4.5, RFC 5722, RFC 6946, RFC 7112, RFC 8021).

use lab::soak::frames::{
    UDP,
    ipv6::{
        DESTINATION, FRAGMENT, ICMPV6, Ipv6, ROUTING, fragment_header, icmpv6, options, routing,
        udp,
    },
};
use testkit::Random;

use super::{Case, carries, case, datagram, request};
use crate::differential_linux::{
    frames::{CLOSED, PORT},
    ipv6::frames::{FAR, PEER, US, to_us},
};

/// The number of the packet that is in fragments.
const NUMBER: u32 = 1;

/// The header of the peer's packets.
fn header() -> Ipv6 {
    Ipv6::new(PEER, US, 0)
}

/// One fragment of the peer's packet of UDP, with these bytes.
fn piece(offset: usize, more: bool, bytes: &[u8]) -> Vec<u8> {
    to_us(&header().fragment(UDP, NUMBER, (offset, more), bytes))
}

/// The frames with a packet in pieces of `step` bytes.
fn pieces(next: u8, bytes: &[u8], step: usize) -> Vec<Vec<u8>> {
    header().fragments(next, NUMBER, bytes, step).iter().map(|packet| to_us(packet)).collect()
}

fn bytes(length: usize) -> Vec<u8> {
    Random::new(length as u64).bytes(length)
}

pub(super) fn cases() -> Vec<Case> {
    let mut cases = orders();
    cases.extend(overlaps());
    cases.extend(impossible());
    cases.extend(atomic());
    cases.extend(headers());
    cases.extend(timeouts());
    cases
}

fn orders() -> Vec<Case> {
    let mut cases = Vec::new();
    for port in [PORT, CLOSED] {
        for (length, step) in [(40, 8), (100, 16), (1400, 704), (2900, 1448), (9000, 1448)] {
            let whole = datagram(port, &bytes(length));
            let in_order = pieces(UDP, &whole, step);
            let reversed = in_order.iter().rev().cloned().collect::<Vec<_>>();
            let mut twice = in_order.clone();
            twice.splice(1..1, in_order[..1].to_vec());
            let mut shuffled = in_order.clone();
            Random::new(length as u64).shuffle(&mut shuffled);
            let last_first =
                [&in_order[in_order.len() - 1..], &in_order[..in_order.len() - 1]].concat();
            for (how, frames) in [
                ("in order", in_order.clone()),
                ("reversed", reversed),
                ("shuffled", shuffled),
                ("the last first", last_first),
                ("the first twice", twice),
            ] {
                let name = format!("{length} bytes in {step}s to port {port}, {how}");
                cases.push(case(name, frames));
            }
            for missing in [0, in_order.len() / 2, in_order.len() - 1] {
                let mut frames = in_order.clone();
                frames.remove(missing);
                let name = format!("{length} bytes in {step}s to port {port}, without {missing}");
                cases.push(case(name, frames));
            }
        }
    }
    // The largest that there is.
    let whole = udp((PEER, 5000), (US, CLOSED), &bytes(65_527));
    let mut frames = pieces(UDP, &whole, 1448);
    cases.push(case("the largest packet", frames.clone()));
    frames.reverse();
    cases.push(case("the largest packet, reversed", frames));
    // Two packets at once, which differ in what makes them two.
    let one = datagram(PORT, &bytes(40));
    let other = udp((FAR, 5000), (US, PORT), &bytes(40));
    let ours = header().fragments(UDP, NUMBER, &one, 24);
    let theirs = Ipv6::new(FAR, US, 0).fragments(UDP, NUMBER, &other, 24);
    let both = [&ours[0], &theirs[0], &theirs[1], &ours[1]].map(|packet| to_us(packet));
    cases.push(case("two packets of two hosts with one number", both));
    let second = header().fragments(UDP, NUMBER + 1, &one, 24);
    let both = [&ours[0], &second[0], &second[1], &ours[1]].map(|packet| to_us(packet));
    cases.push(case("two packets with two numbers", both));
    let mixed = [&ours[0], &second[1]].map(|packet| to_us(packet));
    cases.push(case("the first of one and the last of another", mixed));
    cases
}

fn overlaps() -> Vec<Case> {
    let whole = datagram(PORT, &bytes(40));
    let [first, middle, last] = [
        piece(0, true, &whole[..16]),
        piece(16, true, &whole[16..32]),
        piece(32, false, &whole[32..]),
    ];
    let mut other = whole[16..32].to_vec();
    other[3] ^= 1;
    let cover = |at: usize, end: usize| piece(at, end < 48, &whole[at..end]);
    let mut cases = Vec::new();
    for (name, between) in [
        ("a piece twice", middle.clone()),
        ("a piece twice with other bytes", piece(16, true, &other)),
        ("a piece that covers the beginning of another", cover(8, 24)),
        ("a piece that covers the end of another", cover(24, 40)),
        ("a piece that covers another", cover(8, 40)),
        ("a piece within another", cover(16, 24)),
        ("a piece that covers all", cover(0, 48)),
        ("a piece that has grown", cover(16, 40)),
        ("a last piece where there is one that is not", piece(16, false, &whole[16..32])),
    ] {
        let frames = [first.clone(), middle.clone(), between.clone(), last.clone(), request()];
        cases.push(case(name, frames));
        let again = [&first, &middle, &between, &last, &first, &middle, &last];
        cases.push(case(format!("{name}, and all again"), again.map(Clone::clone)));
        let reversed = [&last, &between, &middle, &first, &middle];
        cases.push(case(format!("{name}, reversed"), reversed.map(Clone::clone)));
    }
    cases.extend([
        case("two ends at one place", [first.clone(), last.clone(), last.clone(), middle.clone()]),
        case(
            "two ends",
            [first.clone(), last.clone(), piece(40, false, &whole[40..]), middle.clone()],
        ),
        case(
            "a piece behind the end",
            [first.clone(), last.clone(), piece(48, true, &whole[..8]), middle.clone()],
        ),
        case("an end before what came", [first, last, piece(16, false, &whole[16..24]), middle]),
    ]);
    cases
}

/// Of an impossible length, or at an impossible place.
fn impossible() -> Vec<Case> {
    let whole = datagram(PORT, &bytes(40));
    let mut cases = Vec::new();
    for length in [0, 1, 7, 9, 12, 15] {
        let name = format!("a first piece of {length} bytes");
        cases.push(case(name, [piece(0, true, &whole[..length])]));
        let name = format!("a middle piece of {length} bytes");
        cases.push(case(name, [piece(8, true, &whole[8..8 + length]), request()]));
    }
    for (offset, length) in
        [(65_528, 8), (65_528, 7), (65_520, 16), (65_528, 1400), (64_400, 1448), (64_088, 1448)]
    {
        for more in [false, true] {
            let name = format!("{length} bytes at {offset}, {more}");
            cases.push(case(name, [piece(offset, more, &bytes(length)), request()]));
        }
    }
    cases.push(case("an empty last piece", [piece(0, true, &whole[..48]), piece(48, false, &[])]));
    cases.push(case("nothing but a last piece", [piece(16, false, &[])]));
    for length in [0, 1, 7] {
        let name = format!("{length} bytes of a Fragment header");
        let part = &fragment_header(UDP, NUMBER, (0, true))[..length];
        cases.push(case(name, [carries(FRAGMENT, part)]));
    }
    let mut reserved = piece(0, true, &whole[..24]);
    reserved[14 + 41] = 0xff;
    reserved[14 + 43] |= 6;
    cases.push(case("reserved bits", [reserved, piece(24, false, &whole[24..])]));
    cases
}

fn atomic() -> Vec<Case> {
    let whole = datagram(PORT, &bytes(40));
    let alone = piece(0, false, &whole);
    let [first, last] = [piece(0, true, &whole[..16]), piece(16, false, &whole[16..])];
    let mut cases = vec![
        case("an atomic fragment", [alone.clone()]),
        case("an atomic fragment to nobody", [piece(0, false, &datagram(CLOSED, b"hello"))]),
        case("an atomic fragment twice", [alone.clone(), alone.clone()]),
        case("an atomic fragment between others", [first.clone(), alone.clone(), last.clone()]),
        case("an atomic fragment before others", [alone, first, last]),
        case("an empty atomic fragment", [piece(0, false, &[])]),
    ];
    let ping = icmpv6(PEER, US, (128, 0), b"\x12\x34\0\x01ping!");
    let twice = [fragment_header(FRAGMENT, 1, (0, false)), fragment_header(ICMPV6, 2, (0, false))];
    let bytes = [twice.concat(), ping.clone()].concat();
    cases.push(case("a fragment in a fragment", [carries(FRAGMENT, &bytes)]));
    let [inner, outer] =
        [fragment_header(ICMPV6, 2, (0, true)), fragment_header(FRAGMENT, 1, (0, false))];
    let bytes = [outer, inner, ping[..8].to_vec()].concat();
    cases.push(case("a piece in a fragment", [carries(FRAGMENT, &bytes)]));
    let packet = Ipv6::new(PEER, US, 0).fragment(253, NUMBER, (0, false), b"what?");
    cases.push(case("an unknown protocol in a fragment", [to_us(&packet)]));
    cases
}

/// Headers before and in the fragments.
fn headers() -> Vec<Case> {
    let (whole, nobody) = (datagram(PORT, &bytes(40)), datagram(CLOSED, &bytes(40)));
    let mut cases = Vec::new();
    let chain = options(UDP, &[0x1e, 12, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    let long = options(UDP, &[0x1e, 28].iter().copied().chain([0; 28]).collect::<Vec<_>>());
    for (to, whole) in [("a request", &whole), ("to nobody", &nobody)] {
        for (length, chain) in [(chain.len(), &chain), (long.len(), &long)] {
            let all = [&chain[..], whole].concat();
            for step in [8, 16, 24, 32, 40, 48] {
                let name = format!("{length} bytes of options in {step}s, {to}");
                let frames = pieces(DESTINATION, &all, step);
                cases.push(case(name.clone(), frames.clone()));
                let reversed = frames.into_iter().rev();
                cases.push(case(format!("{name}, reversed"), reversed));
            }
        }
        for step in [8, 16] {
            let name = format!("the header of UDP in {step}s, {to}");
            cases.push(case(name, pieces(UDP, whole, step)));
        }
    }
    let ping = icmpv6(PEER, US, (128, 0), &[&[0x12, 0x34, 0, 1][..], &bytes(40)].concat());
    cases.push(case("a ping in 8s", pieces(ICMPV6, &ping, 8)));
    let tcp = [&[0x12, 0x34, 0, 9, 0, 0, 0, 1, 0, 0, 0, 0, 0x50, 2][..], &[0; 10]].concat();
    cases.push(case("the header of TCP in 16s", pieces(6, &tcp, 16)));
    for bits in [0x1e, 0x5e, 0x9e, 0xde] {
        let all = [options(UDP, &[bits, 0]), whole.clone()].concat();
        let name = format!("option {bits:#x} in fragments");
        cases.push(case(name, pieces(DESTINATION, &all, 32)));
        // Before the Fragment header, in each of them.
        let before = |at: (usize, bool), part: &[u8]| {
            let header = [options(FRAGMENT, &[bits, 0]), fragment_header(UDP, NUMBER, at)];
            carries(DESTINATION, &[&header.concat(), part].concat())
        };
        let frames = [before((0, true), &whole[..24]), before((24, false), &whole[24..])];
        cases.push(case(format!("option {bits:#x} before fragments"), frames));
    }
    let all = [routing(UDP, 0, 1, &[0; 4]), whole.clone()].concat();
    cases.push(case("a route with segments left, in fragments", pieces(ROUTING, &all, 32)));
    let frames = header().fragments(253, NUMBER, &whole, 24);
    cases.push(case("an unknown protocol in fragments", frames.iter().map(|f| to_us(f))));
    // The next header of the first one counts.
    let frames = [piece(0, true, &whole[..24]), {
        to_us(&header().fragment(253, NUMBER, (24, false), &whole[24..]))
    }];
    cases.push(case("two next headers", frames.clone()));
    cases.push(case("two next headers, reversed", frames.into_iter().rev()));
    for (name, marks) in [
        ("congestion in the first", [3, 2]),
        ("congestion in the last", [2, 3]),
        ("congestion and no ECN", [3, 0]),
        ("one ECN and another", [1, 2]),
        ("traffic classes", [0xb8, 0x20]),
    ] {
        let parts = [(0, &whole[..24]), (24, &whole[24..])];
        let frames = parts.iter().zip(marks).map(|(&(at, part), mark)| {
            let header = Ipv6 { first: 6 << 28 | mark << 20, ..header() };
            to_us(&header.fragment(UDP, NUMBER, (at, at == 0), part))
        });
        cases.push(case(name, frames));
    }
    let frames = [(0, 7, &whole[..24]), (24, 200, &whole[24..])].map(|(at, hop_limit, part)| {
        to_us(&Ipv6 { hop_limit, ..header() }.fragment(UDP, NUMBER, (at, at == 0), part))
    });
    cases.push(case("two hop limits", frames));
    cases
}

fn timeouts() -> Vec<Case> {
    let whole = datagram(PORT, &bytes(2000));
    let long = datagram(PORT, &bytes(1400));
    let [first, last] = [piece(0, true, &whole[..1008]), piece(1008, false, &whole[1008..])];
    vec![
        case("time for a first piece", [first.clone()]).then_timeout(),
        case("time for a long first piece", [piece(0, true, &long[..1400])]).then_timeout(),
        case("time for a last piece", [last.clone()]).then_timeout(),
        case("time for two pieces", [first.clone(), piece(1016, false, &whole[1016..])])
            .then_timeout(),
        case("time for two pieces, reversed", [piece(1016, false, &whole[1016..]), first.clone()])
            .then_timeout(),
        case("no time for what overlaps", [first.clone(), piece(8, true, &whole[8..24]), last])
            .then_timeout(),
        case("no time for what is done", pieces(UDP, &whole, 1008)).then_timeout(),
    ]
}
