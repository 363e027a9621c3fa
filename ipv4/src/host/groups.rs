//! Multicast groups (RFC 1112), on this link only.

use core::{fmt, net::Ipv4Addr};

use ethernet::Link;
use netif::MacAddr;

use super::Host;

/// How many multicast groups a host can join, in addition to [`ALL_HOSTS`].
pub const MAX_GROUPS: usize = 8;

/// The group of all hosts of the link: joined from the beginning, and never left (RFC 1112 4).
pub const ALL_HOSTS: Ipv4Addr = Ipv4Addr::new(224, 0, 0, 1);

impl<R> Host<'_, R> {
    /// Whether we are in the multicast group `address`.
    pub(super) fn is_member(&self, address: Ipv4Addr) -> bool {
        address.is_multicast() && (address == ALL_HOSTS || self.groups.contains(&address))
    }

    /// Joins the multicast `group`, without telling routers (no IGMP): it is for groups of this link.
    ///
    /// # Errors
    /// `group` is not a multicast address, or too many groups are joined.
    pub fn join(&mut self, link: &mut impl Link, group: Ipv4Addr) -> Result<(), JoinError> {
        if !group.is_multicast() {
            return Err(JoinError::NotAGroup(group));
        }
        if self.is_member(group) {
            return Ok(());
        }
        let free = self.groups.iter_mut().find(|place| place.is_unspecified());
        let place = free.ok_or(JoinError::Full)?;
        link.join(multicast_mac(group)).map_err(|_| JoinError::Full)?;
        *place = group;
        Ok(())
    }

    /// Leaves the multicast `group`.
    pub fn leave(&mut self, link: &mut impl Link, group: Ipv4Addr) {
        for place in self.groups.iter_mut().filter(|place| **place == group) {
            *place = Ipv4Addr::UNSPECIFIED;
            // 32 groups share a hardware address. The link keeps it while another group needs it.
            link.leave(multicast_mac(group));
        }
        let left = self.groups.into_iter().filter(|group| group.is_multicast());
        for group in left.chain([ALL_HOSTS]) {
            // The address was joined before, so there is room.
            let _ = link.join(multicast_mac(group));
        }
    }
}
/// The hardware address of a multicast group (RFC 1112 6.4).
pub const fn multicast_mac(group: Ipv4Addr) -> MacAddr {
    let [_, b, c, d] = group.octets();
    MacAddr([1, 0, 0x5e, b & 0x7f, c, d])
}

/// Why a group could not be joined.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JoinError {
    /// The address is not in 224.0.0.0/4.
    NotAGroup(Ipv4Addr),
    /// [`MAX_GROUPS`] groups are joined already, or as many as the link supports.
    Full,
}

impl fmt::Display for JoinError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotAGroup(address) => write!(f, "{address} is not a group: 224.0.0.0/4"),
            Self::Full => write!(f, "{MAX_GROUPS} groups are joined already, leave one first"),
        }
    }
}

impl core::error::Error for JoinError {}
