//! Any input is a TCP segment, or a program of segments for a receiver.

#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| fuzz::run("tcp_segment", input));
