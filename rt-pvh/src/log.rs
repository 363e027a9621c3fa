//! The log: the output of the layers through `defmt`, as lines on the console that a tool decodes.
//!
//! A line leaves the layer as a number and the bytes of its arguments. Its text is in the symbol table of the program,
//! which is not in the guest's memory. README.md describes the format.

use core::{fmt, str};

#[cfg(feature = "defmt")]
mod logger;

/// The beginning of each line of the log, which no other line of a guest has.
const MARK: &str = "#log ";
/// The longest line that is kept, in bytes before it is decoded.
const LONGEST: usize = 512;

/// A console may accept a whole line only if it has at most 2,048 bytes, with the mark, the time (64 bits of
/// nanoseconds), the end of the line, and a message about dropped lines.
const _: () = assert!(2 * LONGEST + 256 <= 2048);

/// A line that is being written.
#[derive(Debug)]
pub(crate) struct Frame {
    /// The bytes of the line in hexadecimal.
    digits: [u8; 2 * LONGEST],
    /// Its length in bytes; more than [`LONGEST`] if its end was not kept.
    length: usize,
    /// How many lines have begun and not ended. It is more than one if formatting an argument logs a line.
    begun: u32,
}

impl Frame {
    pub(crate) const fn new() -> Self {
        Self { digits: [0; 2 * LONGEST], length: 0, begun: 0 }
    }

    /// Begins a line.
    fn begin(&mut self) {
        self.begun += 1;
        if self.begun == 1 {
            self.length = 0;
        }
    }

    /// Adds bytes to the line that began last. A line inside another line is left out, because it would break that
    /// line.
    fn push(&mut self, bytes: &[u8]) {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        if self.begun != 1 {
            return;
        }
        let end = self.length.saturating_add(bytes.len());
        if end <= LONGEST {
            let pairs = self.digits[2 * self.length..2 * end].chunks_exact_mut(2);
            for (pair, byte) in pairs.zip(bytes) {
                pair[0] = DIGITS[usize::from(byte >> 4)];
                pair[1] = DIGITS[usize::from(byte & 0xf)];
            }
        }
        self.length = end;
    }

    /// Ends the line that began last; returns whether it is the outermost one, which is complete.
    fn end(&mut self) -> bool {
        self.begun -= 1;
        self.begun == 0
    }

    /// The line for the console, with this time.
    fn at(&self, now: impl fmt::Display) -> impl fmt::Display {
        fmt::from_fn(move |f| match self.digits.get(..2 * self.length.min(LONGEST + 1)) {
            // Digits are ASCII.
            Some(digits) => write!(f, "{MARK}{now} {}", str::from_utf8(digits).unwrap_or_default()),
            None => write!(
                f,
                "{now} (a line of {} bytes is left out: {LONGEST} is the most)",
                self.length
            ),
        })
    }
}

#[cfg(test)]
mod tests {
    use std::string::ToString as _;

    use layer::Instant;

    use super::*;

    const NOW: Instant = Instant::from_nanos(12_000_345_678);

    #[test]
    fn a_line_is_a_mark_the_time_and_digits() {
        let mut frame = Frame::new();
        frame.begin();
        frame.push(&[0x20, 0]);
        frame.push(&[]);
        frame.push(&[0xff, 0x0a]);
        assert!(frame.end());
        // What reads this is tested with the same line: lab/log.
        assert_eq!(frame.at(NOW).to_string(), "#log 12.000345 2000ff0a");
        frame.begin();
        frame.push(&[7]);
        assert!(frame.end());
        assert_eq!(frame.at(NOW).to_string(), "#log 12.000345 07");
    }

    #[test]
    fn a_line_within_a_line_is_left_out() {
        let mut frame = Frame::new();
        frame.begin();
        frame.push(&[1]);
        frame.begin();
        frame.push(&[2, 2]);
        assert!(!frame.end());
        frame.push(&[3]);
        assert!(frame.end());
        assert_eq!(frame.at(NOW).to_string(), "#log 12.000345 0103");
    }

    #[test]
    fn a_line_that_is_too_long_is_left_out_and_said_to_be() {
        let mut frame = Frame::new();
        frame.begin();
        frame.push(&[0xab; LONGEST]);
        assert!(frame.end());
        let longest = frame.at(NOW).to_string();
        assert_eq!(longest, "#log 12.000345 ".to_string() + &"ab".repeat(LONGEST));

        frame.begin();
        frame.push(&[1; LONGEST - 1]);
        frame.push(&[2; 2]);
        frame.push(&[3]);
        assert!(frame.end());
        let left_out = "12.000345 (a line of 514 bytes is left out: 512 is the most)";
        assert_eq!(frame.at(NOW).to_string(), left_out);
    }
}
