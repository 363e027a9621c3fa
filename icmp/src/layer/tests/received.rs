//! Messages that come in.

use super::*;

#[test]
fn echo_request() {
    let mut layer = layer();
    assert_eq!(receive_icmp(&mut layer, &ECHO_REQUEST), None);
    assert_eq!(layer.network.sent, [(outgoing(0), ECHO_REPLY.to_vec())]);
    assert_eq!((layer.stats().echo_requests, layer.stats().messages_tx), (1, 1));
}

#[test]
fn echo_requests_of_every_size_are_answered() {
    for size in [0, 1, 2, 56, 1472, 1473, 8000, 65_507] {
        let data: Vec<u8> = (0..size).map(|i: u32| (i * 7 % 251) as u8).collect();
        let mut layer = layer();
        receive_icmp(&mut layer, message(8, 0, [1, 2, 3, 4], &data));
        let expected = message(0, 0, [1, 2, 3, 4], &data);
        assert_eq!(layer.network.sent[0].1, expected, "{size}");
    }
}

#[test]
fn an_echo_reply_has_the_service_type_of_the_request_and_code_0() {
    let mut layer = layer();
    let mut item = packet(Protocol::ICMP, message(8, 9, [1, 2, 3, 4], b""));
    item.tos = 0xb8;
    receive(&mut layer, packet_up(item));
    assert_eq!(layer.network.sent, [(outgoing(0xb8), message(0, 0, [1, 2, 3, 4], b"").to_vec())]);
}

#[test]
fn echo_silent() {
    let mut layer = layer();
    let mut item = packet(Protocol::ICMP, &ECHO_REQUEST);
    item.broadcast = true;
    assert_eq!(receive(&mut layer, packet_up(item)), None);
    assert!(layer.network.sent.is_empty());
    assert_eq!((layer.stats().broadcast_echo_requests, layer.stats().echo_requests), (1, 0));
}

#[test]
fn short_read() {
    let mut layer = layer();
    for length in 0..8 {
        assert_eq!(receive_icmp(&mut layer, &ECHO_REQUEST[..length]), None);
    }
    assert!(layer.network.sent.is_empty());
    assert_eq!((layer.stats().short, layer.stats().messages_rx), (8, 0));
}

#[test]
fn a_wrong_checksum_is_dropped() {
    let mut layer = layer();
    let mut damaged = ECHO_REQUEST;
    damaged[12] ^= 1;
    let mut item = packet(Protocol::ICMP, damaged.to_vec().leak());
    receive(&mut layer, packet_up(item));
    assert!(layer.network.sent.is_empty());
    assert_eq!((layer.stats().bad_checksum, layer.stats().messages_rx), (1, 0));
    // What the device verified, or what is blank, is not looked at.
    item.verify_checksum = false;
    receive(&mut layer, packet_up(item));
    assert_eq!(layer.network.sent.len(), 1);
}

#[test]
fn what_needs_no_answer_is_counted() {
    let mut layer = layer();
    for (message_type, code) in [(0, 0), (4, 0), (5, 1), (13, 0), (17, 0), (42, 0), (11, 2)] {
        let payload = message(message_type, code, [0; 4], &OUR_PACKET);
        assert_eq!(receive_icmp(&mut layer, payload), None, "type {message_type}");
    }
    assert!(layer.network.sent.is_empty());
    let stats = layer.stats();
    assert_eq!((stats.echo_replies, stats.source_quenches, stats.redirects), (1, 1, 1));
    assert_eq!((stats.unknown_types, stats.errors_rx), (4, 0));
}

#[test]
fn errors_are_handed_up() {
    let mut layer = layer();
    for (message_type, code, rest, words) in [
        (3, 0, [0; 4], "network unreachable"),
        (3, 3, [0; 4], "port unreachable"),
        (3, 13, [0; 4], "prohibited on the way"),
        (11, 0, [0; 4], "time to live exceeded"),
        (11, 1, [0; 4], "fragment reassembly time exceeded"),
        (12, 0, [9, 0, 0, 0], "parameter problem at octet 9"),
    ] {
        let mut item = packet(Protocol::ICMP, message(message_type, code, rest, &OUR_PACKET[..28]));
        item.source = ROUTER;
        let up = receive(&mut layer, packet_up(item)).unwrap();
        let quoted = "10.0.0.2 > 10.0.0.1 udp [1f, 90, 13, 88, 00, 0c, 00, 00]";
        assert_eq!(up, format!("{words} from 10.0.0.254: {quoted}"));
    }
    assert_eq!(layer.stats().errors_rx, 6);
    assert!(layer.network.sent.is_empty() && layer.network.too_big.is_empty());
}

#[test]
fn what_is_handed_up_is_not_a_copy() {
    let mut layer = layer();
    let payload = message(3, 3, [0; 4], &OUR_PACKET);
    layer.network.incoming.push_back(packet_up(packet(Protocol::ICMP, payload)));
    with_region(|region| {
        let Ok(Rx::Item(Delivery::Error(report))) = layer.receive(NOW, region) else {
            panic!("not handed up")
        };
        assert!(core::ptr::eq(report.packet.header, &payload[8..28]));
        assert!(core::ptr::eq(report.packet.payload, &payload[28..]));
    });
}

/// The transport knows what it sent, and passes the MTU down if it was that.
#[test]
fn fragmentation_needed_is_handed_up_with_what_can_be_true_of_it() {
    let mut layer = layer();
    let mut full = OUR_PACKET;
    full[2..4].copy_from_slice(&1500u16.to_be_bytes());
    let mut hear = |packet: &[u8], said: u16, meant: u16| {
        let [high, low] = said.to_be_bytes();
        let up = receive_icmp(&mut layer, message(3, 4, [0, 0, high, low], packet)).unwrap();
        assert!(up.starts_with(&format!("too big, MTU {meant} from 10.0.0.1")), "{up}");
    };
    full[6] = 0x40;
    for (said, meant) in [(1400, 1400), (68, 68), (67, 0), (0, 1492), (1499, 1499), (1500, 0)] {
        hear(&full, said, meant);
    }
    // Nobody says so of what may be fragmented.
    full[6] = 0;
    hear(&full, 1400, 0);
    hear(&full, 0, 0);
    assert!(layer.network.too_big.is_empty());
    assert_eq!((layer.stats().bad_mtus, layer.stats().errors_rx), (4, 8));
}

/// RFC 5927 4: TCP believes such an error only if the sequence number that it quotes is under way, so the error is handed
/// up with the number, and changes nothing by itself.
#[test]
fn fragmentation_needed_of_a_segment_is_tcp_s_to_believe() {
    let mut layer = layer();
    let mut segment = OUR_PACKET;
    segment[2..4].copy_from_slice(&1500u16.to_be_bytes());
    (segment[6], segment[9]) = (0x40, Protocol::TCP.0);
    segment[24..28].copy_from_slice(&[0xfe, 0xdc, 0xba, 0x98]);
    // Routers need quote no more than the first 8 bytes (RFC 792).
    let up = receive_icmp(&mut layer, message(3, 4, [0, 0, 5, 0], &segment[..28])).unwrap();
    let quoted = "10.0.0.2 > 10.0.0.1 tcp [1f, 90, 13, 88, fe, dc, ba, 98]";
    assert_eq!(up, format!("too big, MTU 1280 from 10.0.0.1: {quoted}"));
    assert!(layer.network.too_big.is_empty());
}

#[test]
fn errors_about_nothing_of_ours_are_dropped() {
    let mut layer = layer();
    let changed = |at: usize, byte: u8| {
        let mut packet = OUR_PACKET;
        packet[at] = byte;
        message(3, 4, [0, 0, 5, 0], &packet)
    };
    assert_eq!(receive_icmp(&mut layer, changed(15, 3)), None);
    assert_eq!(layer.stats().errors_not_ours, 1);
    assert_eq!(receive_icmp(&mut layer, changed(7, 1)), None);
    assert_eq!(layer.stats().errors_of_fragments, 1);
    assert_eq!(receive_icmp(&mut layer, changed(0, 0x44)), None);
    assert_eq!(receive_icmp(&mut layer, message(3, 4, [0, 0, 5, 0], &OUR_PACKET[..27])), None);
    assert_eq!(receive_icmp(&mut layer, message(3, 4, [0, 0, 5, 0], b"")), None);
    assert_eq!(layer.stats().malformed_errors, 3);
    assert!(layer.network.too_big.is_empty());
    assert_eq!(layer.stats().errors_rx, 0);
}

/// No input panics or is answered by an error: every length, and every value of every byte.
#[test]
fn no_message_does_harm() {
    let mut layer = layer();
    for original in [&ECHO_REQUEST[..], message(3, 4, [0, 0, 0, 0], &OUR_PACKET)] {
        for length in 0..=original.len() {
            receive_icmp(&mut layer, &original[..length]);
        }
        let bytes: &'static mut [u8] = original.to_vec().leak();
        for at in 0..bytes.len() {
            for value in 0..=255 {
                let mut changed = bytes.to_vec();
                changed[at] = value;
                let (header, data) = IcmpHeader::parse(&changed, false).unwrap();
                let _ = (format!("{header}"), quote::original(data).is_ok());
                let changed = message(changed[0], changed[1], [0; 4], &changed[8..]);
                receive_icmp(&mut layer, changed);
            }
        }
    }
    assert!(layer.network.sent.iter().all(|(_, reply)| reply[0] == 0));
    assert_eq!(layer.stats().errors_tx, 0);
}

#[test]
fn an_answer_that_cannot_be_sent_is_counted() {
    let mut layer = layer();
    layer.network.unreachable = Some(PEER);
    assert_eq!(receive_icmp(&mut layer, &ECHO_REQUEST), None);
    assert_eq!((layer.stats().not_sent, layer.stats().messages_tx), (1, 0));
}

#[test]
fn a_broken_device_is_an_error() {
    let mut layer = layer();
    layer.network.broken = true;
    layer.network.incoming.push_back(packet_up(packet(Protocol::ICMP, &ECHO_REQUEST)));
    with_region(|region| assert!(matches!(layer.receive(NOW, region), Err(Broken))));
}

#[test]
fn without_room_for_what_it_says_an_error_is_lost_and_counted() {
    let mut layer = layer();
    let item = packet(Protocol::ICMP, message(3, 3, [0; 4], &OUR_PACKET));
    layer.network.incoming.push_back(packet_up(item));
    let mut room = rt_regions::Finite::<8>::new();
    assert!(matches!(layer.receive(NOW, &room.region("full")), Ok(Rx::Handled)));
    assert_eq!((layer.stats().errors_no_room, layer.stats().errors_rx), (1, 0));
    assert!(receive(&mut layer, packet_up(item)).is_some());
}
