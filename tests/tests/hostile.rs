//! A service on a network that means harm: after each attack the good client is served as before, memory
//! is where it was, and the counters tell what happened.
//!
//! Each attack meets a service of its own in a network namespace of its own, as in `linux.rs`, hence a
//! `main` of its own too. The table of attacks is that of `cargo xtask soak`.

#![forbid(unsafe_code)]

#[path = "common/cores.rs"]
mod cores;
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
    pub(crate) mod held;
}

use std::process::ExitCode;

use cores::trials;
use hostile::{
    attack::{all_at_once, leaves_nothing},
    flood::large_datagrams_complete,
};
use lab::soak::attacks;

fn main() -> ExitCode {
    // Where programs that serve are left out, these are, by the same name.
    let mut all =
        trials("linux::hostile::large_datagrams_complete_under_a_flood", large_datagrams_complete);
    all.extend(trials("linux::hostile::all_at_once", all_at_once));
    for attack in attacks::all() {
        let name = format!("linux::hostile::{}", attack.name);
        all.extend(trials(&name, move |cores| leaves_nothing(cores, &attack)));
    }
    namespace::run(all)
}
