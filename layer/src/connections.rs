//! The connections of a layer, for those who look at a running program.

use core::{net::SocketAddr, time::Duration};

/// A connection, and what it has done up to now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Connection {
    /// Our end.
    pub local: SocketAddr,
    /// The end of the peer.
    pub remote: SocketAddr,
    /// The state, by the name that its protocol gives it: `ESTABLISHED`.
    pub state: &'static str,
    /// Bytes of data received in order.
    pub bytes_rx: u64,
    /// Bytes of data that the peer has acknowledged.
    pub bytes_tx: u64,
    /// The smoothed round-trip time, or `None` if none was measured.
    pub round_trip: Option<Duration>,
    /// How many bytes may be in flight to the peer.
    pub window: u64,
    /// Segments that were sent again.
    pub retransmissions: u64,
}

/// A layer with connections.
pub trait Connections {
    /// Calls `visit` with each connection.
    fn connections(&self, visit: &mut dyn FnMut(&Connection));
}
