//! Any input is what happens to a client of DHCP.

#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| fuzz::run("dhcp", input));
