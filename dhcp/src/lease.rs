//! A lease: what a server grants, after it was checked. A server is a stranger: what cannot be true is refused.

use core::{error::Error, fmt, net::Ipv4Addr, time::Duration};

use ipv4::Route;
use layer::{Cidr, IPV4_MIN_MTU, is_unicast};

use crate::{
    List,
    options::{self, Value},
    routes::{self, Routes},
    wire::Message,
};

/// How many DNS servers a lease keeps, and how many NTP servers.
pub const MAX_SERVERS: usize = 4;

/// The shortest lease that is accepted. It is the floor of everything that a server can make us repeat: a lease of this
/// length is renewed every 5 seconds.
pub const MIN_LEASE: Duration = Duration::from_secs(10);

/// The number of seconds that means infinity (RFC 2131 3.3).
const INFINITE: u32 = u32::MAX;

/// An address that a server granted or offered, and the parameters of the network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lease {
    /// The address, with the prefix of its network. It is the address of one host.
    pub address: Cidr,
    /// The server, by the address that it goes by (option 54).
    pub server: Ipv4Addr,
    /// The router for packets to other networks. It may be outside our network.
    pub gateway: Option<Ipv4Addr>,
    /// Routes other than that to the gateway (RFC 3442).
    pub routes: Routes,
    /// The MTU of the link in bytes, from 68 on.
    pub mtu: Option<u16>,
    /// DNS servers, the preferred one first.
    pub dns: List<Ipv4Addr, MAX_SERVERS>,
    /// NTP servers, the preferred one first.
    pub ntp: List<Ipv4Addr, MAX_SERVERS>,
    /// How long it lasts.
    pub times: Times,
}

/// The address and the server.
#[cfg(feature = "defmt")]
impl defmt::Format for Lease {
    fn format(&self, f: defmt::Formatter<'_>) {
        let ([a, b, c, d], [e, g, h, i]) = (self.address.address().octets(), self.server.octets());
        defmt::write!(f, "{=u8}.{=u8}.{=u8}.{=u8}/{=u8}", a, b, c, d, self.address.prefix());
        defmt::write!(f, " from {=u8}.{=u8}.{=u8}.{=u8}", e, g, h, i);
    }
}

/// How long a lease lasts, from the moment on at which it was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Times {
    /// How long the address is ours. `None` is for ever.
    pub lease: Option<Duration>,
    /// T1: when to ask the server to renew the lease. Before T2; `None` if the lease lasts for ever.
    pub renewal: Option<Duration>,
    /// T2: when to ask any server. Before the end; `None` if the lease lasts for ever.
    pub rebinding: Option<Duration>,
}

/// What is different in a lease from the one before.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Changes {
    /// The address, or the prefix of its network.
    pub address: bool,
    /// The gateway or another route.
    pub routes: bool,
    /// The MTU.
    pub mtu: bool,
    /// The DNS servers.
    pub dns: bool,
    /// The NTP servers.
    pub ntp: bool,
}

impl Changes {
    /// What is different in `new` from `old`. Without a lease before, all is.
    pub fn between(old: Option<&Lease>, new: &Lease) -> Self {
        let Some(old) = old else {
            return Self { address: true, routes: true, mtu: true, dns: true, ntp: true };
        };
        Self {
            address: old.address != new.address,
            routes: (old.gateway, old.routes) != (new.gateway, new.routes),
            mtu: old.mtu != new.mtu,
            dns: old.dns != new.dns,
            ntp: old.ntp != new.ntp,
        }
    }

    /// Whether anything is different.
    pub fn any(self) -> bool {
        self != Self::default()
    }
}

impl Lease {
    /// The lease in a message of a server.
    ///
    /// # Errors
    /// What the message lacks, or has that cannot be true.
    pub fn read(message: &Message<'_>) -> Result<Self, LeaseError> {
        let server = server(message)?;
        let address = address(message)?;
        if address.address() == server {
            return Err(LeaseError::Address(server));
        }
        let routes = match message.options.get(options::CLASSLESS_ROUTES) {
            Some(routes) => routes::read(routes, address.address())
                .ok_or(LeaseError::Value(options::CLASSLESS_ROUTES))?,
            // Only without the classless routes (RFC 3442, "DHCP Client Behavior").
            None => (first_router(message)?, Routes::new(Route::UNUSED)),
        };
        Ok(Self {
            address,
            server,
            gateway: routes.0,
            routes: routes.1,
            mtu: mtu(message)?,
            dns: servers(message, options::DNS_SERVERS)?,
            ntp: servers(message, options::NTP_SERVERS)?,
            times: times(message)?,
        })
    }
}

/// The server that the message is from.
///
/// # Errors
/// The message does not say so (RFC 2131 table 3 demands it), or with an address that no host has.
pub(crate) fn server(message: &Message<'_>) -> Result<Ipv4Addr, LeaseError> {
    let server = value(message, options::SERVER_ID, Value::address)?;
    let server = server.ok_or(LeaseError::Missing(options::SERVER_ID))?;
    if is_unicast(server) { Ok(server) } else { Err(LeaseError::Server(server)) }
}

/// The value of an option that the message may have, as `read` understands it.
fn value<'m, T>(
    message: &Message<'m>,
    code: u8,
    read: impl FnOnce(Value<'m>) -> Option<T>,
) -> Result<Option<T>, LeaseError> {
    let Some(value) = message.options.get(code) else { return Ok(None) };
    read(value).map(Some).ok_or(LeaseError::Value(code))
}

/// The address, with the prefix that the mask says, or that of its class (RFC 791 3.2) without a mask.
fn address(message: &Message<'_>) -> Result<Cidr, LeaseError> {
    let address = message.your_address();
    let prefix = match value(message, options::SUBNET_MASK, Value::number)? {
        Some(mask) if mask != 0 && mask.leading_ones() == mask.count_ones() => mask.count_ones(),
        Some(mask) => return Err(LeaseError::Mask(mask.into())),
        None => match address.octets()[0] {
            0..=127 => 8,
            128..=191 => 16,
            _ => 24,
        },
    };
    let cidr = Cidr::new(address, prefix as u8).filter(|cidr| cidr.is_host());
    cidr.ok_or(LeaseError::Address(address))
}

/// The first router that can be one.
fn first_router(message: &Message<'_>) -> Result<Option<Ipv4Addr>, LeaseError> {
    let routers = value(message, options::ROUTER, Value::addresses)?;
    let ours = message.your_address();
    Ok(routers.and_then(|mut all| all.find(|router| is_unicast(*router) && *router != ours)))
}

/// The MTU, if it is one that a link of IPv4 can have.
fn mtu(message: &Message<'_>) -> Result<Option<u16>, LeaseError> {
    let mtu = value(message, options::INTERFACE_MTU, |value| value.array().map(u16::from_be_bytes));
    Ok(mtu?.filter(|mtu| usize::from(*mtu) >= IPV4_MIN_MTU))
}

/// The servers in the option `code`, without addresses that no host has (0.0.0.0 is in the lists of some servers).
fn servers(message: &Message<'_>, code: u8) -> Result<List<Ipv4Addr, MAX_SERVERS>, LeaseError> {
    let mut servers = List::new(Ipv4Addr::UNSPECIFIED);
    if let Some(all) = value(message, code, Value::addresses)? {
        for server in all.filter(|server| is_unicast(*server)) {
            if !servers.contains(&server) {
                // The list keeps the first ones, which are preferred.
                let _ = servers.push(server);
            }
        }
    }
    Ok(servers)
}

/// How long the lease lasts. T1 and T2 are those of the server if T1 < T2 < the end and they leave at least 5 seconds; otherwise
/// half and seven eighths of the lease (RFC 2131 4.4.5).
fn times(message: &Message<'_>) -> Result<Times, LeaseError> {
    let seconds = value(message, options::LEASE_TIME, Value::number)?;
    let seconds = seconds.ok_or(LeaseError::Missing(options::LEASE_TIME))?;
    let renewal = value(message, options::RENEWAL_TIME, Value::number)?;
    let rebinding = value(message, options::REBINDING_TIME, Value::number)?;
    if seconds == INFINITE {
        return Ok(Times { lease: None, renewal: None, rebinding: None });
    }
    let lease = Duration::from_secs(seconds.into());
    if lease < MIN_LEASE {
        return Err(LeaseError::Short(seconds));
    }
    let usual = (lease / 2, lease * 7 / 8);
    let asked = (
        renewal.map_or(usual.0, |seconds| Duration::from_secs(seconds.into())),
        rebinding.map_or(usual.1, |seconds| Duration::from_secs(seconds.into())),
    );
    let fits = asked.0 >= MIN_LEASE / 2 && asked.0 < asked.1 && asked.1 < lease;
    let (renewal, rebinding) = if fits { asked } else { usual };
    Ok(Times { lease: Some(lease), renewal: Some(renewal), rebinding: Some(rebinding) })
}

/// Why a message grants no lease, though its structure is right.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LeaseError {
    /// The option with this code is missing.
    Missing(u8),
    /// The value of the option with this code has an impossible length or content.
    Value(u8),
    /// The server goes by an address that no host has.
    Server(Ipv4Addr),
    /// No host can have the address that is granted, in its network, or the server has it.
    Address(Ipv4Addr),
    /// The mask is not one bits followed by zero bits, or has no one bit.
    Mask(Ipv4Addr),
    /// The lease lasts for this many seconds, fewer than [`MIN_LEASE`].
    Short(u32),
}

impl fmt::Display for LeaseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing(code) => write!(f, "option {code} is missing"),
            Self::Value(code) => write!(f, "the value of option {code} cannot be right"),
            Self::Server(address) => write!(f, "the server cannot have the address {address}"),
            Self::Address(address) => write!(f, "we cannot have the address {address}"),
            Self::Mask(mask) => write!(f, "{mask} is not the mask of a network"),
            Self::Short(seconds) => {
                write!(f, "a lease of {seconds} s is too short: at least {} s", MIN_LEASE.as_secs())
            }
        }
    }
}

impl Error for LeaseError {}

#[cfg(test)]
mod tests;
