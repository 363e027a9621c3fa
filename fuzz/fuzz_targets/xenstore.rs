//! Any input is a guest that asks xenstore, and a daemon that says anything.

#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| fuzz::run("xenstore", input));
