//! The services as Linux processes on a TAP device, with the Linux kernel as their peer.
//!
//! Each test runs in a network namespace of its own. Where that takes a user namespace, the process
//! has to enter it before it starts threads, hence a `main` of its own here.

#![forbid(unsafe_code)]

#[path = "common/namespace.rs"]
mod namespace;
#[path = "common/running.rs"]
mod running;
#[path = "common/segments.rs"]
mod segments;
#[path = "common/table.rs"]
mod table;
#[path = "common/trial.rs"]
mod trial;
#[path = "common/typed.rs"]
mod typed;

mod linux {
    pub(crate) mod arguments;
    pub(crate) mod clients;
    pub(crate) mod command;
    pub(crate) mod container;
    pub(crate) mod datagrams;
    pub(crate) mod idle;
    pub(crate) mod memory;
    pub(crate) mod neighbours;
    pub(crate) mod offloads;
    pub(crate) mod operator;
    pub(crate) mod peers;
    pub(crate) mod probe;
    pub(crate) mod process;
    pub(crate) mod routes;
    pub(crate) mod services;
    pub(crate) mod support;
    pub(crate) mod tasks;
    pub(crate) mod terminal;
    pub(crate) mod upstream;
}

use std::process::ExitCode;

use table::trials;

fn main() -> ExitCode {
    namespace::run(trials! { linux =>
        arguments: none_is_ignored, serving_says_where;
        clients: only_those_that_were_named_are_answered,
            ports_of_services_and_broadcasts_are_not_answered,
            an_echo_at_an_unknown_port_is_answered_as_long_as_it_answers;
        command: replies_alone_on_standard_output, features_are_those_of_the_service, says_why_there_is_no_reply,
            refuses_what_cannot_be_sent, names_the_services, serves_its_input_line_by_line,
            shows_counters_when_asked, forwards_ports_of_this_machine;
        container: the_pool_fits_its_limit, a_pool_that_cannot_fit_is_refused_in_figures,
            a_static_build_serves;
        datagrams: pi_is_pi, sixteen_large_replies_in_flight,
            a_host_that_is_not_there_delays_nobody;
        idle: ten_thousand_connections_take_45_megabytes;
        memory: a_thousand_requests_take_no_more_pages,
            a_request_that_runs_out_is_told_so, the_least_pool_serves;
        neighbours: a_forgery_takes_no_client_away, a_forgery_in_advance_takes_no_client_away,
            a_failover_takes_half_a_second,
            a_station_whose_frames_have_another_source_is_served;
        offloads: every_size_with_and_without, many_requests_at_once,
            the_first_reply_does_not_wait_for_the_last, the_device_is_left_as_it_was,
            what_leaves_this_host_is_complete, what_crosses_a_bridge_is_complete;
        operator: counters_are_served, frames_are_written_to_a_file,
            the_counters_are_there_for_prometheus, a_service_manager_is_told;
        peers: ping_small_and_large, arping, netcat, a_closed_port_is_refused;
        probe: an_address_that_is_anothers_ends_it, a_free_address_is_announced_and_served,
            ends_while_it_probes, silence_on_a_link_that_is_down_is_no_consent,
            a_link_that_comes_back_is_told_the_address;
        process: ends_well_on_sigterm, reports_on_sigusr1, bad_arguments_are_named,
            messages_begin_with_the_name_of_the_program,
            interfaces_that_cannot_be_had_are_named, sleeps_without_packets,
            a_device_that_is_deleted_ends_it_with_the_reason,
            a_reader_that_stops_reading_stops_nothing, a_hangup_ends_it_with_all_frames,
            gives_up_its_rights, says_that_it_made_the_device;
        routes: a_gateway_outside_the_network, a_network_of_two;
        services: the_table_of_requests;
        tasks: twenty_that_compute_delay_nobody, a_service_that_computes_ends_soon,
            requests_above_the_limit_are_told_so;
        terminal: speaks_to_people;
        upstream: is_asked_once_and_its_answer_kept, bad_arguments_are_named;
    })
}
