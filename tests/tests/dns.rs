//! The service `dns` on a TAP device, asked by `dig` as anybody would, and by unbound as a resolver.
//!
//! Each test runs in a network namespace of its own, hence a `main` of its own.

#![forbid(unsafe_code)]

#[path = "common/namespace.rs"]
mod namespace;
#[path = "common/program.rs"]
mod program;
#[path = "common/table.rs"]
mod table;
#[path = "common/tool.rs"]
mod tool;
#[path = "common/trial.rs"]
mod trial;
#[path = "common/unbound.rs"]
mod unbound;

mod dns {
    pub(crate) mod bed;
    pub(crate) mod dig;
    pub(crate) mod flood;
    pub(crate) mod unbound;
}

use std::process::ExitCode;

use table::trials;

fn main() -> ExitCode {
    namespace::run(trials! { dns =>
        dig: each_type_is_answered, what_is_not_there_is_said, other_servers_are_named,
            edns_says_how_long_answers_are, long_answers_come_by_tcp, queries_share_a_connection,
            zones_are_sent_to_who_is_named;
        flood: a_flood_is_not_amplified;
        unbound: a_resolver_finds_everything, a_resolver_over_tcp;
    })
}
