//! What the cache is told, and what it says.

use core::{fmt, net::Ipv4Addr};

use netif::MacAddr;

/// What is to be done with a packet for a neighbour whose address is not at hand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Resolution {
    /// Send it there.
    Known(MacAddr),
    /// Send it there, and ask this station alone whether it still has the address.
    Stale(MacAddr),
    /// Let it wait, and broadcast a request. Nothing is known any longer of `displaced`.
    Ask {
        /// The neighbour that had the place.
        displaced: Option<Ipv4Addr>,
    },
    /// Let it wait: the neighbour was asked.
    Asked,
    /// Drop it: the neighbour did not answer.
    Silent,
    /// Drop it: there is no place for the neighbour.
    Full,
}

/// What a received packet says of its sender's address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Claim {
    /// It asks for our address, so it will want to be sent to.
    AsksUs,
    /// It answers us.
    AnswersUs,
    /// It is none of our business: an announcement, somebody else's request.
    Aside,
}

/// What became of the entry of a packet's sender.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Merged {
    /// There is none: it may be [added](crate::cache::Cache::add).
    Unknown,
    /// It is as it was.
    Unchanged,
    /// It is right, and lasts again as long as a new one.
    Confirmed,
    /// It has another hardware address now.
    Changed,
    /// It was asked for, and here is the answer: what waits can be sent.
    Answered,
    /// The station that speaks contradicts the entry: ask it, alone, whether it has the address.
    Contested,
    /// It has answered: ask the station in the entry, this one, alone.
    Rivalled(MacAddr),
    /// The station in the entry has answered as well, and stays.
    Upheld,
}

/// What has become due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Due {
    /// Broadcast a request again.
    Ask(Ipv4Addr),
    /// Ask this station again, alone.
    Poll(Ipv4Addr, MacAddr),
    /// The neighbour did not answer: drop what waits for it.
    Silent(Ipv4Addr),
    /// The neighbour was known, and no longer answers: it was forgotten.
    Lost(Ipv4Addr),
    /// The neighbour has another hardware address: that of the station that answers.
    Changed(Ipv4Addr),
}

/// There is no place for another entry among those that belong to the same set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Full;

impl fmt::Display for Full {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("no place for this neighbour in the ARP cache")
    }
}

impl core::error::Error for Full {}
