//! `cargo xtask soak`: all services under everything at once, for as long as one likes, and a verdict.
//!
//! A round is: requests with nobody in the way; requests over a network that loses, doubles and reorders
//! frames; an attack with requests in between; and then a look at what the regions hold, in a state that
//! does not depend on what was before ([`Site::settle`]). Where the service runs does not matter: a
//! [`Site`] is addresses and an interface.

pub mod attacks;
mod clients;
pub mod frames;
pub mod listing;
mod outcome;
mod requests;
mod rounds;
pub mod site;
pub mod wire;

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::atomic::Ordering,
    thread,
    time::Duration,
};

use anyhow::{Context, Result, ensure};

use self::{
    outcome::Outcome,
    rounds::Progress,
    site::{Place, Site},
};
use crate::{
    cargo,
    lab::{self, Lab, Network, Service},
    profile,
};

pub use self::rounds::Plan;

/// How often it is said how far it is.
const TELL_EVERY: Duration = Duration::from_secs(5);
/// The last lines of a service that ended too early.
const LAST_LINES: usize = 20;

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

/// Runs all services as Linux processes, each in a network of its own, attacks and asks them as `plan` says,
/// tells on standard error how far it is, and prints the verdicts. [`lab::prepare`] comes first.
///
/// # Errors
/// A service does not build, or start, or ends; or the verdict is FAIL, and why.
pub fn on_unix(plan: &Plan) -> Result<()> {
    let apps = tests::apps();
    let programs = cargo::build(&apps, &[])?;
    let progress = Progress::new(*plan);
    progress.stop_on_interrupt()?;
    let outcomes = thread::scope(|scope| {
        let soak = |app| {
            let (programs, progress) = (&programs, &progress);
            scope.spawn(move || {
                let outcome = in_lab(app, programs, progress);
                // If one ends badly the others need not go on.
                if outcome.is_err() {
                    progress.stop();
                }
                progress.ended.fetch_add(1, Ordering::Relaxed);
                outcome
            })
        };
        let running: Vec<_> = apps.iter().map(|app| soak(app)).collect();
        while progress.ended.load(Ordering::Relaxed) < running.len() {
            thread::park_timeout(Duration::from_millis(100));
            progress.tell(TELL_EVERY);
        }
        let outcome = |it: thread::ScopedJoinHandle<'_, _>| {
            it.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        };
        running.into_iter().map(outcome).collect::<Result<Vec<_>>>()
    })?;
    let (text, complaints) = outcome::conclude(&outcomes);
    print!("{text}");
    ensure!(complaints.is_empty(), "{}", complaints.join("; "));
    Ok(())
}

/// Runs one service.
fn in_lab(
    app: &'static str,
    programs: &BTreeMap<String, PathBuf>,
    progress: &Progress,
) -> Result<Outcome> {
    let program = programs.get(app).with_context(|| format!("{app} has no program"))?;
    lab::in_namespace(network(), |lab| {
        let (service, site) = start(lab, program, &[], |_| ())?;
        let outcome = rounds::run(&site, app, progress);
        let (status, mut lines) = service.stop()?;
        lines.drain(..lines.len().saturating_sub(LAST_LINES));
        ensure!(status.success(), "it ended badly ({status}): {}", lines.join("\n"));
        outcome
    })
    .and_then(|outcome| outcome)
    .with_context(|| app.to_owned())
}
