//! The format of messages: a header of four numbers, then strings, most of them ended by a zero byte.

use core::fmt::{self, Write};

use crate::{Errno, StoreError};

/// The size of each of the two rings in bytes (`XENSTORE_RING_SIZE`).
pub(super) const RING_SIZE: usize = 1024;
/// The longest payload of a message in bytes (`XENSTORE_PAYLOAD_MAX`).
pub(super) const PAYLOAD_MAX: u32 = 4096;

/// The type of a message (`enum xsd_sockmsg_type`), for those that we send or expect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub(crate) enum MessageType {
    Directory = 1,
    Read = 2,
    Watch = 4,
    Unwatch = 5,
    Write = 11,
    WatchEvent = 15,
    Error = 16,
}

/// `struct xsd_sockmsg`, in the processor's byte order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) kind: u32,
    pub(super) req_id: u32,
    pub(super) tx_id: u32,
    pub(super) len: u32,
}

impl Header {
    pub(super) const SIZE: usize = 16;

    pub(super) fn parse(bytes: [u8; Self::SIZE]) -> Self {
        let mut words = [0; Self::SIZE / 4];
        for (word, bytes) in words.iter_mut().zip(bytes.as_chunks().0) {
            *word = u32::from_le_bytes(*bytes);
        }
        let [kind, req_id, tx_id, len] = words;
        Self { kind, req_id, tx_id, len }
    }

    pub(super) fn emit(self) -> [u8; Self::SIZE] {
        let mut bytes = [0; Self::SIZE];
        let words = [self.kind, self.req_id, self.tx_id, self.len];
        for (bytes, word) in bytes.as_chunks_mut().0.iter_mut().zip(words) {
            *bytes = word.to_le_bytes();
        }
        bytes
    }

    pub(super) fn is(&self, kind: MessageType) -> bool {
        self.kind == kind as u32
    }
}

/// A request. It fits into an empty ring, so it is written in one step or not at all.
pub(super) struct Request {
    bytes: [u8; RING_SIZE],
    length: usize,
}

impl Request {
    pub(super) fn new() -> Self {
        Self { bytes: [0; RING_SIZE], length: Header::SIZE }
    }

    /// Writes the message: a path, the zero byte that ends it, and the rest of the payload.
    pub(super) fn write(
        &mut self,
        kind: MessageType,
        req_id: u32,
        path: fmt::Arguments<'_>,
        rest: fmt::Arguments<'_>,
    ) -> Result<&[u8], StoreError> {
        let too_long = |fmt::Error| StoreError::RequestTooLong;
        layer::format(path, &mut |piece| self.write_str(piece)).map_err(too_long)?;
        // A zero byte inside the path would end it.
        #[expect(clippy::manual_contains, reason = "`contains` is much more code, for long texts")]
        if self.bytes[Header::SIZE..self.length].iter().any(|byte| *byte == 0) {
            return Err(StoreError::Refused(Errno::EINVAL));
        }
        let rest = format_args!("\0{rest}");
        layer::format(rest, &mut |piece| self.write_str(piece)).map_err(too_long)?;
        let len = (self.length - Header::SIZE) as u32;
        let header = Header { kind: kind as u32, req_id, tx_id: 0, len };
        self.bytes[..Header::SIZE].copy_from_slice(&header.emit());
        Ok(&self.bytes[..self.length])
    }
}

impl Write for Request {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let room = self.bytes[self.length..].get_mut(..text.len()).ok_or(fmt::Error)?;
        room.copy_from_slice(text.as_bytes());
        self.length += text.len();
        Ok(())
    }
}

/// The number of an error. An unknown name is EINVAL, as in Linux.
pub(super) fn error_number(name: &[u8]) -> Errno {
    Errno::named(name).unwrap_or(Errno::EINVAL)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_laid_out_as_the_header_says() {
        let (path, value) = (format_args!("data/{}", 7), format_args!("on"));
        let mut request = Request::new();
        let bytes = request.write(MessageType::Write, 0x0102_0304, path, value).unwrap();
        let header = [11, 0, 0, 0, 4, 3, 2, 1, 0, 0, 0, 0, 9, 0, 0, 0];
        assert_eq!(bytes, [&header[..], b"data/7\0on"].concat());
        let parsed = Header::parse(header);
        assert!(parsed.is(MessageType::Write) && !parsed.is(MessageType::Read));
        assert_eq!((parsed.req_id, parsed.len, parsed.emit()), (0x0102_0304, 9, header));
    }

    /// How long a request with this path and value is.
    fn length(path: &str, value: &str) -> Result<usize, StoreError> {
        let (path, value) = (format_args!("{path}"), format_args!("{value}"));
        Request::new().write(MessageType::Write, 1, path, value).map(<[u8]>::len)
    }

    #[test]
    fn a_request_that_does_not_fit_into_the_ring_is_refused() {
        let text = "x".repeat(RING_SIZE);
        for (size, expected) in [
            (1007, Ok(RING_SIZE)),
            (1008, Err(StoreError::RequestTooLong)),
            (1024, Err(StoreError::RequestTooLong)),
        ] {
            assert_eq!(length(&text[..size], ""), expected);
            assert_eq!(length("", &text[..size]), expected);
            assert_eq!(length(&text[..7], &text[7..size]), expected);
        }
    }

    #[test]
    fn a_zero_byte_in_a_path_is_refused_and_in_a_value_is_not() {
        assert!(length("data", "a\0b").is_ok());
        assert_eq!(length("da\0ta", ""), Err(StoreError::Refused(Errno::EINVAL)));
    }

    #[test]
    fn errors_have_the_numbers_of_xen() {
        for (name, number) in [("ENOENT", 2), ("EACCES", 13), ("EEXIST", 17), ("EISCONN", 106)] {
            assert_eq!(error_number(name.as_bytes()), Errno(number));
        }
        for name in [&b""[..], b"ENOENT ", b"EUNHEARDOF", b"\xff", b"EINVAL"] {
            assert_eq!(error_number(name), Errno::EINVAL);
        }
    }
}
