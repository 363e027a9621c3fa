//! Any input is the payload of a frame, read as an ARP packet.

#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| fuzz::run("arp", input));
