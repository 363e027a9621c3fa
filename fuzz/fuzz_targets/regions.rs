//! Any input is a program of allocations, and every step of it agrees with the model.

#![no_main]

#[path = "../../rt-regions/tests/model/interpreter.rs"]
mod interpreter;

libfuzzer_sys::fuzz_target!(|program: &[u8]| {
    interpreter::run(program);
});
