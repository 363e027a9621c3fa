//! What the targets do with an input that are not programs of one crate. It is in the workspace, so that a
//! test without a fuzzer does the same.

#[path = "../../lab/soak/src/frames/mod.rs"]
pub mod frames;

#[path = "../../tests/tests/fuzzed/mod.rs"]
mod targets;

/// Runs the target of this name.
///
/// # Panics
/// If something is wrong with what the target is about, or there is no such target.
pub fn run(name: &str, input: &[u8]) {
    targets::run(name, input);
}
