//! The arguments and the results of the cache's methods.

use core::{fmt, net::Ipv4Addr};

use netif::MacAddr;

/// What to do with a packet for a neighbour whose address is not at hand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Resolution {
    /// Send the packet to this station.
    Known(MacAddr),
    /// Send the packet to this station, and ask the station alone whether it still has the address.
    Stale(MacAddr),
    /// Keep the packet, and broadcast a request. The entry of `displaced` was removed.
    Ask {
        /// The neighbour that had the place before.
        displaced: Option<Ipv4Addr>,
    },
    /// Keep the packet: a request is already under way.
    Asked,
    /// Drop the packet: the neighbour did not answer.
    Silent,
    /// Drop the packet: the cache has no place for the neighbour.
    Full,
}

/// What a received packet means for the entry of its sender.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Claim {
    /// The packet asks for our address, so its sender probably expects packets from us.
    AsksUs,
    /// The packet answers our request.
    AnswersUs,
    /// The packet does not concern us: it is an announcement, or a request for another address.
    Aside,
}

/// The effect of a packet on the entry of its sender.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Merged {
    /// There is no entry. It may be [added](crate::cache::Cache::add).
    Unknown,
    /// The entry did not change.
    Unchanged,
    /// The packet confirmed the entry, which lasts as long as a new one from now on.
    Confirmed,
    /// The entry has another hardware address now.
    Changed,
    /// The packet answered a request: the packets that wait can be sent.
    Answered,
    /// The sender contradicts the entry: ask the sender alone whether it has the address.
    Contested,
    /// The rival has answered: ask the station in the entry, given here, alone.
    Rivalled(MacAddr),
    /// The station in the entry has answered too, and stays.
    Upheld,
}

/// Work that has become due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Due {
    /// Broadcast a request again.
    Ask(Ipv4Addr),
    /// Ask this station again, alone.
    Poll(Ipv4Addr, MacAddr),
    /// The neighbour did not answer: drop the packets that wait for it.
    Silent(Ipv4Addr),
    /// The neighbour was known, but no longer answers: its entry was removed.
    Lost(Ipv4Addr),
    /// The neighbour has another hardware address now: that of the station that answered.
    Changed(Ipv4Addr),
}

/// The set has no place for another entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Full;

impl fmt::Display for Full {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("no place for this neighbour in the ARP cache")
    }
}

impl core::error::Error for Full {}
