//! Decimal numbers in text.

/// Parses `text` as a whole number in decimal digits; `None` if it is not one, or is above `most`. Each number has one
/// spelling: no sign, no leading zeros, no spaces.
// One copy of the code for all numbers.
#[inline(never)]
pub fn decimal(text: &[u8], most: u64) -> Option<u64> {
    if !matches!(text, [b'0'] | [b'1'..=b'9', ..]) {
        return None;
    }
    let mut number = 0_u64;
    for byte in text {
        let digit = byte.wrapping_sub(b'0');
        number = number.checked_mul(10)?.checked_add(digit.into())?;
        if digit > 9 || number > most {
            return None;
        }
    }
    Some(number)
}

#[cfg(test)]
mod tests {
    use std::format;

    use super::*;

    #[test]
    fn a_number_has_one_spelling() {
        for number in [0, 1, 9, 10, 255, 65_535, u64::MAX - 1, u64::MAX] {
            assert_eq!(decimal(format!("{number}").as_bytes(), u64::MAX), Some(number));
        }
        for text in [
            "", "+1", "-1", "-0", "00", "01", "024", " 1", "1 ", "1_0", "0x1", "1.0", "१", "/", ":",
        ] {
            assert_eq!(decimal(text.as_bytes(), u64::MAX), None, "{text}");
        }
    }

    #[test]
    fn what_is_larger_than_the_most_is_refused() {
        assert_eq!((decimal(b"32", 32), decimal(b"33", 32)), (Some(32), None));
        assert_eq!((decimal(b"0", 0), decimal(b"1", 0)), (Some(0), None));
        for text in ["18446744073709551616", "18446744073709551620", "99999999999999999999"] {
            assert_eq!(decimal(text.as_bytes(), u64::MAX), None, "{text}");
        }
    }
}
