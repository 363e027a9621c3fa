//! Any input is a memory map, and pages that are taken.

#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| fuzz::run("start_info", input));
