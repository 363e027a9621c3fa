//! A stream for crates that stand on `embedded-io-async`.

use embedded_io_async::{Error, ErrorKind, ErrorType, Read, Write};

use super::{Stream, StreamError};
use crate::Broken;

impl Error for StreamError {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::Broken(Broken::Reset) => ErrorKind::ConnectionReset,
            Self::Broken(Broken::Refused) => ErrorKind::ConnectionRefused,
            Self::Broken(Broken::TimedOut) | Self::TimedOut => ErrorKind::TimedOut,
            Self::Broken(Broken::Aborted) => ErrorKind::ConnectionAborted,
            Self::Broken(Broken::Unreachable(_)) => ErrorKind::NotConnected,
            Self::Ended | Self::ShutDown => ErrorKind::BrokenPipe,
            Self::TooLong(_) => ErrorKind::InvalidData,
            Self::Exhausted(_) => ErrorKind::OutOfMemory,
        }
    }
}

impl ErrorType for Stream {
    type Error = StreamError;
}

impl Read for Stream {
    async fn read(&mut self, buffer: &mut [u8]) -> Result<usize, StreamError> {
        Self::read(self, buffer).await
    }
}

impl Write for Stream {
    async fn write(&mut self, bytes: &[u8]) -> Result<usize, StreamError> {
        self.send_some(bytes).await
    }

    /// Waits until the peer has acknowledged all.
    async fn flush(&mut self) -> Result<(), StreamError> {
        self.acknowledged().await
    }
}

impl ErrorType for &Stream {
    type Error = StreamError;
}

impl Read for &Stream {
    async fn read(&mut self, buffer: &mut [u8]) -> Result<usize, StreamError> {
        Stream::read(self, buffer).await
    }
}

impl Write for &Stream {
    async fn write(&mut self, bytes: &[u8]) -> Result<usize, StreamError> {
        self.send_some(bytes).await
    }

    /// Waits until the peer has acknowledged all.
    async fn flush(&mut self) -> Result<(), StreamError> {
        self.acknowledged().await
    }
}
