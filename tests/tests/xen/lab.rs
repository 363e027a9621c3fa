//! The commands that take long, in short: the soak, and the measurements beside Linux without their figures.

use std::time::Duration;

use bench_tool::{
    bench::xen::{self as bench, XenPlan},
    density::{DensityPlan, xen as density},
};
use lab::{cargo, image};
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

/// Two guests of each kind, all of which answer; what a guest takes of Xen is below 2.6 MiB once its pool is taken back; and
/// Xen refuses a guest for which it has no memory.
pub(crate) fn two_guests_and_what_they_take() {
    /// In KiB.
    const MOST_OF_XEN: u32 = 2662;
    let machine = machine();
    let images = cargo::build_xen(&["echo"], &[]).expect("echo builds");
    let echo = image::stripped(&images["echo"]).expect("the image can be read");
    let plan = DensityPlan::new(&[1, 2], 2);
    let text = density::on_machine(&machine, &echo, &plan).unwrap_or_else(|e| panic!("{e:#}"));
    println!("{text}");
    let rows: Vec<_> = text.lines().filter(|line| line.starts_with("| echo, 2 MiB")).collect();
    assert_eq!(rows.len(), 4, "{text}");
    assert_eq!(rows.iter().filter(|row| row.contains("| all 2 |")).count(), 3, "{text}");
    let of_xen = |row: &str| {
        let cell = row.split('|').nth(3).expect("there are more").trim().replace(',', "");
        cell.parse::<u32>().expect("it is a number")
    };
    let shrunk = rows.iter().find(|row| row.contains("pools taken back")).expect("it is there");
    assert!(of_xen(rows[0]) > MOST_OF_XEN && of_xen(shrunk) < MOST_OF_XEN, "{text}");
    assert!(text.contains("is refused with ") && text.contains("of the others answer: all "));
    assert_eq!(machine.leftovers().unwrap(), [""; 0]);
}
