//! The arguments that every service takes, on every platform.

use core::net::Ipv4Addr;

use layer::{Cidr, Dotted, Networks, ParseNetworksError, Setup};
use netif::MacAddr;

#[cfg(feature = "ipv6")]
use crate::Ipv6;
use crate::{
    Error, OwnArguments,
    arguments::{self, Argument, bad, refused},
    own_arguments::NoneOfItsOwn,
};

mod tower;

/// The address of a service without `--ipv4`.
const DEFAULT_IPV4: Cidr = match Cidr::new(Ipv4Addr::new(10, 0, 0, 2), 24) {
    Some(cidr) => cidr,
    None => panic!("24 is at most 32"),
};

/// The port of a server of names (RFC 1035 4.2).
#[cfg(feature = "dns")]
const DNS_PORT: u16 = 53;

/// The port of a server of the time (RFC 5905 7.2).
#[cfg(feature = "ntp")]
const NTP_PORT: u16 = 123;

/// Why an address is refused that no host can have.
pub(crate) const NO_HOST: &str = "no host has this address: ";

/// Makes [`ARGUMENTS`], [`NAMES`], [`USAGE`] and `usage!` of rows: a name and its line in the list, what is expected, and
/// how the value is set.
macro_rules! table {
    ($($name:literal $listed:literal, $expected:expr, $set:expr;)*) => {
        /// What `--help` says.
        pub(crate) const USAGE: &str = concat!("arguments:", $("\n  ", $name, $listed),*);

        /// What `--help` says, as a literal that more can be added to.
        #[doc(hidden)]
        #[macro_export]
        macro_rules! usage {
            () => {
                concat!("arguments:", $("\n  ", $name, $listed),*)
            };
        }

        /// The names of all arguments.
        pub(crate) const NAMES: [&str; [$($name),*].len()] = [$($name),*];

        /// All arguments.
        pub(crate) static ARGUMENTS: [Argument; NAMES.len()] =
            [$(Argument { name: $name, expected: $expected, set: $set }),*];
    };
}

/// The rows of every program.
#[cfg(not(feature = "page"))]
macro_rules! rows {
    ($($rows:tt)*) => { table! { $($rows)* } };
}

/// The rows of every program, and those of the page after them.
#[cfg(feature = "page")]
macro_rules! rows {
    ($($rows:tt)*) => {
        table! {
            $($rows)*
            "--page-port" "=PORT          the TCP port of a page that shows this program from inside (none)",
                "a port from 1 to 65535", |config, value| {
                    let most = u16::MAX.into();
                    let port = layer::decimal(value.as_bytes(), most).filter(|port| *port > 0);
                    config.tower.page_port = port.map(|port| port as u16);
                    if port.is_some() { Ok(()) } else { Err("") }
                };
            "--page-from" "=CIDR,...      who may see that page beside our own network (nobody)",
                ParseNetworksError::EXPECTED, |config, value| {
                    if config.tower.page_from.set(value) { Ok(()) } else { Err("") }
                };
        }
    };
}

/// The rows, without that of the servers of the time.
#[cfg(not(feature = "ntp"))]
macro_rules! rows_with_time {
    ($($rows:tt)*) => { rows! { $($rows)* } };
}

/// The rows, and that of the servers of the time after them.
#[cfg(feature = "ntp")]
macro_rules! rows_with_time {
    ($($rows:tt)*) => {
        rows! {
            $($rows)*
            "--ntp" "=ADDRESS,...         the servers of the time, 4 at most (those of a lease, or none)",
                layer::Servers::<NTP_PORT>::EXPECTED, |config, value| {
                    if config.ntp.insert(layer::Servers::NONE).set(value) { Ok(()) } else { Err("") }
                };
        }
    };
}

/// The rows, without that of the servers of names.
#[cfg(not(feature = "dns"))]
macro_rules! rows_with_names {
    ($($rows:tt)*) => { rows_with_time! { $($rows)* } };
}

/// The rows, and that of the servers of names after them.
#[cfg(feature = "dns")]
macro_rules! rows_with_names {
    ($($rows:tt)*) => {
        rows_with_time! {
            $($rows)*
            "--dns" "=ADDRESS,...         the servers of names, 4 at most (those of a lease, or none)",
                layer::Servers::<DNS_PORT>::EXPECTED, |config, value| {
                    if config.dns.insert(layer::Servers::NONE).set(value) { Ok(()) } else { Err("") }
                };
        }
    };
}

/// The rows, after that of our address.
#[cfg(not(feature = "dhcp"))]
macro_rules! rows_with_address {
    ($($rows:tt)*) => {
        rows_with_names! {
            "--ipv4" "=ADDRESS/PREFIX     our address and network (10.0.0.2/24)",
                "the address of a host with its prefix: 10.0.0.2/24",
                |config, value| {
                    config.ipv4 = value.parse().map_err(|_| "")?;
                    if config.ipv4.is_host() { Ok(()) } else { Err(NO_HOST) }
                };
            $($rows)*
        }
    };
}

/// The rows, after those of our address. A guest has no file for it.
#[cfg(all(feature = "dhcp", letregion_guest))]
macro_rules! rows_with_lease {
    ({ $($address:tt)* } $($rows:tt)*) => { rows_with_names! { $($address)* $($rows)* } };
}

/// The rows, after those of our address and of the file that keeps it.
#[cfg(all(feature = "dhcp", not(letregion_guest)))]
macro_rules! rows_with_lease {
    ({ $($address:tt)* } $($rows:tt)*) => {
        rows_with_names! {
            $($address)*
            "--dhcp-lease" "=FILE         keep the address in this file, and ask for it at the next start (nowhere)",
                "the name of a file",
                |config, value| {
                    config.dhcp_lease = Some(value);
                    if value.is_empty() { Err("") } else { Ok(()) }
                };
            $($rows)*
        }
    };
}

/// The rows, after that of our address, which may come from a server.
#[cfg(feature = "dhcp")]
macro_rules! rows_with_address {
    ($($rows:tt)*) => {
        rows_with_lease! {
            {
            "--ipv4" "=ADDRESS/PREFIX     our address and network (10.0.0.2/24); dhcp: what a server says",
                "the address of a host with its prefix, 10.0.0.2/24, or dhcp",
                |config, value| {
                    if value == "dhcp" {
                        config.ipv4 = Cidr::UNSPECIFIED;
                        return Ok(());
                    }
                    config.ipv4 = value.parse().map_err(|_| "")?;
                    if config.ipv4.is_host() { Ok(()) } else { Err(NO_HOST) }
                };
            "--dhcp-address" "=ADDRESS    the address to ask a server for first (any)",
                "the address of a host: 10.0.0.1",
                |config, value| {
                    let address = layer::parse_ipv4(value).ok_or("")?;
                    config.tower.last_address = Some(address);
                    if Cidr::new(address, 32).is_some_and(Cidr::is_host) { Ok(()) } else { Err(NO_HOST) }
                };
            }
            $($rows)*
        }
    };
}

/// The rows, after those of our addresses of IPv4.
#[cfg(not(feature = "ipv6"))]
macro_rules! rows_with_addresses {
    ({ $($gateway:tt)* } $($rows:tt)*) => { rows_with_address! { $($gateway)* $($rows)* } };
}

/// The rows, after those of our addresses of both families.
#[cfg(feature = "ipv6")]
macro_rules! rows_with_addresses {
    ({ $($gateway:tt)* } $($rows:tt)*) => {
        rows_with_address! {
            $($gateway)*
            "--ipv6" "=ADDRESS/PREFIX     our address of IPv6; auto: what routers say; off: none (off)",
                "the address of a host with its prefix, 2001:db8::2/64, or auto or off",
                |config, value| {
                    config.ipv6 = Ipv6::read(value)?;
                    Ok(())
                };
            "--ipv6-gateway" "=ADDRESS    where to send what is not in our networks (to routers that announce themselves)",
                "the address of a host: fe80::1",
                |config, value| {
                    let address = value.parse().map_err(|_| "")?;
                    config.tower.ipv6_gateway = Some(address);
                    if layer::is_unicast_ipv6(address) { Ok(()) } else { Err(NO_HOST) }
                };
            "--ipv6-dad" "=on|off         find out whether another host has our address before it is used (on)",
                "on or off", |config, value| {
                    config.ipv6_dad = value == "on";
                    if config.ipv6_dad || value == "off" { Ok(()) } else { Err("") }
                };
            $($rows)*
        }
    };
}

rows_with_addresses! {
    {
    "--ipv4-gateway" "=ADDRESS    where to send what is not in our network (nowhere)",
        "the address of a host: 10.0.0.1",
        |config, value| {
            let address = layer::parse_ipv4(value).ok_or("")?;
            config.tower.gateway = Some(address);
            // `check` sees whether it is in our network, when both are known.
            if Cidr::new(address, 32).is_some_and(Cidr::is_host) { Ok(()) } else { Err(NO_HOST) }
        };
    }
    "--interface" "=NAME          the network interface (tap0; in a guest the first one)",
        "the name of an interface",
        |config, value| {
            config.interface = Some(value);
            if value.is_empty() { Err("") } else { Ok(()) }
        };
    "--mac" "=ADDRESS             our hardware address (a local one; in a guest the given one)",
        "six pairs of hexadecimal digits: 02:00:0a:00:00:02",
        |config, value| {
            let mac: MacAddr = value.parse().map_err(|_| "")?;
            config.mac = Some(mac);
            if mac.is_group() {
                return Err("a group has this address: ");
            }
            if mac.is_station() { Ok(()) } else { Err("no station has this address: ") }
        };
    "--probe" "                   serve only if nobody else has our address",
        "", |config, _| {
            config.tower.probe_at_start = true;
            Ok(())
        };
    "--offloads" "=on|off         let the interface do checksums and cut packets (off; some services: on)",
        "on or off", |config, value| {
            config.offloads = value == "on";
            if config.offloads || value == "off" { Ok(()) } else { Err("") }
        };
    "--clients" "=CIDR,...        whom we answer at all, 8 networks at most (everybody)",
        ParseNetworksError::EXPECTED, |config, value| {
            let networks = config.tower.clients.insert(Networks::default());
            if networks.set(value) { Ok(()) } else { Err("") }
        };
    "--stats-port" "=PORT         the UDP port that answers with all counters (none)",
        "a port from 1 to 65535", |config, value| {
            let port = layer::decimal(value.as_bytes(), u16::MAX.into()).filter(|port| *port > 0);
            config.tower.counters_port = port.map(|port| port as u16);
            if port.is_some() { Ok(()) } else { Err("") }
        };
    "--stats-from" "=CIDR,...     who may ask for them beside our own network (nobody)",
        ParseNetworksError::EXPECTED, |config, value| {
            if config.tower.counters_from.set(value) { Ok(()) } else { Err("") }
        };
    "--log" "=LAYER,LAYER         layers that log what they do (none), or all",
        "names of layers: arp,udp", |config, value| {
            config.tower.log = Some(value).filter(|names| !names.is_empty());
            Ok(())
        };
}

/// The configuration of a service.
pub type Config = Settings<'static>;

/// The configuration of a service, from arguments that live for `'a`. Those of a program live for ever, see
/// [`Config`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings<'a> {
    /// Our address and network: `--ipv4=10.0.0.2/24`. With the feature `dhcp` it is [`Cidr::UNSPECIFIED`] for `--ipv4=dhcp`: a
    /// server says it, and also the gateway. It is then not known who is in our network, so those who may ask for counters
    /// are all named.
    pub ipv4: Cidr,
    /// The file that keeps the address of a lease: `--dhcp-lease=/var/lib/echo/lease`. A guest has none.
    #[cfg(all(feature = "dhcp", not(letregion_guest)))]
    pub dhcp_lease: Option<&'a str>,
    /// Our addresses of IPv6: `--ipv6=2001:db8::2/64`, `--ipv6=auto`. Without the argument there are none.
    #[cfg(feature = "ipv6")]
    pub ipv6: Ipv6,
    /// Whether it is found out before an address of IPv6 is used whether another host has it (RFC 4862 5.4): `--ipv6-dad=off`
    /// saves a second or two.
    #[cfg(feature = "ipv6")]
    pub ipv6_dad: bool,
    /// The interface: `--interface=tap0`. Without it, the platform chooses.
    pub interface: Option<&'a str>,
    /// Our hardware address: `--mac=02:00:0a:00:00:02`.
    pub mac: Option<MacAddr>,
    /// Whether the interface may do part of the work on checksums and long packets, if it supports that:
    /// `--offloads=on`.
    pub offloads: bool,
    /// The servers of names, if they were named: `--dns=192.0.2.1,192.0.2.2`.
    #[cfg(feature = "dns")]
    pub dns: Option<layer::Servers<DNS_PORT>>,
    /// The servers of the time, if they were named: `--ntp=192.0.2.1,192.0.2.2`.
    #[cfg(feature = "ntp")]
    pub ntp: Option<layer::Servers<NTP_PORT>>,
    /// The arguments that concern one layer, see [`configure`](Self::configure): `--probe`, `--dhcp-address=10.0.0.7`,
    /// `--ipv4-gateway=10.0.0.1`, `--clients=10.0.0.0/8,192.0.2.7/32`, `--stats-port=9100`, `--stats-from=192.0.2.0/24`, to
    /// which our own network is added, and `--log=arp,udp`, here with all names.
    pub tower: Setup<'a>,
}

impl Default for Settings<'_> {
    fn default() -> Self {
        Self {
            ipv4: DEFAULT_IPV4,
            #[cfg(all(feature = "dhcp", not(letregion_guest)))]
            dhcp_lease: None,
            #[cfg(feature = "ipv6")]
            ipv6: Ipv6::Off,
            #[cfg(feature = "ipv6")]
            ipv6_dad: true,
            interface: None,
            mac: None,
            offloads: false,
            #[cfg(feature = "dns")]
            dns: None,
            #[cfg(feature = "ntp")]
            ntp: None,
            tower: Setup::default(),
        }
    }
}

impl<'a> Settings<'a> {
    /// Reads the arguments: `--name=value` or `--name value`, each at most once.
    ///
    /// # Errors
    /// An argument that is unknown, is given twice or has a bad value (status 2), or `--help` (status 0). The
    /// message names the argument and says what would be right.
    #[inline(never)]
    pub fn from_args(args: impl IntoIterator<Item = &'a str>) -> Result<Self, Error> {
        Settings::default().with_args(args)
    }

    /// Reads the arguments over these settings, which stay where an argument is not given.
    ///
    /// # Errors
    /// Those of [`from_args`](Self::from_args).
    #[inline]
    pub fn with_args(mut self, args: impl IntoIterator<Item = &'a str>) -> Result<Self, Error> {
        arguments::read(&mut self, &mut args.into_iter(), &mut NoneOfItsOwn)?;
        self.check()?;
        Ok(self)
    }

    /// Reads arguments of the program's own among the others, see [`arguments!`](crate::arguments).
    pub fn with_arguments<S, const N: usize>(own: OwnArguments<'a, S, N>) -> OwnArguments<'a, S, N>
    where
        S: FnMut(&str, &'a str) -> bool,
    {
        own
    }

    /// Refuses arguments that are right alone but not together.
    #[inline(never)]
    pub(crate) fn check(&self) -> Result<(), Error> {
        let &Self { ipv4, tower: Setup { gateway, .. }, .. } = self;
        // A gateway outside our network is on our link too, for example if each host is a network of its own.
        if let Some(gateway) = gateway
            && (gateway == ipv4.address() || ipv4.contains(gateway) && !ipv4.is_neighbour(gateway))
        {
            let gateway = Dotted(gateway);
            return Err(bad(format_args!(
                "--ipv4-gateway={gateway}: not the address of another host beside --ipv4={ipv4}"
            )));
        }
        #[cfg(feature = "dhcp")]
        if ipv4 != Cidr::UNSPECIFIED {
            const ALONE: &str = "expected with --ipv4=dhcp";
            if self.tower.last_address.is_some() {
                return Err(refused("--dhcp-address", ALONE));
            }
            #[cfg(not(letregion_guest))]
            if self.dhcp_lease.is_some() {
                return Err(refused("--dhcp-lease", ALONE));
            }
        }
        #[cfg(feature = "ipv6")]
        if let (Ipv6::Off, Some(gateway)) = (self.ipv6, self.tower.ipv6_gateway) {
            return Err(bad(format_args!("--ipv6-gateway={gateway}: expected with --ipv6")));
        }
        #[cfg(feature = "ipv6")]
        if let (Ipv6::Address(ours), Some(gateway)) = (self.ipv6, self.tower.ipv6_gateway)
            && ours.address() == gateway
        {
            return Err(bad(format_args!(
                "--ipv6-gateway={gateway}: not the address of another host beside --ipv6={ours}"
            )));
        }
        if self.tower.counters_port.is_none() && !self.tower.counters_from.is_empty() {
            return Err(refused("--stats-from", "expected with --stats-port"));
        }
        #[cfg(feature = "page")]
        if self.tower.page_port.is_none() && !self.tower.page_from.is_empty() {
            return Err(refused("--page-from", "expected with --page-port"));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
