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
use soak::Pace;

use self::{outcome::Outcome, progress::Progress};

pub use self::{
    progress::Plan,
    xen::{GUEST_MEMORY, on_machine, on_xen},
};

/// How often it is said how far it is.
const TELL_EVERY: Duration = Duration::from_secs(5);
/// The last lines of a service that ended too early.
const LAST_LINES: usize = 20;

/// Runs all services as Linux processes, each in a network of its own, attacks and asks them as `plan` says,
/// tells on standard error how far it is, and prints the verdicts. [`lab::prepare`] comes first.
///
/// # Errors
/// A service does not build, or start, or ends; or the verdict is FAIL, and why.
pub fn on_unix(plan: &Plan) -> Result<()> {
    let programs = cargo::build(&tests::apps(), &[])?;
    let progress = Progress::new(*plan, Pace::default());
    progress.stop_on_interrupt()?;
    all(&progress, |app| in_lab(app, &programs, &progress))
}

/// Runs all services, each on a thread of its own, and prints the verdicts.
fn all(progress: &Progress, run: impl Fn(&'static str) -> Result<Outcome> + Sync) -> Result<()> {
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
        let running: Vec<_> = tests::apps().into_iter().map(soak).collect();
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
        let outcome = progress.run(app, |plan, _| soak::run(&site, plan));
        let (status, mut lines) = service.stop()?;
        lines.drain(..lines.len().saturating_sub(LAST_LINES));
        ensure!(status.success(), "it ended badly ({status}): {}", lines.join("\n"));
        outcome
    })
    .and_then(|outcome| outcome)
    .with_context(|| app.to_owned())
}
