//! Services with IPv6 on a TAP device, with Linux as their peer, and radvd as a router.
//!
//! Each test runs in a network namespace of its own, hence a `main` of its own.

#![forbid(unsafe_code)]

#[path = "common/built.rs"]
mod built;
#[path = "common/example.rs"]
mod example;
#[path = "common/http.rs"]
mod http;
#[path = "common/namespace.rs"]
mod namespace;
#[path = "common/program.rs"]
mod program;
#[path = "common/segments.rs"]
mod segments;
#[path = "common/table.rs"]
mod table;
#[path = "common/trial.rs"]
mod trial;

mod dhcp {
    #[path = "../dhcp/dnsmasq.rs"]
    pub(crate) mod dnsmasq;
}

mod ipv6 {
    pub(crate) mod addresses;
    pub(crate) mod guests;
    pub(crate) mod names;
    pub(crate) mod peers;
    pub(crate) mod radvd;
    pub(crate) mod routers;
    pub(crate) mod starts;
    pub(crate) mod streams;
}

use std::process::ExitCode;

use table::trials;

fn main() -> ExitCode {
    namespace::run(trials! { ipv6 =>
        peers: requests_of_any_size_are_answered, pings_of_any_size_are_answered,
            a_closed_port_is_an_error, a_stream_is_answered, both_families_are_served;
        addresses: the_address_that_was_asked_answers, a_link_local_address_answers,
            an_address_in_use_is_refused, a_forbidden_client_is_not_answered,
            what_is_off_is_silent;
        routers: an_address_comes_from_a_router, a_prefix_that_ends_is_given_up,
            who_acknowledges_is_not_asked;
        streams: megabytes_go_both_ways_on_a_tap_device, many_datagrams_at_once_are_answered,
            megabytes_go_both_ways_in_a_guest_of_kvm;
        names: a_page_is_loaded_by_name_over_the_family_that_answers;
        guests: a_process_has_both_addresses, a_guest_of_kvm_has_both_addresses,
            a_page_is_loaded_by_name_over_both_families;
        starts: what_is_ours_is_short;
    })
}
