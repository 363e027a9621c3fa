//! Any input is what happens to a program with tasks and sockets.

#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| fuzz::run("tasks", input));
