//! Examples of `letregion`.

use std::path::PathBuf;

use lab::{
    cargo::{cargo, target_folder},
    tools::succeed,
};

/// The program of an example, built for release with these features. All tests build it with the same ones, because it is in the same
/// place whatever they are.
pub(crate) fn example(name: &str, features: &str) -> PathBuf {
    let mut command = cargo();
    command.args(["build", "--release", "--package", "letregion", "--example", name]);
    succeed(command.args(["--features", features])).unwrap_or_else(|error| panic!("{error:#}"));
    target_folder().expect("there is one").join("release/examples").join(name)
}
