//! `cargo xtask soak`: all services under everything at once, for as long as one likes, and a verdict.
//!
//! What a round is, and who runs it, is the crate [`soak`]'s; here are the places where services run,
//! and the verdict.

#![forbid(unsafe_code)]

mod outcome;
mod progress;
mod xen;

use std::{collections::BTreeMap, path::PathBuf, sync::atomic::Ordering, thread, time::Duration};

use anyhow::{Context, Result, ensure};
use lab::{
    cargo,
    soak::{STATS_PORT, network, start},
};
use soak::{
    Pace, Round,
    streams::{self, Streams},
};

use self::{outcome::Outcome, progress::Progress};

pub use self::{
    progress::Plan,
    xen::{GUEST_MEMORY, on_machine, on_xen},
};

/// How often it is said how far it is.
const TELL_EVERY: Duration = Duration::from_secs(5);
/// The last lines of a service that ended too early.
const LAST_LINES: usize = 20;

/// The service that answers on TCP alone: it has no port of UDP to ask at.
const WEB: &str = "web";

/// Runs all services, or the one with this name, as Linux processes on so many cores, each in a network of its own, attacks and
/// asks them as `plan` says, tells on standard error how far it is, and prints the verdicts. [`lab::prepare`] comes first.
///
/// # Errors
/// There is no such service; one does not build, or start, or ends; or the verdict is FAIL, and why.
pub fn on_unix(plan: &Plan, cores: usize, service: Option<&str>) -> Result<()> {
    let mut apps = tests::apps();
    apps.push(WEB);
    if let Some(service) = service {
        let all = apps.join(", ");
        apps.retain(|app| *app == service);
        ensure!(!apps.is_empty(), "there is no service {service}: there are {all}");
    }
    let several: &[&str] = if cores > 1 { &["cores"] } else { &[] };
    let with_tcp = [&["tcp"], several].concat();
    // Echo is built with TCP. The others have it or not.
    let (echo, others): (Vec<_>, Vec<_>) = apps.iter().partition(|app| **app == "echo");
    let mut programs = BTreeMap::new();
    for (apps, features) in [(others, several), (echo, &with_tcp[..])] {
        if !apps.is_empty() {
            programs.extend(cargo::build(&apps, features)?);
        }
    }
    let progress = Progress::new(*plan, Pace::default());
    progress.stop_on_interrupt()?;
    all(&progress, &apps, |app| in_lab(app, cores, &programs, &progress))
}

/// Runs these services, each on a thread of its own, and prints the verdicts.
fn all(
    progress: &Progress,
    apps: &[&'static str],
    run: impl Fn(&'static str) -> Result<Outcome> + Sync,
) -> Result<()> {
    let outcomes = thread::scope(|scope| {
        let soak = |app| {
            let run = &run;
            scope.spawn(move || {
                let outcome = run(app);
                // If one ends badly the others need not go on.
                if outcome.is_err() {
                    progress.stop();
                }
                progress.ended.fetch_add(1, Ordering::Relaxed);
                outcome
            })
        };
        let running: Vec<_> = apps.iter().copied().map(soak).collect();
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
    cores: usize,
    programs: &BTreeMap<String, PathBuf>,
    progress: &Progress,
) -> Result<Outcome> {
    let program = programs.get(app).with_context(|| format!("{app} has no program"))?;
    let (args, streams): (&[&str], _) = match app {
        "echo" => (&["--tcp"], Some(Streams::Echo)),
        WEB => (&[], Some(Streams::Web)),
        _ => (tests::unlimited(app), None),
    };
    lab::in_namespace(network(cores), |lab| {
        let (service, site) = start(lab, program, cores, args, |_| ())?;
        let outcome = progress.run(app, |plan, _| {
            let mut round = if app == WEB { Round::default() } else { soak::run(&site, plan)? };
            if let Some(streams) = streams {
                streams::run(&site, streams, plan, &mut round)?;
            }
            Ok(round)
        });
        let (status, mut lines) = service.stop()?;
        lines.drain(..lines.len().saturating_sub(LAST_LINES));
        ensure!(status.success(), "it ended badly ({status}): {}", lines.join("\n"));
        outcome
    })
    .and_then(|outcome| outcome)
    .with_context(|| app.to_owned())
}
