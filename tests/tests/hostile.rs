//! A service on a network that means harm: after each attack the good client is served as before, memory
//! is where it was, and the counters tell what happened.
//!
//! Each attack meets a service of its own in a network namespace of its own, as in `linux.rs`, hence a
//! `main` of its own too. The table of attacks is that of `cargo xtask soak`.

#![forbid(unsafe_code)]

#[path = "common/namespace.rs"]
mod namespace;
#[path = "common/program.rs"]
mod program;
#[path = "common/site.rs"]
mod site;
#[path = "common/trial.rs"]
mod trial;

mod hostile {
    pub(crate) mod attack;
    pub(crate) mod flood;
}

use std::process::ExitCode;

use lab::soak::attacks;
use trial::trial;

fn main() -> ExitCode {
    // Where programs that serve are left out, these are, by the same name.
    let mut trials = vec![
        trial(
            "linux::hostile::large_datagrams_complete_under_a_flood",
            hostile::flood::large_datagrams_complete,
        ),
        trial("linux::hostile::all_at_once", hostile::attack::all_at_once),
    ];
    trials.extend(attacks::all().into_iter().map(|attack| {
        trial(format!("linux::hostile::{}", attack.name), move || {
            hostile::attack::leaves_nothing(&attack);
        })
    }));
    namespace::run(trials)
}
