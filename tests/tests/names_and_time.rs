//! Services that ask others on Linux: dnsmasq for addresses of names and for leases, servers of names that radvd names, chrony for the
//! time.
//!
//! Each test runs in a network namespace of its own, hence a `main` of its own.

#![forbid(unsafe_code)]

#[path = "common/example.rs"]
mod example;
#[path = "common/http.rs"]
mod http;
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

#[path = "dhcp/dnsmasq.rs"]
#[allow(dead_code, reason = "the tests of DHCP call the rest")]
mod dnsmasq;
#[path = "ipv6/radvd.rs"]
mod radvd;

mod names_and_time {
    pub(crate) mod chrony;
    pub(crate) mod clock;
    pub(crate) mod forger;
    pub(crate) mod page;
    pub(crate) mod resolver;
    pub(crate) mod routers;
    pub(crate) mod services;
}

use std::process::ExitCode;

use table::trials;

fn main() -> ExitCode {
    namespace::run(trials! { names_and_time =>
        chrony: a_client_understands_it;
        resolver: what_unbound_says_is_found, what_is_not_there_is_kept_as_long_as_the_zone_says,
            long_answers_come_by_edns_and_by_tcp, old_addresses_are_used_while_the_server_is_gone,
            a_server_that_refuses_is_left, guesses_are_not_believed;
        routers: servers_of_a_router_are_asked_as_long_as_they_may_be,
            servers_of_a_lease_are_asked_before_those_of_a_router,
            a_server_of_the_arguments_is_asked_alone;
        services: a_date_is_that_of_the_server, a_name_is_resolved_and_a_date_is_right,
            servers_of_a_lease_are_asked_also_when_they_change;
    })
}
