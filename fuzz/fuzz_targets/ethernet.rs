//! Any input is a frame.

#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| fuzz::run("ethernet", input));
