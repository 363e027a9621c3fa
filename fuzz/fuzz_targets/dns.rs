//! Any input is what happens to a query of DNS.

#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| fuzz::run("dns", input));
