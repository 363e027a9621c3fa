//! Finds the end of a head as its bytes come, and refuses at once what can be no head.

use crate::{Failure, Limits, text::is_token};

/// What has been seen of a head.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Scan {
    /// Bytes of the line that has not ended yet.
    line: usize,
    /// The last byte.
    last: u8,
    /// Lines that have ended, without empty ones before the first.
    lines: usize,
    /// Bytes, those of empty lines before the first included.
    total: usize,
}

/// What a piece of a head was found to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Found {
    /// All of the piece is part of the head, and more has to come.
    More,
    /// The head ends after so many bytes of the piece.
    End(usize),
}

impl Scan {
    /// How many fields the head has, if it has ended.
    pub(crate) fn fields(&self) -> usize {
        self.lines.saturating_sub(1)
    }

    /// Whether nothing has come yet but empty lines.
    pub(crate) fn is_before_first_line(&self) -> bool {
        self.lines == 0 && self.line == 0
    }

    /// Goes through the next `piece`.
    ///
    /// A line ends with CR LF; a LF alone, which RFC 9112 2.2 permits a recipient to accept, is refused, because others may see
    /// no end there. Empty lines before the first line are passed over (2.2); they count as part of the head.
    pub(crate) fn feed(&mut self, piece: &[u8], limits: &Limits) -> Result<Found, Failure> {
        let mut at = 0;
        while let Some(rest) = piece.get(at..).filter(|rest| !rest.is_empty()) {
            if self.is_before_first_line()
                && !is_token(rest[0])
                && !matches!(rest[0], b'\r' | b'\n')
            {
                return Err(Failure::Refused(
                    400,
                    "the first byte is none of HTTP/1.1: send a line such as GET / HTTP/1.1",
                ));
            }
            let Some(length) = position_of_newline(rest) else {
                self.line += rest.len();
                self.total += rest.len();
                self.last = rest[rest.len() - 1];
                break;
            };
            let before = if length == 0 { self.last } else { rest[length - 1] };
            let line = self.line + length;
            // The CR of a line is in the line.
            if before != b'\r' || line == 0 {
                return Err(Failure::Refused(
                    400,
                    "a line of the head ends without CR: end each line with CR LF",
                ));
            }
            at += length + 1;
            self.total += length + 1;
            (self.line, self.last) = (0, b'\n');
            if line > 1 {
                self.lines += 1;
                self.check(line, limits)?;
            } else if self.lines > 0 {
                self.check(0, limits)?;
                return Ok(Found::End(at));
            }
        }
        self.check(self.line, limits)?;
        Ok(Found::More)
    }

    /// Checks the limits; the newest line has so many bytes.
    fn check(&self, line: usize, limits: &Limits) -> Result<(), Failure> {
        let is_first = self.lines == 0 || self.lines == 1 && self.line == 0;
        // The CR is in the line.
        if is_first && line > limits.line.saturating_add(1) {
            Err(Failure::Refused(414, "the request line is too long: send a shorter target"))
        } else if self.total > limits.head || self.fields() > limits.headers {
            Err(Failure::Refused(431, "the head is too large: send fewer or shorter headers"))
        } else {
            Ok(())
        }
    }
}

/// Where the first LF is. Eight bytes at a time.
fn position_of_newline(bytes: &[u8]) -> Option<usize> {
    const ONES: u64 = u64::MAX / 255;
    let (words, _) = bytes.as_chunks::<8>();
    let mut at = 0;
    for word in words {
        // A byte is zero where there is a LF; the lowest bit that is set then is the highest of such a byte.
        let word = u64::from_le_bytes(*word) ^ (ONES * u64::from(b'\n'));
        let zeros = word.wrapping_sub(ONES) & !word & (ONES << 7);
        if zeros != 0 {
            return Some(at + zeros.trailing_zeros() as usize / 8);
        }
        at += 8;
    }
    let tail = bytes.get(at..)?.iter().position(|byte| *byte == b'\n')?;
    Some(at + tail)
}

#[cfg(test)]
mod tests {
    use std::{string::String, vec, vec::Vec};

    use super::*;

    /// Where the head ends, or the status with which it is refused, if it comes in pieces of `size`.
    fn end(head: &[u8], size: usize, limits: &Limits) -> Result<Option<(usize, usize)>, u16> {
        let mut scan = Scan::default();
        let mut at = 0;
        for piece in head.chunks(size) {
            match scan.feed(piece, limits).map_err(|failure| failure.status())? {
                Found::More => at += piece.len(),
                Found::End(length) => return Ok(Some((at + length, scan.fields()))),
            }
        }
        Ok(None)
    }

    #[test]
    fn pieces_of_any_size_end_at_the_same_byte() {
        let limits = Limits::new();
        for (head, expected) in [
            ("GET / HTTP/1.1\r\n\r\nGET", Ok(Some((18, 0)))),
            ("\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\nB: c\r\n\r\n", Ok(Some((37, 2)))),
            ("GET / HTTP/1.1\r\nHost: a\r\n", Ok(None)),
            ("GET / HTTP/1.1\nHost: a\n\n", Err(400)),
            ("GET / HTTP/1.1\r\nHost: a\n\r\n", Err(400)),
            ("GET / HTTP/1.1\r\nHost: a\r\n\n", Err(400)),
            ("\nGET / HTTP/1.1\r\n\r\n", Err(400)),
            ("\r\n\n", Err(400)),
            ("\x16\x03\x01\x02", Err(400)),
            (" GET / HTTP/1.1\r\n\r\n", Err(400)),
            ("", Ok(None)),
        ] {
            for size in 1..=head.len().max(1) {
                assert_eq!(end(head.as_bytes(), size, &limits), expected, "{head:?} by {size}");
            }
        }
    }

    #[test]
    fn limits_are_exact() {
        let limits = Limits { line: 20, head: 60, headers: 3, ..Limits::new() };
        let check = |head: &str, expected| {
            for size in [1, 7, head.len()] {
                let status = end(head.as_bytes(), size, &limits).map(|end| end.is_some());
                assert_eq!(status, expected, "{head:?} by {size}");
            }
        };
        check("GET /567890 HTTP/1.1\r\n\r\n", Ok(true));
        check("GET /5678901 HTTP/1.1\r\n\r\n", Err(414));
        check("GET /56789012345678901", Err(414));
        check("GET / HTTP/1.1\r\na: b\r\na: b\r\na: b\r\n\r\n", Ok(true));
        check("GET / HTTP/1.1\r\na: b\r\na: b\r\na: b\r\na: b\r\n\r\n", Err(431));
        // A field may be longer than a request line.
        let head = |length: usize| -> String {
            ["GET / HTTP/1.1\r\na: ", &"b".repeat(length), "\r\n\r\n"].concat()
        };
        check(&head(60 - 23), Ok(true));
        check(&head(60 - 22), Err(431));
        check("\r\n".repeat(31).as_str(), Err(431));
    }

    #[test]
    fn a_newline_is_found_wherever_it_is() {
        for length in 0..40 {
            let mut bytes: Vec<u8> = vec![b'\n' ^ 0x80; length];
            assert_eq!(position_of_newline(&bytes), None);
            for at in (0..length).rev() {
                bytes[at] = b'\n';
                assert_eq!(position_of_newline(&bytes), Some(at));
                // The byte after a match may look like one to the arithmetic.
                if at + 1 < length {
                    bytes[at + 1] = b'\n' + 1;
                    assert_eq!(position_of_newline(&bytes), Some(at));
                }
            }
        }
    }
}
