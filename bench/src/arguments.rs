//! The arguments of a peer: those that a service takes, as far as a peer has a use for them.

use std::net::Ipv4Addr;

use clap::Parser;
use layer::Cidr;

/// What the lab tells a service of its network, in the service's own words.
#[derive(Clone, Debug, Parser)]
#[command(args_override_self = true)]
pub struct Arguments {
    /// The network interface.
    #[arg(long, default_value = "tap0")]
    pub interface: String,
    /// Our address and network.
    #[arg(long, default_value = "10.0.0.2/24")]
    pub ipv4: Cidr,
    /// The address of the host on the other side.
    #[arg(long, default_value = "10.0.0.1")]
    pub ipv4_gateway: Ipv4Addr,
    /// The UDP port that is answered.
    #[arg(long, default_value_t = 8080)]
    pub port: u16,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_one_of_a_name_counts() {
        let arguments = Arguments::parse_from([
            "peer",
            "--ipv4=10.0.0.2/24",
            "--interface=tap0",
            "--ipv4=10.0.1.2/24",
            "--interface=veth0",
        ]);
        assert_eq!(arguments.ipv4.to_string(), "10.0.1.2/24");
        assert_eq!((arguments.interface.as_str(), arguments.port), ("veth0", 8080));
        assert!(Arguments::try_parse_from(["peer", "--ipv4=10.0.0.2"]).is_err());
    }
}
