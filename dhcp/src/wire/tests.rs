use std::{string::ToString, vec, vec::Vec};

use proptest::prelude::*;

use super::*;
use crate::server::{Reply, SERVER};

const MAC: MacAddr = MacAddr([2, 0, 10, 0, 0, 2]);

fn offer() -> Vec<u8> {
    Reply::new(MessageType::OFFER, MAC, 0x0102_0304).bytes()
}

#[test]
fn parse() {
    let bytes = offer();
    let message = Message::parse(&bytes).unwrap();
    assert_eq!((message.header.op, message.header.xid.get()), (BOOT_REPLY, 0x0102_0304));
    assert!(message.header.is_of(MAC) && !message.header.is_of(MacAddr([2, 0, 10, 0, 0, 3])));
    assert_eq!(message.kind, MessageType::OFFER);
    assert_eq!(message.options.get(options::SERVER_ID).unwrap().address(), Some(SERVER));
}

/// The places of the fields (RFC 2131 figure 1).
#[test]
fn each_field_is_at_its_place() {
    let mut bytes: Vec<u8> = (0..240).map(|at| at as u8).collect();
    bytes[236..].copy_from_slice(&MAGIC_COOKIE);
    bytes.extend([53, 1, 5, 255]);
    let Message { header, kind, .. } = Message::parse(&bytes).unwrap();
    assert_eq!([header.op, header.htype, header.hlen, header.hops], [0, 1, 2, 3]);
    assert_eq!(
        (header.xid.get(), header.secs.get(), header.flags.get()),
        (0x0405_0607, 0x0809, 0x0a0b)
    );
    assert_eq!([header.ciaddr, header.yiaddr], [[12, 13, 14, 15], [16, 17, 18, 19]]);
    assert_eq!([header.siaddr, header.giaddr], [[20, 21, 22, 23], [24, 25, 26, 27]]);
    assert_eq!((header.chaddr[0], header.chaddr[15]), (28, 43));
    assert_eq!((header.sname[0], header.file[0], header.file[127]), (44, 108, 235));
    assert_eq!(kind, MessageType::ACK);
}

#[test]
fn what_is_too_short_is_refused() {
    let bytes = offer();
    for length in 0..HEADER_LEN {
        assert_eq!(Message::parse(&bytes[..length]).unwrap_err(), ParseError::Short, "{length}");
    }
}

#[test]
fn without_the_cookie_it_is_refused() {
    for at in 236..240 {
        let mut bytes = offer();
        bytes[at] ^= 1;
        assert_eq!(Message::parse(&bytes).unwrap_err(), ParseError::Cookie);
    }
}

#[test]
fn a_message_of_bootp_is_refused() {
    let mut bytes = offer();
    bytes.truncate(HEADER_LEN);
    assert_eq!(Message::parse(&bytes).unwrap_err(), ParseError::NoType);
    bytes.push(options::END);
    assert_eq!(Message::parse(&bytes).unwrap_err(), ParseError::NoType);
}

#[test]
fn a_type_of_two_bytes_is_refused() {
    let mut bytes = offer();
    bytes.truncate(HEADER_LEN);
    for tail in [&[53, 2, 1, 2, 255][..], &[53, 0, 255], &[53, 1, 1, 53, 1, 1, 255]] {
        let bytes = [&bytes[..], tail].concat();
        assert_eq!(Message::parse(&bytes).unwrap_err(), ParseError::Type, "{tail:?}");
    }
}

#[test]
fn another_hardware_address_is_another_client() {
    let bytes = offer();
    // htype, hlen and each byte of the address.
    for at in [1, 2, 28, 29, 30, 31, 32, 33] {
        let mut bytes = bytes.clone();
        bytes[at] ^= 1;
        assert!(!Message::parse(&bytes).unwrap().header.is_of(MAC), "{at}");
    }
}

#[test]
fn types_and_errors_are_words() {
    assert_eq!(MessageType::NAK.to_string(), "DHCPNAK");
    assert_eq!(MessageType(9).to_string(), "message type 9");
    let error = ParseError::Options(OptionsError::Overrun(3)).to_string();
    assert_eq!(error, "option 3 reaches beyond the end of its field");
}

proptest! {
    /// Nothing panics, and what is read lies inside the message.
    #[test]
    fn any_bytes_are_a_message_or_not(bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
        let _ = Message::parse(&bytes);
    }

    /// Any options behind a right fixed part.
    #[test]
    fn any_options_are_read_or_refused(tail in proptest::collection::vec(any::<u8>(), 0..300)) {
        let mut bytes = offer();
        bytes.truncate(HEADER_LEN);
        bytes.extend(&tail);
        if let Ok(message) = Message::parse(&bytes) {
            let length: usize = message.options.iter().map(|(_, value)| value.len() + 2).sum();
            prop_assert!(length <= tail.len() + 128 + 64);
            for (code, _) in message.options.iter() {
                let value = message.options.get(code).unwrap();
                let whole: Vec<u8> = value.bytes().collect();
                prop_assert!(value.is(&whole));
            }
        }
    }

    /// What is written is read again, however it is cut into pieces and spread over the fields.
    #[test]
    fn a_value_in_pieces_is_whole(
        value in proptest::collection::vec(any::<u8>(), 1..60),
        cuts in (0_usize..60, 0_usize..60),
        code in 60_u8..255,
    ) {
        let (one, other) = (cuts.0.min(cuts.1).min(value.len()), cuts.0.max(cuts.1).min(value.len()));
        let piece = |part: &[u8]| [&[code, part.len() as u8][..], part].concat();
        let field = [&[53, 1, 2, 52, 1, 3][..], &piece(&value[..one]), &[255]].concat();
        // Up to 60 bytes fit `sname`, 64 bytes.
        let file = piece(&value[one..other]);
        let sname = piece(&value[other..]);
        let mut bytes = offer();
        bytes.truncate(HEADER_LEN);
        bytes[108..108 + file.len()].copy_from_slice(&file);
        bytes[44..44 + sname.len()].copy_from_slice(&sname);
        bytes.extend(field);
        let message = Message::parse(&bytes).unwrap();
        let read: Vec<u8> = message.options.get(code).unwrap().bytes().collect();
        prop_assert_eq!(read, value);
    }
}

#[test]
fn padding_counts_for_nothing() {
    let mut bytes = offer();
    bytes.truncate(HEADER_LEN);
    bytes.extend(vec![0; 300]);
    bytes.extend([53, 1, 2, 0, 0, 255, 7]);
    assert_eq!(Message::parse(&bytes).unwrap().options.iter().count(), 1);
}
