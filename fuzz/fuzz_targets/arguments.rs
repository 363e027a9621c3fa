//! Any input is a command line, or the arguments of a process.

#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| fuzz::run("arguments", input));
