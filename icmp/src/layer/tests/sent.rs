//! Errors that go out.

use super::*;

const DATAGRAM: [u8; 12] = [0x13, 0x88, 0x1f, 0x90, 0, 12, 0, 0, 1, 2, 3, 4];

fn udp() -> Packet<'static> {
    packet(Protocol::UDP, &DATAGRAM)
}

/// What is sent when `packet` is rejected.
fn rejected(packet: &Packet<'_>) -> Vec<Vec<u8>> {
    let mut layer = layer();
    layer.send_error(NOW, packet, Problem::PortUnreachable).unwrap();
    let sent = layer.network.sent.len() as u64;
    assert_eq!((layer.stats().errors_tx, layer.stats().errors_forbidden), (sent, 1 - sent));
    layer.network.sent.into_iter().map(|(_, bytes)| bytes).collect()
}

#[test]
fn write_errors() {
    let mut layer = layer();
    layer.send_error(NOW, &Packet { tos: 0xb8, ..udp() }, Problem::PortUnreachable).unwrap();
    let expected = [&[3, 3, 0xc5, 0xd2, 0, 0, 0, 0], &HEADER[..], &DATAGRAM].concat();
    assert_eq!(layer.network.sent, [(outgoing(0), expected)]);
    assert_eq!((layer.stats().errors_tx, layer.stats().messages_tx), (1, 1));
}

#[test]
fn every_error_is_valid_for_whom_it_is_sent_to() {
    for problem in [
        Problem::ProtocolUnreachable,
        Problem::TooBig(1400),
        Problem::TtlExceeded,
        Problem::Parameter(20),
    ] {
        let mut layer = layer();
        layer.send_error(NOW, &udp(), problem).unwrap();
        let (header, quoted) = IcmpHeader::parse(&layer.network.sent[0].1, true).unwrap();
        assert_eq!(header.problem(), Some(problem));
        let (packet, _) = quote::original(quoted).unwrap();
        assert_eq!((packet.destination, packet.payload), (OURS, &DATAGRAM[..]));
    }
}

#[test]
fn no_more_than_576_bytes_are_sent() {
    let payload: Vec<u8> = (0..=255).cycle().take(1480).collect();
    for (options, total) in [(0, 1500), (40, 1500), (0, 575), (0, 20 + 549)] {
        let mut header = HEADER.to_vec();
        header.extend(vec![1; options]);
        header[0] = 0x40 | (header.len() / 4) as u8;
        header[2..4].copy_from_slice(&(total as u16).to_be_bytes());
        let length = total - header.len();
        let item = Packet { header: &header, ..packet(Protocol::UDP, &payload[..length]) };
        let sent = rejected(&item).remove(0);
        assert_eq!(sent[8..], [&header[..], &payload].concat()[..548], "{options} {total}");
        assert_eq!(20 + sent.len(), 576);
    }
}

/// The header is that of the first fragment: what it says of its length is what is quoted.
#[test]
fn of_a_reassembled_packet_the_first_fragment_is_quoted() {
    let mut header = HEADER;
    header[6] = 0x20;
    let sent = rejected(&Packet { header: &header, ..packet(Protocol::UDP, &[7; 300]) });
    assert_eq!(sent[0][8..], [&header[..], &[7; 12]].concat());
}

#[test]
fn never_about_an_icmp_error() {
    for message_type in [3, 4, 5, 11, 12, 1, 40, 255] {
        let payload = [message_type, 0, 0, 0, 0, 0, 0, 0, 9, 9, 9, 9];
        assert!(rejected(&packet(Protocol::ICMP, &payload)).is_empty(), "type {message_type}");
    }
    assert!(rejected(&packet(Protocol::ICMP, b"")).is_empty());
    assert_eq!(rejected(&packet(Protocol::ICMP, &ECHO_REQUEST)).len(), 1);
    assert_eq!(rejected(&packet(Protocol::ICMP, &ECHO_REPLY)).len(), 1);
}

#[test]
fn never_about_a_broadcast() {
    assert!(rejected(&Packet { broadcast: true, ..udp() }).is_empty());
}

#[test]
fn never_about_a_fragment_other_than_the_first() {
    for (high, low, answers) in
        [(0x20, 0, 1), (0x40, 0, 1), (0, 1, 0), (0x20, 185, 0), (0x1f, 0xff, 0)]
    {
        let mut header = HEADER;
        header[6..8].copy_from_slice(&[high, low]);
        assert_eq!(rejected(&Packet { header: &header, ..udp() }).len(), answers, "{high} {low}");
    }
}

#[test]
fn never_to_what_is_not_one_host() {
    for source in [[0, 0, 0, 0], [127, 0, 0, 1], [224, 0, 0, 5], [255; 4], [250, 1, 2, 3]] {
        assert!(rejected(&Packet { source: source.into(), ..udp() }).is_empty(), "{source:?}");
    }
}

#[test]
fn never_about_what_has_no_ipv4_header() {
    for header in [&[][..], &HEADER[..19], &[0x60; 40]] {
        assert!(rejected(&Packet { header, ..udp() }).is_empty());
    }
}

#[test]
fn errors_are_limited() {
    let mut layer = layer();
    let reject = |layer: &mut Icmp<FakeNetwork>, millis: u64, times: usize| {
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
    let mut silent = Icmp::new(FakeNetwork::default(), 7).with_error_rate(0, 0);
    assert_eq!(reject(&mut silent, 0, 5), 0);
}

/// However many there are, each sends some.
#[test]
fn the_limit_of_errors_is_divided_among_towers() {
    for count in [0, 1, 2, 7, 32, 101, u32::MAX] {
        let (mut at_once, mut later) = (0, 0);
        for seed in 0..u128::from(count.clamp(1, 101)) {
            let mut layer = Icmp::new(FakeNetwork::default(), seed).with_part(count);
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

/// Whoever sends datagrams to closed ports in others' names, and then one in its own, cannot tell by its answer
/// whether one of those ports was open (CVE-2020-25705).
#[test]
fn how_many_errors_others_had_cannot_be_counted() {
    // How many of 100 are answered, after so many to others.
    let answered = |seed, others: usize| {
        let mut layer = Icmp::new(FakeNetwork::default(), seed);
        for _ in 0..others + 100 {
            layer.send_error(NOW, &udp(), Problem::PortUnreachable).unwrap();
        }
        layer.network.sent.len().saturating_sub(others)
    };
    let answers: Vec<_> =
        (0..200).map(|seed| [answered(seed, 48), answered(seed + 1000, 49)]).collect();
    let mut counts = answers.concat();
    counts.sort_unstable();
    counts.dedup();
    assert!(counts.len() > 8, "{counts:?}");
    // More were sent to others, and as many are left, or more, nearly every other time.
    let misled = answers.iter().filter(|[fewer, more]| more >= fewer).count();
    assert!((60..160).contains(&misled), "{misled} of 200");
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
    let mut layer = Icmp::new(FakeNetwork::default(), 7).with_error_rate(0, 0);
    for _ in 0..100 {
        receive_icmp(&mut layer, &ECHO_REQUEST);
    }
    assert_eq!(layer.network.sent.len(), 100);
}

#[test]
fn reassembly_that_timed_out_is_told_to_the_sender_and_kept() {
    let mut layer = layer();
    let problem = Problem::ReassemblyTimedOut;
    assert_eq!(receive(&mut layer, rejected_up(udp(), problem)), None);
    let (header, quoted) = IcmpHeader::parse(&layer.network.sent[0].1, true).unwrap();
    assert_eq!((header.message_type, header.code), (MessageType::TIME_EXCEEDED, 1));
    assert_eq!(quoted, [&HEADER[..], &DATAGRAM].concat());
    // The rules hold here too.
    let packet = Packet { broadcast: true, ..udp() };
    receive(&mut layer, rejected_up(packet, problem));
    assert_eq!((layer.network.sent.len(), layer.stats().errors_forbidden), (1, 1));
}

#[test]
fn a_bad_header_is_told_to_the_sender_and_kept() {
    for (problem, bytes) in [
        (Problem::Parameter(21), [12, 0, 21, 0, 0, 0]),
        (Problem::SourceRouteFailed, [3, 5, 0, 0, 0, 0]),
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
    // About a packet of our own: that is for the transport.
    let ours = Packet { source: OURS, destination: PEER, ..udp() };
    for problem in [Problem::HostUnreachable, Problem::ReassemblyTimedOut] {
        let report = IcmpError { problem, reporter: ROUTER, packet: ours };
        let up = receive(&mut layer, error_up(report)).unwrap();
        assert!(up.starts_with(&format!("{problem} from 10.0.0.254: 10.0.0.2 > 10.0.0.1 udp")));
    }
    assert!(layer.network.sent.is_empty());
}

#[test]
fn what_nobody_wants_is_answered_by_protocol_unreachable() {
    let mut layer = layer();
    let item = packet(Protocol(132), &DATAGRAM);
    layer.unclaimed(NOW, packet_up(item)).unwrap();
    assert_eq!(layer.network.sent[0].1[..2], [3, 2]);
    let report = IcmpError { problem: Problem::TtlExceeded, reporter: ROUTER, packet: item };
    layer.unclaimed(NOW, error_up(report)).unwrap();
    assert_eq!(layer.network.sent.len(), 1);
    assert_eq!((layer.stats().unknown_protocol, layer.stats().unwanted_errors), (1, 1));
}

/// An address that is no longer ours is no source: the network chooses.
#[test]
fn an_error_about_a_packet_to_what_is_not_our_address_comes_from_one_that_is() {
    let mut layer = layer();
    layer.network.ours = ["10.0.0.3".parse().unwrap()].into();
    layer.send_error(NOW, &udp(), Problem::PortUnreachable).unwrap();
    assert_eq!(layer.network.sent[0].0.source, None);
}
