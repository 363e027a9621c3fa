//! Functions that split a text at a byte. Those of `core` split at characters, and compile to several times as much
//! code.

/// The parts of `text` between the bytes `at`, which must be an ASCII character.
pub fn split(text: &str, at: u8) -> impl Iterator<Item = &str> {
    let mut rest = Some(text);
    core::iter::from_fn(move || {
        let (part, others) = split_once(rest?, at);
        rest = others;
        Some(part)
    })
}

/// The text before the first byte `at`, and the text after it, if there is such a byte. `at` must be an ASCII
/// character.
#[inline(never)]
pub fn split_once(text: &str, at: u8) -> (&str, Option<&str>) {
    let place = text.bytes().position(|byte| byte == at);
    // Both positions are character boundaries.
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
