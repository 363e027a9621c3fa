//! Misuse that does not compile: in `ui/`, a folder for each rule, a file for each way to break it, and
//! a twin that passes.
//!
//! No rule says that two regions must not be mixed up: nothing here is reached by an index, and a
//! reference has the lifetime of its own region.

use std::{fs, path::PathBuf};

fn files(folder: &str) -> impl Iterator<Item = PathBuf> {
    let entries = fs::read_dir(folder).expect("the folder is there");
    entries.map(|entry| entry.expect("an entry can be read").path())
}

#[test]
fn misuse_does_not_compile() {
    let cases = trybuild::TestCases::new();
    for rule in files("tests/ui") {
        cases.pass(rule.join("pass.rs"));
        for case in files(rule.to_str().expect("the name of a rule is text")) {
            if case.extension().is_some_and(|end| end == "rs") && !case.ends_with("pass.rs") {
                cases.compile_fail(case);
            }
        }
    }
}
