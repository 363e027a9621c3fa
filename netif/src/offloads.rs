//! What an interface does itself with what it sends.

/// What the layers above may leave undone in a frame that they hand to [`Netif::transmit`], because the
/// interface does it.
///
/// Nothing about it travels with a frame: the interface finds in the frame itself what is to be done, as
/// network cards do. So a wrapper around an interface need not know of it.
///
/// [`Netif::transmit`]: crate::Netif::transmit
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Offloads {
    /// The checksum of a UDP datagram over IPv4 that is no fragment may be left blank: 0, which says that
    /// there is none (RFC 768). The interface fills it in, or hands the datagram to somebody who knows
    /// that it never left the host.
    pub udp_checksum: bool,
    /// An IPv4 packet with a UDP datagram may be longer than the MTU if its DF is clear: the interface cuts
    /// it into fragments of its MTU (and fills the checksum in, whatever stands there).
    pub udp_fragmentation: bool,
}

impl Offloads {
    /// An interface that sends what it is given, byte for byte.
    pub const NONE: Self = Self { udp_checksum: false, udp_fragmentation: false };
}
