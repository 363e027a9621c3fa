//! Any input is an IPv4 packet, with its options.

#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| fuzz::run("ipv4", input));
