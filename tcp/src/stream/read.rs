//! What a stream receives.

use core::{
    future::poll_fn,
    task::{Context, Poll},
};

use rt_regions::Region;

use super::{Stream, StreamError};

impl Stream {
    /// Shows `look` what has come and is not done with, each time that more has come. It returns how many of the bytes are
    /// done with, and a value as soon as it has what it looks for. `None` is the end of the stream: the peer has sent all,
    /// and `look` did not return a value.
    ///
    /// ```
    /// # async fn read(stream: &tcp::Stream) -> Result<(), tcp::StreamError> {
    /// // A line, without its end.
    /// let length = stream.receive(|bytes| match bytes.iter().position(|byte| *byte == b'\n') {
    ///     Some(end) => (end + 1, Some(end)),
    ///     None => (0, None),
    /// });
    /// # length.await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`StreamError`]: among others, `look` is done with nothing although the buffer takes no more.
    pub fn receive<T>(
        &self,
        mut look: impl FnMut(&[u8]) -> (usize, Option<T>),
    ) -> impl Future<Output = Result<Option<T>, StreamError>> {
        let mut seen = 0;
        poll_fn(move |context| {
            loop {
                let Some((lent, has_ended)) = self.lend() else { return Poll::Ready(Ok(None)) };
                let length = lent.bytes().len();
                // It is shown at the end once more: it may take what is left.
                let (done, value) = if length > seen || has_ended && length > 0 {
                    look(lent.bytes())
                } else {
                    (0, None)
                };
                let done = done.min(length);
                let is_full = self.take_back(lent, done);
                if value.is_some() {
                    return Poll::Ready(Ok(value));
                }
                seen = length - done;
                if done > 0 && seen > 0 {
                    seen = 0;
                    continue;
                }
                return self.wait_for_more(context, has_ended, is_full.then_some(length));
            }
        })
    }

    /// Takes the received bytes out, so that a service's code can look at them while nothing else is borrowed.
    fn lend(&self) -> Option<(crate::receive::Lent<'static>, bool)> {
        self.with(|entry| {
            let has_ended = entry.connection.has_ended();
            (entry.connection.lend(), has_ended)
        })
    }

    /// Puts the received bytes back, of which `done` are done with. Whether no more can come.
    fn take_back(&self, lent: crate::receive::Lent<'static>, done: usize) -> bool {
        let mut inner = self.connections.inner.borrow_mut();
        let Some(entry) = inner.table.get(self.id) else { return false };
        entry.connection.take_back(lent);
        if done > 0 {
            entry.connection.consume(done);
        }
        let is_full = done == 0 && entry.connection.is_full();
        if entry.connection.owes_something() {
            inner.table.queue(self.id);
        }
        is_full
    }

    fn wait_for_more<T>(
        &self,
        context: &mut Context<'_>,
        has_ended: bool,
        full: Option<usize>,
    ) -> Poll<Result<Option<T>, StreamError>> {
        if has_ended {
            return Poll::Ready(match self.broken() {
                Some(broken) => Err(StreamError::Broken(broken)),
                None => Ok(None),
            });
        }
        if let Some(length) = full {
            return Poll::Ready(Err(StreamError::TooLong(length)));
        }
        self.with(|entry| entry.reader = self.connections.tasks.current());
        self.wait(context)
    }

    /// Receives as many bytes as `buffer` has.
    ///
    /// # Errors
    /// [`StreamError`]: [`StreamError::Ended`] if the stream ends before.
    pub async fn read_exact(&self, buffer: &mut [u8]) -> Result<(), StreamError> {
        let mut filled = 0;
        if buffer.is_empty() {
            return Ok(());
        }
        let read = self.receive(|bytes| {
            let rest = &mut buffer[filled..];
            let count = bytes.len().min(rest.len());
            rest[..count].copy_from_slice(&bytes[..count]);
            filled += count;
            (count, (filled == buffer.len()).then_some(()))
        });
        read.await?.ok_or(StreamError::Ended)
    }

    /// Receives up to as many bytes as `buffer` has, at least one; returns how many. 0 is the end of the stream.
    ///
    /// # Errors
    /// [`StreamError`].
    pub async fn read(&self, buffer: &mut [u8]) -> Result<usize, StreamError> {
        if buffer.is_empty() {
            return Ok(0);
        }
        let read = self.receive(|bytes| {
            let count = bytes.len().min(buffer.len());
            buffer[..count].copy_from_slice(&bytes[..count]);
            (count, (count > 0).then_some(count))
        });
        Ok(read.await?.unwrap_or(0))
    }

    /// Receives all bytes until `end`, and that one, into `region`; the rest of the stream without it if the stream ends
    /// before. `None` is the end of the stream.
    ///
    /// # Errors
    /// [`StreamError`]: among others, `end` is not among as many bytes as are buffered, or `region` has no room.
    pub async fn read_until<'r>(
        &self,
        end: u8,
        region: &'r Region<'_>,
    ) -> Result<Option<&'r [u8]>, StreamError> {
        let mut known = 0;
        let found = self.receive(|bytes| {
            let rest = bytes.get(known..).unwrap_or_default();
            match rest.iter().position(|byte| *byte == end) {
                Some(place) => {
                    let length = known + place + 1;
                    (length, Some(region.alloc_slice(&bytes[..length]).map(|line| &*line)))
                }
                None => {
                    known = bytes.len();
                    (0, None)
                }
            }
        });
        match found.await? {
            Some(line) => Ok(Some(line?)),
            None => {
                let rest = self.receive(|bytes| {
                    (bytes.len(), Some(region.alloc_slice(bytes).map(|rest| &*rest)))
                });
                rest.await?.transpose().map_err(StreamError::from)
            }
        }
    }
}
