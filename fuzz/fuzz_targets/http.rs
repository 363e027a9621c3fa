//! Any input is what a client sends to an HTTP server.

#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| fuzz::run("http", input));
