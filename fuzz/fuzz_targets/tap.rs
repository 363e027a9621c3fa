//! Any input is what the kernel gives on a TAP device with offloads.

#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| fuzz::run("tap", input));
