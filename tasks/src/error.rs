//! The error of a task: a line of text of limited length.

use core::{
    error::Error,
    fmt::{self, Write},
};

/// The longest line, in bytes. What is longer is cut.
const LONGEST: usize = 160;

/// Why a task ended: a line of 160 bytes at most, without control characters, because a peer may have sent the text. Every
/// error becomes one with `?`.
pub struct TaskError {
    length: usize,
    text: [u8; LONGEST],
}

impl TaskError {
    /// The error with this message, which is cut if it is too long.
    pub fn new(message: impl fmt::Display) -> Self {
        Self::format(format_args!("{message}"))
    }

    /// The error with this message; one copy of the code for all kinds of messages.
    #[cold]
    #[inline(never)]
    fn format(message: fmt::Arguments<'_>) -> Self {
        let mut error = Self { length: 0, text: [0; LONGEST] };
        // It fails where the line is full: then the line is cut.
        let _ = error.write_fmt(message);
        error
    }

    /// The message.
    pub fn message(&self) -> &str {
        str::from_utf8(&self.text[..self.length]).unwrap_or_default()
    }
}

impl<E: Error> From<E> for TaskError {
    fn from(error: E) -> Self {
        Self::new(error)
    }
}

impl fmt::Display for TaskError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.message())
    }
}

impl fmt::Debug for TaskError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.message())
    }
}

impl Write for TaskError {
    fn write_str(&mut self, piece: &str) -> fmt::Result {
        let room = &mut self.text[self.length..];
        let fits = piece.floor_char_boundary(room.len());
        for (place, byte) in room.iter_mut().zip(&piece.as_bytes()[..fits]) {
            *place = if byte.is_ascii_control() { b' ' } else { *byte };
        }
        self.length += fits;
        if fits < piece.len() { Err(fmt::Error) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use std::string::String;

    use super::*;

    #[test]
    fn a_message_is_one_line_and_cut_at_a_character() {
        let error = TaskError::new(format_args!("x{}{}", "é".repeat(LONGEST), "y"));
        let expected: String = "x".chars().chain("é".repeat(LONGEST / 2 - 1).chars()).collect();
        assert_eq!(error.message(), expected);
        let error = TaskError::new("two\r\nlines\x1b[2J");
        assert_eq!(error.message(), "two  lines [2J");
        let error: TaskError = "x".parse::<u8>().unwrap_err().into();
        assert_eq!(error.message(), "invalid digit found in string");
    }
}
