//! Any input is a sequence of packets, and IPv6 agrees with a reference on each of them.

#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| fuzz::run("ipv6", input));
