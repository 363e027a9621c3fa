//! Our addresses (RFC 4862): a value without input or output. `detection` finds out whether they are ours, `autonomous` makes them of
//! the prefixes of routers.

use core::{fmt, net::Ipv6Addr};

use ipv6::Assigned;
use layer::{Instant, Ipv6Cidr};
use netif::MacAddr;
use network::TokenBucket;

use crate::{NEVER, identifier::Identifiers, random::Random, wire::Nonce};

mod autonomous;
mod detection;

pub(crate) use autonomous::Formed;
pub(crate) use detection::{Step, Verdict};

/// How many addresses there are at most: the link-local one, the configured one, and those made of prefixes.
pub const MAX_ADDRESSES: usize = 8;

/// The prefix of link-local addresses (RFC 4291 2.5.6).
const LINK_LOCAL: Ipv6Addr = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 0);

/// Another station has our address (RFC 4862 5.4.5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AddressInUse {
    /// The address.
    pub address: Ipv6Addr,
    /// The hardware address of the station.
    pub by: MacAddr,
}

impl fmt::Display for AddressInUse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the address {} is in use by the station {}", self.address, self.by)
    }
}

impl core::error::Error for AddressInUse {}

/// Our addresses, those that are to be ours among them.
#[derive(Debug)]
pub(crate) struct Addresses {
    entries: [Option<Entry>; MAX_ADDRESSES],
    /// Those that are ours.
    assigned: [Assigned; MAX_ADDRESSES],
    assigned_count: usize,
    /// Whether duplicates are looked for.
    detects: bool,
    identifiers: Identifiers,
    /// The configured or link-local address that another station has.
    lost: Option<AddressInUse>,
    /// How often an address may be made of a prefix.
    pace: TokenBucket,
}

/// Where an address comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Origin {
    LinkLocal,
    Configured,
    Autonomous,
}

/// How far the detection of duplicates is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// The address is new. A random delay is still to be chosen.
    New,
    /// After the delay the groups of the address are joined.
    Waiting,
    /// The groups are joined, and the probe is due.
    Joined,
    /// The probe was sent, and nobody has objected yet.
    Probing,
    /// The address is ours.
    Ours,
    /// Others have every address that we tried.
    GivenUp,
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    address: Ipv6Cidr,
    origin: Origin,
    state: State,
    /// When the next step of the detection is due.
    next: Instant,
    /// When it is deprecated, and when it ends.
    preferred: Instant,
    valid: Instant,
    /// How many addresses in its place were those of others.
    attempts: u8,
    /// How many probes are sent yet, because our own came back.
    repeats: u8,
    /// Whether our own probe came back.
    looped: bool,
    nonce: Nonce,
    /// Whether its group is joined.
    joined: bool,
    /// Whether it is to be announced.
    announces: bool,
}

impl Entry {
    /// An address that does not end.
    fn new(address: Ipv6Cidr, origin: Origin) -> Self {
        Self {
            address,
            origin,
            state: State::New,
            next: Instant::ZERO,
            preferred: NEVER,
            valid: NEVER,
            attempts: 0,
            repeats: 0,
            looped: false,
            nonce: [0; 6],
            joined: false,
            announces: false,
        }
    }

    fn is(&self, address: Ipv6Addr) -> bool {
        self.address.address() == address
    }
}

impl Addresses {
    /// A link-local address that is to be ours, and a configured one, if it can be that of a host.
    pub(crate) fn new(configured: Ipv6Cidr, identifiers: Identifiers, secret: u128) -> Self {
        let mut addresses = Self {
            entries: [None; MAX_ADDRESSES],
            assigned: [Assigned { address: Ipv6Cidr::UNSPECIFIED, deprecated: false };
                MAX_ADDRESSES],
            assigned_count: 0,
            detects: true,
            identifiers,
            lost: None,
            pace: TokenBucket::new(1, MAX_ADDRESSES as u32, secret),
        };
        addresses.set_identifiers(identifiers);
        addresses.set_configured(configured);
        addresses
    }

    /// Makes the link-local address of other identifiers. Before the host has sent anything.
    pub(crate) fn set_identifiers(&mut self, identifiers: Identifiers) {
        self.identifiers = identifiers;
        let address = identifiers.address(LINK_LOCAL, 0);
        self.entries[0] = Some(Entry::new(address, Origin::LinkLocal));
    }

    /// Whether duplicates are looked for.
    pub(crate) fn set_detection(&mut self, detects: bool) {
        self.detects = detects;
    }

    pub(crate) fn detects(&self) -> bool {
        self.detects
    }

    /// Sets the configured address, or none; returns the one before if its group is joined.
    pub(crate) fn set_configured(&mut self, address: Ipv6Cidr) -> Option<Ipv6Addr> {
        let before = self.entries[1].take();
        self.lost = self.lost.filter(|lost| before.is_none_or(|entry| !entry.is(lost.address)));
        let before = before.filter(|entry| entry.joined);
        let entry = Entry::new(address, Origin::Configured);
        self.entries[1] = address.is_host().then_some(entry);
        self.rebuild();
        before.map(|entry| entry.address.address())
    }

    /// The addresses that are ours.
    #[inline]
    pub(crate) fn assigned(&self) -> &[Assigned] {
        &self.assigned[..self.assigned_count]
    }

    /// Whether the address is ours.
    #[inline]
    pub(crate) fn is_ours(&self, address: Ipv6Addr) -> bool {
        self.assigned().iter().any(|assigned| assigned.address.address() == address)
    }

    /// Whether the address is to be ours, and may be another station's.
    pub(crate) fn is_tentative(&self, address: Ipv6Addr) -> bool {
        let is_tentative = |entry: &Entry| {
            entry.is(address) && !matches!(entry.state, State::Ours | State::GivenUp)
        };
        self.entries.iter().flatten().any(is_tentative)
    }

    /// Our link-local address, if it is ours.
    pub(crate) fn link_local(&self) -> Option<Ipv6Addr> {
        let entry = self.entries[0].filter(|entry| entry.state == State::Ours)?;
        Some(entry.address.address())
    }

    /// The network of the configured address, whose hosts are on the link.
    #[inline]
    pub(crate) fn configured(&self) -> Option<Ipv6Cidr> {
        self.entries[1].map(|entry| entry.address)
    }

    /// The address that we go by: the configured one, or one made of a prefix, or the link-local one.
    pub(crate) fn primary(&self) -> Ipv6Cidr {
        let rank = |assigned: &&Assigned| {
            let address = assigned.address;
            let is_configured = self.configured() == Some(address);
            let is_local = address.address().is_unicast_link_local();
            (!is_configured, is_local, assigned.deprecated)
        };
        let best = self.assigned().iter().min_by_key(rank);
        best.map_or(Ipv6Cidr::UNSPECIFIED, |assigned| assigned.address)
    }

    /// The address of ours to ask for `target` from: one in its network, or the first, which is the link-local one if that is ours.
    pub(crate) fn source_for(&self, target: Ipv6Addr) -> Option<Ipv6Addr> {
        let assigned = self.assigned();
        let in_network = assigned.iter().find(|assigned| assigned.address.contains(target));
        Some(in_network.or(assigned.first())?.address.address())
    }

    /// Whether another station has the configured address, or the link-local ones that we tried.
    pub(crate) fn lost(&self) -> Option<&AddressInUse> {
        self.lost.as_ref()
    }

    /// Whether we can serve: at the configured address, or at one made of a prefix, or at the link-local one if no router gives
    /// another.
    pub(crate) fn is_ready(&self, no_router: bool) -> bool {
        match self.entries[1] {
            Some(entry) => entry.state == State::Ours,
            None => {
                let is_global =
                    |assigned: &Assigned| !assigned.address.address().is_unicast_link_local();
                let has_global = self.assigned().iter().any(is_global);
                let is_coming = |entry: &Entry| {
                    let is_decided = matches!(entry.state, State::Ours | State::GivenUp);
                    entry.origin == Origin::Autonomous && !is_decided
                };
                let comes = self.entries.iter().flatten().any(is_coming);
                self.link_local().is_some() && (has_global || no_router && !comes)
            }
        }
    }

    /// When something is due, or [`NEVER`]. The link is up if `link_up`; otherwise only lifetimes count.
    pub(crate) fn next(&self, link_up: bool) -> Instant {
        let times = self.entries.iter().flatten().map(|entry| {
            let ends = entry.valid.min(if entry.preferred == Instant::ZERO {
                NEVER
            } else {
                entry.preferred
            });
            let waits = matches!(entry.state, State::GivenUp)
                || (entry.state == State::Ours && !entry.announces);
            if waits || !link_up { ends } else { ends.min(entry.next) }
        });
        times.min().unwrap_or(NEVER)
    }

    /// Lists the addresses that are ours anew. The link-local one is first.
    fn rebuild(&mut self) {
        self.assigned_count = 0;
        for entry in self.entries.iter().flatten().filter(|entry| entry.state == State::Ours) {
            let deprecated = entry.preferred == Instant::ZERO;
            self.assigned[self.assigned_count] = Assigned { address: entry.address, deprecated };
            self.assigned_count += 1;
        }
    }
}
