//! The error that ends a program.

use core::fmt::{self, Write};

/// The longest message that is kept, in bytes.
const LONGEST: usize = 640;

/// Why the program ends: a message and an exit status. Every error becomes one with `?`.
pub struct Error {
    status: u8,
    length: usize,
    message: [u8; LONGEST],
}

impl Error {
    /// The error with this message; the program ends with `status` (1: it failed, 2: it was called
    /// wrongly, 0: it said what it was asked to say).
    pub fn new(status: u8, message: impl fmt::Display) -> Self {
        Self::format(status, format_args!("{message}"))
    }

    /// The same, once for all kinds of messages.
    #[inline(never)]
    fn format(status: u8, message: fmt::Arguments<'_>) -> Self {
        let mut error = Self { status, length: 0, message: [0; LONGEST] };
        // Only a full buffer stops the writing: a longer message is cut.
        let _ = error.write_fmt(message);
        error
    }

    /// The exit status.
    pub fn status(&self) -> u8 {
        self.status
    }

    /// The message.
    pub fn message(&self) -> &str {
        str::from_utf8(&self.message[..self.length]).unwrap_or_default()
    }
}

impl Write for Error {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let room = LONGEST - self.length;
        let fits = text.floor_char_boundary(room);
        self.message[self.length..self.length + fits].copy_from_slice(&text.as_bytes()[..fits]);
        self.length += fits;
        if fits == text.len() { Ok(()) } else { Err(fmt::Error) }
    }
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
}
