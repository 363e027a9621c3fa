//! Any input is a sequence of fragments, and reassembly agrees with an oracle on each of them.

#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| fuzz::run("reassembly", input));
