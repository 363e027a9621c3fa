//! `cargo xtask soak`: a service under everything at once, for as long as one likes, and a verdict.

pub mod attacks;
pub mod frames;
pub mod listing;
pub mod site;
pub mod wire;

use std::path::Path;

use anyhow::Result;

use self::site::{Place, Site};
use crate::{
    lab::{Lab, Network, Service},
    profile,
};

/// How many hosts that are not there ask something at once.
pub(crate) const STRANGERS: usize = 300;

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
    let mac = MAC.map(|byte| format!("{byte:02x}")).join(":");
    [format!("--mac={mac}"), format!("--stats-port={STATS_PORT}")]
}

const MAC: frames::Mac = [2, 0, 0x0a, 0, 0, 2];
const STATS_PORT: u16 = 9100;

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
    profile::quiet(lab)?;
    let args = args.iter().map(|arg| (*arg).to_owned()).chain(arguments());
    let service = Service::start(lab, program, args, on_line)?;
    let site = Site::open(&place())?;
    Ok((service, site))
}
