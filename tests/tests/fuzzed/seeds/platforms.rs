//! The inputs of the targets that are about what the platforms say, and about requests.

use super::{OURS, PEER, with};
use crate::frames::{self, Ipv4};

/// A command line of a guest.
fn guest(line: &str) -> Vec<u8> {
    with(1, line.as_bytes())
}

/// The arguments of a process.
fn process(args: &[&str]) -> Vec<u8> {
    with(0, args.join("\n").as_bytes())
}

pub(super) fn arguments() -> Vec<(&'static str, Vec<u8>)> {
    let addresses = ["--ipv4=10.0.0.2/24", "--ipv4-gateway=10.0.0.1"];
    vec![
        ("addresses", process(&addresses)),
        ("addresses_apart", process(&["--ipv4", "10.0.0.2/24", "--ipv4-gateway", "10.0.0.1"])),
        (
            "all",
            process(&[
                "--mac=02:00:0a:00:00:0F",
                "--probe",
                "--offloads=on",
                "--stats-port=9100",
                "--interface=tap7",
                "--log=arp,udp",
                "--ipv4=172.16.0.1/12",
            ]),
        ),
        ("broadcast", process(&["--ipv4=10.0.0.255/24"])),
        ("class_e", process(&["--ipv4=240.0.0.1/4"])),
        (
            "clients",
            process(&[
                "--clients=10.0.0.0/8,192.0.2.7/32",
                "--stats-from=192.0.2.0/24",
                "--stats-port=9100",
            ]),
        ),
        ("control_characters", process(&["--offloads=\u{1b}[2J\u{9b}\u{202e}"])),
        ("empty", process(&[""])),
        ("gateway_outside", process(&["--ipv4=10.137.0.5/32", "--ipv4-gateway=10.138.0.1"])),
        ("gateway_is_ours", process(&["--ipv4-gateway=10.0.0.2"])),
        ("group", process(&["--mac=01:00:5e:00:00:01"])),
        ("guest", guest("--ipv4=10.0.0.2/24  --log all\0--rest")),
        ("guest_entropy", guest("--entropy=strong --probe")),
        ("guest_entropy_twice", guest("--entropy=strong --entropy=any")),
        ("guest_entropy_value", guest("--entropy --probe")),
        ("guest_memory", guest("--memory=64M")),
        ("guest_not_utf8", [&guest("--log=")[..], b"\xc3\x28"].concat()),
        ("guest_many", guest(&"x ".repeat(65))),
        ("guest_quote_alone", guest("--log=\"arp")),
        ("guest_quoted", guest("--interface=\"my vif\" \"\" --probe")),
        ("guest_too_long", guest(&"x".repeat(2049))),
        ("help", process(&["--help"])),
        ("network_of_two", process(&["--ipv4=10.0.0.3/31", "--ipv4-gateway=10.0.0.2"])),
        ("port_signed", process(&["--stats-port=+9100"])),
        ("port_too_large", process(&["--stats-port=65536"])),
        ("prefix_with_zero", process(&["--ipv4=10.0.0.2/024"])),
        ("this_network", process(&["--ipv4=0.1.2.3/8"])),
        ("twice", process(&["--probe", "--log=x", "--probe"])),
        ("value_missing", process(&["--ipv4", "--probe"])),
        ("zero_mac", process(&["--mac=00:00:00:00:00:00"])),
    ]
}

pub(super) fn requests() -> Vec<(&'static str, Vec<u8>)> {
    vec![
        ("empty", with(0, b"")),
        ("factorial", with(0, b"1000\n")),
        ("fibonacci_most", with(1, b"313450")),
        ("i8_least", with(3, b"-128")),
        ("larger_than_64_bits", with(2, b"18446744073709551617")),
        ("not_a_number", with(0, b"1e6")),
        ("not_utf8", with(1, b"\xff\xfe\x1b[2J")),
        ("pi_too_large", with(2, b"100000001")),
        ("signs", with(4, b"+1 -2 +-3")),
        ("sort", with(4, b"3 -1\t+7 007\r\n9223372036854775807 -9223372036854775808")),
        ("zeros", with(2, b"0000000000000000000000000000000000000001")),
    ]
}

/// A number of `start_info`: `number` pages, less `less` bytes.
fn pages(number: u16, less: u8) -> Vec<u8> {
    let [high, low] = number.to_be_bytes();
    vec![0xc0, high, low, less]
}

/// A map of these entries, and what follows.
fn map(entries: &[(Vec<u8>, Vec<u8>, u8)], rest: &[u8]) -> Vec<u8> {
    let mut input = vec![entries.len() as u8];
    for (start, size, kind) in entries {
        input.extend([&start[..], size, &[*kind]].concat());
    }
    [&input[..], rest].concat()
}

pub(super) fn start_info() -> Vec<(&'static str, Vec<u8>)> {
    let (nowhere, two_mebibytes) = (pages(0, 0), pages(512, 0));
    let last = vec![0xc0, 0, 0, 1];
    let take = |pages_wanted: u8| [&[0, pages_wanted][..], &pages(u16::MAX, 0)].concat();
    let many: Vec<_> = (0..24).map(|n| (pages(2 * n, 0), pages(1, 0), 1)).collect();
    vec![
        (
            "contradicted",
            map(&[(nowhere.clone(), pages(16, 0), 1), (pages(4, 0), pages(1, 255), 2)], &take(3)),
        ),
        ("end_of_all", map(&[(last.clone(), last, 1), (nowhere.clone(), pages(3, 0), 1)], &[])),
        (
            "guest_of_two_mebibytes",
            map(&[(nowhere.clone(), two_mebibytes, 1)], &[take(5), take(1)].concat()),
        ),
        (
            "halves_joined",
            map(
                &[
                    (pages(1, 0), pages(1, 0), 1),
                    (pages(3, 0), pages(1, 0), 1),
                    (pages(2, 0), pages(1, 0), 1),
                ],
                &take(4),
            ),
        ),
        ("many", map(&many, &take(1))),
        ("no_entries", map(&[], &take(1))),
        (
            "odd_bounds",
            map(&[(pages(1, 1), pages(2, 255), 1), (pages(3, 7), pages(2, 0), 1)], &take(2)),
        ),
        (
            "reserved_within",
            map(
                &[
                    (nowhere, pages(64, 0), 1),
                    (pages(8, 0), pages(2, 0), 2),
                    (pages(20, 1), pages(0, 254), 3),
                ],
                &take(9),
            ),
        ),
    ]
}

/// What a device gives: an MTU of 1500 bytes, the header of virtio, and a frame.
fn read(flags: u8, kind: u8, size: u16, start: u16, frame: &[u8]) -> Vec<u8> {
    let ([s, t], [u, v]) = (size.to_le_bytes(), start.to_le_bytes());
    [&[0, flags, kind, 42, 0, s, t, u, v, 6, 0][..], frame].concat()
}

pub(super) fn tap() -> Vec<(&'static str, Vec<u8>)> {
    let datagram = |length: usize| {
        let datagram = frames::udp((PEER.1, 4000), (OURS.1, 8080), &vec![0x5a; length]);
        frames::ethernet(
            OURS.0,
            PEER.0,
            0x0800,
            &Ipv4::new(PEER.1, OURS.1, frames::UDP).packet(&datagram),
        )
    };
    let optional = {
        let datagram = frames::udp((PEER.1, 4000), (OURS.1, 8080), &[0x5a; 300]);
        let ipv4 = Ipv4 { options: vec![148, 4, 0, 0], ..Ipv4::new(PEER.1, OURS.1, frames::UDP) };
        frames::ethernet(OURS.0, PEER.0, 0x0800, &ipv4.packet(&datagram))
    };
    // A TCP segment with a timestamp (RFC 7323).
    let segment = |length: usize| {
        let header = [0x0f, 0xa0, 0x1f, 0x90, 0, 0, 0, 1, 0, 0, 0, 2, 0x80, 0x18, 1, 0, 0, 0, 0, 0];
        let options = [1, 1, 8, 10, 0, 0, 0, 1, 0, 0, 0, 2];
        let segment = [&header[..], &options, &vec![0x5a; length]].concat();
        frames::ethernet(OURS.0, PEER.0, 0x0800, &Ipv4::new(PEER.1, OURS.1, 6).packet(&segment))
    };
    // What IPv6 carries, behind these headers; the checksum is blank.
    let ipv6 = |next: u8, chain: &[u8], rest: &[u8]| {
        let [high, low] = ((chain.len() + rest.len()) as u16).to_be_bytes();
        let address = |last| [&[0xfd_u8][..], &[0; 14], &[last]].concat();
        let header = [&[0x60, 0, 0, 0, high, low, next, 64][..], &address(1), &address(2)].concat();
        frames::ethernet(OURS.0, PEER.0, 0x86dd, &[&header[..], chain, rest].concat())
    };
    let udp = |length: usize| {
        let [high, low] = (8 + length as u16).to_be_bytes();
        [&[0x0f, 0xa0, 0x1f, 0x90, high, low, 0, 0][..], &vec![0x5a; length]].concat()
    };
    let tcp = |length: usize| segment(length)[34..].to_vec();
    let (options, fragment) = ([17, 0, 1, 4, 0, 0, 0, 0], [17, 0, 0, 1, 0, 0, 0, 9]);
    let routing = [6, 0, 0, 0, 0, 0, 0, 0];
    let mut shorter = datagram(200);
    shorter[17] -= 1;
    vec![
        ("blank", read(1, 0, 0, 34, &datagram(5))),
        ("blank_beyond_the_end", read(1, 0, 0, 60_000, &datagram(5))),
        ("joined", read(1, 1, 1448, 34, &segment(3000))),
        ("joined_apart", read(1, 0x81, 1448, 34, &segment(3000))),
        ("joined_cut", read(1, 1, 1448, 34, &segment(3000)[..60])),
        ("joined_from_one", read(1, 1, 1448, 34, &segment(1448))),
        ("joined_longer_than_the_mtu", read(1, 1, 1449, 34, &segment(3000))),
        ("joined_of_size_0", read(1, 1, 0, 34, &segment(3000))),
        ("joined_padded", read(1, 1, 7, 34, &[&segment(20)[..], &[0xee; 30]].concat())),
        ("joined_verified", read(2, 1, 1448, 34, &segment(3000))),
        ("ipv6_blank", read(1, 0, 0, 54, &ipv6(17, &[], &udp(5)))),
        ("ipv6_fragment", read(1, 0, 0, 54, &ipv6(44, &fragment, &udp(5)))),
        ("ipv6_joined", read(1, 4, 1428, 54, &ipv6(6, &[], &tcp(3000)))),
        ("ipv6_joined_behind_routing", read(1, 4, 1420, 62, &ipv6(43, &routing, &tcp(3000)))),
        ("ipv6_joined_longer_than_the_mtu", read(1, 4, 1429, 54, &ipv6(6, &[], &tcp(3000)))),
        ("ipv6_joined_as_ipv4", read(1, 1, 1428, 54, &ipv6(6, &[], &tcp(3000)))),
        ("ipv6_many", read(1, 5, 64, 54, &ipv6(17, &[], &udp(1000)))),
        ("ipv6_many_behind_options", read(1, 5, 64, 62, &ipv6(60, &options, &udp(1000)))),
        ("ipv6_many_cut", read(1, 5, 64, 54, &ipv6(17, &[], &udp(1000))[..400])),
        ("header_alone", read(0, 0, 0, 0, &[])),
        ("header_cut", vec![0, 1, 5, 42]),
        ("many", read(1, 5, 64, 34, &datagram(1000))),
        ("many_lengths_differ", read(1, 5, 64, 34, &shorter)),
        ("many_longer_than_the_mtu", read(1, 5, 1473, 34, &datagram(3000))),
        ("many_of_one_byte", read(1, 5, 1, 34, &datagram(100))),
        ("many_of_size_0", read(1, 5, 0, 34, &datagram(100))),
        ("many_padded", read(1, 5, 7, 34, &[&datagram(20)[..], &[0xee; 30]].concat())),
        ("many_with_options", read(1, 5, 100, 38, &optional)),
        ("tcp", read(1, 1, 1460, 34, &datagram(3000))),
        ("too_long", read(0, 0, 0, 0, &datagram(1600))),
        ("whole", read(0, 0, 0, 0, &datagram(1400))),
    ]
}

/// A step of the guest: what it does, and with how many bytes (17 for each).
fn asks(what: u8, size: u8) -> Vec<u8> {
    vec![what, size]
}

pub(super) fn xenstore() -> Vec<(&'static str, Vec<u8>)> {
    let program = |steps: &[Vec<u8>]| with(1, &steps.concat());
    let value = |length: u16| [&[0x40][..], &length.to_be_bytes()].concat();
    let (ok, nothing) = (vec![0, 0, 0], vec![9]);
    let mut steps = vec![asks(4, 0), ok.clone()];
    steps.extend([vec![4, 0], asks(5, 0), ok.clone()]);
    // What a header says that is not so: the kind, 2 + the distance of the number, the length, how much comes.
    let lie = |kind: u8, off: u8, length: u16, comes: u8| {
        [&[7, kind, off][..], &length.to_be_bytes(), &[comes]].concat()
    };
    let read = || asks(0, 4);
    vec![
        ("another_kind", program(&[read(), lie(1, 2, 0, 0), read()])),
        (
            "directory",
            program(&[asks(2, 4), vec![0, 0, 3, b'a', b'b', b'c'], asks(2, 0), ok.clone()]),
        ),
        (
            "event_between",
            program(&[asks(4, 0), ok.clone(), read(), vec![4, 0], vec![0, 0, 2, b'o', b'n']]),
        ),
        ("index_beyond", program(&[read(), vec![8, 0, 0, 1, 0], read()])),
        (
            "longer_than_a_message",
            program(&[
                read(),
                lie(2, 2, 0xffff, 3),
                b"abc".to_vec(),
                vec![6, 255],
                vec![b'x'; 255],
                read(),
            ]),
        ),
        ("longest", program(&[asks(0, 255), value(4096), asks(0, 240), value(4096)])),
        ("nobody_there", program(&[read(), nothing.clone(), nothing])),
        ("noise", program(&[read(), vec![6, 32], vec![0xa5; 32], read()])),
        ("number_of_the_future", program(&[read(), lie(2, 3, 0, 0), read()])),
        ("refused", program(&[read(), vec![3, 0], asks(3, 2), vec![3, 3], asks(4, 0), vec![3, 2]])),
        ("too_late", program(&[read(), vec![5, 255], read(), ok.clone()])),
        ("value", program(&[read(), vec![0, 0, 5, b'h', b'e', b'l', b'l', b'o'], asks(3, 1), ok])),
        ("watches", program(&steps)),
        ("wrong_error", program(&[read(), vec![3, 5], read(), vec![3, 4]])),
    ]
}
