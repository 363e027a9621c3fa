//! `web` and `echo` with `--tcp` on a network that means harm: strangers who flood, who guess, and clients whose TCP does
//! what no kernel does. The good client is served all the time, and memory comes back.
//!
//! Each attack meets a service of its own in a network namespace of its own, hence a `main` of its own. `tcp_attacks.rs`
//! has the same attacks against Linux.

#![forbid(unsafe_code)]

#[path = "common/cores.rs"]
mod cores;
#[path = "common/namespace.rs"]
mod namespace;
#[path = "common/program.rs"]
mod program;
#[path = "common/site.rs"]
mod site;
#[path = "common/table.rs"]
mod table;
#[path = "common/trial.rs"]
mod trial;
#[path = "common/watched.rs"]
mod watched;

mod hostile_tcp {
    pub(crate) mod bed;
    pub(crate) mod blind;
    pub(crate) mod churn;
    pub(crate) mod flood;
    pub(crate) mod paths;
    pub(crate) mod puppets;
    pub(crate) mod slow;
}

use std::process::ExitCode;

use cores::trials_on_cores;
use table::trials;

fn main() -> ExitCode {
    // On one core alone: what it shows is shown by those that are reset, which take as many ways.
    let mut all = trials! { hostile_tcp => churn: connections_leave_nothing; };
    all.extend(trials_on_cores! { hostile_tcp =>
        blind: resets_end_nothing, requests_end_nothing, data_of_strangers_is_not_taken,
            acknowledgments_of_strangers_change_nothing;
        churn: connections_that_are_reset_leave_nothing;
        flood: a_good_client_is_served;
        paths: a_forged_word_about_tcp_changes_nothing, a_forged_word_about_udp_changes_nothing_of_tcp;
        puppets: small_segments_with_holes_cost_little, what_was_never_sent_is_not_acknowledged,
            pieces_of_an_acknowledgment_count_once, who_never_ends_holds_little;
        slow: thousands_of_slow_clients_delay_nobody;
    });
    let long = trial::trial("hostile_tcp::churn::a_million", hostile_tcp::churn::a_million);
    all.push(long.with_ignored_flag(true));
    namespace::run(all)
}
