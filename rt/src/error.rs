//! The error that ends a program.

use core::fmt::{self, Write};

/// The longest message that is kept, in bytes.
const LONGEST: usize = 384;

/// Why the program ends: a message and an exit status. Every error becomes one with `?`.
///
/// A message is one line. Control characters, and characters that reverse the order of others, are escaped
/// byte by byte: `\x0a` for a new line. In a small image every character outside ASCII is escaped.
pub struct Error {
    status: u8,
    /// What was asked for, if it was.
    help: &'static str,
    length: usize,
    message: [u8; LONGEST],
}

impl Error {
    /// The error with this message. The program ends with `status` (1: it failed, 2: wrong arguments, 0: it
    /// printed what was asked for).
    pub fn new(status: u8, message: impl fmt::Display) -> Self {
        Self::format(status, format_args!("{message}"))
    }

    /// An error of status 0 with the message `text`, which may have several lines.
    pub fn help(text: &'static str) -> Self {
        Self { status: 0, help: text, length: 0, message: [0; LONGEST] }
    }

    /// The error with this message; one copy of the code for all kinds of messages.
    #[inline(never)]
    fn format(status: u8, message: fmt::Arguments<'_>) -> Self {
        let mut error = Self { status, help: "", length: 0, message: [0; LONGEST] };
        // It cannot fail; a longer message is cut, at a character.
        let _ = layer::format(message, &mut |piece| error.write_str(piece));
        while !layer::SMALL && str::from_utf8(&error.message[..error.length]).is_err() {
            error.length -= 1;
        }
        error
    }

    /// The exit status.
    pub fn status(&self) -> u8 {
        self.status
    }

    /// The message.
    pub fn message(&self) -> &str {
        if self.length == 0 {
            return self.help;
        }
        str::from_utf8(&self.message[..self.length]).unwrap_or_default()
    }

    /// Adds one byte, if it fits.
    #[inline(never)]
    fn push(&mut self, byte: u8) {
        if let Some(place) = self.message.get_mut(self.length) {
            *place = byte;
            self.length += 1;
        }
    }
}

impl Write for Error {
    // By bytes: it is much less code than by characters.
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let bytes = text.as_bytes();
        let mut hidden = false;
        for (at, &byte) in bytes.iter().enumerate() {
            if layer::SMALL {
                hidden = !matches!(byte, b' '..=b'~');
            } else if !matches!(byte, 0x80..0xc0) {
                hidden = is_hidden(&bytes[at..]);
            }
            if !hidden {
                self.push(byte);
                continue;
            }
            for byte in [b'\\', b'x', digit(byte >> 4), digit(byte & 15)] {
                self.push(byte);
            }
        }
        Ok(())
    }
}

/// Whether a terminal does anything with the first character of `text` except show it in its place: control
/// characters, U+2000 to U+207F (spaces of no width, separators of lines, overrides of the direction), and
/// U+FEC0 to U+FEFF.
fn is_hidden(text: &[u8]) -> bool {
    matches!(
        text,
        [..=0x1f | 0x7f, ..] | [0xc2, ..=0x9f, ..] | [0xe2, ..=0x81, ..] | [0xef, 0xbb, ..]
    )
}

/// The hexadecimal digit for a number below 16.
fn digit(number: u8) -> u8 {
    number + if number < 10 { b'0' } else { b'a' - 10 }
}

impl<E: core::error::Error> From<E> for Error {
    fn from(error: E) -> Self {
        Self::new(1, error)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.message())
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (status {})", self.message(), self.status)
    }
}

#[cfg(test)]
mod tests {
    use std::string::ToString;

    use super::*;

    #[test]
    fn any_error_becomes_one() {
        let error: Error = "x".parse::<u8>().unwrap_err().into();
        assert_eq!((error.status(), error.message()), (1, "invalid digit found in string"));
    }

    #[test]
    fn a_long_message_is_cut_at_a_character() {
        let error = Error::new(2, "é".repeat(LONGEST));
        assert_eq!(error.to_string(), "é".repeat(LONGEST / 2));
        let error = Error::new(2, std::format!("x{}", "é".repeat(LONGEST)));
        assert_eq!(error.message().len(), LONGEST - 1);
    }

    #[test]
    fn a_message_is_one_line_that_shows_what_is_in_it() {
        for (message, shown) in [
            ("--log=a\nb: unknown", r"--log=a\x0ab: unknown"),
            ("\t\r\0\u{1b}[2J\u{7f}", r"\x09\x0d\x00\x1b[2J\x7f"),
            (
                "a\u{9b}2J\u{202e}b\u{200b}\u{2028}\u{feff}",
                r"a\xc2\x9b2J\xe2\x80\xaeb\xe2\x80\x8b\xe2\x80\xa8\xef\xbb\xbf",
            ),
            ("tüp0 'a' \"b\" \\ 漢字 \u{fffd}", "tüp0 'a' \"b\" \\ 漢字 \u{fffd}"),
        ] {
            assert_eq!(Error::new(2, message).message(), shown);
        }
    }

    #[test]
    fn help_has_many_lines() {
        let error = Error::help("arguments:\n  --ipv4=ADDRESS");
        assert_eq!((error.status(), error.message()), (0, "arguments:\n  --ipv4=ADDRESS"));
    }
}
