//! The page of a service, and the site of `web`, in a browser: headless Chromium, which is told what to do over a pipe.
//!
//! Each test runs in a network namespace of its own, so the browser reaches nothing but the service. What it looked like is
//! in `target/browser` afterwards, as pictures.

#![forbid(unsafe_code)]

#[path = "browser/chromium.rs"]
mod chromium;
#[path = "../../page/tests/mock/mod.rs"]
mod mock;
#[path = "common/namespace.rs"]
mod namespace;
#[path = "common/program.rs"]
mod program;
#[path = "common/table.rs"]
mod table;
#[path = "common/trial.rs"]
mod trial;

mod browser {
    pub(crate) mod in_memory;
    pub(crate) mod site;
}

use std::process::ExitCode;

use lab::tools::{CHROMIUM, remedy};
use table::trials;

fn main() -> ExitCode {
    let mut trials = trials! { browser =>
        in_memory: everything_is_shown, numbers_move_and_nothing_jumps, every_text_is_legible, a_phone_has_room,
            tables_are_sorted, what_is_pointed_at_is_told, a_program_that_is_gone_is_told;
        site: every_page_is_shown, the_forms_work;
    };
    if !CHROMIUM.is_installed() {
        eprintln!("skipped: {}", remedy(&[CHROMIUM]));
        trials = trials.into_iter().map(|trial| trial.with_ignored_flag(true)).collect();
    }
    namespace::run(trials)
}
