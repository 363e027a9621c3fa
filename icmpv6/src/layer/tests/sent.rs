//! Errors that go out.

use super::*;

const DATAGRAM: [u8; 12] = [0x13, 0x88, 0x1f, 0x90, 0, 12, 0, 0, 1, 2, 3, 4];

fn udp() -> Packet<'static> {
    packet(Protocol::UDP, &DATAGRAM)
}

/// What is sent when `packet` has `problem`.
fn sent_about(packet: &Packet<'_>, problem: Problem) -> Vec<Vec<u8>> {
    let mut layer = layer();
    layer.send_error(NOW, packet, problem).unwrap();
    let sent = layer.network.sent.len() as u64;
    assert_eq!((layer.stats().errors_tx, layer.stats().errors_forbidden), (sent, 1 - sent));
    layer.network.sent.into_iter().map(|(_, bytes)| bytes).collect()
}

fn rejected(packet: &Packet<'_>) -> Vec<Vec<u8>> {
    sent_about(packet, Problem::PortUnreachable)
}

#[test]
fn write_errors() {
    let mut layer = layer();
    layer.send_error(NOW, &Packet { tos: 0xb8, ..udp() }, Problem::PortUnreachable).unwrap();
    let quote = [&HEADER[..], &DATAGRAM].concat();
    let expected = message_between([OURS, PEER], 1, 4, [0; 4], &quote);
    assert_eq!(layer.network.sent, [(outgoing(0), expected.to_vec())]);
    assert_eq!((layer.stats().errors_tx, layer.stats().messages_tx), (1, 1));
}

#[test]
fn every_error_is_valid_for_whom_it_is_sent_to() {
    for problem in [
        Problem::ProtocolUnreachable,
        Problem::TooBig(1400),
        Problem::TtlExceeded,
        Problem::Parameter(20),
        Problem::UnknownOption(42),
        Problem::IncompleteChain,
    ] {
        let sent = sent_about(&udp(), problem).remove(0);
        let (header, quoted) = Icmpv6Header::parse(&sent, [OURS, PEER], true).unwrap();
        assert_eq!(header.problem(), Some(problem));
        let (packet, _) = quote::original(quoted).unwrap();
        assert_eq!((packet.destination, packet.payload), (OURS, &DATAGRAM[..]));
    }
}

/// RFC 4443 2.4 (c): as much as fits into 1,280 bytes.
#[test]
fn no_more_than_1280_bytes_are_sent() {
    let payload: Vec<u8> = (0..=255).cycle().take(1480).collect();
    let mut headers = HEADER.to_vec();
    headers[6] = 60;
    headers.extend([17, 0, 1, 4, 0, 0, 0, 0]);
    for header in [&HEADER[..], &headers] {
        let item = Packet { header, ..packet(Protocol::UDP, &payload) };
        let sent = rejected(&item).remove(0);
        assert_eq!(sent[8..], [header, &payload].concat()[..1232]);
        assert_eq!(40 + sent.len(), 1280);
    }
}

/// RFC 4443 3.4: the pointer is at the field that names what is unknown.
#[test]
fn an_unknown_protocol_is_pointed_at() {
    let mut headers = HEADER.to_vec();
    headers[6] = 60;
    headers.extend([99, 0, 1, 4, 0, 0, 0, 0]);
    for (header, pointer) in [(&HEADER[..], 6), (&headers, 40)] {
        let mut layer = layer();
        let item = Packet { header, ..packet(Protocol(99), &DATAGRAM) };
        layer.unclaimed(NOW, Delivery::Packet(&item)).unwrap();
        assert_eq!(layer.network.sent[0].1[..2], [4, 1]);
        assert_eq!(layer.network.sent[0].1[4..8], [0, 0, 0, pointer]);
        assert_eq!(layer.stats().unknown_protocol, 1);
    }
}

/// RFC 4443 2.4 (e.1), (e.2).
#[test]
fn never_about_an_error_or_a_redirect() {
    for message_type in [1, 2, 3, 4, 5, 127, 137] {
        let payload = [message_type, 0, 0, 0, 0, 0, 0, 0, 9, 9, 9, 9];
        assert!(rejected(&packet(Protocol::ICMPV6, &payload)).is_empty(), "type {message_type}");
    }
    assert!(rejected(&packet(Protocol::ICMPV6, b"")).is_empty());
    for message_type in [128, 129, 135, 200] {
        let payload = [message_type, 0, 0, 0, 0, 0, 0, 0];
        assert_eq!(rejected(&packet(Protocol::ICMPV6, &payload)).len(), 1);
    }
}

/// A header where it must not be is a problem that the sender is told of, unless there is an error behind it.
#[test]
fn never_about_an_error_behind_a_header_at_a_wrong_place() {
    let options = |next, message: &[u8]| [&[next, 0, 1, 4, 0, 0, 0, 0], message].concat();
    for (payload, answers) in [
        (options(58, &[1, 0, 0, 0, 0, 0, 0, 0]), 0),
        (options(58, &[137, 0, 0, 0, 0, 0, 0, 0]), 0),
        (options(60, &options(58, &[3])), 0),
        (options(58, &[]), 0),
        (options(58, &[128, 0, 0, 0, 0, 0, 0, 0]), 1),
        (options(17, &DATAGRAM), 1),
        (vec![58], 0),
    ] {
        let item = packet(Protocol(0), &payload);
        assert_eq!(sent_about(&item, Problem::ProtocolUnreachable).len(), answers, "{payload:?}");
    }
}

/// RFC 4443 2.4 (e.3) to (e.5): about a group, only that a packet was too big, or that an option must be known.
#[test]
fn about_a_group_only_what_it_must_know() {
    let group = "ff02::1".parse().unwrap();
    let item = Packet { destination: group, broadcast: true, ..udp() };
    for (problem, answers) in [
        (Problem::PortUnreachable, 0),
        (Problem::ProtocolUnreachable, 0),
        (Problem::Parameter(6), 0),
        (Problem::IncompleteChain, 0),
        (Problem::ReassemblyTimedOut, 0),
        (Problem::TooBig(1400), 1),
        (Problem::UnknownOption(42), 1),
    ] {
        assert_eq!(sent_about(&item, problem).len(), answers, "{problem}");
    }
}

/// RFC 4443 2.4 (e.6).
#[test]
fn never_to_what_is_not_one_host() {
    for source in ["::", "::1", "ff02::1", "::ffff:10.0.0.1"] {
        let item = Packet { source: source.parse().unwrap(), ..udp() };
        assert!(rejected(&item).is_empty(), "{source}");
    }
}

/// RFC 4443 2.2 (b): an error about a packet to a group comes from an address of ours.
#[test]
fn an_error_comes_from_an_address_of_ours() {
    let group = "ff02::1".parse().unwrap();
    let mut layer = layer();
    let item = Packet { destination: group, broadcast: true, ..udp() };
    layer.send_error(NOW, &item, Problem::UnknownOption(42)).unwrap();
    assert_eq!(layer.network.sent[0].0, outgoing(0));
    // Without one, nothing is sent.
    layer.network.ours.clear();
    layer.send_error(NOW, &item, Problem::UnknownOption(42)).unwrap();
    assert_eq!((layer.network.sent.len(), layer.stats().not_sent), (1, 1));
}

/// RFC 4443 2.4 (f).
#[test]
fn errors_are_limited() {
    let mut layer = layer();
    let reject = |layer: &mut Icmpv6<FakeNetwork>, millis: u64, times: usize| {
        let now = NOW + core::time::Duration::from_millis(millis);
        let before = layer.network.sent.len();
        for _ in 0..times {
            layer.send_error(now, &udp(), Problem::PortUnreachable).unwrap();
        }
        layer.network.sent.len() - before
    };
    let burst = reject(&mut layer, 0, 100);
    assert!((35..=70).contains(&burst), "{burst}");
    let more = reject(&mut layer, 200, 100);
    assert!((5..=40).contains(&more), "{more}");
    let sent = (burst + more) as u64;
    assert_eq!((layer.stats().errors_tx, layer.stats().errors_limited), (sent, 200 - sent));
    let mut silent = Icmpv6::new(FakeNetwork::new([OURS]), 7).with_error_rate(0, 0);
    assert_eq!(reject(&mut silent, 0, 5), 0);
}

/// However many there are, each sends some.
#[test]
fn the_limit_of_errors_is_divided_among_towers() {
    for count in [0, 1, 2, 7, 32, 101, u32::MAX] {
        let (mut at_once, mut later) = (0, 0);
        for seed in 0..u128::from(count.clamp(1, 101)) {
            let mut layer = Icmpv6::new(FakeNetwork::new([OURS]), seed).with_part(count);
            let mut sent = |seconds| {
                let before = layer.network.sent.len();
                for _ in 0..200 {
                    let now = NOW + core::time::Duration::from_secs(seconds);
                    layer.send_error(now, &udp(), Problem::PortUnreachable).unwrap();
                }
                layer.network.sent.len() - before
            };
            let (first, second) = (sent(0), sent(3));
            assert!(first > 0 && second > 0, "tower {seed} of {count}: {first}, then {second}");
            (at_once, later) = (at_once + first, later + second);
        }
        if count <= 32 {
            assert!((30..=75).contains(&at_once), "{at_once} at once of {count} towers");
            assert!((30..=75).contains(&later), "{later} after a pause of {count} towers");
        }
    }
}

/// What is forbidden takes nothing from those that are allowed.
#[test]
fn forbidden_errors_do_not_count_against_the_limit() {
    let mut layer = layer();
    let forbidden = Packet { broadcast: true, ..udp() };
    for _ in 0..1000 {
        layer.send_error(NOW, &forbidden, Problem::PortUnreachable).unwrap();
    }
    layer.send_error(NOW, &udp(), Problem::PortUnreachable).unwrap();
    assert_eq!((layer.network.sent.len(), layer.stats().errors_forbidden), (1, 1000));
}

#[test]
fn echo_is_answered_whatever_the_limit_of_errors() {
    let mut layer = Icmpv6::new(FakeNetwork::new([OURS]), 7).with_error_rate(0, 0);
    for _ in 0..100 {
        receive_icmp(&mut layer, message(128, 0, [0; 4], b""));
    }
    assert_eq!(layer.network.sent.len(), 100);
}

#[test]
fn what_the_network_rejects_is_told_to_the_sender_and_kept() {
    for (problem, bytes) in [
        (Problem::ReassemblyTimedOut, [3, 1, 0, 0, 0, 0]),
        (Problem::Parameter(4), [4, 0, 0, 0, 0, 4]),
        (Problem::ProtocolUnreachable, [4, 1, 0, 0, 0, 6]),
        (Problem::UnknownOption(42), [4, 2, 0, 0, 0, 42]),
        (Problem::IncompleteChain, [4, 3, 0, 0, 0, 0]),
    ] {
        let mut layer = layer();
        assert_eq!(receive(&mut layer, rejected_up(udp(), problem)), None);
        let [(to, sent)] = &layer.network.sent[..] else { panic!("one error") };
        assert_eq!(*to, outgoing(0));
        assert_eq!([&sent[..2], &sent[4..8]].concat(), bytes);
        assert_eq!(sent[8..], [&HEADER[..], &DATAGRAM].concat());
    }
}

#[test]
fn other_reports_from_below_are_handed_up() {
    let mut layer = layer();
    let ours = Packet { source: OURS, destination: PEER, ..udp() };
    let report = IcmpError { problem: Problem::HostUnreachable, reporter: ROUTER, packet: ours };
    let up = receive(&mut layer, error_up(report)).unwrap();
    assert!(up.starts_with("host unreachable from fe80::fe: fe80::2 > fe80::1 udp"));
    layer.unclaimed(NOW, error_up(report)).unwrap();
    assert_eq!(layer.stats().unwanted_errors, 1);
    assert!(layer.network.sent.is_empty());
}
