//! Numbers and percent-encoding in text, without `fmt`.

use rt_regions::{Exhausted, Region};

/// A number in text.
#[derive(Clone, Copy)]
pub(crate) struct Digits {
    bytes: [u8; 20],
    start: u8,
}

impl Digits {
    #[inline(never)]
    pub(crate) fn decimal(mut number: u64) -> Self {
        let mut digits = Self { bytes: [0; 20], start: 20 };
        for place in digits.bytes.iter_mut().rev() {
            *place = b'0' + (number % 10) as u8;
            digits.start -= 1;
            number /= 10;
            if number == 0 {
                break;
            }
        }
        digits
    }

    pub(crate) fn hexadecimal(mut number: u64) -> Self {
        let mut digits = Self { bytes: [0; 20], start: 20 };
        for place in digits.bytes.iter_mut().rev() {
            *place = b"0123456789abcdef"[(number & 15) as usize];
            digits.start -= 1;
            number >>= 4;
            if number == 0 {
                break;
            }
        }
        digits
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        self.bytes.get(usize::from(self.start)..).unwrap_or_default()
    }
}

/// Parses decimal digits, of which there is at least one. Zeros may lead.
pub(crate) fn number(text: &[u8]) -> Option<u64> {
    let mut number = 0_u64;
    for byte in text {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        number = number.checked_mul(10)?.checked_add(digit.into())?;
    }
    if text.is_empty() { None } else { Some(number) }
}

/// The value of a hexadecimal digit.
pub(crate) fn hex_digit(byte: u8) -> Option<u8> {
    match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        b'A'..=b'F' => Some(byte - b'A' + 10),
        _ => None,
    }
}

/// The bytes that a part of a path or of a query stands for: `%20` is a space (RFC 3986 2.1). A `+` stays a plus, except
/// with `form`, where it is a space, as in the fields of an HTML form. `None` if a `%` has no two hexadecimal digits
/// behind it.
///
/// # Errors
/// [`Exhausted`]: the region has no room for the bytes.
pub fn decode<'r>(
    text: &str,
    form: bool,
    region: &'r Region<'_>,
) -> Result<Option<&'r [u8]>, Exhausted> {
    let mut bytes = text.bytes();
    let mut valid = true;
    let decoded = region.alloc_slice_with(decoded_len(text), |_| match bytes.next() {
        Some(b'%') => match [bytes.next(), bytes.next()].map(|digit| hex_digit(digit?)) {
            [Some(high), Some(low)] => high << 4 | low,
            _ => {
                valid = false;
                0
            }
        },
        Some(b'+') if form => b' ',
        other => other.unwrap_or_default(),
    })?;
    Ok(valid.then_some(&*decoded))
}

fn decoded_len(text: &str) -> usize {
    let mut bytes = text.bytes();
    let mut length = 0;
    while let Some(byte) = bytes.next() {
        length += 1;
        if byte == b'%' {
            bytes.nth(1);
        }
    }
    length
}

/// In a token (RFC 9110 5.6.2).
const TOKEN: u8 = 1;
/// In a host with a port (RFC 3986 3.2.2).
const HOST: u8 = 2;
/// In the value of a field (RFC 9110 5.5).
const VALUE: u8 = 4;

/// Where each byte may be.
static CLASSES: [u8; 256] = {
    let mut classes = [0; 256];
    let mut byte = 0_u8;
    loop {
        if byte.is_ascii_alphanumeric() {
            classes[byte as usize] |= TOKEN | HOST;
        }
        if matches!(byte, b'\t' | b' '..=b'~' | 0x80..) {
            classes[byte as usize] |= VALUE;
        }
        if byte == u8::MAX {
            break;
        }
        byte += 1;
    }
    let mut at = 0;
    let token = b"!#$%&'*+-.^_`|~";
    while at < token.len() {
        classes[token[at] as usize] |= TOKEN;
        at += 1;
    }
    at = 0;
    let host = b".-:_~!$&'()*+,;=%[]";
    while at < host.len() {
        classes[host[at] as usize] |= HOST;
        at += 1;
    }
    classes
};

/// Whether `byte` may be in a token.
pub(crate) fn is_token(byte: u8) -> bool {
    CLASSES[usize::from(byte)] & TOKEN != 0
}

/// Whether `byte` may be in a host with a port.
pub(crate) fn is_host(byte: u8) -> bool {
    CLASSES[usize::from(byte)] & HOST != 0
}

/// Whether `byte` may be in the value of a field.
pub(crate) fn is_value(byte: u8) -> bool {
    CLASSES[usize::from(byte)] & VALUE != 0
}

/// `text` without spaces and tabs at both ends.
pub(crate) fn trim(mut text: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] | [rest @ .., b' ' | b'\t'] = text {
        text = rest;
    }
    text
}

/// The elements of a list with commas (RFC 9110 5.6.1), without the empty ones.
pub(crate) fn list(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    text.split(|byte| *byte == b',').map(trim).filter(|element| !element.is_empty())
}

#[cfg(test)]
mod tests {
    use std::{format, string::ToString, vec::Vec};

    use super::*;

    #[test]
    fn digits_are_those_of_fmt() {
        for number in [0, 1, 9, 10, 15, 16, 99, 255, 1_000, 65_535, u64::MAX] {
            assert_eq!(Digits::decimal(number).as_bytes(), number.to_string().as_bytes());
            assert_eq!(Digits::hexadecimal(number).as_bytes(), format!("{number:x}").as_bytes());
        }
    }

    #[test]
    fn a_number_has_only_digits() {
        assert_eq!(number(b"007"), Some(7));
        assert_eq!(number(b"18446744073709551615"), Some(u64::MAX));
        for text in ["", "+1", "-1", " 1", "1 ", "1,1", "0x1", "18446744073709551616"] {
            assert_eq!(number(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn classes_of_bytes() {
        let all =
            |class: fn(u8) -> bool| -> Vec<u8> { (0..=255).filter(|byte| class(*byte)).collect() };
        let ascii = |others: &str| -> Vec<u8> {
            let is_in =
                |byte: &u8| byte.is_ascii_alphanumeric() || others.as_bytes().contains(byte);
            (0..=255).filter(is_in).collect()
        };
        assert_eq!(all(is_token), ascii("!#$%&'*+-.^_`|~"));
        assert_eq!(all(is_host), ascii(".-:_~!$&'()*+,;=%[]"));
        assert_eq!(all(is_value).len(), 1 + 95 + 128);
        assert!(!is_value(0x7f) && !is_value(0) && !is_value(b'\r') && !is_value(b'\n'));
    }

    #[test]
    fn percent_encoding_is_decoded_or_refused() {
        let mut buffer = [core::mem::MaybeUninit::uninit(); 64 << 10];
        let pool = rt_regions::Pool::new(&mut buffer);
        let region = Region::new(&pool, "test");
        for (text, form, expected) in [
            ("", false, Some(&b""[..])),
            ("a%20b", false, Some(b"a b")),
            ("a+b%2Bc", false, Some(b"a+b+c")),
            ("a+b%2bc", true, Some(b"a b+c")),
            ("%00%ff", false, Some(b"\0\xff")),
            ("%", false, None),
            ("%2", false, None),
            ("%zz", false, None),
            ("%2%30", false, None),
        ] {
            assert_eq!(decode(text, form, &region), Ok(expected), "{text}");
        }
    }

    #[test]
    fn lists_have_no_empty_elements() {
        let elements: Vec<_> = list(b" a ,, b\t,c, ").collect();
        assert_eq!(elements, [b"a", b"b", b"c"]);
        assert_eq!(list(b" , ").count(), 0);
    }
}
