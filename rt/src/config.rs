//! The arguments that every service takes, on every platform.

use core::net::Ipv4Addr;

use layer::{Cidr, Dotted, Layer, Networks, ParseNetworksError, Setup, split::split};
use netif::MacAddr;

use crate::{
    Error, OwnArguments, Runtime,
    arguments::{self, Argument, bad, refused},
    own_arguments::NoneOfItsOwn,
};

/// The address of a service without `--ipv4`.
const DEFAULT_IPV4: Cidr = match Cidr::new(Ipv4Addr::new(10, 0, 0, 2), 24) {
    Some(cidr) => cidr,
    None => panic!("24 is at most 32"),
};

/// Why an address is refused that no host can have.
const NO_HOST: &str = "no host has this address: ";

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

rows! {
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
            config.tower.gateway = Some(address);
            // `check` sees whether it is in our network, when both are known.
            if Cidr::new(address, 32).is_some_and(Cidr::is_host) { Ok(()) } else { Err(NO_HOST) }
        };
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
    /// Our address and network: `--ipv4=10.0.0.2/24`.
    pub ipv4: Cidr,
    /// The interface: `--interface=tap0`. Without it, the platform chooses.
    pub interface: Option<&'a str>,
    /// Our hardware address: `--mac=02:00:0a:00:00:02`.
    pub mac: Option<MacAddr>,
    /// Whether the interface may do part of the work on checksums and long packets, if it supports that:
    /// `--offloads=on`.
    pub offloads: bool,
    /// The arguments that concern one layer, see [`configure`](Self::configure): `--probe`,
    /// `--ipv4-gateway=10.0.0.1`, `--clients=10.0.0.0/8,192.0.2.7/32`, `--stats-port=9100`, `--stats-from=192.0.2.0/24`, to
    /// which our own network is added, and `--log=arp,udp`, here with all names.
    pub tower: Setup<'a>,
}

impl Default for Settings<'_> {
    fn default() -> Self {
        Self {
            ipv4: DEFAULT_IPV4,
            interface: None,
            mac: None,
            offloads: false,
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
        if self.tower.counters_port.is_none() && !self.tower.counters_from.is_empty() {
            return Err(refused("--stats-from", "expected with --stats-port"));
        }
        #[cfg(feature = "page")]
        if self.tower.page_port.is_none() && !self.tower.page_from.is_empty() {
            return Err(refused("--page-from", "expected with --page-port"));
        }
        Ok(())
    }

    /// Gives `tower` the arguments that concern its layers: the gateway, probing, the clients, the port of
    /// the counters, the logs. [`Runtime::serve`] does so. A program with a loop of its own does it before
    /// the loop, when its services are bound.
    ///
    /// # Errors
    /// No layer of the tower supports an argument, or its layer cannot do it; or the program was built
    /// without the log of its layers (status 2).
    // Not inlined: in the large stack frame of the program's main, it takes longer instructions.
    #[inline(never)]
    pub fn configure(&self, runtime: &impl Runtime, tower: &mut impl Layer) -> Result<(), Error> {
        let mut setup = self.tower;
        // Handled here, so that the image of a program without a log has no code for it.
        let log = setup.log.take();
        if runtime.has_log() {
            each_log(log.unwrap_or_default(), &mut |layer| {
                let mut setup = Setup::default();
                setup.log = Some(layer);
                tower.configure(&mut setup);
                setup.found_log()
            })?;
        }
        setup.counters_from.add(self.ipv4);
        #[cfg(feature = "page")]
        setup.page_from.add(self.ipv4);
        tower.configure(&mut setup);
        if !runtime.has_log() {
            setup.log = log;
        }
        refuse(&setup)
    }
}

/// Calls `turn_on` for each layer in `names`; `turn_on` says whether there is such a layer.
#[inline(never)]
fn each_log(names: &str, turn_on: &mut dyn FnMut(&str) -> bool) -> Result<(), Error> {
    for layer in split(names, b',').filter(|layer| !layer.is_empty()) {
        if !turn_on(layer) {
            return Err(bad(format_args!("--log={names}: there is no layer {layer}")));
        }
    }
    Ok(())
}

/// Refuses arguments that no layer of the tower has taken, and a log in a program without one.
#[inline(never)]
fn refuse(rest: &Setup<'_>) -> Result<(), Error> {
    const NO_LAYER: &str = "no layer of this program can do that";
    let name = match *rest {
        // First: a layer may have said why.
        Setup { counters_port: Some(port), .. } => {
            let (port, reason) = (u64::from(port), rest.refusal().unwrap_or(NO_LAYER));
            return Err(bad(format_args!("--stats-port={port}: {reason}")));
        }
        #[cfg(feature = "page")]
        Setup { page_port: Some(_), .. } => "--page-port",
        Setup { gateway: Some(_), .. } => "--ipv4-gateway",
        Setup { probe_at_start: true, .. } => "--probe",
        Setup { clients: Some(_), .. } => "--clients",
        Setup { log: Some(names), .. } => {
            return Err(bad(format_args!(
                "--log={names}: built without its log, which the feature `log` adds"
            )));
        }
        _ => return Ok(()),
    };
    Err(refused(name, NO_LAYER))
}

#[cfg(test)]
mod tests;
