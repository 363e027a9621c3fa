//! Services as guests of QEMU's machines microvm, pc and q35, on a TAP device, with the Linux kernel as their peer. The
//! processor is emulated.
//!
//! Each test runs in a network namespace of its own. Where that takes a user namespace, the process
//! has to enter it before it starts threads, hence a `main` of its own here.

#![forbid(unsafe_code)]

#[path = "common/built.rs"]
mod built;
#[path = "common/flows.rs"]
mod flows;
#[path = "common/namespace.rs"]
mod namespace;
#[path = "common/report.rs"]
mod report;
#[path = "common/running.rs"]
mod running;
#[path = "common/table.rs"]
mod table;
#[path = "common/trial.rs"]
mod trial;
#[path = "common/typed.rs"]
mod typed;

mod kvm {
    pub(crate) mod button;
    pub(crate) mod command;
    pub(crate) mod cores;
    pub(crate) mod debugger;
    pub(crate) mod ends;
    pub(crate) mod link;
    pub(crate) mod linux;
    pub(crate) mod log;
    pub(crate) mod memory;
    pub(crate) mod one_image;
    pub(crate) mod pci;
    pub(crate) mod places;
    pub(crate) mod rng;
    pub(crate) mod serves;
    pub(crate) mod services;
    pub(crate) mod start;
    pub(crate) mod support;
    pub(crate) mod waits;
    pub(crate) mod web;
}

use std::process::ExitCode;

use table::trials;

fn main() -> ExitCode {
    let mut trials = trials! { kvm =>
        button: ends_a_guest_with_its_counters, ends_a_guest_that_is_busy, a_keyboard_asks_as_well;
        command: runs_a_guest_and_writes_its_reply, refuses_what_no_guest_of_kvm_does;
        cores: two_answer_the_table_of_requests, flows_go_to_both, two_serve_with_any_number_of_queues,
            two_that_are_idle_take_no_processor_time, an_idle_one_is_not_woken_by_the_traffic_of_the_other,
            what_is_not_there_is_refused_in_words;
        debugger: it_stops_at_a_line_and_its_callers_are_found;
        ends: with_its_machine, what_it_cannot_use_is_said, a_device_that_another_has_is_refused,
            a_machine_without_a_device_is_refused, twenty_starts_leave_nothing_behind;
        rng: seeds_of_the_host_are_strong;
        serves: ping_and_arping, short_and_long_requests, thousands_of_requests_in_a_row;
        services: the_table_of_requests;
        start: takes_less_than_two_million_instructions;
        web: its_site_and_its_page, iperf3_measures_both_ways;
        link: what_changes_is_noticed;
        linux: echo_is_measured_beside_linux;
        one_image: serves_wherever_it_is;
        pci: a_device_wherever_it_is_and_however_it_interrupts;
        log: says_in_words_what_the_layers_do;
        places: an_interrupt_that_cannot_be_masked_says_where_it_is;
        waits: an_interrupt_ends_the_sleep, an_idle_guest_takes_no_processor_time;
    };
    // Minutes.
    let measured = trials! { kvm => memory: with_which_each_serves; };
    trials.extend(measured.into_iter().map(|trial| trial.with_ignored_flag(true)));
    namespace::run(trials)
}
