//! Any input is a request to one of the services.

#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| fuzz::run("requests", input));
