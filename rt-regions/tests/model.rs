//! Random programs against a model: see `model/interpreter.rs`.
//!
//! `RT_REGIONS_STEPS` is how many steps to take (two million unless it says otherwise, a few hundred under Miri),
//! `RT_REGIONS_SEED` where to begin.

#[path = "model/interpreter.rs"]
mod interpreter;

use std::{env, panic};

use testkit::Random;

/// A program that fails is made shorter while it still fails, and shown with its seed.
#[test]
fn random_programs_agree_with_the_model() {
    let number = |name, otherwise| match env::var(name) {
        Ok(value) => value.parse().unwrap_or_else(|_| panic!("{name} is not a number")),
        Err(_) => otherwise,
    };
    let steps = if cfg!(miri) { 200 } else { 2_000_000 };
    let (wanted, mut seed) = (number("RT_REGIONS_STEPS", steps), number("RT_REGIONS_SEED", 1));
    let mut steps = 0;
    while steps < wanted {
        let mut random = Random::new(seed);
        let length = if cfg!(miri) { 96 } else { 64 << random.below(6) };
        let program = random.bytes(length);
        match panic::catch_unwind(|| interpreter::run(&program)) {
            Ok(more) => steps += more as u64,
            Err(_) => panic!("RT_REGIONS_SEED={seed} fails: {:?}", shorter(program)),
        }
        seed += 1;
    }
}

/// The shortest program found that fails as well: parts are left out, ever smaller ones.
fn shorter(mut program: Vec<u8>) -> Vec<u8> {
    let hook = panic::take_hook();
    panic::set_hook(Box::new(|_| {}));
    let fails = |program: &[u8]| panic::catch_unwind(|| interpreter::run(program)).is_err();
    let mut part = program.len() / 2;
    while part > 0 {
        let mut at = 0;
        while at + part <= program.len() {
            let mut without = program.clone();
            without.drain(at..at + part);
            if fails(&without) {
                program = without;
            } else {
                at += part;
            }
        }
        part /= 2;
    }
    panic::set_hook(hook);
    program
}
