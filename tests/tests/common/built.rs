//! Programs of this repository, built with any features.

use std::{
    collections::BTreeMap,
    path::PathBuf,
    sync::{Mutex, PoisonError},
};

use lab::cargo::{self, Build};

/// The program of a package, built once. It stays, whatever else is built.
pub(crate) fn built(package: &str, build: &Build<'_>) -> PathBuf {
    static BUILT: Mutex<BTreeMap<String, PathBuf>> = Mutex::new(BTreeMap::new());
    let mut built = BUILT.lock().unwrap_or_else(PoisonError::into_inner);
    let program = || {
        let programs = cargo::build_each(&[package], build).expect("the package builds");
        programs[package].clone()
    };
    built.entry(format!("{package} {build:?}")).or_insert_with(program).clone()
}
