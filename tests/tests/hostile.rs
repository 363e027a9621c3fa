//! A service on a network that means harm: after each attack the good client is served as before, memory
//! is where it was, and the counters tell what happened.
//!
//! Each attack meets a service of its own in a network namespace of its own, as in `linux.rs`, hence a
//! `main` of its own too. The table of attacks is that of `cargo xtask soak`.

#![forbid(unsafe_code)]

mod hostile {
    pub(crate) mod attack;
    pub(crate) mod flood;
}

use std::process::ExitCode;

use libtest_mimic::{Arguments, Trial};
use xtask::{lab, soak::attacks};

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    // Where programs that serve are left out, these are, by the same name.
    let trial = |name: &str, test: fn()| {
        Trial::test(format!("linux::hostile::{name}"), move || {
            test();
            Ok(())
        })
    };
    let mut trials = vec![
        trial("large_datagrams_complete_under_a_flood", hostile::flood::large_datagrams_complete),
        trial("all_at_once", hostile::attack::all_at_once),
    ];
    trials.extend(attacks::all().into_iter().map(|attack| {
        Trial::test(format!("linux::hostile::{}", attack.name), move || {
            hostile::attack::leaves_nothing(&attack);
            Ok(())
        })
    }));
    if !arguments.list
        && let Err(error) = lab::prepare()
    {
        eprintln!("error: {error:#}");
        return ExitCode::FAILURE;
    }
    libtest_mimic::run(&arguments, trials).exit_code()
}
