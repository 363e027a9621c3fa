//! Attacks on TCP by who is not on the path, against Linux: that the attacks are what they say, since Linux answers them as the
//! RFCs demand.
//!
//! The networks are those of `bad_network.rs`, hence a `main` of its own.

#![forbid(unsafe_code)]

#[path = "common/namespace.rs"]
mod namespace;
#[path = "common/table.rs"]
mod table;
#[path = "common/trial.rs"]
mod trial;
#[path = "common/watched.rs"]
mod watched;

mod tcp_attacks {
    pub(crate) mod bed;
    pub(crate) mod blind;
    pub(crate) mod flood;
    pub(crate) mod puppet;
}

use std::process::ExitCode;

use table::trials;

fn main() -> ExitCode {
    namespace::run(trials! { tcp_attacks =>
        blind: a_reset_takes_the_exact_number, a_request_for_a_connection_that_is_there_is_challenged,
            data_takes_both_numbers, the_word_of_a_router_takes_a_number_under_way;
        flood: a_good_client_is_served_in_a_flood;
        puppet: small_segments_and_what_was_never_sent;
    })
}
