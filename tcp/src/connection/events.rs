//! What happens to a connection that its application may wait for.

/// What a segment, an error or a moment has changed for the application.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Events {
    /// There is more to read, or the peer has sent all.
    pub readable: bool,
    /// There is more room to send, or all that was sent is acknowledged.
    pub writable: bool,
    /// There is [urgent](super::Connection::urgent) data, or more of it (RFC 9293 3.8.5).
    pub urgent: bool,
    /// The connection does not get on: [`trouble`](super::Connection::trouble) says why (RFC 9293 3.9.1.8).
    pub trouble: bool,
    /// The handshake is done.
    pub established: bool,
    /// The connection is no more: [`broken`](super::Connection::broken) says why.
    pub closed: bool,
    /// The segment is not of this connection: its sender is to be told by a reset (RFC 9293 3.10.7.1).
    pub reset: bool,
}

impl Events {
    pub(super) const NONE: Self = Self {
        readable: false,
        writable: false,
        urgent: false,
        trouble: false,
        established: false,
        closed: false,
        reset: false,
    };

    /// Whoever waits for anything does not any more.
    pub(super) const CLOSED: Self =
        Self { closed: true, readable: true, writable: true, ..Self::NONE };

    pub(super) const RESET: Self = Self { reset: true, ..Self::NONE };

    pub(super) const TROUBLE: Self = Self { trouble: true, ..Self::NONE };

    /// All that has changed by either.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self {
            readable: self.readable || other.readable,
            writable: self.writable || other.writable,
            urgent: self.urgent || other.urgent,
            trouble: self.trouble || other.trouble,
            established: self.established || other.established,
            closed: self.closed || other.closed,
            reset: self.reset || other.reset,
        }
    }
}
