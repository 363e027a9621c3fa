//! Text of a peer that is not trusted, for a terminal.

use std::borrow::Cow;

/// The text without characters that act on a terminal or hide others: each is replaced by its escape, `\u{1b}`. Line
/// feeds stay.
///
/// ```
/// assert_eq!(letregion_stats::printable("a\tb\x1b[2J\n"), "a\\tb\\u{1b}[2J\n");
/// ```
pub fn printable(text: &str) -> Cow<'_, str> {
    if text.chars().all(is_printable) {
        return text.into();
    }
    let mut result = String::with_capacity(text.len());
    for c in text.chars() {
        if is_printable(c) {
            result.push(c);
        } else {
            result.extend(c.escape_debug());
        }
    }
    result.into()
}

/// Whether a character is shown as it is: `escape_debug` also escapes quotes and backslashes, which need no escape here.
fn is_printable(c: char) -> bool {
    matches!(c, '\n' | '"' | '\'' | '\\') || c.escape_debug().len() == 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_acts_on_a_terminal_is_escaped() {
        assert_eq!(printable("eth0.udp.datagrams_rx 1\n"), "eth0.udp.datagrams_rx 1\n");
        assert_eq!(printable(r#"a "b" 'c' \d"#), r#"a "b" 'c' \d"#);
        assert_eq!(printable("\r\0\x7f\u{9b}\u{202e}x"), r"\r\0\u{7f}\u{9b}\u{202e}x");
    }
}
