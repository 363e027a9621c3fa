//! Finds the end of a head as its bytes come, and refuses at once what can be no head.

use crate::{Limits, fault::Fault, text::is_token};

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
    pub(crate) fn feed(&mut self, piece: &[u8], limits: &Limits) -> Result<Found, Fault> {
        // Where the line begins whose end is next, and what of it came before.
        let (mut start, mut before) = (0, self.line);
        let longest = limits.line.saturating_add(1);
        let room = limits.head.saturating_sub(self.total);
        let (words, tail) = piece.as_chunks::<8>();
        let mut last_word = [0; 8];
        last_word[..tail.len()].copy_from_slice(tail);
        let mut index = 0;
        while index <= words.len() {
            index += count_without_newline(words.get(index..).unwrap_or_default());
            let word = words.get(index).unwrap_or(&last_word);
            let mut newlines = newlines(u64::from_le_bytes(*word));
            while newlines != 0 {
                let at = 8 * index + newlines.trailing_zeros() as usize / 8;
                newlines &= newlines - 1;
                let last = at.checked_sub(1).and_then(|last| piece.get(last).copied());
                // The CR is in the line, so a line is empty if it has one byte.
                let line = before + at - start;
                if self.lines == 0 {
                    let first = piece.get(start).filter(|_| before == 0);
                    check_first_line(line, first, longest)?;
                }
                if last.unwrap_or(self.last) != b'\r' || line == 0 {
                    return Err(Fault::NoCr);
                }
                if at >= room {
                    return Err(Fault::LargeHead);
                }
                if line > 1 {
                    self.lines += 1;
                    if self.fields() > limits.headers {
                        return Err(Fault::LargeHead);
                    }
                } else if self.lines > 0 {
                    return Ok(Found::End(at + 1));
                }
                (start, before, self.line) = (at + 1, 0, 0);
            }
            index += 1;
        }
        self.line = before + piece.len() - start;
        self.total += piece.len();
        self.last = piece.last().copied().unwrap_or(self.last);
        if self.lines == 0 {
            let first = piece.get(start).filter(|_| before == 0);
            check_first_line(self.line, first, longest)?;
        }
        if self.total > limits.head { Err(Fault::LargeHead) } else { Ok(Found::More) }
    }
}

/// Checks the first line as soon as its `first` byte is there: what speaks TLS waits for an answer.
fn check_first_line(line: usize, first: Option<&u8>, longest: usize) -> Result<(), Fault> {
    if line > longest {
        return Err(Fault::LongLine);
    }
    match first {
        Some(first) if !is_token(*first) && *first != b'\r' => Err(Fault::FirstByte),
        _ => Ok(()),
    }
}

/// A one in each byte, and the highest bit of each byte.
const ONES: u64 = u64::MAX / 255;
const HIGH: u64 = ONES << 7;

/// How many words there are before the first one that has a LF, or one that only seems to have one.
// On its own, so that all its numbers are in registers.
#[inline(never)]
fn count_without_newline(words: &[[u8; 8]]) -> usize {
    let seems_to_have_one = |word: &[u8; 8]| {
        // A byte is zero where there is a LF. A borrow from there may reach the next byte.
        let word = u64::from_le_bytes(*word) ^ (ONES * u64::from(b'\n'));
        word.wrapping_sub(ONES) & !word & HIGH != 0
    };
    words.iter().position(seems_to_have_one).unwrap_or(words.len())
}

/// The highest bit of each byte of `word` that is a LF.
fn newlines(word: u64) -> u64 {
    let word = word ^ (ONES * u64::from(b'\n'));
    // The sum has the highest bit of a byte set unless its other bits are all zero; no sum carries into the next byte.
    !(((word & !HIGH) + !HIGH) | word | !HIGH)
}

#[cfg(test)]
mod tests {
    use std::string::String;

    use super::*;

    /// Where the head ends, or the status with which it is refused, if it comes in pieces of `size`.
    fn end(head: &[u8], size: usize, limits: &Limits) -> Result<Option<(usize, usize)>, u16> {
        let mut scan = Scan::default();
        let mut at = 0;
        for piece in head.chunks(size) {
            match scan.feed(piece, limits).map_err(|fault| fault.refused().0)? {
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
    fn all_newlines_of_a_word_are_found() {
        let mut random = 1_u64;
        for _ in 0..100_000 {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            // Bytes that are a LF, or near to one.
            let bytes = random.to_be_bytes().map(|byte| match byte % 4 {
                0 => b'\n',
                1 => b'\n' + 1,
                2 => b'\n' | 0x80,
                _ => byte,
            });
            let expected = bytes.map(|byte| if byte == b'\n' { 0x80 } else { 0 });
            assert_eq!(newlines(u64::from_le_bytes(bytes)).to_le_bytes(), expected);
            let first = count_without_newline(&[[0; 8], bytes, [b'\n'; 8]]);
            assert!(first == 1 || first == 2 && expected == [0; 8]);
        }
    }
}
