//! Any input is what happens to a host that finds its neighbours, routers and addresses.

#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| fuzz::run("ndp", input));
