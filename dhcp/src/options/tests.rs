use std::{format, string::ToString, vec::Vec};

use super::*;

fn parse(field: &[u8]) -> Result<Options<'_>, OptionsError> {
    Options::parse(field, &[], &[])
}

fn bytes(options: Options<'_>, code: u8) -> Option<Vec<u8>> {
    options.get(code).map(|value| value.bytes().collect())
}

#[test]
fn options_end_where_the_end_is_or_the_field() {
    let options = parse(&[0, 1, 4, 255, 255, 255, 0, 0, 51, 1, 7, 255, 3, 99]).unwrap();
    assert_eq!(format!("{options:?}"), "{1: [255, 255, 255, 0], 51: [7]}");
    assert_eq!(bytes(options, 3), None);
    assert_eq!(bytes(parse(&[51, 1, 7]).unwrap(), 51), Some([7].into()));
    assert!(parse(&[]).unwrap().iter().next().is_none());
}

#[test]
fn an_option_that_reaches_beyond_its_field_is_refused() {
    for field in [&[3][..], &[3, 1], &[3, 4, 1, 2, 3], &[0, 0, 3], &[51, 1, 7, 3, 255, 1]] {
        assert_eq!(parse(field), Err(OptionsError::Overrun(3)), "{field:?}");
    }
    let file = [3, 9, 1];
    assert_eq!(Options::parse(&[52, 1, 1], &file, &[]), Err(OptionsError::Overrun(3)));
    // A field that holds no options is not looked at.
    assert!(Options::parse(&[52, 1, 2], &file, &[]).is_ok());
}

/// RFC 2132 9.3.
#[test]
fn the_overload_says_which_fields_hold_options() {
    let (file, sname) = ([66, 1, 1, 255], [66, 1, 2, 255]);
    for (overload, expected) in
        [(None, None), (Some(1), Some(&[1][..])), (Some(2), Some(&[2])), (Some(3), Some(&[1, 2]))]
    {
        let field = overload.map_or([255; 3], |overload| [52, 1, overload]);
        let options = Options::parse(&field, &file, &sname).unwrap();
        assert_eq!(bytes(options, 66).as_deref(), expected, "{overload:?}");
    }
    for field in [&[52, 1, 0][..], &[52, 1, 4], &[52, 0], &[52, 2, 1, 1], &[52, 1, 1, 52, 1, 1]] {
        assert_eq!(parse(field), Err(OptionsError::Overload), "{field:?}");
    }
}

/// An overload in an overloaded field would lead in a circle.
#[test]
fn an_overload_counts_in_the_options_field_alone() {
    let file = [52, 1, 3, 255];
    let options = Options::parse(&[52, 1, 1], &file, &[66, 1, 2]).unwrap();
    assert_eq!(bytes(options, 66), None);
}

/// RFC 3396 5 and 7.
#[test]
fn the_pieces_of_a_value_are_joined_in_the_order_of_the_fields() {
    let field = [52, 1, 3, 121, 2, 1, 2, 6, 1, 9, 121, 0, 121, 1, 3, 255];
    let (file, sname) = ([121, 2, 4, 5, 255], [121, 1, 6, 255]);
    let options = Options::parse(&field, &file, &sname).unwrap();
    assert_eq!(bytes(options, 121).unwrap(), [1, 2, 3, 4, 5, 6]);
    assert_eq!(bytes(options, 6).unwrap(), [9]);
}

#[test]
fn a_value_has_the_length_that_it_must_have() {
    let options = parse(&[1, 4, 1, 2, 3, 4, 2, 3, 1, 2, 3, 3, 8, 9, 9, 9, 9, 8, 8, 8, 8, 4, 0]);
    let options = options.unwrap();
    let get = |code| options.get(code).unwrap();
    assert_eq!(get(1).number(), Some(0x0102_0304));
    assert_eq!(get(1).address(), Some(Ipv4Addr::new(1, 2, 3, 4)));
    assert_eq!((get(2).number(), get(2).array::<3>()), (None, Some([1, 2, 3])));
    assert_eq!((get(3).number(), get(4).array::<0>()), (None, Some([])));
    let addresses: Vec<_> = get(3).addresses().unwrap().map(|one| one.to_string()).collect();
    assert_eq!(addresses, ["9.9.9.9", "8.8.8.8"]);
    assert!(get(2).addresses().is_none() && get(4).addresses().is_none());
    assert!(get(2).is(&[1, 2, 3]) && !get(2).is(&[1, 2]) && !get(2).is(&[1, 2, 3, 4]));
}
