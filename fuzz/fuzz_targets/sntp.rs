//! Any input is what happens to a client of SNTP.

#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| fuzz::run("sntp", input));
