//! Neighbour Discovery of one host: a value without input or output. Received packets, packets to be sent and the time go in. Packets,
//! and the time of the next call, come out.

use core::{net::Ipv6Addr, time::Duration};

use ethernet::Waiting;
use ipv6::{Assigned, JoinError};
use layer::{IPV6_MIN_MTU, Instant, Ipv6Cidr};
use managed::ManagedSlice;
use netif::MacAddr;
use rt_regions::Pool;

use crate::{
    AddressInUse, Counters, Entry, NEVER,
    addresses::Addresses,
    cache::Cache,
    identifier::Identifiers,
    listener::{LinkChange, Listener},
    prefixes::Prefixes,
    random::Random,
    redirects::Redirects,
    routers::Routers,
    servers::Servers,
    solicitation::Solicitation,
};

mod input;
mod output;
mod route;
mod undelivered;

pub use input::Reaction;
pub use route::Resolved;
use undelivered::Failed;

/// The hop limit if routers say nothing (IANA's registry of IP parameters; RFC 4861 6.3.2).
const HOP_LIMIT: u8 = 64;

/// What a host knows of its link, and does to know it (RFC 4861 5, 6.3; RFC 4862 5; RFC 9777 6).
#[derive(Debug)]
pub struct Node<'g> {
    mac: MacAddr,
    addresses: Addresses,
    /// Whether addresses are made of the prefixes of routers.
    autoconfigures: bool,
    cache: Cache<'g>,
    waiting: Waiting<'g, Ipv6Addr>,
    undelivered: Option<Failed<'g>>,
    routers: Routers,
    prefixes: Prefixes,
    redirects: Redirects,
    servers: Servers,
    /// Whether the servers have changed since [`take_dns_change`](Self::take_dns_change).
    dns_changed: bool,
    solicitation: Solicitation,
    listener: Listener,
    /// The hop limit, and the MTU, that routers say.
    hop_limit: u8,
    mtu: Option<usize>,
    /// Whether the link is up, so that frames leave, and when that is checked next.
    link_up: bool,
    next_look: Instant,
    /// Before this time the addresses are not announced again.
    no_announcement_before: Instant,
    random: Random,
    /// When [`due`](Self::due) is to be called.
    next: Instant,
    counters: Counters,
    log: bool,
}

impl<'g> Node<'g> {
    /// The host with the hardware address `mac`. `address` is the one of its configuration, or the unspecified one: then its
    /// addresses are made of the prefixes of routers. The neighbour cache is in `storage` (8 entries times a power of two). Packets
    /// wait in pages of `pool`; without a pool they are dropped. `secret` must be unpredictable.
    pub fn new(
        mac: MacAddr,
        address: Ipv6Cidr,
        secret: u128,
        storage: impl Into<ManagedSlice<'g, Entry>>,
        pool: Option<&'g Pool<'g>>,
    ) -> Self {
        let secrets = |part| layer::seed_for(part, secret);
        let identifiers = Identifiers::new(secrets(*b"iid "), mac);
        Self {
            mac,
            addresses: Addresses::new(address, identifiers, secrets(*b"pace")),
            autoconfigures: !address.is_host(),
            cache: Cache::new(storage, secrets(*b"hash")),
            waiting: Waiting::new(pool),
            undelivered: None,
            routers: Routers::default(),
            prefixes: Prefixes::default(),
            redirects: Redirects::default(),
            servers: Servers::default(),
            dns_changed: false,
            solicitation: Solicitation::new(),
            listener: Listener::new(),
            hop_limit: HOP_LIMIT,
            mtu: None,
            link_up: true,
            next_look: NEVER,
            no_announcement_before: Instant::ZERO,
            random: Random::new(secrets(*b"rand")),
            next: Instant::ZERO,
            counters: Counters::default(),
            log: false,
        }
    }

    /// Looks for duplicates of each address before it is used, or does not.
    pub fn set_detection(&mut self, detects: bool) {
        self.addresses.set_detection(detects);
    }

    /// Whether duplicates are looked for.
    pub fn detects(&self) -> bool {
        self.addresses.detects()
    }

    /// Makes addresses of the prefixes of routers, or does not.
    pub fn set_autoconfiguration(&mut self, autoconfigures: bool) {
        self.autoconfigures = autoconfigures;
    }

    /// Makes the identifiers of addresses of this secret (RFC 7217). It is called before anything is sent.
    pub fn set_identifier_secret(&mut self, secret: u128) {
        self.addresses.set_identifiers(Identifiers::new(secret, self.mac));
    }

    /// Sets the gateway, or none.
    pub fn set_gateway(&mut self, gateway: Option<Ipv6Addr>) {
        self.routers.set_gateway(gateway);
    }

    /// Sets the address of the configuration: another one, the same one again, or none (the unspecified address). The next
    /// [`due`](Self::due) looks for duplicates of it. Packets that wait are dropped, because they may contain the old address.
    pub fn set_address(&mut self, address: Ipv6Cidr) {
        if let Some(old) = self.addresses.set_configured(address) {
            self.leave(old, true);
        }
        self.counters.abandoned += self.waiting.clear();
        self.undelivered = None;
        self.next = Instant::ZERO;
    }

    /// The addresses that are ours.
    #[inline]
    pub fn addresses(&self) -> &[Assigned] {
        self.addresses.assigned()
    }

    /// The address that we go by, or the unspecified one.
    pub fn address(&self) -> Ipv6Cidr {
        self.addresses.primary()
    }

    /// The station that has the configured address, or the link-local addresses that we tried.
    pub fn lost(&self) -> Option<&AddressInUse> {
        self.addresses.lost()
    }

    /// Whether we have an address to serve at; see [`Ndp::ready`](crate::Ndp#method.ready).
    pub fn is_ready(&self) -> bool {
        self.addresses.is_ready(self.solicitation.is_over())
    }

    /// The hop limit of packets for which the transport sets none.
    pub fn hop_limit(&self) -> u8 {
        self.hop_limit
    }

    /// The MTU that routers say, if it is less than the link's; at least 1,280 (RFC 8200 5).
    pub fn mtu(&self, link_mtu: usize) -> usize {
        self.mtu.map_or(link_mtu, |mtu| mtu.min(link_mtu)).max(IPV6_MIN_MTU)
    }

    /// The DNS servers that routers say, as long as they may be asked (RFC 8106).
    pub fn dns_servers(&self) -> impl Iterator<Item = Ipv6Addr> {
        self.servers.iter()
    }

    /// Whether the [DNS servers](Self::dns_servers) are others than at the last call.
    pub fn take_dns_change(&mut self) -> bool {
        core::mem::take(&mut self.dns_changed)
    }

    /// Whether we are in the group.
    pub fn is_member(&self, group: Ipv6Addr) -> bool {
        self.listener.is_member(group)
    }

    /// Joins a group. The next [`due`](Self::due) tells the routers.
    ///
    /// # Errors
    /// The address is not that of a group, or too many are joined.
    pub fn join_group(&mut self, group: Ipv6Addr) -> Result<(), JoinError> {
        self.next = Instant::ZERO;
        self.listener.join(group)
    }

    /// Leaves a group.
    pub fn leave_group(&mut self, group: Ipv6Addr) {
        self.next = Instant::ZERO;
        self.listener.leave(group);
    }

    /// The group of our addresses could not be joined: neighbours do not find us.
    pub fn group_failed(&mut self) {
        self.counters.groups_full += 1;
    }

    /// The next group that the link below is to join or to leave, and its hardware address. The caller repeats this until it is
    /// `None`.
    pub fn link_change(&mut self) -> Option<(LinkChange, Ipv6Addr)> {
        self.listener.link_change()
    }

    /// Records at `now` whether the link is up. The state is to be checked again after `interval`. The caller calls this before
    /// [`due`](Self::due), because a probe that cannot leave does not count.
    pub fn look(&mut self, now: Instant, link_up: bool, interval: Option<Duration>) {
        self.next_look = interval.map_or(NEVER, |interval| now + interval);
        let was_up = core::mem::replace(&mut self.link_up, link_up);
        if link_up && !was_up {
            layer::log!(self.log, "ndp: the link is up");
            let announce = now.max(self.no_announcement_before);
            self.addresses.link_up(announce);
            self.cache.doubt();
            self.listener.refresh(now);
            if self.addresses.link_local().is_some() && self.wants_router() {
                self.solicitation.restart(now, &mut self.random);
            }
        }
        self.update();
    }

    /// Records that the link is up or down, for a link that reports changes; returns whether the state changed.
    #[inline]
    pub fn set_link_up(&mut self, now: Instant, up: bool) -> bool {
        let is_news = up != self.link_up;
        if is_news {
            self.look(now, up, None);
        }
        is_news
    }

    /// When to call [`due`](Self::due).
    #[inline]
    pub fn next_deadline(&self) -> Option<Instant> {
        (self.next < NEVER).then_some(self.next)
    }

    /// When work is due, or [`NEVER`].
    #[inline]
    pub(crate) fn deadline(&self) -> Instant {
        self.next
    }

    /// The counters of the layer.
    pub fn stats(&self) -> &Counters {
        &self.counters
    }

    /// Turns the log on or off.
    pub fn set_log(&mut self, on: bool) {
        self.log = on;
    }

    /// Whether routers are asked for: not if all that they could say is configured.
    fn wants_router(&self) -> bool {
        self.autoconfigures || self.routers.gateway().is_none()
    }

    /// Finds out when something is due next.
    fn update(&mut self) {
        let lifetimes = self.routers.next().min(self.prefixes.next()).min(self.servers.next());
        let sends = match self.link_up {
            true => self.listener.next().min(self.solicitation.next()),
            false => NEVER,
        };
        let addresses = self.addresses.next(self.link_up);
        self.next = lifetimes.min(addresses).min(sends).min(self.cache.wake()).min(self.next_look);
        if self.undelivered.is_some() {
            self.next = Instant::ZERO;
        }
    }
}
