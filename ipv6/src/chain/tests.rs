use std::vec::Vec;

use super::*;

/// A packet without the fields of the IPv6 header that a chain does not need.
fn packet(next: u8, rest: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0; 40];
    bytes[6] = next;
    bytes.extend(rest);
    bytes
}

fn end_at(next: u8, rest: &[u8]) -> Option<(usize, Protocol)> {
    end(&packet(next, rest), Protocol(next), 40)
}

#[test]
fn a_packet_without_extension_headers_ends_at_once() {
    for next in [6, 17, 58, 50, 51, 4, 41, 255] {
        let expected = Outcome::Upper { end: 40, protocol: Protocol(next) };
        assert_eq!(follow(&packet(next, &[0; 20]), false, false), expected);
    }
}

/// The short way says what the long one finds.
#[test]
fn what_follows_the_header_at_once_is_told_by_its_number() {
    for next in 0..=255 {
        let found = follow(&packet(next, &[0; 20]), false, false);
        let upper = Outcome::Upper { end: 40, protocol: Protocol(next) };
        assert_eq!(is_upper(Protocol(next)), found == upper, "{next}");
    }
}

/// RFC 7112 3: the chain ends with the header of the transport.
#[test]
fn the_end_needs_the_header_of_the_transport() {
    for (next, needed) in [(6, 20), (17, 8), (58, 4), (132, 0), (59, 0)] {
        assert_eq!(end_at(next, &vec![0; needed]), Some((40, Protocol(next))));
        if needed > 0 {
            assert_eq!(end_at(next, &vec![0; needed - 1]), None);
        }
    }
    // Behind each kind of header; the length of an AH is in units of 4 bytes.
    for (next, header) in [
        (0, &[17, 0, 0, 0, 0, 0, 0, 0][..]),
        (60, &[17, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]),
        (43, &[17, 0, 0, 0, 0, 0, 0, 0]),
        (44, &[17, 9, 0, 0, 0, 0, 0, 0]),
        (51, &[17, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]),
    ] {
        let bytes = [header, &[0; 8]].concat();
        assert_eq!(end_at(next, &bytes), Some((40 + header.len(), Protocol::UDP)), "{next}");
        assert_eq!(end_at(next, &bytes[..bytes.len() - 1]), None, "{next}");
        assert_eq!(end_at(next, &header[..header.len() - 1]), None, "{next}");
    }
}

#[test]
fn a_chain_of_more_headers_than_are_followed_has_no_end() {
    let chain = |count: usize| {
        let mut bytes = [60, 0, 1, 4, 0, 0, 0, 0].repeat(count);
        bytes[(count - 1) * 8] = 17;
        [bytes, vec![0; 8]].concat()
    };
    let end = 40 + 8 * MAX_HEADERS;
    let most = chain(MAX_HEADERS);
    assert_eq!(end_at(60, &most), Some((end, Protocol::UDP)));
    let expected = Outcome::Upper { end, protocol: Protocol::UDP };
    assert_eq!(follow(&packet(60, &most), false, false), expected);
    let more = chain(MAX_HEADERS + 1);
    assert_eq!(end_at(60, &more), None);
    assert_eq!(follow(&packet(60, &more), false, false), Outcome::Dropped(Reason::TooMany));
}

/// Nothing is read beyond a packet that is cut anywhere.
#[test]
fn a_packet_cut_anywhere_does_no_harm() {
    let chain = [
        60, 0, 1, 4, 0, 0, 0, 0, // hop by hop
        43, 1, 0x1e, 12, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, // destination options
        44, 0, 4, 0, 0, 0, 0, 0, // routing
        60, 0, 0, 0, 0, 0, 0, 7, // an atomic fragment
        17, 0, 1, 4, 0, 0, 0, 0, // destination options
    ];
    let whole = packet(0, &[&chain[..], &[0; 8]].concat());
    let expected = Outcome::Upper { end: 88, protocol: Protocol::UDP };
    assert_eq!(follow(&whole, false, false), expected);
    for length in 40..88 {
        let outcome = follow(&whole[..length], false, false);
        assert_eq!(outcome, Outcome::Dropped(Reason::TooShort), "{length}");
    }
}
