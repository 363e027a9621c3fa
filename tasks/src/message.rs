//! A line of text of limited length.

use core::fmt::{self, Write};

/// The longest line, in bytes. What is longer is cut.
const LONGEST: usize = 256;

/// A line that waits to be printed. Empty: none waits.
pub(crate) struct Message {
    length: usize,
    text: [u8; LONGEST],
}

impl Message {
    pub(crate) const fn new() -> Self {
        Self { length: 0, text: [0; LONGEST] }
    }

    /// The line, none if none waits.
    pub(crate) fn as_str(&self) -> Option<&str> {
        let text = str::from_utf8(&self.text[..self.length]).ok()?;
        Some(text).filter(|text| !text.is_empty())
    }

    pub(crate) fn clear(&mut self) {
        self.length = 0;
    }

    /// Replaces the line.
    pub(crate) fn set(&mut self, text: fmt::Arguments<'_>) {
        self.clear();
        // It fails where the line is full: then the line is cut.
        let _ = self.write_fmt(text);
    }
}

impl Write for Message {
    fn write_str(&mut self, piece: &str) -> fmt::Result {
        let room = &mut self.text[self.length..];
        let fits = piece.floor_char_boundary(room.len());
        room[..fits].copy_from_slice(&piece.as_bytes()[..fits]);
        self.length += fits;
        if fits < piece.len() { Err(fmt::Error) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use std::string::String;

    use super::*;

    #[test]
    fn a_long_line_is_cut_at_a_character() {
        let mut message = Message::new();
        assert_eq!(message.as_str(), None);
        message.set(format_args!("x{}{}", "é".repeat(LONGEST), "y"));
        let expected: String = "x".chars().chain("é".repeat(LONGEST / 2 - 1).chars()).collect();
        assert_eq!(message.as_str(), Some(&*expected));
        message.set(format_args!("short"));
        assert_eq!(message.as_str(), Some("short"));
        message.clear();
        assert_eq!(message.as_str(), None);
    }
}
