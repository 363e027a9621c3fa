//! TCP over a bad network: what comes is what was sent, and how fast, Linux beside whoever else is there.
//!
//! Each network is of two namespaces with a link between them (`lab::bad_network`), hence a `main` of its own. The table is
//! only measured when asked for, all of it (an hour) or the rows whose names have some words in them:
//!
//! ```text
//! cargo test -p tests --test bad_network -- --ignored
//! BAD_NETWORK_ROUNDS=1 BAD_NETWORK_MEGABYTES=20 cargo test -p tests --test bad_network -- --ignored 'row: 1 ms'
//! ```

#![forbid(unsafe_code)]

#[path = "common/namespace.rs"]
mod namespace;
#[path = "common/table.rs"]
mod table;
#[path = "common/trial.rs"]
mod trial;

mod bad_network {
    pub(crate) mod contest;
    pub(crate) mod link;
    pub(crate) mod rows;
    pub(crate) mod transfers;
}

use std::process::ExitCode;

use table::trials;

fn main() -> ExitCode {
    let mut trials = trials! { bad_network =>
        link: a_delay_is_a_delay, a_rate_is_kept, chance_takes_its_share,
            many_frames_pass, whole_frames_pass;
        transfers: what_comes_is_what_was_sent, what_is_late_is_not_lost;
    };
    trials.extend(bad_network::rows::ROWS.iter().map(|row| {
        let measure = || bad_network::transfers::row(row);
        trial::trial(format!("bad_network::row: {}", row.name), measure).with_ignored_flag(true)
    }));
    namespace::run(trials)
}
