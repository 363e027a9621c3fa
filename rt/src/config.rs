//! The arguments that every service takes, on every platform.

use core::{fmt, net::Ipv4Addr, num::NonZeroU16};

use netif::{Layer, MacAddr};
use network::{Cidr, Networks, ParseNetworksError};

use crate::{Error, Runtime};

/// The address of a service that was given none.
const DEFAULT_IPV4: Cidr = match Cidr::new(Ipv4Addr::new(10, 0, 0, 2), 24) {
    Some(cidr) => cidr,
    None => panic!("24 is at most 32"),
};

/// What `--help` says.
const USAGE: &str = "arguments:
  --ipv4=ADDRESS/PREFIX     our address and network (10.0.0.2/24)
  --ipv4-gateway=ADDRESS    where to send what is not in our network (nowhere)
  --interface=NAME          the network interface (tap0; on Xen the first vif)
  --mac=ADDRESS             our hardware address (a local one; on Xen the given one)
  --probe                   serve only if nobody else has our address
  --offloads=on|off         let the interface fill in checksums and cut packets (off)
  --clients=CIDR,...        whom we answer on UDP at all, 8 networks at most (everybody)
  --stats-port=PORT         the UDP port that answers with all counters (none)
  --stats-from=CIDR,...     who may ask for them beside our own network (nobody)
  --log=LAYER,LAYER         layers that log what they do (none), or all";

/// The names of all arguments that have a value.
const NAMES: [&str; 9] = [
    "--ipv4",
    "--ipv4-gateway",
    "--interface",
    "--mac",
    "--offloads",
    "--clients",
    "--stats-port",
    "--stats-from",
    "--log",
];

/// How a service is to be set up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Config {
    /// Our address and network: `--ipv4=10.0.0.2/24`.
    pub ipv4: Cidr,
    /// The gateway, in our network: `--ipv4-gateway=10.0.0.1`.
    pub gateway: Option<Ipv4Addr>,
    /// The interface: `--interface=tap0`; none is the platform's choice.
    pub interface: Option<&'static str>,
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
    pub log: &'static str,
}

impl Default for Config {
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

impl Config {
    /// Reads the arguments: `--name=value` or `--name value`.
    ///
    /// # Errors
    /// An argument that is unknown or has a bad value (status 2), or `--help` (status 0); the message
    /// says which and what would be right.
    pub fn from_args(args: impl IntoIterator<Item = &'static str>) -> Result<Self, Error> {
        Self::read(&mut args.into_iter())
    }

    fn read(args: &mut dyn Iterator<Item = &'static str>) -> Result<Self, Error> {
        let mut config = Self::default();
        while let Some(arg) = args.next() {
            if matches!(arg, "--help" | "-h") {
                return Err(Error::new(0, USAGE));
            }
            if arg == "--probe" {
                config.probe = true;
                continue;
            }
            let (name, value) = match arg.split_once('=') {
                Some((name, value)) => (name, Some(value)),
                None => (arg, None),
            };
            if !NAMES.contains(&name) {
                return Err(bad(format_args!("{arg}: unknown; --help lists the arguments")));
            }
            let Some(value) = value.or_else(|| args.next()) else {
                return Err(bad(format_args!("{arg}: its value is missing")));
            };
            let (is_read, right) = match name {
                "--ipv4" => (
                    value.parse().map(|ipv4| config.ipv4 = ipv4).is_ok(),
                    "an address with its prefix: 10.0.0.2/24",
                ),
                "--ipv4-gateway" => (
                    value.parse().map(|gateway| config.gateway = Some(gateway)).is_ok(),
                    "an address: 10.0.0.1",
                ),
                "--mac" => (
                    value.parse().map(|mac| config.mac = Some(mac)).is_ok(),
                    "six pairs of hexadecimal digits: 02:00:0a:00:00:02",
                ),
                "--offloads" => {
                    config.offloads = value == "on";
                    (config.offloads || value == "off", "on or off")
                }
                "--stats-port" => (
                    value
                        .parse()
                        .map(|port: NonZeroU16| config.stats_port = Some(port.get()))
                        .is_ok(),
                    "a port from 1 to 65535",
                ),
                "--clients" | "--stats-from" => {
                    let networks = match name {
                        "--clients" => config.clients.insert(Networks::default()),
                        _ => &mut config.stats_from,
                    };
                    (networks.set(value), ParseNetworksError::EXPECTED)
                }
                "--log" => {
                    config.log = value;
                    (true, "names of layers")
                }
                _ => {
                    config.interface = Some(value);
                    (!value.is_empty(), "the name of an interface: tap0")
                }
            };
            if !is_read {
                return Err(bad(format_args!("{name}={value}: expected {right}")));
            }
        }
        config.check()
    }

    /// Refuses what can be read but cannot work.
    fn check(self) -> Result<Self, Error> {
        let Self { ipv4, gateway, mac, .. } = self;
        let address = ipv4.address();
        let host = |a: Ipv4Addr| {
            !(a.is_unspecified() || a.is_loopback() || a.is_multicast() || a.is_broadcast())
        };
        if !host(address) || !ipv4.is_neighbour(address) {
            return Err(bad(format_args!(
                "--ipv4={ipv4}: not the address of a host in its network"
            )));
        }
        if let Some(gateway) = gateway
            && (!ipv4.is_neighbour(gateway) || gateway == address)
        {
            return Err(bad(format_args!(
                "--ipv4-gateway={gateway}: not the address of another host in our network {ipv4}"
            )));
        }
        match mac {
            Some(mac) if !mac.is_station() => Err(bad(format_args!(
                "--mac={mac}: not the address of one station: the first byte must be even"
            ))),
            _ => Ok(self),
        }
    }

    /// Turns the logs of `--log` on.
    ///
    /// # Errors
    /// The tower has no layer of that name, or the program was built without its log (status 2).
    pub fn log_on(&self, runtime: &impl Runtime, tower: &mut impl Layer) -> Result<(), Error> {
        self.each_log(runtime.has_log(), &mut |layer| tower.set_log(layer, true))
    }

    /// Has `turn_on` turn the log of each layer on that `--log` names; it says whether there is such a layer.
    fn each_log(&self, has_log: bool, turn_on: &mut dyn FnMut(&str) -> bool) -> Result<(), Error> {
        let log = self.log;
        for layer in log.split(',').filter(|layer| !layer.is_empty()) {
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

fn bad(message: fmt::Arguments<'_>) -> Error {
    Error::new(2, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(args: &[&'static str]) -> Result<Config, Error> {
        Config::from_args(args.iter().copied())
    }

    #[test]
    fn both_spellings_are_read() {
        let one =
            read(&["--ipv4=10.1.0.2/16", "--ipv4-gateway=10.1.0.1", "--interface=tap7"]).unwrap();
        let other =
            read(&["--ipv4", "10.1.0.2/16", "--ipv4-gateway", "10.1.0.1", "--interface", "tap7"])
                .unwrap();
        assert_eq!(one, other);
        assert_eq!((one.ipv4.prefix(), one.interface), (16, Some("tap7")));
        assert_eq!(one.gateway, Some(Ipv4Addr::new(10, 1, 0, 1)));
        assert_eq!(read(&["--stats-port=9100"]).unwrap().stats_port, Some(9100));
        let probe = read(&["--probe", "--ipv4=10.1.0.2/16"]).unwrap();
        assert_eq!((probe.probe, probe.ipv4.prefix()), (true, 16));
        assert!(read(&["--offloads", "on"]).unwrap().offloads);
        assert_eq!(read(&["--offloads=off"]).unwrap(), Config::default());
        let networks = "10.0.0.0/8,192.0.2.7/32";
        let args = ["--clients", networks, "--stats-from=192.0.2.0/24"];
        let Config { clients, stats_from, .. } = read(&args).unwrap();
        assert_eq!(clients, networks.parse().ok());
        assert_eq!(Ok(stats_from), "192.0.2.0/24".parse());
        assert_eq!(read(&[]).unwrap(), Config::default());
    }

    #[test]
    fn a_bad_argument_is_named_with_what_would_be_right() {
        for (args, words) in [
            (&["--ipv6=::1"][..], "--ipv6=::1: unknown"),
            (&["echo"], "echo: unknown"),
            (&["--ipv4"], "--ipv4: its value is missing"),
            (&["--ipv4=10.0.0.2"], "--ipv4=10.0.0.2: expected an address with its prefix"),
            (&["--ipv4=10.0.0.0/24"], "not the address of a host"),
            (&["--ipv4=10.0.0.255/24"], "not the address of a host"),
            (&["--ipv4=224.0.0.1/24"], "not the address of a host"),
            (
                &["--ipv4-gateway=10.0.1.1"],
                "--ipv4-gateway=10.0.1.1: not the address of another host",
            ),
            (&["--ipv4-gateway=10.0.0.2"], "not the address of another host"),
            (&["--ipv4-gateway=x"], "--ipv4-gateway=x: expected an address"),
            (
                &["--mac=03:00:00:00:00:01"],
                "--mac=03:00:00:00:00:01: not the address of one station",
            ),
            (&["--mac=2"], "--mac=2: expected six pairs"),
            (&["--stats-port=0"], "--stats-port=0: expected a port"),
            (&["--stats-port=x"], "--stats-port=x: expected a port"),
            (&["--clients="], "--clients=: expected 1 to 8 networks"),
            (&["--clients=10.0.0.1"], "--clients=10.0.0.1: expected 1 to 8 networks"),
            (
                &[
                    "--stats-from=1.0.0.0/8,2.0.0.0/8,3.0.0.0/8,4.0.0.0/8,5.0.0.0/8,6.0.0.0/8,7.0.0.0/8,8.0.0.0/8,9.0.0.0/8",
                ],
                "expected 1 to 8 networks with commas between: 10.0.0.0/8,",
            ),
            (&["--probe=yes"], "--probe=yes: unknown"),
            (&["--probe", "yes"], "yes: unknown"),
            (&["--offloads=no"], "--offloads=no: expected on or off"),
            (&["--interface="], "the name of an interface"),
        ] {
            let error = read(args).unwrap_err();
            assert_eq!(error.status(), 2, "{args:?}");
            assert!(error.message().contains(words), "{args:?}: {error}");
        }
        assert_eq!(read(&["--help"]).unwrap_err().status(), 0);
    }
}
