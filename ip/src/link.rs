//! The trait of a link for both families.

use core::net::Ipv4Addr;

use ethernet::Neighbours;
use ipv6::Discovery;
use layer::Cidr;

/// A link that finds neighbours of both families by itself: `Ndp<Arp<L>>`.
pub trait DualLink: Neighbours<Ipv4Addr, Address = Cidr> + Discovery {}

impl<L: Neighbours<Ipv4Addr, Address = Cidr> + Discovery> DualLink for L {}
