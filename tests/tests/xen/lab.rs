//! The commands that take long, in short: the soak, and the measurements beside Linux without their figures.

use std::time::Duration;

use bench_tool::bench::xen::{self as bench, XenPlan};
use soak_command::{self as soak, GUEST_MEMORY, Plan};

use super::support::machine;

/// All services at once, everything mixed, with the verdict of the command.
pub(crate) fn a_short_soak_passes() {
    let plan = Plan { time: Duration::from_secs(45), requests: None, seed: 7 };
    soak::on_machine(&machine(), &plan, GUEST_MEMORY).unwrap_or_else(|error| panic!("{error:#}"));
}

/// Every reply right, here and there, and a table with what it has to have.
pub(crate) fn echo_is_measured_beside_linux() {
    let machine = machine();
    let text = bench::on_machine(&machine, &XenPlan::quick()).unwrap_or_else(|e| panic!("{e:#}"));
    for row in ["| 64 bytes, 16 outstanding: ", "| from `xl create` ", "| memory ", "| image, "] {
        assert!(text.contains(row), "no {row} in:\n{text}");
    }
    println!("{text}");
    assert_eq!(machine.leftovers().unwrap(), [""; 0]);
}
