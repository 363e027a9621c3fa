//! Texts taken apart at a byte: that of `core` is for characters, and several times as large.

/// The parts of `text` between bytes that are `at`, which is a character of ASCII.
pub fn split(text: &str, at: u8) -> impl Iterator<Item = &str> {
    let mut rest = Some(text);
    core::iter::from_fn(move || {
        let (part, others) = split_once(rest?, at);
        rest = others;
        Some(part)
    })
}

/// What is before the first byte that is `at`, which is a character of ASCII, and what is behind it, if there is one.
#[inline(never)]
pub fn split_once(text: &str, at: u8) -> (&str, Option<&str>) {
    let place = text.bytes().position(|byte| byte == at);
    // Both are places between characters.
    match place.and_then(|place| Some((text.get(..place)?, text.get(place + 1..)?))) {
        Some((part, rest)) => (part, Some(rest)),
        None => (text, None),
    }
}

#[cfg(test)]
mod tests {
    use std::vec::Vec;

    use super::*;

    #[test]
    fn it_splits_as_core_does() {
        for text in ["", " ", "a", "a b", " a  b ", "é ü", "ß", "a\nb", "  "] {
            let parts: Vec<_> = split(text, b' ').collect();
            assert_eq!(parts, text.split(' ').collect::<Vec<_>>(), "{text:?}");
            let (first, rest) = split_once(text, b' ');
            assert_eq!(
                (first, rest),
                match text.split_once(' ') {
                    Some((first, rest)) => (first, Some(rest)),
                    None => (text, None),
                }
            );
        }
    }
}
