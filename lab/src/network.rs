//! The addresses in a lab.

use std::{
    ffi::OsStr,
    net::Ipv4Addr,
    num::NonZero,
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, anyhow, ensure};

use crate::netlink::{Interface, Netlink};

/// How long the device may take to be up once the service has it, and to be down before that.
const UP_WITHIN: Duration = Duration::from_secs(5);

/// A network of two: the host, which is Linux, and the service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Network {
    /// The name of the TAP device.
    pub interface: String,
    /// The address of the host, which is the gateway of the service.
    pub host: Ipv4Addr,
    /// The address of the service.
    pub service: Ipv4Addr,
    /// The length of the prefix that both addresses share, in bits.
    pub prefix: u8,
    /// The largest payload of a frame, in bytes.
    pub mtu: u16,
    /// Whether the TAP device has a queue for each core of the service. For a guest,
    /// [`Machine::network`](crate::kvm::Machine::network) says it.
    pub queues: bool,
}

impl Default for Network {
    fn default() -> Self {
        Self {
            interface: "tap0".into(),
            host: Ipv4Addr::new(10, 0, 0, 1),
            service: Ipv4Addr::new(10, 0, 0, 2),
            prefix: 24,
            mtu: 1500,
            queues: false,
        }
    }
}

impl Network {
    /// The network that fits a service with these arguments, the usual one where they say nothing.
    /// What cannot be read is left for the service to complain about.
    pub fn of_arguments(args: &[&OsStr]) -> Self {
        let mut network = Self::default();
        let mut gateway = None;
        let mut args = args.iter().filter_map(|arg| arg.to_str());
        while let Some(arg) = args.next() {
            let (name, value) = match arg.split_once('=') {
                Some((name, value)) => (name, Some(value)),
                None => (arg, None),
            };
            if !matches!(name, "--ipv4" | "--ipv4-gateway" | "--interface" | "--cores") {
                continue;
            }
            let Some(value) = value.or_else(|| args.next()) else { break };
            match name {
                "--interface" => network.interface = value.into(),
                "--ipv4-gateway" => gateway = value.parse().ok(),
                "--cores" => network.queues = value != "1",
                _ => {
                    let parsed = value.split_once('/').and_then(|(address, prefix)| {
                        Some((address.parse().ok()?, prefix.parse().ok().filter(|p| *p <= 32)?))
                    });
                    if let Some(parsed) = parsed {
                        (network.service, network.prefix) = parsed;
                    }
                }
            }
        }
        network.host = gateway.unwrap_or_else(|| network.first_but_service());
        network
    }

    /// The first address of the network that is not the service's.
    fn first_but_service(&self) -> Ipv4Addr {
        let network = self.service.to_bits() & self.mask();
        // A network of two has no address of its own (RFC 3021).
        let first = Ipv4Addr::from(network.wrapping_add(u32::from(self.prefix < 31)));
        if first == self.service { Ipv4Addr::from(first.to_bits().wrapping_add(1)) } else { first }
    }

    /// As many ones as the prefix is long.
    fn mask(&self) -> u32 {
        u32::MAX.checked_shl(32 - u32::from(self.prefix)).unwrap_or(0)
    }

    /// How many fragments a UDP datagram with this payload goes in; 1 if it goes whole.
    pub fn fragments(&self, payload: usize) -> usize {
        /// The headers of IPv4, without options, and of UDP, in bytes.
        const HEADERS: [usize; 2] = [20, 8];
        let room = usize::from(self.mtu).saturating_sub(HEADERS[0]);
        let datagram = payload + HEADERS[1];
        // All fragments but the last carry a multiple of 8 bytes.
        if datagram <= room { 1 } else { datagram.div_ceil((room & !7).max(8)) }
    }

    /// What a service is told of it that is not among the arguments that it is `given` besides: each may be given
    /// once.
    pub(super) fn arguments_beside(&self, given: &[&OsStr]) -> Vec<String> {
        let Self { interface, host, service, prefix, .. } = self;
        let mut arguments = vec![
            format!("--interface={interface}"),
            format!("--ipv4={service}/{prefix}"),
            format!("--ipv4-gateway={host}"),
        ];
        arguments.retain(|argument| !is_given(argument, given));
        arguments
    }

    /// Makes it, in the network namespace of this thread.
    pub(super) fn set_up(&self) -> Result<()> {
        let Self { interface, host, prefix, mtu, .. } = self;
        let mut netlink = Netlink::open()?;
        netlink.set_up(Interface::named("lo")?)?;
        // A name of an argument, as of a program's own, is there until the program ends.
        let name = Box::leak(interface.clone().into_boxed_str());
        let create = if self.queues { netif_tap::create_with_queues } else { netif_tap::create };
        create(name).map_err(|error| anyhow!("{error}"))?;
        let tap = Interface::named(interface)?;
        let mut set_up = || {
            netlink.add_address(tap, *host, *prefix)?;
            netlink.set_mtu(tap, *mtu)?;
            netlink.set_up(tap)?;
            if self.mask() & (host.to_bits() ^ self.service.to_bits()) != 0 {
                netlink.add_route(tap, self.service)?;
            }
            anyhow::Ok(())
        };
        set_up().with_context(|| format!("the interface {interface}"))?;
        // A process that another thread starts at this moment has the device open until it calls its program.
        let deadline = Instant::now() + UP_WITHIN;
        while netlink.is_up(tap)? {
            ensure!(Instant::now() < deadline, "somebody else has opened {interface}");
            thread::sleep(Duration::from_millis(1));
        }
        Ok(())
    }

    /// Waits until Linux sends what is sent to the service, which has opened the device. The device
    /// has a carrier from then on, but Linux drops what it sends until it has noticed. Asking for the
    /// state makes it notice; where the kernel is too old for that, it does so in its own time.
    ///
    /// # Errors
    /// Nobody opens the device within 5 seconds, or Linux does not say what state it is in.
    pub fn wait_until_up(&self) -> Result<()> {
        let deadline = Instant::now() + UP_WITHIN;
        let (mut netlink, tap) = (Netlink::open()?, Interface::named(&self.interface)?);
        while !netlink.is_up(tap)? {
            ensure!(Instant::now() < deadline, "nobody has opened {}", self.interface);
            thread::sleep(Duration::from_millis(5));
        }
        Ok(())
    }
}

/// How many cores a service uses with this command line: for `--cores=all` as many as this process may.
pub fn cores_of(line: &str) -> usize {
    let words = line.split_ascii_whitespace().map(|word| word.trim_matches('"'));
    match words.filter_map(|word| word.strip_prefix("--cores=")).next_back() {
        None => 1,
        Some("all") => thread::available_parallelism().map_or(1, NonZero::get),
        // The guest says what is wrong with it.
        Some(number) => number.parse().ok().filter(|count| (1..=32).contains(count)).unwrap_or(1),
    }
}

/// Whether `argument`, which is `--name=value`, is among those `given` with this or another value.
pub fn is_given(argument: &str, given: &[&OsStr]) -> bool {
    let name = |argument: &str| argument.split('=').next().map(str::to_owned);
    given.iter().filter_map(|given| given.to_str()).any(|given| name(given) == name(argument))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(args: &[&str]) -> Network {
        Network::of_arguments(&args.iter().map(OsStr::new).collect::<Vec<_>>())
    }

    #[test]
    fn the_network_fits_the_arguments() {
        assert_eq!(read(&[]), Network::default());
        assert_eq!(read(&["--log=all", "--help"]), Network::default());

        let network = read(&["--ipv4", "172.16.0.1/12", "--interface=tap7"]);
        assert_eq!((network.service, network.prefix), (Ipv4Addr::new(172, 16, 0, 1), 12));
        assert_eq!(network.host, Ipv4Addr::new(172, 16, 0, 2));
        assert_eq!(network.interface, "tap7");

        let network = read(&["--ipv4=10.9.0.7/24", "--ipv4-gateway=10.9.0.9"]);
        assert_eq!(network.host, Ipv4Addr::new(10, 9, 0, 9));
        assert_eq!(read(&["--ipv4=10.9.0.7/24"]).host, Ipv4Addr::new(10, 9, 0, 1));
    }

    #[test]
    fn networks_of_one_and_two() {
        let network = read(&["--ipv4=10.137.0.5/32", "--ipv4-gateway=10.138.0.1"]);
        assert_eq!(network.host, Ipv4Addr::new(10, 138, 0, 1));
        assert_eq!(read(&["--ipv4=10.0.0.2/31"]).host, Ipv4Addr::new(10, 0, 0, 3));
        assert_eq!(read(&["--ipv4=10.0.0.3/31"]).host, Ipv4Addr::new(10, 0, 0, 2));
        // It has no network; this is one that is on its link all the same.
        assert_eq!(read(&["--ipv4=10.0.0.3/32"]).host, Ipv4Addr::new(10, 0, 0, 4));
    }

    #[test]
    fn datagrams_that_do_not_fit_go_in_fragments() {
        let fragments = |payload| Network::default().fragments(payload);
        assert_eq!((fragments(0), fragments(1472), fragments(1473)), (1, 1, 2));
        // 60,000 digits of pi, and the experiment of the thesis.
        assert_eq!((fragments(60_002), fragments(29_202)), (41, 20));
    }

    #[test]
    fn no_argument_is_given_twice() {
        let beside = |given: &[&str]| {
            let given: Vec<_> = given.iter().map(OsStr::new).collect();
            Network::default().arguments_beside(&given).join(" ")
        };
        assert_eq!(beside(&[]), "--interface=tap0 --ipv4=10.0.0.2/24 --ipv4-gateway=10.0.0.1");
        assert_eq!(
            beside(&["--log=all", "--ipv4", "x"]),
            "--interface=tap0 --ipv4-gateway=10.0.0.1"
        );
        assert_eq!(beside(&["--interface=lo", "--ipv4-gateway=x"]), "--ipv4=10.0.0.2/24");
    }

    #[test]
    fn what_cannot_be_read_changes_nothing() {
        for arg in ["--ipv4", "--ipv4=", "--ipv4=10.0.0.2", "--ipv4=x/24", "--ipv4=10.0.0.9/33"] {
            assert_eq!(read(&[arg]), Network::default(), "{arg}");
        }
        // The whole address space has a first address too.
        assert_eq!(read(&["--ipv4=10.0.0.2/0"]).host, Ipv4Addr::new(0, 0, 0, 1));
    }
}
