//! The table of what is remembered of destinations: the MTU of their paths, and their identifications.

use core::net::Ipv4Addr;

use layer::Instant;

/// The fewest rows and the most; there are a power of two of them.
pub(crate) const ROWS: (usize, usize) = (64, 4096);

/// A place for a path, and beside it, since it has room for that, a counter of identifications. The two are
/// found by different hashes and have nothing else to do with each other.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Row {
    /// The path is known before this.
    pub(crate) until: Instant,
    /// Whom the path leads to.
    pub(crate) destination: Ipv4Addr,
    /// What the path takes.
    pub(crate) mtu: u16,
    /// How many identifications were taken here.
    pub(crate) counter: u16,
}

const _: () = assert!(size_of::<Row>() == 16);

impl Row {
    /// No path, which is that of nobody and over, and no identifications.
    pub(crate) const EMPTY: Self =
        Self { until: Instant::ZERO, destination: Ipv4Addr::UNSPECIFIED, mtu: 0, counter: 0 };
}
