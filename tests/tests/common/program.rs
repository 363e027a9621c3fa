//! The programs of services.

use std::{
    collections::BTreeMap,
    path::PathBuf,
    sync::{Mutex, PoisonError},
};

use lab::cargo;

/// The program of a service with these features, built for release, once. It stays, whatever else is built.
pub(crate) fn program(app: &str, features: &[&str]) -> PathBuf {
    static BUILT: Mutex<BTreeMap<String, PathBuf>> = Mutex::new(BTreeMap::new());
    let mut built = BUILT.lock().unwrap_or_else(PoisonError::into_inner);
    let build = || cargo::build(&[app], features).expect("the service builds")[app].clone();
    built.entry(format!("{app} {features:?}")).or_insert_with(build).clone()
}
