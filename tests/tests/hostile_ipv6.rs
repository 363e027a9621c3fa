//! A service over IPv6 on a network that means harm: while each attack goes on the good client is served, afterwards memory is
//! where it was, and the counters tell what happened.
//!
//! Each attack meets a service of its own in a network namespace of its own, hence a `main` of its own. The table of attacks is
//! `soak::attacks::ipv6`.

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
    #[path = "../hostile/held.rs"]
    pub(crate) mod held;
}

mod hostile_ipv6 {
    pub(crate) mod attack;
    pub(crate) mod bed;
    pub(crate) mod client;
    pub(crate) mod duplicates;
    pub(crate) mod puppet;
    pub(crate) mod routers;
    pub(crate) mod stolen;
}

use std::process::ExitCode;

use cores::trials;
use hostile_ipv6::{attack, duplicates, routers, stolen};
use lab::soak::attacks::ipv6;
use libtest_mimic::Trial;

fn main() -> ExitCode {
    let mut all: Vec<Trial> = [
        trials("linux::hostile_ipv6::all_at_once", attack::all_at_once),
        trials(
            "linux::hostile_ipv6::a_client_that_was_taken_away_comes_back",
            stolen::a_client_that_was_taken_away_comes_back,
        ),
        trials(
            "linux::hostile_ipv6::an_answer_to_every_probe_is_said",
            duplicates::an_answer_to_every_probe_is_said,
        ),
        trials(
            "linux::hostile_ipv6::an_answer_to_every_probe_of_a_prefix_ends",
            duplicates::an_answer_to_every_probe_of_a_prefix_ends,
        ),
        trials(
            "linux::hostile_ipv6::who_does_not_look_is_served",
            duplicates::who_does_not_look_is_served,
        ),
        trials(
            "linux::hostile_ipv6::a_forged_router_takes_no_address",
            routers::a_forged_router_takes_no_address,
        ),
    ]
    .into_iter()
    .flatten()
    .collect();
    for attack in ipv6::all() {
        let name = format!("linux::hostile_ipv6::{}", attack.name);
        all.extend(trials(&name, move |cores| attack::leaves_nothing(cores, &attack)));
    }
    namespace::run(all)
}
