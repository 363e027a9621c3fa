//! Where the bytes of a body are in a message: a value without input or output.

use crate::{
    fault::Fault,
    text::{hex_digit, is_token},
};

/// Bytes of chunk extensions and trailers that one body may have.
const MOST_OVERHEAD: u32 = 4_096;

/// What is left of a body, and where in its framing it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Body {
    state: State,
    /// Bytes left of the body, or of the chunk.
    left: u64,
    /// Bytes of extensions and trailers so far.
    overhead: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// All is there.
    Done,
    /// In a body of known length.
    Length,
    /// In a body that ends with the connection.
    UntilClose,
    /// In the data of a chunk.
    Data,
    /// After the data of a chunk: CR.
    DataCr,
    /// After the data of a chunk and CR: LF.
    DataLf,
    /// In the size of a chunk, after so many digits.
    Size(u8),
    /// In spaces after the size, which a `;` has to follow (RFC 9112 7.1.1).
    Space,
    /// In the extensions of a chunk.
    Extension,
    /// After the line with the size and CR: LF.
    SizeLf,
    /// At the beginning of a trailer field, or of the empty line that ends the body.
    Trailer,
    /// In the name of a trailer field.
    TrailerName,
    /// In the value of a trailer field.
    TrailerValue,
    /// After a trailer field and CR: LF.
    TrailerLf,
    /// After the CR of the last line: LF.
    EndLf,
}

impl Body {
    pub(crate) const NONE: Self = Self { state: State::Done, left: 0, overhead: 0 };

    pub(crate) const UNTIL_CLOSE: Self =
        Self { state: State::UntilClose, left: u64::MAX, overhead: 0 };

    pub(crate) const fn of_length(length: u64) -> Self {
        let state = if length == 0 { State::Done } else { State::Length };
        Self { state, left: length, overhead: 0 }
    }

    pub(crate) const fn chunked() -> Self {
        Self { state: State::Size(0), left: 0, overhead: 0 }
    }

    pub(crate) fn is_done(&self) -> bool {
        self.state == State::Done
    }

    /// How many bytes are left, if that is known.
    pub(crate) fn known_left(&self) -> Option<u64> {
        match self.state {
            State::Done => Some(0),
            State::Length => Some(self.left),
            _ => None,
        }
    }

    /// Whether the end of the connection is the end of the body.
    pub(crate) fn ends_with_connection(&self) -> bool {
        self.state == State::UntilClose
    }

    /// Goes through the framing at the beginning of `input`. Returns how many of its bytes are framing; after them come
    /// [`data`](Self::data) bytes of the body, as far as they are there.
    pub(crate) fn skip(&mut self, input: &[u8]) -> Result<usize, Fault> {
        for (at, byte) in input.iter().enumerate() {
            if self.data() > 0 || self.is_done() {
                return Ok(at);
            }
            self.state = self.next(*byte)?;
        }
        Ok(input.len())
    }

    /// How many bytes of the body come now, at most.
    pub(crate) fn data(&self) -> u64 {
        match self.state {
            State::Length | State::UntilClose | State::Data => self.left,
            _ => 0,
        }
    }

    /// `count` bytes of the body, at most [`data`](Self::data), were taken.
    pub(crate) fn take(&mut self, count: u64) {
        self.left = self.left.saturating_sub(count);
        if self.left == 0 {
            self.state = match self.state {
                State::Length => State::Done,
                State::Data => State::DataCr,
                other => other,
            };
        } else if self.state == State::UntilClose {
            self.left = u64::MAX;
        }
    }

    /// The state after `byte` of the framing of a chunked body (RFC 9112 7.1).
    fn next(&mut self, byte: u8) -> Result<State, Fault> {
        match (self.state, byte) {
            (State::Size(digits), _) => match (hex_digit(byte), byte) {
                (Some(digit), _) if digits < 16 => {
                    self.left = self.left << 4 | u64::from(digit);
                    return Ok(State::Size(digits + 1));
                }
                (Some(_), _) => {}
                (None, b'\r') if digits > 0 => return Ok(State::SizeLf),
                (None, b';') if digits > 0 => return Ok(State::Extension),
                (None, b' ' | b'\t') if digits > 0 => return Ok(State::Space),
                (None, _) => {}
            },
            (State::Space, b' ' | b'\t') => return self.more(State::Space),
            (State::Space, b';') => return Ok(State::Extension),
            (State::Extension, b'\r') => return Ok(State::SizeLf),
            (State::Extension, b'\t' | b' '..=b'~' | 0x80..) => return self.more(State::Extension),
            (State::SizeLf, b'\n') if self.left > 0 => return Ok(State::Data),
            (State::SizeLf, b'\n') => return Ok(State::Trailer),
            (State::DataCr, b'\r') => return Ok(State::DataLf),
            (State::DataLf, b'\n') => return Ok(State::Size(0)),
            (State::Trailer, b'\r') => return Ok(State::EndLf),
            (State::Trailer | State::TrailerName, _) if is_token(byte) => {
                return self.more(State::TrailerName);
            }
            (State::TrailerName, b':') => return Ok(State::TrailerValue),
            (State::TrailerValue, b'\r') => return Ok(State::TrailerLf),
            (State::TrailerValue, b'\t' | b' '..=b'~' | 0x80..) => {
                return self.more(State::TrailerValue);
            }
            (State::TrailerLf, b'\n') => return Ok(State::Trailer),
            (State::EndLf, b'\n') => return Ok(State::Done),
            _ => {}
        }
        Err(Fault::Chunk)
    }

    /// One more byte of extensions or trailers. They are of no use here, so they are passed over, up to a limit.
    fn more(&mut self, state: State) -> Result<State, Fault> {
        self.overhead += 1;
        if self.overhead > MOST_OVERHEAD {
            return Err(Fault::Overhead);
        }
        Ok(state)
    }
}

#[cfg(test)]
mod tests {
    use std::{format, string::String, vec::Vec};

    use super::*;

    /// The body that is read from `input` if it comes in pieces of `size`, and how many bytes it took. `None` if more has to
    /// come.
    fn read(mut body: Body, input: &[u8], size: usize) -> Result<Option<(Vec<u8>, usize)>, u16> {
        let (mut read, mut taken) = (Vec::new(), 0);
        for piece in input.chunks(size.max(1)) {
            let mut rest = piece;
            while !rest.is_empty() && !body.is_done() {
                let skipped = body.skip(rest).map_err(|fault| fault.refused().0)?;
                rest = &rest[skipped..];
                let data = rest.len().min(usize::try_from(body.data()).unwrap_or(usize::MAX));
                read.extend_from_slice(&rest[..data]);
                body.take(data as u64);
                rest = &rest[data..];
                taken += skipped + data;
            }
        }
        Ok(body.is_done().then_some((read, taken)))
    }

    fn chunked(input: &str) -> Result<Option<String>, u16> {
        let read_by = |size| read(Body::chunked(), input.as_bytes(), size);
        let expected = read_by(input.len());
        for size in 1..input.len() {
            assert_eq!(read_by(size), expected, "{input:?} by {size}");
        }
        expected.map(|body| body.map(|(body, _)| String::from_utf8(body).unwrap()))
    }

    /// RFC 9112 7.1.
    #[test]
    fn chunks_are_joined() {
        for (input, expected) in [
            ("0\r\n\r\n", Some("")),
            ("5\r\nhello\r\n0\r\n\r\n", Some("hello")),
            ("5\r\nhello\r\n000\r\n\r\nGET / HTTP/1.1\r\n", Some("hello")),
            ("A\r\n0123456789\r\na\r\n0123456789\r\n0\r\n\r\n", Some("01234567890123456789")),
            ("0000000000000001\r\nx\r\n0\r\n\r\n", Some("x")),
            ("1;name=value;other=\"a b\"\r\nx\r\n0 ;end\r\n\r\n", Some("x")),
            ("1\r\nx\r\n0\r\nTrailer: value\r\nOther:\r\n\r\n", Some("x")),
            ("1\r\n\r\r\n0\r\n\r\n", Some("\r")),
            ("5\r\nhel", None),
            ("5\r\nhello\r\n0\r\n", None),
        ] {
            assert_eq!(chunked(input), Ok(expected.map(String::from)), "{input:?}");
        }
    }

    #[test]
    fn what_two_readers_might_read_in_two_ways_is_refused() {
        for input in [
            "\r\n",
            ";\r\n",
            " 5\r\nhello",
            "5 \r\nhello",
            "5 5\r\nhello",
            "0x5\r\nhello",
            "-1\r\n",
            "+1\r\n",
            "g\r\n",
            "5\nhello",
            "5\rhello",
            "5\r\rhello",
            "5\r\nhello0\r\n",
            "5\r\nhello\n0\r\n",
            "5\r\nhello\r0\r\n",
            "5\r\nhello\r\r\n",
            "00000000000000001\r\nx",
            "10000000000000000\r\n",
            "fffffffffffffffff\r\n",
            "1;a\nx",
            "1;\0\r\n",
            "1;a\rb\r\n",
            "0\r\n\n",
            "0\r\n\r\r",
            "0\r\n folded\r\n\r\n",
            "0\r\na : b\r\n\r\n",
            "0\r\nnone\r\n\r\n",
            "0\r\n: b\r\n\r\n",
            "0\r\na: b\n\r\n",
            "0\r\na: \0\r\n\r\n",
            "0\r\na: b\r\r\n",
        ] {
            assert_eq!(chunked(input), Err(400), "{input:?}");
        }
    }

    #[test]
    fn extensions_and_trailers_are_bounded() {
        let most = MOST_OVERHEAD as usize;
        let extension = |length| format!("1;{}\r\nx\r\n0\r\n\r\n", "e".repeat(length));
        let trailer = |length| format!("1\r\nx\r\n0\r\na:{}\r\n\r\n", "e".repeat(length));
        for (input, expected) in [
            (extension(most), Ok(true)),
            (extension(most + 1), Err(431)),
            (trailer(most - 1), Ok(true)),
            (trailer(most), Err(431)),
            // In many chunks, and in many lines.
            ("1;extension\r\nx\r\n".repeat(500), Err(431)),
            (format!("0\r\n{}", "a:\r\n".repeat(5_000)), Err(431)),
        ] {
            let read = read(Body::chunked(), input.as_bytes(), input.len());
            assert_eq!(read.map(|body| body.is_some()), expected);
        }
    }

    /// RFC 9112 6.3.
    #[test]
    fn a_length_ends_a_body_and_what_follows_is_not_of_it() {
        for size in 1..12 {
            let body = read(Body::of_length(5), b"helloGET /", size);
            assert_eq!(body, Ok(Some((b"hello".to_vec(), 5))));
        }
        assert_eq!(read(Body::of_length(0), b"GET", 3), Ok(Some((Vec::new(), 0))));
        assert_eq!(read(Body::of_length(6), b"hello", 5), Ok(None));
        assert_eq!(read(Body::UNTIL_CLOSE, &[b'x'; 100], 7), Ok(None));
        assert_eq!(Body::of_length(5).known_left(), Some(5));
        assert_eq!(Body::chunked().known_left(), None);
    }
}
