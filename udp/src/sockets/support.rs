//! What the layer does for sockets, if it has any.

use layer::{Counter, Instant};
use network::Network;

use super::{SocketError, Sockets};
use crate::{BindError, Datagram, Udp};

mod sealed {
    pub trait Sealed {}

    impl Sealed for () {}
    impl Sealed for &super::Sockets {}
}

/// What [`Udp`](crate::Udp) does for the sockets of tasks: nothing, which is `()`, or [`&'static Sockets`](Sockets). So a
/// layer without tasks has none of their code.
pub trait SocketSupport: sealed::Sealed + Copy {
    /// Whether [`flush`](Self::flush) has something to do.
    #[doc(hidden)]
    fn has_output(self) -> bool;

    /// Sends what tasks have left to be sent.
    #[doc(hidden)]
    fn flush<I: Network>(udp: &mut Udp<'_, I, Self>, now: Instant) -> Result<(), I::Error>;

    /// Whether a socket or the layer has this port.
    #[doc(hidden)]
    fn has_port(self, port: u16) -> bool;

    /// Whether a socket has this port that was chosen for it, so that no service is expected there, and what comes are
    /// answers, not requests.
    #[doc(hidden)]
    fn is_of_question(self, port: u16) -> bool;

    /// The layer has this port from now on.
    #[doc(hidden)]
    fn reserve(self, port: u16) -> Result<(), BindError>;

    /// The layer has this port no more.
    #[doc(hidden)]
    fn release(self, port: u16);

    /// Hands a datagram to the socket with its port; returns whether there is one.
    #[doc(hidden)]
    fn deliver(self, port: u16, datagram: &Datagram<'_>) -> bool;

    /// Tells the socket with this port what became of a datagram; returns whether there is one.
    #[doc(hidden)]
    fn fail(self, port: u16, error: SocketError) -> bool;

    /// Shows the counters of sockets and tasks.
    #[doc(hidden)]
    fn visit(self, visit: &mut dyn FnMut(Counter));
}

impl SocketSupport for () {
    #[inline]
    fn has_output(self) -> bool {
        false
    }

    #[inline]
    fn flush<I: Network>(_: &mut Udp<'_, I>, _: Instant) -> Result<(), I::Error> {
        Ok(())
    }

    #[inline]
    fn has_port(self, _: u16) -> bool {
        false
    }

    #[inline]
    fn is_of_question(self, _: u16) -> bool {
        false
    }

    #[inline]
    fn reserve(self, _: u16) -> Result<(), BindError> {
        Ok(())
    }

    #[inline]
    fn release(self, _: u16) {}

    #[inline]
    fn deliver(self, _: u16, _: &Datagram<'_>) -> bool {
        false
    }

    #[inline]
    fn fail(self, _: u16, _: SocketError) -> bool {
        false
    }

    #[inline]
    fn visit(self, _: &mut dyn FnMut(Counter)) {}
}

impl SocketSupport for &'static Sockets {
    #[inline]
    fn has_output(self) -> bool {
        self.has_output()
    }

    fn flush<I: Network>(udp: &mut Udp<'_, I, Self>, now: Instant) -> Result<(), I::Error> {
        udp.flush(now)
    }

    fn has_port(self, port: u16) -> bool {
        self.has_port(port)
    }

    fn is_of_question(self, port: u16) -> bool {
        self.is_of_question(port)
    }

    fn reserve(self, port: u16) -> Result<(), BindError> {
        self.reserve(port)
    }

    fn release(self, port: u16) {
        self.release(port);
    }

    fn deliver(self, port: u16, datagram: &Datagram<'_>) -> bool {
        self.deliver(port, datagram)
    }

    fn fail(self, port: u16, error: SocketError) -> bool {
        self.fail(port, error)
    }

    fn visit(self, visit: &mut dyn FnMut(Counter)) {
        self.tasks().counters(visit);
        self.visit(visit);
    }
}
