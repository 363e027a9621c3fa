//! `echo --ipv4=dhcp` on a TAP device, with dnsmasq and Kea as its servers and Linux as its peer.
//!
//! Each test runs in a network namespace of its own, hence a `main` of its own.

#![forbid(unsafe_code)]

#[path = "common/cores.rs"]
mod cores;
#[path = "common/namespace.rs"]
mod namespace;
#[path = "common/program.rs"]
mod program;
#[path = "common/table.rs"]
mod table;
#[path = "common/trial.rs"]
mod trial;

mod dhcp {
    pub(crate) mod dnsmasq;
    pub(crate) mod kea;
    pub(crate) mod leases;
    pub(crate) mod lifetimes;
    pub(crate) mod restarts;
}

use std::process::ExitCode;

use cores::trials_on_cores;
use table::trials;

fn main() -> ExitCode {
    let mut all = trials! { dhcp =>
        leases: a_server_that_comes_late_is_found, a_value_that_is_no_address_is_refused;
        lifetimes: an_address_that_is_not_the_one_of_the_lease_is_denied,
            routes_of_more_than_255_bytes_are_read;
        restarts: nonsense_in_the_file_is_said_and_ignored;
    };
    all.extend(trials_on_cores! { dhcp =>
        leases: an_address_comes_and_is_renewed, what_the_server_says_is_used,
            an_address_in_use_is_declined, an_address_of_ipv6_comes_as_well;
        lifetimes: a_lease_of_seconds_is_renewed_and_given_back,
            a_lease_is_extended_by_broadcast_after_t2,
            when_its_network_is_gone_another_address_follows_at_the_end,
            of_two_servers_one_is_chosen_and_the_other_takes_over;
        restarts: an_address_is_kept_over_restarts,
            an_address_of_another_network_is_denied_and_replaced;
    });
    namespace::run(all)
}
