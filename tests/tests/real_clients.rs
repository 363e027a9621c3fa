//! Programs that everybody has, as clients of the services with TCP: of `web`, of `iperf3`, of `echo` with `--tcp`, and of a
//! server of a folder's files, which is this program itself.
//!
//! Each test runs in a network namespace of its own, hence a `main` of its own.

#![forbid(unsafe_code)]

#[path = "common/namespace.rs"]
mod namespace;
#[path = "common/program.rs"]
mod program;
#[path = "common/table.rs"]
mod table;
#[path = "common/trial.rs"]
mod trial;

mod real_clients {
    pub(crate) mod bed;
    pub(crate) mod bulk;
    pub(crate) mod curl;
    pub(crate) mod files;
    pub(crate) mod git;
    pub(crate) mod iperf3;
    pub(crate) mod load;
    pub(crate) mod proxy;
    pub(crate) mod streams;
    pub(crate) mod wget;
}

use std::process::ExitCode;

use real_clients::files;
use table::trials;

fn main() -> ExitCode {
    if let Some(folder) = files::wanted() {
        return files::serve(&folder);
    }
    namespace::run(trials! { real_clients =>
        bulk: what_linux_says_of_a_connection_that_sends, what_linux_says_of_one_that_receives,
            what_linux_says_with_offloads;
        curl: one_connection_for_many_requests, many_connections_at_once, a_body_in_chunks,
            a_body_that_waits_until_it_is_wanted, heads_alone, parts_of_files, what_has_not_changed,
            the_version_before, nothing_is_compressed;
        git: a_repository_is_cloned;
        iperf3: what_is_sent_is_what_was_received, time_ends_a_test, both_ways_at_once,
            options_are_heeded_or_refused, one_test_at_a_time, a_client_that_is_killed_is_gone;
        load: ab_with_connections_that_stay, ab_with_a_connection_for_each_request, wrk;
        proxy: nginx_keeps_connections;
        streams: netcat_says_when_it_has_said_all, netcat_asks_all_at_once, socat_both_ways;
        wget: mirrors_the_site, goes_on_where_it_was;
    })
}
