//! What the applications of both hosts are told to do, and what they say.

use super::segment::byte;

/// What an application does with its connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Command {
    /// Takes all that has come.
    Read,
    /// Sends so many bytes.
    Write(usize),
    /// Sends no more.
    Shutdown,
    /// Is done with the connection.
    Close,
    /// Ends the connection at once.
    Abort,
}

/// What an application has seen, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Seen {
    /// There is a connection.
    Accepted,
    /// These bytes have come.
    Bytes(Vec<u8>),
    /// The peer has ended.
    End,
    /// The connection is broken.
    Broken,
}

/// The bytes of a host from a number on.
pub(super) fn bytes(start: u32, count: usize) -> Vec<u8> {
    (start..start + count as u32).map(|at| byte(0, at)).collect()
}
