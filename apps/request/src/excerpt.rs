//! What was sent, as far as it is fit to be shown to people.

use core::fmt;

/// How many characters are shown.
const MOST: usize = 32;

/// Displays bytes as text in quotes: what cannot be printed is escaped, a byte that is not UTF-8 as
/// `\xff`; after 32 characters it is cut, and `...` follows the quotes.
#[derive(Clone, Copy, Debug)]
pub struct Excerpt<'a>(pub &'a [u8]);

impl fmt::Display for Excerpt<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut symbols = self
            .0
            .utf8_chunks()
            .flat_map(|chunk| chunk.valid().chars().map(Ok).chain(chunk.invalid().iter().map(Err)));
        f.write_str("\"")?;
        for symbol in symbols.by_ref().take(MOST) {
            match symbol {
                Ok(character) => character.escape_debug().fmt(f)?,
                Err(byte) => write!(f, "\\x{byte:02x}")?,
            }
        }
        f.write_str(if symbols.next().is_some() { "\"..." } else { "\"" })
    }
}

#[cfg(test)]
mod tests {
    use std::string::ToString;

    use super::*;

    #[test]
    fn what_can_be_printed_is_shown_as_it_is() {
        for (bytes, shown) in [("", "\"\""), ("12 ab", "\"12 ab\""), ("π≈3", "\"π≈3\"")] {
            assert_eq!(Excerpt(bytes.as_bytes()).to_string(), shown);
        }
    }

    #[test]
    fn what_cannot_be_printed_is_escaped() {
        let bytes = b"a\n\x1b[2J\0\"\xff\xe2\x82z\xe2\x80\xae";
        let shown = r#""a\n\u{1b}[2J\0\"\xff\xe2\x82z\u{202e}""#;
        assert_eq!(Excerpt(bytes).to_string(), shown);
    }

    #[test]
    fn after_32_characters_it_is_cut() {
        let whole = "ä".repeat(32);
        assert_eq!(Excerpt(whole.as_bytes()).to_string(), std::format!("\"{whole}\""));
        let longer = "ä".repeat(33);
        assert_eq!(Excerpt(longer.as_bytes()).to_string(), std::format!("\"{whole}\"..."));
        let binary = [0x80; 65_507];
        assert_eq!(Excerpt(&binary).to_string(), std::format!("\"{}\"...", r"\x80".repeat(32)));
    }
}
