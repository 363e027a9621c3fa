//! The groups that we are in, and what routers are told of them: the listener of MLD, version 2 (RFC 9777 6), and of
//! version 1 where an older router asks (RFC 2710). A value without input or output.

use core::{net::Ipv6Addr, time::Duration};

use ipv6::{ALL_NODES, JoinError, multicast_mac};
use layer::Instant;
use netif::MacAddr;

use crate::{NEVER, random::Random};

mod reports;

pub(crate) use reports::Report;

/// How many groups there are at most: as many as Ethernet can join ([`ethernet::MAX_GROUPS`]).
pub const MAX_GROUPS: usize = ethernet::MAX_GROUPS;

/// How often a change is reported (RFC 9777 9.1: the Robustness Variable).
const ROBUSTNESS: u8 = 2;
/// The longest time between two reports of a change (RFC 9777 9.11; RFC 2710 7.10 for version 1).
const UNSOLICITED_REPORT_INTERVAL: Duration = Duration::from_secs(1);
const UNSOLICITED_REPORT_INTERVAL_V1: Duration = Duration::from_secs(10);
/// How long version 1 is used after a query of it, in addition to the query's response time: the Robustness Variable times the
/// interval of queries, 125 s (RFC 9777 9.12).
const OLDER_VERSION: Duration = Duration::from_secs(2 * 125);
/// The least time between two reports that answer queries, so that a flood of queries is not answered by a flood.
const MIN_ANSWER_INTERVAL: Duration = Duration::from_millis(100);
/// The least time between two times that all groups are reported because the link is back.
const MIN_REFRESH_INTERVAL: Duration = Duration::from_secs(1);

/// The groups.
#[derive(Debug)]
pub(crate) struct Listener {
    groups: [Option<Group>; MAX_GROUPS],
    /// When a query for all groups is answered.
    answer: Instant,
    /// Before this time no query is answered, and no refresh begins.
    no_answer_before: Instant,
    no_refresh_before: Instant,
    /// Until then routers are told in version 1.
    v1_until: Instant,
}

#[derive(Clone, Copy, Debug)]
struct Group {
    address: Ipv6Addr,
    /// How many of our addresses are found by it.
    addresses: u8,
    /// Whether a layer above joined it.
    is_joined: bool,
    /// Whether the link below receives frames for it.
    is_received: bool,
    /// How many reports of the last change are still to be sent, and when the next one is.
    changes: u8,
    change: Instant,
    /// When a query for this group is answered.
    answer: Instant,
}

impl Group {
    const fn new(address: Ipv6Addr) -> Self {
        Self {
            address,
            addresses: 0,
            is_joined: false,
            is_received: false,
            changes: 0,
            change: NEVER,
            answer: NEVER,
        }
    }

    fn listens(&self) -> bool {
        self.is_joined || self.addresses > 0 || self.address == ALL_NODES
    }

    /// Whether routers are told of it: not of the group that everybody is in (RFC 9777 6).
    fn is_reported(&self) -> bool {
        self.address != ALL_NODES
    }

    /// A change is to be reported from now on. The time zero has passed whenever that is looked at.
    fn change(&mut self) {
        if self.is_reported() {
            (self.changes, self.change, self.answer) = (ROBUSTNESS, Instant::ZERO, NEVER);
        }
    }
}

/// What the link below is to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LinkChange {
    /// Receive frames for this group.
    Join(MacAddr),
    /// Receive them no more.
    Leave(MacAddr),
}

impl Listener {
    /// A listener in the group of all nodes.
    pub(crate) fn new() -> Self {
        let mut groups = [None; MAX_GROUPS];
        groups[0] = Some(Group::new(ALL_NODES));
        Self {
            groups,
            answer: NEVER,
            no_answer_before: Instant::ZERO,
            no_refresh_before: Instant::ZERO,
            v1_until: Instant::ZERO,
        }
    }

    /// Whether we are in the group.
    #[inline]
    pub(crate) fn is_member(&self, group: Ipv6Addr) -> bool {
        self.groups.iter().flatten().any(|known| known.address == group && known.listens())
    }

    /// Joins a group for a layer above.
    pub(crate) fn join(&mut self, group: Ipv6Addr) -> Result<(), JoinError> {
        // RFC 4291 2.7: the scope 0 is reserved, 1 is the node itself.
        if !group.is_multicast() || matches!(group.octets()[1] & 0xf, 0 | 1) {
            return Err(JoinError::NotAGroup(group));
        }
        self.change(group, |known| known.is_joined = true)
    }

    /// Leaves a group that a layer above has joined.
    pub(crate) fn leave(&mut self, group: Ipv6Addr) {
        if self.is_member(group) {
            // A group that is known has a place.
            let _ = self.change(group, |known| known.is_joined = false);
        }
    }

    /// Joins the group of one of our addresses.
    pub(crate) fn join_for_address(&mut self, group: Ipv6Addr) -> Result<(), JoinError> {
        self.change(group, |known| known.addresses += 1)
    }

    /// Leaves the group of one of our addresses.
    pub(crate) fn leave_for_address(&mut self, group: Ipv6Addr) {
        if self.is_member(group) {
            let _ = self.change(group, |known| {
                known.addresses = known.addresses.saturating_sub(1);
            });
        }
    }

    /// The next thing that the link below is to do, and the group. The caller repeats this until it is `None`.
    pub(crate) fn link_change(&mut self) -> Option<(LinkChange, Ipv6Addr)> {
        let is_stale = |group: &Group| group.listens() != group.is_received;
        let index =
            self.groups.iter().position(|place| place.is_some_and(|group| is_stale(&group)))?;
        let group = self.groups[index].as_mut()?;
        group.is_received = !group.is_received;
        let (address, joins, mac) =
            (group.address, group.is_received, multicast_mac(group.address));
        // Several groups may have one hardware address.
        let shares = |other: &Group| other.is_received && multicast_mac(other.address) == mac;
        self.drop_if_done(index);
        if joins {
            return Some((LinkChange::Join(mac), address));
        }
        if self.groups.iter().flatten().any(shares) {
            return self.link_change();
        }
        Some((LinkChange::Leave(mac), address))
    }

    fn change(
        &mut self,
        address: Ipv6Addr,
        apply: impl FnOnce(&mut Group),
    ) -> Result<(), JoinError> {
        let index = self.place(address).ok_or(JoinError::Full)?;
        let known = self.groups[index].filter(|group| group.address == address);
        let group = self.groups[index].insert(known.unwrap_or(Group::new(address)));
        let listened = group.listens();
        apply(group);
        if group.listens() != listened {
            group.change();
        }
        Ok(())
    }

    /// The place of a group, or one for it. A group that we have left, and are still to report, gives its place up.
    fn place(&self, address: Ipv6Addr) -> Option<usize> {
        let is_it = |place: &Option<Group>| place.is_some_and(|group| group.address == address);
        let is_left = |place: &Option<Group>| {
            place.is_some_and(|group| !group.listens() && !group.is_received)
        };
        let places = &self.groups;
        let place =
            places.iter().position(is_it).or_else(|| places.iter().position(Option::is_none));
        place.or_else(|| places.iter().position(is_left))
    }

    /// Forgets a group that we have left, and reported.
    fn drop_if_done(&mut self, index: usize) {
        let place = &mut self.groups[index];
        *place = place.filter(|group| group.listens() || group.is_received || group.changes > 0);
    }
}
