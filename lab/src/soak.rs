//! A service that is asked and attacked in a lab: where it is, and how it is started. What is asked, and the attacks, are
//! the crate `soak`'s.

mod reports;

use std::path::Path;

use ::soak::site::{Place, Site};
use anyhow::Result;
use netif::MacAddr;

use self::reports::ServiceReports;

pub use ::soak::{attacks, ear, frames, listing, puppet, site, streams, tcp, wire};

use crate::{Lab, Network, Service, quiet, take_any_disorder};

/// The hardware address of the service.
const MAC: frames::Mac = [2, 0, 0x0a, 0, 0, 2];
/// The UDP port of its counters.
pub const STATS_PORT: u16 = 9100;

/// The network of a service on so many cores that is attacked: large enough for many attackers.
pub fn network(cores: usize) -> Network {
    Network { prefix: 16, queues: cores > 1, ..Network::default() }
}

/// Where echo is in [`network`], if it was given the [`arguments`].
pub fn place() -> Place {
    let Network { interface, host, service, prefix, .. } = network(1);
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

/// Starts echo, or a service that listens beside it, on so many cores in `lab`, which is their [`network`], and goes there. A
/// program for several cores has the feature `cores`.
///
/// # Errors
/// It does not start, or cannot be reached.
pub fn start<'lab>(
    lab: &'lab Lab,
    program: &Path,
    cores: usize,
    args: &[&str],
    on_line: impl FnMut(&str) + Send + 'static,
) -> Result<(Service<'lab>, Site)> {
    quiet(lab)?;
    if cores > 1 {
        take_any_disorder()?;
    }
    let several = (cores > 1).then(|| format!("--cores={cores}"));
    let args = args.iter().map(|arg| (*arg).to_owned()).chain(arguments()).chain(several);
    let service = Service::start(lab, program, args, on_line)?;
    let site = match cores {
        1 => Site::open(&place())?,
        _ => {
            let reports = ServiceReports::of(&service, cores)?;
            Site::open_with_cores(&place(), cores, Box::new(reports))?
        }
    };
    Ok((service, site))
}
