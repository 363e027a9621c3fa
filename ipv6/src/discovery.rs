//! The trait of a link that finds neighbours, routers and addresses by itself.

use core::net::Ipv6Addr;

use ethernet::Neighbours;
use layer::{IPV6_MIN_MTU, Instant, Ipv6Cidr};
use rt_regions::Region;

use crate::{HEADER_LEN, JoinError};

/// One of our addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Assigned {
    /// The address, with the prefix of its network.
    pub address: Ipv6Cidr,
    /// Whether new conversations prefer another address, if there is one (RFC 4862 5.5.4).
    pub deprecated: bool,
}

/// A packet of ours that was not sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Undelivered<'r> {
    /// The next hop, which does not answer: the destination itself, or a router.
    pub next_hop: Ipv6Addr,
    /// The beginning of the packet, or all of it: [`LONGEST_QUOTE`] bytes at most.
    pub packet: &'r [u8],
}

/// The most bytes of a packet that an error about it quotes: what fits the smallest MTU with the headers of the error (RFC 4443 2.4
/// (c)).
pub const LONGEST_QUOTE: usize = IPV6_MIN_MTU - HEADER_LEN - 8;

/// What a host knows of its link (RFC 4861 5.1, 6.3.2): its addresses, the way to each destination, the groups, and what routers say
/// of the link. `ndp::Ndp` finds it out by itself.
///
/// [`send_to`](Neighbours::send_to) takes the destination of a packet, an address of one host, and finds the next hop: the neighbour
/// itself, or a router. [`address`](Neighbours::address) is the one of our addresses that we go by, and
/// [`set_address`](Neighbours::set_address) sets one by hand; the others remain.
pub trait Discovery: Neighbours<Ipv6Addr, Address = Ipv6Cidr> {
    /// The addresses that are ours: preferred or deprecated. One that may be another station's too (tentative, RFC 4862 2) is not
    /// among them.
    fn addresses(&self) -> &[Assigned];

    /// Whether a packet to `destination` can leave: it is on the link (RFC 4861 2.1), or there is a router.
    fn has_route(&self, destination: Ipv6Addr) -> bool;

    /// The longest packet in bytes, header included: at least 1,280, and what routers say (RFC 4861 4.6.4) if that is less than
    /// the MTU of the interface.
    fn ipv6_mtu(&self) -> usize;

    /// The hop limit of packets for which the transport sets none, which routers may say (RFC 4861 6.3.4).
    fn hop_limit(&self) -> u8;

    /// The next packet of ours that waited for a next hop which does not answer, for who has sent it to be told (RFC 4861 7.2.2). The
    /// network asks for it before it receives. A link that says nothing of such packets has none.
    fn take_undelivered<'r>(&mut self, region: &'r Region<'_>) -> Option<Undelivered<'r>> {
        let _ = region;
        None
    }

    /// Records that packets to `destination` arrive, so that the next hop need not be asked whether it is still there (RFC 4861
    /// 7.3.1). A link that does not ask ignores it.
    fn confirm(&mut self, now: Instant, destination: Ipv6Addr) {
        let _ = (now, destination);
    }

    /// Whether we are in the multicast group.
    fn is_member(&self, group: Ipv6Addr) -> bool;

    /// Joins the multicast group, and tells the routers of the link (RFC 9777).
    ///
    /// # Errors
    /// The address is not that of a group, or too many are joined.
    fn join_group(&mut self, group: Ipv6Addr) -> Result<(), JoinError>;

    /// Leaves the multicast group. The groups of our own addresses are not left.
    fn leave_group(&mut self, group: Ipv6Addr);
}
