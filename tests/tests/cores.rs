//! Services on two cores, as Linux processes on a TAP device with two queues, with Linux as their peer.
//!
//! Each test runs in a network namespace of its own, hence a `main` of its own.

#![forbid(unsafe_code)]

#[path = "common/flows.rs"]
mod flows;
#[path = "common/http.rs"]
mod http;
#[path = "common/namespace.rs"]
mod namespace;
#[path = "common/program.rs"]
mod program;
#[path = "common/report.rs"]
mod report;
#[path = "common/table.rs"]
mod table;
#[path = "common/trial.rs"]
mod trial;

mod cores {
    pub(crate) mod lab;
    pub(crate) mod process;
    pub(crate) mod state;
    pub(crate) mod traffic;
}

use std::process::ExitCode;

use table::trials;

fn main() -> ExitCode {
    namespace::run(trials! { cores =>
        traffic: the_first_request_of_each_flow_is_answered, requests_of_any_size_are_answered,
            large_requests_use_both_cores, streams_are_answered, ipv6_is_served;
        process: it_says_once_where_it_serves_and_reports_for_all, a_core_that_computes_is_seen,
            each_thread_gives_up_its_rights, frames_of_each_core_are_recorded,
            what_cannot_be_is_refused_in_words, it_ends_while_cores_compute;
        state: the_table_of_requests, keys_are_the_same_at_each_core, memory_is_flat_while_keys_come_and_go,
            each_port_has_a_core_of_its_own, the_counters_are_those_of_all_cores, a_hot_core_is_seen_by_all,
            the_page_is_that_of_all_cores;
    })
}
