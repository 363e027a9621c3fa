//! Formatting that shares one copy of the code, where `core` makes a copy for each type of output.

use core::fmt::{self, Write};

/// Calls `write` with each piece of the formatted `text`, in order, until it fails.
///
/// # Errors
/// The error of `write`, or of a value that is formatted.
#[inline(never)]
pub fn format(text: fmt::Arguments<'_>, write: &mut dyn FnMut(&str) -> fmt::Result) -> fmt::Result {
    Pieces(write).write_fmt(text)
}

/// Writes a word and a number after it, as a part of the output of [`Layer::describe`](crate::Layer::describe).
///
/// # Errors
/// The error of the formatter.
#[inline(never)]
pub fn format_number(f: &mut fmt::Formatter<'_>, word: &str, number: u64) -> fmt::Result {
    f.write_str(word)?;
    fmt::Display::fmt(&number, f)
}

struct Pieces<'a>(&'a mut dyn FnMut(&str) -> fmt::Result);

impl Write for Pieces<'_> {
    fn write_str(&mut self, piece: &str) -> fmt::Result {
        (self.0)(piece)
    }
}

#[cfg(test)]
mod tests {
    use std::string::String;

    use super::*;

    #[test]
    fn it_formats_until_it_fails() {
        let mut text = String::new();
        let mut write = |piece: &str| match piece {
            "no" => Err(fmt::Error),
            piece => text.write_str(piece),
        };
        let (number, letter, no) = (2, 'ß', "no");
        assert!(format(format_args!("1-{number:>3}{letter}"), &mut write).is_ok());
        assert!(format(format_args!(" a {no} b"), &mut write).is_err());
        assert_eq!(text, "1-  2ß a ");
    }
}
