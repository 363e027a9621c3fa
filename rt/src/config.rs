//! The arguments that every service takes, on every platform.

use core::{fmt, net::Ipv4Addr};

use layer::{Cidr, Dotted, Layer, Networks, ParseNetworksError, split::split};
use netif::MacAddr;

use crate::{
    Error, Runtime,
    arguments::{self, Argument, bad},
};

/// The address of a service that was given none.
const DEFAULT_IPV4: Cidr = match Cidr::new(Ipv4Addr::new(10, 0, 0, 2), 24) {
    Some(cidr) => cidr,
    None => panic!("24 is at most 32"),
};

/// Why an address is refused that no host can have.
const NO_HOST: &str = "no host has this address: ";

/// Makes [`ARGUMENTS`] and [`USAGE`] of rows: a name and how it is listed, what is expected, what is done with it.
macro_rules! arguments {
    ($($name:literal $listed:literal, $expected:expr, $set:expr;)*) => {
        /// What `--help` says.
        pub(crate) const USAGE: &str = concat!("arguments:", $("\n  ", $name, $listed),*);

        /// All arguments.
        pub(crate) static ARGUMENTS: [Argument; [$($name),*].len()] =
            [$(Argument { name: $name, expected: $expected, set: $set }),*];
    };
}

arguments! {
    "--ipv4" "=ADDRESS/PREFIX     our address and network (10.0.0.2/24)",
        "the address of a host with its prefix: 10.0.0.2/24",
        |config, value| {
            config.ipv4 = value.parse().map_err(|_| "")?;
            if config.ipv4.is_host() { Ok(()) } else { Err(NO_HOST) }
        };
    "--ipv4-gateway" "=ADDRESS    where to send what is not in our network (nowhere)",
        "the address of a host: 10.0.0.1",
        |config, value| {
            let address = layer::parse_ipv4(value).ok_or("")?;
            config.gateway = Some(address);
            // Whether it is one in our network is seen when both are known.
            if Cidr::new(address, 32).is_some_and(Cidr::is_host) { Ok(()) } else { Err(NO_HOST) }
        };
    "--interface" "=NAME          the network interface (tap0; on Xen the first vif)",
        "the name of an interface",
        |config, value| {
            config.interface = Some(value);
            if value.is_empty() { Err("") } else { Ok(()) }
        };
    "--mac" "=ADDRESS             our hardware address (a local one; on Xen the given one)",
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
            config.probe = true;
            Ok(())
        };
    "--offloads" "=on|off         let the interface fill in checksums and cut packets (off)",
        "on or off", |config, value| {
            config.offloads = value == "on";
            if config.offloads || value == "off" { Ok(()) } else { Err("") }
        };
    "--clients" "=CIDR,...        whom we answer on UDP at all, 8 networks at most (everybody)",
        ParseNetworksError::EXPECTED, |config, value| {
            let networks = config.clients.insert(Networks::default());
            if networks.set(value) { Ok(()) } else { Err("") }
        };
    "--stats-port" "=PORT         the UDP port that answers with all counters (none)",
        "a port from 1 to 65535", |config, value| {
            let port = layer::decimal(value.as_bytes(), u16::MAX.into()).filter(|port| *port > 0);
            config.stats_port = port.map(|port| port as u16);
            if port.is_some() { Ok(()) } else { Err("") }
        };
    "--stats-from" "=CIDR,...     who may ask for them beside our own network (nobody)",
        ParseNetworksError::EXPECTED, |config, value| {
            if config.stats_from.set(value) { Ok(()) } else { Err("") }
        };
    "--log" "=LAYER,LAYER         layers that log what they do (none), or all",
        "names of layers: arp,udp", |config, value| {
            config.log = value;
            Ok(())
        };
}

/// How a service is to be set up.
pub type Config = Settings<'static>;

/// How a service is to be set up, by arguments that live for `'a`: those of a program live for ever, see [`Config`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings<'a> {
    /// Our address and network: `--ipv4=10.0.0.2/24`.
    pub ipv4: Cidr,
    /// The gateway, on our link, in our network or not: `--ipv4-gateway=10.0.0.1`.
    pub gateway: Option<Ipv4Addr>,
    /// The interface: `--interface=tap0`; none is the platform's choice.
    pub interface: Option<&'a str>,
    /// Our hardware address: `--mac=02:00:0a:00:00:02`.
    pub mac: Option<MacAddr>,
    /// Whether others are asked whether they have our address before it is used (RFC 5227): `--probe`.
    pub probe: bool,
    /// Whether the interface may do a part of the work on checksums and long packets, where it can:
    /// `--offloads=on`.
    pub offloads: bool,
    /// Whom services answer at all; none: everybody: `--clients=10.0.0.0/8,192.0.2.7/32`.
    pub clients: Option<Networks>,
    /// The UDP port that answers with all counters: `--stats-port=9100`.
    pub stats_port: Option<u16>,
    /// Who may ask for the counters beside our own network: `--stats-from=192.0.2.0/24`.
    pub stats_from: Networks,
    /// The layers that log, by name, with commas between: `--log=arp,udp`.
    pub log: &'a str,
}

impl Default for Settings<'_> {
    fn default() -> Self {
        Self {
            ipv4: DEFAULT_IPV4,
            gateway: None,
            interface: None,
            mac: None,
            probe: false,
            offloads: false,
            clients: None,
            stats_port: None,
            stats_from: Networks::default(),
            log: "",
        }
    }
}

impl<'a> Settings<'a> {
    /// Reads the arguments: `--name=value` or `--name value`, each at most once.
    ///
    /// # Errors
    /// An argument that is unknown, is given twice or has a bad value (status 2), or `--help` (status 0); the
    /// message says which and what would be right.
    #[inline(never)]
    pub fn from_args(args: impl IntoIterator<Item = &'a str>) -> Result<Self, Error> {
        let mut config = Settings::default();
        arguments::read(&mut config, &mut args.into_iter())?;
        config.check()?;
        Ok(config)
    }

    /// Refuses what is right alone but not together.
    #[inline(never)]
    fn check(&self) -> Result<(), Error> {
        let &Self { ipv4, gateway, .. } = self;
        // A gateway outside our network is on our link all the same: where each host is a network of its own.
        if let Some(gateway) = gateway
            && (gateway == ipv4.address() || ipv4.contains(gateway) && !ipv4.is_neighbour(gateway))
        {
            let gateway = Dotted(gateway);
            return Err(bad(format_args!(
                "--ipv4-gateway={gateway}: not the address of another host beside --ipv4={ipv4}"
            )));
        }
        Ok(())
    }

    /// The error of a program whose counters cannot be served at the port of `--stats-port` (status 2), where
    /// `reason` says why.
    #[inline(never)]
    pub fn stats_error(&self, reason: impl fmt::Display) -> Error {
        let port = u64::from(self.stats_port.unwrap_or_default());
        bad(format_args!("--stats-port={port}: {reason}: expected another"))
    }

    /// Turns the logs of `--log` on.
    ///
    /// # Errors
    /// The tower has no layer of that name, or the program was built without its log (status 2).
    pub fn log_on(&self, runtime: &impl Runtime, tower: &mut impl Layer) -> Result<(), Error> {
        self.each_log(runtime.has_log(), &mut |layer| tower.set_log(layer, true))
    }

    /// Has `turn_on` turn the log of each layer on that `--log` names; it says whether there is such a layer.
    #[inline(never)]
    fn each_log(&self, has_log: bool, turn_on: &mut dyn FnMut(&str) -> bool) -> Result<(), Error> {
        let log = self.log;
        for layer in split(log, b',').filter(|layer| !layer.is_empty()) {
            if !has_log {
                return Err(bad(format_args!(
                    "--log={log}: built without its log, which `--features defmt` adds"
                )));
            }
            if !turn_on(layer) {
                return Err(bad(format_args!("--log={log}: there is no layer {layer}")));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
