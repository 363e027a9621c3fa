//! Any input is a message to an authority of DNS, or the text of a zone.

#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| fuzz::run("authority", input));
