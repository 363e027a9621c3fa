//! Guests of a real Xen, in QEMU, with the Linux of dom0 as their peer.
//!
//! All tests share one machine, which boots when the first of them needs it.

#![forbid(unsafe_code)]

#[allow(dead_code, reason = "nothing is pointed at here")]
#[path = "browser/chromium.rs"]
mod chromium;
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

mod xen {
    pub(crate) mod bed;
    pub(crate) mod command;
    pub(crate) mod cores;
    pub(crate) mod crash;
    pub(crate) mod guest;
    pub(crate) mod ipv6;
    pub(crate) mod lab;
    pub(crate) mod linux;
    pub(crate) mod log;
    pub(crate) mod room;
    pub(crate) mod segments;
    pub(crate) mod services;
    pub(crate) mod support;
    pub(crate) mod upgrade;
    pub(crate) mod web;
}

use std::process::ExitCode;

use libtest_mimic::Arguments;
use table::trials;

fn main() -> ExitCode {
    let mut arguments = Arguments::from_args();
    // One processor is emulated for all of them.
    arguments.test_threads = Some(1);
    let trials = trials! { xen =>
        bed: images_go_over_in_seconds_and_unchanged, programs_end_in_time_or_are_ended,
            what_cannot_be_done_is_said_why, a_dead_dom0_is_an_error_and_harms_no_other;
        command: serves_its_input_and_a_port_of_this_machine, refuses_before_it_boots;
        cores: two_answer_the_table_of_requests, flows_go_to_both, an_idle_one_is_not_woken_by_the_traffic_of_the_other;
        crash: the_end_of_a_guest_is_reported_with_its_last_words;
        guest: ends_as_it_should_on_the_bare_machine, ends_as_it_should_in_its_runtime, ends_as_it_should_on_another_processor, says_where_it_is_when_asked,
            weak_entropy_can_be_refused;
        services: domain_files_are_what_xl_reads, what_image_writes_is_what_xl_reads, the_table_of_requests, five_thousand_entries_are_kept, a_packed_image_serves, one_image_for_both_serves, peers_find_it_and_it_sleeps, says_where_it_sleeps, memory_that_is_not_there_is_not_used, many_requests_at_once,
            twenty_starts_leave_nothing_behind, its_network_goes_and_comes_under_load;
        ipv6: a_guest_answers_over_both_families, a_page_comes_over_ipv6, an_address_comes_from_a_router,
            a_page_comes_by_name_over_both_families;
        segments: go_both_ways_in_one_piece;
        web: its_site_and_its_page_in_4_mib;
        log: says_in_words_what_the_layers_do;
        linux: answers_and_leaves_nothing_behind;
        room: a_guest_is_refused_before_xenstored_dies;
        upgrade: a_new_image_takes_over, consoles_are_rotated;
        lab: a_short_soak_passes, echo_is_measured_beside_linux, two_guests_and_what_they_take;
    };
    let conclusion = libtest_mimic::run(&arguments, trials);
    xen::support::end();
    conclusion.exit_code()
}
