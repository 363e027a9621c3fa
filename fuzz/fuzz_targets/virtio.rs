//! Any input is a program of a hostile device and of the guest that uses it.

#![no_main]

#[path = "../../netif-virtio/tests/simulated/mod.rs"]
mod simulated;

libfuzzer_sys::fuzz_target!(|program: &[u8]| {
    let mut numbers = program.chunks_exact(2);
    let mut next = || {
        let number = i16::from_le_bytes(numbers.next()?.try_into().ok()?);
        // Half of them are near the end of what 32 bits can say.
        Some(i32::from(number).cast_unsigned())
    };
    simulated::hostile::run(&mut next);
});
