//! Messages that come in.

use core::net::IpAddr;

use super::*;

#[test]
fn echo_request() {
    let mut layer = layer();
    assert_eq!(receive_icmp(&mut layer, message(128, 0, [1, 2, 3, 4], b"ping!")), None);
    let reply = message_between([OURS, PEER], 129, 0, [1, 2, 3, 4], b"ping!");
    assert_eq!(layer.network.sent, [(outgoing(0), reply.to_vec())]);
    assert_eq!((layer.stats().echo_requests, layer.stats().messages_tx), (1, 1));
}

#[test]
fn echo_requests_of_every_size_are_answered() {
    for size in [0, 1, 2, 56, 1232, 1233, 8000, 65_507] {
        let data: Vec<u8> = (0..size).map(|i: u32| (i * 7 % 251) as u8).collect();
        let mut layer = layer();
        receive_icmp(&mut layer, message(128, 0, [1, 2, 3, 4], &data));
        let expected = message_between([OURS, PEER], 129, 0, [1, 2, 3, 4], &data);
        assert_eq!(layer.network.sent[0].1, expected, "{size}");
    }
}

/// RFC 4443 4.2: the answer comes from the address that was asked.
#[test]
fn the_address_that_was_asked_answers() {
    let other: IpAddr = "2001:db8::2".parse().unwrap();
    let mut layer = layer();
    layer.network.ours.push(other);
    let bytes = message_between([PEER, other], 128, 0, [0; 4], b"");
    receive(
        &mut layer,
        packet_up(Packet { destination: other, ..packet(Protocol::ICMPV6, bytes) }),
    );
    let reply = message_between([other, PEER], 129, 0, [0; 4], b"");
    assert_eq!(
        layer.network.sent,
        [(Outgoing { source: Some(other), ..outgoing(0) }, reply.to_vec())]
    );
}

/// RFC 4443 4.2: a request to a group is answered from an address of ours. One request may have many answers, so they are limited.
#[test]
fn a_request_to_a_group_is_answered_from_our_own_address() {
    let group = "ff02::1".parse().unwrap();
    let bytes = message_between([PEER, group], 128, 0, [0; 4], b"");
    let item = Packet { destination: group, broadcast: true, ..packet(Protocol::ICMPV6, bytes) };
    let mut asked = layer();
    receive(&mut asked, packet_up(item));
    let reply = message_between([OURS, PEER], 129, 0, [0; 4], b"");
    assert_eq!(asked.network.sent, [(outgoing(0), reply.to_vec())]);
    (0..200).for_each(|_| drop(receive(&mut asked, packet_up(item))));
    assert!((35..=70).contains(&asked.network.sent.len()), "{}", asked.network.sent.len());
    let limited = asked.stats().group_echo_requests_limited;
    assert_eq!(asked.stats().echo_requests + limited, 201);
}

#[test]
fn an_echo_reply_has_the_traffic_class_of_the_request_and_code_0() {
    let mut layer = layer();
    let item = packet(Protocol::ICMPV6, message(128, 9, [1, 2, 3, 4], b""));
    receive(&mut layer, packet_up(Packet { tos: 0xb8, ..item }));
    let reply = message_between([OURS, PEER], 129, 0, [1, 2, 3, 4], b"");
    assert_eq!(layer.network.sent, [(outgoing(0xb8), reply.to_vec())]);
}

#[test]
fn short_read() {
    let mut layer = layer();
    let request = message(128, 0, [0; 4], b"");
    for length in 0..8 {
        assert_eq!(receive_icmp(&mut layer, &request[..length]), None);
    }
    assert!(layer.network.sent.is_empty());
    assert_eq!((layer.stats().short, layer.stats().messages_rx), (8, 0));
}

#[test]
fn a_wrong_checksum_is_dropped() {
    let mut layer = layer();
    let mut damaged = message(128, 0, [0; 4], b"ping!").to_vec();
    damaged[12] ^= 1;
    let mut item = packet(Protocol::ICMPV6, damaged.leak());
    receive(&mut layer, packet_up(item));
    assert!(layer.network.sent.is_empty());
    assert_eq!((layer.stats().bad_checksum, layer.stats().messages_rx), (1, 0));
    // What the device verified, or what is blank, is not looked at.
    item.verify_checksum = false;
    receive(&mut layer, packet_up(item));
    assert_eq!(layer.network.sent.len(), 1);
}

/// RFC 4443 2.4 (b): what informs and is unknown is dropped silently.
#[test]
fn what_needs_no_answer_is_counted() {
    let mut layer = layer();
    for message_type in [129, 130, 135, 136, 137, 143, 144, 200, 255] {
        let payload = message(message_type, 0, [0; 4], &our_packet());
        assert_eq!(receive_icmp(&mut layer, payload), None, "type {message_type}");
    }
    assert!(layer.network.sent.is_empty());
    let stats = layer.stats();
    assert_eq!((stats.echo_replies, stats.hidden_discovery), (1, 5));
    assert_eq!((stats.unknown_types, stats.errors_rx), (3, 0));
}

/// RFC 4443 2.4 (a): an error whose type or code is unknown is handed up too.
#[test]
fn errors_are_handed_up() {
    let mut layer = layer();
    for (message_type, code, rest, words) in [
        (1, 0, [0; 4], "network unreachable"),
        (1, 1, [0; 4], "prohibited on the way"),
        (1, 4, [0; 4], "port unreachable"),
        (1, 99, [0; 4], "destination unreachable"),
        (3, 0, [0; 4], "time to live exceeded"),
        (3, 1, [0; 4], "fragment reassembly time exceeded"),
        (4, 0, [0, 0, 0, 9], "parameter problem at octet 9"),
        (4, 1, [0, 0, 0, 6], "protocol unreachable"),
        (5, 0, [0; 4], "destination unreachable"),
        (127, 3, [0; 4], "destination unreachable"),
    ] {
        let bytes = message_between([ROUTER, OURS], message_type, code, rest, &our_packet()[..48]);
        let item = Packet { source: ROUTER, ..packet(Protocol::ICMPV6, bytes) };
        let up = receive(&mut layer, packet_up(item)).unwrap();
        let quoted = "fe80::2 > fe80::1 udp [1f, 90, 13, 88, 00, 0c, 00, 00]";
        assert_eq!(up, format!("{words} from fe80::fe: {quoted}"));
    }
    assert_eq!(layer.stats().errors_rx, 10);
    assert!(layer.network.sent.is_empty() && layer.network.too_big.is_empty());
}

/// RFC 8201 4: an MTU below 1,280 is discarded, and so is one that does not make the packet shorter. The transport knows what it
/// sent, and passes the MTU down if it was that.
#[test]
fn a_packet_that_was_too_big_is_handed_up_with_what_can_be_true_of_it() {
    let mut layer = layer();
    let mut full = our_packet();
    full[4..6].copy_from_slice(&1460u16.to_be_bytes());
    for (mtu, is_true) in [
        (1400u32, true),
        (1280, true),
        (1499, true),
        (1279, false),
        (0, false),
        (68, false),
        (1500, false),
        (u32::MAX, false),
    ] {
        let up = receive_icmp(&mut layer, message(2, 0, mtu.to_be_bytes(), &full));
        let words = format!("too big, MTU {mtu} from fe80::1");
        assert_eq!(up.is_some_and(|up| up.starts_with(&words)), is_true, "{mtu}");
    }
    assert!(layer.network.too_big.is_empty());
    assert_eq!((layer.stats().bad_mtus, layer.stats().errors_rx), (5, 3));
}

#[test]
fn errors_about_nothing_of_ours_are_dropped() {
    let mut layer = layer();
    let changed = |at: usize, byte: u8| {
        let mut packet = our_packet();
        packet[at] = byte;
        message(1, 4, [0; 4], &packet)
    };
    assert_eq!(receive_icmp(&mut layer, changed(23, 3)), None);
    assert_eq!(layer.stats().errors_not_ours, 1);
    let mut fragment = our_packet();
    fragment[6] = 44;
    fragment.splice(40..40, [17, 0, 0, 8, 0, 0, 0, 1]);
    assert_eq!(receive_icmp(&mut layer, message(1, 4, [0; 4], &fragment)), None);
    assert_eq!(layer.stats().errors_of_fragments, 1);
    assert_eq!(receive_icmp(&mut layer, changed(0, 0x44)), None);
    assert_eq!(receive_icmp(&mut layer, message(1, 4, [0; 4], &our_packet()[..47])), None);
    assert_eq!(receive_icmp(&mut layer, message(1, 4, [0; 4], b"")), None);
    assert_eq!(layer.stats().malformed_errors, 3);
    assert_eq!(layer.stats().errors_rx, 0);
}

/// No input panics or is answered by an error: every length, and every value of every byte.
#[test]
fn no_message_does_harm() {
    let mut layer = layer();
    for original in [message(128, 0, [0; 4], b"ping!"), message(2, 0, [0; 4], &our_packet())] {
        for length in 0..=original.len() {
            receive_icmp(&mut layer, &original[..length]);
        }
        for at in 0..original.len() {
            for value in 0..=255 {
                let mut changed = original.to_vec();
                changed[at] = value;
                let (header, data) = Icmpv6Header::parse(&changed, [PEER, OURS], false).unwrap();
                let _ = (format!("{header}"), quote::original(data).is_ok());
                let changed = message(changed[0], changed[1], [0; 4], &changed[8..]);
                receive_icmp(&mut layer, changed);
            }
        }
    }
    assert!(layer.network.sent.iter().all(|(_, reply)| reply[0] == 129));
    assert_eq!(layer.stats().errors_tx, 0);
}

#[test]
fn an_answer_that_cannot_be_sent_is_counted() {
    let mut layer = layer();
    layer.network.unreachable = Some(PEER);
    assert_eq!(receive_icmp(&mut layer, message(128, 0, [0; 4], b"")), None);
    assert_eq!((layer.stats().not_sent, layer.stats().messages_tx), (1, 0));
}

#[test]
fn a_broken_device_is_an_error() {
    let mut layer = layer();
    layer.network.broken = true;
    let item = packet(Protocol::ICMPV6, message(128, 0, [0; 4], b""));
    layer.network.incoming.push_back(packet_up(item));
    with_region(|region| assert!(matches!(layer.receive(NOW, region), Err(Broken))));
}

#[test]
fn without_room_for_what_it_says_an_error_is_lost_and_counted() {
    let mut layer = layer();
    let item = packet(Protocol::ICMPV6, message(1, 4, [0; 4], &our_packet()));
    layer.network.incoming.push_back(packet_up(item));
    let mut room = rt_regions::Finite::<8>::new();
    assert!(matches!(layer.receive(NOW, &room.region("full")), Ok(Rx::Handled)));
    assert_eq!((layer.stats().errors_no_room, layer.stats().errors_rx), (1, 0));
    assert!(receive(&mut layer, packet_up(item)).is_some());
}
