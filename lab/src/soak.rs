//! A service that is asked and attacked in a lab: where it is, and how it is started. What is asked, and the attacks, are
//! the crate `soak`'s.

use std::path::Path;

use ::soak::site::{Place, Site};
use anyhow::Result;
use netif::MacAddr;

pub use ::soak::{attacks, frames, listing, puppet, site, streams, tcp, wire};

use crate::{Lab, Network, Service, quiet};

/// The hardware address of the service.
const MAC: frames::Mac = [2, 0, 0x0a, 0, 0, 2];
/// The UDP port of its counters.
pub const STATS_PORT: u16 = 9100;

/// The network of a service that is attacked: large enough for many attackers.
pub fn network() -> Network {
    Network { prefix: 16, ..Network::default() }
}

/// Where echo is in [`network`], if it was given the [`arguments`].
pub fn place() -> Place {
    let Network { interface, host, service, prefix, .. } = network();
    Place {
        interface,
        host,
        mac: MAC,
        address: service,
        prefix,
        port: 8080,
        stats_port: STATS_PORT,
    }
}

/// What a service has to be started with so that it is at [`place`].
pub fn arguments() -> [String; 2] {
    [format!("--mac={}", MacAddr(MAC)), format!("--stats-port={STATS_PORT}")]
}

/// Starts echo, or a service that listens beside it, in `lab`, which is [`network`], and goes there.
///
/// # Errors
/// It does not start, or cannot be reached.
pub fn start<'lab>(
    lab: &'lab Lab,
    program: &Path,
    args: &[&str],
    on_line: impl FnMut(&str) + Send + 'static,
) -> Result<(Service<'lab>, Site)> {
    quiet(lab)?;
    let args = args.iter().map(|arg| (*arg).to_owned()).chain(arguments());
    let service = Service::start(lab, program, args, on_line)?;
    let site = Site::open(&place())?;
    Ok((service, site))
}
