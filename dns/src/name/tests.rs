use std::{format, string::String, string::ToString, vec, vec::Vec};

use proptest::prelude::*;

use super::*;

fn name(text: &str) -> Name {
    text.parse().unwrap()
}

/// A message whose bytes behind the header are these.
fn message(bytes: &[u8]) -> Vec<u8> {
    [&[0xff; HEADER_LEN], bytes].concat()
}

#[test]
fn a_name_is_its_labels_and_the_root() {
    assert_eq!(name("www.example.org").as_bytes(), b"\x03www\x07example\x03org\0");
    assert_eq!(name("www.example.org.").as_bytes(), b"\x03www\x07example\x03org\0");
    assert_eq!(
        (name(".").as_bytes(), name("_dns._udp.a-1").as_bytes()),
        (&b"\0"[..], &b"\x04_dns\x04_udp\x03a-1\0"[..])
    );
    assert!(name(".").view().is_root() && !name("a").view().is_root());
}

#[test]
fn what_is_no_name_is_refused_with_the_reason() {
    let long = "a".repeat(64);
    for (text, error) in [
        ("", NameError::Empty),
        ("..", NameError::EmptyLabel),
        (".a", NameError::EmptyLabel),
        ("a..b", NameError::EmptyLabel),
        ("a..", NameError::EmptyLabel),
        (&long, NameError::LongLabel(64)),
        ("a b", NameError::Character(' ')),
        ("a/b", NameError::Character('/')),
        ("a\0", NameError::Character('\0')),
        ("bücher.de", NameError::Character('ü')),
        ("-a.b", NameError::Hyphen),
        ("a.b-", NameError::Hyphen),
    ] {
        assert_eq!(text.parse::<Name>(), Err(error), "{text}");
        assert!(!error.to_string().is_empty());
    }
    assert!(NameError::Character('ü').to_string().contains("xn--"));
}

#[test]
fn a_name_has_255_bytes_at_most() {
    let of = |last: usize| {
        let label = "a".repeat(63);
        format!("{label}.{label}.{label}.{}", "b".repeat(last))
    };
    assert_eq!(name(&of(61)).as_bytes().len(), 255);
    assert_eq!(of(62).parse::<Name>(), Err(NameError::Long));
    let name = name(&of(61));
    let bytes = message(name.as_bytes());
    let (view, end) = NameRef::parse(&bytes, HEADER_LEN).unwrap();
    assert_eq!((view.to_name(), end), (name, HEADER_LEN + 255));
    // One byte more, as a label of one byte in front of a pointer to it.
    let mut longer = bytes.clone();
    longer.extend([1, b'x', 0xc0, HEADER_LEN as u8]);
    assert_eq!(NameRef::parse(&longer, bytes.len()).unwrap_err(), ParseError::LongName);
}

#[test]
fn upper_and_lower_case_are_equal() {
    assert_eq!(name("WWW.Example.ORG"), name("www.example.org"));
    assert_eq!(name("WWW.Example.ORG").view(), name("www.example.org").view());
    assert_ne!(name("www.example.org"), name("ww.wexample.org"));
    assert_ne!(name("www.example.org"), name("example.org"));
    let lower = name("WWW.Example.ORG").to_lowercase();
    assert_eq!(lower.as_bytes(), name("www.example.org").as_bytes());
    assert_eq!(name("WWW.Example.ORG").to_string(), "WWW.Example.ORG");
    // Only letters: `[` and `{` differ in the same bit.
    let (one, other) = (message(b"\x01[\0"), message(b"\x01{\0"));
    let parse = |bytes| NameRef::parse(bytes, HEADER_LEN).unwrap().0;
    assert_ne!(parse(&one), parse(&other));
}

#[test]
fn a_name_is_in_its_zone() {
    let within = |one, other| name(one).view().is_within(name(other).view());
    assert!(within("www.example.org", "EXAMPLE.org") && within("example.org", "example.org"));
    assert!(within("example.org", ".") && within(".", "."));
    assert!(!within("example.org", "www.example.org") && !within("badexample.org", "example.org"));
    assert!(!within("example.com", "example.org"));
}

#[test]
fn what_cannot_be_printed_is_escaped() {
    let bytes = message(b"\x06a.b\\ \x07\0");
    let (name, _) = NameRef::parse(&bytes, HEADER_LEN).unwrap();
    assert_eq!(name.to_string(), "a\\046b\\092\\032\\007");
    assert_eq!(Name::ROOT.to_string(), ".");
}

/// The example of RFC 1035 4.1.4.
#[test]
fn a_pointer_stands_for_the_rest_of_a_name() {
    let mut bytes = vec![0; 93];
    bytes[20..32].copy_from_slice(b"\x01F\x03ISI\x04ARPA\0");
    bytes[40..46].copy_from_slice(b"\x03FOO\xc0\x14");
    bytes[64..66].copy_from_slice(b"\xc0\x1a");
    let at = |at| {
        let (name, end) = NameRef::parse(&bytes, at).unwrap();
        (name.to_string(), end)
    };
    assert_eq!(at(20), ("F.ISI.ARPA".into(), 32));
    assert_eq!(at(40), ("FOO.F.ISI.ARPA".into(), 46));
    assert_eq!(at(64), ("ARPA".into(), 66));
    assert_eq!(at(92), (".".into(), 93));
}

#[test]
fn pointers_lead_back_and_not_into_the_header() {
    let refused = |bytes: &[u8], at: usize| {
        NameRef::parse(&message(bytes), HEADER_LEN + at).unwrap_err() == ParseError::Pointer
    };
    // To itself, forward, into the header, to each other, and around by a label.
    assert!(refused(b"\xc0\x0c", 0));
    assert!(refused(b"\xc0\x0e\0", 0));
    assert!(refused(b"\xc0\x00\0", 0) && refused(b"\xc0\x0b\0", 0));
    assert!(refused(b"\xc0\x0e\xc0\x0c", 0) && refused(b"\xc0\x0e\xc0\x0c", 2));
    assert!(refused(b"\x01a\xc0\x0c", 0) && refused(b"\x01a\xc0\x0c", 2));
}

#[test]
fn no_more_pointers_follow_each_other_than_a_name_has_labels() {
    // The root, and pointers, each to the one before.
    let mut bytes = message(&[0]);
    for index in 0..200_usize {
        let target = if index == 0 { HEADER_LEN } else { bytes.len() - 2 };
        bytes.extend((0xc000 | target as u16).to_be_bytes());
    }
    let at = |index: usize| NameRef::parse(&bytes, HEADER_LEN + 1 + 2 * index);
    assert!(at(126).is_ok_and(|(name, _)| name.is_root()));
    assert_eq!(at(127).unwrap_err(), ParseError::Pointer);
}

#[test]
fn labels_of_other_kinds_and_names_without_an_end_are_refused() {
    for first in 0x40..0xc0 {
        let bytes = message(&[&[first][..], &[0; 200]].concat());
        assert_eq!(NameRef::parse(&bytes, HEADER_LEN).unwrap_err(), ParseError::LabelType);
    }
    for bytes in [&b""[..], b"\x01", b"\x01a", b"\x05abcd\0", b"\xc0"] {
        let bytes = message(bytes);
        assert_eq!(NameRef::parse(&bytes, HEADER_LEN).unwrap_err(), ParseError::Short);
    }
}

proptest! {
    #[test]
    fn a_text_is_the_name_that_it_shows(labels in prop::collection::vec("[a-zA-Z0-9_]{1,20}", 1..10)) {
        let text: String = labels.join(".");
        let name: Name = text.parse().unwrap();
        prop_assert_eq!(name.to_string(), text);
        prop_assert_eq!(name.view().labels().count(), labels.len());
        let copy = name.view().to_name();
        prop_assert_eq!(copy.as_bytes(), name.as_bytes());
    }

    #[test]
    fn any_text_is_a_name_or_is_refused(text in "[a-z.\\-A ü]{0,80}") {
        if let Ok(name) = text.parse::<Name>() {
            prop_assert!(name.as_bytes().len() <= MAX_NAME);
            prop_assert_eq!(name.to_string().parse(), Ok(name));
        }
    }

    #[test]
    fn any_bytes_are_a_name_that_ends_or_none(
        bytes in prop::collection::vec(prop_oneof![0_u8..4, 0xc0_u8..0xc1, 12_u8..60, any::<u8>()], 0..100),
        at in 0_usize..120,
    ) {
        let bytes = message(&bytes);
        if let Ok((name, end)) = NameRef::parse(&bytes, at) {
            prop_assert!(at < end && end <= bytes.len());
            let copy = name.to_name();
            prop_assert!(copy.as_bytes().len() <= MAX_NAME);
            prop_assert_eq!(copy.view(), name);
            prop_assert!(name.labels().all(|label| (1..=MAX_LABEL).contains(&label.len())));
        }
    }
}
