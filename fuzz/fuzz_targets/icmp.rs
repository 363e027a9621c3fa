//! Any input is an ICMP message, or a packet that an error is to be about.

#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| fuzz::run("icmp", input));
