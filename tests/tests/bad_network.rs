//! TCP over a bad network: what comes is what was sent, and how fast, Linux beside whoever else is there.
//!
//! Each network is of two namespaces with a link between them (`lab::bad_network`), hence a `main` of its own. The whole
//! table takes some twenty minutes, and is only measured when asked for:
//!
//! ```text
//! cargo test -p tests --release --test bad_network -- --ignored
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
        transfers: what_comes_is_what_was_sent;
    };
    trials.push(
        trial::trial(
            "bad_network::transfers::the_whole_table",
            bad_network::transfers::the_whole_table,
        )
        .with_ignored_flag(true),
    );
    namespace::run(trials)
}
