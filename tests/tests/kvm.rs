//! Services as guests of QEMU's microvm, on a TAP device, with the Linux kernel as their peer. The processor is emulated.
//!
//! Each test runs in a network namespace of its own. Where that takes a user namespace, the process
//! has to enter it before it starts threads, hence a `main` of its own here.

#![forbid(unsafe_code)]

#[path = "common/namespace.rs"]
mod namespace;
#[path = "common/table.rs"]
mod table;
#[path = "common/trial.rs"]
mod trial;
#[path = "common/typed.rs"]
mod typed;

mod kvm {
    pub(crate) mod command;
    pub(crate) mod ends;
    pub(crate) mod link;
    pub(crate) mod serves;
    pub(crate) mod support;
    pub(crate) mod waits;
}

use std::process::ExitCode;

use table::trials;

fn main() -> ExitCode {
    namespace::run(trials! { kvm =>
        command: runs_a_guest_and_writes_its_reply, refuses_what_no_guest_of_kvm_does;
        ends: with_its_machine, what_it_cannot_use_is_said, five_starts_leave_nothing_behind;
        serves: ping_and_arping, short_and_long_requests, thousands_of_requests_in_a_row;
        link: what_changes_is_noticed;
        waits: an_interrupt_ends_the_sleep, an_idle_guest_takes_no_processor_time;
    })
}
