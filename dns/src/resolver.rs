//! The resolver of a program: the cache, and the sockets and streams that queries go through.

mod exchange;
mod flights;

use core::{
    cell::{Cell, RefCell},
    fmt,
    future::{Future, poll_fn},
    mem::ManuallyDrop,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    pin::pin,
    task::Poll,
    time::Duration,
};

use layer::{Instant, parse_ipv4, seed_for};
use rt_regions::{Exhausted, Slabs};
use tasks::Tasks;
use tcp::Connections;
use udp::Sockets;

use self::flights::{Flight, Flights};
use crate::{
    Addresses, Cache, Known, MAX_ADDRESSES, Name, NameError, ResolveError, Servers,
    cache::LEAST_BYTES, query::Query, random::Random, wire::RecordType,
};

/// How long the servers have before stale addresses are used (RFC 8767 5: 1.8 seconds).
pub const STALE_PATIENCE: Duration = Duration::from_millis(1_800);

layer::counters! {
    /// The counters of a resolver.
    pub struct Counters of "dns" {
        /// Names that were to be resolved, each address family counted.
        lookups,
        /// Lookups that the cache answered.
        cached,
        /// Lookups that stale addresses answered.
        stale,
        /// Queries sent by UDP.
        queries_udp,
        /// Queries sent by TCP.
        queries_tcp,
        /// Messages that are not the answer to a query: malformed, of strangers, or with another identification or question.
        ignored,
        /// Searches that found addresses.
        found,
        /// Searches that found that there is no such name, or no address.
        negative,
        /// Searches that the servers, or a lack of memory or ports, made fail.
        failed,
        /// Results that were not kept, because there was no memory.
        not_kept,
    }
}

/// Which addresses are looked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Families {
    /// Those of IPv4.
    #[default]
    V4,
    /// Those of IPv6.
    V6,
    /// Both, at the same time; those of IPv6 come first.
    Both,
}

/// Finds the addresses of names. All tasks of a program may use it at the same time.
pub struct Resolver {
    sockets: &'static Sockets,
    connections: &'static Connections,
    servers: Cell<Servers>,
    families: Families,
    cache: RefCell<Cache<'static>>,
    flights: Flights,
    random: Cell<Random>,
    /// The server that has answered last. It is asked first.
    preferred: Cell<usize>,
    counters: Cell<Counters>,
}

impl Resolver {
    /// A resolver that asks `servers` from `sockets` and, where answers are too long for a datagram, on `connections`. It
    /// lies in the program's memory, and its cache takes 64 KiB of the pool at most. `seed` is a secret; other layers may share it.
    ///
    /// # Errors
    /// [`Exhausted`].
    pub fn new(
        sockets: &'static Sockets,
        connections: &'static Connections,
        servers: Servers,
        seed: u128,
    ) -> Result<&'static Self, Exhausted> {
        Self::with(sockets, connections, servers, Families::V4, LEAST_BYTES, seed)
    }

    /// As [`new`](Self::new), with the families of addresses that are looked for, and the most bytes that the cache takes:
    /// [`LEAST_BYTES`](crate::cache::LEAST_BYTES) or more.
    ///
    /// # Errors
    /// [`Exhausted`].
    pub fn with(
        sockets: &'static Sockets,
        connections: &'static Connections,
        servers: Servers,
        families: Families,
        cache_bytes: usize,
        seed: u128,
    ) -> Result<&'static Self, Exhausted> {
        let (memory, pool) = (sockets.tasks().memory(), sockets.tasks().pool());
        let slabs = Slabs::new(pool, "dns.cache").with_cap(cache_bytes.max(LEAST_BYTES));
        let slabs: &'static Slabs<'static> = memory.alloc(ManuallyDrop::new(slabs))?;
        let mut random = Random::new(seed_for(*b"dns ", seed));
        let cache = ManuallyDrop::new(Self {
            sockets,
            connections,
            servers: Cell::new(servers),
            families,
            cache: RefCell::new(Cache::new(slabs, random.secret())),
            flights: Flights::new(random.secret()),
            random: Cell::new(random),
            preferred: Cell::new(0),
            counters: Cell::new(Counters::default()),
        });
        Ok(&**memory.alloc(cache)?)
    }

    /// The counters.
    pub fn stats(&self) -> Counters {
        self.counters.get()
    }

    /// The servers.
    pub fn servers(&self) -> Servers {
        self.servers.get()
    }

    /// Asks these servers from now on: a lease of DHCP or a router may name others ([`Sources`](crate::Sources)). Searches that are under way go on with those that they
    /// began with; what is known stays known.
    pub fn set_servers(&self, servers: Servers) {
        self.servers.set(servers);
        self.preferred.set(0);
    }

    fn count(&self, count: impl FnOnce(&mut Counters)) {
        let mut counters = self.counters.get();
        count(&mut counters);
        self.counters.set(counters);
    }

    fn tasks(&self) -> &'static Tasks {
        self.sockets.tasks()
    }

    fn now(&self) -> Instant {
        self.tasks().now()
    }

    /// The addresses of a name such as `www.example.org`, at least one. A name is complete, with or without a dot at the end:
    /// nothing is added to it. An address, such as `192.0.2.7`, is its own. It is to be awaited in a task.
    ///
    /// It takes 24 seconds at most. Tasks that ask for the same at the same time wait for one query. Dropping the future
    /// gives up.
    ///
    /// # Errors
    /// [`ResolveError`].
    pub async fn resolve(&self, name: &str) -> Result<Addresses, ResolveError> {
        if let Some(known) = special(name, self.families)? {
            return Ok(known);
        }
        let name: Name = name.parse()?;
        match self.families {
            Families::V4 => self.lookup(&name, RecordType::A).await,
            Families::V6 => self.lookup(&name, RecordType::AAAA).await,
            Families::Both => {
                let mut v6 = pin!(self.lookup(&name, RecordType::AAAA));
                let mut v4 = pin!(self.lookup(&name, RecordType::A));
                // The result of the one that was done first.
                let mut first: Option<(RecordType, Result<Addresses, ResolveError>)> = None;
                poll_fn(|context| {
                    for (kind, search) in [(RecordType::AAAA, &mut v6), (RecordType::A, &mut v4)] {
                        if first.is_some_and(|(done, _)| done == kind) {
                            continue;
                        }
                        match (search.as_mut().poll(context), first) {
                            (Poll::Pending, _) => {}
                            (Poll::Ready(found), None) => first = Some((kind, found)),
                            (Poll::Ready(v4), Some((RecordType::AAAA, v6)))
                            | (Poll::Ready(v6), Some((_, v4))) => {
                                return Poll::Ready(merge(v6, v4));
                            }
                        }
                    }
                    Poll::Pending
                })
                .await
            }
        }
    }

    /// The records of one type.
    async fn lookup(&self, name: &Name, kind: RecordType) -> Result<Addresses, ResolveError> {
        self.count(|counters| counters.lookups += 1);
        loop {
            let known = self.cache.borrow().get(self.now(), name, kind);
            let has_stale = match known {
                Some(Known::Fresh(result)) => {
                    self.count(|counters| counters.cached += 1);
                    return result;
                }
                Some(Known::Stale { addresses, is_due: false }) => {
                    self.count(|counters| counters.stale += 1);
                    return Ok(addresses);
                }
                Some(Known::Stale { is_due: true, .. }) => true,
                None => false,
            };
            match self.flights.begin(self.tasks(), name, kind) {
                Some(flight) => return self.search(flight, name, kind, has_stale).await,
                None => self.flights.change(self.tasks()).await,
            }
        }
    }

    /// Asks the servers, and keeps what they say. If there are stale addresses, they are used if the servers fail, and also if
    /// they take too long.
    async fn search(
        &self,
        _flight: Flight<'_>,
        name: &Name,
        kind: RecordType,
        has_stale: bool,
    ) -> Result<Addresses, ResolveError> {
        let mut random = self.random.get();
        let (secret, first) = (random.secret(), self.preferred.get());
        self.random.set(random);
        let mut query = Query::new(self.now(), *name, kind, self.servers.get(), first, secret);
        let in_time = {
            let mut exchange = pin!(self.exchange(&mut query));
            let mut patience = pin!(self.tasks().sleep(STALE_PATIENCE));
            poll_fn(|context| match exchange.as_mut().poll(context) {
                Poll::Ready(()) => Poll::Ready(true),
                Poll::Pending if has_stale => patience.as_mut().poll(context).map(|()| false),
                Poll::Pending => Poll::Pending,
            })
            .await
        };
        if in_time {
            self.note(name, kind, &query);
        } else {
            self.cache.borrow_mut().defer(self.now(), name, kind);
        }
        match query.result() {
            Ok(found) => Ok(found.addresses),
            Err(failed) if has_stale && (!in_time || failed.error.is_temporary()) => {
                match self.cache.borrow().get(self.now(), name, kind) {
                    Some(Known::Stale { addresses, .. }) => {
                        self.count(|counters| counters.stale += 1);
                        Ok(addresses)
                    }
                    // They had to make room for others.
                    _ => Err(failed.error),
                }
            }
            Err(failed) => Err(failed.error),
        }
    }

    /// Keeps the result of a query.
    fn note(&self, name: &Name, kind: RecordType, query: &Query) {
        let result = query.result();
        let is_temporary = result.is_err_and(|failed| failed.error.is_temporary());
        if !is_temporary {
            self.preferred.set(query.server());
        }
        let kept = self.cache.borrow_mut().insert(self.now(), name, kind, &result);
        self.count(|counters| {
            counters.not_kept += u64::from(kept.is_err());
            match result {
                Ok(_) => counters.found += 1,
                Err(_) if is_temporary => counters.failed += 1,
                Err(_) => counters.negative += 1,
            }
        });
    }
}

/// The result for what is not asked for: an address, and the names that RFC 6761 6.3 and 6.4 keep away from servers.
fn special(name: &str, families: Families) -> Result<Option<Addresses>, ResolveError> {
    if let Some(address) = parse_ipv4(name) {
        return Ok(Some([address.into()].into_iter().collect()));
    }
    if let Ok(address) = name.parse::<Ipv6Addr>() {
        return Ok(Some([address.into()].into_iter().collect()));
    }
    let name = name.strip_suffix('.').unwrap_or(name);
    let last = name.rsplit('.').next().unwrap_or(name);
    if last.eq_ignore_ascii_case("localhost") {
        let (v4, v6) = (IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST));
        return Ok(Some(match families {
            Families::V4 => [v4].into_iter().collect(),
            Families::V6 => [v6].into_iter().collect(),
            Families::Both => [v6, v4].into_iter().collect(),
        }));
    }
    if last.eq_ignore_ascii_case("invalid") {
        return Err(ResolveError::NoSuchName);
    }
    if !last.is_empty() && last.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(NameError::Number.into());
    }
    Ok(None)
}

/// The results of two searches for the addresses of one name.
fn merge(
    v6: Result<Addresses, ResolveError>,
    v4: Result<Addresses, ResolveError>,
) -> Result<Addresses, ResolveError> {
    match (v6, v4) {
        // Each family has its share.
        (Ok(v6), Ok(v4)) => {
            let share = MAX_ADDRESSES / 2;
            Ok(v6.into_iter().take(share).chain(v4).chain(v6.into_iter().skip(share)).collect())
        }
        (Ok(addresses), Err(_)) | (Err(_), Ok(addresses)) => Ok(addresses),
        (Err(error), Err(other)) => Err(if error.is_temporary() { error } else { other }),
    }
}

impl fmt::Debug for Resolver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Resolver").field("servers", &self.servers.get()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
