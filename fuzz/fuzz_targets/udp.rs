//! Any input is a UDP datagram.

#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| fuzz::run("udp", input));
