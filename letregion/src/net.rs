//! The tower of a service that asks others: for addresses of names, for the time.

#[cfg(all(feature = "dns", any(feature = "dhcp", feature = "ipv6")))]
use core::cell::Cell;
use core::fmt;
#[cfg(any(feature = "dhcp", all(feature = "dns", feature = "ipv6")))]
use core::net::IpAddr;
#[cfg(all(feature = "dns", feature = "ipv6"))]
use core::net::Ipv6Addr;
#[cfg(feature = "ntp")]
use core::time::Duration;

#[cfg(all(feature = "dns", any(feature = "dhcp", feature = "ipv6")))]
use dns::Sources;
#[cfg(feature = "dns")]
use dns::{Addresses, Families, ResolveError, Resolver, cache::LEAST_BYTES};
use rt::{Config, Error, Runtime};
#[cfg(any(feature = "dhcp", all(feature = "dns", feature = "ipv6")))]
use rt_regions::{Exhausted, Region};
#[cfg(feature = "ntp")]
use sntp::{Clock, Sntp};
#[cfg(feature = "dns")]
use tcp::{ConnectError, Stream};
use tcp::{Connections, Tcp};
use udp::{Sockets, Udp};

use crate::{
    Rt,
    host::{Below, below},
};

/// The tower that [`host_with_net`] builds: UDP over TCP, which pass each other's packets, over the usual layers, with sockets
/// for tasks.
pub type NetHost<'g> = Udp<'g, Tcp<Below<'g>>, &'static Sockets>;

/// The families of addresses that names are resolved to.
#[cfg(feature = "dns")]
const FAMILIES: Families = if cfg!(feature = "ipv6") { Families::Both } else { Families::V4 };

/// What a service asks others by. It is copied into every task that needs it.
#[derive(Clone, Copy)]
pub struct Net {
    sockets: &'static Sockets,
    connections: &'static Connections,
    #[cfg(feature = "dns")]
    resolver: &'static Resolver,
    #[cfg(feature = "ntp")]
    time: &'static Sntp,
}

/// Opens the interface that the arguments name and builds the usual tower on it, with TCP below UDP, with what a service asks
/// others by. With the feature `dns` it resolves names by the servers of `--dns`, and with `ntp` it keeps the time by those
/// of `--ntp`. Where an argument is not given, they are those that the network names, also when that changes: with the feature `dhcp`
/// those of the lease, and with `ipv6`, for names, those of the routers (RFC 8106) after them.
///
/// # Errors
/// The interface cannot be opened, the platform has no entropy, or there is no memory.
// Inlined, so that it is compiled in the program like the layers that it is made of.
#[inline]
pub fn host_with_net<'g>(rt: &mut Rt, config: &Config) -> Result<(NetHost<'g>, Net), Error> {
    let (seed, memory, tasks) = (rt.seed()?, rt.memory(), rt.tasks()?);
    let tcp = Tcp::new(below(rt, config, seed)?, seed, tasks)?;
    let connections = tcp.connections();
    let host = Udp::new(tcp, seed, memory)?.with_tasks(tasks)?;
    let sockets = host.sockets();
    #[cfg(feature = "ntp")]
    let clock = memory.alloc(Clock::new(rt.now(), rt.wall_time()))?;
    let net = Net {
        sockets,
        connections,
        #[cfg(feature = "dns")]
        resolver: Resolver::with(
            sockets,
            connections,
            config.dns.unwrap_or_default(),
            FAMILIES,
            LEAST_BYTES,
            seed,
        )?,
        #[cfg(feature = "ntp")]
        time: Sntp::start(sockets, clock, config.ntp.unwrap_or_default(), seed)?,
    };
    #[cfg(any(feature = "dhcp", all(feature = "dns", feature = "ipv6")))]
    let host = net.follow(host, config, memory)?;
    Ok((host, net))
}

impl Net {
    /// The addresses of a name such as `www.example.org`, at least one; see [`Resolver::resolve`]. It is to be awaited in a
    /// task.
    ///
    /// # Errors
    /// [`ResolveError`].
    #[cfg(feature = "dns")]
    pub async fn resolve(&self, name: &str) -> Result<Addresses, ResolveError> {
        self.resolver.resolve(name).await
    }

    /// Opens a connection to a port of the host with this name. With the feature `ipv6`, the addresses of both families are tried, and
    /// the first that accepts is taken; see [`Connections::connect_any`]. It is to be awaited in a task.
    ///
    /// # Errors
    /// [`NotConnected`]: the name has no address, or none of them accepts.
    #[cfg(feature = "dns")]
    pub async fn connect(&self, name: &str, port: u16) -> Result<Stream, NotConnected> {
        let addresses = self.resolve(name).await.map_err(NotConnected::Name)?;
        self.connections.connect_any(&addresses, port).await.map_err(NotConnected::Stream)
    }

    /// What resolves names.
    #[cfg(feature = "dns")]
    pub fn resolver(&self) -> &'static Resolver {
        self.resolver
    }

    /// The time since the beginning of 1970 (UTC) in this turn of the loop, if it is known: that of the servers, and before they
    /// have said it, that of the platform; see [`Clock`].
    #[cfg(feature = "ntp")]
    pub fn wall_time(&self) -> Option<Duration> {
        self.time.wall_time()
    }

    /// What asks for the time.
    #[cfg(feature = "ntp")]
    pub fn time(&self) -> &'static Sntp {
        self.time
    }

    /// The sockets, to ask others from.
    pub fn sockets(&self) -> &'static Sockets {
        self.sockets
    }

    /// The connections, to open more.
    pub fn connections(&self) -> &'static Connections {
        self.connections
    }

    /// Has the network say which servers are asked, where arguments do not name them.
    #[cfg(any(feature = "dhcp", all(feature = "dns", feature = "ipv6")))]
    fn follow<'g>(
        self,
        mut host: NetHost<'g>,
        config: &Config,
        memory: &'static Region<'static>,
    ) -> Result<NetHost<'g>, Exhausted> {
        #[cfg(feature = "dns")]
        let names = match config.dns {
            Some(_) => None,
            None => Some(&*memory.alloc(Names::new(self.resolver))?),
        };
        #[cfg(feature = "ntp")]
        let has_ntp = config.ntp.is_some();
        let internet = host.network_mut().network_mut();
        #[cfg(feature = "dhcp")]
        internet::dhcp(internet).on_lease(memory.alloc(move |lease: Option<&dhcp::Lease>| {
            #[cfg(feature = "dns")]
            if let Some(names) = names {
                let servers = lease.map(|lease| servers(&lease.dns)).unwrap_or_default();
                names.update(|sources| sources.set_lease(servers));
            }
            #[cfg(feature = "ntp")]
            if !has_ntp {
                let servers = lease.map(|lease| servers(&lease.ntp));
                self.time.set_servers(servers.unwrap_or_default());
            }
        })?);
        #[cfg(all(feature = "dns", feature = "ipv6"))]
        if let Some(names) = names {
            internet::ndp(internet).on_dns_servers(memory.alloc(|addresses: &[Ipv6Addr]| {
                names.update(|sources| sources.set_routers(servers(addresses)));
            })?);
        }
        Ok(host)
    }
}

/// The servers of names that the network names, for a resolver.
#[cfg(all(feature = "dns", any(feature = "dhcp", feature = "ipv6")))]
struct Names {
    resolver: &'static Resolver,
    sources: Cell<Sources>,
}

#[cfg(all(feature = "dns", any(feature = "dhcp", feature = "ipv6")))]
impl Names {
    fn new(resolver: &'static Resolver) -> Self {
        Self { resolver, sources: Cell::default() }
    }

    fn update(&self, change: impl FnOnce(&mut Sources)) {
        let mut sources = self.sources.get();
        change(&mut sources);
        self.sources.set(sources);
        self.resolver.set_servers(sources.servers());
    }
}

/// The servers of a protocol with these addresses.
#[cfg(any(feature = "dhcp", all(feature = "dns", feature = "ipv6")))]
fn servers<const PORT: u16>(addresses: &[impl Into<IpAddr> + Copy]) -> layer::Servers<PORT> {
    addresses.iter().map(|address| (*address, PORT).into()).collect()
}

/// Why there is no connection to a host by its name.
#[cfg(feature = "dns")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotConnected {
    /// No address was found.
    Name(ResolveError),
    /// No address accepted: what the first one did.
    Stream(ConnectError),
}

#[cfg(feature = "dns")]
impl fmt::Display for NotConnected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(error) => error.fmt(f),
            Self::Stream(error) => error.fmt(f),
        }
    }
}

#[cfg(feature = "dns")]
impl core::error::Error for NotConnected {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            Self::Name(error) => Some(error),
            Self::Stream(error) => Some(error),
        }
    }
}

impl fmt::Debug for Net {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Net").finish_non_exhaustive()
    }
}
