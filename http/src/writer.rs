//! A message whose body is sent in pieces: the common part of responses and of requests.

use layer::Payload;
use rt_regions::RegionVec;

use crate::{ByteStream, connection::Connection, fault::Fault, response::Start, text::Digits};

/// How the peer knows where the body ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Framing {
    /// So many bytes are left.
    Length(u64),
    Chunked,
    UntilClose,
}

/// A message, of which the head is sent together with the first piece of the body.
pub(crate) struct Writer<'c, 'r, S> {
    pub(crate) connection: &'c Connection<'c, S>,
    pub(crate) start: Start,
    /// The rest of the head, with the empty line.
    pub(crate) fields: RegionVec<'r, u8>,
    pub(crate) head_is_due: bool,
    pub(crate) framing: Framing,
    /// Nothing follows the head, whatever it says.
    pub(crate) without_body: bool,
}

impl<S: ByteStream> Writer<'_, '_, S> {
    pub(crate) async fn send(&mut self, piece: &dyn Payload) -> Result<(), Fault> {
        let length = piece.len() as u64;
        if let Framing::Length(left) = &mut self.framing {
            let Some(rest) = left.checked_sub(length) else {
                return Err(Fault::Longer);
            };
            *left = rest;
        }
        if self.without_body || length == 0 {
            self.flush(b"", &[0; 0]).await
        } else if self.framing == Framing::Chunked {
            let size = Digits::hexadecimal(length);
            self.flush(size.as_bytes(), &(*b"\r\n", (piece, *b"\r\n"))).await
        } else {
            self.flush(b"", piece).await
        }
    }

    pub(crate) async fn finish(&mut self) -> Result<(), Fault> {
        match self.framing {
            Framing::Length(1..) if !self.without_body => Err(Fault::Shorter),
            Framing::Chunked if !self.without_body => self.flush(b"0\r\n\r\n", &[0; 0]).await,
            _ => self.flush(b"", &[0; 0]).await,
        }
    }

    /// Sends the head, if it is due, then `size` and `piece`.
    async fn flush(&mut self, size: &[u8], piece: &dyn Payload) -> Result<(), Fault> {
        if self.head_is_due {
            self.head_is_due = false;
            let start = self.start.as_bytes();
            return self.connection.write(start, &self.fields, &(size, piece)).await;
        }
        if size.is_empty() && Payload::is_empty(&piece) {
            return Ok(());
        }
        self.connection.write(b"", size, piece).await
    }
}
