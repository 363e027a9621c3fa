//! Any input is what happens to a host: frames, time, lack of memory.

#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| fuzz::run("tower", input));
