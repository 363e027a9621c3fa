//! Tests of a service on one core, and on two.

use std::path::PathBuf;

use libtest_mimic::Trial;

use crate::{program::program, trial::trial};

/// On how many cores a test has its service run, one after the other.
pub(crate) const CORES: [usize; 2] = [1, 2];

/// The test on each number of cores. The name of that with several says so.
pub(crate) fn trials(name: &str, test: impl Fn(usize) + Send + Clone + 'static) -> Vec<Trial> {
    let on = |cores| {
        let test = test.clone();
        let name = match cores {
            1 => name.to_owned(),
            _ => format!("{name}::on_{cores}_cores"),
        };
        trial(name, move || test(cores))
    };
    CORES.map(on).into()
}

/// The tests of a folder as [`trials!`](crate::table::trials), each on each number of cores.
#[allow(unused_macros, reason = "not every test program that has this file does so")]
macro_rules! trials_on_cores {
    ($folder:ident => $($module:ident: $($name:ident),+;)+) => {
        [$($($crate::cores::trials(
            concat!(stringify!($folder), "::", stringify!($module), "::", stringify!($name)),
            $folder::$module::$name,
        ),)+)+].into_iter().flatten().collect::<Vec<_>>()
    };
}

#[allow(unused_imports, reason = "not every test program that has this file does so")]
pub(crate) use trials_on_cores;

/// The program of a service with these features, for so many cores.
pub(crate) fn program_for(cores: usize, app: &str, features: &[&str]) -> PathBuf {
    let several: &[&str] = if cores > 1 { &["cores"] } else { &[] };
    program(app, &[features, several].concat())
}
